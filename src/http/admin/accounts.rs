//! Accounts: make, show, change, delete; passwords, second factors, revocation.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, Query};
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input::{self, check, nullable, object};
use super::profile;
use crate::credentials::totp;
use crate::door::Engine;
use crate::engine::command::{AccountChange, AccountPatch, Command};
use crate::http::reply;
use crate::session::account::{
    Account, ClientType, MANAGED_GROUPS_MAX, TotpSeed, Username, check_password_rule,
};
use crate::session::id::{AccountId, SessionId};
use crate::session::policy::PER_ACCOUNT_MAX;
use crate::session::profile::Profile;
use crate::session::time::Timestamp;

/// Bytes a group name or an external subject may have.
const LABEL_BYTES_MAX: usize = 256;

/// What can be said of an account when it is made or changed.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Described {
    #[serde(deserialize_with = "nullable")]
    external_subject: Option<Option<String>>,
    client_type: Option<String>,
    #[serde(deserialize_with = "nullable")]
    group: Option<Option<String>>,
    managed_groups: Option<Vec<String>>,
    #[serde(deserialize_with = "nullable")]
    agent: Option<Option<String>>,
    may_sudo: Option<bool>,
    enabled: Option<bool>,
    locked: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    expires_at_ms: Option<Option<u64>>,
    #[serde(deserialize_with = "nullable")]
    max_sessions: Option<Option<u32>>,
    #[serde(deserialize_with = "object")]
    profile: Option<Option<profile::Wanted>>,
}

#[derive(Deserialize)]
struct NewAccount {
    username: String,
    #[serde(default)]
    password: Option<String>,
    #[serde(flatten)]
    described: serde_json::Map<String, serde_json::Value>,
}

/// An account as administrators see it.
#[derive(Serialize)]
struct Shown<'a> {
    username: &'a str,
    user_id: u64,
    external_subject: Option<&'a str>,
    has_password: bool,
    has_totp: bool,
    client_type: &'a str,
    group: Option<&'a str>,
    managed_groups: &'a [CompactString],
    agent: Option<String>,
    may_sudo: bool,
    enabled: bool,
    locked: bool,
    expires_at_ms: Option<u64>,
    max_sessions: Option<u32>,
    profile: profile::Shown<'a>,
    created_at_ms: u64,
}

async fn shown<'a, E: Engine>(engine: &E, id: AccountId, account: &'a Account) -> Shown<'a> {
    let agent = match account.agent {
        Some(agent) => engine
            .account(agent)
            .get()
            .await
            .map(|a| a.username.as_str().to_owned()),
        None => None,
    };
    Shown {
        username: account.username.as_str(),
        user_id: id.user_id(),
        external_subject: account.external_subject.as_deref(),
        has_password: account.password.is_some(),
        has_totp: account.totp.is_some(),
        client_type: account.client_type.as_str(),
        group: account.group.as_deref(),
        managed_groups: &account.managed_groups,
        agent,
        may_sudo: account.may_sudo,
        enabled: account.enabled,
        locked: account.locked,
        expires_at_ms: account.expires_at.map(Timestamp::ms),
        max_sessions: account.max_sessions,
        profile: (&*account.profile).into(),
        created_at_ms: account.created.ms(),
    }
}

async fn answer<E: Engine>(engine: &E, id: AccountId) -> Outcome {
    let account = engine
        .account(id)
        .get()
        .await
        .ok_or(Problem::NotFound("no such account"))?;
    Ok(reply::json(StatusCode::OK).json(shown(engine, id, &account).await))
}

pub(super) async fn find<E: Engine>(
    engine: &E,
    username: &str,
) -> Result<(AccountId, Arc<Account>), Problem> {
    engine
        .account_by_name(username)
        .get()
        .await
        .ok_or(Problem::NotFound("no such account"))
}

fn label(field: &str, text: &str) -> Result<CompactString, Problem> {
    let fine = (1..=LABEL_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    check(
        field,
        if fine {
            Ok(text.into())
        } else {
            Err("1 to 256 bytes, no control characters")
        },
    )
}

impl Described {
    /// Checks everything that was said of an account with this profile.
    async fn patch<E: Engine>(
        self,
        engine: &E,
        profile: &Profile,
    ) -> Result<AccountPatch, Problem> {
        let agent = match self.agent {
            Some(Some(name)) => Some(Some(
                find(engine, &name).await.map_err(|_| unknown_agent())?.0,
            )),
            Some(None) => Some(None),
            None => None,
        };
        let managed_groups = match self.managed_groups {
            Some(groups) if groups.len() > MANAGED_GROUPS_MAX => {
                return Err(Problem::Invalid(format!(
                    "managed_groups: at most {MANAGED_GROUPS_MAX}"
                )));
            }
            Some(groups) => {
                let groups = groups.iter().map(|group| label("managed_groups", group));
                Some(groups.collect::<Result<Vec<_>, _>>()?)
            }
            None => None,
        };
        if self
            .max_sessions
            .flatten()
            .is_some_and(|max| max > PER_ACCOUNT_MAX)
        {
            return Err(Problem::Invalid(format!(
                "max_sessions: at most {PER_ACCOUNT_MAX}, 0 for no limit"
            )));
        }
        let optional = |field: &str, value: Option<Option<String>>| {
            value
                .map(|v| v.map(|text| label(field, &text)).transpose())
                .transpose()
        };
        let client_type = self
            .client_type
            .map(|name| check("client_type", ClientType::new(&name)));
        Ok(AccountPatch {
            external_subject: optional("external_subject", self.external_subject)?,
            client_type: client_type.transpose()?,
            group: optional("group", self.group)?,
            managed_groups,
            agent,
            may_sudo: self.may_sudo,
            enabled: self.enabled,
            locked: self.locked,
            expires_at: self.expires_at_ms.map(|at| at.map(Timestamp::from_ms)),
            max_sessions: self.max_sessions,
            profile: self
                .profile
                .flatten()
                .map(|said| said.applied_to(profile))
                .transpose()?,
        })
    }
}

fn unknown_agent() -> Problem {
    Problem::Invalid("agent: no account has this name".into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list<E: Engine>(caller: Caller, page: Query<Page>, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    let max = input::page(page.limit)?;
    let after = match &page.after {
        Some(name) => Some(find(&**engine, name).await?.0),
        None => None,
    };
    let accounts = engine.accounts(after, max).get().await;
    let mut list = Vec::with_capacity(accounts.len());
    for (id, account) in &accounts {
        list.push(shown(&**engine, *id, account).await);
    }
    let next = accounts
        .last()
        .filter(|_| accounts.len() == max)
        .map(|(_, a)| a.username.as_str());
    Ok(reply::json(StatusCode::OK).json(json!({"accounts": list, "next": next})))
}

pub(super) async fn create<E: Engine>(
    caller: Caller,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let new: NewAccount = input::read(payload).await?;
    let described: Described = serde_json::from_value(new.described.into())
        .map_err(|error| Problem::Invalid(input::without_values(&error)))?;
    let username = check("username", Username::new(&new.username))?;
    let password = match new.password {
        Some(password) => {
            check("password", check_password_rule(&password))?;
            Some(engine.hash_password(password).await?)
        }
        None => None,
    };
    let patch = described.patch(&**engine, &Profile::default()).await?;
    let account = Account {
        username,
        external_subject: patch.external_subject.flatten(),
        generation: 0,
        password,
        totp: None,
        totp_step_spent: 0,
        client_type: patch.client_type.unwrap_or_else(ClientType::direct),
        group: patch.group.flatten(),
        managed_groups: patch.managed_groups.unwrap_or_default(),
        agent: patch.agent.flatten(),
        may_sudo: patch.may_sudo.unwrap_or(false),
        enabled: patch.enabled.unwrap_or(true),
        locked: patch.locked.unwrap_or(false),
        expires_at: patch.expires_at.flatten(),
        max_sessions: patch.max_sessions.flatten(),
        profile: patch.profile.unwrap_or_default(),
        created: engine.now(),
        updated: engine.now(),
    };
    let name = account.username.as_str().to_owned();
    let create = Command::CreateAccount(Box::new(account));
    engine.ask(&caller.origin, create).await?;
    let (id, _) = find(&**engine, &name).await?;
    answer(&**engine, id).await
}

pub(super) async fn show<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Read)?;
    let (id, _) = find(&**engine, &name).await?;
    answer(&**engine, id).await
}

pub(super) async fn change<E: Engine>(
    caller: Caller,
    name: Path<String>,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let described: Described = input::read(payload).await?;
    let (_, account) = find(&**engine, &name).await?;
    let patch = described.patch(&**engine, &account.profile).await?;
    let change = AccountChange::Describe(Box::new(patch));
    apply(&**engine, &caller, &name, change, None).await
}

pub(super) async fn delete<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let (id, _) = find(&**engine, &name).await?;
    engine
        .ask(&caller.origin, Command::DeleteAccount(id))
        .await?;
    Ok(reply::json(StatusCode::OK).json(json!({"deleted": &*name})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// Null takes the password away; saying nothing is no way to ask for that.
    #[serde(deserialize_with = "Option::deserialize")]
    password: Option<String>,
}

pub(super) async fn set_password<E: Engine>(
    caller: Caller,
    name: Path<String>,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let new: NewPassword = input::read(payload).await?;
    let hash = match new.password {
        Some(password) => {
            check("password", check_password_rule(&password))?;
            Some(engine.hash_password(password).await?)
        }
        None => None,
    };
    let change = AccountChange::Password(hash);
    apply(&**engine, &caller, &name, change, None).await
}

pub(super) async fn enrol_totp<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let (id, account) = find(&**engine, &name).await?;
    let seed = TotpSeed(Zeroizing::new(
        engine.random().map_err(|_| Problem::Internal)?,
    ));
    let change = AccountChange::Totp(Some(seed.clone()));
    let change = Command::ChangeAccount(id, change, None);
    engine.ask(&caller.origin, change).await?;
    let body = json!({
        "totp_secret": totp::base32(&seed),
        "otpauth_uri": totp::otpauth_uri(&seed, account.username.as_str()),
    });
    Ok(reply::json(StatusCode::OK).json(body))
}

pub(super) async fn remove_totp<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let change = AccountChange::Totp(None);
    apply(&**engine, &caller, &name, change, None).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// The session that stays.
    keep: Option<String>,
}

pub(super) async fn revoke<E: Engine>(
    caller: Caller,
    name: Path<String>,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Operate)?;
    let asked: Revocation = input::read(payload).await?;
    let keep = asked
        .keep
        .map(|text| SessionId::parse(&text).ok_or("not a session id (sess_…)"));
    let keep = check("keep", keep.transpose())?;
    let change = AccountChange::RevokeSessions;
    apply(&**engine, &caller, &name, change, keep).await
}

async fn apply<E: Engine>(
    engine: &E,
    caller: &Caller,
    name: &str,
    change: AccountChange,
    keep: Option<SessionId>,
) -> Result<HttpResponse, Problem> {
    let (id, _) = find(engine, name).await?;
    let change = Command::ChangeAccount(id, change, keep);
    engine.ask(&caller.origin, change).await?;
    answer(engine, id).await
}

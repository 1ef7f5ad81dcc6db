//! Trusted issue: sessions for a user whom the caller authenticated himself. It is how teams with
//! their own login adopt Sessile without moving passwords; it needs a role of its own.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::access::{Caller, Role};
use super::behind::behind_clients;
use super::error::{Outcome, Problem};
use super::input::{self, check};
use crate::door::{Engine, ServiceError};
use crate::engine::command::{Command, OPEN_BATCH_MAX, Open};
use crate::engine::error::Refusal;
use crate::engine::event::Grant;
use crate::http::reply;
use crate::session::account::{Account, ClientType, Username};
use crate::session::id::{AccountId, KeyId, SessionId};
use crate::session::lifetime::Lifetime;
use crate::session::origin::Origin;
use crate::session::policy::{ABSOLUTE_MAX_MS, IDLE_TIMEOUT_MAX_MS};
use crate::session::state::{Factors, Surface};
use crate::session::time::Timestamp;
use crate::session::token::Secret;

/// Sessions one call may ask for.
const COUNT_MAX: usize = 10_000;
/// Bytes of the attributes, as JSON.
const ATTRIBUTES_BYTES_MAX: usize = 4_096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    username: Option<String>,
    subject: Option<String>,
    surface: String,
    api_key: Option<String>,
    client_type: Option<String>,
    #[serde(default)]
    factors: Vec<String>,
    idle_timeout_ms: Option<u32>,
    absolute_ms: Option<u64>,
    attributes: Option<Map<String, Value>>,
    #[serde(default = "one")]
    count: usize,
}

fn one() -> usize {
    1
}

pub(super) async fn issue<E: Engine>(caller: Caller, payload: Payload, engine: Data<E>) -> Outcome {
    caller.may(Role::Issue)?;
    let engine = &**engine;
    let wanted: Wanted = input::read(payload).await?;
    let surface = Surface::parse(&wanted.surface).ok_or("mollybet, i3d, clerk or xdata");
    let surface = check("surface", surface)?;
    let in_range = (1..=COUNT_MAX).contains(&wanted.count);
    check("count", if in_range { Ok(()) } else { Err("1 to 10000") })?;
    let origin = &caller.origin;
    let (account, described) = owner(engine, origin, &wanted).await?;
    if matches!(surface, Surface::I3d | Surface::Clerk) && wanted.count > OPEN_BATCH_MAX {
        // Each needs a key or a client of its own, and all of them are made or none.
        let text = format!("count: at most {OPEN_BATCH_MAX} at once for {surface}");
        return Err(Problem::Invalid(text));
    }
    let limited = described
        .session_limit(engine.policy().of(surface).per_account)
        .is_some();
    if limited && wanted.count > OPEN_BATCH_MAX {
        // Opens under a limit are all or nothing, so they must fit one record.
        let text = format!("count: at most {OPEN_BATCH_MAX} at once for an account with a limit");
        return Err(Problem::Invalid(text));
    }
    let key = key_of(engine, &wanted, surface, account).await?;
    let grant = grant(engine, &wanted, surface, account, &described, key)?;
    let expires_at_ms = grant.lifetime.deadline(engine.now()).ms();
    let wanted = Batch {
        surface,
        grant,
        count: wanted.count,
    };
    let issued = match surface {
        Surface::Mollybet | Surface::Xdata => with_secrets(engine, origin, wanted).await?,
        Surface::I3d | Surface::Clerk => behind_clients(engine, origin, wanted).await?,
    };
    let list: Vec<_> = issued
        .iter()
        .map(|(id, secret)| {
            json!({"id": id.to_string(), "secret": secret.reveal(), "expires_at_ms": expires_at_ms})
        })
        .collect();
    Ok(reply::json(StatusCode::OK).json(json!({"sessions": list})))
}

/// Sessions to open, all alike.
pub(super) struct Batch {
    pub(super) surface: Surface,
    pub(super) grant: Grant,
    pub(super) count: usize,
}

/// Sessions that were opened, each with what its holder is handed.
pub(super) type Issued = Vec<(SessionId, Secret)>;

/// Opens sessions whose ids are the digests of their secrets.
async fn with_secrets<E: Engine>(
    engine: &E,
    origin: &Origin,
    wanted: Batch,
) -> Result<Issued, Problem> {
    let bounds = *engine.policy().of(wanted.surface);
    let grant = Arc::new(wanted.grant);
    let mut issued = Vec::with_capacity(wanted.count);
    while issued.len() < wanted.count {
        let mut batch = Vec::new();
        for _ in issued.len()..wanted.count.min(issued.len() + OPEN_BATCH_MAX) {
            let random = engine.random().map_err(|_| Problem::Internal)?;
            let secret = match wanted.surface {
                Surface::Xdata => Secret::uuid_v4(random),
                Surface::Mollybet | Surface::I3d | Surface::Clerk => Secret::hex(random),
            };
            let id = engine
                .session_id(secret.reveal().as_bytes())
                .ok_or(Problem::Internal)?;
            batch.push((id, secret));
        }
        // In the order of ids a record has few stages.
        batch.sort_unstable_by_key(|(id, _)| *id);
        let open = Open {
            ids: batch.iter().map(|(id, _)| *id).collect(),
            grant: grant.clone(),
            per_account: bounds.per_account,
            when_full: bounds.when_full,
            otp_step: None,
        };
        engine.ask(origin, Command::Open(open)).await?;
        issued.extend(batch);
    }
    Ok(issued)
}

/// The account that is meant: by name, or by subject, which makes an account if a name comes with it.
async fn owner<E: Engine>(
    engine: &E,
    origin: &Origin,
    wanted: &Wanted,
) -> Result<(AccountId, Arc<Account>), Problem> {
    let unknown = Problem::NotFound("no such account");
    match (&wanted.subject, &wanted.username) {
        (None, Some(name)) => engine.account_by_name(name).get().await.ok_or(unknown),
        (None, None) => {
            let name = wanted
                .api_key
                .as_deref()
                .ok_or(Problem::Invalid("say username or subject".into()))?;
            let (_, key) = engine
                .key_by_name(name)
                .get()
                .await
                .ok_or(Problem::NotFound("no such key"))?;
            let id = key.account.ok_or(unknown)?;
            let account = engine.account(id).get().await;
            Ok((id, account.ok_or(Problem::NotFound("no such account"))?))
        }
        (Some(subject), username) => {
            if let Some(found) = engine.account_by_subject(subject).get().await {
                return Ok(found);
            }
            let Some(name) = username else {
                return Err(Problem::NotFound(
                    "no account has this subject: send a username to make one",
                ));
            };
            let fine = (1..=256).contains(&subject.len()) && !subject.chars().any(char::is_control);
            check(
                "subject",
                if fine {
                    Ok(())
                } else {
                    Err("1 to 256 bytes, no control characters")
                },
            )?;
            let account = vouched_account(engine, check("username", Username::new(name))?, subject);
            let create = Command::CreateAccount(Box::new(account));
            match engine.ask(origin, create).await {
                // Somebody else made it meanwhile: that is what was wanted, too.
                Ok(_) | Err(ServiceError::Refused(Refusal::SubjectTaken)) => {}
                Err(error) => return Err(error.into()),
            }
            engine
                .account_by_subject(subject)
                .get()
                .await
                .ok_or(unknown)
        }
    }
}

/// An account that logs in elsewhere: no password, no rights.
fn vouched_account<E: Engine>(engine: &E, username: Username, subject: &str) -> Account {
    Account {
        external_subject: Some(subject.into()),
        ..Account::new(username, engine.now())
    }
}

/// The key pair an xData session belongs to.
async fn key_of<E: Engine>(
    engine: &E,
    wanted: &Wanted,
    surface: Surface,
    account: AccountId,
) -> Result<Option<KeyId>, Problem> {
    match (surface, &wanted.api_key) {
        (Surface::Mollybet | Surface::I3d | Surface::Clerk, None) => Ok(None),
        (Surface::Mollybet | Surface::I3d | Surface::Clerk, Some(_)) => {
            Err(Problem::Invalid("api_key: only with surface xdata".into()))
        }
        (Surface::Xdata, None) => Err(Problem::Invalid(
            "api_key: an xdata session belongs to a key pair".into(),
        )),
        (Surface::Xdata, Some(name)) => {
            let found = engine.key_by_name(name).get().await;
            match found.filter(|(_, key)| key.account == Some(account)) {
                Some((id, _)) => Ok(Some(id)),
                None => Err(Problem::NotFound("the account has no such key")),
            }
        }
    }
}

fn grant<E: Engine>(
    engine: &E,
    wanted: &Wanted,
    surface: Surface,
    account: AccountId,
    described: &Account,
    key: Option<KeyId>,
) -> Result<Grant, Problem> {
    let usual = engine.policy().of(surface).life;
    let idle_timeout_ms = wanted.idle_timeout_ms.unwrap_or(usual.idle_timeout_ms);
    let absolute_ms = wanted.absolute_ms.unwrap_or(usual.absolute_ms);
    let in_range = idle_timeout_ms <= IDLE_TIMEOUT_MAX_MS;
    check(
        "idle_timeout_ms",
        if in_range {
            Ok(())
        } else {
            Err("at most 49 days, 0 for none")
        },
    )?;
    let in_range = (1..=ABSOLUTE_MAX_MS).contains(&absolute_ms);
    check(
        "absolute_ms",
        if in_range {
            Ok(())
        } else {
            Err("1 ms to 365 days")
        },
    )?;
    let mut factors = Factors::VOUCHED;
    for name in &wanted.factors {
        let factor = Factors::parse(name).filter(|f| *f != Factors::SUDO && *f != Factors::API_KEY);
        factors = factors.and(check("factors", factor.ok_or("password, totp or vouched"))?);
    }
    let client_type = match &wanted.client_type {
        Some(name) => check("client_type", ClientType::new(name))?,
        None => described.client_type.clone(),
    };
    let attributes = wanted.attributes.as_ref().map(|map| json!(map).to_string());
    if attributes
        .as_ref()
        .is_some_and(|text| text.len() > ATTRIBUTES_BYTES_MAX)
    {
        return Err(Problem::Invalid("attributes: at most 4 KiB of JSON".into()));
    }
    let absolute: Timestamp = engine.now().plus_ms(absolute_ms);
    Ok(Grant {
        account,
        generation: described.generation,
        surface,
        lifetime: Lifetime {
            idle_timeout_ms,
            absolute,
        },
        factors,
        client_type,
        key,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: attributes.map(String::into_boxed_str),
    })
}

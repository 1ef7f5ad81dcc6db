//! API keys: make, list, withdraw. A secret is shown once, when it is made.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, Query};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input::{self, check};
use crate::door::Engine;
use crate::engine::command::{Command, NewKey};
use crate::http::reply;
use crate::session::id::AccountId;
use crate::session::key::{Key, KeyKind, NETWORKS_MAX};
use crate::session::time::Timestamp;
use crate::session::token::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    username: Option<String>,
    expires_at_ms: Option<u64>,
    networks: Option<Vec<String>>,
}

/// A key that is about to be made, and the two halves that only its maker sees.
pub(super) struct Drawn {
    pub(super) new: NewKey,
    pub(super) secret: Secret,
}

/// Draws a key of this kind.
pub(super) fn draw<E: Engine>(engine: &E, kind: KeyKind) -> Result<Drawn, Problem> {
    let name = Secret::uuid_v4(engine.random().map_err(|_| Problem::Internal)?);
    let random = engine.random().map_err(|_| Problem::Internal)?;
    let secret = match kind {
        KeyKind::Xdata => Secret::base64url(random),
        KeyKind::I3d | KeyKind::I3dGuest => Secret::letters_and_digits(random),
    };
    let new = NewKey {
        kind,
        name: name.reveal().into(),
        secret: engine.digest(secret.reveal().as_bytes()),
        account: None,
        expires_at: None,
        networks: Vec::new(),
    };
    Ok(Drawn { new, secret })
}

pub(super) async fn create<E: Engine>(
    caller: Caller,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let engine = &**engine;
    let wanted: Wanted = input::read(payload).await?;
    let kind = KeyKind::parse(&wanted.kind).ok_or("xdata, i3d or i3d-guest");
    let kind = check("kind", kind)?;
    let Drawn { mut new, secret } = draw(engine, kind)?;
    new.account = owner(engine, kind, wanted.username.as_deref()).await?;
    if kind == KeyKind::Xdata {
        let bare = wanted.expires_at_ms.is_none() && wanted.networks.is_none();
        let rule = "expires_at_ms, networks: not for xdata";
        bare.then_some(()).ok_or(Problem::Invalid(rule.into()))?;
    }
    new.expires_at = wanted.expires_at_ms.map(Timestamp::from_ms);
    let ahead = new.expires_at.is_none_or(|at| at > engine.now());
    check("expires_at_ms", ahead.then_some(()).ok_or("in the past"))?;
    new.networks = networks(&wanted.networks.unwrap_or_default())?;
    let mut key = json!({
        "kind": kind.name(), "username": wanted.username, "secret": secret.reveal(),
    });
    describe(&mut key, kind, &new.name, new.expires_at, &new.networks);
    engine.ask(&caller.origin, Command::CreateKey(new)).await?;
    Ok(reply::json(StatusCode::OK).json(key))
}

/// Adds what depends on the kind: the public half of an xData pair is its API key; an i3D key, which is
/// known to its holder by the secret alone, has just a name, and bounds.
fn describe(
    key: &mut Value,
    kind: KeyKind,
    name: &str,
    expires_at: Option<Timestamp>,
    networks: &[IpNet],
) {
    let Some(key) = key.as_object_mut() else {
        return;
    };
    match kind {
        KeyKind::Xdata => {
            key.insert("api_key".into(), name.into());
        }
        KeyKind::I3d | KeyKind::I3dGuest => {
            let networks: Vec<_> = networks.iter().map(IpNet::to_string).collect();
            key.insert("name".into(), name.into());
            let expires_at_ms = expires_at.map(Timestamp::ms);
            key.insert("expires_at_ms".into(), expires_at_ms.into());
            key.insert("networks".into(), networks.into());
        }
    }
}

/// The account a key acts for: every kind but a guest key has one.
async fn owner<E: Engine>(
    engine: &E,
    kind: KeyKind,
    username: Option<&str>,
) -> Result<Option<AccountId>, Problem> {
    match (kind, username) {
        (KeyKind::I3dGuest, None) => Ok(None),
        (KeyKind::I3dGuest, Some(_)) => {
            let rule = "username: a guest key is nobody's, leave it out";
            Err(Problem::Invalid(rule.into()))
        }
        (KeyKind::Xdata | KeyKind::I3d, None) => {
            let rule = "username: say whose key it is";
            Err(Problem::Invalid(rule.into()))
        }
        (KeyKind::Xdata | KeyKind::I3d, Some(name)) => {
            let account = engine.account_by_name(name).get().await;
            let (id, _) = account.ok_or(Problem::NotFound("no such account"))?;
            Ok(Some(id))
        }
    }
}

fn networks(texts: &[String]) -> Result<Vec<IpNet>, Problem> {
    if texts.len() > NETWORKS_MAX {
        return Err(Problem::Invalid(format!(
            "networks: at most {NETWORKS_MAX}"
        )));
    }
    let read = |text: &String| {
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| Some(text.parse::<std::net::IpAddr>().ok()?.into()));
        check("networks", network.ok_or("networks such as 192.0.2.0/24"))
    };
    texts.iter().map(read).collect()
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
        Some(name) => Some(
            engine
                .key_by_name(name)
                .get()
                .await
                .ok_or(Problem::NotFound("no such key"))?
                .0,
        ),
        None => None,
    };
    let keys = engine.keys(after, max).get().await;
    let mut list = Vec::with_capacity(keys.len());
    for (_, key) in &keys {
        list.push(shown(&**engine, key).await);
    }
    let next = keys
        .last()
        .filter(|_| keys.len() == max)
        .map(|(_, key)| key.name.as_str());
    Ok(reply::json(StatusCode::OK).json(json!({"keys": list, "next": next})))
}

/// A key as administrators see it. It is live if it could be used now, from one of its networks.
async fn shown<E: Engine>(engine: &E, key: &Key) -> Value {
    let account = match key.account {
        Some(id) => engine.account(id).get().await,
        None => None,
    };
    let counts = match (&account, key.account) {
        (Some(account), _) => account.enabled && key.generation >= account.generation,
        (None, owner) => owner.is_none(),
    };
    let mut shown = json!({
        "kind": key.kind.name(),
        "username": account.as_ref().map(|a| a.username.as_str()),
        "live": counts && key.expires_at.is_none_or(|at| engine.now() < at),
    });
    describe(
        &mut shown,
        key.kind,
        &key.name,
        key.expires_at,
        &key.networks,
    );
    shown
}

pub(super) async fn delete<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let found = engine.key_by_name(&name).get().await;
    let (id, _) = found.ok_or(Problem::NotFound("no such key"))?;
    engine.ask(&caller.origin, Command::DeleteKey(id)).await?;
    Ok(reply::json(StatusCode::OK).json(json!({"deleted": &*name})))
}

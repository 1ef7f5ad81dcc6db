//! API keys: make, list, withdraw. A secret is shown once, when it is made.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Payload, Query};
use serde::Deserialize;
use serde_json::json;

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input;
use crate::door::Engine;
use crate::engine::command::{Command, NewKey};
use crate::http::reply;
use crate::session::key::KeyKind;
use crate::session::token::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: String,
    username: String,
}

pub(super) async fn create<E: Engine>(
    caller: Caller,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let wanted: Wanted = input::read(payload).await?;
    // The other kinds belong to a surface that is not served yet.
    let kind = KeyKind::parse(&wanted.kind).filter(|kind| *kind == KeyKind::Xdata);
    let kind = kind.ok_or("this release knows only xdata");
    let kind = input::check("kind", kind)?;
    let account = engine.account_by_name(&wanted.username).get().await;
    let (account, _) = account.ok_or(Problem::NotFound("no such account"))?;
    let name = Secret::uuid_v4(engine.random().map_err(|_| Problem::Internal)?);
    let secret = Secret::base64url(engine.random().map_err(|_| Problem::Internal)?);
    let new = NewKey {
        kind,
        name: name.reveal().into(),
        secret: engine.digest(secret.reveal().as_bytes()),
        account: Some(account),
        expires_at: None,
        networks: Vec::new(),
    };
    engine.ask(Command::CreateKey(new)).await?;
    let body = json!({
        "kind": kind.name(), "username": wanted.username, "api_key": name.reveal(), "secret": secret.reveal(),
    });
    Ok(reply::json(StatusCode::OK).json(body))
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
        let account = match key.account {
            Some(id) => engine.account(id).get().await,
            None => None,
        };
        list.push(json!({
            "kind": key.kind.name(),
            "api_key": key.name,
            "username": account.as_ref().map(|a| a.username.as_str()),
            "live": account.is_some_and(|a| a.enabled && key.generation >= a.generation),
        }));
    }
    let next = keys
        .last()
        .filter(|_| keys.len() == max)
        .map(|(_, key)| key.name.as_str());
    Ok(reply::json(StatusCode::OK).json(json!({"keys": list, "next": next})))
}

pub(super) async fn delete<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let found = engine.key_by_name(&name).get().await;
    let (id, _) = found.ok_or(Problem::NotFound("no such key"))?;
    engine.ask(Command::DeleteKey(id)).await?;
    Ok(reply::json(StatusCode::OK).json(json!({"deleted": &*name})))
}

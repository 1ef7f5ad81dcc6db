//! Failed guesses of an account: how many, what they cost at the moment, and that they are forgotten.
//!
//! Whoever is stopped or delayed by others' guesses is let in again from here. Source: R26.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::{Value, json};

use super::access::{Caller, Role};
use super::accounts::find;
use super::error::{Outcome, Problem};
use crate::credentials::failures::{FailureCount, KnownFrom};
use crate::door::Engine;
use crate::engine::command::Command;
use crate::engine::guesses::CountChange;
use crate::http::reply;
use crate::session::id::AccountId;
use crate::session::time::Timestamp;

pub(super) async fn show<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Read)?;
    let (id, _) = find(&**engine, &name).await?;
    answer(&**engine, &name, id).await
}

pub(super) async fn clear<E: Engine>(
    caller: Caller,
    name: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Operate)?;
    let (id, _) = find(&**engine, &name).await?;
    let clear = Command::Count(CountChange::Clear(id));
    engine.ask(&caller.origin, clear).await?;
    answer(&**engine, &name, id).await
}

async fn answer<E: Engine>(engine: &E, name: &str, id: AccountId) -> Outcome {
    let failures = engine.failures(id).get().await;
    let failures = failures.ok_or(Problem::NotFound("no such account"))?;
    let known = failures.known.iter().map(|KnownFrom { seen, failures }| {
        let mut shown = count(failures);
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("seen_at_ms".into(), seen.ms().into());
        }
        shown
    });
    let body = json!({
        "username": name,
        "strangers": count(&failures.strangers),
        "known_networks": known.collect::<Vec<_>>(),
    });
    Ok(reply::json(StatusCode::OK).json(body))
}

fn count(of: &FailureCount) -> Value {
    json!({
        "consecutive": of.consecutive,
        "last_at_ms": of.last.map(Timestamp::ms),
        "stopped": of.stopped,
        "retry_after_ms": of.retry_after_ms,
    })
}

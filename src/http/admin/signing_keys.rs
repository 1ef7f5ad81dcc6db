//! Signing keys: list them, and have new ones follow. No private half is ever shown.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{Caller, Role};
use super::error::Outcome;
use super::input;
use crate::door::{Engine, SigningKeySummary};
use crate::http::reply;
use crate::session::jwt::SigningAlgorithm;
use crate::session::time::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    algorithm: Option<String>,
    compromised: Option<bool>,
}

pub(super) async fn list<E: Engine>(caller: Caller, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    Ok(shown(&**engine).await)
}

/// Answers with the keys as they are then.
pub(super) async fn rotate<E: Engine>(
    caller: Caller,
    payload: Payload,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Own)?;
    let wanted: Wanted = input::read(payload).await?;
    let algorithm = wanted.algorithm.as_deref().map(|name| {
        let known = SigningAlgorithm::parse(name);
        input::check("algorithm", known.ok_or("RS256, ES256 or EdDSA"))
    });
    let compromised = wanted.compromised.unwrap_or(false);
    let rotated = engine.rotate_signing_keys(&caller.origin, algorithm.transpose()?, compromised);
    rotated.await?;
    Ok(shown(&**engine).await)
}

async fn shown<E: Engine>(engine: &E) -> HttpResponse {
    let keys = engine.signing_keys().get().await;
    let keys: Vec<_> = keys.iter().map(describe).collect();
    reply::json(StatusCode::OK).json(json!({"keys": keys}))
}

fn describe(key: &SigningKeySummary) -> Value {
    json!({
        "kid": key.kid,
        "algorithm": key.algorithm.name(),
        "state": key.state.name(),
        "created_at_ms": key.created.ms(),
        "signs_from_ms": key.signs_from.ms(),
        "expires_at_ms": key.expires.map(Timestamp::ms),
    })
}

//! The instance: its environment, its keys, and development browsers. Source: C-29, C-86, C-89 to C-91.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::caller::{Caller, new_dev_browser};
use super::client::{enveloped, seen};
use super::error::{Outcome, Problem, answer};
use super::model::{SessionJson, UserJson};
use super::request::query;
use super::session::live;
use crate::door::Engine;
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::id::SessionId;

/// What the published clients need to load: everything else of an environment is optional.
pub(super) async fn environment() -> HttpResponse {
    reply::json(StatusCode::OK).body(r#"{"object":"environment","id":"env_1"}"#)
}

pub(super) async fn dev_browser<E: Engine>(
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    if !surroundings.clerk.development {
        return Problem::NoSuchPath.answer();
    }
    answer(
        new_dev_browser(&**engine)
            .map(|id| reply::json(StatusCode::OK).json(json!({"object": "dev_browser", "id": id}))),
    )
}

/// How long the list of keys may be kept, in seconds, unless a key that follows signs sooner than that.
const KEYS_MAX_AGE_S: u64 = 300;

pub(super) async fn jwks<E: Engine>(engine: Data<E>) -> HttpResponse {
    let lead_s = engine.policy().signing_keys.lead_ms / 1_000;
    match engine.jwks().await {
        Ok(json) => reply::public_json(KEYS_MAX_AGE_S.min(lead_s)).body(json),
        Err(error) => Problem::from(error).answer(),
    }
}

pub(super) async fn me<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(user(&request, &**engine, &surroundings).await)
}

/// The user of the session that the query names.
async fn user<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let id = query(request.query_string(), "_clerk_session_id")?.unwrap_or_default();
    let named = live(engine, &caller, id).await?;
    let (session, account) = named.seen.session(named.id).ok_or(Problem::SignedOut)?;
    let now = engine.now();
    Ok(enveloped(
        UserJson::new(session.account, account),
        named.seen.json(now),
    ))
}

pub(super) async fn active_sessions<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(sessions(&request, &**engine, &surroundings).await)
}

#[derive(serde::Serialize)]
struct WithActivity<'a> {
    #[serde(flatten)]
    session: SessionJson<'a>,
    latest_activity: Activity,
}

#[derive(serde::Serialize)]
struct Activity {
    object: &'static str,
    id: SessionId,
    is_mobile: bool,
}

/// The live sessions of the user on this client, with what is known of their activity.
async fn sessions<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let id = query(request.query_string(), "_clerk_session_id")?.unwrap_or_default();
    let user = live(engine, &caller, id).await?.session.account;
    let seen = seen(engine, &caller).await.ok_or(Problem::SignedOut)?;
    let now = engine.now();
    let own = seen
        .sessions
        .iter()
        .filter(|(session, _)| session.account == user && session.is_active());
    let list: Vec<_> = own
        .map(|(session, account)| WithActivity {
            session: SessionJson::new(session, account, "active", None, now),
            latest_activity: Activity {
                object: "session_activity",
                id: session.id,
                is_mobile: false,
            },
        })
        .collect();
    Ok(reply::json(StatusCode::OK).json(list))
}

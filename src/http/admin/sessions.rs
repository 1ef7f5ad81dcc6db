//! Sessions as operators see them: page through them, look at one, end one.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{Caller, Role};
use super::error::{Outcome, Problem};
use super::input;
use crate::door::{Engine, SessionSummary};
use crate::engine::command::{Command, End};
use crate::http::reply;
use crate::session::activity::Touch;
use crate::session::id::SessionId;
use crate::session::state::EndReason;

const UNKNOWN: Problem = Problem::NotFound("no such session");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    username: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list<E: Engine>(caller: Caller, page: Query<Page>, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    let max = input::page(page.limit)?;
    let after = page
        .after
        .as_deref()
        .map(|text| SessionId::parse(text).ok_or("not a session id (sess_…)"));
    let after = input::check("after", after.transpose())?;
    let account = match &page.username {
        Some(name) => {
            let found = engine.account_by_name(name).get().await;
            Some(found.ok_or(Problem::NotFound("no such account"))?.0)
        }
        None => None,
    };
    let (sessions, next) = engine.sessions(after, account, max).get().await;
    let list: Vec<_> = sessions.iter().map(describe).collect();
    let next = next.map(|id| id.to_string());
    Ok(reply::json(StatusCode::OK).json(json!({"sessions": list, "next": next})))
}

pub(super) async fn show<E: Engine>(caller: Caller, id: Path<String>, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    let id = SessionId::parse(&id).ok_or(UNKNOWN)?;
    let found = engine
        .with_session(id, Touch::No, |view| view.map(SessionSummary::from))
        .get()
        .await;
    Ok(reply::json(StatusCode::OK).json(describe(&found.ok_or(UNKNOWN)?)))
}

pub(super) async fn revoke<E: Engine>(
    caller: Caller,
    id: Path<String>,
    engine: Data<E>,
) -> Outcome {
    caller.may(Role::Operate)?;
    let id = SessionId::parse(&id).ok_or(UNKNOWN)?;
    let end = End {
        id,
        surface: None,
        key: None,
        client: None,
        reason: EndReason::Revoked,
    };
    engine.ask(&caller.origin, Command::End(end)).await?;
    Ok(reply::json(StatusCode::OK).json(json!({"revoked": id.to_string()})))
}

pub(super) async fn digest<E: Engine>(caller: Caller, engine: Data<E>) -> Outcome {
    caller.may(Role::Read)?;
    let digest = engine.state_digest().get().await;
    Ok(reply::json(StatusCode::OK).json(json!({"digest": format!("{digest:032x}")})))
}

fn describe(session: &SessionSummary) -> Value {
    let chain: Vec<_> = session
        .chain
        .iter()
        .map(|account| account.user_id())
        .collect();
    // Attributes came in as JSON.
    let attributes = session
        .attributes
        .as_deref()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    json!({
        "id": session.id.to_string(),
        "username": session.username,
        "user_id": session.account.user_id(),
        "surface": session.surface.name(),
        "client_type": session.client_type,
        "factors": session.factors.names().collect::<Vec<_>>(),
        "created_at_ms": session.created.ms(),
        "last_active_at_ms": session.last_active.ms(),
        "expires_at_ms": session.deadline.ms(),
        "parent": session.parent.map(|id| id.to_string()),
        "actor_user_ids": chain,
        "address": session.address,
        "user_agent": session.user_agent,
        "attributes": attributes,
    })
}

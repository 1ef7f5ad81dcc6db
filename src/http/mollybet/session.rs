//! Metadata of a session, and its end. Source: M-59 to M-70.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::caller::{self, Named};
use super::error::{Outcome, Problem, answer};
use super::model;
use crate::door::{Engine, ServiceError};
use crate::engine::command::{Command, End};
use crate::engine::error::Refusal;
use crate::engine::view::SessionView;
use crate::http::headers::{Fields, wanted_touch};
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Touch;
use crate::session::id::SessionId;
use crate::session::origin::Origin;
use crate::session::state::{EndReason, Surface};

pub(super) async fn metadata<E: Engine>(request: HttpRequest, engine: Data<E>) -> HttpResponse {
    let id = request.match_info().get("id").unwrap_or_default();
    let metadata = read_metadata(request.headers(), id, &**engine).await;
    answer(metadata.map(HttpResponse::from))
}

/// The metadata of the session whose id is `id` in the path. It only reads.
pub(super) async fn read_metadata<E: Engine>(
    headers: &impl Fields,
    id: &str,
    engine: &E,
) -> Result<Ready, Problem> {
    let Named { caller, path } = caller::named_by(engine, headers, id)?;
    let caller = caller.ok_or(Problem::SessionRequired)?;
    if path == Some(caller) {
        // A session that asks for itself is one look: judge, touch and render at once.
        let look = caller::look(wanted_touch(headers));
        engine.approach(caller).await;
        let body = engine.with_session(caller, look, render).get().await;
        return body.map(found).ok_or(Problem::SessionInvalid);
    }
    let viewer = caller::account_of(engine, caller, Touch::No)
        .await
        .ok_or(Problem::SessionInvalid)?;
    let other = path.ok_or(Problem::NotFound)?;
    let shown = engine.with_session(other, caller::look(Touch::No), |view| {
        let owner = view.as_ref().map(SessionView::account_id);
        render(view).zip(owner)
    });
    let (body, owner) = shown.get().await.ok_or(Problem::NotFound)?;
    if !engine.sees(viewer, owner).get().await {
        return Err(Problem::NotFound);
    }
    caller::touch(engine, headers, caller).await;
    Ok(found(body))
}

fn render(view: Option<SessionView<'_>>) -> Option<Vec<u8>> {
    let view = view?;
    Some(model::metadata(
        view.account.username.as_str(),
        view.client_type(),
    ))
}

fn found(body: Vec<u8>) -> Ready {
    Ready::json(StatusCode::OK, body)
}

pub(super) async fn log_out<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(end(&request, &**engine, &surroundings).await)
}

async fn end<E: Engine>(request: &HttpRequest, engine: &E, surroundings: &Surroundings) -> Outcome {
    // Whoever ends a session does it as that session.
    let origin = |id| caller::origin(id, request, surroundings);
    let Named { caller, path } = caller::named(engine, request)?;
    match (caller, path) {
        (Some(caller), path) if path == Some(caller) => {
            ask(engine, &origin(caller), caller, Problem::SessionInvalid).await
        }
        // Whoever holds the id may end it: it is the credential.
        (None, Some(path)) => ask(engine, &origin(path), path, Problem::NotFound).await,
        (None, None) => Err(Problem::NotFound),
        (Some(caller), _) => {
            caller::account_of(engine, caller, Touch::No)
                .await
                .ok_or(Problem::SessionInvalid)?;
            Err(Problem::NotFound)
        }
    }
}

async fn ask<E: Engine>(engine: &E, origin: &Origin, id: SessionId, unknown: Problem) -> Outcome {
    let end = End {
        id,
        surface: Some(Surface::Mollybet),
        key: None,
        client: None,
        reason: EndReason::Logout,
    };
    match engine.ask(origin, Command::End(end)).await {
        Ok(_) => Ok(found(model::ok(|out| out.extend_from_slice(b"null"))).into()),
        Err(ServiceError::Refused(Refusal::SessionNotFound)) => Err(unknown),
        Err(error) => Err(error.into()),
    }
}

//! Metadata of a session, and its end. Source: M-59 to M-70.

use actix_web::dev::RequestHead;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::caller::{self, Named};
use super::error::{Outcome, Problem, answer};
use super::model;
use crate::door::{Answer, Engine, ServiceError};
use crate::engine::command::{Command, End};
use crate::engine::error::Refusal;
use crate::engine::view::SessionView;
use crate::http::headers::wanted_touch;
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Touch;
use crate::session::id::SessionId;
use crate::session::origin::Origin;
use crate::session::state::{EndReason, Surface};

pub(super) async fn metadata<E: Engine>(request: HttpRequest, engine: Data<E>) -> HttpResponse {
    answer(read_metadata(&request, &**engine).await)
}

/// The usual case, for a caller that needs no routes: `None` is any other.
pub(super) fn own_metadata<E: Engine>(
    head: &RequestHead,
    id: &str,
    engine: &E,
) -> Option<Answer<HttpResponse>> {
    let named = caller::named_by(engine, &head.headers, id).ok()?;
    Some(own(&named, &head.headers, engine)?.map(answer))
}

/// A session that asks for itself is one look: judge, touch and render at once.
fn own<E: Engine>(named: &Named, headers: &HeaderMap, engine: &E) -> Option<Answer<Outcome>> {
    let caller = named.caller.filter(|caller| named.path == Some(*caller))?;
    let look = caller::look(wanted_touch(headers));
    let body = engine.with_session(caller, look, render);
    Some(body.map(|body| body.map(found).ok_or(Problem::SessionInvalid)))
}

async fn read_metadata<E: Engine>(request: &HttpRequest, engine: &E) -> Outcome {
    let named = caller::named(engine, request)?;
    if let Some(metadata) = own(&named, request.headers(), engine) {
        return metadata.get().await;
    }
    let Named { caller, path } = named;
    let caller = caller.ok_or(Problem::SessionRequired)?;
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
    caller::touch(engine, request, caller).await;
    Ok(found(body))
}

fn render(view: Option<SessionView<'_>>) -> Option<Vec<u8>> {
    let view = view?;
    Some(model::metadata(
        view.account.username.as_str(),
        view.client_type(),
    ))
}

fn found(body: Vec<u8>) -> HttpResponse {
    reply::ready(StatusCode::OK, body)
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
        Ok(_) => Ok(found(model::ok(|out| out.extend_from_slice(b"null")))),
        Err(ServiceError::Refused(Refusal::SessionNotFound)) => Err(unknown),
        Err(error) => Err(error.into()),
    }
}

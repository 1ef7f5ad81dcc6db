//! One session of a client: show, touch, end, remove. Source: C-56 to C-66.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::caller::Caller;
use super::client::{Seen, envelope, enveloped, seen, seen_by_id};
use super::error::{Outcome, Problem, answer};
use super::model::SessionJson;
use super::request::Form;
use super::tokens;
use crate::door::{Engine, ServiceError};
use crate::engine::clients::ClientSession;
use crate::engine::command::{Command, End};
use crate::engine::error::Refusal;
use crate::engine::view::SessionView;
use crate::http::headers::Fields;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::activity::{Look, Touch};
use crate::session::id::{ClientId, SessionId};
use crate::session::origin::Origin;
use crate::session::state::{EndReason, Surface};

/// What a caller who has a client says of one of its sessions.
pub(super) struct Named {
    pub(super) client: ClientId,
    pub(super) id: SessionId,
    pub(super) seen: Seen,
    pub(super) session: ClientSession,
}

/// The session in the path, which must be one of the caller's client. Another client's is answered
/// like one that never was. `nobody` is the answer to a caller without a client.
pub(super) async fn named<E: Engine>(
    engine: &E,
    caller: &Caller,
    text: &str,
    nobody: Problem,
) -> Result<Named, Problem> {
    let Some((client, _)) = caller.known() else {
        return Err(nobody);
    };
    let id = SessionId::parse(text);
    let seen = seen(engine, caller).await;
    let found = seen.zip(id).and_then(|(seen, id)| {
        let (session, _) = *seen.session(id).as_ref()?;
        let session = *session;
        Some(Named {
            client,
            id,
            seen,
            session,
        })
    });
    found.ok_or(Problem::SessionNotFound(id))
}

/// The session in the path, for calls that need a live one: a caller with nothing live is signed out.
pub(super) async fn live<E: Engine>(
    engine: &E,
    caller: &Caller,
    text: &str,
) -> Result<Named, Problem> {
    let named = match named(engine, caller, text, Problem::SignedOut).await {
        Ok(named) => named,
        Err(problem) => {
            let seen = seen(engine, caller).await;
            return Err(match seen {
                Some(seen) if seen.is_signed_in() => problem,
                _ => Problem::SignedOut,
            });
        }
    };
    if !named.session.is_active() {
        return Err(Problem::AuthenticationInvalid);
    }
    let locked = named
        .seen
        .session(named.id)
        .is_some_and(|(_, account)| account.is_locked(engine.now()));
    if locked {
        Err(Problem::UserLocked)
    } else {
        Ok(named)
    }
}

/// There are no organizations here, so every one that is named is unknown.
pub(super) fn no_organization(named: Option<&str>) -> Result<(), Problem> {
    match named {
        Some(_) => Err(Problem::OrganizationNotFound),
        None => Ok(()),
    }
}

pub(super) async fn get<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let (headers, asked) = (request.headers(), request.query_string());
    let session = read(headers, asked, &id, &**engine, &surroundings).await;
    answer(session.map(HttpResponse::from))
}

/// Shows a session. It only reads.
pub(super) async fn read<E: Engine>(
    headers: &impl Fields,
    asked: &str,
    id: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Result<Ready, Problem> {
    let caller = Caller::of(engine, &surroundings.clerk, headers, asked).await?;
    let nobody = Problem::SessionNotFound(SessionId::parse(id));
    let mut named = named(engine, &caller, id, nobody).await?;
    let recent = engine.recent_session_token(named.id, caller.origin.as_deref());
    if let Some(jwt) = recent.filter(|_| named.session.is_active()) {
        named.seen.show_token(named.id, jwt);
    }
    let now = engine.now();
    let shown = named.seen.session_and_client(named.id, now);
    let (session, client) = shown.ok_or(Problem::SessionNotFound(Some(named.id)))?;
    envelope(session, client)
}

pub(super) async fn touch<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(keep_alive(&request, &id, payload, &**engine, &surroundings).await)
}

async fn keep_alive<E: Engine>(
    request: &HttpRequest,
    id: &str,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let Named { client, id, .. } = live(engine, &caller, id).await?;
    let form = Form::read(request, payload).await?;
    let [organization, intent] = form.fields(["active_organization_id", "intent"])?;
    no_organization(organization.as_deref())?;
    match intent.as_deref() {
        None | Some("focus" | "select_session" | "select_org") => {}
        Some(_) => return Err(Problem::ParamInvalid("intent")),
    }
    let look = Look::on(Surface::Clerk, Touch::Yes);
    let touched = engine.with_session(id, look, |view: Option<SessionView<'_>>| view.is_some());
    if !touched.get().await {
        return Err(Problem::AuthenticationInvalid);
    }
    let chosen = engine.with_client(client, |view| view.and_then(|view| view.record.selected));
    if chosen.get().await != Some(id) {
        let origin = caller.asks(request, surroundings);
        let select = Command::SelectSession(client, id);
        match engine.ask(&origin, select).await {
            Ok(_) => {}
            Err(ServiceError::Refused(Refusal::SessionNotFound)) => {
                return Err(Problem::AuthenticationInvalid);
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut seen = seen_by_id(engine, client).await.ok_or(Problem::SignedOut)?;
    tokens::attach(engine, surroundings, &caller, &mut seen, id).await;
    let now = engine.now();
    let shown = seen.session_and_client(id, now);
    let (session, client) = shown.ok_or(Problem::AuthenticationInvalid)?;
    Ok(enveloped(session, client))
}

pub(super) async fn end<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(finish(&request, &id, &**engine, &surroundings).await)
}

async fn finish<E: Engine>(
    request: &HttpRequest,
    id: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let Named {
        client,
        id,
        session,
        ..
    } = named(engine, &caller, id, Problem::ClientNotFound).await?;
    if !session.is_active() {
        return Err(Problem::InvalidAction);
    }
    let origin = caller.asks(request, surroundings);
    ask_end(engine, &origin, client, id, EndReason::Logout).await?;
    let seen = seen_by_id(engine, client)
        .await
        .ok_or(Problem::ClientNotFound)?;
    let now = engine.now();
    let shown = seen.session_and_client(id, now);
    let (session, client) = shown.ok_or(Problem::SessionNotFound(Some(id)))?;
    Ok(enveloped(session, client))
}

async fn ask_end<E: Engine>(
    engine: &E,
    origin: &Origin,
    client: ClientId,
    id: SessionId,
    reason: EndReason,
) -> Result<(), Problem> {
    let end = End {
        id,
        surface: Some(Surface::Clerk),
        key: None,
        client: Some(client),
        reason,
    };
    match engine.ask(origin, Command::End(end)).await {
        Ok(_) => Ok(()),
        // Somebody was faster.
        Err(ServiceError::Refused(Refusal::SessionNotFound)) => Err(Problem::InvalidAction),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn remove<E: Engine>(
    request: HttpRequest,
    id: Path<String>,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(forget(&request, &id, &**engine, &surroundings).await)
}

async fn forget<E: Engine>(
    request: &HttpRequest,
    id: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let Named {
        client,
        id,
        session,
        seen: before,
    } = named(engine, &caller, id, Problem::ClientNotFound).await?;
    let origin = caller.asks(request, surroundings);
    let ended = if session.is_active() {
        ask_end(engine, &origin, client, id, EndReason::Removed).await
    } else {
        Err(Problem::InvalidAction)
    };
    match ended {
        Ok(()) => {}
        // It is dead already, or somebody was faster: what is still listed is forgotten.
        Err(Problem::InvalidAction) => {
            let forget = Command::ForgetSession(client, id);
            let forgotten = engine.ask(&origin, forget).await;
            forgotten.map_err(|error| match error {
                ServiceError::Refused(Refusal::SessionNotFound) => {
                    Problem::SessionNotFound(Some(id))
                }
                other => other.into(),
            })?;
        }
        Err(problem) => return Err(problem),
    }
    let now = engine.now();
    let seen = seen_by_id(engine, client)
        .await
        .ok_or(Problem::ClientNotFound)?;
    let (_, account) = before
        .session(id)
        .ok_or(Problem::SessionNotFound(Some(id)))?;
    // The last look at it: no list has it any more.
    let removed = SessionJson::new(&session, account, "removed", None, now);
    Ok(enveloped(removed, seen.json(now)))
}

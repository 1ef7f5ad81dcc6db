//! A client: what it is shown as, and its end. Source: C-21, C-26, C-67, C-68.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::caller::Caller;
use super::error::{Outcome, Problem, answer};
use super::model::{ClientJson, Envelope, SessionJson, SignInJson, status};
use crate::door::{Engine, ServiceError};
use crate::engine::clients::{ClientSession, ClientView};
use crate::engine::command::Command;
use crate::engine::error::Refusal;
use crate::http::clients::Standing;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::account::Account;
use crate::session::client::SignIn;
use crate::session::id::{ClientId, SessionId};
use crate::session::state::EndReason;
use crate::session::time::Timestamp;

/// Room for a client with one session whose texts are of the usual length.
const ENVELOPE_BYTES: usize = 6 << 10;

/// A client as it was when somebody looked, to be rendered without its lock.
pub(super) struct Seen {
    id: ClientId,
    opened: Timestamp,
    changed: Timestamp,
    selected: Option<SessionId>,
    sign_in: Option<(SignIn, Arc<Account>)>,
    pub(super) sessions: Vec<(ClientSession, Arc<Account>)>,
    /// Tokens to show, by session.
    tokens: Vec<(SessionId, String)>,
}

impl Seen {
    fn of(view: &ClientView<'_>) -> Self {
        let owned = |session: ClientSession| Some((session, view.account(session.account)?));
        let pending = view.sign_in();
        Self {
            id: view.id,
            opened: view.record.opened,
            changed: view.record.changed,
            selected: view.selected(),
            sign_in: pending.and_then(|pending| Some((*pending, view.account(pending.account)?))),
            sessions: view.sessions().filter_map(owned).collect(),
            tokens: Vec::new(),
        }
    }

    /// A client of which nothing is kept.
    fn empty(id: ClientId, now: Timestamp) -> Self {
        Self {
            id,
            opened: now,
            changed: now,
            selected: None,
            sign_in: None,
            sessions: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// The session of this id, and whose it is.
    pub(super) fn session(&self, id: SessionId) -> Option<&(ClientSession, Arc<Account>)> {
        self.sessions.iter().find(|(session, _)| session.id == id)
    }

    /// Whether any of its sessions is live.
    pub(super) fn is_signed_in(&self) -> bool {
        let mut sessions = self.sessions.iter();
        sessions.any(|(session, _)| session.is_active())
    }

    /// Has a token shown with its session.
    pub(super) fn show_token(&mut self, session: SessionId, jwt: String) {
        self.tokens.push((session, jwt));
    }

    /// The JSON of one of its sessions, and of the client, which shows the same one: rendered once.
    pub(super) fn session_and_client(
        &self,
        id: SessionId,
        now: Timestamp,
    ) -> Option<(Box<RawValue>, ClientJson<'_>)> {
        let client = self.json(now);
        let mut both = self.sessions.iter().zip(&client.sessions);
        let (_, session) = both.find(|((session, _), _)| session.id == id)?;
        Some((session.clone(), client))
    }

    fn render(&self, session: &ClientSession, account: &Account, now: Timestamp) -> Box<RawValue> {
        let token = self.tokens.iter().find(|(id, _)| *id == session.id);
        let token = token.map(|(_, jwt)| jwt.as_str());
        let name = session.status.map_or("revoked", status);
        let json = SessionJson::new(session, account, name, token, now);
        // What has texts for names, and nothing that fails, is rendered.
        to_raw_value(&json).unwrap_or_default()
    }

    /// The JSON of the client.
    pub(super) fn json(&self, now: Timestamp) -> ClientJson<'_> {
        let sessions = self.sessions.iter();
        let sign_in = self.sign_in.as_ref();
        let mut json = ClientJson::new(self.id, self.opened, self.changed);
        json.sessions = sessions
            .map(|(session, account)| self.render(session, account, now))
            .collect();
        json.sign_in = sign_in
            .map(|(pending, account)| SignInJson::pending(pending, account.username.as_str()));
        json.last_active_session_id = self.selected;
        json
    }
}

/// The client of a caller who has one.
pub(super) async fn seen<E: Engine>(engine: &E, caller: &Caller) -> Option<Seen> {
    let (id, _) = caller.known()?;
    seen_by_id(engine, id).await
}

/// The client of this id, if it exists.
pub(super) async fn seen_by_id<E: Engine>(engine: &E, id: ClientId) -> Option<Seen> {
    let look = |view: Option<ClientView<'_>>| view.as_ref().map(Seen::of);
    engine.with_client(id, look).get().await
}

pub(super) async fn get<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(read(&request, &**engine, &surroundings).await)
}

/// Shows the caller's client; whoever has none gets one, of which nothing is kept.
async fn read<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let now = engine.now();
    if let Some(mut seen) = seen(engine, &caller).await {
        let live = seen
            .sessions
            .iter()
            .filter(|(session, _)| session.is_active());
        let live: Vec<_> = live.map(|(session, _)| session.id).collect();
        for id in live {
            if let Some(jwt) = engine.recent_session_token(id, caller.origin.as_deref()) {
                seen.show_token(id, jwt);
            }
        }
        return Ok(enveloped(seen.json(now), ()));
    }
    match caller.standing {
        Standing::Anonymous(id) => Ok(enveloped(Seen::empty(id, now).json(now), ())),
        Standing::Replaced | Standing::Known(..) => {
            let id = fresh(engine)?;
            Ok(enveloped(Seen::empty(id, now).json(now), ()))
        }
        Standing::Nobody => {
            let id = fresh(engine)?;
            let mut answer = enveloped(Seen::empty(id, now).json(now), ());
            let secret = engine.anonymous_client(id);
            caller.hand_out(&surroundings.clerk, &mut answer, &secret)?;
            Ok(answer)
        }
    }
}

/// An id for a new client.
pub(super) fn fresh<E: Engine>(engine: &E) -> Result<ClientId, Problem> {
    let random = engine.random().map_err(|_| Problem::Internal)?;
    Ok(ClientId::from_bytes(random))
}

/// An answer in the contract's envelope.
pub(super) fn enveloped(response: impl Serialize, client: impl Serialize) -> HttpResponse {
    let answer = envelope(response, client).map(HttpResponse::from);
    answer.unwrap_or_else(|problem| problem.answer())
}

/// The same, for whoever may not need an answer of the framework.
pub(super) fn envelope(response: impl Serialize, client: impl Serialize) -> Result<Ready, Problem> {
    let mut body = Vec::with_capacity(ENVELOPE_BYTES);
    serde_json::to_writer(&mut body, &Envelope { response, client })
        .map_err(|_| Problem::Internal)?;
    Ok(Ready::json(StatusCode::OK, body))
}

pub(super) async fn sign_out<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(clear(&request, &**engine, &surroundings).await)
}

/// Ends and forgets all sessions; the client stays, and so does its secret.
async fn clear<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    let now = engine.now();
    let Some((id, _)) = caller.known() else {
        let id = match caller.standing {
            Standing::Anonymous(id) => id,
            _ => fresh(engine)?,
        };
        return Ok(enveloped(Seen::empty(id, now).json(now), ()));
    };
    let origin = caller.asks(request, surroundings);
    let clear = Command::ClearClient(id, EndReason::Removed);
    done(engine.ask(&origin, clear).await)?;
    let seen = seen_by_id(engine, id).await;
    let seen = seen.unwrap_or_else(|| Seen::empty(id, now));
    Ok(enveloped(seen.json(now), ()))
}

pub(super) async fn destroy<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(end(&request, &**engine, &surroundings).await)
}

async fn end<E: Engine>(request: &HttpRequest, engine: &E, surroundings: &Surroundings) -> Outcome {
    let caller = Caller::read(engine, &surroundings.clerk, request).await?;
    if let Some((id, _)) = caller.known() {
        let origin = caller.asks(request, surroundings);
        done(engine.ask(&origin, Command::DestroyClient(id)).await)?;
    } else if engine.is_unsure() {
        return Err(ServiceError::Unavailable.into());
    }
    let mut answer = enveloped((), ());
    caller.take_back(&surroundings.clerk, &mut answer)?;
    Ok(answer)
}

/// What is gone already is as good as ended.
fn done<T>(asked: Result<T, ServiceError>) -> Result<(), Problem> {
    match asked {
        Ok(_) | Err(ServiceError::Refused(Refusal::SessionNotFound)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

//! Who calls, and which session the path names. Source: R23, M-28 to M-35.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::error::Problem;
use crate::door::Engine;
use crate::http::headers::{Fields, Single, accepts_json, single, wanted_touch};
use crate::http::origin;
use crate::http::surroundings::Surroundings;
use crate::session::activity::{Look, Touch};
use crate::session::id::{AccountId, SessionId};
use crate::session::origin::{Actor, Origin};
use crate::session::state::Surface;

/// The header that carries the caller's session.
const SESSION: HeaderName = HeaderName::from_static("session");

/// What the path and the header of a request name; neither is judged yet.
pub(super) struct Named {
    /// The session of the header, if there is one.
    pub(super) caller: Option<SessionId>,
    /// The session in the path; `None` if nothing can have that id.
    pub(super) path: Option<SessionId>,
}

/// Checks `Accept` and reads what path and header name.
pub(super) fn named<E: Engine>(engine: &E, request: &HttpRequest) -> Result<Named, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    named_by(engine, request.headers(), text)
}

/// The same, of a request whose path has the id `text`.
pub(super) fn named_by<E: Engine>(
    engine: &E,
    headers: &impl Fields,
    text: &str,
) -> Result<Named, Problem> {
    if !accepts_json(headers) {
        return Err(Problem::NotAcceptable);
    }
    let secret = match single(headers, &SESSION) {
        Single::Absent => None,
        Single::Repeated => return Err(Problem::SessionInvalid),
        Single::One(secret) => Some(secret),
    };
    let id = |secret| engine.session_id(secret).ok_or(Problem::SessionInvalid);
    let caller = secret.map(id).transpose()?;
    let path = if secret == Some(text.as_bytes()) {
        caller
    } else {
        // The public id counts only beside the header of the same session.
        match SessionId::parse(text) {
            Some(id) => Some(id).filter(|id| caller == Some(*id)),
            None => engine.session_id(text.as_bytes()),
        }
    };
    Ok(Named { caller, path })
}

impl Named {
    /// The caller, who must name his own session in the path. Whether it lives is still to be seen,
    /// but a caller whose session is dead is told so before anything else.
    pub(super) async fn own<E: Engine>(&self, engine: &E) -> Result<SessionId, Problem> {
        let caller = self.caller.ok_or(Problem::SessionRequired)?;
        account_of(engine, caller, Touch::No)
            .await
            .ok_or(Problem::SessionInvalid)?;
        if self.path == Some(caller) {
            Ok(caller)
        } else {
            Err(Problem::NotFound)
        }
    }
}

/// The account of a live session of this surface.
pub(super) async fn account_of<E: Engine>(
    engine: &E,
    id: SessionId,
    touch: Touch,
) -> Option<AccountId> {
    let account = engine.with_session(id, look(touch), |view| view.map(|v| v.account_id()));
    account.get().await
}

/// The caller's call ended well: that is activity. Source: R9, M-90.
pub(super) async fn touch<E: Engine>(engine: &E, headers: &impl Fields, caller: SessionId) {
    // A session that ended meanwhile has nothing left to touch.
    let _ = account_of(engine, caller, wanted_touch(headers)).await;
}

/// The origin of what this session asks.
pub(super) fn origin(
    session: SessionId,
    request: &HttpRequest,
    surroundings: &Surroundings,
) -> Origin {
    let actor = Actor::Session(session);
    origin::on(Surface::Mollybet, actor, request, surroundings)
}

/// A look at a session of this surface.
pub(super) fn look(touch: Touch) -> Look {
    Look::on(Surface::Mollybet, touch)
}

//! Who calls: the key of a `PRIVATE-TOKEN`, and the address it is used from. Source: V-5 to V-12.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use super::error::Problem;
use crate::audit::note::Note;
use crate::door::Engine;
use crate::engine::keys::PrivateToken;
use crate::http::headers::{Fields, Single, single};
use crate::http::origin;
use crate::http::surroundings::Surroundings;
use crate::session::id::ClientId;
use crate::session::origin::{Actor, Origin};
use crate::session::state::Surface;

const PRIVATE_TOKEN: HeaderName = HeaderName::from_static("private-token");

/// A caller whose key is good.
pub(super) struct Caller {
    /// What stands behind the key.
    pub(super) token: PrivateToken,
    /// The end user's address.
    pub(super) address: Option<IpAddr>,
}

/// The origin of what the holder of a guest key asks.
pub(super) fn origin(
    client: ClientId,
    request: &HttpRequest,
    surroundings: &Surroundings,
) -> Origin {
    let actor = Actor::Client(client);
    origin::on(Surface::I3d, actor, request, surroundings)
}

/// The caller of a call that changes something: the audit stream is told of a key that is refused.
pub(super) async fn acting<E: Engine>(
    engine: &E,
    surroundings: &Surroundings,
    request: &HttpRequest,
) -> Result<Caller, Problem> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let caller = caller(engine, surroundings, request.headers(), peer).await;
    if let Err(Problem::TokenRefused) = &caller {
        let origin = origin::on(Surface::I3d, Actor::Unknown, request, surroundings);
        engine.note(&origin, Note::KeyRefused { name: None });
    }
    caller
}

/// Reads and checks the key of a request that this peer sent.
pub(super) async fn caller<E: Engine>(
    engine: &E,
    surroundings: &Surroundings,
    headers: &impl Fields,
    peer: Option<IpAddr>,
) -> Result<Caller, Problem> {
    let secret = match single(headers, &PRIVATE_TOKEN) {
        Single::Absent => return Err(Problem::TokenMissing),
        Single::Repeated => return Err(Problem::TokenRefused),
        Single::One(secret) => secret,
    };
    let address = peer.map(|peer| surroundings.proxies.behind(peer, headers));
    let token = engine.private_token(secret, address).get().await;
    let token = token.ok_or(Problem::TokenRefused)?;
    Ok(Caller { token, address })
}

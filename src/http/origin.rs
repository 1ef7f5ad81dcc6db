//! Where a request comes from, for whatever it asks of the engine.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

use super::headers::{Fields, text, user_agent};
use super::surroundings::Surroundings;
use crate::edge::fast::Request;
use crate::session::origin::{Actor, Entrance, Origin, kept};
use crate::session::state::Surface;

/// The origin of a request that `actor` makes on this surface.
#[must_use]
pub fn on(
    surface: Surface,
    actor: Actor,
    request: &HttpRequest,
    surroundings: &Surroundings,
) -> Origin {
    let address = surroundings.proxies.end_user(request);
    of(
        Entrance::Surface(surface),
        actor,
        request.headers(),
        address,
    )
}

/// The same of a request that is answered on the fast path.
#[must_use]
pub fn at_gate(
    surface: Surface,
    actor: Actor,
    request: &Request<'_>,
    surroundings: &Surroundings,
) -> Origin {
    let peer = request.address();
    let address = peer.map(|peer| surroundings.proxies.behind(peer, request));
    of(Entrance::Surface(surface), actor, request, address)
}

/// The origin of a request that `actor` makes on the admin listener.
#[must_use]
pub fn at_admin(actor: Actor, request: &HttpRequest, surroundings: &Surroundings) -> Origin {
    let address = surroundings.proxies.end_user(request);
    of(Entrance::Admin, actor, request.headers(), address)
}

fn of(entrance: Entrance, actor: Actor, headers: &impl Fields, address: Option<IpAddr>) -> Origin {
    Origin {
        entrance,
        actor,
        address,
        user_agent: user_agent(headers),
        page: text(headers, &ORIGIN).map(kept),
    }
}

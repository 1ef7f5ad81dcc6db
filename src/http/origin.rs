//! Where a request comes from, for whatever it asks of the engine.

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;

use super::headers::user_agent;
use super::surroundings::Surroundings;
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
    of(Entrance::Surface(surface), actor, request, surroundings)
}

/// The origin of a request that `actor` makes on the admin listener.
#[must_use]
pub fn at_admin(actor: Actor, request: &HttpRequest, surroundings: &Surroundings) -> Origin {
    of(Entrance::Admin, actor, request, surroundings)
}

fn of(
    entrance: Entrance,
    actor: Actor,
    request: &HttpRequest,
    surroundings: &Surroundings,
) -> Origin {
    let headers = request.headers();
    let page = headers.get(ORIGIN).and_then(|page| page.to_str().ok());
    Origin {
        entrance,
        actor,
        address: surroundings.proxies.end_user(request),
        user_agent: user_agent(headers),
        page: page.map(kept),
    }
}

//! MollyBet sessions: login, metadata, logout, impersonation, hand-off.
//!
//! Contract, quirks and row ids: `docs/surfaces/mollybet.md`. Checks are made in the contract's
//! order: path, method, Accept, authentication, content type and body, permission, state.

mod caller;
mod error;
mod handoff;
mod login;
mod model;
mod session;
mod sudo;
mod xrates;

use actix_web::guard::fn_guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use crate::door::Engine;
use crate::edge::fast::Request;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;

/// Mounts the surface's routes, the busiest first.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let get = || web::route().guard(fn_guard(|at| reads(&at.head().method)));
    both(
        routes,
        "/v1/sessions/{id}",
        "DELETE, GET, HEAD",
        |resource| {
            resource
                .route(get().to(session::metadata::<E>))
                .route(web::delete().to(session::log_out::<E>))
        },
    );
    both(routes, "/v1/sessions", "POST", |resource| {
        resource.route(web::post().to(login::log_in::<E>))
    });
    both(routes, "/v1/sessions/{id}/sudo", "POST", |resource| {
        resource.route(web::post().to(sudo::sudo::<E>))
    });
    both(routes, "/v1/sessions/{id}/tokenize", "POST", |resource| {
        resource.route(web::post().to(handoff::tokenize::<E>))
    });
    both(routes, "/v1/sessions/{id}/detokenize", "POST", |resource| {
        resource.route(web::post().to(handoff::detokenize::<E>))
    });
    both(routes, "/v1/xrates", "GET, HEAD", |resource| {
        resource.route(get().to(xrates::xrates::<E>))
    });
    routes.service(web::scope("/v1").default_service(web::to(no_such_path)));
}

/// What may be answered on the spot.
pub enum Fast<'a> {
    /// The metadata of the session that is so named.
    Metadata(&'a str),
    /// A login, if it is not looked at.
    Login,
}

/// What of this surface a request asks that may be answered on the spot.
pub fn is_fast<'a>(request: &Request<'a>) -> Option<Fast<'a>> {
    let id = request.target.strip_prefix("/v1/sessions")?;
    if *request.method == Method::POST && matches!(id, "" | "/") {
        return Some(Fast::Login);
    }
    let id = id.strip_prefix('/')?;
    let id = id.strip_suffix('/').unwrap_or(id);
    // The routes decode what is escaped, and know the longer paths.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mine = reads(request.method) && !id.is_empty() && id.bytes().all(is_plain);
    mine.then_some(Fast::Metadata(id))
}

/// The answer to such a request; `None` leaves it to the routes.
pub async fn fast<E: Engine>(
    request: &Request<'_>,
    asked: Fast<'_>,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    match asked {
        Fast::Metadata(id) => session::read_metadata(request, id, engine).await.ok(),
        Fast::Login => login::turned_away(request, engine, surroundings),
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Mounts a path with its trailing slash and without: nothing is redirected, since bodies get lost
/// on the way. Each spelling is a pattern of its own, which matches faster than one for both. Any
/// other method is told which ones there are.
fn both(
    routes: &mut ServiceConfig,
    path: &str,
    allow: &'static str,
    fill: impl Fn(Resource) -> Resource,
) {
    for spelling in [format!("{path}/"), path.to_owned()] {
        let other = move || async move { error::Problem::MethodNotAllowed { allow }.answer() };
        routes.service(fill(
            web::resource(spelling).default_service(web::to(other)),
        ));
    }
}

async fn no_such_path(_: HttpRequest) -> HttpResponse {
    error::Problem::NotFound.answer()
}

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

use actix_web::guard::{Any, Get, Head};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

use crate::door::Engine;

/// Mounts the surface's routes, the busiest first.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let get = || web::route().guard(Any(Get()).or(Head()));
    routes
        .service(
            resource("/v1/sessions/{id}", "DELETE, GET, HEAD")
                .route(get().to(session::metadata::<E>))
                .route(web::delete().to(session::log_out::<E>)),
        )
        .service(resource("/v1/sessions", "POST").route(web::post().to(login::log_in::<E>)))
        .service(resource("/v1/sessions/{id}/sudo", "POST").route(web::post().to(sudo::sudo::<E>)))
        .service(
            resource("/v1/sessions/{id}/tokenize", "POST")
                .route(web::post().to(handoff::tokenize::<E>)),
        )
        .service(
            resource("/v1/sessions/{id}/detokenize", "POST")
                .route(web::post().to(handoff::detokenize::<E>)),
        )
        .service(resource("/v1/xrates", "GET, HEAD").route(get().to(xrates::xrates::<E>)))
        .service(web::scope("/v1").default_service(web::to(no_such_path)));
}

/// A path with and without its trailing slash: nothing is redirected, since bodies get lost on the
/// way. Any other method is told which ones there are.
fn resource(path: &str, allow: &'static str) -> Resource {
    let other = move || async move { error::Problem::MethodNotAllowed { allow }.answer() };
    web::resource(format!("{path}{{slash:/?}}")).default_service(web::to(other))
}

async fn no_such_path(_: HttpRequest) -> HttpResponse {
    error::Problem::NotFound.answer()
}

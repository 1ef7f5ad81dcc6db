//! i3D.net v3 sessions: user, login, one-time password, logout, by `PRIVATE-TOKEN`.
//!
//! Contract, quirks and row ids: `docs/surfaces/i3d.md`. Checks are made in the contract's order:
//! path, method, key, content type and body, state, password.

mod caller;
mod error;
mod login;
mod model;
mod user;

use crate::door::Engine;
use crate::edge::fast::Request;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource};

/// The path that is asked for most.
const USER: &str = "/v3/session/user";

/// Mounts the surface's routes, the busiest first.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let get = web::route().guard(Any(Get()).or(Head()));
    routes
        .service(resource(USER, "GET, HEAD").route(get.to(user::user::<E>)))
        .service(resource("/v3/session/login", "POST").route(web::post().to(login::log_in::<E>)))
        .service(
            resource("/v3/session/login/otp", "POST").route(web::post().to(login::one_time::<E>)),
        )
        .service(resource("/v3/session/logout", "POST").route(web::post().to(login::log_out::<E>)))
        .service(web::scope("/v3").default_service(web::to(no_such_path)));
}

/// Whether a request may be answered on the spot: who asks who is logged in.
pub fn is_fast(request: &Request<'_>) -> bool {
    request.target == USER && matches!(*request.method, Method::GET | Method::HEAD)
}

/// The answer to such a request; `None` leaves it to the routes.
pub async fn fast<E: Engine>(
    request: &Request<'_>,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    let user = user::show(request, request.address(), engine, surroundings);
    user.await.ok()
}

/// A path; any method that it does not have is told which ones there are.
fn resource(path: &str, allow: &'static str) -> Resource {
    let other = move || async move { error::Problem::MethodNotAllowed { allow }.answer() };
    web::resource(path).default_service(web::to(other))
}

async fn no_such_path() -> HttpResponse {
    error::Problem::NotFound.answer()
}

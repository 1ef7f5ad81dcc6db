//! HTTP: one room per surface, over the one door of the engine.
//!
//! A surface reads the request, asks [`crate::door::Engine`], and renders the answer in its
//! contract's own words. It must never know another surface, an actor, or bytes on disk.
//!
//! Invariants: malformed input gets the contract's error and changes nothing; no secret but the
//! one being handed out appears in an answer, a log or a metric.

pub mod address;
pub mod admin;
pub mod body;
pub mod clerk;
pub mod clients;
pub mod entry;
pub mod fast;
pub mod gateway;
pub mod headers;
pub mod host;
pub mod i3d;
pub mod json;
pub mod jsonrpc;
pub mod members;
pub mod mollybet;
pub mod openapi;
pub mod ops;
pub mod origin;
pub mod ready;
pub mod reply;
pub mod server;
pub mod settings;
pub mod surroundings;
mod walk;
pub mod xdata;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};

use self::ready::Ready;
use self::surroundings::Surroundings;
use crate::door::Engine;
use crate::edge::fast::Request;

/// Mounts everything the public listener serves.
pub fn public<E: Engine>(routes: &mut ServiceConfig) {
    gateway::mount::<E>(routes);
    // Before mollybet, which answers to what is left of /v1.
    clerk::mount::<E>(routes);
    mollybet::mount::<E>(routes);
    i3d::mount::<E>(routes);
    xdata::mount::<E>(routes);
    openapi::mount(routes);
    routes.default_service(web::to(not_found));
}

/// What the public listener's surfaces answer on the spot: verifications, each by the same function as its route, which
/// reads and does nothing else, and logins that are not looked at. `None` leaves the request to the routes, as if nobody
/// had looked. Source: ADR 18, ADR 19.
pub async fn fast<E: Engine>(
    request: &Request<'_>,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    if gateway::is_fast(request) {
        gateway::fast(request, engine, surroundings).await
    } else if xdata::is_fast(request) {
        xdata::fast(request, engine).await
    } else if i3d::is_fast(request) {
        i3d::fast(request, engine, surroundings).await
    } else if let Some(id) = clerk::is_fast(request) {
        clerk::fast(request, id, engine, surroundings).await
    } else if let Some(asked) = mollybet::is_fast(request) {
        mollybet::fast(request, asked, engine, surroundings).await
    } else {
        None
    }
}

/// Mounts everything the admin listener serves.
pub fn private<E: Engine>(routes: &mut ServiceConfig) {
    ops::mount::<E>(routes);
    admin::mount::<E>(routes);
    routes.default_service(web::to(not_found));
}

/// The answer to a path that belongs to no surface.
async fn not_found() -> HttpResponse {
    reply::json(StatusCode::NOT_FOUND)
        .body(r#"{"error":"not_found","message":"nothing is served under this path"}"#)
}

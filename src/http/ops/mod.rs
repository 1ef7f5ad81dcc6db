//! For whoever operates the node: is it alive, is it ready, and what does it count? Open on the
//! admin listener.

mod metrics;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};

use crate::door::Engine;
use crate::http::reply;

/// Mounts the routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    routes
        .service(look("/health/live", web::route().to(live)))
        .service(look("/health/ready", web::route().to(ready::<E>)))
        .service(look("/metrics", web::route().to(metrics::metrics::<E>)));
}

/// Mounts what answers while the node is starting: alive, not ready, and how far it is.
pub fn mount_starting(
    routes: &mut ServiceConfig,
    progress: impl Fn() -> (u64, u64) + Clone + 'static,
) {
    let not_ready = move || {
        let (bytes, records) = progress();
        let body = format!(
            r#"{{"status":"starting","image_bytes_read":{bytes},"records_replayed":{records}}}"#
        );
        async move { reply::json(StatusCode::SERVICE_UNAVAILABLE).body(body) }
    };
    routes
        .service(look("/health/live", web::route().to(live)))
        .default_service(web::to(not_ready));
}

/// A path that can only be looked at.
fn look(path: &str, route: Route) -> Resource {
    let route = route.guard(Any(Get()).or(Head()));
    web::resource(path)
        .route(route)
        .default_service(web::to(method_not_allowed))
}

async fn method_not_allowed() -> HttpResponse {
    let mut answer = reply::json(StatusCode::METHOD_NOT_ALLOWED);
    answer.insert_header((ALLOW, "GET, HEAD"));
    answer.body(r#"{"error":"method_not_allowed","message":"use GET"}"#)
}

async fn live() -> HttpResponse {
    reply::json(StatusCode::OK).body(r#"{"status":"live"}"#)
}

/// Ready means that the engine answers: with its state in memory it is there before the listener.
async fn ready<E: Engine>(engine: Data<E>) -> HttpResponse {
    let figures = engine.figures().get().await;
    let body = format!(r#"{{"status":"ready","sessions":{}}}"#, figures.sessions);
    reply::json(StatusCode::OK).body(body)
}

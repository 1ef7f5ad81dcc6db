//! For whoever operates the node: is it alive, is it ready, and what does it count? Open on the
//! admin listener.

mod metrics;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};

use crate::door::Engine;
use crate::http::reply;

/// Mounts the routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    routes
        .route("/health/live", web::get().to(live))
        .route("/health/ready", web::get().to(ready::<E>))
        .route("/metrics", web::get().to(metrics::metrics::<E>));
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

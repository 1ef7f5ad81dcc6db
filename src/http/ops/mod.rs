//! For whoever operates the node: is it alive, is it ready, and what does it count? Open on the
//! admin listener.

mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::guard::{Any, Get, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder, Resource, Route};
use serde_json::json;

use crate::door::Engine;
use crate::edge::counts::Counts;
use crate::http::reply;

/// Whether the node is stopping: whoever stops it says so before it takes no more connections.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on the node is not ready.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What is told of the public listener and of the node's end.
pub struct PublicSide {
    /// What happened at the public listener.
    pub counts: Arc<Counts>,
    /// Whether the node is stopping.
    pub stopping: Stopping,
}

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
        async move { unavailable().body(body) }
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

/// Ready means that the engine answers: with its state in memory it is there before the listener, and it
/// is no more once the node stops. A node whose memory is full is ready: all but grants goes on.
async fn ready<E: Engine>(engine: Data<E>, stopping: Data<Stopping>) -> HttpResponse {
    if stopping.has_begun() {
        return unavailable().body(r#"{"status":"stopping"}"#);
    }
    let figures = engine.figures().get().await;
    let body = match figures.memory {
        None => json!({"status": "ready", "sessions": figures.sessions}),
        Some(memory) => json!({
            "status": "ready",
            "sessions": figures.sessions,
            "memory": {
                "resident_bytes": memory.resident_bytes,
                "ceiling_bytes": memory.ceiling_bytes,
                "full": memory.full,
            },
        }),
    };
    reply::json(StatusCode::OK).body(body.to_string())
}

fn unavailable() -> HttpResponseBuilder {
    let mut answer = reply::json(StatusCode::SERVICE_UNAVAILABLE);
    answer.insert_header((RETRY_AFTER, 1));
    answer
}

//! The gateway: is this request's session good, and whose is it? For proxies and other services.
//!
//! It accepts the credentials of every surface. Source: R22.

mod verify;

use actix_web::HttpResponse;
use actix_web::guard::{Any, Get, Head, Post};
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::web::{self, ServiceConfig};

use crate::door::Engine;
use crate::http::reply;

/// Mounts the surface's routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let methods = Any(Get()).or(Post()).or(Head());
    routes.service(
        web::resource("/auth/verify")
            .route(web::route().guard(methods).to(verify::verify::<E>))
            .default_service(web::to(method_not_allowed)),
    );
}

async fn method_not_allowed() -> HttpResponse {
    let mut answer = reply::json(StatusCode::METHOD_NOT_ALLOWED);
    answer.insert_header((ALLOW, "GET, HEAD, POST"));
    answer.body(r#"{"error":"method_not_allowed","message":"use GET or POST"}"#)
}

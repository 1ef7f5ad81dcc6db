//! The description of the i3D calls for machines: one document, served as it is written.

use actix_web::guard::{Any, Get, Head};
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::reply;

/// The OpenAPI document. Source: V-72.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// Mounts `/openapi.json`.
pub fn mount(routes: &mut ServiceConfig) {
    let get = web::route().guard(Any(Get()).or(Head()));
    routes.service(
        web::resource("/openapi.json")
            .route(get.to(show))
            .default_service(web::to(method_not_allowed)),
    );
}

async fn show() -> HttpResponse {
    HttpResponseBuilder::new(StatusCode::OK)
        .insert_header((CONTENT_TYPE, "application/json"))
        // It changes with a release only; still nobody should have to wait for it.
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .body(DOCUMENT)
}

async fn method_not_allowed() -> HttpResponse {
    let mut answer = reply::json(StatusCode::METHOD_NOT_ALLOWED);
    answer.insert_header((ALLOW, "GET, HEAD"));
    answer.body(r#"{"error":"method_not_allowed","message":"use GET"}"#)
}

//! The gateway: is this request's session good, and whose is it? For proxies and other services.
//!
//! It accepts the credentials of every surface. Source: R22.

mod verify;

use actix_web::HttpResponse;
use actix_web::guard::fn_guard;
use actix_web::http::header::ALLOW;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};

use crate::door::Engine;
use crate::edge::fast::Request;
use crate::http::ready::Ready;
use crate::http::reply;
use crate::http::surroundings::Surroundings;

/// The one path.
const VERIFY: &str = "/auth/verify";

/// Mounts the surface's routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let verified = web::route().guard(fn_guard(|at| verifies(&at.head().method)));
    routes.service(
        web::resource(VERIFY)
            .route(verified.to(verify::verify::<E>))
            .default_service(web::to(method_not_allowed)),
    );
}

/// Whether a request may be answered on the spot.
pub fn is_fast(request: &Request<'_>) -> bool {
    request.target == VERIFY && verifies(request.method) && request.body.is_empty()
}

/// The answer to such a request; `None` leaves it to the routes.
pub async fn fast<E: Engine>(
    request: &Request<'_>,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    Some(verify::judge(request, request.address(), engine, surroundings).await)
}

fn verifies(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

async fn method_not_allowed() -> HttpResponse {
    let mut answer = reply::json(StatusCode::METHOD_NOT_ALLOWED);
    answer.insert_header((ALLOW, "GET, HEAD, POST"));
    answer.body(r#"{"error":"method_not_allowed","message":"use GET or POST"}"#)
}

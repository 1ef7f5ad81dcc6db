//! NICT xData sessions over JSON-RPC 2.0: open, verify, close.
//!
//! Contract, quirks and row ids: `docs/surfaces/xdata.md`. Both published versions are one service.

mod call;
mod caller;
mod error;
mod methods;

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};

use crate::door::Engine;
use crate::edge::fast::Request;
use crate::http::ready::Ready;

/// Mounts the surface's routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    routes.service(
        web::resource("/api/v{version:[12]}/session/jsonrpc")
            .route(web::post().to(call::call::<E>))
            .default_service(web::to(method_not_allowed)),
    );
}

/// Whether a request may be answered on the spot.
pub fn is_fast(request: &Request<'_>) -> bool {
    let version = request.target.strip_prefix("/api/v").unwrap_or_default();
    let mine = matches!(version, "1/session/jsonrpc" | "2/session/jsonrpc");
    mine && *request.method == Method::POST
}

/// The answer to such a request if it is a call that verifies one token; `None` leaves it to the routes.
pub async fn fast<E: Engine>(request: &Request<'_>, engine: &E) -> Option<Ready> {
    call::verified(request, request.body, engine).await
}

async fn method_not_allowed() -> HttpResponse {
    error::Problem::MethodNotAllowed.answer()
}

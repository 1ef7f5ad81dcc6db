//! NICT xData sessions over JSON-RPC 2.0: open, verify, close.
//!
//! Contract, quirks and row ids: `docs/surfaces/xdata.md`. Both published versions are one service.

mod call;
mod caller;
mod error;
mod methods;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};

use crate::door::Engine;

/// Mounts the surface's routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    routes.service(
        web::resource("/api/v{version:[12]}/session/jsonrpc")
            .route(web::post().to(call::call::<E>))
            .default_service(web::to(method_not_allowed)),
    );
}

async fn method_not_allowed() -> HttpResponse {
    error::Problem::MethodNotAllowed.answer()
}

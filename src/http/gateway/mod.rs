//! The gateway: is this request's session good, and whose is it? For proxies and other services.
//!
//! It accepts the credentials of every surface. Source: R22.

mod verify;

use actix_web::HttpResponse;
use actix_web::dev::RequestHead;
use actix_web::guard::fn_guard;
use actix_web::http::header::ALLOW;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};

use crate::door::{Answer, Engine};
use crate::http::reply;

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

/// Answers what can be answered by the head of a request alone; `None` leaves it to the routes.
pub fn hot<E: Engine>(head: &RequestHead, engine: &E) -> Option<Answer<HttpResponse>> {
    let mine = head.uri.path() == VERIFY && verifies(&head.method);
    if mine {
        verify::judge(&head.headers, engine)
    } else {
        None
    }
}

fn verifies(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::POST)
}

async fn method_not_allowed() -> HttpResponse {
    let mut answer = reply::json(StatusCode::METHOD_NOT_ALLOWED);
    answer.insert_header((ALLOW, "GET, HEAD, POST"));
    answer.body(r#"{"error":"method_not_allowed","message":"use GET or POST"}"#)
}

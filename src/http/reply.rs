//! What every answer has in common: JSON is never cached, and never guessed at.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// Starts a JSON answer.
#[must_use]
pub fn json(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")));
    answer.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    answer
}

/// Seconds for `Retry-After`: what is left, rounded up, at least one.
#[must_use]
pub fn retry_after_s(ms: u64) -> u64 {
    ms.div_ceil(1_000).max(1)
}

//! What every answer has in common: JSON is never guessed at, and never cached but where it says so.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};

/// Starts a JSON answer.
#[must_use]
pub fn json(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer.insert_header((CONTENT_TYPE, media_type()));
    answer.insert_header((CACHE_CONTROL, no_store()));
    answer
}

/// Starts a JSON answer that is anybody's, and may be kept by whoever gets it for this many seconds.
#[must_use]
pub fn public_json(max_age_s: u64) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(StatusCode::OK);
    answer.insert_header((CONTENT_TYPE, media_type()));
    answer.insert_header((CACHE_CONTROL, format!("public, max-age={max_age_s}")));
    answer
}

/// Seconds for `Retry-After`: what is left, rounded up, at least one.
#[must_use]
pub fn retry_after_s(ms: u64) -> u64 {
    ms.div_ceil(1_000).max(1)
}

fn media_type() -> HeaderValue {
    HeaderValue::from_static("application/json")
}

fn no_store() -> HeaderValue {
    HeaderValue::from_static("no-store")
}

//! The call that the contract names for keeping a session alive. There are no rates here: the list
//! is empty, the touch is real. Source: M-63.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::caller;
use super::error::{Outcome, Problem, answer};
use super::model;
use crate::door::Engine;
use crate::http::headers::wanted_touch;
use crate::http::reply;

pub(super) async fn xrates<E: Engine>(request: HttpRequest, engine: Data<E>) -> HttpResponse {
    answer(keep_alive(&request, &**engine).await)
}

async fn keep_alive<E: Engine>(request: &HttpRequest, engine: &E) -> Outcome {
    let caller = caller::named(engine, request)?
        .caller
        .ok_or(Problem::SessionRequired)?;
    let touched = caller::account_of(engine, caller, wanted_touch(request.headers())).await;
    touched.ok_or(Problem::SessionInvalid)?;
    Ok(reply::json(StatusCode::OK).body(model::ok(|out| out.extend_from_slice(b"[]"))))
}

//! Handing a customer over to the agent's site, by a token that is spent once.
//! Source: M-80 to M-88.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::caller;
use super::error::{Outcome, Problem, answer};
use super::login::handed_out;
use super::model;
use crate::door::Engine;
use crate::engine::command::{Command, Reply};
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::policy::HANDOFF_LIFETIME_MS;
use crate::session::token::Secret;

pub(super) async fn tokenize<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(issue(&request, &**engine, &surroundings).await)
}

async fn issue<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = caller::named(engine, request)?.own(engine).await?;
    let token = Secret::handoff(caller, engine.random().map_err(|_| Problem::Internal)?);
    let id = engine
        .handoff_id(token.reveal().as_bytes())
        .ok_or(Problem::Internal)?;
    let origin = caller::origin(caller, request, surroundings);
    let issue = Command::IssueHandoff(caller, id, HANDOFF_LIFETIME_MS);
    engine.ask(&origin, issue).await?;
    caller::touch(engine, request.headers(), caller).await;
    Ok(handed_out(&token))
}

pub(super) async fn detokenize<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(redeem(&request, payload, &**engine, &surroundings).await)
}

async fn redeem<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = caller::named(engine, request)?.own(engine).await?;
    let (body, fields) = model::read_fields(request, payload).await?;
    let ([token], []) = fields.strings(&body, ["token"], [])?;
    let id = engine
        .handoff_id(token.as_bytes())
        .ok_or(Problem::NotFound)?;
    let origin = caller::origin(caller, request, surroundings);
    let redeem = Command::RedeemHandoff(id, caller);
    let reply = engine.ask(&origin, redeem).await?;
    let Reply::HandedOff {
        username,
        client_type,
    } = reply
    else {
        return Err(Problem::Internal);
    };
    caller::touch(engine, request.headers(), caller).await;
    Ok(reply::json(StatusCode::OK).body(model::metadata(username.as_str(), &client_type)))
}

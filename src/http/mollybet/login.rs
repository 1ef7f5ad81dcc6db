//! Login: a new, independent session for each success. Source: R18, M-40 to M-50.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use super::error::{Outcome, Problem, answer};
use super::model::{self, Fields};
use crate::credentials::login::Login;
use crate::door::Engine;
use crate::edge::fast::Request;
use crate::engine::command::{Command, Open};
use crate::engine::event::Grant;
use crate::http::headers::accepts_json;
use crate::http::json::write_str;
use crate::http::origin;
use crate::http::ready::Ready;
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::origin::{Actor, Origin};
use crate::session::state::Surface;
use crate::session::token::Secret;

pub(super) async fn log_in<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(open(&request, payload, &**engine, &surroundings).await)
}

async fn open<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    if !accepts_json(request.headers()) {
        return Err(Problem::NotAcceptable);
    }
    let (body, fields) = model::read_fields(request, payload).await?;
    let origin = || origin::on(Surface::Mollybet, Actor::Unknown, request, surroundings);
    let login = read(&fields, &body, origin)?;
    let origin = login.origin.clone();
    let proof = engine.log_in(login).await?;
    let secret = Secret::hex(engine.random().map_err(|_| Problem::Internal)?);
    let id = engine
        .session_id(secret.reveal().as_bytes())
        .ok_or(Problem::Internal)?;
    let bounds = engine.policy().mollybet;
    let grant = Grant {
        account: proof.account,
        generation: proof.generation,
        surface: Surface::Mollybet,
        lifetime: engine.policy().lifetime(Surface::Mollybet, engine.now()),
        factors: proof.factors,
        client_type: proof.described.client_type.clone(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: origin.address,
        user_agent: origin.user_agent.clone(),
        attributes: None,
    };
    let open = Open {
        ids: vec![id],
        grant: Arc::new(grant),
        per_account: bounds.per_account,
        when_full: bounds.when_full,
        otp_step: proof.otp_step,
    };
    engine.ask(&origin, Command::Open(open)).await?;
    Ok(handed_out(&secret))
}

/// What somebody sent who wants to log in.
fn read(fields: &Fields, body: &[u8], origin: impl FnOnce() -> Origin) -> Result<Login, Problem> {
    let ([username, password], [otp]) = fields.strings(body, ["username", "password"], ["otp"])?;
    Ok(Login {
        password: Zeroizing::new(password),
        origin: origin(),
        username,
        exact_name: true,
        otp,
        client: None,
    })
}

/// The refusal of a login that is not looked at, if it can be given at once.
pub(super) fn turned_away<E: Engine>(
    request: &Request<'_>,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    if !accepts_json(request) {
        return None;
    }
    let fields = Fields::declared(request, request.body).ok()?;
    let origin = || origin::at_gate(Surface::Mollybet, Actor::Unknown, request, surroundings);
    let login = read(&fields, request.body, origin).ok()?;
    let refusal = engine.turn_away(&login)?;
    Some(Problem::from(refusal).ready())
}

/// The answer that hands out the id of a new session, once.
pub(super) fn handed_out(secret: &Secret) -> HttpResponse {
    reply::json(StatusCode::OK).body(model::ok(|out| write_str(out, secret.reveal())))
}

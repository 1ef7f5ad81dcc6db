//! Impersonation: a session of another account, beside the caller's. Source: R17, M-71 to M-79.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::caller;
use super::error::{Outcome, Problem, answer};
use super::login::handed_out;
use super::model;
use crate::door::Engine;
use crate::engine::command::{Command, Sudo};
use crate::http::surroundings::Surroundings;
use crate::session::state::Surface;
use crate::session::token::Secret;

pub(super) async fn sudo<E: Engine>(
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
    let caller = caller::named(engine, request)?.own(engine).await?;
    let (body, fields) = model::read_fields(request, payload).await?;
    let ([target], []) = fields.strings(&body, ["target"], [])?;
    let secret = Secret::hex(engine.random().map_err(|_| Problem::Internal)?);
    let child = engine
        .session_id(secret.reveal().as_bytes())
        .ok_or(Problem::Internal)?;
    let policy = engine.policy();
    let sudo = Sudo {
        parent: caller,
        surface: Surface::Mollybet,
        target: engine
            .account_by_name(&target)
            .get()
            .await
            .map(|(id, _)| id),
        child,
        idle_timeout_ms: policy.mollybet.life.idle_timeout_ms,
        absolute_ms: policy.sudo_absolute_ms,
        per_account: policy.mollybet.per_account,
        when_full: policy.mollybet.when_full,
    };
    let origin = caller::origin(caller, request, surroundings);
    engine.ask(&origin, Command::Sudo(sudo)).await?;
    caller::touch(engine, request.headers(), caller).await;
    Ok(handed_out(&secret))
}

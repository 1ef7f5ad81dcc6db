//! Login on a guest key, its second step, and logout. Source: V-36 to V-59.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use super::caller::{acting, origin};
use super::error::{Outcome, Problem, answer};
use super::model::{self, Fields};
use crate::credentials::login::{FirstStep, HalfProof, Login, Proof};
use crate::door::{CodeRefusal, Engine};
use crate::engine::command::{Command, Open, SignIn, StartSignIn};
use crate::engine::event::Grant;
use crate::engine::keys::PrivateToken;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::client::SIGN_IN_LIFETIME_MS;
use crate::session::id::{ClientId, SessionId, SignInId};
use crate::session::origin::Origin;
use crate::session::state::{EndReason, Surface};

/// A session that is about to be opened: on which client, for whom, from where.
struct Entry<'a> {
    client: ClientId,
    remember: bool,
    /// The pending login that it completes.
    step: Option<SignInId>,
    origin: &'a Origin,
}

pub(super) async fn log_in<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(first_step(&request, payload, &**engine, &surroundings).await)
}

async fn first_step<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = acting(engine, surroundings, request).await?;
    let body = model::read(request, payload).await?;
    let mut fields = Fields::of(&body, &["userName", "password", "rememberMe"])?;
    let username = fields.string("userName");
    let password = Zeroizing::new(fields.string("password"));
    let remember = fields.flag("rememberMe");
    fields.finish()?;
    let PrivateToken::Guest(client) = caller.token else {
        return Err(Problem::AlreadyLoggedIn);
    };
    let origin = origin(client, request, surroundings);
    admit(engine, &origin, client).await?;
    let login = Login {
        origin: origin.clone(),
        username,
        exact_name: false,
        password,
        otp: None,
        client: Some(client),
    };
    let wrong = Problem::WrongCredentials;
    let proof = match engine.begin_log_in(login).await {
        Ok(FirstStep::Complete(proof)) => proof,
        Ok(FirstStep::Half(half)) => return start(engine, &origin, client, half, remember).await,
        Err(refusal) => return Err(Problem::of_login(refusal, wrong)),
    };
    let entry = Entry {
        client,
        remember,
        step: None,
        origin: &origin,
    };
    open(engine, &entry, proof)
        .await
        .map_err(|error| Problem::of(error, wrong))?;
    Ok(Ready::json(StatusCode::OK, model::auth_req(None)).into())
}

/// Refuses whoever is logged in already, before any password is looked at, and gives up a login whose
/// second step was still to come. Source: V-41, V-44.
async fn admit<E: Engine>(engine: &E, origin: &Origin, client: ClientId) -> Result<(), Problem> {
    let seen = engine.with_client(client, |client| {
        client.map(|client| {
            let pending = client.sign_in().map(|pending| pending.id);
            (client.selected().is_some(), pending)
        })
    });
    let (live, pending) = seen.get().await.ok_or(Problem::TokenRefused)?;
    if live {
        return Err(Problem::AlreadyLoggedIn);
    }
    if let Some(step) = pending {
        let drop = Command::DropSignIn(client, step);
        let dropped = engine.ask(origin, drop).await;
        dropped.map_err(|error| Problem::of(error, Problem::WrongCredentials))?;
    }
    Ok(())
}

/// Begins a login whose one-time password is still to come.
async fn start<E: Engine>(
    engine: &E,
    origin: &Origin,
    client: ClientId,
    half: HalfProof,
    remember: bool,
) -> Outcome {
    // Read before it begins: what is told is never later than what holds.
    let until = engine.now().plus_ms(SIGN_IN_LIFETIME_MS);
    let random = engine.random().map_err(|_| Problem::Internal)?;
    let start = StartSignIn {
        client,
        presented: None,
        secret: None,
        id: SignInId::from_bytes(random),
        account: half.account,
        generation: half.generation,
        factors: half.factors,
        remember,
    };
    let started = engine.ask(origin, Command::StartSignIn(start)).await;
    started.map_err(|error| Problem::of(error, Problem::WrongCredentials))?;
    let body = model::auth_req(Some(until.ms() / 1_000));
    Ok(Ready::json(StatusCode::OK, body).into())
}

/// Opens the session. The client's own secret stays what it is: the key (R8).
async fn open<E: Engine>(
    engine: &E,
    entry: &Entry<'_>,
    proof: Proof,
) -> Result<(), crate::door::ServiceError> {
    let policy = engine.policy();
    let life = match entry.remember {
        true => policy.i3d_remembered,
        false => policy.i3d.life,
    };
    let grant = Grant {
        account: proof.account,
        generation: proof.generation,
        surface: Surface::I3d,
        lifetime: life.from(engine.now()),
        factors: proof.factors,
        client_type: proof.described.client_type.clone(),
        key: None,
        client: Some(entry.client),
        parent: None,
        chain: Vec::new(),
        address: entry.origin.address,
        user_agent: entry.origin.user_agent.clone(),
        attributes: None,
    };
    let open = Open {
        ids: vec![SessionId::behind(entry.client.family(), engine.random()?)],
        grant: Arc::new(grant),
        per_account: policy.i3d.per_account,
        when_full: policy.i3d.when_full,
        otp_step: proof.otp_step,
    };
    let sign_in = SignIn {
        open,
        presented: None,
        secret: None,
        step: entry.step,
    };
    let sign_in = Command::SignIn(sign_in);
    engine.ask(entry.origin, sign_in).await.map(|_| ())
}

pub(super) async fn one_time<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(second_step(&request, payload, &**engine, &surroundings).await)
}

async fn second_step<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = acting(engine, surroundings, request).await?;
    let body = model::read(request, payload).await?;
    let mut fields = Fields::of(&body, &["otp"])?;
    let code = Zeroizing::new(fields.string("otp"));
    fields.finish()?;
    let PrivateToken::Guest(client) = caller.token else {
        return Err(Problem::UnexpectedOtp);
    };
    let pending = engine.with_client(client, |client| client?.sign_in().copied());
    let pending = pending.get().await.ok_or(Problem::UnexpectedOtp)?;
    let wrong = Problem::WrongOtp;
    let origin = origin(client, request, surroundings);
    let checked = engine.check_code(&origin, client, pending, &code);
    let proof = checked.await.map_err(|refusal| match refusal {
        CodeRefusal::Code(refusal) => Problem::of_login(refusal, wrong.clone()),
        CodeRefusal::Login(error) => Problem::of(error, wrong.clone()),
    })?;
    let entry = Entry {
        client,
        remember: pending.remember,
        step: Some(pending.id),
        origin: &origin,
    };
    match open(engine, &entry, proof).await {
        Ok(()) => Ok(done()),
        Err(error) => Err(match Problem::of(error, wrong) {
            // Somebody else's login on this key was faster.
            Problem::AlreadyLoggedIn => Problem::UnexpectedOtp,
            problem => problem,
        }),
    }
}

pub(super) async fn log_out<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(end(&request, payload, &**engine, &surroundings).await)
}

async fn end<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = acting(engine, surroundings, request).await?;
    let body = model::read(request, payload).await?;
    Fields::of(&body, &[])?.finish()?;
    if let PrivateToken::Guest(client) = caller.token {
        let clear = Command::ClearClient(client, EndReason::Logout);
        let origin = origin(client, request, surroundings);
        let cleared = engine.ask(&origin, clear).await;
        cleared.map_err(|error| Problem::of(error, Problem::TokenRefused))?;
    }
    Ok(done())
}

/// Done, and there is nothing to say.
fn done() -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::NO_CONTENT);
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

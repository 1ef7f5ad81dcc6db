//! The three methods. Source: `docs/surfaces/xdata.md`, X-21 on.

use std::sync::Arc;

use super::error::fault;
use crate::door::{Engine, ServiceError};
use crate::engine::command::{Command, End, Open};
use crate::engine::error::Refusal;
use crate::engine::event::Grant;
use crate::engine::keys::Principal;
use crate::http::json::{Kind, Raw, write_int, write_str};
use crate::http::jsonrpc::{Fault, Params};
use crate::session::account::ClientType;
use crate::session::activity::{Look, Touch};
use crate::session::lifetime::Lifetime;
use crate::session::origin::Origin;
use crate::session::policy::ABSOLUTE_MAX_MS;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::token::Secret;

/// The method that changes nothing.
pub(super) const VERIFY: &str = "session.verify_session_token";

/// Characters a token may have to be looked at.
const TOKEN_CHARS_MAX: usize = 256;

/// What a method gives.
pub(super) enum Value {
    Opened { secret: Secret, expires_in_s: i64 },
    Verified { active: bool },
    Closed,
}

impl Value {
    /// Appends the value as the contract spells it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Opened {
                secret,
                expires_in_s,
            } => {
                out.extend_from_slice(br#"{"access_token":"#);
                write_str(out, secret.reveal());
                out.extend_from_slice(br#","expires_in":"#);
                write_int(out, *expires_in_s);
                out.push(b'}');
            }
            Self::Verified { active: true } => out.extend_from_slice(br#"{"active":true}"#),
            Self::Verified { active: false } => out.extend_from_slice(br#"{"active":false}"#),
            Self::Closed => out.extend_from_slice(b"true"),
        }
    }
}

/// Who calls.
pub(super) struct Caller<'a> {
    pub(super) principal: Principal,
    /// Where from; a verification does not want to know.
    pub(super) origin: &'a dyn Fn() -> Origin,
}

/// Runs a method for its caller.
pub(super) async fn run<E: Engine>(
    engine: &E,
    caller: &Caller<'_>,
    method: &str,
    params: Params<'_>,
) -> Result<Value, Fault> {
    match method {
        "session.open_session" => {
            let [expires_in] = params.bind(["expires_in"])?;
            open(engine, caller, expires_in).await
        }
        VERIFY => verify(engine, caller.principal, params).await,
        "session.close_session" => {
            let [token] = params.bind(["token"])?;
            close(engine, caller, token).await
        }
        _ => Err(Fault::METHOD_NOT_FOUND),
    }
}

async fn open<E: Engine>(
    engine: &E,
    caller: &Caller<'_>,
    expires_in: Option<Raw<'_>>,
) -> Result<Value, Fault> {
    let principal = caller.principal;
    let bounds = engine.policy().xdata;
    let lifetime_ms = match expires_in {
        Some(value) if value.kind() != Kind::Null => {
            let seconds = value
                .integer()
                .and_then(|s| u64::try_from(s).ok())
                .ok_or(Fault::INVALID_PARAMS)?;
            let ms = seconds
                .checked_mul(1_000)
                .filter(|ms| (1..=ABSOLUTE_MAX_MS).contains(ms));
            ms.ok_or(Fault::INVALID_PARAMS)?
        }
        Some(_) | None => bounds.life.absolute_ms,
    };
    let secret = Secret::uuid_v4(engine.random().map_err(|_| Fault::INTERNAL_ERROR)?);
    let id = engine
        .session_id(secret.reveal().as_bytes())
        .ok_or(Fault::INTERNAL_ERROR)?;
    let absolute = engine.now().plus_ms(lifetime_ms);
    let grant = Grant {
        account: principal.account,
        generation: principal.generation,
        surface: Surface::Xdata,
        // Expiry is absolute from opening: nothing slides.
        lifetime: Lifetime {
            idle_timeout_ms: bounds.life.idle_timeout_ms,
            absolute,
        },
        factors: Factors::API_KEY,
        client_type: ClientType::direct(),
        key: Some(principal.key),
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: None,
    };
    let open = Open {
        ids: vec![id],
        grant: Arc::new(grant),
        per_account: bounds.per_account,
        when_full: bounds.when_full,
        otp_step: None,
    };
    let opened = engine.ask(&(caller.origin)(), Command::Open(open)).await;
    opened.map_err(fault)?;
    let expires_in_s = i64::try_from(lifetime_ms / 1_000).unwrap_or(i64::MAX);
    Ok(Value::Opened {
        secret,
        expires_in_s,
    })
}

/// Whether a token is of a live session that this principal opened. It only reads.
pub(super) async fn verify<E: Engine>(
    engine: &E,
    principal: Principal,
    params: Params<'_>,
) -> Result<Value, Fault> {
    let [token] = params.bind(["token"])?;
    let token = text(token)?;
    let Some(id) = engine.session_id(token.as_bytes()) else {
        return Ok(Value::Verified { active: false });
    };
    engine.approach(id).await;
    let active = engine.with_session(id, Look::on(Surface::Xdata, Touch::No), move |view| {
        view.is_some_and(|v| v.key() == Some(principal.key))
    });
    Ok(Value::Verified {
        active: active.get().await,
    })
}

async fn close<E: Engine>(
    engine: &E,
    caller: &Caller<'_>,
    token: Option<Raw<'_>>,
) -> Result<Value, Fault> {
    let token = text(token)?;
    if let Some(id) = engine.session_id(token.as_bytes()) {
        let key = Some(caller.principal.key);
        let end = End {
            id,
            surface: Some(Surface::Xdata),
            key,
            client: None,
            reason: EndReason::Logout,
        };
        match engine.ask(&(caller.origin)(), Command::End(end)).await {
            // What is not there, or not the caller's, is closed as far as he can tell.
            Ok(_) | Err(ServiceError::Refused(Refusal::SessionNotFound)) => {}
            Err(error) => return Err(fault(error)),
        }
    }
    Ok(Value::Closed)
}

fn text(token: Option<Raw<'_>>) -> Result<std::borrow::Cow<'_, str>, Fault> {
    let text = token.and_then(Raw::string).ok_or(Fault::INVALID_PARAMS)?;
    if text.chars().count() > TOKEN_CHARS_MAX {
        Err(Fault::INVALID_PARAMS)
    } else {
        Ok(text)
    }
}

//! One HTTP call: a request, a notification, or a batch of them. Source: JSON-RPC 2.0 §4 to §6.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::caller;
use super::error::{BUSY, Problem};
use super::methods;
use crate::audit::note::Note;
use crate::door::Engine;
use crate::http::body;
use crate::http::headers::{Fields, MediaType, media_type};
use crate::http::jsonrpc::{Parsed, answer, parse, write_result};
use crate::http::origin;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::origin::Actor;
use crate::session::state::Surface;

/// The largest body. Source: ARCHITECTURE, Bounds.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Members of a batch. Source: X-64.
const BATCH_MAX: usize = 100;

pub(super) async fn call<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    match serve(&request, payload, &**engine, &surroundings).await {
        Ok(answer) => answer,
        Err(problem) => {
            if let Problem::Unauthorized = problem {
                let origin = origin::on(Surface::Xdata, Actor::Unknown, &request, &surroundings);
                let name = caller::named(request.headers());
                engine.note(&origin, Note::KeyRefused { name });
            }
            problem.answer()
        }
    }
}

async fn serve<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
    surroundings: &Surroundings,
) -> Result<HttpResponse, Problem> {
    let principal = caller::principal(engine, request.headers()).await?;
    let body = body::read(payload, BODY_BYTES_MAX).await?;
    if !is_json(request.headers()) {
        return Err(Problem::UnsupportedMediaType);
    }
    let origin = || {
        let actor = Actor::Key(principal.key);
        origin::on(Surface::Xdata, actor, request, surroundings)
    };
    let caller = methods::Caller {
        principal,
        origin: &origin,
    };
    let mut out = Vec::with_capacity(128);
    let mut busy = false;
    answer(&body, BATCH_MAX, &mut out, async |call, out| {
        let result = methods::run(engine, &caller, &call.method, call.params).await;
        busy = matches!(&result, Err(fault) if *fault == BUSY);
        result.map(|value| value.write(out))
    })
    .await;
    // In a batch each member says so itself; alone it is the whole call that is turned away.
    if busy && out.first() == Some(&b'{') {
        return Err(Problem::Busy);
    }
    Ok(Ready::json(StatusCode::OK, out).into())
}

fn is_json(headers: &impl Fields) -> bool {
    match media_type(headers) {
        MediaType::Absent => true,
        MediaType::Named(name) => matches!(
            &*name,
            "application/json" | "application/json-rpc" | "application/jsonrequest"
        ),
        MediaType::Unusable => false,
    }
}

/// The answer to a call that verifies one token, if that is what it is, and nothing is wrong with it. It only reads.
pub(super) async fn verified<E: Engine>(
    headers: &impl Fields,
    body: &[u8],
    engine: &E,
) -> Option<Ready> {
    let Ok(Parsed::One(call)) = parse(body, BATCH_MAX) else {
        return None;
    };
    let id = call.id.filter(|_| call.method == methods::VERIFY)?;
    if !is_json(headers) {
        return None;
    }
    let principal = caller::principal(engine, headers).await.ok()?;
    let value = methods::verify(engine, principal, call.params).await.ok()?;
    let mut out = Vec::with_capacity(128);
    write_result(&mut out, id, |out| value.write(out));
    Some(Ready::json(StatusCode::OK, out))
}

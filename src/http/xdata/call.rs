//! One HTTP call: a request, a notification, or a batch of them. Source: JSON-RPC 2.0 §4 to §6.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::caller;
use super::error::{BUSY, Problem};
use super::methods;
use crate::door::Engine;
use crate::engine::keys::Principal;
use crate::http::body;
use crate::http::headers::{MediaType, media_type};
use crate::http::jsonrpc::{Call, Fault, Parsed, parse, write_fault, write_result};
use crate::http::reply;

/// The largest body. Source: ARCHITECTURE, Bounds.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Members of a batch. Source: X-64.
const BATCH_MAX: usize = 100;

pub(super) async fn call<E: Engine>(
    request: HttpRequest,
    payload: Payload,
    engine: Data<E>,
) -> HttpResponse {
    match serve(&request, payload, &**engine).await {
        Ok(answer) => answer,
        Err(problem) => problem.answer(),
    }
}

async fn serve<E: Engine>(
    request: &HttpRequest,
    payload: Payload,
    engine: &E,
) -> Result<HttpResponse, Problem> {
    let principal = caller::principal(engine, request.headers()).await?;
    let body = body::read(payload, BODY_BYTES_MAX).await?;
    let usable = match media_type(request.headers()) {
        MediaType::Absent => true,
        MediaType::Named(name) => {
            matches!(
                &*name,
                "application/json" | "application/json-rpc" | "application/jsonrequest"
            )
        }
        MediaType::Unusable => false,
    };
    if !usable {
        return Err(Problem::UnsupportedMediaType);
    }
    let mut out = Vec::with_capacity(128);
    match parse(&body, BATCH_MAX) {
        Err(fault) => write_fault(&mut out, None, &fault),
        Ok(Parsed::One(call)) => {
            let busy = run(engine, principal, &call, &mut out).await;
            if busy && call.id.is_some() {
                return Err(Problem::Busy);
            }
        }
        Ok(Parsed::Batch(members)) => {
            for member in members {
                let start = out.len();
                out.push(if start == 0 { b'[' } else { b',' });
                let opened = out.len();
                match member {
                    Ok(call) => {
                        run(engine, principal, &call, &mut out).await;
                    }
                    Err(fault) => write_fault(&mut out, None, &fault),
                }
                // A notification leaves no trace.
                if out.len() == opened {
                    out.truncate(start);
                }
            }
            if !out.is_empty() {
                out.push(b']');
            }
        }
    }
    Ok(reply::json(StatusCode::OK).body(out))
}

/// Runs one call and appends its answer, if it wants one; tells whether the engine was busy.
async fn run<E: Engine>(
    engine: &E,
    principal: Principal,
    call: &Call<'_>,
    out: &mut Vec<u8>,
) -> bool {
    let result = if call.is_reserved() {
        Err(Fault::METHOD_NOT_FOUND)
    } else {
        methods::run(engine, principal, &call.method, call.params).await
    };
    let busy = result.as_ref().is_err_and(|fault| *fault == BUSY);
    if let Some(id) = call.id {
        match result {
            Ok(value) => write_result(out, id, |out| value.write(out)),
            Err(fault) => write_fault(out, Some(id), &fault),
        }
    }
    busy
}

//! Bodies of this contract, spelled as it spells them.

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Payload};

use super::error::Problem;
use crate::http::body::{self, BODY_BYTES_MAX};
use crate::http::headers::{self, MediaType, media_type};
use crate::http::json::{self, BodyError, Members, write_int, write_str};

/// `{"status":"ok","data":…}`.
pub(super) fn ok(data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(br#"{"status":"ok","data":"#);
    data(&mut out);
    out.push(b'}');
    out
}

/// The metadata of a session. Source: M-59.
pub(super) fn metadata(username: &str, client_type: &str) -> Vec<u8> {
    ok(|out| {
        out.extend_from_slice(br#"{"username":"#);
        write_str(out, username);
        out.extend_from_slice(br#","client_type":"#);
        write_str(out, client_type);
        out.push(b'}');
    })
}

/// An error without data.
pub(super) fn error(code: &str, message: &str) -> Vec<u8> {
    let mut out = begin_error(code, message);
    out.push(b'}');
    out
}

/// A validation error: messages by field.
pub(super) fn validation_error(code: &str, message: &str, fields: &[(String, &str)]) -> Vec<u8> {
    let mut out = begin_error(code, message);
    out.extend_from_slice(br#","data":{"validation_errors":{"#);
    for (at, (name, problem)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_str(&mut out, name);
        out.extend_from_slice(b":[");
        write_str(&mut out, problem);
        out.push(b']');
    }
    out.extend_from_slice(b"}}}");
    out
}

/// A refusal for now: how many seconds to wait.
pub(super) fn rate_limited(code: &str, message: &str, seconds: u64) -> Vec<u8> {
    let mut out = begin_error(code, message);
    out.extend_from_slice(br#","data":{"retry_after":"#);
    write_int(&mut out, i64::try_from(seconds).unwrap_or(i64::MAX));
    out.extend_from_slice(b"}}");
    out
}

fn begin_error(code: &str, message: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(160);
    out.extend_from_slice(br#"{"status":"error","code":"#);
    write_str(&mut out, code);
    out.extend_from_slice(br#","message":"#);
    write_str(&mut out, message);
    out
}

/// How a body is written.
enum Format {
    Json,
    Form,
}

/// Reads a body that carries fields. Source: M-7 to M-18.
pub(super) async fn read_fields(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Bytes, Fields), Problem> {
    let body = body::read(payload, BODY_BYTES_MAX).await?;
    let fields = Fields::declared(request.headers(), &body)?;
    Ok((body, fields))
}

/// How to read the fields of a body that was read.
pub(super) struct Fields(Format);

impl Fields {
    /// As the header fields declare it.
    pub(super) fn declared(headers: &impl headers::Fields, body: &[u8]) -> Result<Self, Problem> {
        Ok(Self(match media_type(headers) {
            MediaType::Named(name) if name == "application/json" => Format::Json,
            // What HTTP clients send without saying so is a form (P2).
            MediaType::Absent => Format::Form,
            MediaType::Named(name) if name == "application/x-www-form-urlencoded" => Format::Form,
            // A type that is not understood does not matter if there is nothing to understand.
            MediaType::Named(_) | MediaType::Unusable if body.is_empty() => Format::Form,
            MediaType::Named(_) | MediaType::Unusable => return Err(Problem::UnsupportedMediaType),
        }))
    }

    /// Reads named strings: those in `required` must be there and not empty, the others may be.
    ///
    /// Every field that is wrong is named in one answer.
    pub(super) fn strings<const N: usize, const M: usize>(
        &self,
        body: &[u8],
        required: [&str; N],
        optional: [&str; M],
    ) -> Result<([String; N], [Option<String>; M]), Problem> {
        let known = |name: &str| required.contains(&name) || optional.contains(&name);
        let members = match self.0 {
            // No body at all is an object without members: the answer names what is missing.
            Format::Json if body.is_empty() => json::form(b""),
            Format::Json => json::object(body),
            Format::Form => json::form(body),
        };
        let members = members.map_err(|error| match error {
            // A name that nobody knows is the caller's own text, perhaps a secret gone astray.
            BodyError::Repeated(name) if !known(&name) => Problem::Validation(Vec::new()),
            error => error.into(),
        })?;
        let mut wrong = Vec::new();
        let needed = required.map(|name| {
            let found = string(&members, name, &mut wrong);
            if found.is_none() && !wrong.iter().any(|(field, _)| field == name) {
                wrong.push((name.to_owned(), "this field is required"));
            }
            if found.as_deref() == Some("") {
                wrong.push((name.to_owned(), "this field may not be empty"));
            }
            found.unwrap_or_default()
        });
        let extra = optional.map(|name| string(&members, name, &mut wrong));
        if wrong.is_empty() {
            Ok((needed, extra))
        } else {
            Err(Problem::Validation(wrong))
        }
    }
}

fn string(
    members: &Members<'_>,
    name: &str,
    wrong: &mut Vec<(String, &'static str)>,
) -> Option<String> {
    match members.string(name) {
        Ok(found) => found.map(|text| text.into_owned()),
        Err(_) => {
            wrong.push((name.to_owned(), "this field must be a string"));
            None
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::NotJson => Self::BadRequest("the body is not JSON"),
            BodyError::TooDeep => Self::BadRequest("the body is nested too deeply"),
            BodyError::NotObject => Self::BadRequest("the body is not a JSON object"),
            BodyError::NotForm => Self::BadRequest("the body is not a form"),
            BodyError::Repeated(name) => Self::Validation(vec![(
                name.into_string(),
                "this field may be sent only once",
            )]),
        }
    }
}

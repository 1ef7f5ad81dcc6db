//! What a request of this surface says beyond its path: the method meant, the query, the form.
//! Source: C-2 to C-11.

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;
use actix_web::guard::{Guard, fn_guard};
use actix_web::http::Method;
use actix_web::web::{Bytes, Payload};

use super::error::Problem;
use crate::http::body::{self, BODY_BYTES_MAX};
use crate::http::headers::{MediaType, media_type};
use crate::http::members;

/// The method that a request means: a POST may carry another one in `_method`, which is how pages
/// keep their requests simple. `None` for one that is not served anywhere.
pub(super) fn meant(head: &RequestHead) -> Option<Method> {
    if head.method != Method::POST {
        return Some(head.method.clone());
    }
    let mut said = fields(head.uri.query().unwrap_or_default(), "_method");
    match (said.next(), said.next()) {
        (None, _) => Some(Method::POST),
        (Some("GET"), None) => Some(Method::GET),
        (Some("POST"), None) => Some(Method::POST),
        (Some("PATCH"), None) => Some(Method::PATCH),
        (Some("DELETE"), None) => Some(Method::DELETE),
        _ => None,
    }
}

/// A guard for the method that is meant. HEAD goes where GET goes; a GET that a POST only means does
/// not: reading needs no disguise.
pub(super) fn method(wanted: Method) -> impl Guard {
    fn_guard(move |request| {
        let head = request.head();
        if wanted == Method::GET {
            return head.method == Method::GET || head.method == Method::HEAD;
        }
        meant(head).is_some_and(|meant| meant == wanted)
    })
}

/// The raw values of a field of a query.
fn fields<'q>(query: &'q str, name: &'q str) -> impl Iterator<Item = &'q str> {
    let pieces = query
        .split('&')
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    pieces
        .filter(move |(field, _)| *field == name)
        .map(|(_, value)| value)
}

/// The value of a field of the query that may stand once; the empty one is none. None of the values
/// that matter here has anything to escape.
pub(super) fn query<'q>(query: &'q str, name: &'q str) -> Result<Option<&'q str>, Problem> {
    let mut values = fields(query, name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.filter(|value| !value.is_empty())),
        _ => Err(Problem::BadRequest),
    }
}

/// The form that came with a request. No body at all is an empty form.
pub(super) struct Form(Bytes);

impl Form {
    pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Self, Problem> {
        let declared = media_type(request.headers());
        let body = body::read(payload, BODY_BYTES_MAX).await?;
        match declared {
            MediaType::Absent => Ok(Self(body)),
            MediaType::Named(name) if name == "application/x-www-form-urlencoded" => Ok(Self(body)),
            MediaType::Named(_) | MediaType::Unusable if body.is_empty() => Ok(Self(body)),
            MediaType::Named(_) | MediaType::Unusable => Err(Problem::UnsupportedMediaType),
        }
    }

    /// Fields by name; an empty one counts as not sent, and names that nobody asks for do not count.
    pub(super) fn fields<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Option<String>; N], Problem> {
        let form = members::form(&self.0).map_err(|error| match error {
            crate::http::json::BodyError::Repeated(name) => {
                let known = names.into_iter().find(|known| **known == *name);
                known.map_or(Problem::BadRequest, Problem::ParamInvalid)
            }
            _ => Problem::BadRequest,
        })?;
        let text = |name| {
            let found = form.string(name).ok().flatten();
            found
                .filter(|text| !text.is_empty())
                .map(|text| text.into_owned())
        };
        Ok(names.map(text))
    }
}

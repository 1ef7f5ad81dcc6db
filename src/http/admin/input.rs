//! Reading what administrators send: JSON objects without repeated or unknown members, and queries.

use actix_web::web::Payload;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::Problem;
use crate::http::body::{self, BODY_BYTES_MAX};
use crate::http::json::{self, BodyError, Kind};

/// The most items of one page.
pub(super) const PAGE_MAX: usize = 1_000;
/// Items of a page when nothing is said.
pub(super) const PAGE_DEFAULT: usize = 100;

/// Reads a JSON body; no body at all is an empty object.
pub(super) async fn read<T: DeserializeOwned>(payload: Payload) -> Result<T, Problem> {
    let body = body::read(payload, BODY_BYTES_MAX).await?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    let value = json::parse(text).and_then(|value| value.unique().map(|()| value));
    let value = value.map_err(|error| Problem::Invalid(error.to_string()))?;
    if value.kind() != Kind::Object {
        return Err(Problem::Invalid(BodyError::NotObject.to_string()));
    }
    value
        .decode()
        .map_err(|error| Problem::Invalid(without_values(&error)))
}

/// What serde has against a body, without the values it quotes: one of them may be a secret.
pub(super) fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(", expected ") {
        Some((what, expected)) if what.starts_with("invalid ") => {
            format!("a member is of the wrong type or value: expected {expected}")
        }
        _ => text,
    }
}

/// Checks a value and says which field it was for.
pub(super) fn check<T>(field: &str, checked: Result<T, &'static str>) -> Result<T, Problem> {
    checked.map_err(|rule| Problem::Invalid(format!("{field}: {rule}")))
}

/// A member that may be absent, null, or have a value: `None`, `Some(None)`, `Some(Some(value))`.
pub(super) fn nullable<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Deserialize::deserialize(from).map(Some)
}

/// A member that may be absent, null, or an object: serde alone would take an array for one.
pub(super) fn object<'de, D, T>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: DeserializeOwned,
{
    let object = Option::<serde_json::Map<_, _>>::deserialize(from)?;
    let read = |map| serde_json::from_value(serde_json::Value::Object(map));
    let read = object.map(read).transpose();
    read.map(Some).map_err(serde::de::Error::custom)
}

/// The size of a page that was asked for.
pub(super) fn page(limit: Option<usize>) -> Result<usize, Problem> {
    match limit.unwrap_or(PAGE_DEFAULT) {
        limit @ 1..=PAGE_MAX => Ok(limit),
        _ => Err(Problem::Invalid(format!(
            "limit: a page has 1 to {PAGE_MAX} items"
        ))),
    }
}

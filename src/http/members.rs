//! Named values, whether they arrived as a JSON object or as an HTML form, so that a surface reads both alike.
//!
//! It must never know which surface asks, or what a name means.
//!
//! Invariants: the names in a [`Members`] are decoded, distinct and in ascending order. `Debug` never shows a value, nor
//! a name, which in a form without `=` may be a secret itself.

use std::borrow::Cow;
use std::fmt;

use super::json::{self, BodyError, Kind, Raw};

/// Reads a whole body as one JSON object in which no object, at any depth, repeats a name.
///
/// Errors: as [`json::parse`]; [`BodyError::NotObject`]; [`BodyError::Repeated`] with the name.
/// Source: ARCHITECTURE, Bounds (duplicate keys); RFC 7493 §2.3.
pub fn object(body: &[u8]) -> Result<Members<'_>, BodyError> {
    let value = json::parse(body)?;
    if value.kind() != Kind::Object {
        return Err(BodyError::NotObject);
    }
    let mut entries = Vec::new();
    for (name, member) in value.members() {
        member.unique()?;
        entries.push((name, Value::Json(member)));
    }
    Members::new(entries)
}

/// Reads a whole `application/x-www-form-urlencoded` body or a query string without its `?`.
///
/// `+` is a space, `%XX` a byte; a name without `=` has the empty value; empty pieces between `&` are skipped; an
/// empty body has no members.
///
/// Errors: [`BodyError::NotForm`]; [`BodyError::Repeated`] with the decoded name.
/// Source: WHATWG URL §5.1, except that it lets broken escapes pass; ARCHITECTURE, Bounds (repeated form keys).
pub fn form(body: &[u8]) -> Result<Members<'_>, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotForm)?;
    let mut entries = Vec::new();
    for piece in text.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let name = percent_decoded(name).ok_or(BodyError::NotForm)?;
        let value = percent_decoded(value).ok_or(BodyError::NotForm)?;
        entries.push((name, Value::Text(value)));
    }
    Members::new(entries)
}

/// The members of a JSON object or the fields of a form, by name.
pub struct Members<'a> {
    entries: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// The value of one member.
#[derive(Clone)]
pub enum Value<'a> {
    /// From a JSON object: the text of any JSON value, in which no object repeats a name.
    Json(Raw<'a>),
    /// From a form: decoded text; a form knows no other type.
    Text(Cow<'a, str>),
}

impl<'a> Members<'a> {
    /// Sorting puts equal names side by side, and needs no hash that a client could choose names against.
    fn new(mut entries: Vec<(Cow<'a, str>, Value<'a>)>) -> Result<Self, BodyError> {
        entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        match json::repeated(&entries, |(name, _)| name) {
            Some(name) => Err(BodyError::Repeated(name.into())),
            None => Ok(Self { entries }),
        }
    }

    /// The value called `name`, of whatever type; `None` if there is no such member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let at = self
            .entries
            .binary_search_by(|(entry, _)| (**entry).cmp(name))
            .ok()?;
        self.entries.get(at).map(|(_, value)| value)
    }

    /// The text of the string called `name`; `None` if there is no such member. Null is not a string.
    ///
    /// Errors: [`WrongType`] if the member is anything but a string; never for a form.
    pub fn string<'n>(&self, name: &'n str) -> Result<Option<Cow<'_, str>>, WrongType<'n>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(Cow::Borrowed(text))),
            Some(Value::Json(value)) => value.string().map(Some).ok_or(WrongType(name)),
        }
    }

    /// Every member, in ascending order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.entries.iter().map(|(name, value)| (&**name, value))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A member exists and is not of the type that was asked for; carries the name that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wrong type of {0:?}")]
pub struct WrongType<'n>(pub &'n str);

fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Members({})", self.entries.len())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(value) => value.fmt(out),
            Self::Text(text) => write!(out, "Text({} bytes)", text.len()),
        }
    }
}

#[cfg(test)]
#[path = "tests/members.rs"]
mod tests;

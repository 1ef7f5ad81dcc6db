//! JSON bodies: one value, read in place and refused on the first doubt; named values are beside, in `members.rs`.
//!
//! Every surface and the JSON-RPC envelope read JSON here and nowhere else. It must never know a surface, a session,
//! HTTP or the clock: bytes come in, borrowed views or a [`BodyError`] go out.
//!
//! What is JSON is decided by `serde_json` alone. The code here walks text only to find members, nesting, repeated names
//! and lone surrogates, four things `serde_json` does not report; it never accepts what `serde_json` refuses.
//!
//! Invariants:
//! - A [`Raw`] holds exactly one well-formed value without outer white space, nested at most [`DEPTH_MAX`] deep, whose
//!   strings all decode to Unicode text.
//! - No stack depth and no allocation depends on how deep a body nests; time is at most `n log n` in its length.
//! - `Debug` never shows a value: bodies carry passwords and tokens.
//!
//! Source: ARCHITECTURE, Bounds (duplicate keys); ARCHITECTURE, Bounds (depth); RFC 8259 §4 and §9; RFC 7493 §2.1 and §2.3.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use super::members::{Members, Value, WrongType, form, object};
use super::walk::{Children, Token, Tokens};

/// How many arrays and objects may be open at once; one more is [`BodyError::TooDeep`].
///
/// Source: ARCHITECTURE, Bounds.
pub const DEPTH_MAX: usize = 16;

/// Why a body was refused. The texts may be shown to the client; each surface chooses its own status and code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not one JSON value: broken syntax, nothing at all, bytes after the value, a byte order mark, bytes that are
    /// not UTF-8, or a string with half of a surrogate pair.
    #[error("body is not JSON")]
    NotJson,
    /// More than [`DEPTH_MAX`] arrays and objects open at once.
    #[error("JSON body nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// JSON, but not an object where an object is required.
    #[error("JSON body is not an object")]
    NotObject,
    /// Not a form: a `%` without two hexadecimal digits, or text that is not UTF-8 before or after decoding.
    #[error("body is not a form")]
    NotForm,
    /// The same name twice in one object or one form. The name is the client's own text: answer it, do not log it.
    #[error("repeated key {0:?}")]
    Repeated(Box<str>),
}

/// Reads a whole body as one JSON value. Repeated names are not looked for here: see [`Raw::unique`].
///
/// Errors: [`BodyError::NotJson`]; [`BodyError::TooDeep`], which is found first, so that nothing else sees such a body.
/// Source: RFC 8259 §2; RFC 7493 §2.1 (UTF-8, no lone surrogates); ARCHITECTURE, Bounds.
pub fn parse(body: &[u8]) -> Result<Raw<'_>, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotJson)?;
    if !is_shallow_and_plain(text) {
        walk(text)?;
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(value) => Ok(Raw(value.get())),
        Err(_) => Err(BodyError::NotJson),
    }
}

/// Whether a walk over the text would find nothing to refuse: what opens no more than may be open at once is not too deep,
/// and without a backslash there is no surrogate. Nearly every body is so.
fn is_shallow_and_plain(text: &str) -> bool {
    let opening = |byte: &u8| matches!(byte, b'{' | b'[');
    text.bytes().filter(opening).count() <= DEPTH_MAX && memchr(b'\\', text.as_bytes()).is_none()
}

/// Looks for what `serde_json` would let pass.
fn walk(text: &str) -> Result<(), BodyError> {
    let mut depth = 0_usize;
    for token in Tokens::of(text) {
        match token {
            Token::Open if depth == DEPTH_MAX => return Err(BodyError::TooDeep),
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            // `serde_json` looks into escapes only when it decodes, so decode whatever could be a surrogate.
            Token::Key(scalar) | Token::Scalar(scalar) => {
                if scalar.contains("\\u") && Raw(scalar).string().is_none() {
                    return Err(BodyError::NotJson);
                }
            }
        }
    }
    Ok(())
}

/// Appends `text` as a JSON string: quoted, with quotation marks, backslashes and control characters escaped.
pub fn write_str(out: &mut Vec<u8>, text: &str) {
    write(out, text);
}

/// Appends `number` as a JSON number.
pub fn write_int(out: &mut Vec<u8>, number: i64) {
    write(out, &number);
}

fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, scalar: &T) {
    let written = serde_json::to_writer(out, scalar);
    debug_assert!(
        written.is_ok(),
        "a scalar always serialises, and a Vec accepts every write"
    );
}

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// Any number, of any size or precision.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One JSON value as the client spelled it, borrowed from the body. The module head says what holds for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The value's text, byte for byte as received.
    #[must_use]
    pub fn text(self) -> &'a str {
        self.0
    }

    /// The value's type.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.0.as_bytes().first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The decoded text of a string, borrowed if it was spelled without escapes; `None` if this is not a string.
    #[must_use]
    pub fn string(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            return serde_json::from_str(self.0).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(inner))
    }

    /// The number, if its value is whole and fits, however it is spelled: `60`, `60.0`, `6e1`, `600E-1`.
    ///
    /// Source: `2592000.0` counts as an integer in xData's calls.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        if self.kind() != Kind::Number {
            return None;
        }
        if let Ok(integer) = self.0.parse() {
            return Some(integer);
        }
        // By decimal digits and not through `f64`, which takes 59.99999999999999999 for 60.
        let (mantissa, exponent) = self.0.split_once(['e', 'E']).unwrap_or((self.0, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let mut scale = exponent
            .parse::<i64>()
            .ok()?
            .checked_sub(i64::try_from(fraction.len()).ok()?)?;
        // Below zero, where there is room for one value more.
        let mut negated = 0_i64;
        for digit in whole
            .bytes()
            .chain(fraction.bytes())
            .filter(u8::is_ascii_digit)
        {
            negated = negated
                .checked_mul(10)?
                .checked_sub(i64::from(digit - b'0'))?;
        }
        while scale != 0 && negated != 0 {
            if scale > 0 {
                negated = negated.checked_mul(10)?;
                scale -= 1;
            } else if negated % 10 == 0 {
                negated /= 10;
                scale += 1;
            } else {
                return None;
            }
        }
        if whole.starts_with('-') {
            Some(negated)
        } else {
            negated.checked_neg()
        }
    }

    /// Decodes into any type. Serde takes the last of repeated names, so ask [`Raw::unique`] first.
    ///
    /// Errors: those of `serde_json`, whose text may quote the value: do not log it.
    pub fn decode<T: Deserialize<'a>>(self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.0)
    }

    /// The members of an object in the order received, repeated names and all; nothing for any other type.
    pub fn members(self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> {
        let object = if self.kind() == Kind::Object {
            self.0
        } else {
            ""
        };
        Children::of(object).filter_map(|(name, value)| Some((Raw(name?).string()?, Raw(value))))
    }

    /// The elements of an array in order; nothing for any other type.
    #[must_use]
    pub fn elements(self) -> Elements<'a> {
        let array = if self.kind() == Kind::Array {
            self.0
        } else {
            ""
        };
        Elements(Children::of(array))
    }

    /// Refuses the value if any object in it, at any depth, repeats a name, however the name is escaped.
    ///
    /// Errors: [`BodyError::Repeated`] with the decoded name.
    /// Source: ARCHITECTURE, Bounds (duplicate keys); RFC 7493 §2.3.
    pub fn unique(self) -> Result<(), BodyError> {
        if !matches!(self.kind(), Kind::Array | Kind::Object) {
            return Ok(());
        }
        // Names of the objects still open, each with the depth of its object: those of the innermost come last.
        let mut names: Vec<(usize, Cow<'a, str>)> = Vec::new();
        let mut depth = 0_usize;
        for token in Tokens::of(self.0) {
            match token {
                Token::Open => depth += 1,
                Token::Key(key) => {
                    names.push((depth, Raw(key).string().ok_or(BodyError::NotJson)?))
                }
                Token::Scalar(_) => {}
                Token::Close => {
                    let start = names
                        .iter()
                        .rposition(|(at, _)| *at != depth)
                        .map_or(0, |outer| outer + 1);
                    let closed = names.get_mut(start..).unwrap_or_default();
                    closed.sort_unstable();
                    if let Some(name) = repeated(closed, |(_, name)| name) {
                        return Err(BodyError::Repeated(name.into()));
                    }
                    names.truncate(start);
                    depth = depth.saturating_sub(1);
                }
            }
        }
        Ok(())
    }
}

/// The elements of an array; see [`Raw::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a>(Children<'a>);

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.0.next().map(|(_, value)| Raw(value))
    }
}

/// The first name that stands twice in entries sorted by name.
pub(super) fn repeated<'s, T>(
    sorted: &'s [T],
    name: impl Fn(&'s T) -> &'s str + Copy,
) -> Option<&'s str> {
    let names = sorted.iter().map(name);
    names
        .clone()
        .zip(names.skip(1))
        .find(|(left, right)| left == right)
        .map(|(name, _)| name)
}

/// Without the text, which may be a secret.
impl fmt::Debug for Raw<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Raw({:?}, {} bytes)", self.kind(), self.0.len())
    }
}

#[cfg(test)]
#[path = "tests/json.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/json_judged.rs"]
mod judged;

//! The JSON-RPC 2.0 envelope: request bytes to calls, outcomes to answer bytes, batches and notifications included.
//!
//! A surface gives [`answer`] a body and a function for one call; everything the specification says about versions, ids,
//! silence, batches and reserved names is settled here. It must never know a session, an API key, HTTP or the engine:
//! status codes, and whether the caller may call at all, are settled before and after.
//!
//! Invariants:
//! - An answer is one legal response object, an array of at least one of them, or nothing at all.
//! - An id is echoed byte for byte as it was spelled, so numbers of any size and precision survive.
//! - A notification is never answered; what is not a valid request cannot be one, and is answered with id null.
//! - Members of a batch are independent: one that is invalid spoils no other. They run in the order sent.
//! - Names are unique: a repeated one is −32600 in the envelope and −32602 inside `params`.
//!
//! A body that nests deeper than [`DEPTH_MAX`](super::json::DEPTH_MAX) is a parse error: it is refused by the reader,
//! before it can be told whether it would be a request (RFC 8259 §9 lets a parser set such a limit).
//!
//! Source: JSON-RPC 2.0 specification; ARCHITECTURE, Bounds.

use std::borrow::Cow;

use super::json::{self, Kind, Raw};

/// A JSON-RPC error: what [`write_fault`] renders.
///
/// A surface adds its own as constants, in −32000…−32099 for server errors; the specification reserves the rest of
/// −32768…−32000. The message is fixed text, so nothing internal and nothing of the caller's can leak into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    code: i32,
    message: &'static str,
}

impl Fault {
    /// Not JSON, or nested too deep.
    pub const PARSE_ERROR: Self = Self::new(-32700, "Parse error");
    /// JSON, but not a request object; an empty batch or one beyond its bound.
    pub const INVALID_REQUEST: Self = Self::new(-32600, "Invalid Request");
    /// No method of that name.
    pub const METHOD_NOT_FOUND: Self = Self::new(-32601, "Method not found");
    /// Parameters missing, unknown, repeated, too many or of the wrong type.
    pub const INVALID_PARAMS: Self = Self::new(-32602, "Invalid params");
    /// The server failed; the reason is in its log.
    pub const INTERNAL_ERROR: Self = Self::new(-32603, "Internal error");

    /// An error of the surface's own.
    #[must_use]
    pub const fn new(code: i32, message: &'static str) -> Self {
        Self { code, message }
    }

    /// The number that stands for this error on the wire.
    #[must_use]
    pub const fn code(&self) -> i32 {
        self.code
    }

    /// The text beside the number.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        self.message
    }
}

/// A body that is JSON and, as far as its outermost value goes, JSON-RPC.
#[derive(Clone, Debug)]
pub enum Parsed<'a> {
    /// One valid request or notification.
    One(Call<'a>),
    /// An array with at least one member and no more than its bound.
    Batch(Batch<'a>),
}

/// A valid request or notification, borrowed from the body.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The method's name, decoded; any string.
    pub method: Cow<'a, str>,
    /// The parameters, not yet looked into.
    pub params: Params<'a>,
    /// A string, a number or null as the caller spelled it; `None` for a notification.
    pub id: Option<Raw<'a>>,
}

impl Call<'_> {
    /// Whether the method belongs to the specification itself, which defines none so far: it cannot be found.
    ///
    /// Source: JSON-RPC 2.0 §4 (`rpc.` is reserved).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.method.starts_with("rpc.")
    }
}

/// The parameters of a call: none, an object or an array.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a>(Option<Raw<'a>>);

impl<'a> Params<'a> {
    /// The value of each of a method's parameters, in the order of `names`, which is also their order by position.
    ///
    /// A parameter that is not there is `None`; one that is null is `Some`. Whether it is required, and of which type,
    /// is for the method to say.
    ///
    /// Errors: [`Fault::INVALID_PARAMS`] for a name not in `names`, for more positions than `names`, and for a repeated
    /// name, also inside a parameter's value.
    /// Source: JSON-RPC 2.0 §4.2; X-39 (positions); ARCHITECTURE, Bounds.
    pub fn bind<const N: usize>(self, names: [&str; N]) -> Result<[Option<Raw<'a>>; N], Fault> {
        let Some(params) = self.0 else {
            return Ok([None; N]);
        };
        let mut bound = [None; N];
        if params.kind() == Kind::Object {
            let extras = by_name(params, names, &mut bound).ok_or(Fault::INVALID_PARAMS)?;
            if !extras.is_empty() {
                return Err(Fault::INVALID_PARAMS);
            }
        } else {
            let mut slots = bound.iter_mut();
            for element in params.elements() {
                *slots.next().ok_or(Fault::INVALID_PARAMS)? = Some(element);
            }
        }
        for value in bound.iter().flatten() {
            value.unique().map_err(|_| Fault::INVALID_PARAMS)?;
        }
        Ok(bound)
    }
}

/// The members of a batch in the order sent, each a call or, if it is not one, [`Fault::INVALID_REQUEST`].
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    members: json::Elements<'a>,
}

impl<'a> Iterator for Batch<'a> {
    type Item = Result<Call<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.members.next().map(call)
    }
}

/// Reads a body. The usual single request costs no allocation beyond a few bytes inside `serde_json`.
///
/// Errors, all of them to be answered with id null: [`Fault::PARSE_ERROR`] as for [`json::parse`], so also for an empty
/// body; [`Fault::INVALID_REQUEST`] if a single value is not a valid request, and for an array without members or with
/// more than `batch_max`.
/// Source: JSON-RPC 2.0 §4, §5.1, §6.
pub fn parse(body: &[u8], batch_max: usize) -> Result<Parsed<'_>, Fault> {
    let value = json::parse(body).map_err(|_| Fault::PARSE_ERROR)?;
    if value.kind() != Kind::Array {
        return call(value).map(Parsed::One);
    }
    let members = value.elements();
    match members.clone().take(batch_max.saturating_add(1)).count() {
        0 => Err(Fault::INVALID_REQUEST),
        count if count > batch_max => Err(Fault::INVALID_REQUEST),
        _ => Ok(Parsed::Batch(Batch { members })),
    }
}

/// Reads `body`, runs each call through `handler`, and appends the whole answer to `out`: nothing if there is nothing to
/// say.
///
/// `handler` appends the JSON text of the result to the buffer it is given, and must leave what is in it alone; a
/// handler that appends nothing answers null. Whatever it appended before a fault, or for a notification, is dropped.
/// Calls of a batch run one after the other. Names starting `rpc.` never reach it.
/// Source: JSON-RPC 2.0 §4.1, §5, §6.
pub async fn answer<H>(body: &[u8], batch_max: usize, out: &mut Vec<u8>, mut handler: H)
where
    H: AsyncFnMut(&Call<'_>, &mut Vec<u8>) -> Result<(), Fault>,
{
    match parse(body, batch_max) {
        Err(fault) => write_fault(out, None, &fault),
        Ok(Parsed::One(call)) => answer_one(&call, out, &mut handler).await,
        Ok(Parsed::Batch(batch)) => {
            out.push(b'[');
            for member in batch {
                let before = out.len();
                match member {
                    Err(fault) => write_fault(out, None, &fault),
                    Ok(call) => answer_one(&call, out, &mut handler).await,
                }
                if out.len() > before {
                    out.push(b',');
                }
            }
            // The last byte is the comma behind the last answer, or the bracket if every member was a notification.
            if out.pop() == Some(b',') {
                out.push(b']');
            }
        }
    }
}

async fn answer_one<H>(call: &Call<'_>, out: &mut Vec<u8>, handler: &mut H)
where
    H: AsyncFnMut(&Call<'_>, &mut Vec<u8>) -> Result<(), Fault>,
{
    let start = out.len();
    out.extend_from_slice(RESULT_OPENING);
    let result_start = out.len();
    let outcome = if call.is_reserved() {
        Err(Fault::METHOD_NOT_FOUND)
    } else {
        handler(call, out).await
    };
    match (outcome, call.id) {
        (Ok(()), Some(id)) => close_result(out, result_start, id),
        (Err(fault), Some(id)) => {
            out.truncate(start);
            write_fault(out, Some(id), &fault);
        }
        (Ok(()) | Err(_), None) => out.truncate(start),
    }
}

const RESULT_OPENING: &[u8] = b"{\"result\":";

/// Appends `{"result":…,"id":…,"jsonrpc":"2.0"}`; `result` appends the JSON text of the result, or nothing for null.
///
/// Source: the order of members in the published xData samples.
pub fn write_result(out: &mut Vec<u8>, id: Raw<'_>, result: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(RESULT_OPENING);
    let result_start = out.len();
    result(out);
    close_result(out, result_start, id);
}

fn close_result(out: &mut Vec<u8>, result_start: usize, id: Raw<'_>) {
    if out.len() == result_start {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(b",\"id\":");
    out.extend_from_slice(id.text().as_bytes());
    out.extend_from_slice(b",\"jsonrpc\":\"2.0\"}");
}

/// Appends `{"jsonrpc":"2.0","error":{"code":…,"message":"…"},"id":…}`; no `id` means the request's could not be known,
/// and is rendered as null.
///
/// Source: JSON-RPC 2.0 §5, §5.1.
pub fn write_fault(out: &mut Vec<u8>, id: Option<Raw<'_>>, fault: &Fault) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"error\":{\"code\":");
    json::write_int(out, i64::from(fault.code));
    out.extend_from_slice(b",\"message\":");
    json::write_str(out, fault.message);
    out.extend_from_slice(b"},\"id\":");
    out.extend_from_slice(id.map_or("null", Raw::text).as_bytes());
    out.push(b'}');
}

/// Judges one request object. Members the specification does not name are ignored, if none is repeated.
fn call(request: Raw<'_>) -> Result<Call<'_>, Fault> {
    read_call(request).ok_or(Fault::INVALID_REQUEST)
}

fn read_call(request: Raw<'_>) -> Option<Call<'_>> {
    if request.kind() != Kind::Object {
        return None;
    }
    let mut known = [None; 4];
    let mut extras = by_name(request, ["jsonrpc", "method", "params", "id"], &mut known)?;
    extras.sort_unstable();
    if json::repeated(&extras, |name| name).is_some() {
        return None;
    }
    let [version, method, params, id] = known;
    if version?.string()? != "2.0" {
        return None;
    }
    let method = method?.string()?;
    if params.is_some_and(|params| !matches!(params.kind(), Kind::Object | Kind::Array)) {
        return None;
    }
    if id.is_some_and(|id| !matches!(id.kind(), Kind::String | Kind::Number | Kind::Null)) {
        return None;
    }
    Some(Call {
        method,
        params: Params(params),
        id,
    })
}

/// Puts each member of `object` that has one of `names` into its slot and returns the names of all others.
///
/// `None` if one of `names` is repeated, or anything inside a member that has no slot.
fn by_name<'a, const N: usize>(
    object: Raw<'a>,
    names: [&str; N],
    slots: &mut [Option<Raw<'a>>; N],
) -> Option<Vec<Cow<'a, str>>> {
    let mut extras = Vec::new();
    for (name, value) in object.members() {
        match names
            .iter()
            .zip(slots.iter_mut())
            .find(|(known, _)| **known == name)
        {
            Some((_, Some(_))) => return None,
            Some((_, slot)) => *slot = Some(value),
            None => {
                value.unique().ok()?;
                extras.push(name);
            }
        }
    }
    Some(extras)
}

#[cfg(test)]
#[path = "tests/jsonrpc.rs"]
mod tests;

//! The JSON-RPC envelope: whatever comes in, what goes out is a legal answer or nothing; notifications are
//! silent; a batch has its bound.

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use sessile::http::json;
use sessile::http::jsonrpc::{Fault, Parsed, answer, parse};

use super::Fate;

pub(crate) const WORDS: &[&str] = &[
    r#"{"jsonrpc":"2.0","method":"a","id":1}"#,
    r#"{"jsonrpc":"2.0","method":"a"}"#,
    r#"{"jsonrpc":"2.0","method":"refuse","params":[],"id":"x"}"#,
    r#"{"jsonrpc":"2.0","method":"rpc.x","id":null}"#,
    r#""id":1e400"#,
    r#""id":{}"#,
    r#""params":7"#,
    r#""jsonrpc":"2.0""#,
    "[",
    "]",
    ",",
    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
];
/// Members of a batch. Source: ARCHITECTURE, Bounds.
const BATCH_MAX: usize = 100;

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let mut out = Vec::new();
    let mut calls = 0_usize;
    let answered = answer(bytes, BATCH_MAX, &mut out, async |call, out| {
        calls += 1;
        assert!(!call.is_reserved(), "a reserved name came through");
        if call.method == "refuse" {
            out.extend_from_slice(b"{\"half\":");
            return Err(Fault::INVALID_PARAMS);
        }
        json::write_str(out, &call.method);
        Ok(())
    });
    assert!(answered.now_or_never().is_some(), "nothing was waited for");
    assert!(calls <= BATCH_MAX, "{calls} calls");
    let batch = match parse(bytes, BATCH_MAX) {
        Err(fault) => {
            assert_eq!(calls, 0, "something was carried out");
            let refusal = one(&out);
            assert_eq!(refusal.id.get(), "null");
            assert_eq!(refusal.error.map(|error| error.code), Some(fault.code()));
            return Fate::Refused;
        }
        Ok(Parsed::One(call)) => {
            assert_eq!(out.is_empty(), call.id.is_none(), "a notification spoke");
            if let Some(id) = call.id {
                assert_eq!(one(&out).id.get(), id.text());
            }
            return Fate::Taken;
        }
        Ok(Parsed::Batch(batch)) => batch,
    };
    let members: Vec<_> = batch.collect();
    assert!((1..=BATCH_MAX).contains(&members.len()));
    let spoken = members.iter().filter(|member| match member {
        Ok(call) => call.id.is_some(),
        Err(_) => true,
    });
    let spoken = spoken.count();
    if spoken == 0 {
        assert!(out.is_empty(), "a batch of notifications spoke");
        return Fate::Taken;
    }
    let answers: Vec<Response<'_>> = serde_json::from_slice(&out).expect("answers are a list");
    assert_eq!(answers.len(), spoken);
    answers.iter().for_each(Response::check);
    Fate::Taken
}

/// One response object of the specification, as strictly as it is written there; an id may be a number that
/// nobody can hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Response<'a> {
    jsonrpc: String,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    code: i32,
    message: String,
}

impl Response<'_> {
    fn check(&self) {
        assert_eq!(self.jsonrpc, "2.0");
        let id = self.id.get();
        let legal = id == "null"
            || id.starts_with(['"', '-'])
            || id.starts_with(|c: char| c.is_ascii_digit());
        assert!(legal, "{id} is no id");
        assert_ne!(self.result.is_some(), self.error.is_some());
        assert!(
            self.error
                .as_ref()
                .is_none_or(|error| !error.message.is_empty())
        );
    }
}

fn one(answer: &[u8]) -> Response<'_> {
    let answer: Response<'_> = serde_json::from_slice(answer).expect("an answer is a response");
    answer.check();
    answer
}

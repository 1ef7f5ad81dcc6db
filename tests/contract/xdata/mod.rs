//! The rows of `docs/surfaces/xdata.md`: one file per heading there, and what they share.

mod accounts;
mod batches;
mod credentials;
mod envelope;
mod examples;
mod failures;
mod open;
mod tokens;
mod transport;

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Node, Setup};

/// The path of version 1.
const V1: &str = "/api/v1/session/jsonrpc";
/// The path of version 2.
const V2: &str = "/api/v2/session/jsonrpc";
/// The header of the usual body.
const JSON: (&str, &str) = ("content-type", "application/json");
/// The whole answer to a caller who is not known.
const UNAUTHORIZED: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"Unauthorized"},"id":null}"#;
/// The whole answer to what is no request.
const INVALID: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#;
/// The whole answer to what is not JSON.
const NOT_JSON: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
/// A session token that was never issued.
const NEVER: &str = "00890640-ec03-4663-82ce-456ea993807d";

/// A node with the accounts alice and bob and a key pair of each.
struct Desk {
    node: Node,
    alice: (String, String),
    bob: (String, String),
}

impl Desk {
    fn open() -> Self {
        Self::with(Setup::default())
    }

    fn with(setup: Setup) -> Self {
        Self::of(Node::start(setup))
    }

    fn of(node: Node) -> Self {
        node.account("alice", json!({}));
        node.account("bob", json!({}));
        let (alice, bob) = (node.key_pair("alice"), node.key_pair("bob"));
        Self { node, alice, bob }
    }

    /// Posts to version 2 with exactly these headers.
    fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        checked(self.node.client().send("POST", V2, headers, body))
    }

    /// Posts for a key pair, and with these headers besides.
    fn post_for(&self, pair: &(String, String), more: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut headers = vec![("apikey", pair.0.as_str()), ("secret", pair.1.as_str())];
        headers.extend_from_slice(more);
        self.post(&headers, body)
    }

    /// Posts JSON for alice.
    fn say(&self, body: &str) -> Answer {
        self.post_for(&self.alice, &[JSON], body.as_bytes())
    }

    /// Posts JSON for alice; the text of an answer that came with 200.
    fn text(&self, body: &str) -> String {
        let answer = self.say(body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.text()
    }

    /// Posts JSON with a session token instead of a pair.
    fn say_by_token(&self, token: &str, body: &str) -> Answer {
        self.post(&[("xdata-session-token", token), JSON], body.as_bytes())
    }

    /// The answer to one call of alice's, with id 1.
    fn call(&self, method: &str, params: &str) -> Value {
        self.call_for(&self.alice, method, params)
    }

    /// The answer to one call for a pair, with id 1.
    fn call_for(&self, pair: &(String, String), method: &str, params: &str) -> Value {
        let answer = self.post_for(pair, &[JSON], request(method, params).as_bytes());
        assert_eq!(answer.status, 200, "{method} {params}: {}", answer.text());
        let answer = answer.json();
        assert_eq!(answer["id"], 1, "{answer}");
        answer
    }

    /// A new session of alice's pair.
    fn opened(&self, params: &str) -> String {
        self.opened_for(&self.alice, params)
    }

    /// A new session of this pair.
    fn opened_for(&self, pair: &(String, String), params: &str) -> String {
        let answer = self.call_for(pair, "session.open_session", params);
        let token = answer["result"]["access_token"].as_str();
        token.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Whether a token is active for alice's pair.
    fn is_active(&self, token: &str) -> bool {
        self.is_active_for(&self.alice, token)
    }

    /// Whether a token is active for this pair.
    fn is_active_for(&self, pair: &(String, String), token: &str) -> bool {
        let params = json!({"token": token}).to_string();
        let answer = self.call_for(pair, "session.verify_session_token", &params);
        let result = answer["result"].as_object().expect("verify never fails");
        assert_eq!(result.len(), 1, "{answer}");
        result["active"].as_bool().expect("active is a bool")
    }

    /// Closes a token for this pair, which always works.
    fn close_for(&self, pair: &(String, String), token: &str) {
        let params = json!({"token": token}).to_string();
        let answer = self.call_for(pair, "session.close_session", &params);
        assert_eq!(answer["result"], true, "{answer}");
    }
}

/// A request with id 1; empty `params` leave the member out.
fn request(method: &str, params: &str) -> String {
    let params = match params {
        "" => String::new(),
        params => format!(r#","params":{params}"#),
    };
    format!(r#"{{"jsonrpc":"2.0","method":"{method}"{params},"id":1}}"#)
}

/// The code of the error in an answer; 0 if it has a result.
fn code(answer: &Value) -> i64 {
    let members = answer.as_object().expect("an answer is an object");
    assert_eq!(members["jsonrpc"], "2.0", "{answer}");
    assert!(members.contains_key("id"), "{answer}");
    assert_eq!(members.len(), 3, "{answer}");
    match members.get("error") {
        None => {
            assert!(members.contains_key("result"), "{answer}");
            0
        }
        Some(error) => {
            let error = error.as_object().expect("an error is an object");
            assert_eq!(error.len(), 2, "{answer}");
            assert!(error["message"].is_string(), "{answer}");
            error["code"].as_i64().expect("a code is a number")
        }
    }
}

/// What holds for every answer of the surface.
fn checked(answer: Answer) -> Answer {
    answer.only_headers(match answer.status {
        405 => &["allow"],
        503 => &["retry-after"],
        _ => &[],
    });
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let length = answer.body.len().to_string();
    assert_eq!(answer.header("content-length"), Some(length.as_str()));
    answer
}

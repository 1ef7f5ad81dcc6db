//! MollyBet sessions, case by case. The rows are in `docs/surfaces/mollybet.md`.

mod accept;
mod accounts;
mod bodies;
mod connections;
mod detokenize;
mod fields;
mod guessing;
mod header;
mod impersonation;
mod lifetimes;
mod limits;
mod login;
mod logout;
mod metadata;
mod order;
mod outages;
mod second_factor;
mod secrecy;
mod sudo;
mod tokenize;
mod transport;

use serde_json::{Value, json};

use crate::at_once::at_once;
use crate::support::client::Answer;
use crate::support::{Node, Setup};

const LOGIN: &str = "/v1/sessions/";
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// The password that `Node::account` gives.
const PASSWORD: &str = "password-1";
/// An id in the form of one, which was never issued.
const NEVER: &str = "0123456789abcdef0123456789abcdef";

/// A node with these accounts.
fn node(accounts: &[&str]) -> Node {
    let node = Node::start(Setup::default());
    for name in accounts {
        node.account(name, json!({}));
    }
    node
}

/// The path of a session: `rest` is empty or one of `sudo/`, `tokenize/`, `detokenize/`.
fn path(session: &str, rest: &str) -> String {
    format!("/v1/sessions/{session}/{rest}")
}

/// A call on a session, by its holder.
fn call(node: &Node, method: &str, session: &str, rest: &str) -> Answer {
    node.send(method, &path(session, rest), &[("session", session)], "")
}

fn get(node: &Node, session: &str) -> Answer {
    call(node, "GET", session, "")
}

fn delete(node: &Node, session: &str) -> Answer {
    call(node, "DELETE", session, "")
}

/// A `POST` of JSON, by the holder of a session.
fn post(node: &Node, session: &str, rest: &str, body: &Value) -> Answer {
    let headers = [("session", session), JSON];
    node.send("POST", &path(session, rest), &headers, &body.to_string())
}

fn sudo(node: &Node, session: &str, target: &str) -> Answer {
    post(node, session, "sudo/", &json!({"target": target}))
}

/// A new hand-off token.
fn token(node: &Node, session: &str) -> String {
    text(&call(node, "POST", session, "tokenize/"))
}

fn detokenize(node: &Node, session: &str, token: &str) -> Answer {
    post(node, session, "detokenize/", &json!({"token": token}))
}

fn log_in(node: &Node, username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "password": password});
    node.send("POST", LOGIN, &[JSON], &body.to_string())
}

/// Whether a session is alive; asking is no activity.
fn alive(node: &Node, session: &str) -> bool {
    let headers = [("session", session), ("x-sessile-touch", "no")];
    let answer = node.send("GET", &path(session, ""), &headers, "");
    match answer.status {
        200 => {
            ok(&answer);
            true
        }
        _ => {
            refused(&answer, 401, "session_invalid");
            false
        }
    }
}

/// Checks that an answer is a success in its envelope, and gives its `data`.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    usual(answer, &[]);
    let body = answer.json();
    let members = body.as_object().unwrap();
    assert_eq!(members.len(), 2, "{body}");
    assert_eq!(members["status"], "ok", "{body}");
    members["data"].clone()
}

/// The bare string that a success carries.
fn text(answer: &Answer) -> String {
    ok(answer).as_str().unwrap().to_owned()
}

/// Checks that an answer is this refusal in its envelope.
fn refused(answer: &Answer, status: u16, code: &str) {
    let shown = answer.text();
    assert_eq!(answer.status, status, "{shown}");
    let more: &[&str] = match status {
        405 => &["allow"],
        429 | 503 => &["retry-after"],
        _ => &[],
    };
    usual(answer, more);
    let body = answer.json();
    assert_eq!(body["status"], "error", "{shown}");
    assert_eq!(body["code"], code, "{shown}");
    assert!(
        body["message"].as_str().is_some_and(|m| !m.is_empty()),
        "{shown}"
    );
    let explained = matches!(code, "validation_error" | "rate_limited");
    let members = body.as_object().unwrap();
    assert_eq!(members.len(), 3 + usize::from(explained), "{shown}");
    assert_eq!(members.contains_key("data"), explained, "{shown}");
}

/// Checks that exactly these fields are called wrong, each with a message.
fn invalid(answer: &Answer, fields: &[&str]) {
    refused(answer, 400, "validation_error");
    let body = answer.json();
    let wrong = body["data"]["validation_errors"].as_object().unwrap();
    let mut names: Vec<_> = wrong.keys().map(String::as_str).collect();
    let mut wanted = fields.to_vec();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for messages in wrong.values() {
        assert!(messages[0].is_string(), "{body}");
    }
}

/// What every answer has in common. Source: M-22.
fn usual(answer: &Answer, more: &[&str]) {
    answer.only_headers(more);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for name in more {
        assert!(answer.header(name).is_some(), "{name} is missing");
    }
}

/// Checks that two answers cannot be told apart.
fn same(one: &Answer, other: &Answer) {
    assert_eq!(one.status, other.status, "{}", other.text());
    assert_eq!(one.text(), other.text());
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        headers
    };
    assert_eq!(headers(one), headers(other));
}

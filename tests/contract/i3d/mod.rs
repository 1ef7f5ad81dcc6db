//! i3D sessions, case by case. The rows are in `docs/surfaces/i3d.md`.

mod administration;
mod bodies;
mod guessing;
mod keys;
mod lifetimes;
mod login;
mod logout;
mod one_time;
mod openapi;
mod outages;
mod transport;
mod user;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::at_once::at_once;
use crate::support::client::Answer;
use crate::support::{Node, START_MS, Setup};

const USER: &str = "/v3/session/user";
const LOGIN: &str = "/v3/session/login";
const OTP: &str = "/v3/session/login/otp";
const LOGOUT: &str = "/v3/session/logout";
const CALLS: [(&str, &str); 4] = [
    ("GET", USER),
    ("POST", LOGIN),
    ("POST", OTP),
    ("POST", LOGOUT),
];
const KEYS: &str = "/admin/v1/keys";
const TOKEN: &str = "private-token";
const JSON: (&str, &str) = ("content-type", "application/json");
/// The password that `Node::account` gives.
const PASSWORD: &str = "password-1";

/// A node with these accounts.
fn node(accounts: &[&str]) -> Node {
    let node = Node::start(Setup::default());
    for name in accounts {
        node.account(name, json!({}));
    }
    node
}

/// A new key: its secret.
fn key(node: &Node, body: Value) -> String {
    let made = node.administer("POST", KEYS, body);
    made["secret"].as_str().unwrap().to_owned()
}

fn guest(node: &Node) -> String {
    key(node, json!({"kind": "i3d-guest"}))
}

fn account_key(node: &Node, username: &str) -> String {
    key(node, json!({"kind": "i3d", "username": username}))
}

/// A call on a key.
fn call(node: &Node, key: &str, (method, path): (&str, &str)) -> Answer {
    node.send(method, path, &[(TOKEN, key)], "")
}

/// A `POST` of JSON on a key.
fn post(node: &Node, key: &str, path: &str, body: &Value) -> Answer {
    node.send("POST", path, &[(TOKEN, key), JSON], &body.to_string())
}

fn log_in(node: &Node, key: &str, name: &str, password: &str) -> Answer {
    post(
        node,
        key,
        LOGIN,
        &json!({"userName": name, "password": password}),
    )
}

fn user(node: &Node, key: &str) -> Answer {
    call(node, key, ("GET", USER))
}

fn log_out(node: &Node, key: &str) -> Answer {
    call(node, key, ("POST", LOGOUT))
}

fn otp(node: &Node, key: &str, code: &str) -> Answer {
    post(node, key, OTP, &json!({"otp": code}))
}

/// Who is logged in, if anybody is; asking is no activity.
fn who(node: &Node, key: &str) -> Option<String> {
    let headers = [(TOKEN, key), ("x-sessile-touch", "no")];
    let answer = node.send("GET", USER, &headers, "");
    match answer.status {
        200 => Some(ok(&answer)["userName"].as_str().unwrap().to_owned()),
        _ => {
            refused(&answer, 404, 10_001);
            None
        }
    }
}

/// Checks that a login is complete.
fn complete(answer: &Answer) {
    let wanted = r#"{"requiresOtp":false,"expiresAt":0,"otpSessionExpiresAt":0}"#;
    ok(answer);
    assert_eq!(answer.text(), wanted);
}

/// Checks that a login waits for a one-time password, and gives until when, in Unix seconds.
fn pending(answer: &Answer) -> u64 {
    let body = ok(answer);
    let until = body["expiresAt"].as_u64().unwrap();
    let wanted = json!({"requiresOtp": true, "expiresAt": until, "otpSessionExpiresAt": until});
    assert_eq!(body, wanted);
    until
}

/// Checks that an answer is a success with a body, and gives it.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    usual(answer, &[]);
    answer.json()
}

/// Checks that an answer is a success without a body.
fn done(answer: &Answer) {
    assert_eq!(answer.status, 204, "{}", answer.text());
    answer.only_headers(&[]);
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("content-length").is_none_or(|n| n == "0"));
    assert_eq!(answer.text(), "");
}

/// Checks that an answer is this refusal, and gives the faults that it names.
fn refused(answer: &Answer, status: u16, code: i64) -> Vec<String> {
    let shown = answer.text();
    assert_eq!(answer.status, status, "{shown}");
    let more: &[&str] = match status {
        405 => &["allow"],
        429 | 503 => &["retry-after"],
        _ => &[],
    };
    usual(answer, more);
    let body = answer.json();
    let members = body.as_object().unwrap();
    assert_eq!(members.len(), 3, "{shown}");
    assert_eq!(members["errorCode"], code, "{shown}");
    let message = members["errorMessage"].as_str();
    assert!(message.is_some_and(|m| !m.is_empty()), "{shown}");
    let faults = members["errors"].as_array().unwrap();
    assert!(faults.is_empty() || status == 422, "{shown}");
    let property = |fault: &Value| {
        assert_eq!(fault.as_object().unwrap().len(), 2, "{shown}");
        assert!(fault["message"].as_str().is_some_and(|m| !m.is_empty()));
        fault["property"].as_str().unwrap().to_owned()
    };
    faults.iter().map(property).collect()
}

/// Checks that a body is refused for exactly these properties.
fn invalid(answer: &Answer, properties: &[&str]) {
    let mut named = refused(answer, 422, 60_008);
    let mut wanted = properties.to_vec();
    named.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(named, wanted);
}

/// What every answer with a body has in common. Source: V-4.
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

/// Gives an account a second factor: its seed in base32.
fn enrol(node: &Node, name: &str) -> String {
    let path = format!("/admin/v1/accounts/{name}/totp");
    let enrolled = node.administer("POST", &path, Value::Null);
    enrolled["totp_secret"].as_str().unwrap().to_owned()
}

/// The code for this many steps after the start of the clock.
fn code(seed: &str, step: i64) -> String {
    let secret = Secret::try_from_base32(seed).unwrap();
    let at_s = START_MS.saturating_add_signed(step * 30_000) / 1_000;
    Builder::new()
        .with_secret(secret)
        .build_noncompliant()
        .generate(at_s)
        .to_string()
}

/// A code that is wrong at the start of the clock.
fn wrong_code(seed: &str) -> String {
    let near: Vec<_> = (-2..=2).map(|step| code(seed, step)).collect();
    let mut wrong = (0..10).map(|n| format!("{n:06}"));
    wrong.find(|code| !near.contains(code)).unwrap()
}

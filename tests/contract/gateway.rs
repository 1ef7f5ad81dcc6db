//! The rows of `docs/surfaces/gateway.md`.

mod credentials;
mod keys;
mod life;
mod pages;

use std::io::{Read, Write};

use serde_json::json;
use sessile::door::Engine;

use crate::support::client::Answer;
use crate::support::{Node, Setup};

const PATH: &str = "/auth/verify";
const IDENTITY: [&str; 4] = [
    "x-sessile-user",
    "x-sessile-user-id",
    "x-sessile-session",
    "x-sessile-surface",
];

/// A node with one account, alice.
fn node() -> Node {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    node
}

/// A live xData token of alice's.
fn token(node: &Node) -> String {
    let (api_key, _) = node.key_pair("alice");
    let body = json!({"surface": "xdata", "api_key": api_key});
    let issued = node.administer("POST", "/admin/v1/sessions", body);
    issued["sessions"][0]["secret"].as_str().unwrap().into()
}

/// Asks, and checks what every answer must keep.
fn ask_by(node: &Node, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = node.send(method, PATH, headers, body);
    match answer.status {
        200 => answer.only_headers(&IDENTITY),
        401 => {
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"sessile\""));
            assert_eq!(answer.header("content-type"), None);
            answer.only_headers(&["www-authenticate"])
        }
        405 => answer.only_headers(&["allow"]),
        status => panic!("{status}: {}", answer.text()),
    };
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    if answer.status != 405 {
        assert_eq!(answer.header("content-length"), Some("0"));
        assert_eq!(answer.text(), "");
    }
    answer
}

fn ask(node: &Node, headers: &[(&str, &str)]) -> u16 {
    ask_by(node, "GET", headers, "").status
}

#[test]
fn a_live_session_of_any_surface_is_told_whose_it_is() {
    rows!("G-1", "G-2", "G-10", "G-11", "G-12");
    let node = node();
    node.account("bob", json!({}));
    let (token, session) = (token(&node), node.session("bob"));
    for (secret, user, user_id, surface) in [
        (&token, "alice", "1", "xdata"),
        (&session, "bob", "2", "mollybet"),
    ] {
        let bearer = format!("Bearer {secret}");
        let shouted = format!("BEARER  {secret} ");
        let id = node
            .engine
            .session_id(secret.as_bytes())
            .unwrap()
            .to_string();
        assert!(id.len() == 27 && id.starts_with("sess_"));
        for header in [
            ("authorization", bearer.as_str()),
            ("Authorization", shouted.as_str()),
            ("session", secret.as_str()),
            ("SESSION", secret.as_str()),
            ("xdata-session-token", secret.as_str()),
            ("Xdata-Session-Token", secret.as_str()),
        ] {
            let answer = ask_by(&node, "GET", &[header], "");
            assert_eq!(answer.status, 200, "{header:?}");
            let told: Vec<_> = IDENTITY
                .iter()
                .filter_map(|name| answer.header(name))
                .collect();
            assert_eq!(told, [user, user_id, &id, surface], "{header:?}");
        }
    }
}

#[test]
fn a_user_name_is_percent_encoded_utf_8() {
    rows!("G-9");
    let node = Node::start(Setup::default());
    for (name, encoded) in [
        ("Alice-1_2.3~4", "Alice-1_2.3~4"),
        ("a b", "a%20b"),
        ("Ålice", "%C3%85lice"),
        ("日本", "%E6%97%A5%E6%9C%AC"),
        ("a%20b", "a%2520b"),
        ("a@b/c:d;e,f=g&h+i", "a%40b%2Fc%3Ad%3Be%2Cf%3Dg%26h%2Bi"),
        ("\"'<>\\", "%22%27%3C%3E%5C"),
    ] {
        node.account(name, json!({}));
        let session = node.session(name);
        let answer = ask_by(&node, "GET", &[("session", &session)], "");
        assert_eq!(answer.header("x-sessile-user"), Some(encoded), "{name}");
    }
}

#[test]
fn an_impersonation_is_shown_as_whom_it_impersonates() {
    rows!("G-13");
    let node = node();
    node.administer(
        "PATCH",
        "/admin/v1/accounts/alice",
        json!({"group": "demo"}),
    );
    node.account(
        "root",
        json!({"may_sudo": true, "managed_groups": ["demo"]}),
    );
    let parent = node.session("root");
    let path = format!("/v1/sessions/{parent}/sudo/");
    let headers = [
        ("session", parent.as_str()),
        ("content-type", "application/json"),
    ];
    let child = node
        .send("POST", &path, &headers, r#"{"target":"alice"}"#)
        .json();
    let child = child["data"].as_str().unwrap();
    let answer = ask_by(&node, "GET", &[("session", child)], "");
    assert_eq!(answer.header("x-sessile-user"), Some("alice"));
    assert_eq!(answer.header("x-sessile-user-id"), Some("1"));
    let path = format!("/v1/sessions/{parent}/");
    assert_eq!(
        node.send("DELETE", &path, &[("session", &parent)], "")
            .status,
        200
    );
    assert_eq!(ask(&node, &[("session", child)]), 401);
}

#[test]
fn every_method_that_is_allowed_answers_alike() {
    rows!("G-17", "G-19");
    let node = node();
    let session = node.session("alice");
    for (method, body) in [
        ("GET", ""),
        ("HEAD", ""),
        ("POST", ""),
        ("POST", "{\"token\":\"x\"}"),
        ("POST", &"x".repeat(100_000)),
        ("GET", "x"),
    ] {
        let answer = ask_by(&node, method, &[("session", &session)], body);
        assert_eq!(answer.status, 200, "{method}");
        assert_eq!(answer.header("x-sessile-user"), Some("alice"), "{method}");
        let answer = ask_by(&node, method, &[("session", "x")], body);
        assert_eq!(answer.status, 401, "{method}");
        for told in [&session, "alice", "sess_"] {
            assert!(!format!("{:?}", answer.headers).contains(told), "{method}");
        }
    }
}

#[test]
fn no_other_method_is_allowed() {
    rows!("G-18", "G-19");
    let node = node();
    let session = node.session("alice");
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let answer = ask_by(&node, method, &[("session", &session)], "");
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"), "{method}");
        assert_eq!(answer.json()["error"], "method_not_allowed", "{method}");
    }
    assert_eq!(ask(&node, &[("session", &session)]), 200);
}

#[test]
fn a_body_that_is_not_read_is_never_taken_for_a_request() {
    rows!("G-17");
    let node = node();
    let session = node.session("alice");
    let inner = format!("GET {PATH} HTTP/1.1\r\nhost: test\r\nsession: {session}\r\n\r\n");
    for secret in [session.as_str(), "x"] {
        let length = inner.len();
        let outer = format!(
            "POST {PATH} HTTP/1.1\r\nhost: test\r\nsession: {secret}\r\ncontent-length: {length}\r\n\r\n"
        );
        let mut stream = node.client().into_stream();
        stream.write_all((outer + &inner).as_bytes()).unwrap();
        let mut seen = String::new();
        stream.read_to_string(&mut seen).unwrap();
        assert_eq!(seen.matches("HTTP/1.1 ").count(), 1, "{seen}");
        assert!(seen.contains("\r\nconnection: close\r\n"), "{seen}");
    }
}

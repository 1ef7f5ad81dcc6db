//! Paths, methods, types and sizes.

use std::io::{Read, Write};

use super::{Desk, INVALID, JSON, UNAUTHORIZED, V1, V2, checked, code, request};

const VERIFY: &str =
    r#"{"jsonrpc":"2.0","method":"session.verify_session_token","params":["x"],"id":7}"#;
const VERIFIED: &str = r#"{"result":{"active":false},"id":7,"jsonrpc":"2.0"}"#;

#[test]
fn both_versions_are_one_service() {
    rows!("X-1", "X-2", "X-17", "X-18");
    let desk = Desk::open();
    let (key, secret) = &desk.alice;
    let headers = [("apikey", key.as_str()), ("secret", secret.as_str()), JSON];
    let say = |path: &str, body: &str| {
        let answer = checked(desk.node.send("POST", path, &headers, body));
        assert_eq!(answer.status, 200);
        answer
    };
    for path in [V1, V2] {
        assert_eq!(say(path, VERIFY).text(), VERIFIED);
        assert_eq!(say(path, "[]").text(), INVALID);
    }
    for (here, there) in [(V1, V2), (V2, V1)] {
        let opened = say(here, &request("session.open_session", "")).json();
        let token = opened["result"]["access_token"].as_str().unwrap();
        let params = format!(r#"["{token}"]"#);
        let verify = request("session.verify_session_token", &params);
        assert_eq!(say(there, &verify).json()["result"]["active"], true);
        let closed = say(there, &request("session.close_session", &params));
        assert_eq!(closed.text(), r#"{"result":true,"id":1,"jsonrpc":"2.0"}"#);
        assert_eq!(say(here, &verify).json()["result"]["active"], false);
    }
}

#[test]
fn nothing_else_is_served_beside_the_two_paths() {
    rows!("X-1", "X-2");
    let desk = Desk::open();
    for path in [
        "/api/v3/session/jsonrpc",
        "/api/v2/session/jsonrpc/",
        "/api/v2/session",
        "/API/v2/session/jsonrpc",
    ] {
        assert_eq!(
            desk.node.send("POST", path, &[JSON], VERIFY).status,
            404,
            "{path}"
        );
    }
}

#[test]
fn only_post_is_allowed_whoever_asks() {
    rows!("X-3");
    let desk = Desk::open();
    let (key, secret) = &desk.alice;
    let pair = [("apikey", key.as_str()), ("secret", secret.as_str()), JSON];
    for path in [V1, V2] {
        for method in [
            "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW",
        ] {
            for headers in [&pair[..], &[]] {
                let mut client = desk.node.client();
                let answer = client.send(method, path, headers, b"");
                assert_eq!(answer.status, 405, "{method} {path}");
                assert_eq!(answer.header("allow"), Some("POST"), "{method} {path}");
                if method == "HEAD" {
                    continue;
                }
                let answer = checked(answer).json();
                assert_eq!(
                    (code(&answer), &answer["id"]),
                    (-32600, &serde_json::Value::Null)
                );
            }
        }
    }
}

#[test]
fn the_types_of_the_published_clients_are_taken_and_no_others() {
    rows!("X-4", "X-5", "X-6", "X-7", "X-8");
    let desk = Desk::open();
    let good: [&[(&str, &str)]; 12] = [
        &[JSON],
        &[("Content-Type", "application/json; charset=utf-8")],
        &[("CONTENT-TYPE", "Application/JSON;charset=UTF-8;v=1")],
        &[("content-type", " application/json ;")],
        &[("content-type", "application/json; charset=latin1")],
        &[("content-type", "application/json-rpc")],
        &[("content-type", "APPLICATION/JSON-RPC; charset=utf-8")],
        &[("content-type", "application/jsonrequest")],
        &[("content-type", "application/jsonrequest;q")],
        &[],
        &[JSON, ("content-encoding", "identity")],
        &[("content-encoding", "IDENTITY")],
    ];
    for headers in good {
        let answer = desk.post_for(&desk.alice, headers, VERIFY.as_bytes());
        assert_eq!(
            (answer.status, answer.text()),
            (200, VERIFIED.into()),
            "{headers:?}"
        );
    }
    let bad: [&[(&str, &str)]; 14] = [
        &[("content-type", "text/plain")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/jsonx")],
        &[("content-type", "application/json+rpc")],
        &[("content-type", "application/json, application/json")],
        &[("content-type", "*/*")],
        &[("content-type", "application/*")],
        &[("content-type", "")],
        &[("content-type", "json")],
        &[JSON, JSON],
        &[JSON, ("content-encoding", "gzip")],
        &[JSON, ("content-encoding", "")],
        &[
            JSON,
            ("content-encoding", "identity"),
            ("content-encoding", "br"),
        ],
        &[JSON, ("content-encoding", "identity, gzip")],
    ];
    for headers in bad {
        // The type decides whatever the body is.
        for body in [VERIFY, "", "{"] {
            let answer = desk.post_for(&desk.alice, headers, body.as_bytes());
            assert_eq!(answer.status, 415, "{headers:?}");
            let answer = answer.json();
            assert_eq!(code(&answer), -32600, "{headers:?}");
            assert!(answer["id"].is_null());
        }
    }
}

#[test]
fn a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not() {
    rows!("X-9");
    let desk = Desk::open();
    let mut body = VERIFY.as_bytes().to_vec();
    body.resize(1 << 20, b' ');
    let answer = desk.post_for(&desk.alice, &[JSON], &body);
    assert_eq!((answer.status, answer.text()), (200, VERIFIED.into()));
    body.push(b' ');
    let answer = desk.post_for(&desk.alice, &[JSON], &body);
    assert_eq!(answer.status, 413);
    assert_eq!(code(&answer.json()), -32600);
    assert!(answer.json()["id"].is_null());
}

#[test]
fn a_body_without_a_length_is_bounded_and_read_all_the_same() {
    rows!("X-9");
    let desk = Desk::open();
    let chunked = ("transfer-encoding", "chunked");
    let mut parts = Vec::new();
    for piece in VERIFY.as_bytes().chunks(9) {
        parts.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        parts.extend_from_slice(piece);
        parts.extend_from_slice(b"\r\n");
    }
    let mut whole = parts.clone();
    whole.extend_from_slice(b"0\r\n\r\n");
    let answer = desk.post_for(&desk.alice, &[JSON, chunked], &whole);
    assert_eq!((answer.status, answer.text()), (200, VERIFIED.into()));
    let mut endless = parts;
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // No end of it is sent: the answer comes once too much has come.
    for _ in 0..16 {
        endless.extend_from_slice(piece.as_bytes());
    }
    assert_eq!(
        desk.post_for(&desk.alice, &[JSON, chunked], &endless)
            .status,
        413
    );
}

#[test]
fn a_stranger_is_turned_away_before_anything_of_the_body() {
    rows!("X-12");
    let desk = Desk::open();
    let long = " ".repeat((1 << 20) + 1);
    let notification = r#"{"jsonrpc":"2.0","method":"session.open_session"}"#;
    for (kind, body) in [
        ("application/json", long.as_str()),
        ("text/plain", VERIFY),
        ("application/json", "{"),
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", notification),
    ] {
        let answer = desk.post(&[("content-type", kind)], body.as_bytes());
        assert_eq!(
            (answer.status, answer.text()),
            (401, UNAUTHORIZED.into()),
            "{kind}"
        );
    }
    // Announced and not sent: the answer does not wait for it.
    let mut client = desk.node.client();
    let headers = [JSON, ("content-length", "1000")];
    let answer = client.send("POST", V2, &headers, b"");
    assert_eq!((answer.status, answer.text()), (401, UNAUTHORIZED.into()));
}

#[test]
fn a_strangers_body_is_never_taken_for_a_request() {
    rows!("X-12");
    let desk = Desk::open();
    let (key, secret) = &desk.alice;
    let post = |headers: &str, body: &str| {
        let length = body.len();
        format!(
            "POST {V2} HTTP/1.1\r\nhost: test\r\n{headers}content-length: {length}\r\n\r\n{body}"
        )
    };
    let inner = post(&format!("apikey: {key}\r\nsecret: {secret}\r\n"), VERIFY);
    let mut stream = desk.node.client().into_stream();
    stream.write_all(post("", &inner).as_bytes()).unwrap();
    let mut seen = String::new();
    stream.read_to_string(&mut seen).unwrap();
    assert_eq!(seen.matches("HTTP/1.1 ").count(), 1, "{seen}");
    assert!(seen.ends_with(UNAUTHORIZED), "{seen}");
}

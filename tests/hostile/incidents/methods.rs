//! ASVS 4.1.4, 13.4.4, RFC 9110: what a path does not know it says, and nothing stands for anything else.

use std::io::{Read, Write};

use super::*;

/// A path of each call of each surface, on either listener, and the methods that it knows.
const PATHS: [(bool, &str, &[&str]); 32] = [
    (false, "/auth/verify", &["GET", "HEAD", "POST"]),
    (false, "/v1/sessions/", &["POST"]),
    (false, "/v1/sessions/x/", &["DELETE", "GET", "HEAD"]),
    (false, "/v1/sessions/x/sudo/", &["POST"]),
    (false, "/v1/sessions/x/tokenize/", &["POST"]),
    (false, "/v1/sessions/x/detokenize/", &["POST"]),
    (false, "/v1/xrates/", &["GET", "HEAD"]),
    (false, "/v3/session/user", &["GET", "HEAD"]),
    (false, "/v3/session/login", &["POST"]),
    (false, "/v3/session/login/otp", &["POST"]),
    (false, "/v3/session/logout", &["POST"]),
    (false, "/api/v1/session/jsonrpc", &["POST"]),
    (false, "/api/v2/session/jsonrpc", &["POST"]),
    (false, "/v1/client", &["DELETE", "GET", "HEAD", "OPTIONS"]),
    (false, "/v1/client/sign_ins", &["OPTIONS", "POST"]),
    (false, "/v1/client/sessions", &["DELETE", "OPTIONS"]),
    (false, "/v1/client/sessions/x", &["GET", "HEAD", "OPTIONS"]),
    (false, "/v1/client/sessions/x/touch", &["OPTIONS", "POST"]),
    (false, "/v1/client/sessions/x/end", &["OPTIONS", "POST"]),
    (false, "/v1/client/sessions/x/remove", &["OPTIONS", "POST"]),
    (false, "/v1/client/sessions/x/tokens", &["OPTIONS", "POST"]),
    (false, "/v1/me", &["GET", "HEAD", "OPTIONS"]),
    (false, "/v1/jwks", &["GET", "HEAD", "OPTIONS"]),
    (false, "/.well-known/jwks.json", &["GET", "HEAD", "OPTIONS"]),
    (false, "/openapi.json", &["GET", "HEAD"]),
    (true, "/health/live", &["GET", "HEAD"]),
    (true, "/health/ready", &["GET", "HEAD"]),
    (true, "/metrics", &["GET", "HEAD"]),
    (true, "/admin/v1/accounts", &["GET", "POST"]),
    (true, "/admin/v1/accounts/x/revoke", &["POST"]),
    (true, "/admin/v1/sessions", &["GET", "POST"]),
    (true, "/admin/v1/digest", &["GET"]),
];
const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "MKCOL",
    "get", "X-METHOD",
];

#[test]
fn every_path_of_every_surface_knows_its_methods_and_no_trace() {
    let node = Node::start(setup());
    let bearer = format!("Bearer {}", crate::support::OWNER);
    let mark = "a-mark-that-a-trace-would-repeat";
    let mut refused = 0;
    for (private, path, known) in PATHS {
        let to = if private { node.admin } else { node.public };
        for method in METHODS {
            let mut headers = vec![
                ("x-http-method-override", "DELETE"),
                ("x-method-override", "DELETE"),
                ("session", mark),
            ];
            if private {
                headers.push(("authorization", bearer.as_str()));
            }
            let answer =
                crate::support::client::Client::connect(to).send(method, path, &headers, b"");
            let what = format!("{method} {path}: {}", answer.text());
            assert!(!answer.text().contains(mark), "{what}");
            if known.contains(&method) {
                assert_ne!(answer.status, 405, "{what}");
                continue;
            }
            assert_eq!(answer.status, 405, "{what}");
            answer.only_headers(&[
                "allow",
                "referrer-policy",
                "vary",
                "www-authenticate",
                "x-content-type-options",
            ]);
            let allow = answer.header("allow").unwrap_or_default();
            assert!(
                !allow.is_empty() && !allow.contains("TRACE"),
                "{what}: {allow}"
            );
            for allowed in allow.split(',').map(str::trim) {
                assert!(METHODS.contains(&allowed), "{what}: {allow}");
            }
            refused += 1;
        }
    }
    println!("{refused} methods refused on {} paths", PATHS.len());
}

#[test]
fn who_waits_to_send_a_body_is_told_to_go_on() {
    let node = Node::start(setup());
    node.account("alice", json!({}));
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    let mut client = node.client();
    let head = format!(
        "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.send_raw(head.as_bytes());
    let mut stream = client.into_stream();
    let mut said = [0; 25];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[test]
fn http_2_is_spoken_in_no_way_it_can_be_asked_for() {
    let node = Node::start(setup());
    node.account("alice", json!({}));
    let session = node.session("alice");
    for to in [node.public, node.admin] {
        // By prior knowledge: the preface and an empty frame of settings.
        let mut client = crate::support::client::Client::connect(to);
        client.send_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        let mut said = Vec::new();
        // A reset is a close, too.
        drop(client.into_stream().read_to_end(&mut said));
        let said = String::from_utf8_lossy(&said).into_owned();
        let refused = said.is_empty() || said.starts_with("HTTP/1.1 400 ");
        assert!(refused && said.matches("HTTP/").count() <= 1, "{said:?}");
    }
    // By an upgrade: answered as if it had not been asked for.
    let headers = [
        ("session", session.as_str()),
        ("connection", "upgrade, http2-settings"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQAAP__"),
    ];
    let answer = node.send("GET", "/auth/verify", &headers, "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-sessile-user"), Some("alice"));
    assert_eq!(answer.header("upgrade"), None);
    // It is not linked at all.
    let lock = include_str!("../../../Cargo.lock");
    assert!(!lock.contains("name = \"h2\""));
}

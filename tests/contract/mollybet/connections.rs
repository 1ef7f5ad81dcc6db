//! Connections: many requests on one, and when one is closed.

use std::io::Read;

use super::*;
use crate::support::client::Client;

#[test]
fn a_connection_serves_many_requests_also_after_errors() {
    rows!("M-23");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let own = path(&session, "");
    let mut connection = node.client();
    for _ in 0..3 {
        for (method, path, headers, body, status) in [
            ("GET", own.as_str(), vec![("session", &*session)], "", 200),
            ("GET", &own, vec![], "", 401),
            ("POST", LOGIN, vec![JSON], "{", 400),
            (
                "POST",
                LOGIN,
                vec![("content-type", "text/plain")],
                "x",
                415,
            ),
            ("PUT", LOGIN, vec![JSON], "", 405),
            ("POST", "/v1/nowhere/", vec![JSON], "", 404),
            ("DELETE", &own, vec![("session", NEVER)], "", 401),
        ] {
            let answer = connection.send(method, path, &headers, body.as_bytes());
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.header("connection"), None, "{method} {path}");
        }
    }
}

#[test]
fn an_answer_that_leaves_a_body_unread_says_so_if_it_closes_the_connection() {
    rows!("M-23");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for (method, path, status) in [
        ("PUT", LOGIN.to_owned(), 405),
        ("POST", "/v1/nowhere/".into(), 404),
        ("POST", path(NEVER, "sudo/"), 401),
        ("DELETE", path(NEVER, ""), 404),
    ] {
        for body in ["{}".to_owned(), "x".repeat(100_000)] {
            let mut connection = node.client();
            let answer = connection.send(method, &path, &[JSON], body.as_bytes());
            assert_eq!(answer.status, status, "{method} {path}");
            if answer.header("connection") == Some("close") {
                let mut rest = Vec::new();
                // A reset is a close, too; what matters is that nothing follows.
                drop(connection.into_stream().read_to_end(&mut rest));
                assert!(rest.is_empty());
            } else {
                let headers = [("session", session.as_str())];
                ok(&connection.send("GET", &self::path(&session, ""), &headers, b""));
            }
        }
    }
}

/// What the server says to these bytes until it closes the connection.
fn until_closed(node: &Node, bytes: &str) -> String {
    let mut connection: Client = node.client();
    connection.send_raw(bytes.as_bytes());
    let mut stream = connection.into_stream();
    let mut said = Vec::new();
    // A reset after the answer is a close, too.
    drop(stream.read_to_end(&mut said));
    String::from_utf8(said).unwrap()
}

#[test]
fn a_request_of_ambiguous_length_is_refused_with_all_that_follows() {
    rows!("M-20");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let smuggled = format!("DELETE /v1/sessions/{session}/ HTTP/1.1\r\nhost: t\r\n\r\n");
    for framing in [
        "content-length: 0\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "content-length: 0\r\ncontent-length: 5",
        "content-length: 0, 5",
        "content-length: -1",
        "content-length: +5",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    ] {
        let head = format!("POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\n{framing}\r\n\r\n");
        let said = until_closed(&node, &format!("{head}0\r\n\r\n{smuggled}"));
        assert!(said.starts_with("HTTP/1.1 400 "), "{framing}: {said}");
        assert_eq!(said.matches("HTTP/1.1").count(), 1, "{framing}: {said}");
        assert!(alive(&node, &session), "{framing}");
    }
}

//! Ambiguous framing is refused, the connection is closed, and nothing behind it runs. Source: C15, C16, ASVS 4.2.1.

use super::*;

/// Requests that cannot be framed, or not by everybody alike; a logout follows each.
const MALFORMED: &[&str] = &[
    // Two lengths, or one that is none.
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 0, 5\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: +2\r\n\r\n{}",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 0x2\r\n\r\n{}",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.0\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    // Lines.
    "GET /auth/verify HTTP/1.1\nhost: t\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\nx: y\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\n\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nx: y\r\n z\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\n\tz\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost : t\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nx\0y: z\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nx: y\rz\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nx: y\0z\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nno colon\r\n\r\n",
    // Names and targets.
    "GET /auth/verify HTTP/1.1\r\n\r\n",
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nhost: t\r\n\r\n",
    "GET http://t/auth/verify HTTP/1.1\r\nhost: t\r\n\r\n",
    "GET https://elsewhere/auth/verify HTTP/1.1\r\nhost: t\r\n\r\n",
    "GET auth/verify HTTP/1.1\r\nhost: t\r\n\r\n",
    "CONNECT t:80 HTTP/1.1\r\nhost: t\r\n\r\n",
    "CONNECT /auth/verify HTTP/1.1\r\nhost: t\r\n\r\n",
    // Versions.
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /auth/verify HTTP/2.0\r\nhost: t\r\n\r\n",
    "GET /auth/verify HTTP/1.9\r\nhost: t\r\n\r\n",
    "GET /auth/verify\r\n\r\n",
    "\x16\x03\x01\x02\r\n\r\n",
];

/// Chunked bodies that are none; a logout follows each.
const BODIES: &[&str] = &[
    "x\r\n",
    "-1\r\n",
    "+2\r\n{}\r\n0\r\n\r\n",
    "0x2\r\n{}\r\n0\r\n\r\n",
    "2\n{}\r\n0\r\n\r\n",
    "2\r\n{}\n0\r\n\r\n",
    "2\r\n{}x\r\n0\r\n\r\n",
    "2;\n\r\n{}\r\n0\r\n\r\n",
    "10000000000000002\r\n{}\r\n0\r\n\r\n",
    "fffffffffffffffe\r\n{}\r\n0\r\n\r\n",
    "2\r\n{}\r\n0\r\n\n",
    "2\r\n{}\r\n0\r\nx: y\n\r\n",
];

#[test]
fn behind_a_head_that_cannot_be_framed_nothing_runs() {
    let (node, session) = node(Limits::default());
    for bad in MALFORMED {
        let said = said_to(&node, &format!("{bad}{}", logout(&session)));
        one_answer(&said, 400, bad);
        // Also if it comes behind a good request, and piece by piece.
        let good = verification(&session);
        let said = said_to(&node, &format!("{good}{bad}{}", logout(&session)));
        assert!(said.starts_with("HTTP/1.1 200 "), "{bad:?}: {said}");
        let (_, rest) = said.split_at(8);
        let rest = rest.find("HTTP/1.1").map_or("", |at| rest.split_at(at).1);
        one_answer(rest, 400, bad);
        let mut stream = node.client().into_stream();
        let all = format!("{bad}{}", logout(&session));
        for piece in all.as_bytes().chunks(7) {
            if stream.write_all(piece).is_err() {
                break;
            }
        }
        let said = until_closed(&mut stream);
        assert!(said.matches("HTTP/1.1").count() <= 1, "{bad:?}: {said}");
        assert!(is_alive(&node, &session), "{bad:?}");
    }
}

#[test]
fn behind_a_body_that_cannot_be_framed_nothing_runs() {
    let (node, session) = node(Limits::default());
    let long = [
        format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(10_000)),
        format!("{}2\r\n{{}}\r\n0\r\n\r\n", "0".repeat(10_000)),
        format!("2\r\n{{}}\r\n0\r\nx: {}\r\n\r\n", "y".repeat(10_000)),
    ];
    let bodies = BODIES
        .iter()
        .copied()
        .chain(long.iter().map(String::as_str));
    for body in bodies {
        // Whether the body is read or not.
        for (path, head) in [
            ("/v1/sessions/", "content-type: application/json"),
            ("/v1/sessions/", "content-type: text/plain"),
            ("/v1/nowhere/", "x: y"),
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n{head}\r\n\r\n"
            );
            let said = said_to(&node, &format!("{head}{body}{}", logout(&session)));
            let shown = body.get(..body.len().min(60));
            assert!(said.starts_with("HTTP/1.1 4"), "{shown:?}: {said}");
            assert!(said.matches("HTTP/1.1").count() <= 2, "{shown:?}: {said}");
            assert!(!said.contains("HTTP/1.1 2"), "{shown:?}: {said}");
            assert!(is_alive(&node, &session), "{shown:?}");
        }
    }
}

#[test]
fn bodies_that_can_be_framed_are_read_whatever_their_pieces() {
    let (node, session) = node(Limits::default());
    let head = "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\n";
    let body = r#"{"username":"alice","password":"password-1"}"#;
    let (first, second) = body.split_at(10);
    let chunked = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{:x};a=b\r\n{first}\r\n{:X} \r\n{second}\r\n0\r\nx: y\r\n\r\n",
        first.len(),
        second.len()
    );
    let sized = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    for request in [chunked, sized] {
        for piece in [1, 7, 50, request.len()] {
            let mut client = node.client();
            for part in request.as_bytes().chunks(piece) {
                client.send_raw(part);
            }
            let answer = client.read_answer(false);
            assert_eq!(answer.status, 200, "{request}: {}", answer.text());
            assert_eq!(verify(&mut client, &session).status, 200, "{request}");
        }
        // Together with what is behind it.
        let mut client = node.client();
        let behind = verification(&session);
        client.send_raw(format!("{request}{behind}{request}{behind}{behind}").as_bytes());
        for _ in 0..5 {
            let answer = client.read_answer(false);
            assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        }
    }
}

#[test]
fn requests_that_come_together_are_answered_in_order() {
    let (node, session) = node(Limits::default());
    let mut client = node.client();
    let (good, bad) = (verification(&session), verification("nothing"));
    let head = "HEAD /auth/verify HTTP/1.1\r\nhost: t\r\n\r\n";
    let all = [good.as_str(), bad.as_str(), head].concat().repeat(100);
    let mut stream = client.into_stream().try_clone().unwrap();
    let writer = std::thread::spawn({
        let mut stream = stream.try_clone().unwrap();
        move || stream.write_all(all.as_bytes()).unwrap()
    });
    client = Client::over(stream.try_clone().unwrap());
    for _ in 0..100 {
        assert_eq!(client.read_answer(false).status, 200);
        assert_eq!(client.read_answer(false).status, 401);
        assert_eq!(client.read_answer(true).status, 401);
    }
    writer.join().unwrap();
    stream.write_all(logout(&session).as_bytes()).unwrap();
    assert_eq!(client.read_answer(false).status, 200);
    assert!(!is_alive(&node, &session));
}

#[test]
fn nothing_runs_behind_a_request_that_says_it_is_the_last() {
    let (node, session) = node(Limits::default());
    let last = verification(&session).replace("host: t", "host: t\r\nconnection: close");
    let said = said_to(&node, &format!("{last}{}", logout(&session)));
    one_answer(&said, 200, "the last");
    assert!(
        said.to_ascii_lowercase().contains("connection: close"),
        "{said}"
    );
    let old = verification(&session).replace("HTTP/1.1", "HTTP/1.0");
    let said = said_to(&node, &format!("{old}{}", logout(&session)));
    assert_eq!(said.matches("HTTP/1.0").count(), 1, "{said}");
    assert!(is_alive(&node, &session));
}

#[test]
fn an_upgrade_is_not_taken_up() {
    let (node, session) = node(Limits::default());
    for upgrade in [
        "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nconnection: upgrade, http2-settings",
        "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    ] {
        let asked = verification(&session).replace("host: t", &format!("host: t\r\n{upgrade}"));
        let said = said_to(&node, &format!("{asked}{}", logout(&session)));
        one_answer(&said, 200, upgrade);
        let said = said.to_ascii_lowercase();
        assert!(
            said.contains("connection: close") && !said.contains("upgrade"),
            "{said}"
        );
        assert!(is_alive(&node, &session), "{upgrade}");
    }
}

#[test]
fn a_trace_is_a_method_that_nothing_has() {
    let (node, session) = node(Limits::default());
    for path in [
        "/auth/verify",
        "/v1/sessions/",
        "/v3/session/user",
        "/api/v1/session/jsonrpc",
        "/v1/client",
    ] {
        let mut client = node.client();
        let answer = client.send("TRACE", path, &[("session", &session)], b"");
        assert_eq!(answer.status, 405, "{path}");
        assert!(
            answer
                .header("allow")
                .is_some_and(|allow| !allow.contains("TRACE")),
            "{path}"
        );
        assert!(!answer.text().contains(&session), "{path}");
    }
}

#[test]
fn behind_an_answer_that_ends_the_connection_nothing_is_answered() {
    let (node, session) = node(Limits::default());
    let next = verification(&session).replace("host: t\r\n", "host: t\r\nconnection: close\r\n");
    for expect in ["", "expect: 100-continue\r\n"] {
        for path in ["/v1/nowhere/", "/auth/verify"] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: t\r\n{expect}");
            let mut stream = node.client().into_stream();
            write!(stream, "{head}content-length: 5\r\n\r\n").unwrap();
            if !expect.is_empty() {
                // The first word of it has come.
                assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
            }
            // Nobody reads it.
            drop(write!(stream, "12345{next}"));
            let said = until_closed(&mut stream);
            let between = "HTTP/1.1 100 Continue\r\n\r\n";
            let said = said.strip_prefix(between).unwrap_or(&said);
            let (first, rest) = said.split_once("\r\n\r\n").unwrap_or_default();
            let ends = first.contains("connection: close");
            assert_eq!(
                rest.contains("HTTP/1.1 200"),
                !ends,
                "{path} {expect}: {said}"
            );
        }
    }
}

#[test]
fn what_ends_a_connection_without_saying_so_ends_it_all_the_same() {
    let (node, session) = node(Limits::default());
    let next = verification(&session);
    for first in [
        // Early answers, over HTTP/1.0 and before a chunk that is none.
        "POST /v1/sessions/ HTTP/1.0\r\nhost: t\r\nconnection: keep-alive\r\naccept: text/html\r\ncontent-length: 5\r\n\r\nhello",
        "POST /nothing HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n5 x\r\nhello\r\n0\r\n\r\n",
        "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\naccept: text/html\r\ntransfer-encoding: chunked\r\n\r\n5 x\r\nhello\r\n0\r\n\r\n",
    ] {
        let said = said_to(&node, &format!("{first}{next}"));
        assert!(!said.contains(" 200 OK"), "{first:?}: {said}");
    }
}

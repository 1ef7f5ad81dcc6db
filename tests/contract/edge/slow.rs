//! Clients that take their time: each is closed, and nobody else notices. Source: O7, C17.

use std::time::Duration;

use super::*;
use sessile::journal::memory::Pace;

/// Longer than a test takes.
const LONG: Duration = Duration::from_secs(600);

/// No limit is ever reached.
fn patient() -> Limits {
    Limits {
        head: LONG,
        body: LONG,
        write: LONG,
        idle: LONG,
        ..Limits::default()
    }
}

/// What is said after these pieces, sent one by one as long as the connection takes them.
fn after(node: &Node, pieces: &[&str]) -> String {
    let mut stream = node.client().into_stream();
    for piece in pieces {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    until_closed(&mut stream)
}

#[test]
fn a_slow_head_is_closed_the_first_and_any_other() {
    let limits = Limits {
        head: SHORT,
        ..patient()
    };
    let (node, session) = node(limits);
    let good = verification(&session);
    let (begun, _) = good.split_at(30);
    assert_eq!(after(&node, &[]), "", "a connection on which nothing comes");
    one_answer(&after(&node, &[begun]), 408, "the first head");
    one_answer(&after(&node, &["\r\n"]), 408, "less than a line");
    // Behind a whole one, together with it and apart from it.
    for pieces in [&[format!("{good}{begun}").as_str()][..], &[&good, begun]] {
        let said = after(&node, pieces);
        assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 2, "{said}");
        assert!(said.contains("HTTP/1.1 408 "), "{said}");
    }
    // Byte by byte for ever is slow, too.
    let mut stream = node.client().into_stream();
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").unwrap();
    while stream.write_all(b"y").is_ok() {
        std::thread::yield_now();
    }
    assert!(is_alive(&node, &session));
}

#[test]
fn a_slow_body_is_closed() {
    let limits = Limits {
        body: SHORT,
        ..patient()
    };
    let (node, session) = node(limits);
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        for (path, kind) in [
            ("/v1/sessions/", "application/json"),
            ("/v1/sessions/", "text/plain"),
            ("/v1/nowhere/", "text/plain"),
            ("/api/v1/session/jsonrpc", "application/json"),
        ] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: t\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n"
            );
            for begun in ["", "1\r\nx"] {
                let said = after(&node, &[&head, begun]);
                assert!(said.starts_with("HTTP/1.1 4"), "{head}: {said}");
                assert_eq!(said.matches("HTTP/1.1").count(), 1, "{head}: {said}");
            }
        }
    }
    // In chunks for ever.
    let mut stream = node.client().into_stream();
    let head = b"POST /v1/nowhere/ HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).unwrap();
    while stream.write_all(b"1\r\nx\r\n").is_ok() {
        std::thread::yield_now();
    }
    assert!(is_alive(&node, &session));
}

#[test]
fn a_client_that_reads_nothing_is_closed_and_fills_no_memory() {
    let limits = Limits {
        write: SHORT,
        ..patient()
    };
    let (node, session) = node(limits);
    let request = verification(&session).repeat(100);
    let mut stream = node.client().into_stream();
    let mut sent = 0;
    while stream.write_all(request.as_bytes()).is_ok() {
        sent += request.len();
        // What both ends of a socket hold is less.
        assert!(sent < 64 << 20, "{sent} bytes were taken and nothing read");
    }
    assert!(is_alive(&node, &session));
}

#[test]
fn a_client_that_reads_nothing_is_closed_whoever_answers_it() {
    let limits = Limits {
        write: SHORT,
        ..patient()
    };
    let (node, session) = node(limits);
    let request = verification(&session).repeat(100);
    let mut client = node.client();
    // From here on the connection is the framework's.
    client.send_raw(b"PUT /auth/verify HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(client.read_answer(false).status, 405);
    let mut stream = client.into_stream();
    stream.set_write_timeout(Some(LONG / 20)).unwrap();
    let end = loop {
        if let Err(error) = stream.write_all(request.as_bytes()) {
            break error.kind();
        }
    };
    assert_ne!(end, std::io::ErrorKind::WouldBlock, "it was not closed");
}

#[test]
fn what_is_said_to_become_something_else_is_a_body_without_an_end() {
    let limits = Limits {
        body: SHORT,
        ..patient()
    };
    let (node, _) = node(limits);
    let mut stream = node.client().into_stream();
    let text = "POST /v1/client/sign_ins HTTP/1.1\r\nhost: t\r\nupgrade: websocket\r\n\
                content-type: application/x-www-form-urlencoded\r\ncontent-length: 5\r\n\r\na=b&c";
    stream.write_all(text.as_bytes()).unwrap();
    let mut said = Vec::new();
    let end = stream.read_to_end(&mut said).map_err(|error| error.kind());
    assert_ne!(
        end,
        Err(std::io::ErrorKind::WouldBlock),
        "it was not closed"
    );
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains(" 200 OK"), "{said}");
}

#[test]
fn a_client_that_pauses_gets_everything_in_the_end() {
    let (node, session) = node(patient());
    let stream = node.client().into_stream();
    let mut writing = stream.try_clone().unwrap();
    writing.set_nonblocking(true).unwrap();
    let request = verification(&session);
    let (mut sent, mut cut) = (0, 0);
    // Until nothing more is taken: both directions are full.
    'full: while sent < 1_000_000 {
        let mut rest = request.as_bytes();
        while !rest.is_empty() {
            match writing.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => {
                    cut = request.len() - rest.len();
                    break 'full;
                }
            }
        }
        sent += 1;
    }
    stream.set_nonblocking(false).unwrap();
    let mut client = Client::over(stream);
    for _ in 0..sent {
        assert_eq!(client.read_answer(false).status, 200);
    }
    client.send_raw(&request.as_bytes()[cut..]);
    assert_eq!(client.read_answer(false).status, 200);
}

#[test]
fn an_idle_connection_is_closed_and_one_that_waits_for_us_is_not() {
    let limits = Limits {
        idle: SHORT,
        ..patient()
    };
    let node = Node::start(Setup {
        limits,
        pace: Pace::Held,
        ..Setup::default()
    });
    // A change that the journal holds back for longer than any limit.
    let made = json!({"username": "alice"}).to_string();
    let bearer = format!("Bearer {}", crate::support::OWNER);
    let mut waiting = Client::connect(node.admin);
    let headers = [("authorization", bearer.as_str())];
    let request = format!(
        "POST /admin/v1/accounts HTTP/1.1\r\nhost: localhost\r\n{}: {}\r\ncontent-length: {}\r\n\r\n{made}",
        headers[0].0,
        headers[0].1,
        made.len()
    );
    waiting.send_raw(request.as_bytes());
    // Meanwhile others come, idle, and are closed.
    for at in [node.public, node.admin, node.public] {
        let mut idle = Client::connect(at);
        assert_ne!(idle.send("GET", "/health/live", &[], b"").status, 0);
        assert_eq!(until_closed(&mut idle.into_stream()), "");
    }
    while node.journal.release(1) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(waiting.read_answer(false).status, 200);
    assert_eq!(until_closed(&mut waiting.into_stream()), "");
}

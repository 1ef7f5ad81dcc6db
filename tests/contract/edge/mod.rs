//! The edge: framing, sizes, clients that are slow, how many connections there are, and what every answer has.
//!
//! Over raw sockets, with limits shortened where one is to be reached: that a connection is closed is the promise, not
//! when.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use sessile::edge::limits::Limits;

use crate::support::client::{Answer, Client};
use crate::support::{Node, Setup};

mod caps;
mod every;
mod framing;
mod sizes;
mod slow;

/// What a limit is shortened to.
const SHORT: Duration = Duration::from_millis(100);

/// A node with one account and a session of it.
fn node(limits: Limits) -> (Node, String) {
    let node = Node::start(Setup {
        workers: 1,
        limits,
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let session = node.session("alice");
    (node, session)
}

/// A verification as it is sent.
fn verification(session: &str) -> String {
    format!(
        "GET /auth/verify HTTP/1.1\r\nhost: t\r\nsession: {session}\r\nx-sessile-touch: no\r\n\r\n"
    )
}

/// A logout as it is sent.
fn logout(session: &str) -> String {
    format!("DELETE /v1/sessions/{session}/ HTTP/1.1\r\nhost: t\r\nsession: {session}\r\n\r\n")
}

fn verify(client: &mut Client, session: &str) -> Answer {
    client.send_raw(verification(session).as_bytes());
    client.read_answer(false)
}

fn is_alive(node: &Node, session: &str) -> bool {
    verify(&mut node.client(), session).status == 200
}

/// What comes until the connection is closed. A reset is a close, too.
fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

/// What is answered to these bytes until the connection is closed.
fn said_to(node: &Node, bytes: &str) -> String {
    let mut stream = node.client().into_stream();
    // The server may have answered and closed before it read everything.
    drop(stream.write_all(bytes.as_bytes()));
    until_closed(&mut stream)
}

/// Checks that what was said is this one answer and the last.
fn one_answer(said: &str, status: u16, what: &str) {
    assert!(
        said.starts_with(&format!("HTTP/1.1 {status} ")),
        "{what}: {said}"
    );
    assert_eq!(said.matches("HTTP/1.1").count(), 1, "{what}: {said}");
}

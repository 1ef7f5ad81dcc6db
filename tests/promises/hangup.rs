//! Who hangs up takes nothing back: a logout or a close that was sent takes effect (F25, R16).
//!
//! A connection is reset, and not just closed, if there is an answer on it that was not read: the
//! client asks something first, waits until the answer is there, and leaves it where it is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use serde_json::{Value, json};
use sessile::door::Engine;
use sessile::session::activity::Touch;

use crate::hold::until;
use crate::rig::live;
use crate::support::client::Client;
use crate::support::{Node, Setup};

/// Sessions that are ended in each way.
const SESSIONS: usize = 500;

/// How a client goes away.
#[derive(Clone, Copy, Debug)]
enum Goodbye {
    /// It closes the connection.
    Close,
    /// It resets the connection.
    Reset,
}

/// Sends a request and is gone.
fn ask_and_go(to: SocketAddr, request: &str, goodbye: Goodbye) {
    let mut client = Client::connect(to);
    if matches!(goodbye, Goodbye::Reset) {
        client.send_raw(b"GET /auth/verify HTTP/1.1\r\nhost: test\r\n\r\n");
    }
    let mut stream = client.into_stream();
    if matches!(goodbye, Goodbye::Reset) {
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
    }
    stream.write_all(request.as_bytes()).unwrap();
}

fn issue(node: &Node, more: Value) -> Vec<String> {
    let mut secrets = Vec::new();
    while secrets.len() < SESSIONS {
        let mut body = json!({"count": 250});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let issued = node.administer("POST", "/admin/v1/sessions", body);
        let issued = issued["sessions"].as_array().unwrap();
        secrets.extend(
            issued
                .iter()
                .map(|s| s["secret"].as_str().unwrap().to_owned()),
        );
    }
    secrets
}

/// Ends sessions by requests whose answers nobody waits for.
fn end_all(node: &Node, secrets: &[String], goodbye: Goodbye, request: impl Fn(&str) -> String) {
    let live = |secret: &String| {
        live(
            &node.engine,
            node.engine.session_id(secret.as_bytes()).unwrap(),
            Touch::No,
        )
    };
    assert!(secrets.iter().all(live));
    for secret in secrets {
        ask_and_go(node.public, &request(secret), goodbye);
    }
    let mut left: Vec<_> = secrets.iter().collect();
    until("the end of every session", || {
        left.retain(|secret| live(secret));
        left.is_empty()
    });
}

#[test]
fn a_thousand_of_a_thousand_hung_up_logouts_take_effect() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({"max_sessions": 0}));
    for goodbye in [Goodbye::Close, Goodbye::Reset] {
        let secrets = issue(&node, json!({"username": "alice", "surface": "mollybet"}));
        end_all(&node, &secrets, goodbye, |secret| {
            format!(
                "DELETE /v1/sessions/{secret}/ HTTP/1.1\r\nhost: t\r\nsession: {secret}\r\n\r\n"
            )
        });
    }
}

#[test]
fn a_thousand_of_a_thousand_hung_up_closes_take_effect() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    let (name, secret) = node.key_pair("alice");
    for goodbye in [Goodbye::Close, Goodbye::Reset] {
        let tokens = issue(&node, json!({"api_key": name, "surface": "xdata"}));
        end_all(&node, &tokens, goodbye, |token| {
            let call = json!({
                "jsonrpc": "2.0", "method": "session.close_session", "params": [token], "id": 1,
            });
            let body = call.to_string();
            let length = body.len();
            format!(
                "POST /api/v1/session/jsonrpc HTTP/1.1\r\nhost: t\r\napikey: {name}\r\n\
                 secret: {secret}\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        });
    }
}

#[test]
fn an_answer_that_was_not_read_makes_the_goodbye_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    server.write_all(b"answer").unwrap();
    assert_eq!(client.peek(&mut [0]).unwrap(), 1);
    drop(client);
    let error = server.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

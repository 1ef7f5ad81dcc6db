//! Request bytes into the whole service, over a socket, with the credentials that are known to the sender put
//! in: what is malformed is never a 5xx, a refused frame ends the connection, every byte that comes back is
//! a legal answer, no answer repeats a secret that was sent, and nobody's session but his own is harmed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::Fate;
use crate::support::{Node, READER, Setup};

pub(crate) const WORDS: &[&str] = &[
    "GET /auth/verify HTTP/1.1\r\nhost: t\r\nsession: @SESSION@\r\n\r\n",
    "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 45\r\n\r\n{\"username\":\"mallory\",\"password\":\"password-1\"}",
    "POST /api/v2/session/jsonrpc HTTP/1.1\r\nhost: t\r\napikey: @KEY@\r\nsecret: @PAIR@\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    "DELETE /v1/client HTTP/1.1\r\nhost: t\r\ncookie: __client=@CLIENT@\r\n\r\n",
    "transfer-encoding: chunked\r\n",
    "content-length: 5\r\n",
    "expect: 100-continue\r\n",
    "upgrade: h2c\r\nconnection: upgrade\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "authorization: Bearer @READER@\r\n",
    "content-type: application/x-www-form-urlencoded\r\n",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "\r\n\r\n",
    "\r\n",
    "host: t\r\n",
    "host: localhost\r\n",
    "/v3/session/login",
    "/v1/client/sign_ins?_method=PATCH",
    "/v1/sessions/@SESSION@/sudo/",
    "/admin/v1/accounts?limit=1",
    "\0",
];

/// A node, what a stranger called mallory has on it, and a session of which nobody tells him.
pub(crate) struct Stage {
    node: Node,
    /// Mallory's own session.
    pub(crate) session: String,
    pair: (String, String),
    client: String,
    key: String,
    victim: String,
}

pub(crate) static NODE: LazyLock<Stage> = LazyLock::new(|| {
    let node = Node::start(Setup::default());
    node.account("mallory", json!({"client_type": "website"}));
    node.account("victim", Value::Null);
    let session = node.session("mallory");
    let pair = node.key_pair("mallory");
    let victim = node.session("victim");
    let guest = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let key = ["key", "secret", "api_key"]
        .iter()
        .find_map(|name| guest[*name].as_str())
        .expect("a guest key is shown once");
    let form = "strategy=password&identifier=mallory&password=password-1&_is_native=1";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let signed = node.send("POST", "/v1/client/sign_ins?_is_native=1", &headers, form);
    let client = signed.header("authorization").expect("a native client");
    Stage {
        session,
        pair,
        client: client.to_owned(),
        key: key.to_owned(),
        victim,
        node,
    }
});

impl Stage {
    pub(crate) fn public(&self) -> SocketAddr {
        self.node.public
    }

    /// The input with what mallory knows put into it.
    fn filled(&self, bytes: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(bytes.len());
        let names: [(&[u8], &str); 6] = [
            (b"@SESSION@", &self.session),
            (b"@KEY@", &self.pair.0),
            (b"@PAIR@", &self.pair.1),
            (b"@CLIENT@", &self.client),
            (b"@GUEST@", &self.key),
            (b"@READER@", READER),
        ];
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            match names.iter().find(|(name, _)| rest.starts_with(name)) {
                Some((name, value)) => {
                    filled.extend_from_slice(value.as_bytes());
                    rest = rest.get(name.len()..).unwrap_or_default();
                }
                None => {
                    filled.push(*first);
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        filled
    }
}

/// What came back on a connection until it was closed.
pub(crate) struct Said {
    /// The statuses, in order.
    pub(crate) answers: Vec<u16>,
    /// All of it.
    pub(crate) text: String,
}

/// Sends bytes and nothing more, and reads until the server closes. Every byte must belong to a legal answer.
pub(crate) fn say(to: SocketAddr, bytes: &[u8]) -> Said {
    let mut stream = TcpStream::connect(to).expect("it listens");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a socket has one");
    // The server may answer and close before everything is sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => said.extend_from_slice(chunk.get(..length).unwrap_or_default()),
            Err(error) => {
                let open = matches!(
                    error.kind(),
                    std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                );
                assert!(!open, "the connection was left open");
                break; // A reset is a close, too.
            }
        }
    }
    Said {
        answers: answers(&said),
        text: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// The statuses of a row of answers. What a HEAD gets has a length and no body.
fn answers(mut rest: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("half a head: {:?}", String::from_utf8_lossy(rest)));
        let (head, behind) = rest.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("a head is ASCII");
        let status = head.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5));
        let status: u16 = status
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("no answer: {head:?}"));
        let length = head.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let found = name.eq_ignore_ascii_case("content-length");
            found.then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        let lengths: Vec<_> = length.collect();
        assert!(lengths.len() <= 1, "two lengths: {head:?}");
        let length = lengths.first().copied().unwrap_or(0);
        let begins = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"HTTP/1.");
        let full = behind.get(length..).filter(|rest| begins(rest));
        rest = match full {
            Some(rest) => rest,
            None => {
                assert!(begins(behind), "a body of another length: {head:?}");
                behind
            }
        };
        statuses.push(status);
    }
    statuses
}

/// The first byte says which listener, the others are sent.
pub(crate) fn run(bytes: &[u8]) -> Fate {
    let Some((which, bytes)) = bytes.split_first() else {
        return Fate::Idle;
    };
    let stage = &*NODE;
    let private = which.is_multiple_of(4);
    let to = if private {
        stage.node.admin
    } else {
        stage.node.public
    };
    let Said { answers, text } = say(to, &stage.filled(bytes));
    for status in &answers {
        assert!((100..500).contains(status), "{status}: {text}");
    }
    // A frame that cannot be read is refused without a word, and nothing follows it.
    let refused = text.find("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n");
    if let Some(at) = refused {
        let behind = text.get(at + 8..).unwrap_or_default();
        assert!(!behind.contains("HTTP/1."), "something followed: {text}");
    }
    for secret in [&stage.session, &stage.pair.1, &stage.key, &stage.client] {
        assert!(
            !text.contains(secret.as_str()),
            "a secret is repeated: {text}"
        );
    }
    assert!(!text.contains(READER) && !text.contains(&stage.victim));
    let probe = [("session", stage.victim.as_str())];
    let answer = stage.node.send("GET", "/auth/verify", &probe, "");
    assert_eq!(answer.status, 200, "the victim was logged out");
    assert_eq!(answer.header("x-sessile-user"), Some("victim"));
    Fate::of(answers.iter().any(|status| (200..300).contains(status)))
}

//! When the engine cannot: overload, a journal that refuses, no random bytes; and what errors tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sessile::door::{self, Engine};
use sessile::entropy::{Entropy, EntropyFailed, SystemEntropy};
use sessile::journal::memory::Pace;

use super::{Desk, JSON, V2, checked, code, request};
use crate::admin::listener::Served;
use crate::support::client::Client;
use crate::support::{Node, Setup};

const BUSY: &str = r#"{"jsonrpc":"2.0","error":{"code":-32002,"message":"Server busy"},"id":null}"#;

#[test]
fn a_single_call_that_the_engine_cannot_take_is_503() {
    rows!("X-69");
    let desk = Desk::open();
    let token = desk.opened("");
    desk.node.journal.refuse(true);
    let close = request("session.close_session", &json!([token]).to_string());
    for body in [request("session.open_session", ""), close.clone()] {
        let answer = desk.say(&body);
        assert_eq!((answer.status, answer.text()), (503, BUSY.into()), "{body}");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
    }
    // What needs no record goes on; a close holds though it could not be recorded (R2).
    assert!(!desk.is_active(&token));
    desk.node.journal.refuse(false);
    // But it is not said to be closed, nor anything opened: a restart would bring it back.
    assert_eq!(desk.say(&close).text(), BUSY);
    assert_eq!(desk.say(&request("session.open_session", "")).text(), BUSY);
    desk.node.hold_in_images();
    assert_eq!(code(&desk.call("session.open_session", "")), 0);
    assert_eq!(desk.say(&close).status, 200);
}

#[test]
fn in_a_batch_each_member_says_so_and_a_notification_says_nothing() {
    rows!("X-51", "X-58", "X-70");
    let desk = Desk::open();
    let token = desk.opened("");
    desk.node.journal.refuse(true);
    let open = r#"{"jsonrpc":"2.0","method":"session.open_session""#;
    let verify = request("session.verify_session_token", &json!([token]).to_string());
    let body = format!(r#"[{open},"id":"a"}},{verify},{open}}},{open},"id":"b"}}]"#);
    let busy = |id| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32002,"message":"Server busy"}},"id":"{id}"}}"#
        )
    };
    let active = r#"{"result":{"active":true},"id":1,"jsonrpc":"2.0"}"#;
    assert_eq!(
        desk.text(&body),
        format!("[{},{active},{}]", busy("a"), busy("b"))
    );
    for silent in [format!("{open}}}"), format!("[{open}}},{open}}}]")] {
        let answer = desk.say(&silent);
        assert_eq!(
            (answer.status, answer.text()),
            (200, String::new()),
            "{silent}"
        );
    }
}

/// Says that it is ready when it is dropped, in a panic, too.
struct Ready<'f>(&'f AtomicBool);

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A desk whose journal makes nothing durable by itself, and a live session of alice's pair.
fn held_desk() -> (Desk, String) {
    let node = Node::start(Setup {
        pace: Pace::Held,
        ..Setup::default()
    });
    let (journal, ready) = (node.journal.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ready.load(Ordering::Acquire) {
                journal.release(usize::MAX);
                std::thread::yield_now();
            }
        });
        let _held_again = Ready(&ready);
        let desk = Desk::of(node);
        let token = desk.opened("");
        (desk, token)
    })
}

#[test]
fn a_call_that_finds_a_queue_full_is_503_and_the_others_are_carried_out() {
    rows!("X-31", "X-69");
    let (desk, token) = held_desk();
    let body = request("session.close_session", &json!([token]).to_string());
    let (key, secret) = &desk.alice;
    let length = body.len();
    let call = format!(
        "POST {V2} HTTP/1.1\r\nhost: test\r\napikey: {key}\r\nsecret: {secret}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    // One is under way, 64 wait for it, one is turned away.
    let mut clients: Vec<_> = (0..66).map(|_| desk.node.client()).collect();
    for client in &mut clients {
        client.send_raw(call.as_bytes());
    }
    let overloaded = || match desk.node.engine.figures() {
        door::Answer::Now(figures) => figures.overloaded,
        door::Answer::Later(_) => 0,
    };
    let turned_one_away = (0..20_000_000).any(|_| {
        std::thread::yield_now();
        overloaded() > 0
    });
    assert!(turned_one_away);
    assert_eq!(desk.node.journal.release(usize::MAX), 1);
    let answers = clients
        .iter_mut()
        .map(|client| checked(client.read_answer(false)));
    let (done, turned_away): (Vec<_>, Vec<_>) = answers.partition(|answer| answer.status == 200);
    assert_eq!((done.len(), turned_away.len()), (65, 1));
    assert!(done.iter().all(|answer| answer.json()["result"] == true));
    assert_eq!(
        (turned_away[0].status, turned_away[0].text()),
        (503, BUSY.into())
    );
}

/// A source that can run dry.
struct Dry(AtomicBool);

impl Entropy for Dry {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        if self.0.load(Ordering::Acquire) {
            return Err(EntropyFailed);
        }
        SystemEntropy.fill(bytes)
    }
}

#[test]
fn without_random_bytes_nothing_is_opened() {
    rows!("X-71");
    let entropy = Arc::new(Dry(AtomicBool::new(false)));
    let served = Served::start(entropy.clone());
    let administer = |path: &str, body: Value| served.administer("POST", path, body);
    administer("/admin/v1/accounts", json!({"username": "alice"}));
    let pair = administer(
        "/admin/v1/keys",
        json!({"kind": "xdata", "username": "alice"}),
    );
    let (key, secret) = (
        pair["api_key"].as_str().unwrap(),
        pair["secret"].as_str().unwrap(),
    );
    let say = |body: &str| {
        let headers = [("apikey", key), ("secret", secret), JSON];
        checked(Client::connect(served.public).send("POST", V2, &headers, body.as_bytes()))
    };
    let token = say(&request("session.open_session", "")).json();
    let token = token["result"]["access_token"].as_str().unwrap().to_owned();
    let records = served.journal.records().len();
    entropy.0.store(true, Ordering::Release);
    let failed = r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"Internal error"},"id":1}"#;
    let answer = say(&request("session.open_session", ""));
    assert_eq!((answer.status, answer.text()), (200, failed.into()));
    assert_eq!(served.journal.records().len(), records);
    let verify = request("session.verify_session_token", &json!([token]).to_string());
    assert_eq!(say(&verify).json()["result"]["active"], true, "reads go on");
    entropy.0.store(false, Ordering::Release);
    assert_eq!(code(&say(&request("session.open_session", "")).json()), 0);
}

#[test]
fn no_error_repeats_what_was_sent() {
    rows!("X-72");
    let desk = Desk::open();
    let token = desk.opened("");
    let (key, secret) = desk.alice.clone();
    let word = "canary-7f3a";
    let bodies = [
        format!(r#"{{"jsonrpc":"2.0","method":"{word}","params":["{token}"],"id":1}}"#),
        format!(
            r#"{{"jsonrpc":"2.0","method":"session.close_session","params":{{"{word}":"{token}"}},"id":1}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","method":"session.close_session","params":["{token}","{word}"],"id":1}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","method":"session.open_session","params":["{word}"],"id":1}}"#
        ),
        format!(r#"{{"jsonrpc":"2.0","method":"x","id":{{"{word}":"{token}"}}}}"#),
        format!(r#"{{"{word}":"{token}","{word}":"{token}"}}"#),
        format!(r#"{word} {token}"#),
        format!(r#"["{word}","{token}"]"#),
    ];
    let wrong = format!("{secret}{word}");
    let pairs = [
        (key.as_str(), secret.as_str()),
        (key.as_str(), wrong.as_str()),
        (word, word),
    ];
    let mut seen = Vec::new();
    for body in &bodies {
        for (key, secret) in pairs {
            for kind in ["application/json", word] {
                let headers = [("apikey", key), ("secret", secret), ("content-type", kind)];
                let answer = desk.post(&headers, body.as_bytes());
                let text = format!("{} {:?}", answer.text(), answer.headers);
                for told in [
                    word,
                    &token,
                    &desk.alice.0,
                    &desk.alice.1,
                    "serde",
                    "line ",
                    "column",
                ] {
                    assert!(!text.contains(told), "{told} in {text}");
                }
                seen.push(answer.status);
            }
        }
        let by_token = desk.post(&[("xdata-session-token", word), JSON], body.as_bytes());
        assert!(!by_token.text().contains(word));
    }
    for status in [200, 401, 415] {
        assert!(seen.contains(&status), "{status} was among the answers");
    }
    assert!(desk.is_active(&token));
}

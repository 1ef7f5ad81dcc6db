//! A stop in good order: not ready first, idle connections closed, and no answer cut (O13, F26).

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use sessile::journal::memory::Pace;

use crate::hold::{Pump, until};
use crate::support::client::Client;
use crate::support::{Node, OWNER, Setup};

/// Logins under way when the node is told to stop.
const UNDER_WAY: usize = 16;

#[test]
fn a_node_that_stops_is_not_ready_closes_what_is_idle_and_answers_what_it_took() {
    let mut node = Node::start(Setup {
        pace: Pace::Held,
        ..Setup::default()
    });
    let pump = Pump::on(&node.journal);
    node.account("alice", json!({"max_sessions": 0}));
    let session = node.session("alice");
    let login = json!({"username": "alice", "password": "password-1"}).to_string();
    // She is known from here by now, so that another login has no record but that of its session.
    let json = [("content-type", "application/json")];
    let first = node.send("POST", "/v1/sessions/", &json, &login);
    assert_eq!(first.status, 200);
    drop(pump);
    let mut idle: Vec<_> = (0..UNDER_WAY).map(|_| node.client()).collect();
    for client in &mut idle {
        let own = [("session", session.as_str())];
        assert_eq!(client.send("GET", "/auth/verify", &own, b"").status, 200);
    }
    let mut under_way: Vec<_> = (0..UNDER_WAY).map(|_| node.client()).collect();
    let head = format!(
        "POST /v1/sessions/ HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{login}",
        login.len()
    );
    for client in &mut under_way {
        client.send_raw(head.as_bytes());
    }
    until("all of them wait for the journal", || {
        node.journal.waiting() == UNDER_WAY
    });

    node.begin_to_stop();
    until("it says so", || {
        let answer = node.admin_as(OWNER, "GET", "/health/ready", Value::Null);
        assert!(matches!(answer.status, 200 | 503));
        answer.status == 503
            && answer.json() == json!({"status": "stopping"})
            && answer.header("retry-after").is_some()
    });
    // An end without a byte: no answer is cut on them.
    let mut closed = 0;
    for client in idle {
        let mut stream = client.into_stream();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        closed += usize::from(rest.is_empty());
    }
    assert_eq!(closed, UNDER_WAY);
    // What is under way is still asked of the journal, and a restriction finds its way until the end.
    assert_eq!(node.journal.waiting(), UNDER_WAY);
    let live = node.admin_as(OWNER, "GET", "/health/live", Value::Null);
    assert_eq!(live.status, 200);
    node.journal.release(usize::MAX);
    let whole = |mut client: Client| {
        let answer = client.read_answer(false);
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.json()["data"].as_str().map(str::len), Some(32));
        let mut rest = Vec::new();
        client.into_stream().read_to_end(&mut rest).unwrap();
        answer.status == 200 && rest.is_empty()
    };
    let whole = under_way
        .into_iter()
        .map(whole)
        .filter(|whole| *whole)
        .count();
    assert_eq!(whole, UNDER_WAY, "0 answers cut");
}

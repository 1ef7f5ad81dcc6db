//! What is answered when the node cannot do as it should.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use sessile::actors::runtime::Ports;
use sessile::app::{self, Listeners};
use sessile::audit::sink::Audit;
use sessile::clock::ManualClock;
use sessile::entropy::{Entropy, EntropyFailed, SystemEntropy};
use sessile::http::admin::{AdminTokens, Role};
use sessile::http::surroundings::Surroundings;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::policy::Policy;

use super::*;
use crate::support::client::Client;
use crate::support::{OWNER, START_MS};

fn unavailable(answer: &Answer) {
    refused(answer, 503, "unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn a_node_that_cannot_write_grants_nothing() {
    rows!("M-38");
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    let session = node.session("root");
    let sessions = node.administer("GET", "/admin/v1/sessions", Value::Null);
    node.journal.refuse(true);
    unavailable(&log_in(&node, "root", PASSWORD));
    unavailable(&sudo(&node, &session, "root"));
    unavailable(&call(&node, "POST", &session, "tokenize/"));
    ok(&get(&node, &session));
    node.journal.refuse(false);
    node.hold_in_images();
    let after = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(after, sessions);
    text(&log_in(&node, "root", PASSWORD));
}

#[test]
fn a_node_that_cannot_write_takes_away_all_the_same() {
    rows!("M-38");
    let node = node(&["alice"]);
    let (one, two) = (node.session("alice"), node.session("alice"));
    let handoff = token(&node, &two);
    node.journal.refuse(true);
    unavailable(&delete(&node, &one));
    unavailable(&detokenize(&node, &two, &handoff));
    assert!(!alive(&node, &one));
    node.journal.refuse(false);
    node.hold_in_images();
    assert!(!alive(&node, &one));
    refused(&detokenize(&node, &two, &handoff), 404, "not_found");
}

/// The system's randomness, until it is switched off.
struct Switched(AtomicBool);

impl Entropy for Switched {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        if self.0.load(Ordering::Acquire) {
            return Err(EntropyFailed);
        }
        SystemEntropy.fill(bytes)
    }
}

#[test]
fn without_randomness_nothing_is_issued() {
    rows!("M-39");
    let entropy = Arc::new(Switched(AtomicBool::new(false)));
    let ports = Ports {
        clock: Arc::new(ManualClock::at_ms(START_MS)),
        entropy: entropy.clone(),
        journal: MemoryJournal::new(Pace::Prompt, Keep::Nothing),
        audit: Audit::default(),
    };
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = Listeners::bind(loopback, loopback).unwrap();
    let (public, admin) = (listeners.listen, listeners.admin_listen.tcp().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (started, ready) = sync_channel(1);
    let thread = std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let (engine, owners) = app::start_engine(ports, Policy::default(), 1).unwrap();
            let tokens = AdminTokens::new([("owner", OWNER, Role::Own)]);
            let node = app::Node::serve(
                engine,
                owners,
                listeners,
                1,
                tokens,
                None,
                Surroundings::default(),
            )
            .unwrap();
            started.send(()).unwrap();
            let _ = stopped.await;
            node.stop().await;
        });
    });
    ready.recv().unwrap();
    let send = |to, path: &str, headers: &[(&str, &str)], body: &str| {
        Client::connect(to).send("POST", path, headers, body.as_bytes())
    };
    let bearer = format!("Bearer {OWNER}");
    let root = json!({"username": "root", "password": PASSWORD, "may_sudo": true});
    let made = send(
        admin,
        "/admin/v1/accounts",
        &[("authorization", &bearer), JSON],
        &root.to_string(),
    );
    assert_eq!(made.status, 200, "{}", made.text());
    let login = json!({"username": "root", "password": PASSWORD}).to_string();
    let session = text(&send(public, LOGIN, &[JSON], &login));
    let own = [("session", &*session), JSON];
    entropy.0.store(true, Ordering::Release);
    refused(&send(public, LOGIN, &[JSON], &login), 500, "internal_error");
    for (rest, body) in [("tokenize/", ""), ("sudo/", r#"{"target":"root"}"#)] {
        let answer = send(public, &path(&session, rest), &own, body);
        refused(&answer, 500, "internal_error");
    }
    entropy.0.store(false, Ordering::Release);
    text(&send(public, LOGIN, &[JSON], &login));
    stop.send(()).unwrap();
    thread.join().unwrap();
}

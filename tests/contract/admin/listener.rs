//! A node whose random source a test chooses, and whose admin listener knows a token of each role.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use serde_json::Value;
use sessile::actors::runtime::Ports;
use sessile::app::{self, Listeners};
use sessile::audit::sink::Audit;
use sessile::clock::ManualClock;
use sessile::entropy::Entropy;
use sessile::http::admin::{AdminTokens, Role};
use sessile::http::surroundings::Surroundings;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::policy::Policy;

use crate::support::START_MS;
use crate::support::client::{Answer, Client};

/// The roles, each with its token.
pub(crate) const TOKENS: [(&str, Role); 4] = [
    ("the-token-of-the-role-named-read-", Role::Read),
    ("the-token-of-the-role-named-issue", Role::Issue),
    ("the-token-of-the-role-operate----", Role::Operate),
    ("the-token-of-the-role-named-own--", Role::Own),
];

/// A running node; it stops when dropped.
pub(crate) struct Served {
    /// Where the surfaces are.
    pub(crate) public: SocketAddr,
    /// Where administration is.
    pub(crate) admin: SocketAddr,
    /// Its journal, which keeps every record.
    pub(crate) journal: Arc<MemoryJournal>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Starts a node of one shard that draws from this source.
    pub(crate) fn start(entropy: Arc<dyn Entropy>) -> Self {
        let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = Listeners::bind(loopback, loopback).unwrap();
        let (public, admin) = (listeners.listen, listeners.admin_listen.tcp().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (started, start) = sync_channel(1);
        let ports = Ports {
            clock: Arc::new(ManualClock::at_ms(START_MS)),
            entropy,
            journal: journal.clone(),
            audit: Audit::default(),
        };
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let (engine, owners) = app::start_engine(ports, Policy::default(), 1).unwrap();
                let tokens =
                    AdminTokens::new(TOKENS.map(|(token, role)| (role.name(), token, role)));
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
        start.recv().unwrap();
        Self {
            public,
            admin,
            journal,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// One request to the admin listener with the token of this role.
    pub(crate) fn send_as(&self, role: Role, method: &str, path: &str, body: &str) -> Answer {
        let token = TOKENS.iter().find(|(_, known)| *known == role).unwrap().0;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        Client::connect(self.admin).send(method, path, &headers, body.as_bytes())
    }

    /// One request of an owner that must succeed.
    pub(crate) fn administer(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.send_as(Role::Own, method, path, &body.to_string());
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the node's thread panicked"
            );
        }
    }
}

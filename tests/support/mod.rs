//! A node in this process: real sockets, a clock that the test moves, a journal that it can hold.

pub(crate) mod client;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use serde_json::{Value, json};
use sessile::actors::handle::EngineHandle;
use sessile::actors::runtime::{self, Ports};
use sessile::app::{self, Listeners};
use sessile::audit::sink::Audit;
use sessile::clock::ManualClock;
use sessile::edge::limits::Limits;
use sessile::engine::event::Part;
use sessile::engine::state::State;
use sessile::entropy::{SharedEntropy, SystemEntropy};
use sessile::http::admin::{AdminTokens, Role};
use sessile::http::settings::ClerkSettings;
use sessile::http::surroundings::Surroundings;
use sessile::journal::images::ImageSource;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::policy::Policy;
use sessile::session::token::InstallKey;

use self::client::{Answer, Client};

/// The token that may do everything on a test node's admin listener.
pub(crate) const OWNER: &str = "owner-token-of-a-test-node-000000";
/// The token that may only open sessions.
pub(crate) const ISSUER: &str = "issuer-token-of-a-test-node-00000";
/// The token that may only look.
pub(crate) const READER: &str = "reader-token-of-a-test-node-00000";
/// Where the clock of a test node starts: 2026-01-01T00:00:00Z.
pub(crate) const START_MS: u64 = 1_767_225_600_000;

/// What a test node is made of.
pub(crate) struct Setup {
    /// How many shards.
    pub(crate) shards: u16,
    /// HTTP workers.
    pub(crate) workers: usize,
    /// Bounds of the surfaces.
    pub(crate) policy: Policy,
    /// When a record counts as durable.
    pub(crate) pace: Pace,
    /// How many connections there may be, and how long a client may take.
    pub(crate) limits: Limits,
    /// Where random bytes come from.
    pub(crate) entropy: SharedEntropy,
    /// What the surfaces are told of the place where they run; the issuer is where they are,
    /// unless it says otherwise.
    pub(crate) surroundings: Surroundings,
    /// Where it is told who did what; nowhere, unless it says otherwise.
    pub(crate) audit: Audit,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            shards: 2,
            workers: 2,
            policy: Policy::default(),
            pace: Pace::Prompt,
            limits: Limits::default(),
            entropy: Arc::new(SystemEntropy),
            surroundings: Surroundings {
                clerk: ClerkSettings {
                    allowed_origins: vec!["https://app.example".into()],
                    development: true,
                    token_lifetime_max_s: 86_400,
                    ..ClerkSettings::default()
                },
                ..Surroundings::default()
            },
            audit: Audit::default(),
        }
    }
}

/// A running node; it stops when dropped.
pub(crate) struct Node {
    /// Where the surfaces are.
    pub(crate) public: SocketAddr,
    /// Where administration is.
    pub(crate) admin: SocketAddr,
    /// Its clock.
    pub(crate) clock: Arc<ManualClock>,
    /// Its journal, which keeps every record.
    pub(crate) journal: Arc<MemoryJournal>,
    /// The door of its engine.
    pub(crate) engine: EngineHandle,
    /// The records of before it started.
    history: Vec<Vec<Part>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node with this set-up.
    pub(crate) fn start(setup: Setup) -> Self {
        Self::begin(setup, Arc::new(ManualClock::at_ms(START_MS)), Vec::new())
    }

    /// Stops it and starts another one of this set-up, which knows what the records so far say.
    pub(crate) fn restarted(mut self, setup: Setup) -> Self {
        let mut history = std::mem::take(&mut self.history);
        history.extend(self.journal.records());
        let clock = self.clock.clone();
        drop(self);
        Self::begin(setup, clock, history)
    }

    fn begin(setup: Setup, clock: Arc<ManualClock>, history: Vec<Vec<Part>>) -> Self {
        let journal = MemoryJournal::new(setup.pace, Keep::Everything);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut listeners = Listeners::bind(loopback, loopback).unwrap();
        listeners.limits = setup.limits.clone();
        let (public, admin) = (listeners.listen, listeners.admin_listen.tcp().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (started, engine) = sync_channel(1);
        let ports = Ports {
            clock: clock.clone(),
            entropy: setup.entropy,
            journal: journal.clone(),
            audit: setup.audit,
        };
        let before = history.clone();
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                // Every test node digests with the same key, as one does that starts again.
                let state = State::of_history(InstallKey::new([7; 32]), &before);
                let (engine, owners) =
                    runtime::start(ports, setup.policy, setup.shards, state).unwrap();
                let tokens = AdminTokens::new([
                    ("owner", OWNER, Role::Own),
                    ("issuer", ISSUER, Role::Issue),
                    ("reader", READER, Role::Read),
                ]);
                let mut surroundings = setup.surroundings;
                if surroundings.clerk.issuer.is_empty() {
                    surroundings.clerk.issuer = format!("http://{public}");
                }
                let node = app::Node::serve(
                    engine.clone(),
                    owners,
                    listeners,
                    setup.workers,
                    tokens,
                    None,
                    surroundings,
                )
                .unwrap();
                started.send(engine).unwrap();
                let _ = stopped.await;
                node.stop().await;
            });
        });
        let engine = engine.recv().unwrap();
        Self {
            public,
            admin,
            clock,
            journal,
            engine,
            history,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What the journal refused and took effect all the same is in two generations of images: nothing is
    /// held back because of it any more.
    pub(crate) fn hold_in_images(&self) {
        for _ in 0..2 {
            self.engine.settle().unwrap();
            self.engine.kept();
        }
    }

    /// Has it stop, and does not wait for that.
    pub(crate) fn begin_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// A connection to the surfaces.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.public)
    }

    /// One request to the surfaces, on a connection of its own.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.client().send(method, path, headers, body.as_bytes())
    }

    /// One request to the admin listener with this token.
    pub(crate) fn admin_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        Client::connect(self.admin).send(method, path, &headers, text.as_bytes())
    }

    /// One request to the admin listener that must succeed.
    pub(crate) fn administer(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.admin_as(OWNER, method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// Makes an account with password `password-1`; `more` is what else is said of it.
    pub(crate) fn account(&self, username: &str, more: Value) {
        let mut body = json!({"username": username, "password": "password-1"});
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        self.administer("POST", "/admin/v1/accounts", body);
    }

    /// An xData key pair of an account: `(api key, secret)`.
    pub(crate) fn key_pair(&self, username: &str) -> (String, String) {
        let made = self.administer(
            "POST",
            "/admin/v1/keys",
            json!({"kind": "xdata", "username": username}),
        );
        (
            made["api_key"].as_str().unwrap().into(),
            made["secret"].as_str().unwrap().into(),
        )
    }

    /// Logs an account in on a new guest key of i3D's; the key.
    pub(crate) fn guest_key(&self, username: &str) -> String {
        let made = self.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
        let key = made["secret"].as_str().unwrap().to_owned();
        let body = json!({"userName": username, "password": "password-1"}).to_string();
        let headers = [
            ("private-token", &*key),
            ("content-type", "application/json"),
        ];
        let answer = self.send("POST", "/v3/session/login", &headers, &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        key
    }

    /// A MollyBet session by trusted issue: its secret.
    pub(crate) fn session(&self, username: &str) -> String {
        let body = json!({"username": username, "surface": "mollybet"});
        let issued = self.administer("POST", "/admin/v1/sessions", body);
        issued["sessions"][0]["secret"].as_str().unwrap().into()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.begin_to_stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the node's thread panicked"
            );
        }
    }
}

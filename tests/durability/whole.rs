//! A whole data directory: sessions of all four surfaces, two generations of images, a log behind them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use parking_lot::Mutex;
use serde_json::json;
use sessile::actors::handle::EngineHandle;
use sessile::actors::runtime::{self, Ports};
use sessile::audit::sink::Audit;
use sessile::clock::ManualClock;
use sessile::door::{Engine, ServiceError};
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::store::{Found, Store, StoreError, StoreSettings};
use sessile::engine::command::{
    AccountChange, Command, End, NewKey, Open, Reply, SignIn, StartSignIn, Sudo,
};
use sessile::engine::digest;
use sessile::engine::event::Grant;
use sessile::entropy::SystemEntropy;
use sessile::journal::images::ImageSource;
use sessile::session::account::{Account, ClientType, TotpSeed, Username};
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::jwt::{SigningAlgorithm, SigningKey, Template};
use sessile::session::key::KeyKind;
use sessile::session::origin::Origin;
use sessile::session::policy::{Policy, WhenFull};
use sessile::session::state::{EndReason, Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;
use zeroize::Zeroizing;

/// When it was made.
pub(crate) const MADE: Timestamp = Timestamp::from_ms(1_767_225_600_000);
/// Who has sessions, by place.
const ALICE: AccountId = AccountId(0);
const BOB: AccountId = AccountId(1);
const OTTO: AccountId = AccountId(2);

/// How it is served and read: in files as small as they can be.
pub(crate) fn settings() -> StoreSettings {
    let log = LogSettings {
        segment_bytes: 6 << 10,
        room_bytes: 1 << 10,
        reserve_bytes: 2 << 10,
        buffer_bytes: 64 << 10,
        ..LogSettings::new(Mode::Sync)
    };
    StoreSettings {
        log,
        development: false,
        accept_clock: false,
        revive: false,
        rows: 1,
    }
}

/// Reads a directory as a process does at start, its wall clock saying so.
pub(crate) fn read_at(storage: &FaultyStorage, wall: Timestamp) -> Result<Found, StoreError> {
    read_with(storage, &settings(), wall)
}

pub(crate) fn read_with(
    storage: &FaultyStorage,
    settings: &StoreSettings,
    wall: Timestamp,
) -> Result<Found, StoreError> {
    Found::read(
        Arc::new(storage.clone()),
        settings,
        SealingKey::new(&[5; 32]),
        Arc::new(SystemEntropy),
        wall,
        &Progress::default(),
    )
}

/// The same, on the day it was made.
pub(crate) fn read(storage: &FaultyStorage) -> Result<Found, StoreError> {
    read_at(storage, MADE)
}

/// The digest of what was found.
pub(crate) fn digest_of(found: &Found) -> u128 {
    digest::of(&found.recovered.state.world)
}

/// A directory as a process left it that ended without a word.
pub(crate) struct Whole {
    pub(crate) storage: FaultyStorage,
    /// Of the state that it holds.
    pub(crate) digest: u128,
    /// Of the states on the way to it, by the sequence up to which the log had come. The last command
    /// stands alone in the last batch, behind all of them.
    pub(crate) on_the_way: BTreeMap<u64, u128>,
}

impl Whole {
    /// Makes one.
    pub(crate) fn make() -> Self {
        let storage = FaultyStorage::new();
        let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
        let found = read(&storage).unwrap();
        let failed = Box::new(|why| panic!("the log failed: {why}"));
        let (store, state) = found.serve(&settings(), clock.clone(), failed).unwrap();
        let ports = Ports {
            clock,
            entropy: Arc::new(SystemEntropy),
            journal: store.journal(),
            audit: Audit::default(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (started, engine) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let started_engine = runtime::start(ports, Policy::default(), 2, state);
                let (engine, owners) = started_engine.unwrap();
                started.send(engine).unwrap();
                // Also if the other side panicked.
                let _ = stopped.await;
                owners.stop();
            });
        });
        let scene = Scene {
            engine: engine.recv().unwrap(),
            store,
            on_the_way: Mutex::default(),
        };
        let digest = scene.play();
        let on_the_way = scene.on_the_way.lock().clone();
        let storage = storage.copy();
        drop(stop);
        thread.join().unwrap();
        Self {
            storage,
            digest,
            on_the_way,
        }
    }

    /// All its files.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = vec!["manifest".to_owned()];
        for directory in ["log", "shards"] {
            let listed = self.storage.list(directory).unwrap();
            names.extend(listed.into_iter().map(|name| format!("{directory}/{name}")));
        }
        // Room without contents, which nobody reads.
        names.retain(|name| name != "log/reserve");
        names
    }

    /// The same disk, but this file has other contents.
    pub(crate) fn with(&self, name: &str, bytes: &[u8]) -> FaultyStorage {
        let storage = self.storage.copy();
        storage.put(name, bytes);
        storage
    }

    /// Names of its segments, the oldest first.
    pub(crate) fn segments(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| name.ends_with(".log"));
        names
    }

    pub(crate) fn contents(&self, name: &str) -> Vec<u8> {
        self.storage.contents(name).unwrap()
    }
}

/// What happens on it.
struct Scene {
    engine: EngineHandle,
    store: Store,
    on_the_way: Mutex<BTreeMap<u64, u128>>,
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        username: Username::new(name).unwrap(),
        external_subject: Some(format!("idp|{name}").into()),
        generation: 0,
        password: None,
        totp: None,
        totp_step_spent: 0,
        client_type: ClientType::direct(),
        group: Some("all".into()),
        managed_groups: vec!["all".into()],
        agent: None,
        may_sudo: true,
        enabled: true,
        locked: false,
        expires_at: None,
        max_sessions: None,
        profile: Arc::default(),
        created: MADE,
        updated: MADE,
    }
}

impl Scene {
    /// Asks, and notes the digest of what follows, unless something else happens meanwhile.
    fn ask(&self, command: Command) -> Reply {
        let reply = self.ask_only(command);
        let sequence = self.engine.settle().unwrap();
        let digest = self.digest();
        if self.store.log().counts().records == sequence {
            self.on_the_way.lock().insert(sequence, digest);
        }
        reply
    }

    fn ask_only(&self, command: Command) -> Reply {
        let asked = format!("{command:?}");
        let said: Result<Reply, ServiceError> = wait(self.engine.ask(Origin::node(), command));
        said.unwrap_or_else(|error| panic!("{error:?} to {asked}"))
    }

    fn digest(&self) -> u128 {
        wait(self.engine.state_digest().get())
    }

    /// Everything; the digest at the end.
    fn play(&self) -> u128 {
        for name in ["alice", "bob", "otto"] {
            let mut new = account(name);
            if name == "otto" {
                new.totp = Some(TotpSeed(Zeroizing::new([1; 20])));
            }
            self.ask(Command::CreateAccount(Box::new(new)));
        }
        let pair = self.key(KeyKind::Xdata, "pair", Some(BOB));
        self.key(KeyKind::I3dGuest, "guest", None);
        let signing = SigningKey {
            kid: "key-1".into(),
            algorithm: SigningAlgorithm::EdDsa,
            pkcs8: Zeroizing::new(vec![8; 48]),
            created: MADE,
            signs_from: MADE,
            expires: None,
        };
        self.ask(Command::AddSigningKey(signing));
        let claims = json!({"who": "{{user.id}}"});
        let claims = claims.as_object().unwrap();
        let template = Template::new("crm", claims, 60, 5, SigningAlgorithm::EdDsa);
        self.ask(Command::PutTemplate(template.unwrap()));
        for act in 0..3 {
            self.act(act, pair);
            if act < 2 {
                self.store.write(&self.engine, false).unwrap();
            }
        }
        self.ask_only(end(self.id("bob", 2, 0)));
        self.digest()
    }

    /// Openings and ends on all surfaces.
    fn act(&self, act: usize, pair: KeyId) {
        for n in 0..4 {
            let alice = self.id("alice", act, n);
            self.ask(Command::Open(open(ALICE, Surface::Mollybet, alice, None)));
            let bob = self.id("bob", act, n);
            self.ask(Command::Open(open(BOB, Surface::Mollybet, bob, None)));
            let xdata = self.id("xdata", act, n);
            self.ask(Command::Open(open(BOB, Surface::Xdata, xdata, Some(pair))));
            let client = ClientId::from_bytes(*self.id("browser", act, n).as_bytes());
            self.sign_in(Surface::Clerk, client, self.secret("cookie", act, n));
            let handoff = HandoffId::from_bytes(*alice.as_bytes());
            self.ask(Command::IssueHandoff(alice, handoff, 60_000));
            if n == 1 {
                self.ask(Command::RedeemHandoff(handoff, bob));
                self.ask(end(alice));
                self.ask(end(xdata));
                self.ask(Command::ClearClient(client, EndReason::Logout));
            }
        }
        let child = self.id("sudo", act, 0);
        self.ask(Command::Sudo(Sudo {
            parent: self.id("alice", act, 0),
            surface: Surface::Mollybet,
            target: Some(BOB),
            child,
            idle_timeout_ms: 0,
            absolute_ms: 3_600_000,
            per_account: None,
            when_full: WhenFull::Deny,
        }));
        let guest = self.engine.digest(b"guest");
        let client = ClientId::from_bytes(*guest.as_bytes().first_chunk().unwrap());
        self.ask(Command::ClearClient(client, EndReason::Logout));
        self.sign_in_as(ALICE, Surface::I3d, client, None, act);
        // A login that waits for its second step.
        let client = ClientId::from_bytes(*self.id("otto", act, 0).as_bytes());
        self.ask(Command::StartSignIn(StartSignIn {
            client,
            presented: None,
            secret: Some(self.secret("otto", act, 0)),
            id: SignInId::from_bytes(*client.as_bytes()),
            account: OTTO,
            generation: u32::try_from(act).unwrap(),
            factors: Factors::PASSWORD,
            remember: false,
        }));
        let revoke = AccountChange::RevokeSessions;
        self.ask(Command::ChangeAccount(OTTO, revoke, None));
    }

    fn secret(&self, what: &str, act: usize, n: usize) -> Digest {
        self.engine.digest(format!("{what}-{act}-{n}").as_bytes())
    }

    fn id(&self, what: &str, act: usize, n: usize) -> SessionId {
        let secret = format!("{what}-{act}-{n}");
        self.engine.session_id(secret.as_bytes()).unwrap()
    }

    fn sign_in(&self, surface: Surface, client: ClientId, secret: Digest) {
        self.sign_in_as(BOB, surface, client, Some(secret), 0);
    }

    fn sign_in_as(
        &self,
        account: AccountId,
        surface: Surface,
        client: ClientId,
        secret: Option<Digest>,
        act: usize,
    ) {
        let random = [u8::try_from(act).unwrap(); 12];
        let id = SessionId::behind(client.family(), random);
        let mut open = open(account, surface, id, None);
        Arc::make_mut(&mut open.grant).client = Some(client);
        self.ask(Command::SignIn(SignIn {
            open,
            presented: None,
            secret,
            step: None,
        }));
    }

    fn key(&self, kind: KeyKind, name: &str, account: Option<AccountId>) -> KeyId {
        let made = self.ask(Command::CreateKey(NewKey {
            kind,
            name: name.into(),
            secret: self.engine.digest(name.as_bytes()),
            account,
            expires_at: None,
            networks: Vec::new(),
        }));
        match made {
            Reply::KeyCreated(id) => id,
            other => panic!("{other:?}"),
        }
    }
}

fn end(id: SessionId) -> Command {
    Command::End(End {
        id,
        surface: None,
        key: None,
        client: None,
        reason: EndReason::Logout,
    })
}

fn open(account: AccountId, surface: Surface, id: SessionId, key: Option<KeyId>) -> Open {
    let limited = account == ALICE;
    let grant = Grant {
        account,
        generation: 0,
        surface,
        lifetime: Policy::default().lifetime(surface, MADE),
        factors: Factors::VOUCHED,
        client_type: ClientType::direct(),
        key,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: Some("a browser".into()),
        attributes: None,
    };
    Open {
        ids: vec![id],
        grant: Arc::new(grant),
        per_account: limited.then_some(100),
        when_full: WhenFull::Deny,
        otp_step: None,
    }
}

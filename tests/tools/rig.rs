//! A data directory with a bit of everything in it, and the binary that is run on it.

use std::collections::BTreeMap;
use std::future::Future;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use sessile::actors::handle::EngineHandle;
use sessile::actors::runtime::{self, Ports};
use sessile::audit::sink::Audit;
use sessile::clock::{self, SystemClock};
use sessile::door::Engine;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::os::OsStorage;
use sessile::durability::store::{Found, Store, StoreError, StoreSettings, Written};
use sessile::engine::command::{AccountChange, Command, NewKey, Open, Reply, SignIn, StartSignIn};
use sessile::engine::digest;
use sessile::engine::event::Grant;
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;
use sessile::session::account::{Account, ClientType, PasswordHash, TotpSeed, Username};
use sessile::session::activity::Touch;
use sessile::session::id::{AccountId, ClientId, KeyId, SessionId, SignInId};
use sessile::session::jwt::{SigningAlgorithm, SigningKey, Template};
use sessile::session::key::KeyKind;
use sessile::session::origin::Origin;
use sessile::session::policy::{Policy, WhenFull};
use sessile::session::state::{EndReason, Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::{Digest, Secret};
use zeroize::Zeroizing;

/// The sealing key of every directory here.
pub(crate) const KEY: [u8; 32] = *b"the key that the tools serve by.";
/// A seed that nothing else looks like.
pub(crate) const SEED: [u8; 20] = *b"seed-canary-20-bytes";
/// The private half of a signing key.
pub(crate) const PKCS8: &[u8] = b"private-key-canary";
/// A password's hash.
pub(crate) const HASH: &str = "$argon2id$hash-canary";

pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// A directory for one test, and what is made beside the data directory.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with this key, in hexadecimal.
    pub(crate) fn key_file(&self, name: &str, key: [u8; 32]) -> PathBuf {
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        path
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).unwrap();
}

fn settings(mode: Mode) -> StoreSettings {
    StoreSettings {
        log: LogSettings {
            segment_bytes: 8 << 10,
            room_bytes: 4 << 10,
            reserve_bytes: 4 << 10,
            ..LogSettings::new(mode)
        },
        development: false,
        accept_clock: true,
        revive: false,
        rows: 3,
    }
}

fn found(directory: &Path, key: [u8; 32], mode: Mode) -> Result<Found, StoreError> {
    Found::read(
        Arc::new(OsStorage::open(directory)?),
        &settings(mode),
        SealingKey::new(&key),
        Arc::new(SystemEntropy),
        clock::wall(),
        &Progress::default(),
    )
}

/// What a start finds: the state digest, the state, and what began it.
pub(crate) struct Started {
    pub(crate) digest: u128,
    pub(crate) state: State,
    pub(crate) generation: Option<u64>,
    pub(crate) last: u64,
}

impl Started {
    pub(crate) fn sessions(&self) -> usize {
        self.state.world.session_count()
    }
}

/// Reads a data directory as a start does; nothing is changed by it.
pub(crate) fn start(directory: &Path, key: [u8; 32]) -> Result<Started, String> {
    let found = found(directory, key, Mode::Sync).map_err(|error| error.to_string())?;
    let recovered = found.recovered;
    Ok(Started {
        digest: digest::of(&recovered.state.world),
        generation: recovered.generation,
        last: recovered.log.end.last.sequence,
        state: recovered.state,
    })
}

/// A data directory that is served in this process, without a lock: its files may be copied.
pub(crate) struct Served {
    pub(crate) engine: EngineHandle,
    pub(crate) store: Arc<Store>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Every secret that was handed out.
    pub(crate) secrets: Vec<String>,
    pub(crate) next: u32,
}

impl Served {
    /// Serves this directory, which is made if it is not there.
    pub(crate) fn open(directory: &Path, mode: Mode) -> Self {
        if !directory.exists() {
            let mut made = std::fs::DirBuilder::new();
            made.mode(0o700).create(directory).unwrap();
        }
        let found = found(directory, KEY, mode).unwrap();
        let clock = Arc::new(SystemClock::start(found.recovered.clock_floor));
        let failed = Box::new(|why: String| panic!("{why}"));
        let (store, state) = found.serve(&settings(mode), clock.clone(), failed).unwrap();
        store.begin_serving().unwrap();
        let store = Arc::new(store);
        let ports = Ports {
            clock,
            entropy: Arc::new(SystemEntropy),
            journal: store.journal(),
            audit: Audit::default(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (tell, engine) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let (engine, owners) = runtime::start(ports, Policy::default(), 3, state).unwrap();
                tell.send(engine).unwrap();
                assert!(stopped.await.is_ok());
                owners.stop();
            });
        });
        Self {
            engine: engine.recv().unwrap(),
            store,
            stop: Some(stop),
            thread: Some(thread),
            secrets: Vec::new(),
            next: 0,
        }
    }

    pub(crate) fn ask(&self, command: Command) -> Reply {
        let named = format!("{command:?}");
        wait(self.engine.ask(Origin::node(), command))
            .unwrap_or_else(|error| panic!("{named}: {error:?}"))
    }

    /// Writes a generation of images.
    pub(crate) fn snapshot(&self) -> Written {
        self.store.write(&self.engine, false).unwrap()
    }

    pub(crate) fn live(&self, id: SessionId) -> bool {
        wait(
            self.engine
                .with_session(id, Touch::No, |view| view.is_some())
                .get(),
        )
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn secret(&mut self) -> (SessionId, Digest) {
        let text = format!("secret-canary-{}", self.number());
        let id = self.engine.session_id(text.as_bytes()).unwrap();
        let digest = self.engine.digest(text.as_bytes());
        self.secrets.push(text);
        (id, digest)
    }

    /// An account with the limits of the surfaces.
    pub(crate) fn account(&mut self, name: &str, seed: Option<[u8; 20]>) -> AccountId {
        self.account_with(name, seed, None)
    }

    /// An account without a limit of its own sessions.
    pub(crate) fn unbounded(&mut self, name: &str) -> AccountId {
        self.account_with(name, None, Some(0))
    }

    fn account_with(
        &mut self,
        name: &str,
        seed: Option<[u8; 20]>,
        max_sessions: Option<u32>,
    ) -> AccountId {
        let now = self.engine.now();
        let account = Account {
            username: Username::new(name).unwrap(),
            external_subject: Some(format!("subject-of-{name}").into()),
            generation: 0,
            password: Some(PasswordHash(HASH.into())),
            totp: seed.map(|seed| TotpSeed(Zeroizing::new(seed))),
            totp_step_spent: 0,
            client_type: ClientType::direct(),
            group: Some("demo".into()),
            managed_groups: vec!["demo".into()],
            agent: None,
            may_sudo: true,
            enabled: true,
            locked: false,
            expires_at: None,
            max_sessions,
            profile: Arc::default(),
            created: now,
            updated: now,
        };
        match self.ask(Command::CreateAccount(Box::new(account))) {
            Reply::AccountCreated(id) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn key(&mut self, kind: KeyKind, account: Option<AccountId>) -> (KeyId, Digest) {
        let (_, secret) = self.secret();
        let new = NewKey {
            kind,
            name: format!("name-of-key-{}", self.next).into(),
            secret,
            account,
            expires_at: None,
            networks: vec!["127.0.0.0/8".parse().unwrap()],
        };
        match self.ask(Command::CreateKey(new)) {
            Reply::KeyCreated(id) => (id, secret),
            other => panic!("{other:?}"),
        }
    }

    /// For each account, something that opens another session, of which some end another one's.
    pub(crate) fn openings(
        engine: &EngineHandle,
        accounts: &[AccountId],
    ) -> Vec<Box<dyn FnMut() + Send>> {
        let mut all: Vec<Box<dyn FnMut() + Send>> = Vec::new();
        for (nth, account) in accounts.iter().enumerate() {
            let (engine, account) = (engine.clone(), *account);
            let mut number = 0;
            all.push(Box::new(move || {
                number += 1;
                let id = engine
                    .session_id(format!("{nth}-{number}").as_bytes())
                    .unwrap();
                let mut open = opening(&engine, account, Surface::Mollybet, id);
                // A list of ten: nearly every open ends another session, in another slot.
                open.per_account = Some(10);
                open.when_full = WhenFull::EvictOldest;
                assert_eq!(
                    wait(engine.ask(Origin::node(), Command::Open(open))),
                    Ok(Reply::Done)
                );
            }));
        }
        all
    }

    /// Opens a session that stands for itself, behind a key on xdata.
    pub(crate) fn open_session(
        &mut self,
        account: AccountId,
        surface: Surface,
        key: Option<KeyId>,
    ) -> SessionId {
        let (id, _) = self.secret();
        let mut open = opening(&self.engine, account, surface, id);
        Arc::make_mut(&mut open.grant).key = key;
        if surface == Surface::Xdata {
            open.per_account = None;
        }
        assert_eq!(self.ask(Command::Open(open)), Reply::Done);
        id
    }

    /// A login on a client: a browser's, or (without a secret of its own) a guest key's.
    pub(crate) fn sign_in(
        &mut self,
        account: AccountId,
        client: ClientId,
        surface: Surface,
    ) -> SessionId {
        let (id, secret) = self.secret();
        let id = SessionId::behind(client.family(), *id.as_bytes().first_chunk().unwrap());
        let mut open = opening(&self.engine, account, surface, id);
        Arc::make_mut(&mut open.grant).client = Some(client);
        let sign_in = SignIn {
            open,
            presented: self.presented(client),
            secret: (surface == Surface::Clerk).then_some(secret),
            step: None,
        };
        assert_eq!(self.ask(Command::SignIn(sign_in)), Reply::Done);
        id
    }

    fn presented(&self, client: ClientId) -> Option<Digest> {
        let kept = self
            .engine
            .with_client(client, |client| client?.record.secret);
        wait(kept.get())
    }

    /// A bit of everything: all four surfaces, all kinds of records.
    pub(crate) fn live_through(&mut self, name: &str) -> Lives {
        let account = self.account(name, None);
        let otto = self.account(&format!("otto-of-{name}"), Some(SEED));
        let mollybet = self.open_session(account, Surface::Mollybet, None);
        let (xdata_key, _) = self.key(KeyKind::Xdata, Some(account));
        let xdata = self.open_session(account, Surface::Xdata, Some(xdata_key));
        self.key(KeyKind::I3d, Some(account));
        let (_, guest) = self.key(KeyKind::I3dGuest, None);
        let guest = ClientId::from_bytes(*guest.as_bytes().first_chunk().unwrap());
        let i3d = self.sign_in(account, guest, Surface::I3d);
        let browser = ClientId::from_bytes([self.next.to_le_bytes()[0]; 16]);
        let clerk = self.sign_in(account, browser, Surface::Clerk);

        let half = ClientId::from_bytes([self.next.to_le_bytes()[0] | 0x80; 16]);
        let (_, secret) = self.secret();
        let step = SignInId::from_bytes([self.next.to_le_bytes()[0]; 16]);
        self.ask(Command::StartSignIn(StartSignIn {
            client: half,
            presented: None,
            secret: Some(secret),
            id: step,
            account: otto,
            generation: 0,
            factors: Factors::PASSWORD,
            remember: true,
        }));
        self.ask(Command::GuessSignIn(half, step));
        let mut open = opening(
            &self.engine,
            otto,
            Surface::Mollybet,
            self.engine.session_id(name.as_bytes()).unwrap(),
        );
        Arc::make_mut(&mut open.grant).factors = Factors::PASSWORD.and(Factors::TOTP);
        open.otp_step = Some(77);
        self.ask(Command::Open(open));

        for spent in [true, false] {
            let number = self.number().to_le_bytes();
            let token = Secret::handoff(mollybet, [number[0]; 32]);
            self.secrets.push(token.reveal().to_owned());
            let id = self.engine.handoff_id(token.reveal().as_bytes()).unwrap();
            self.ask(Command::IssueHandoff(mollybet, id, 600_000));
            if spent {
                self.ask(Command::RedeemHandoff(id, mollybet));
            }
        }
        let ended = self.open_session(account, Surface::Mollybet, None);
        self.ask(Command::End(sessile::engine::command::End {
            id: ended,
            surface: None,
            key: None,
            client: None,
            reason: EndReason::Logout,
        }));
        let template = Template::new(
            &format!("template-of-{name}"),
            &serde_json::from_str("{\"plan\":\"x\"}").unwrap(),
            60,
            5,
            SigningAlgorithm::EdDsa,
        );
        self.ask(Command::PutTemplate(template.unwrap()));
        let key = SigningKey {
            kid: format!("kid-of-{name}").into(),
            algorithm: SigningAlgorithm::EdDsa,
            pkcs8: Zeroizing::new(PKCS8.to_vec()),
            created: Timestamp::from_ms(1),
            signs_from: Timestamp::from_ms(1),
            expires: None,
        };
        // Only the first of an algorithm is taken.
        let _taken = wait(self.engine.ask(Origin::node(), Command::AddSigningKey(key)));
        let spent = AccountChange::RevokeSessions;
        self.ask(Command::ChangeAccount(otto, spent, None));
        Lives {
            account,
            live: vec![mollybet, xdata, i3d, clerk],
            guest,
        }
    }

    /// Stops in good order, after a last generation.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.snapshot();
        self.end();
        std::mem::take(&mut self.secrets)
    }

    /// Ends as after a kill: what was taken is written, and nothing says that this was the end.
    pub(crate) fn crash(mut self) -> Vec<String> {
        self.stop_owners();
        self.store.log().abandon();
        std::mem::take(&mut self.secrets)
    }

    fn end(&mut self) {
        if self.store.is_unlogged() && self.stop.is_some() {
            self.store.write(&self.engine, true).unwrap();
        }
        self.stop_owners();
        self.store.close();
    }

    fn stop_owners(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.end();
    }
}

fn opening(engine: &EngineHandle, account: AccountId, surface: Surface, id: SessionId) -> Open {
    let known = wait(engine.account(account).get()).unwrap();
    let grant = Grant {
        account,
        generation: known.generation,
        surface,
        lifetime: Policy::default().lifetime(surface, engine.now()),
        factors: Factors::PASSWORD,
        client_type: ClientType::direct(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: Some("192.0.2.7".parse().unwrap()),
        user_agent: Some("agent".into()),
        attributes: Some("{\"a\":1}".into()),
    };
    Open {
        ids: vec![id],
        grant: Arc::new(grant),
        per_account: Some(100),
        when_full: WhenFull::EvictIdle,
        otp_step: None,
    }
}

/// What lived through it.
pub(crate) struct Lives {
    pub(crate) account: AccountId,
    pub(crate) live: Vec<SessionId>,
    pub(crate) guest: ClientId,
}

/// A directory with two generations and records behind them, as a crash would leave it; the secrets that were
/// handed out, and the digest of its state.
pub(crate) fn crashed(scratch: &Scratch) -> (PathBuf, Vec<String>, u128) {
    let data = scratch.path("data");
    let mut served = Served::open(&data, Mode::Sync);
    for name in ["alice", "bob"] {
        served.live_through(name);
        served.snapshot();
    }
    served.live_through("carol");
    let secrets = served.crash();
    let digest = start(&data, KEY).unwrap().digest;
    (data, secrets, digest)
}

/// Copies a directory that nobody serves, with its modes.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Every file below a directory but the lock, with the digest of its contents.
pub(crate) fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if !path.ends_with("lock") {
            let digest = blake3::hash(&std::fs::read(&path).unwrap());
            all.insert(path, digest.to_hex().to_string());
        }
    }
    all
}

/// The segments of a data directory, the oldest first.
pub(crate) fn segments(directory: &Path) -> Vec<PathBuf> {
    let all = files(&directory.join("log")).into_keys();
    all.filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect()
}

/// The images of a data directory, the oldest first.
pub(crate) fn images(directory: &Path) -> Vec<PathBuf> {
    files(&directory.join("shards")).into_keys().collect()
}

/// Flips a bit of a file.
pub(crate) fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// What the binary says.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, with the environment of nobody.
pub(crate) fn binary(scratch: &Scratch) -> Process {
    let mut process = Process::new(env!("CARGO_BIN_EXE_sessile"));
    process
        .env_clear()
        .env("XDG_STATE_HOME", scratch.path("state"))
        .current_dir(scratch.0.path());
    process
}

pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(
    scratch: &Scratch,
    arguments: impl IntoIterator<Item = I>,
) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = binary(scratch).args(arguments).output().unwrap();
    Said {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs a command on a directory.
pub(crate) fn on(scratch: &Scratch, command: &str, directory: &Path, more: &[&str]) -> Said {
    let arguments = [command, directory.to_str().unwrap()];
    run(scratch, arguments.iter().chain(more))
}

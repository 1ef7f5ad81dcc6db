//! An engine without sockets, and the commands that it is asked.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use sessile::actors::handle::EngineHandle;
use sessile::actors::runtime::{self, Ports};
use sessile::audit::sink::Audit;
use sessile::clock::ManualClock;
use sessile::door::{Answer, Engine, ServiceError};
use sessile::engine::command::{Command, End, Open, Reply, SignIn, StartSignIn};
use sessile::engine::event::{Grant, Part};
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;
use sessile::journal::SharedJournal;
use sessile::session::account::{Account, ClientType, TotpSeed, Username};
use sessile::session::activity::Touch;
use sessile::session::id::{AccountId, ClientId, SessionId, SignInId};
use sessile::session::lifetime::Lifetime;
use sessile::session::origin::Origin;
use sessile::session::policy::{Policy, WhenFull};
use sessile::session::state::{EndReason, Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::{Digest, InstallKey};
use zeroize::Zeroizing;

use crate::hold::wait;
use crate::support::START_MS;

/// When every engine starts.
pub(crate) const AT_START: Timestamp = Timestamp::from_ms(START_MS);

/// What the engine says to a command.
pub(crate) type Said = Result<Reply, ServiceError>;

/// An engine without sockets; it stops when dropped.
pub(crate) struct Rig {
    pub(crate) engine: EngineHandle,
    pub(crate) clock: Arc<ManualClock>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    /// A new engine on this journal.
    pub(crate) fn start(journal: SharedJournal, shards: u16) -> Self {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        Self::resume(journal, shards, clock, Vec::new())
    }

    /// The engine that `history` tells of. Every rig digests secrets with the same key.
    pub(crate) fn resume(
        journal: SharedJournal,
        shards: u16,
        clock: Arc<ManualClock>,
        history: Vec<Vec<Part>>,
    ) -> Self {
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            journal,
            audit: Audit::default(),
        };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (started, engine) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            actix::System::new().block_on(async move {
                let state = State::of_history(InstallKey::new([7; 32]), &history);
                let (engine, owners) =
                    runtime::start(ports, Policy::default(), shards, state).unwrap();
                started.send(engine).unwrap();
                assert!(stopped.await.is_ok());
                owners.stop();
            });
        });
        Self {
            engine: engine.recv().unwrap(),
            clock,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn ask(&self, command: Command) -> Said {
        wait(self.engine.ask(Origin::node(), command))
    }

    /// Makes an account without a limit of its own sessions, and says where.
    pub(crate) fn account(&self, name: &str, max_sessions: u32) -> AccountId {
        let new = Command::CreateAccount(Box::new(account(name, max_sessions)));
        match self.ask(new) {
            Ok(Reply::AccountCreated(id)) => id,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// The `n`th id: that of the secret `secret-n`.
    pub(crate) fn id(&self, n: usize) -> SessionId {
        let secret = format!("secret-{n}");
        self.engine.session_id(secret.as_bytes()).unwrap()
    }

    pub(crate) fn live(&self, id: SessionId) -> bool {
        live(&self.engine, id, Touch::No)
    }

    pub(crate) fn digest(&self) -> u128 {
        wait(self.engine.state_digest().get())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _gone = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// Whether a session is live now.
pub(crate) fn live(engine: &EngineHandle, id: SessionId, touch: Touch) -> bool {
    match engine.with_session(id, touch, |view| view.is_some()) {
        Answer::Now(live) => live,
        Answer::Later(live) => wait(live),
    }
}

/// Ends a session as its holder would.
pub(crate) fn end(id: SessionId) -> Command {
    Command::End(End {
        id,
        surface: None,
        key: None,
        client: None,
        reason: EndReason::Logout,
    })
}

/// Opens MollyBet sessions of an account on a proof against its generation 0.
pub(crate) fn open(account: AccountId, ids: Vec<SessionId>) -> Command {
    Command::Open(opening(
        account,
        ids,
        Policy::default().lifetime(Surface::Mollybet, AT_START),
    ))
}

/// The same, for whoever wants it a little different.
pub(crate) fn opening(account: AccountId, ids: Vec<SessionId>, lifetime: Lifetime) -> Open {
    let grant = Grant {
        account,
        generation: 0,
        surface: Surface::Mollybet,
        lifetime,
        factors: Factors::VOUCHED,
        client_type: ClientType::direct(),
        key: None,
        client: None,
        parent: None,
        chain: Vec::new(),
        address: None,
        user_agent: None,
        attributes: None,
    };
    Open {
        ids,
        grant: Arc::new(grant),
        per_account: None,
        when_full: WhenFull::Deny,
        otp_step: None,
    }
}

/// Makes the account of generation 0 that a second factor is asked of, as the first one of an engine.
pub(crate) fn otto(rig: &Rig) {
    let mut new = account("otto", 0);
    new.totp = Some(TotpSeed(Zeroizing::new([1; 20])));
    let made = rig.ask(Command::CreateAccount(Box::new(new)));
    assert_eq!(made, Ok(Reply::AccountCreated(AccountId(0))));
}

/// What a browser presents that holds its client's present secret.
pub(crate) fn presented(rig: &Rig, client: ClientId) -> Option<Digest> {
    let kept = rig
        .engine
        .with_client(client, |client| client?.record.secret);
    wait(kept.get())
}

/// Begins a login of an account of generation 0 on a browser's client.
pub(crate) fn start_sign_in(
    rig: &Rig,
    account: AccountId,
    client: ClientId,
    id: SignInId,
) -> Command {
    Command::StartSignIn(StartSignIn {
        client,
        presented: presented(rig, client),
        secret: Some(rig.engine.digest(id.as_bytes())),
        id,
        account,
        generation: 0,
        factors: Factors::PASSWORD,
        remember: false,
    })
}

/// A login that is complete, on a proof against the account's generation 0, on a browser's client.
pub(crate) fn sign_in(rig: &Rig, account: AccountId, client: ClientId, id: SessionId) -> SignIn {
    let lifetime = Policy::default().lifetime(Surface::Clerk, AT_START);
    let mut open = opening(account, vec![id], lifetime);
    let grant = Arc::make_mut(&mut open.grant);
    grant.surface = Surface::Clerk;
    grant.client = Some(client);
    SignIn {
        open,
        presented: presented(rig, client),
        secret: Some(rig.engine.digest(id.as_bytes())),
        step: None,
    }
}

/// The client behind a guest key.
pub(crate) fn guest_client(secret: Digest) -> ClientId {
    ClientId::from_bytes(*secret.as_bytes().first_chunk().unwrap())
}

/// An account that may do nothing but have sessions.
pub(crate) fn account(name: &str, max_sessions: u32) -> Account {
    Account {
        max_sessions: Some(max_sessions),
        ..Account::new(Username::new(name).unwrap(), AT_START)
    }
}

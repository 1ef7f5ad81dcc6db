//! A few words for tests that tell one short story on the pure engine.

use sessile::engine::clients::{ClientView, SessionStatus};
use sessile::engine::command::{
    AccountChange, AccountPatch, Command, End, NewKey, Open, Reply, SignIn, StartSignIn,
};
use sessile::engine::decide::Decision;
use sessile::engine::error::Refusal;
use sessile::engine::event::Grant;
use sessile::session::account::Account;
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::policy::{HANDOFF_LIFETIME_MS, WhenFull};
use sessile::session::state::{EndReason, Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;

use crate::driver::Driver;
use crate::model::Model;
use crate::names::{Names, START, grant, guest, lifetime, shared};

/// A node, a supply of names, and the time.
pub(crate) struct Scene {
    pub(crate) driver: Driver,
    pub(crate) names: Names,
    pub(crate) now: Timestamp,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            driver: Driver::new(),
            names: Names::default(),
            now: START,
        }
    }

    /// Asks for something that is done.
    pub(crate) fn done(&mut self, command: &Command) -> Decision {
        self.ask(command)
            .unwrap_or_else(|refusal| panic!("{command:?} was refused: {refusal}"))
    }

    /// Asks; an open goes where accounts with a limit go.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Decision, Refusal> {
        self.driver.ask(command, true, self.now)
    }

    pub(crate) fn account(&mut self, account: Account) -> AccountId {
        match self.done(&Command::CreateAccount(Box::new(account))).reply {
            Reply::AccountCreated(id) => id,
            other => panic!("an account was answered {other:?}"),
        }
    }

    pub(crate) fn change(
        &mut self,
        account: AccountId,
        change: AccountChange,
        keep: Option<SessionId>,
    ) -> Decision {
        self.done(&Command::ChangeAccount(account, change, keep))
    }

    pub(crate) fn generation(&self, account: AccountId) -> u32 {
        self.driver
            .world
            .accounts
            .get(account)
            .map_or(0, |account| account.generation)
    }

    /// A plain grant of 24 h idle and 30 days, under the account's present generation.
    pub(crate) fn plain(&self, account: AccountId) -> Grant {
        grant(
            account,
            self.generation(account),
            lifetime(86_400_000, 30 * 86_400_000, self.now),
        )
    }

    /// Opens a plain session without a limit.
    pub(crate) fn open(&mut self, account: AccountId) -> SessionId {
        let grant = self.plain(account);
        self.open_with(grant)
    }

    /// Opens a session without a limit.
    pub(crate) fn open_with(&mut self, grant: Grant) -> SessionId {
        let id = self.names.session(3, grant.client);
        let ids = vec![id];
        let (per_account, when_full) = (None, WhenFull::Deny);
        self.done(&Command::Open(Open {
            ids,
            grant: shared(grant),
            per_account,
            when_full,
            otp_step: None,
        }));
        id
    }

    /// A login that is complete, as a browser's: on a grant that names the client.
    pub(crate) fn login(&mut self, grant: Grant, step: Option<SignInId>) -> (SessionId, SignIn) {
        let client = grant.client;
        let id = self.names.session(3, client);
        let guest = client.is_some_and(Model::is_guest);
        let secret = (!guest).then(|| self.names.secret());
        let open = Open {
            ids: vec![id],
            grant: shared(grant),
            per_account: None,
            when_full: WhenFull::Deny,
            otp_step: None,
        };
        let asked = SignIn {
            open,
            presented: self.presented(client),
            secret,
            step,
        };
        (id, asked)
    }

    /// What a browser presents that holds its client's present secret.
    fn presented(&self, client: Option<ClientId>) -> Option<Digest> {
        let secret = |id| {
            let world = &self.driver.world;
            world.with_client(id, self.now, |client| client?.record.secret)
        };
        client.and_then(secret)
    }

    /// Logs an account in on a client.
    pub(crate) fn sign_in(
        &mut self,
        client: ClientId,
        account: AccountId,
    ) -> Result<SessionId, Refusal> {
        let grant = Grant {
            client: Some(client),
            surface: Surface::Clerk,
            ..self.plain(account)
        };
        let (id, asked) = self.login(grant, None);
        self.ask(&Command::SignIn(asked)).map(|_| id)
    }

    /// Begins a login on a browser's client: the password was right under the present generation.
    pub(crate) fn start(&mut self, client: ClientId, account: AccountId) -> SignInId {
        let id = self.names.sign_in();
        let secret = Some(self.names.secret());
        let generation = self.generation(account);
        let presented = self.presented(Some(client));
        self.done(&Command::StartSignIn(StartSignIn {
            client,
            presented,
            secret,
            id,
            account,
            generation,
            factors: Factors::PASSWORD,
            remember: false,
        }));
        id
    }

    /// Makes a guest key, and says which client stands behind it.
    pub(crate) fn guest(&mut self, number: u8) -> (KeyId, ClientId) {
        let made = self.done(&Command::CreateKey(NewKey {
            kind: KeyKind::I3dGuest,
            name: guest(number).text.as_str().into(),
            secret: guest(number).digest,
            account: None,
            expires_at: None,
            networks: Vec::new(),
        }));
        match made.reply {
            Reply::KeyCreated(id) => (id, guest(number).client),
            other => panic!("a key was answered {other:?}"),
        }
    }

    /// What a client lists; nothing if it does not exist.
    pub(crate) fn listed(&self, client: ClientId) -> Vec<(SessionId, SessionStatus)> {
        self.driver.world.with_client(client, self.now, |view| {
            let sessions = view.iter().flat_map(ClientView::sessions);
            let listed = sessions.filter_map(|session| Some((session.id, session.status?)));
            listed.collect()
        })
    }

    pub(crate) fn client_exists(&self, client: ClientId) -> bool {
        let world = &self.driver.world;
        world.with_client(client, self.now, |view| view.is_some())
    }

    pub(crate) fn restart(&mut self) {
        self.driver.restart().expect("the same state");
    }

    pub(crate) fn handoff(&mut self, session: SessionId) -> HandoffId {
        let id = self.names.handoff(session);
        self.done(&Command::IssueHandoff(session, id, HANDOFF_LIFETIME_MS));
        id
    }

    pub(crate) fn live(&self, id: SessionId) -> bool {
        self.driver.is_live(id, self.now)
    }

    pub(crate) fn advance_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }
}

/// A change of the description.
pub(crate) fn patch(write: impl FnOnce(&mut AccountPatch)) -> AccountChange {
    let mut patch = AccountPatch::default();
    write(&mut patch);
    AccountChange::Describe(Box::new(patch))
}

/// The holder's own end of a session.
pub(crate) fn logout(id: SessionId) -> Command {
    Command::End(End {
        id,
        surface: None,
        key: None,
        client: None,
        reason: EndReason::Logout,
    })
}

//! A few words for tests that tell one short story on the pure engine.

use sessile::engine::command::{AccountChange, AccountPatch, Command, End, Open, Reply};
use sessile::engine::decide::Decision;
use sessile::engine::error::Refusal;
use sessile::engine::event::Grant;
use sessile::session::account::Account;
use sessile::session::id::{AccountId, HandoffId, SessionId};
use sessile::session::policy::{HANDOFF_LIFETIME_MS, WhenFull};
use sessile::session::state::EndReason;
use sessile::session::time::Timestamp;

use crate::driver::Driver;
use crate::names::{Names, START, grant, lifetime, shared};

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
        reason: EndReason::Logout,
    })
}

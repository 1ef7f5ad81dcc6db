//! Turns operations into commands: picks what they are about from what exists by then.

use sessile::engine::command::{Command, Reply};
use sessile::session::account::Account;
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::state::Surface;
use sessile::session::time::Timestamp;

use crate::model::Model;
use crate::names::{Names, account, group, seed};
use crate::operations::Pick;

/// Limits of a run, as configuration would give them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) mollybet: Option<u32>,
    pub(crate) xdata: Option<u32>,
    pub(crate) i3d: Option<u32>,
    pub(crate) clerk: Option<u32>,
}

impl Limits {
    pub(crate) fn of(self, surface: Surface) -> Option<u32> {
        match surface {
            Surface::Mollybet => self.mollybet,
            Surface::Xdata => self.xdata,
            Surface::I3d => self.i3d,
            Surface::Clerk => self.clerk,
        }
    }
}

/// Everything that was ever named in a run.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) limits: Limits,
    pub(crate) names: Names,
    pub(crate) sessions: Vec<SessionId>,
    pub(crate) handoffs: Vec<HandoffId>,
    /// Browsers' and guest keys' clients.
    pub(crate) clients: Vec<ClientId>,
    pub(crate) sign_ins: Vec<SignInId>,
    pub(crate) accounts: Vec<AccountId>,
    /// With the account and the generation of each.
    keys: Vec<(KeyId, AccountId, u32)>,
}

/// An account and a key that were never made.
const NOBODY: AccountId = AccountId(4_000);
const NO_KEY: KeyId = KeyId(4_000);

impl Pick {
    /// Three of four picks are of what is alive, if anything is.
    pub(crate) fn of<T: Copy>(self, all: &[T], alive: impl Fn(&T) -> bool) -> Option<T> {
        let living: Vec<T> = all.iter().filter(|one| alive(one)).copied().collect();
        let from = if !self.0.is_multiple_of(4) && !living.is_empty() {
            &living
        } else {
            all
        };
        from.get(usize::from(self.0) / 4 % from.len().max(1))
            .copied()
    }
}

impl Stage {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            names: Names::default(),
            sessions: Vec::new(),
            handoffs: Vec::new(),
            clients: Vec::new(),
            sign_ins: Vec::new(),
            accounts: vec![NOBODY],
            keys: Vec::new(),
        }
    }

    /// The accounts a run begins with: a customer and her agent, managers of both groups, and one
    /// account for each kind of limit.
    pub(crate) fn cast() -> Vec<Command> {
        let member = |name, number| Account {
            group: Some(group(number)),
            ..account(name)
        };
        let deputy = |name| Account {
            may_sudo: true,
            managed_groups: vec![group(0), group(1)],
            ..member(name, 1)
        };
        let cast = [
            Account {
                agent: Some(AccountId(2)),
                ..member("alice", 0)
            },
            Account {
                max_sessions: Some(2),
                ..member("bob", 0)
            },
            account("agent"),
            Account {
                group: None,
                ..deputy("root")
            },
            deputy("deputy"),
            Account {
                max_sessions: Some(1),
                ..deputy("solo")
            },
            Account {
                max_sessions: Some(0),
                ..deputy("twin")
            },
            Account {
                totp: Some(seed(3)),
                ..member("otto", 0)
            },
        ];
        cast.into_iter()
            .map(|account| Command::CreateAccount(Box::new(account)))
            .collect()
    }

    /// Remembers what a command made.
    pub(crate) fn learn(&mut self, command: &Command, reply: &Reply, model: &Model) {
        match (command, reply) {
            (Command::Open(open), _) => self.sessions.extend(&open.ids),
            (Command::Sudo(sudo), _) => self.sessions.push(sudo.child),
            (Command::IssueHandoff(_, id, _), _) => self.handoffs.push(*id),
            (Command::StartSignIn(asked), _) => {
                self.sign_ins.push(asked.id);
                self.meet(asked.client);
            }
            (Command::SignIn(asked), _) => {
                self.sessions.extend(&asked.open.ids);
                asked
                    .open
                    .grant
                    .client
                    .into_iter()
                    .for_each(|id| self.meet(id));
            }
            (_, Reply::AccountCreated(id)) => self.accounts.push(*id),
            (_, Reply::KeyCreated(id)) => {
                let Some(key) = model.keys.get(id) else {
                    return;
                };
                match key.kind {
                    KeyKind::I3dGuest => self.meet(key.client()),
                    KeyKind::Xdata | KeyKind::I3d => {}
                }
                let account = key.account.unwrap_or(NOBODY);
                self.keys.push((*id, account, key.generation));
            }
            _ => {}
        }
    }

    fn meet(&mut self, client: ClientId) {
        if !self.clients.contains(&client) {
            self.clients.push(client);
        }
    }

    pub(crate) fn session(&self, pick: Pick, model: &Model, now: Timestamp) -> Option<SessionId> {
        pick.of(&self.sessions, |id| model.live(*id, now))
    }

    pub(crate) fn account(&self, pick: Pick, model: &Model) -> AccountId {
        pick.of(&self.accounts, |id| model.accounts.contains_key(id))
            .unwrap_or(NOBODY)
    }

    pub(crate) fn key(&self, pick: Pick, model: &Model) -> (KeyId, AccountId, u32) {
        pick.of(&self.keys, |(id, ..)| model.key_lives(*id))
            .unwrap_or((NO_KEY, NOBODY, 0))
    }

    pub(crate) fn client(&mut self, pick: Pick, model: &Model) -> ClientId {
        let known = pick.of(&self.clients, |id| model.clients.contains_key(id));
        known.unwrap_or_else(|| self.names.client(pick.0))
    }

    /// A session of a client, listed or not; or any.
    pub(crate) fn session_on(
        &self,
        client: ClientId,
        pick: Pick,
        own: bool,
        model: &Model,
    ) -> Option<SessionId> {
        let of_client = |id: &&SessionId| {
            !own || model
                .sessions
                .get(*id)
                .is_some_and(|session| session.grant.client == Some(client))
        };
        let all: Vec<_> = self.sessions.iter().filter(of_client).copied().collect();
        pick.of(&all, |id| model.session(*id).is_some())
    }
}

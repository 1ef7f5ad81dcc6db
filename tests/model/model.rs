//! The reference model: plain maps and the rule of liveness, read off the design and nothing else.
//!
//! Nothing is indexed, cached or marked; every question is answered from the beginning. What the
//! engine may choose freely (who of two equally old sessions goes) the model learns from it and
//! checks. Source: R3, R5, R9, R17, I5, I6.

use std::collections::{BTreeMap, BTreeSet};

use sessile::engine::event::Grant;
use sessile::engine::slot::SlotNumber;
use sessile::session::account::Account;
use sessile::session::client::SignIn;
use sessile::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use sessile::session::key::KeyKind;
use sessile::session::state::{EndReason, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;

/// A session that was ever opened.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) grant: Grant,
    /// The account's generation it counts under.
    pub(crate) stamp: u32,
    pub(crate) created: Timestamp,
    pub(crate) last_active: Timestamp,
    /// What a restart knows of `last_active`.
    pub(crate) logged_active: Timestamp,
    /// Whether `last_active` moved since it was logged.
    pub(crate) touched: bool,
    /// Whether an event ended it.
    pub(crate) ended: bool,
    /// Whether it was opened under a limit and so counts towards one.
    pub(crate) counted: bool,
    /// Which life of its client it belongs to: a client that was destroyed does not come back.
    pub(crate) client_life: u32,
}

/// A hand-off token that is neither spent nor dropped.
#[derive(Clone, Debug)]
pub(crate) struct Handoff {
    pub(crate) session: SessionId,
    /// The account's generation when it was made (R5).
    pub(crate) generation: u32,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// An API key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) kind: KeyKind,
    pub(crate) secret: Digest,
    pub(crate) account: Option<AccountId>,
    pub(crate) generation: u32,
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether it may be used from home only.
    pub(crate) walled: bool,
}

impl Key {
    /// The client behind it, if it is a guest key.
    pub(crate) fn client(&self) -> ClientId {
        let id = self.secret.as_bytes().first_chunk();
        ClientId::from_bytes(id.copied().unwrap_or_default())
    }
}

/// A client that exists.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Which of its lives this is: what a client that was destroyed held does not come back.
    pub(crate) life: u32,
    pub(crate) opened: Timestamp,
    /// When a session of it began or ended, or its secret changed, last.
    pub(crate) changed: Timestamp,
    /// A browser's; a guest key's client has none.
    pub(crate) secret: Option<Digest>,
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) selected: Option<SessionId>,
    /// Sessions that no event ended, in the order of their opening.
    pub(crate) sessions: Vec<SessionId>,
    /// Sessions that ended and are remembered, in the order of their ends.
    pub(crate) ended: Vec<(SessionId, EndReason, Timestamp)>,
}

/// Everything a node knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) keys: BTreeMap<KeyId, Key>,
    /// Places that were ever given to an account or a key.
    pub(crate) account_places: BTreeSet<AccountId>,
    pub(crate) key_places: BTreeSet<KeyId>,
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) handoffs: BTreeMap<HandoffId, Handoff>,
    pub(crate) clients: BTreeMap<ClientId, Client>,
    pub(crate) client_lives: u32,
}

impl Session {
    /// The idle deadline, if there is an idle timeout.
    pub(crate) fn idle_deadline(&self) -> Option<Timestamp> {
        let idle = self.grant.lifetime.idle_timeout_ms;
        (idle > 0).then(|| self.last_active.plus_ms(u64::from(idle)))
    }

    /// Deadline = min(idle, absolute). Source: I6.
    pub(crate) fn deadline(&self) -> Timestamp {
        let absolute = self.grant.lifetime.absolute;
        self.idle_deadline()
            .map_or(absolute, |idle| idle.min(absolute))
    }
}

impl Model {
    /// Live = own state ∧ now < deadline ∧ stamp ≥ generation ∧ account enabled ∧ parent live ∧
    /// client exists ∧ key live. Source: R3.
    pub(crate) fn live(&self, id: SessionId, now: Timestamp) -> bool {
        self.session(id).is_some_and(|session| {
            now < session.deadline()
                && self.counts(session)
                && session
                    .grant
                    .parent
                    .is_none_or(|parent| self.live(parent, now))
        })
    }

    /// Whether everything but time and parent lets a session live.
    pub(crate) fn counts(&self, session: &Session) -> bool {
        self.account_lets(session.grant.account, session.stamp)
            && self.client_lets(session)
            && session.grant.key.is_none_or(|key| self.key_lives(key))
    }

    /// A session that no event ended.
    pub(crate) fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id).filter(|session| !session.ended)
    }

    /// A live session.
    pub(crate) fn live_session(&self, id: SessionId, now: Timestamp) -> Option<&Session> {
        self.session(id).filter(|_| self.live(id, now))
    }

    pub(crate) fn account_lets(&self, id: AccountId, stamp: u32) -> bool {
        self.accounts
            .get(&id)
            .is_some_and(|account| account.enabled && stamp >= account.generation)
    }

    pub(crate) fn client_lets(&self, session: &Session) -> bool {
        let client = session.grant.client;
        let life = |client| self.clients.get(&client).map(|client| client.life);
        client.is_none_or(|client| life(client) == Some(session.client_life))
    }

    pub(crate) fn key_lives(&self, id: KeyId) -> bool {
        self.keys.get(&id).is_some_and(|key| {
            key.account
                .is_none_or(|a| self.account_lets(a, key.generation))
        })
    }

    /// Whether a hand-off token can be spent at all: fresh, its session live, and no change of the
    /// account since it was made. Source: M-86, R3, R5.
    pub(crate) fn handoff_lives(&self, handoff: &Handoff, now: Timestamp) -> bool {
        now < handoff.expires
            && self
                .live_session(handoff.session, now)
                .is_some_and(|session| {
                    let account = self.accounts.get(&session.grant.account);
                    account.is_some_and(|account| account.generation == handoff.generation)
                })
    }

    /// The limit that holds for an account: its own, or the surface's; 0 stands for none.
    pub(crate) fn limit(&self, account: AccountId, of_surface: Option<u32>) -> Option<u32> {
        match self.accounts.get(&account)?.max_sessions {
            Some(0) => None,
            Some(own) => Some(own),
            None => of_surface,
        }
    }

    /// The live sessions that count towards a limit.
    pub(crate) fn counted(
        &self,
        account: AccountId,
        surface: Surface,
        now: Timestamp,
    ) -> Vec<SessionId> {
        let counted = self.sessions.iter().filter(|(id, session)| {
            let grant = &session.grant;
            session.counted
                && grant.account == account
                && grant.surface == surface
                && self.live(**id, now)
        });
        counted.map(|(id, _)| *id).collect()
    }

    /// A session and everything it hangs on.
    pub(crate) fn ancestry(&self, id: SessionId) -> Vec<SessionId> {
        let parent = self.session(id).and_then(|session| session.grant.parent);
        std::iter::once(id)
            .chain(parent.into_iter().flat_map(|parent| self.ancestry(parent)))
            .collect()
    }

    /// Whether `viewer` sees `target`: itself, as a manager of its group, or as its agent; what
    /// somebody above sees through others counts as well. Source: M-60.
    pub(crate) fn sees(&self, viewer: AccountId, target: AccountId) -> bool {
        let mut seen_by = BTreeSet::from([target]);
        loop {
            let above: BTreeSet<_> = seen_by
                .iter()
                .flat_map(|id| self.directly_above(*id))
                .collect();
            let size = seen_by.len();
            seen_by.extend(above);
            if seen_by.len() == size {
                return seen_by.contains(&viewer);
            }
        }
    }

    fn directly_above(&self, target: AccountId) -> Vec<AccountId> {
        let Some(account) = self.accounts.get(&target) else {
            return Vec::new();
        };
        let manages = |other: &Account| {
            account
                .group
                .as_ref()
                .is_some_and(|g| other.managed_groups.contains(g))
        };
        let managers = self
            .accounts
            .iter()
            .filter(|(_, other)| manages(other))
            .map(|(id, _)| *id);
        managers.chain(account.agent).collect()
    }

    /// The hand-off tokens of a session that are neither spent nor dropped.
    pub(crate) fn handoffs_of(&self, session: SessionId) -> Vec<HandoffId> {
        let own = self
            .handoffs
            .iter()
            .filter(|(_, handoff)| handoff.session == session);
        own.map(|(id, _)| *id).collect()
    }

    /// Sessions of a slot that no event ended.
    pub(crate) fn in_slot(&self, slot: SlotNumber) -> Vec<SessionId> {
        let here = |id: &SessionId| SlotNumber::of(id.as_bytes()) == slot;
        self.sessions
            .iter()
            .filter(|(id, s)| here(id) && !s.ended)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Whether a reason of a dead session is true.
    pub(crate) fn is_reason(&self, id: SessionId, reason: EndReason, now: Timestamp) -> bool {
        let Some(session) = self.session(id) else {
            return false;
        };
        let grant = &session.grant;
        match reason {
            EndReason::Account => !self.account_lets(grant.account, session.stamp),
            EndReason::Key => grant.key.is_some_and(|key| !self.key_lives(key)),
            EndReason::Parent => {
                grant.parent.is_some_and(|p| !self.live(p, now)) || !self.client_lets(session)
            }
            EndReason::Idle => session
                .idle_deadline()
                .is_some_and(|idle| now >= idle && idle < grant.lifetime.absolute),
            EndReason::Absolute => {
                now >= grant.lifetime.absolute && session.deadline() == grant.lifetime.absolute
            }
            EndReason::Logout | EndReason::Revoked | EndReason::Limit | EndReason::Removed => false,
        }
    }

    /// Ends a session; its hand-off tokens die with it, and its client may remember it.
    pub(crate) fn end(&mut self, id: SessionId, reason: EndReason, now: Timestamp) {
        self.lose(id, reason, now);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ended = true;
        }
        self.handoffs.retain(|_, handoff| handoff.session != id);
    }

    /// Touches a session if it is live; returns whether it is.
    pub(crate) fn touch(&mut self, id: SessionId, now: Timestamp) -> bool {
        let live = self.live(id, now);
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| live)
            && now > session.last_active
        {
            session.last_active = now;
            session.touched = true;
        }
        live
    }

    /// What a restart leaves: everything but the activity that was not logged.
    pub(crate) fn restart(&mut self) {
        for session in self.sessions.values_mut() {
            session.last_active = session.logged_active;
            session.touched = false;
        }
    }
}

//! A client as a reader sees it: its sessions, live and dead, for as long as its slot is locked.

use std::sync::Arc;

use super::event::SlotEvent;
use super::record::Record;
use super::slot::{Slot, SlotNumber};
use super::world::World;
use crate::session::account::Account;
use crate::session::activity::Touch;
use crate::session::client::{CLIENT_IDLE_MAX_MS, Client, EndedSession, SignIn};
use crate::session::id::{AccountId, ClientId, SessionId};
use crate::session::state::{EndReason, Factors};
use crate::session::time::Timestamp;

/// How a session of a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// It is live.
    Active,
    /// Its holder ended it, or it made room for another one.
    Ended,
    /// Its time ran out.
    Expired,
}

/// A session of a client.
#[derive(Clone, Copy, Debug)]
#[expect(
    missing_docs,
    reason = "each field is the session's field of the same name"
)]
pub struct ClientSession {
    pub id: SessionId,
    pub account: AccountId,
    /// `None` if it was taken away and its client no longer lists it.
    pub status: Option<SessionStatus>,
    pub factors: Factors,
    pub created: Timestamp,
    pub last_active: Timestamp,
    pub absolute: Timestamp,
    /// When it ended, if an event ended it.
    pub ended: Option<Timestamp>,
}

/// A client that exists.
#[derive(Clone, Copy)]
pub struct ClientView<'a> {
    world: &'a World,
    slot: &'a Slot,
    now: Timestamp,
    /// Which.
    pub id: ClientId,
    /// What its slot keeps of it.
    pub record: &'a Client,
}

impl<'a> ClientView<'a> {
    /// The sessions that it lists: the live ones in the order of their opening, and those that ended,
    /// the latest end last. An expired session is listed for 30 days from its opening.
    pub fn sessions(&self) -> impl Iterator<Item = ClientSession> {
        let now = self.now;
        let ended = self.record.ended.iter().map(ended);
        let listed = self.held().chain(ended);
        listed.filter(move |session| match session.status {
            Some(SessionStatus::Active | SessionStatus::Ended) => true,
            Some(SessionStatus::Expired) => now < session.abandoned(),
            None => false,
        })
    }

    /// One of the sessions that it lists.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<ClientSession> {
        self.sessions().find(|session| session.id == id)
    }

    /// Sessions that no event ended yet, as they stand.
    pub(super) fn held(&self) -> impl Iterator<Item = ClientSession> {
        let (world, slot, now) = (self.world, self.slot, self.now);
        let records = self.record.sessions.iter().filter_map(|id| slot.find(*id));
        records.map(move |record| held(world, slot, record, now))
    }

    /// The session that was chosen last, if it is live.
    #[must_use]
    pub fn selected(&self) -> Option<SessionId> {
        let selected = self.record.selected?;
        let live = |held: &ClientSession| {
            held.id == selected && held.status == Some(SessionStatus::Active)
        };
        self.held().find(live).map(|held| held.id)
    }

    /// The login whose second step may still come.
    #[must_use]
    pub fn sign_in(&self) -> Option<&'a SignIn> {
        let pending = self.record.sign_in.as_ref()?;
        let counts = self
            .world
            .accounts
            .allows(pending.account, pending.generation);
        (counts && pending.is_open(self.now) && pending.has_guesses()).then_some(pending)
    }

    /// The account at this place.
    #[must_use]
    pub fn account(&self, id: AccountId) -> Option<Arc<Account>> {
        self.world.accounts.get(id)
    }
}

impl ClientSession {
    /// Whether it is live.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Some(SessionStatus::Active)
    }

    /// When its client stops listing it although nobody removed it: 30 days after its opening, but
    /// not while it may live.
    #[must_use]
    pub fn abandoned(&self) -> Timestamp {
        self.created.plus_ms(CLIENT_IDLE_MAX_MS).max(self.absolute)
    }
}

fn held(world: &World, slot: &Slot, record: &Record, now: Timestamp) -> ClientSession {
    let extra = slot.extra(record);
    let status = if !world.counts(slot, record, extra) {
        None
    } else if record.activity.observe(record.lifetime(), now, Touch::No) {
        Some(SessionStatus::Active)
    } else {
        Some(SessionStatus::Expired)
    };
    ClientSession {
        id: record.id,
        account: record.account,
        status,
        factors: record.factors,
        created: record.created(),
        last_active: record.activity.last_active(),
        absolute: record.lifetime().absolute,
        ended: None,
    }
}

fn ended(session: &EndedSession) -> ClientSession {
    let over = matches!(session.reason, EndReason::Idle | EndReason::Absolute);
    ClientSession {
        id: session.id,
        account: session.account,
        status: Some(if over {
            SessionStatus::Expired
        } else {
            SessionStatus::Ended
        }),
        factors: session.factors,
        created: session.created,
        last_active: session.last_active,
        absolute: session.absolute,
        ended: Some(session.ended),
    }
}

impl World {
    /// Shows a client at `now`, or `None` if there is none.
    ///
    /// `show` runs under the slot's read lock: it must be short and must not take another slot's.
    pub fn with_client<R>(
        &self,
        id: ClientId,
        now: Timestamp,
        show: impl FnOnce(Option<ClientView<'_>>) -> R,
    ) -> R {
        let Some(slot) = self.slot_at(SlotNumber::of(id.as_bytes())) else {
            return show(None);
        };
        let slot = slot.read();
        let view = slot.clients.get(&id).map(|record| ClientView {
            world: self,
            slot: &slot,
            now,
            id,
            record,
        });
        show(view)
    }

    /// What is over on the clients of a slot: those on which nothing happened for 30 days are forgotten,
    /// pending logins past their time dropped. At most `max` clients.
    pub(super) fn stale_clients(
        &self,
        slot: SlotNumber,
        now: Timestamp,
        max: usize,
    ) -> Vec<(ClientId, SlotEvent)> {
        let Some(slot) = self.slot_at(slot) else {
            return Vec::new();
        };
        let slot = slot.read();
        let stale = slot.clients.iter().filter_map(|(id, client)| {
            let pending = client.sign_in.filter(|pending| !pending.is_open(now));
            let event = if client.is_idle(now) {
                SlotEvent::ClientForgotten(*id, client.changed)
            } else {
                SlotEvent::SignInDropped(*id, pending?.id)
            };
            Some((*id, event))
        });
        stale.take(max).collect()
    }
}

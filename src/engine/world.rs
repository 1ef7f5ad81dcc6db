//! What the owners publish for reading: slots, accounts, keys; and how a session is judged.
//!
//! A read never waits for an actor. It holds one slot's read lock at a time, never over an await,
//! and computes liveness from what it finds (R3): own record, deadline, account, parent, client,
//! key. Invariants: what is not found is dead; once a reader saw a session dead, no later one
//! sees it alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::accounts::Accounts;
use super::ahead::fetch;
use super::event::{Handoff, Part};
use super::guesses::Guesses;
use super::image::SlotImage;
use super::jwts::Jwts;
use super::keys::Keys;
use super::record::{Extra, Record};
use super::slot::{Slot, SlotNumber};
use super::view::SessionView;
use crate::session::activity::{Look, Touch};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::policy::SUDO_CHAIN_MAX;
use crate::session::state::EndReason;
use crate::session::time::Timestamp;
use crate::session::token::InstallKey;

/// A slot behind its lock, from the beginning of a cache line on.
#[derive(Default)]
#[repr(align(64))]
struct Published(RwLock<Slot>);

/// The published state of a node.
pub struct World {
    slots: Box<[Published]>,
    /// Who may log in.
    pub accounts: Accounts,
    /// Which programs may call.
    pub keys: Keys,
    /// What tokens are signed with, and the templates for them.
    pub jwts: Jwts,
    /// Who guessed wrong, and from where accounts are known.
    pub guesses: Guesses,
    /// What secrets are digested with.
    pub install_key: InstallKey,
    /// How many events of the directory may have left dead sessions in the slots.
    restrictions: AtomicU64,
}

impl World {
    /// An empty world whose secrets are digested with this key.
    #[must_use]
    pub fn new(install_key: InstallKey) -> Self {
        let slots = SlotNumber::from(0).map(|_| Published::default()).collect();
        Self {
            slots,
            accounts: Accounts::default(),
            keys: Keys::default(),
            jwts: Jwts::default(),
            guesses: Guesses::default(),
            install_key,
            restrictions: AtomicU64::new(0),
        }
    }

    /// Begins to bring into the cache what stands first on the way to a session.
    pub fn approach(&self, id: SessionId) {
        fetch(self.slot(id));
    }

    /// Goes the way to a session, which was approached, and begins to bring it into the cache.
    pub fn fetch(&self, id: SessionId) {
        self.slot(id).read().fetch(id);
    }

    /// Judges a session at `now` and shows it, or `None` if it is not live.
    ///
    /// `show` runs under the slot's read lock: it must be short and must not take another slot's.
    pub fn with_session<R>(
        &self,
        id: SessionId,
        now: Timestamp,
        look: impl Into<Look>,
        show: impl FnOnce(Option<SessionView<'_>>) -> R,
    ) -> R {
        let look = look.into();
        // The rare session that hangs on another one: the other is judged first, without this lock.
        let parent = {
            let slot = self.slot(id).read();
            let Some(record) = slot.find(id) else {
                return show(None);
            };
            match slot.extra(record).and_then(|extra| extra.parent) {
                None => return self.judge(&slot, record, now, look, show),
                Some(parent) => parent,
            }
        };
        if !self.is_live_within(parent, now, SUDO_CHAIN_MAX) {
            return show(None);
        }
        let slot = self.slot(id).read();
        match slot.find(id) {
            Some(record) => self.judge(&slot, record, now, look, show),
            None => show(None),
        }
    }

    /// Whether a session is live at `now`; nothing is touched.
    #[must_use]
    pub fn is_live(&self, id: SessionId, now: Timestamp) -> bool {
        self.is_live_within(id, now, SUDO_CHAIN_MAX)
    }

    fn is_live_within(&self, id: SessionId, now: Timestamp, steps: usize) -> bool {
        let parent = {
            let slot = self.slot(id).read();
            let Some(record) = slot.find(id) else {
                return false;
            };
            let extra = slot.extra(record);
            if !self.counts(&slot, record, extra)
                || !record.activity.observe(record.lifetime(), now, Touch::No)
            {
                return false;
            }
            extra.and_then(|extra| extra.parent)
        };
        parent.is_none_or(|parent| steps > 0 && self.is_live_within(parent, now, steps - 1))
    }

    fn judge<R>(
        &self,
        slot: &Slot,
        record: &Record,
        now: Timestamp,
        look: Look,
        show: impl FnOnce(Option<SessionView<'_>>) -> R,
    ) -> R {
        let extra = slot.extra(record);
        if look
            .surface
            .is_some_and(|surface| surface != record.surface)
            || !self.counts(slot, record, extra)
        {
            return show(None);
        }
        let lifetime = record.lifetime();
        match record.activity.observe_marking(lifetime, now, look.touch) {
            None => return show(None),
            // The slot's own mark lies in a line that is rarely needed otherwise.
            Some(true) => slot.mark_touched(),
            Some(false) => {}
        }
        self.accounts.with(record.account, |account| {
            show(account.map(|account| SessionView::new(record, extra, account)))
        })
    }

    /// Whether everything but time and parent lets the session live.
    pub(super) fn counts(&self, slot: &Slot, record: &Record, extra: Option<&Extra>) -> bool {
        let key = record.plain_key().or_else(|| extra?.key);
        let client = extra.and_then(|extra| extra.client);
        self.accounts.allows(record.account, record.stamp)
            && key.is_none_or(|key| self.keys.is_live(&self.accounts, key))
            && client.is_none_or(|client| slot.holds(client, record.id))
    }

    /// Why a session that is still in its slot is dead at `now`; `None` if it lives or is gone.
    #[must_use]
    pub fn death(&self, id: SessionId, now: Timestamp) -> Option<EndReason> {
        let parent = {
            let slot = self.slot(id).read();
            let record = slot.find(id)?;
            let extra = slot.extra(record);
            let key = record.plain_key().or_else(|| extra?.key);
            let client = extra.and_then(|extra| extra.client);
            if !self.accounts.allows(record.account, record.stamp) {
                return Some(EndReason::Account);
            }
            if key.is_some_and(|key| !self.keys.is_live(&self.accounts, key)) {
                return Some(EndReason::Key);
            }
            if client.is_some_and(|client| !slot.holds(client, id)) {
                return Some(EndReason::Parent);
            }
            if !record.activity.observe(record.lifetime(), now, Touch::No) {
                // Not from `now`: a reader whose clock is ahead of ours may have seen it end.
                let last_active = record.activity.last_active();
                return Some(if record.lifetime().ends_absolutely(last_active) {
                    EndReason::Absolute
                } else {
                    EndReason::Idle
                });
            }
            extra.and_then(|extra| extra.parent)?
        };
        (!self.is_live_within(parent, now, SUDO_CHAIN_MAX)).then_some(EndReason::Parent)
    }

    /// Opened and last active of a session that is in its slot, dead or alive.
    #[must_use]
    pub fn ages(&self, id: SessionId) -> Option<(Timestamp, Timestamp)> {
        let slot = self.slot(id).read();
        slot.find(id)
            .map(|record| (record.created(), record.activity.last_active()))
    }

    /// A session and those it hangs on, the nearest first.
    #[must_use]
    pub fn line(&self, id: SessionId) -> Vec<SessionId> {
        let mut line = vec![id];
        while let Some(parent) = line.last().and_then(|id| self.parent(*id)) {
            if line.len() > SUDO_CHAIN_MAX {
                break;
            }
            line.push(parent);
        }
        line
    }

    fn parent(&self, id: SessionId) -> Option<SessionId> {
        let slot = self.slot(id).read();
        slot.extra(slot.find(id)?)?.parent
    }

    /// The sessions of a client: they lie in its slot (R6).
    #[must_use]
    pub fn sessions_of_client(&self, client: ClientId) -> Vec<SessionId> {
        let slot = self.slot_at(SlotNumber::of(client.as_bytes()));
        slot.and_then(|slot| Some(slot.read().clients.get(&client)?.sessions.clone()))
            .unwrap_or_default()
    }

    /// The key a session was opened with.
    #[must_use]
    pub fn key_of(&self, id: SessionId) -> Option<KeyId> {
        let slot = self.slot(id).read();
        let record = slot.find(id)?;
        record.plain_key().or_else(|| slot.extra(record)?.key)
    }

    /// A hand-off token that is in its slot, dead or alive.
    #[must_use]
    pub fn handoff(&self, id: HandoffId) -> Option<Handoff> {
        self.slot_at(SlotNumber::of(id.as_bytes()))?
            .read()
            .handoffs
            .get(&id)
            .copied()
    }

    /// The hand-off tokens of a session, the oldest first.
    #[must_use]
    pub fn handoffs_of(&self, session: SessionId) -> Vec<(HandoffId, Handoff)> {
        let slot = self.slot(session).read();
        let own = slot
            .handoffs
            .iter()
            .filter(|(_, handoff)| handoff.session == session);
        let mut own: Vec<_> = own.map(|(id, handoff)| (*id, *handoff)).collect();
        own.sort_by_key(|(id, handoff)| (handoff.issued, *id));
        own
    }

    /// Hand-off tokens of a slot that can no longer be redeemed, at most `max`.
    #[must_use]
    pub fn dead_handoffs(&self, slot: SlotNumber, now: Timestamp, max: usize) -> Vec<HandoffId> {
        let Some(slot) = self.slot_at(slot) else {
            return Vec::new();
        };
        let slot = slot.read();
        let dead = slot
            .handoffs
            .iter()
            .filter(|(_, handoff)| now >= handoff.expires);
        dead.map(|(id, _)| *id).take(max).collect()
    }

    /// The lock of a slot, for its owner and for snapshots.
    #[must_use]
    pub fn slot_at(&self, number: SlotNumber) -> Option<&RwLock<Slot>> {
        let slot = self.slots.get(usize::from(number.get()));
        slot.map(|slot| &slot.0)
    }

    /// Applies one part of a log record. Only the owner of what it names may call this.
    ///
    /// A slot in which everything up to the sequence `reached` is with this part remembers that.
    pub fn apply(&self, part: &Part, reached: Option<u64>) {
        match part {
            Part::Slot(number, event) => {
                if let Some(slot) = self.slot_at(*number) {
                    let mut slot = slot.write();
                    slot.apply(event);
                    slot.reached(reached.unwrap_or(0));
                }
            }
            Part::Directory(event) => {
                self.accounts.apply(event);
                self.keys.apply(event);
                self.jwts.apply(event);
                self.guesses.apply(event);
                if event.ends_sessions() {
                    self.restrictions.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
    }

    /// Puts a piece of a slot's image where it belongs, at `now`; a slot may have several, of one position.
    pub fn restore(&self, number: SlotNumber, image: SlotImage, position: u64, now: Timestamp) {
        if let Some(slot) = self.slot_at(number) {
            let mut slot = slot.write();
            slot.restore(image, now);
            slot.reached(position);
        }
    }

    /// A number that changes whenever an account or a key lost something: the sign to sweep.
    #[must_use]
    pub fn restrictions(&self) -> u64 {
        self.restrictions.load(Ordering::Acquire)
    }

    /// Sessions in slot order after `after`, of one account or of all, at most `max`; each page
    /// looks at whole slots under one short lock each.
    #[must_use]
    pub fn page(
        &self,
        after: Option<SessionId>,
        account: Option<AccountId>,
        max: usize,
    ) -> Vec<SessionId> {
        let mut page = Vec::new();
        let first = after.map_or(0, |id| SlotNumber::of(id.as_bytes()).get());
        for number in SlotNumber::from(first) {
            if let Some(slot) = self.slot_at(number) {
                let slot = slot.read();
                let fits = |id: &SessionId| {
                    after.is_none_or(|after| *id > after)
                        && account.is_none_or(|a| slot.find(*id).is_some_and(|r| r.account == a))
                };
                let mut ids: Vec<_> = slot.ids().filter(fits).collect();
                ids.sort_unstable();
                page.extend(ids);
            }
            if page.len() >= max {
                break;
            }
        }
        page.truncate(max);
        page
    }

    /// How many sessions are in the slots, dead ones that were not swept yet included.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.slots.iter().map(|slot| slot.0.read().len()).sum()
    }

    /// How many things there are that take memory, about: sessions, clients, hand-off tokens, accounts, keys.
    #[must_use]
    pub fn things(&self) -> u64 {
        let in_slots: usize = self.slots.iter().map(|slot| slot.0.read().things()).sum();
        (in_slots + self.accounts.count() + self.keys.count()) as u64
    }

    /// Has every session looked at by its owner, as if an account or a key had lost something.
    pub fn sweep_soon(&self) {
        self.restrictions.fetch_add(1, Ordering::AcqRel);
    }

    fn slot(&self, id: SessionId) -> &RwLock<Slot> {
        let number = usize::from(SlotNumber::of(id.as_bytes()).get());
        #[expect(
            clippy::indexing_slicing,
            reason = "a slot number has 12 bits and there are 4,096 slots"
        )]
        &self.slots[number].0
    }
}

/// A world that many may read.
pub type SharedWorld = Arc<World>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_look_up_reads_first_is_in_one_line_with_the_lock() {
        let slots: Vec<_> = (0..2).map(|_| Published::default()).collect();
        for published in &slots {
            let line = (&raw const *published).addr();
            let slot = published.0.read();
            let slot = (&raw const *slot).addr();
            assert_eq!((line % 64, slot + Slot::READ_FIRST - line), (0, 64));
        }
    }
}

//! One of 4,096 parts of the id space: a table and the records behind it.
//!
//! A slot is the unit of everything (R1): it has its own lock, its own growth and its own wheel.
//! [`Slot::apply`] is the only thing that changes what is in it.
//!
//! Invariants: applying never fails, and an event whose subject is gone changes nothing; every
//! record is in the index and in the wheel exactly once.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::{HashMap, HashTable};

use super::event::{Grant, Handoff, SlotEvent};
use super::image::SessionImage;
use super::record::{Extra, Record};
use super::slab::{Handle, Slab};
use super::wheel::Wheel;
use crate::session::client::Client;
use crate::session::id::{ClientId, HandoffId, SessionId};
use crate::session::state::EndReason;
use crate::session::time::Timestamp;

/// How many slots there are.
pub const SLOTS: u16 = 4_096;

/// The number of a slot: the first 12 bits of the ids in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotNumber(u16);

impl SlotNumber {
    /// The slot in which an id with these bytes lies.
    #[must_use]
    pub const fn of(bytes: &[u8; 16]) -> Self {
        Self(u16::from_be_bytes([bytes[0], bytes[1]]) >> 4)
    }

    /// The slot with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOTS {
            Some(Self(number))
        } else {
            None
        }
    }

    /// All slots from number `first` on.
    pub fn from(first: u16) -> impl Iterator<Item = Self> {
        (first..SLOTS).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The shard that owns the slot when there are `shards`: shards own ranges of slots.
    #[must_use]
    pub fn shard(self, shards: u16) -> u16 {
        // The quotient is below `shards`.
        u16::try_from(u32::from(self.0) * u32::from(shards) / u32::from(SLOTS)).unwrap_or(0)
    }
}

/// Extras side by side: most slots of most nodes have few, and they are larger than records.
const EXTRAS: usize = 4;

/// The table and the records of one slot. What every look-up reads stands first, in one cache line with the slot's lock.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Slot {
    index: HashTable<Handle>,
    pub(super) records: Slab<Record>,
    extras: Slab<Extra, EXTRAS>,
    pub(super) handoffs: HashMap<HandoffId, Handoff>,
    pub(super) clients: HashMap<ClientId, Client>,
    wheel: Wheel,
    /// Sessions that end with another one: nothing tells this slot when that one ends. Few.
    hanging: Vec<SessionId>,
    /// The sequence up to which everything that is logged for the slot is in it. Source: R11.
    position: u64,
    /// Set by readers that touched a record here, cleared by the owner when it logs activity.
    touched: AtomicBool,
}

impl Slot {
    /// The bytes at its head that every look-up reads: the index, and the list of chunks.
    #[cfg(test)]
    pub(super) const READ_FIRST: usize = std::mem::offset_of!(Slot, records) + size_of::<Vec<()>>();

    /// How many sessions are in the slot, dead ones that were not swept yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// How many sessions, clients and hand-off tokens are in the slot.
    pub(super) fn things(&self) -> usize {
        self.index.len() + self.clients.len() + self.handoffs.len()
    }

    /// Whether there is no session in the slot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(super) fn find(&self, id: SessionId) -> Option<&Record> {
        self.records.get(self.handle(id)?)
    }

    pub(super) fn extra(&self, record: &Record) -> Option<&Extra> {
        self.extras.get(record.extra()?)
    }

    /// Whether there is this client and the session is one of its own: a client that comes to be
    /// again under an old id does not bring back what an earlier one held (I5).
    pub(super) fn holds(&self, client: ClientId, session: SessionId) -> bool {
        let client = self.clients.get(&client);
        client.is_some_and(|client| client.holds(session))
    }

    /// The ids in the slot, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.records.iter().map(|(_, record)| record.id)
    }

    /// The sessions that end with another one.
    pub(super) fn hanging(&self) -> &[SessionId] {
        &self.hanging
    }

    /// Changes the slot as the event says.
    pub fn apply(&mut self, event: &SlotEvent) {
        match event {
            SlotEvent::SessionOpened(opened) => self.open(opened.id, opened.at, &opened.grant),
            SlotEvent::SessionEnded(id, at, reason) => self.end(*id, *at, *reason),
            SlotEvent::SessionRestamped(id, generation) => {
                if let Some(record) = self.handle(*id).and_then(|h| self.records.get_mut(h)) {
                    record.stamp = *generation;
                }
            }
            SlotEvent::SessionsActive(list) => {
                for (id, at) in list {
                    if let Some(record) = self.find(*id) {
                        record.activity.restore(*at);
                    }
                }
            }
            SlotEvent::HandoffIssued(id, handoff) => {
                self.handoffs.insert(*id, *handoff);
            }
            SlotEvent::HandoffRedeemed(id, _) | SlotEvent::HandoffDropped(id) => {
                self.handoffs.remove(id);
            }
            SlotEvent::ClientOpened(id, at) => {
                self.clients
                    .entry(*id)
                    .or_insert_with(|| Client::new(*at, None));
            }
            SlotEvent::ClientSecretSet(id, at, secret) => {
                let fresh = || Client::new(*at, None);
                let client = self.clients.entry(*id).or_insert_with(fresh);
                client.secret = Some(*secret);
                client.changed = *at;
            }
            SlotEvent::ClientForgotten(id, unchanged) => {
                let idle =
                    |client: &Client| client.sessions.is_empty() && client.changed <= *unchanged;
                if self.clients.get(id).is_some_and(idle) {
                    self.clients.remove(id);
                }
            }
            SlotEvent::ClientDestroyed(id, _) => {
                self.clients.remove(id);
            }
            SlotEvent::SignInStarted(id, _)
            | SlotEvent::SignInGuessed(id, _)
            | SlotEvent::SignInDropped(id, _)
            | SlotEvent::SessionSelected(id, _)
            | SlotEvent::SessionForgotten(id, _) => {
                if let Some(client) = self.clients.get_mut(id) {
                    change_client(client, event);
                }
            }
        }
    }

    /// The sequence up to which everything that is logged for the slot is in it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Waits for the memory of a run of sessions, of which there are as many as this gives true for: whoever did so for
    /// all of them holds the lock for a shorter time when it takes [`Slot::image`].
    #[must_use]
    pub fn look_at(&self, run: usize) -> bool {
        self.records.look_at(run)
    }

    /// What is left of it without any session: the clients of guest keys, which come and go with their keys (R8).
    pub(super) fn without_sessions(&self) -> Self {
        let of_keys = self
            .clients
            .iter()
            .filter(|(_, client)| client.secret.is_none());
        let clients = of_keys.map(|(id, client)| (*id, Client::new(client.opened, None)));
        Self {
            clients: clients.collect(),
            position: self.position,
            ..Self::default()
        }
    }

    /// Everything up to this sequence is in the slot now.
    pub fn reached(&mut self, sequence: u64) {
        self.position = self.position.max(sequence);
    }

    /// Remembers that a reader touched a record here.
    pub(super) fn mark_touched(&self) {
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Release);
        }
    }

    /// Takes the activity to log, at most `max` sessions.
    pub fn take_activity(&self, max: usize) -> Vec<(SessionId, Timestamp)> {
        if !self.touched.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let marked = self.records.iter();
        let taken: Vec<_> = marked
            .filter_map(|(_, r)| r.activity.take_touched().map(|at| (r.id, at)))
            .take(max)
            .collect();
        if taken.len() == max {
            self.mark_touched();
        }
        taken
    }

    /// Marks sessions whose activity was taken and not logged after all: it is taken again.
    pub fn keep_activity(&self, ids: impl Iterator<Item = SessionId>) {
        for record in ids.filter_map(|id| self.find(id)) {
            record.activity.mark();
        }
        self.mark_touched();
    }

    /// Collects sessions that may be due at `now`, at most about `max`, and puts each back into
    /// the wheel for its present deadline: one that ended leaves with the event that ends it.
    pub fn collect_due(&mut self, now: Timestamp, max: usize) -> (Vec<SessionId>, bool) {
        let mut due = Vec::new();
        let more = self.wheel.collect(&mut self.records, now, max, &mut due);
        let ids = due
            .iter()
            .filter_map(|&h| self.records.get(h))
            .map(|r| r.id)
            .collect();
        for handle in due {
            if let Some(deadline) = self.records.get(handle).map(Record::deadline) {
                self.wheel
                    .insert(&mut self.records, handle, deadline.max(now), now);
            }
        }
        (ids, more)
    }

    fn handle(&self, id: SessionId) -> Option<Handle> {
        let hash = id.table_hash();
        self.fetch_ahead(hash);
        let same = |h: &Handle| self.records.get(*h).is_some_and(|r| r.id == id);
        self.index.find(hash, same).copied()
    }

    /// Begins to bring into the cache what is a session's by the table's tags: hardly ever another one's.
    pub(super) fn fetch(&self, id: SessionId) {
        let hash = id.table_hash();
        self.fetch_ahead(hash);
        if let Some(handle) = self.index.find(hash, |_| true) {
            self.records.fetch(*handle);
        }
    }

    /// Begins to wait at once for what finding a record otherwise waits for one after the other: the
    /// handle where its probing begins and the list of chunks, beside the table's own tags.
    fn fetch_ahead(&self, hash: u64) {
        let buckets = self.index.num_buckets();
        if let Some(last) = buckets.checked_sub(1) {
            // The lower bits are where the table begins to look.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the table cuts it likewise"
            )]
            let first = hash as usize & last;
            black_box(self.index.get_bucket(first).copied());
        }
        self.records.fetch_ahead();
    }

    /// A session began: as [`SlotEvent::SessionOpened`] says it.
    pub(super) fn open(&mut self, id: SessionId, at: Timestamp, grant: &Grant) {
        // A client that was destroyed meanwhile takes its sessions along, this one, too.
        if self.handle(id).is_some() {
            return;
        }
        if let Some(client) = grant.client {
            let Some(client) = self.clients.get_mut(&client) else {
                return;
            };
            client.take(id, at);
        }
        let (record, extra) = Record::new(id, at, grant);
        self.place(record, extra, at);
    }

    /// Gives a record its place in the index and in the wheel.
    fn place(&mut self, mut record: Record, extra: Option<Extra>, now: Timestamp) {
        if let Some(extra) = extra {
            if extra.parent.is_some() {
                self.hanging.push(record.id);
            }
            record.set_extra(self.extras.insert(extra));
        }
        let (hash, due) = (record.id.table_hash(), record.deadline());
        let handle = self.records.insert(record);
        let records = &self.records;
        let rehash = |h: &Handle| records.get(*h).map_or(0, |r| r.id.table_hash());
        self.index.insert_unique(hash, handle, rehash);
        self.wheel
            .insert(&mut self.records, handle, due.max(now), now);
    }

    /// Makes room in the index for so many sessions more, at once.
    pub(super) fn expect(&mut self, more: usize) {
        let records = &self.records;
        let rehash = |h: &Handle| records.get(*h).map_or(0, |r| r.id.table_hash());
        self.index.reserve(more, rehash);
    }

    /// Puts a session that an image holds into the slot.
    pub(super) fn put(&mut self, image: SessionImage, now: Timestamp) {
        if self.handle(image.id).is_none() {
            let (record, extra) = Record::from_image(image);
            self.place(record, extra, now);
        }
    }

    /// A session of the slot as a value.
    pub(super) fn session_image(&self, record: &Record) -> SessionImage {
        record.image(self.extra(record))
    }

    /// A session ended: as [`SlotEvent::SessionEnded`] says it.
    pub(super) fn end(&mut self, id: SessionId, at: Timestamp, reason: EndReason) {
        let Some(handle) = self.handle(id) else {
            return;
        };
        if let Ok(entry) = self.index.find_entry(id.table_hash(), |h| *h == handle) {
            entry.remove();
        }
        self.wheel.remove(&mut self.records, handle);
        if let Some(record) = self.records.remove(handle) {
            let extra = record.extra().and_then(|extra| self.extras.remove(extra));
            if extra.as_ref().is_some_and(|extra| extra.parent.is_some()) {
                self.hanging.retain(|hanging| *hanging != id);
            }
            let client = extra.and_then(|extra| extra.client);
            if let Some(client) = client.and_then(|id| self.clients.get_mut(&id)) {
                client.lose(record.ended(at, reason));
            }
        }
        self.handoffs.retain(|_, handoff| handoff.session != id);
    }
}

fn change_client(client: &mut Client, event: &SlotEvent) {
    match event {
        SlotEvent::SignInStarted(_, sign_in) => client.sign_in = Some(*sign_in),
        SlotEvent::SignInGuessed(_, id) => {
            if let Some(sign_in) = client.sign_in.as_mut().filter(|s| s.id == *id) {
                sign_in.guesses = sign_in.guesses.saturating_add(1);
            }
        }
        SlotEvent::SignInDropped(_, id) => {
            client.sign_in = client.sign_in.filter(|sign_in| sign_in.id != *id);
        }
        SlotEvent::SessionSelected(_, session) if client.sessions.contains(session) => {
            client.selected = Some(*session);
        }
        SlotEvent::SessionForgotten(_, session) => {
            client.ended.retain(|ended| ended.id != *session);
        }
        _ => {}
    }
}

//! One of 4,096 parts of the id space: a table and the records behind it.
//!
//! A slot is the unit of everything (R1): it has its own lock, its own growth and its own wheel.
//! [`Slot::apply`] is the only thing that changes what is in it.
//!
//! Invariants: applying never fails, and an event whose subject is gone changes nothing; every
//! record is in the index and in the wheel exactly once.

use std::sync::atomic::{AtomicBool, Ordering};

use hashbrown::HashMap;

use super::event::{Handoff, SessionOpened, SlotEvent};
use super::index::Index;
use super::record::{Extra, Record};
use super::slab::{Handle, Slab};
use super::wheel::Wheel;
use crate::session::id::{ClientId, HandoffId, SessionId};
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

/// A client as its slot keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// When it came to be.
    pub opened: Timestamp,
}

/// The table and the records of one slot.
#[derive(Debug, Default)]
pub struct Slot {
    index: Index,
    pub(super) records: Slab<Record>,
    extras: Slab<Box<Extra>>,
    pub(super) handoffs: HashMap<HandoffId, Handoff>,
    pub(super) clients: HashMap<ClientId, Client>,
    wheel: Wheel,
    /// Set by readers that touched a record here, cleared by the owner when it logs activity.
    touched: AtomicBool,
}

impl Slot {
    /// How many sessions are in the slot, dead ones that were not swept yet included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no session in the slot.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn find(&self, id: SessionId) -> Option<&Record> {
        self.records.get(self.handle(id)?)
    }

    pub(super) fn extra(&self, record: &Record) -> Option<&Extra> {
        self.extras.get(record.extra()?).map(Box::as_ref)
    }

    pub(super) fn sessions_of_client(&self, client: ClientId) -> Vec<SessionId> {
        let records = self.records.iter().map(|(_, record)| record);
        let of_client =
            |record: &&Record| self.extra(record).is_some_and(|e| e.client == Some(client));
        records.filter(of_client).map(|record| record.id).collect()
    }

    /// The ids in the slot, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = SessionId> {
        self.records.iter().map(|(_, record)| record.id)
    }

    /// Changes the slot as the event says.
    pub fn apply(&mut self, event: &SlotEvent) {
        match event {
            SlotEvent::SessionOpened(opened) => self.open(opened),
            SlotEvent::SessionEnded(id, ..) => self.end(*id),
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
                self.clients.insert(*id, Client { opened: *at });
            }
            SlotEvent::ClientDestroyed(id, _) => {
                self.clients.remove(id);
            }
        }
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
        let same = |h| self.records.get(h).is_some_and(|r| r.id == id);
        self.index.find(id.table_hash(), same)
    }

    fn open(&mut self, opened: &SessionOpened) {
        // A client that was destroyed meanwhile takes its sessions along, this one, too.
        let orphaned = opened
            .grant
            .client
            .is_some_and(|client| !self.clients.contains_key(&client));
        if orphaned || self.handle(opened.id).is_some() {
            return;
        }
        let (mut record, extra) = Record::new(opened);
        if let Some(extra) = extra {
            record.set_extra(self.extras.insert(Box::new(extra)));
        }
        let due = record.deadline();
        let handle = self.records.insert(record);
        let records = &self.records;
        let rehash = |h| records.get(h).map_or(0, |r| r.id.table_hash());
        self.index.insert(opened.id.table_hash(), handle, rehash);
        self.wheel.insert(&mut self.records, handle, due, opened.at);
    }

    fn end(&mut self, id: SessionId) {
        let Some(handle) = self.handle(id) else {
            return;
        };
        self.index.remove(id.table_hash(), handle);
        self.wheel.remove(&mut self.records, handle);
        if let Some(extra) = self.records.remove(handle).and_then(|r| r.extra()) {
            self.extras.remove(extra);
        }
        self.handoffs.retain(|_, handoff| handoff.session != id);
    }
}

//! Records that are written together, and who waits for them.

use std::ops::Range;
use std::sync::Arc;

use super::Class;
use crate::durability::record::{self, Label, Link};
use crate::journal::Entry;

/// What an entry without a record counts against the bound of the buffer.
const UNLOGGED_BYTES: usize = 64;

struct Item {
    entry: Arc<dyn Entry>,
    class: Class,
    kind: u8,
    /// Its payload; `None` if this mode does not log it.
    payload: Option<Range<usize>>,
    sequence: u64,
}

/// Records in their order, framed, and the entries that wait.
///
/// Invariants: the records follow each other and `before` without a gap; only the first can be
/// marked as written after a sync; entries are in the order in which they were appended.
pub(super) struct Batch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    last: Link,
    /// When the first record is written, everything before it is synced.
    pub(super) after_sync: bool,
}

impl Batch {
    pub(super) fn new(before: Link, after_sync: bool) -> Self {
        Self {
            bytes: Vec::new(),
            items: Vec::new(),
            last: before,
            after_sync,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The framed records.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The last record, or the one before the first.
    pub(super) fn last(&self) -> Link {
        self.last
    }

    pub(super) fn records(&self) -> usize {
        self.items.iter().filter(|i| i.payload.is_some()).count()
    }

    /// What it counts against the bound of the buffer.
    pub(super) fn cost(&self) -> usize {
        self.bytes.len() + self.items.len() * UNLOGGED_BYTES
    }

    pub(super) fn has(&self, wanted: impl Fn(Class) -> bool) -> bool {
        self.items
            .iter()
            .any(|item| item.payload.is_some() && wanted(item.class))
    }

    pub(super) fn push(&mut self, kind: u8, class: Class, payload: &[u8], entry: Arc<dyn Entry>) {
        let label = Label {
            kind,
            after_sync: self.after_sync && self.bytes.is_empty(),
        };
        self.last = record::write(&mut self.bytes, label, self.last, payload);
        let end = self.bytes.len() - crate::durability::format::RECORD_TAIL_BYTES;
        self.items.push(Item {
            entry,
            class,
            kind,
            payload: Some(end - payload.len()..end),
            sequence: self.last.sequence,
        });
    }

    /// An entry that waits its turn without a record.
    pub(super) fn push_unlogged(&mut self, class: Class, entry: Arc<dyn Entry>) {
        self.items.push(Item {
            entry,
            class,
            kind: 0,
            payload: None,
            sequence: self.last.sequence,
        });
    }

    /// Reports the entries up to the first that `stops`; returns how many.
    pub(super) fn report(&mut self, stops: impl Fn(Class) -> bool) -> u64 {
        let until = self.items.iter().position(|item| stops(item.class));
        let until = until.unwrap_or(self.items.len());
        let mut reported = 0;
        for item in self.items.drain(..until) {
            item.entry.durable(item.sequence);
            reported += 1;
        }
        reported
    }

    /// Takes back what was to be written, followed by `later`: those that are `kept` are framed
    /// anew behind `before`, the others are returned to be refused.
    pub(super) fn without(
        self,
        later: Self,
        before: Link,
        kept: impl Fn(Class) -> bool,
    ) -> (Self, Vec<Arc<dyn Entry>>) {
        let mut left = Self::new(before, self.after_sync);
        let mut refused = Vec::new();
        for batch in [self, later] {
            for item in batch.items {
                match item.payload.and_then(|range| batch.bytes.get(range)) {
                    None => left.push_unlogged(item.class, item.entry),
                    Some(payload) if kept(item.class) => {
                        left.push(item.kind, item.class, payload, item.entry);
                    }
                    Some(_) => refused.push(item.entry),
                }
            }
        }
        (left, refused)
    }

    /// All that wait, to be refused.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Arc<dyn Entry>> {
        self.items.into_iter().map(|item| item.entry)
    }
}

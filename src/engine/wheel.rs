//! A hierarchical timing wheel per slot: it collects what may be due and decides nothing.
//!
//! One tick is a second; five levels of 32 buckets reach 388 days. Entries are linked through the
//! records themselves, both ways, so that a closed session leaves the wheel at once. A touch does
//! not move its entry: whoever collects looks at the record and puts it back if it is not due.
//!
//! Invariants: every record of the slot is linked exactly once; a record is collected at the first
//! tick at or after the instant it was inserted for.

use super::record::Record;
use super::slab::{Handle, NONE, Slab};
use crate::session::time::Timestamp;

const TICK_MS: u64 = 1_000;
const BITS: u32 = 5;
const BUCKETS: usize = 1 << BITS;
const LEVELS: usize = 5;
/// The farthest an entry can lie ahead; what is later is put there and looked at again.
const REACH_TICKS: u64 = (1 << (BITS * 5)) - 1;
/// In `prev`, marks the first entry of a bucket; the lower bits name the bucket.
const HEAD: Handle = 1 << 31;

#[derive(Debug)]
pub(crate) struct Wheel {
    /// The last tick that was collected.
    tick: u64,
    heads: [Handle; BUCKETS * LEVELS],
    /// Which buckets of a level hold entries.
    occupied: [u32; LEVELS],
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            tick: 0,
            heads: [NONE; BUCKETS * LEVELS],
            occupied: [0; LEVELS],
        }
    }
}

fn level_of(delta: u64) -> usize {
    (0..LEVELS - 1)
        .find(|&l| delta >> (BITS as usize * (l + 1)) == 0)
        .unwrap_or(LEVELS - 1)
}

fn bucket_of(level: usize, tick: u64) -> usize {
    let digit = (tick >> (BITS as usize * level)) & (BUCKETS as u64 - 1);
    level * BUCKETS + usize::try_from(digit).unwrap_or(0)
}

impl Wheel {
    /// Links a record that is not linked, for collection at or after `due`.
    pub(crate) fn insert(
        &mut self,
        records: &mut Slab<Record>,
        handle: Handle,
        due: Timestamp,
        now: Timestamp,
    ) {
        if self.occupied.iter().all(|bits| *bits == 0) {
            // Nothing to collect on the way: the wheel may jump to the present.
            self.tick = self.tick.max(now.ms() / TICK_MS);
        }
        let tick = due
            .ms()
            .div_ceil(TICK_MS)
            .clamp(self.tick + 1, self.tick + REACH_TICKS);
        let bucket = bucket_of(level_of(tick - self.tick), tick);
        self.push(records, handle, bucket);
    }

    /// Unlinks a record; one that is not linked stays as it is.
    pub(crate) fn remove(&mut self, records: &mut Slab<Record>, handle: Handle) {
        let Some(record) = records.get_mut(handle) else {
            return;
        };
        let (next, prev) = (record.next, record.prev);
        record.next = NONE;
        record.prev = NONE;
        if prev == NONE {
            return;
        }
        if prev & HEAD == 0 {
            if let Some(before) = records.get_mut(prev) {
                before.next = next;
            }
        } else {
            self.set_head((prev & !HEAD) as usize, next);
        }
        if let Some(after) = records.get_mut(next) {
            after.prev = prev;
        }
    }

    /// Unlinks what may be due at `now`, at most about `max` entries, into `due`.
    ///
    /// Returns whether more may be due: call again.
    pub(crate) fn collect(
        &mut self,
        records: &mut Slab<Record>,
        now: Timestamp,
        max: usize,
        due: &mut Vec<Handle>,
    ) -> bool {
        let target = now.ms() / TICK_MS;
        while self.tick < target {
            if due.len() >= max {
                return true;
            }
            self.tick = self.next_stop(target);
            for level in (1..LEVELS).rev() {
                // A level is spread over the one below when that one starts anew.
                if self.tick.trailing_zeros() >= BITS * u32::try_from(level).unwrap_or(0) {
                    self.cascade(records, bucket_of(level, self.tick));
                }
            }
            let bucket = bucket_of(0, self.tick);
            while let Some(handle) = self.pop(records, bucket) {
                due.push(handle);
            }
        }
        false
    }

    /// The next tick at which anything can happen, at most `target`.
    fn next_stop(&self, target: u64) -> u64 {
        let empty_below = self.occupied.iter().take_while(|bits| **bits == 0).count();
        if empty_below == LEVELS {
            return target;
        }
        let step = 1_u64 << (BITS as usize * empty_below);
        ((self.tick / step + 1) * step).min(target)
    }

    fn cascade(&mut self, records: &mut Slab<Record>, bucket: usize) {
        let mut moved = Vec::new();
        while let Some(handle) = self.pop(records, bucket) {
            moved.push(handle);
        }
        for handle in moved {
            let due = records
                .get(handle)
                .map_or(Timestamp::default(), Record::deadline);
            let tick = due
                .ms()
                .div_ceil(TICK_MS)
                .clamp(self.tick, self.tick + REACH_TICKS);
            self.push(records, handle, bucket_of(level_of(tick - self.tick), tick));
        }
    }

    fn push(&mut self, records: &mut Slab<Record>, handle: Handle, bucket: usize) {
        let first = self.heads.get(bucket).copied().unwrap_or(NONE);
        if let Some(record) = records.get_mut(handle) {
            record.next = first;
            // There are 160 buckets.
            record.prev = HEAD | u32::try_from(bucket).unwrap_or(0);
        }
        if let Some(second) = records.get_mut(first) {
            second.prev = handle;
        }
        self.set_head(bucket, handle);
    }

    fn pop(&mut self, records: &mut Slab<Record>, bucket: usize) -> Option<Handle> {
        let first = self.heads.get(bucket).copied().filter(|h| *h != NONE)?;
        self.remove(records, first);
        Some(first)
    }

    fn set_head(&mut self, bucket: usize, handle: Handle) {
        if let Some(head) = self.heads.get_mut(bucket) {
            *head = handle;
        }
        if let Some(bits) = self.occupied.get_mut(bucket / BUCKETS) {
            let bit = 1 << (bucket % BUCKETS);
            *bits = if handle == NONE {
                *bits & !bit
            } else {
                *bits | bit
            };
        }
    }
}

//! The writer of the log: takes what was appended, writes, syncs, reports.
//!
//! Invariants: it alone touches the newest segment; a batch that could not be written is refused
//! before a later one is tried; a segment gets its first record after the one before is sealed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::batch::Batch;
use super::{Class, OnFailure, Shared, count};
use crate::clock::SharedClock;
use crate::durability::format::{Origin, SEGMENT_HEAD_BYTES, SealKind, SegmentHead};
use crate::durability::segment::{Segment, Source, WriteError, make_reserve};
use crate::durability::storage::{SharedStorage, StorageError, SyncSite};
use crate::faults;
use crate::session::time::Timestamp;

/// The longest a written record waits for its sync: half of what is promised, so that a slow sync
/// still ends in time.
const SYNC_EVERY_MS: u64 = 500;
/// A batch of so many records shows that many write at once.
const COMPANY_MIN: usize = 4;
/// How long a batch may wait for the rest of a burst: no longer than a quick sync takes.
const GATHER: Duration = Duration::from_micros(50);
/// How often a full disk is asked for room.
const RETRY_EVERY_MS: u64 = 500;

enum Wake {
    Work,
    Due,
    Stop,
}

/// The writing side of a log.
pub struct LogWriter {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: SharedStorage,
    pub(super) origin: Origin,
    pub(super) clock: SharedClock,
    pub(super) segment: Segment,
    /// Something was written that is not synced, the oldest of it then.
    pub(super) unsynced: Option<Timestamp>,
    /// The reserve is there.
    pub(super) reserve: bool,
    /// Grants are refused; room was looked for then.
    pub(super) short_since: Option<Timestamp>,
    /// Records in the last batch.
    pub(super) last_batch: usize,
    /// Taken when it was called, or never to be called again.
    pub(super) on_failure: Option<OnFailure>,
}

impl LogWriter {
    /// Works until the log is closed.
    pub fn run(mut self) {
        loop {
            match self.wait() {
                Wake::Work => {
                    self.gather();
                    self.turn(false);
                }
                Wake::Due => self.turn(true),
                Wake::Stop => return self.stop(),
            }
        }
    }

    fn wait(&self) -> Wake {
        let mut front = self.shared.front.lock();
        loop {
            if !front.filling.is_empty() {
                return Wake::Work;
            }
            if front.stopping {
                return Wake::Stop;
            }
            front.idle = true;
            let pause = if let Some(since) = self.unsynced {
                // From when the oldest was written, whatever came since.
                let waited = self.clock.now().since_ms(since);
                SYNC_EVERY_MS.saturating_sub(waited).max(1)
            } else if self.short_since.is_some() {
                RETRY_EVERY_MS
            } else {
                self.shared.work.wait(&mut front);
                continue;
            };
            let pause = Duration::from_millis(pause);
            let waited = self.shared.work.wait_for(&mut front, pause);
            front.idle = false;
            if waited.timed_out() && front.filling.is_empty() && !front.stopping {
                return Wake::Due;
            }
        }
    }

    /// Gives those who append a moment to join, if there were several the last time: they come in
    /// bursts, when the last sync answered them, and the first of a burst would have a sync of its own.
    fn gather(&self) {
        if self.last_batch >= COMPANY_MIN {
            std::thread::park_timeout(GATHER);
        }
    }

    /// Writes and reports what was appended until now. `due`: what is to happen every so often
    /// happens now.
    pub fn turn(&mut self, due: bool) {
        let now = self.clock.now();
        let past = |since: Option<Timestamp>, ms: u64| {
            since.is_some_and(|since| due || now.since_ms(since) >= ms)
        };
        if past(self.short_since, RETRY_EVERY_MS) {
            self.look_for_room();
        }
        let overdue = past(self.unsynced, SYNC_EVERY_MS);
        let (batch, sync) = {
            let mut front = self.shared.front.lock();
            if front.poisoned || (front.filling.is_empty() && !overdue) {
                return;
            }
            front.writing = true;
            let next = Batch::new(front.filling.last(), true);
            let batch = std::mem::replace(&mut front.filling, next);
            let sync = overdue || self.wants_sync(&batch);
            front.filling.after_sync = after(&batch, sync);
            (batch, sync)
        };
        self.last_batch = batch.records();
        match self.store(batch, sync) {
            Ok(()) => self.shared.front.lock().writing = false,
            Err((batch, error)) => self.poison(batch, &error),
        }
    }

    /// Writes what waits, seals the log as stopped in good order, and ends. What the seal would
    /// promise is not promised after a failure.
    pub fn stop(mut self) {
        self.shared.front.lock().stopping = true;
        self.turn(true);
        let unsealed = {
            let front = self.shared.front.lock();
            if front.poisoned {
                return;
            }
            front.unsealed
        };
        if unsealed {
            if let Err(WriteError::Refused(error) | WriteError::Unsure(error)) = self.sync() {
                self.poison(Batch::new(self.segment.last(), false), &error);
            }
            return;
        }
        let ended = self
            .sync()
            .and_then(|()| self.segment.seal(SealKind::Stopped));
        if let Err(WriteError::Refused(error) | WriteError::Unsure(error)) = ended {
            self.poison(Batch::new(self.segment.last(), false), &error);
        }
    }

    fn wants_sync(&self, batch: &Batch) -> bool {
        let mode = self.shared.settings.mode;
        batch.has(|class| class.waits_for_sync(mode))
    }

    /// Writes a batch, syncs if it is to be, reports. What cannot be written is refused; an error
    /// means that it is not known what the disk holds.
    fn store(&mut self, mut batch: Batch, mut sync: bool) -> Result<(), (Batch, StorageError)> {
        faults::pass("log", "taken");
        // As it came; then restrictions alone, wherever there is room; then nothing.
        for attempt in 0..3 {
            let written = match attempt {
                _ if batch.bytes().is_empty() => break,
                0 => self.write(&batch),
                _ => self.write_anywhere(&batch),
            };
            match written {
                Ok(()) => break,
                Err(WriteError::Unsure(error)) => return Err((batch, error)),
                Err(WriteError::Refused(_)) => {
                    batch = self.give_up(batch, attempt == 0);
                    sync = self.wants_sync(&batch) || (sync && self.unsynced.is_some());
                    self.shared.front.lock().filling.after_sync = after(&batch, sync);
                }
            }
        }
        let shared = self.shared.clone();
        let counters = &shared.counters;
        count(&counters.records, batch.records() as u64);
        count(&counters.bytes, batch.bytes().len() as u64);
        let mode = shared.settings.mode;
        let written = batch.report(|class| class.waits_for_sync(mode));
        count(&counters.acknowledged, written);
        if sync && let Err(WriteError::Refused(error) | WriteError::Unsure(error)) = self.sync() {
            return Err((batch, error));
        }
        faults::pass("log", "synced");
        count(&counters.acknowledged, batch.report(|_| false));
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        let settings = self.shared.settings;
        // One without a record is fresh already.
        let has_records = self.segment.bytes() > SEGMENT_HEAD_BYTES as u64;
        let fresh = self.shared.fresh.load(Ordering::Acquire);
        if (fresh && has_records) || self.segment.bytes() >= settings.segment_bytes {
            self.rotate(Source::New(settings.room_bytes))?;
        }
        if fresh {
            self.shared.fresh.store(false, Ordering::Release);
        }
        self.segment
            .make_room(batch.bytes().len() as u64, settings.room_bytes)?;
        self.append(batch)
    }

    /// Writes to a full disk: into room that was taken before, else into the reserve.
    fn write_anywhere(&mut self, batch: &Batch) -> Result<(), WriteError> {
        let bytes = batch.bytes().len() as u64;
        if self.segment.has_room(bytes) {
            match self.append(batch) {
                Err(WriteError::Refused(_)) => {}
                done => return done,
            }
        }
        if !self.reserve {
            return Err(no_room());
        }
        self.rotate(Source::Reserve)?;
        self.reserve = false;
        if !self.segment.has_room(bytes) {
            return Err(no_room());
        }
        self.append(batch)
    }

    fn append(&mut self, batch: &Batch) -> Result<(), WriteError> {
        self.segment.append(batch.bytes(), batch.last())?;
        faults::pass("log", "written");
        self.unsynced = self.unsynced.or_else(|| Some(self.clock.now()));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), WriteError> {
        if self.unsynced.is_some() {
            self.segment.sync(SyncSite::Records)?;
            self.unsynced = None;
            count(&self.shared.counters.syncs, 1);
        }
        Ok(())
    }

    /// Goes on in another segment.
    pub(super) fn rotate(&mut self, source: Source) -> Result<(), WriteError> {
        self.sync()?;
        let head = SegmentHead {
            origin: self.origin,
            before: self.segment.last(),
        };
        let next = Segment::begin(&*self.storage, source, head)?;
        self.segment.seal(SealKind::Continued)?;
        self.segment = next;
        count(&self.shared.counters.segments, 1);
        Ok(())
    }

    /// Refuses what could not be written and all that was appended since, restrictions aside if
    /// they are to be tried again. Grants are refused from now on.
    fn give_up(&mut self, batch: Batch, restrictions_stay: bool) -> Batch {
        self.short_since = self.short_since.or_else(|| Some(self.clock.now()));
        let before = self.segment.last();
        let (batch, refused) = {
            let mut front = self.shared.front.lock();
            front.short_of_room = true;
            let later = std::mem::replace(&mut front.filling, Batch::new(before, false));
            let kept = |class: Class| restrictions_stay && class.room;
            let (batch, refused) = batch.without(later, before, kept);
            front.filling = Batch::new(batch.last(), false);
            (batch, refused)
        };
        count(&self.shared.counters.refused, refused.len() as u64);
        for entry in refused {
            entry.refused();
        }
        batch
    }

    /// Takes grants again once there is room for them and a reserve.
    fn look_for_room(&mut self) {
        self.short_since = Some(self.clock.now());
        let settings = self.shared.settings;
        self.reserve = self.reserve || make_reserve(&*self.storage, settings.reserve_bytes).is_ok();
        let room = self
            .segment
            .make_room(settings.room_bytes, settings.room_bytes);
        match room {
            Ok(()) if self.reserve => {
                self.short_since = None;
                self.shared.front.lock().short_of_room = false;
            }
            Ok(()) | Err(WriteError::Refused(_)) => {}
            Err(WriteError::Unsure(error)) => {
                self.poison(Batch::new(self.segment.last(), false), &error);
            }
        }
    }

    /// The end: everything that waits is refused, and so is whatever comes.
    fn poison(&mut self, batch: Batch, error: &StorageError) {
        let later = {
            let mut front = self.shared.front.lock();
            front.poisoned = true;
            front.writing = false;
            let empty = Batch::new(front.filling.last(), false);
            std::mem::replace(&mut front.filling, empty)
        };
        (self.unsynced, self.short_since) = (None, None);
        for entry in batch.into_entries().chain(later.into_entries()) {
            count(&self.shared.counters.refused, 1);
            entry.refused();
        }
        if let Some(tell) = self.on_failure.take() {
            tell(error.to_string());
        }
    }
}

/// Whether the next batch is written after a sync of everything before it.
fn after(batch: &Batch, sync: bool) -> bool {
    sync || (batch.bytes().is_empty() && batch.after_sync)
}

fn no_room() -> WriteError {
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    WriteError::Refused(StorageError::io("writing", "the log", full))
}

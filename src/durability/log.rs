//! The log of a data directory: many threads append, one thread writes, one sync covers all that
//! was appended while the last one ran.
//!
//! What an acknowledgement means depends on the mode ([`Mode`]). Who writes alone waits for nobody: the
//! writer takes what is there. Who writes among many gives the others 50 µs to join the same sync. The
//! writer is woken only when it sleeps.
//!
//! Invariants: sequences are given without gaps, in the order of `append`; entries are reported in
//! that order, each once, `durable` or `refused`; nothing is reported durable before the call that
//! makes it so returned; after a failed sync nothing is (`poisoned`), and the process must end.

mod batch;
mod open;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use self::batch::Batch;
pub use self::open::{begin, trim};
pub use self::writer::LogWriter;
use super::format::{Origin, RECORD_PAYLOAD_BYTES_MAX};
use super::reading::{LogEnd, LogError};
use super::storage::SharedStorage;
use crate::clock::SharedClock;
use crate::journal::{Entry, JournalRefused};

/// The name of the writer's thread, by which a panic in it is known.
pub const THREAD: &str = "sessile-log";

/// What an acknowledged record survives. Source: R2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything but counts of failures is synced before it is reported: survives the loss of power.
    Sync,
    /// Restrictions are synced before they are reported, grants are written: those survive the end of
    /// the process, and the loss of power once they are a second old.
    Balanced,
    /// Only what must be kept always is logged, and synced; the rest survives a clean stop.
    Snapshot,
}

/// What a record is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// It takes something away: never lost once reported.
    pub restriction: bool,
    /// It is taken as long as there is any room, and may have what is kept for it.
    pub room: bool,
    /// Logged and synced in every mode: accounts, keys, spent steps.
    pub always: bool,
    /// It need not be synced in any mode: it is reported once it is written, and synced soon after.
    pub written: bool,
}

impl Class {
    /// Gives something.
    pub const GRANT: Self = Self {
        restriction: false,
        room: false,
        always: false,
        written: false,
    };
    /// Takes something away.
    pub const RESTRICTION: Self = Self {
        restriction: true,
        room: true,
        always: false,
        written: false,
    };
    /// Lasts in every mode, and nothing before it is lost once it was reported.
    pub const LASTING: Self = Self {
        restriction: true,
        room: true,
        always: true,
        written: false,
    };
    /// Gives something that every mode keeps.
    pub const KEPT: Self = Self {
        restriction: false,
        room: false,
        always: true,
        written: false,
    };
    /// Counts failures: survives the end of the process in every mode, and makes nobody wait for the disk.
    pub const COUNT: Self = Self {
        restriction: false,
        room: false,
        always: true,
        written: true,
    };

    /// Whether it is reported only once it is synced.
    pub(super) fn waits_for_sync(self, mode: Mode) -> bool {
        let waits = match mode {
            Mode::Sync => true,
            Mode::Balanced => self.restriction || self.always,
            Mode::Snapshot => self.always,
        };
        waits && !self.written
    }
}

/// Sizes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// What is synced, and when.
    pub mode: Mode,
    /// A segment that has as many gets no more records.
    pub segment_bytes: u64,
    /// The steps in which a segment takes room ahead of need.
    pub room_bytes: u64,
    /// Room kept for restrictions on a full disk.
    pub reserve_bytes: u64,
    /// What may wait to be written; restrictions may wait up to twice as much.
    pub buffer_bytes: usize,
}

impl LogSettings {
    /// The usual sizes: segments of 64 MiB, 1 MiB ahead and in reserve, 16 MiB waiting.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            segment_bytes: 64 << 20,
            room_bytes: 1 << 20,
            reserve_bytes: 1 << 20,
            buffer_bytes: 16 << 20,
        }
    }
}

/// What the log has done since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Records written.
    pub records: u64,
    /// Bytes of records written.
    pub bytes: u64,
    /// Syncs of records that returned well.
    pub syncs: u64,
    /// Entries reported durable, by the mode's meaning of it.
    pub acknowledged: u64,
    /// Entries refused after they had been taken.
    pub refused: u64,
    /// Segments begun.
    pub segments: u64,
    /// Grants are refused until there is room on the disk.
    pub short_of_room: bool,
    /// A sync failed: nothing is taken any more.
    pub poisoned: bool,
}

#[derive(Default)]
struct Counters {
    records: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
    acknowledged: AtomicU64,
    refused: AtomicU64,
    segments: AtomicU64,
}

fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

struct Front {
    filling: Batch,
    /// A batch is being written or reported.
    writing: bool,
    /// The writer sleeps.
    idle: bool,
    short_of_room: bool,
    poisoned: bool,
    stopping: bool,
    /// When it stops, it is not marked as stopped in good order.
    unsealed: bool,
}

struct Shared {
    settings: LogSettings,
    front: Mutex<Front>,
    work: Condvar,
    counters: Counters,
    /// The next record begins another segment.
    fresh: AtomicBool,
}

/// What is called once if a sync fails, on the writer's thread, after all that waited was refused.
pub type OnFailure = Box<dyn FnOnce(String) + Send>;

/// The side of the log that many threads share. Dropping it ends it as a crash would, but for what waits.
pub struct Log {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Goes on with a log that was read to `end`, with a thread of its own.
    pub fn start(
        storage: SharedStorage,
        origin: Origin,
        settings: LogSettings,
        clock: SharedClock,
        end: &LogEnd,
        on_failure: OnFailure,
    ) -> Result<Self, LogError> {
        let (log, writer) = Self::open(storage, origin, settings, clock, end, on_failure)?;
        let thread = std::thread::Builder::new()
            .name(THREAD.into())
            .spawn(move || writer.run())
            .map_err(LogError::Thread)?;
        *log.thread.lock() = Some(thread);
        Ok(log)
    }

    /// The same with the writer handed out, for whoever drives it himself.
    pub fn open(
        storage: SharedStorage,
        origin: Origin,
        settings: LogSettings,
        clock: SharedClock,
        end: &LogEnd,
        on_failure: OnFailure,
    ) -> Result<(Self, LogWriter), LogError> {
        let shared = Arc::new(Shared {
            settings,
            front: Mutex::new(Front {
                // Opening syncs what was found, so the first record comes after a sync.
                filling: Batch::new(end.last, true),
                writing: false,
                idle: false,
                short_of_room: false,
                poisoned: false,
                stopping: false,
                unsealed: false,
            }),
            work: Condvar::new(),
            counters: Counters::default(),
            fresh: AtomicBool::new(false),
        });
        let writer = LogWriter::open(shared.clone(), storage, origin, clock, end, on_failure)?;
        let thread = Mutex::new(None);
        Ok((Self { shared, thread }, writer))
    }

    /// Takes a record of this kind (not 0). The entry hears of it later, or before this returns.
    ///
    /// Refused: after a failed sync, while stopping, at the bound of the buffer, on a full disk
    /// (unless it is a restriction), and with a payload longer than a record may have.
    pub fn append(
        &self,
        kind: u8,
        class: Class,
        payload: &[u8],
        entry: Arc<dyn Entry>,
    ) -> Result<(), JournalRefused> {
        let settings = &self.shared.settings;
        let logged = settings.mode != Mode::Snapshot || class.always;
        let mut front = self.shared.front.lock();
        let bound = settings.buffer_bytes * if class.room { 2 } else { 1 };
        let full = front.filling.cost() + payload.len() > bound;
        let short = front.short_of_room && logged && !class.room;
        if front.poisoned
            || front.stopping
            || full
            || short
            || kind == 0
            || payload.len() > RECORD_PAYLOAD_BYTES_MAX
        {
            return Err(JournalRefused);
        }
        if logged {
            front.filling.push(kind, class, payload, entry);
        } else if front.filling.is_empty() && !front.writing {
            // Reported under the lock: that is what makes the order one order.
            entry.durable(front.filling.last().sequence);
            count(&self.shared.counters.acknowledged, 1);
            return Ok(());
        } else {
            front.filling.push_unlogged(class, entry);
        }
        if front.idle {
            front.idle = false;
            self.shared.work.notify_one();
        }
        Ok(())
    }

    /// Has the next record that is written begin another segment, so that those before it can be trimmed
    /// without it. On a full disk it does not.
    pub fn begin_segment(&self) {
        self.shared.fresh.store(true, Ordering::Release);
    }

    /// The sequence that was given last. Not all up to it need be durable.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.shared.front.lock().filling.last().sequence
    }

    /// What was done since start.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        let (short_of_room, poisoned) = {
            let front = self.shared.front.lock();
            (front.short_of_room, front.poisoned)
        };
        let counters = &self.shared.counters;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LogCounts {
            records: of(&counters.records),
            bytes: of(&counters.bytes),
            syncs: of(&counters.syncs),
            acknowledged: of(&counters.acknowledged),
            refused: of(&counters.refused),
            segments: of(&counters.segments),
            short_of_room,
            poisoned,
        }
    }

    /// Writes and syncs what waits, and seals the log as stopped in good order. Nothing is taken
    /// any more. Returns once the writer has ended, if it has a thread of its own.
    pub fn close(&self) {
        self.shared.front.lock().stopping = true;
        self.shared.work.notify_one();
        if let Some(thread) = self.thread.lock().take() {
            // A writer that panicked has ended the process, or refused what waited.
            let _ = thread.join();
        }
    }

    /// Writes and syncs what waits, and does not seal: the next start takes this for a crash.
    pub fn abandon(&self) {
        self.shared.front.lock().unsealed = true;
        self.close();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Only who closes it says that it stopped in good order.
        self.abandon();
    }
}

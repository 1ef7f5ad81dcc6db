//! The buffer in which entries wait, and the thread that writes them.
//!
//! Whoever tells something does not wait for the disk, unless the stream is required: then an answer waits until
//! its line is synced. Invariants: the buffer has a bound, and what finds it full is counted and told by a line as
//! soon as one can be written; what the node tells of its own accord leaves half of the buffer to others; lines
//! that the disk refused are tried again until it takes them; after a sync that failed, nothing more is written by
//! this process, since what the disk holds is not known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::entry::Entry;
use super::files::{AppendError, Files, Found};
use crate::clock::SharedClock;
use crate::durability::storage::{SharedStorage, StorageError};

/// The name of the thread.
pub const THREAD: &str = "sessile-audit";

/// Entries that may wait to be written.
pub const WAITING_MAX: usize = 16_384;
/// Entries that are written at once.
const BATCH_MAX: usize = 1_024;
/// How long what waits for nothing may gather: a burst is one write, and no teller wakes the thread.
const GATHER: Duration = Duration::from_millis(10);
/// How long lines may be without being synced.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How soon a disk that refused is asked again.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// How often it is looked whether the time of files is over.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// How long a stop waits for a disk that does not answer.
const STOP_WAITS: Duration = Duration::from_secs(5);
/// How long an answer waits for its line where the stream is required.
pub const LINE_WAITS: Duration = Duration::from_secs(2);

/// Called once the line is durable (true), or when it is not going to be in time (false).
pub type OnKept = Box<dyn FnOnce(bool) + Send>;

/// How a stream is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Nothing is granted and answered that the stream does not hold.
    pub required: bool,
    /// Days after which files are removed.
    pub keep_days: u32,
}

/// The stream of a node, or none.
#[derive(Clone, Default)]
pub struct Audit(Option<Arc<Inner>>);

struct Inner {
    clock: SharedClock,
    required: bool,
    queue: Mutex<Queue>,
    /// Told when the thread has something to do at once.
    wake: Condvar,
    written: AtomicU64,
    dropped: AtomicU64,
    /// The disk refuses, does not answer, or failed.
    blocked: AtomicBool,
    ended: Mutex<Option<Receiver<()>>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Entries that found the buffer full since the last line that told so.
    dropped: u64,
    /// The thread waits to be told.
    idle: bool,
    stopping: bool,
    /// Nothing is written any more.
    failed: bool,
}

struct Waiting {
    at_ms: u64,
    entry: Entry,
    on_kept: Option<OnKept>,
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFigures {
    /// Lines that were written.
    pub written: u64,
    /// Entries that were dropped.
    pub dropped: u64,
    /// Whether the disk takes no lines at the moment.
    pub blocked: bool,
}

impl Audit {
    /// Goes on with the stream below a data directory.
    ///
    /// Errors: the directory cannot be read or written, or no thread was to be had.
    pub fn start(
        storage: SharedStorage,
        settings: Settings,
        clock: SharedClock,
    ) -> Result<(Self, Found), StorageError> {
        let (files, found) = Files::open(storage, settings.keep_days)?;
        let (tell, ended) = sync_channel(1);
        let inner = Arc::new(Inner {
            clock,
            required: settings.required,
            queue: Mutex::default(),
            wake: Condvar::new(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            ended: Mutex::new(Some(ended)),
        });
        let writer = Writer {
            inner: inner.clone(),
            files,
            batch: Vec::new(),
            unsynced: false,
        };
        std::thread::Builder::new()
            .name(THREAD.into())
            .spawn(move || writer.run(&tell))
            .map_err(|error| StorageError::io("starting the thread for", "audit", error))?;
        let audit = Self(Some(inner));
        audit.tell_of(&found);
        Ok((audit, found))
    }

    /// The first lines tell what was wrong with those before.
    fn tell_of(&self, found: &Found) {
        if let Some((file, torn)) = &found.torn {
            let cut = Entry::of_node("audit.cut").with("file", file.as_str());
            self.tell(cut.with("bytes", torn.bytes).with("lines", torn.lines));
        }
        if let Some((file, flaw)) = &found.damage {
            let damage = Entry::of_node("audit.damaged").with("file", file.as_str());
            self.tell(damage.with("line", flaw.line));
        }
    }

    /// Whether there is a stream at all.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Whether answers wait for their lines.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.required)
    }

    /// Whether something may be granted: not where a required stream takes no lines.
    #[must_use]
    pub fn may_grant(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|inner| !inner.required || !inner.blocked.load(Ordering::Acquire))
    }

    /// Tells something that nobody waits for.
    pub fn tell(&self, entry: Entry) {
        if let Some(inner) = &self.0 {
            inner.push(entry, None, WAITING_MAX);
        }
    }

    /// Tells something that the node did by its own rules: there may be much of it at once.
    pub fn tell_upkeep(&self, entry: Entry) {
        if let Some(inner) = &self.0 {
            inner.push(entry, None, WAITING_MAX / 2);
        }
    }

    /// Tells something whose answer may go once `on_kept` was called: at once, unless the stream is required.
    pub fn tell_and(&self, entry: Entry, on_kept: OnKept) {
        match &self.0 {
            Some(inner) if inner.required => inner.push(entry, Some(on_kept), WAITING_MAX),
            kept => {
                if let Some(inner) = kept {
                    inner.push(entry, None, WAITING_MAX);
                }
                on_kept(true);
            }
        }
    }

    /// Somebody waited for his line for too long: the disk does not answer.
    pub fn did_not_answer(&self) {
        if let Some(inner) = &self.0 {
            inner.blocked.store(true, Ordering::Release);
        }
    }

    /// What was counted.
    #[must_use]
    pub fn figures(&self) -> AuditFigures {
        let Some(inner) = &self.0 else {
            return AuditFigures::default();
        };
        AuditFigures {
            written: inner.written.load(Ordering::Relaxed),
            dropped: inner.dropped.load(Ordering::Relaxed),
            blocked: inner.blocked.load(Ordering::Relaxed),
        }
    }

    /// Writes what waits and ends the thread; a disk that does not answer is not waited for. Blocks.
    pub fn finish(&self) {
        let Some(inner) = &self.0 else { return };
        inner.queue.lock().stopping = true;
        inner.wake.notify_one();
        if let Some(ended) = inner.ended.lock().take() {
            let _ = ended.recv_timeout(STOP_WAITS);
        }
    }
}

impl Inner {
    fn push(&self, entry: Entry, on_kept: Option<OnKept>, waiting_max: usize) {
        let at_ms = self.clock.wall_ms();
        let mut queue = self.queue.lock();
        if queue.failed || queue.waiting.len() >= waiting_max {
            queue.dropped += 1;
            drop(queue);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            if let Some(on_kept) = on_kept {
                on_kept(false);
            }
            return;
        }
        let wake = queue.idle || on_kept.is_some();
        queue.idle = false;
        queue.waiting.push_back(Waiting {
            at_ms,
            entry,
            on_kept,
        });
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
    }
}

/// What the thread does next.
enum Turn {
    /// Write what it took.
    Write,
    /// Nothing came for a while.
    Lull,
    /// Nothing is left, and nothing will come.
    End,
}

struct Writer {
    inner: Arc<Inner>,
    files: Files,
    /// What was taken and is not written yet.
    batch: Vec<Waiting>,
    unsynced: bool,
}

impl Writer {
    fn run(mut self, ended: &SyncSender<()>) {
        let mut synced = self.inner.clock.now();
        loop {
            let turn = self.next();
            let wall_ms = self.inner.clock.wall_ms();
            let done = match turn {
                Turn::End => {
                    let _ = self.files.sync();
                    let _ = ended.send(());
                    return;
                }
                Turn::Lull => Ok(()),
                Turn::Write => self.write(wall_ms),
            };
            let waited_for = self.batch.iter().any(|waiting| waiting.on_kept.is_some());
            let since = self.inner.clock.now().since_ms(synced);
            let late = u128::from(since) >= SYNC_EVERY.as_millis();
            let lull = matches!(turn, Turn::Lull);
            let done = match done {
                Ok(()) if self.unsynced && (waited_for || late || lull) => {
                    synced = self.inner.clock.now();
                    self.unsynced = false;
                    self.files.sync().map_err(AppendError::Unsure)
                }
                other => other,
            };
            let done = match done {
                Ok(()) => {
                    self.kept();
                    if self.files.is_due(wall_ms) {
                        self.files.remove_old(wall_ms)
                    } else {
                        Ok(())
                    }
                }
                refused => refused,
            };
            match done {
                Ok(()) => {}
                Err(AppendError::Refused(error)) => self.refused(&error),
                Err(AppendError::Unsure(error)) => return self.fail(&error, ended),
            }
        }
    }

    /// Takes what waits; waits for it if there is nothing.
    fn next(&mut self) -> Turn {
        let inner = &self.inner;
        let mut queue = inner.queue.lock();
        if !self.batch.is_empty() {
            // The disk refused these.
            if !queue.stopping {
                inner.wake.wait_for(&mut queue, RETRY_EVERY);
            }
            return Turn::Write;
        }
        while queue.waiting.is_empty() {
            if queue.stopping {
                return Turn::End;
            }
            queue.idle = true;
            let patience = if self.unsynced {
                SYNC_EVERY
            } else {
                LOOK_EVERY
            };
            if inner.wake.wait_for(&mut queue, patience).timed_out() && queue.waiting.is_empty() {
                queue.idle = false;
                return Turn::Lull;
            }
        }
        queue.idle = false;
        let waits = |queue: &Queue| {
            queue
                .waiting
                .iter()
                .any(|waiting| waiting.on_kept.is_some())
        };
        if !queue.stopping && queue.waiting.len() < BATCH_MAX && !waits(&queue) {
            inner.wake.wait_for(&mut queue, GATHER);
        }
        let count = queue.waiting.len().min(BATCH_MAX);
        self.batch.extend(queue.waiting.drain(..count));
        Turn::Write
    }

    /// Writes what it took, and before it how many were dropped.
    fn write(&mut self, wall_ms: u64) -> Result<(), AppendError> {
        let dropped = self.inner.queue.lock().dropped;
        let told = (dropped > 0).then(|| {
            let mut told = Entry::of_node("audit.dropped").with("entries", dropped);
            told.outcome = super::entry::Outcome::Failed;
            told
        });
        let told = told.iter().map(|told| (wall_ms, told));
        let lines = self
            .batch
            .iter()
            .map(|waiting| (waiting.at_ms, &waiting.entry));
        self.files.append(wall_ms, told.chain(lines))?;
        self.unsynced = true;
        self.inner.queue.lock().dropped -= dropped;
        let written = self.batch.len() as u64;
        self.inner.written.fetch_add(written, Ordering::Relaxed);
        Ok(())
    }

    /// The disk took everything.
    fn kept(&mut self) {
        if self.inner.blocked.swap(false, Ordering::AcqRel) {
            tracing::info!("the audit stream takes lines again");
        }
        for waiting in self.batch.drain(..) {
            if let Some(on_kept) = waiting.on_kept {
                on_kept(true);
            }
        }
    }

    /// The disk refused: nobody is kept waiting, and the lines are tried again.
    fn refused(&mut self, error: &StorageError) {
        if !self.inner.blocked.swap(true, Ordering::AcqRel) {
            tracing::error!(
                "the audit stream takes no lines: {error}: make room, or see to the disk"
            );
        }
        for waiting in &mut self.batch {
            if let Some(on_kept) = waiting.on_kept.take() {
                on_kept(false);
            }
        }
        let mut queue = self.inner.queue.lock();
        let mut unanswered = Vec::new();
        for waiting in &mut queue.waiting {
            unanswered.extend(waiting.on_kept.take());
        }
        if queue.stopping {
            // What cannot be written now never will be.
            let lost = self.batch.len() + queue.waiting.len();
            queue.waiting.clear();
            self.batch.clear();
            self.inner.dropped.fetch_add(lost as u64, Ordering::Relaxed);
        }
        drop(queue);
        for on_kept in unanswered {
            on_kept(false);
        }
    }

    /// What the disk holds is not known: nothing more is written.
    fn fail(mut self, error: &StorageError, ended: &SyncSender<()>) {
        tracing::error!(
            "the audit stream failed, and is not written any more: {error}: check the disk and start again"
        );
        self.inner.blocked.store(true, Ordering::Release);
        let left = {
            let mut queue = self.inner.queue.lock();
            queue.failed = true;
            std::mem::take(&mut queue.waiting)
        };
        let lost = self.batch.len() + left.len();
        self.inner.dropped.fetch_add(lost as u64, Ordering::Relaxed);
        for waiting in self.batch.drain(..).chain(left) {
            if let Some(on_kept) = waiting.on_kept {
                on_kept(false);
            }
        }
        let _ = ended.send(());
    }
}

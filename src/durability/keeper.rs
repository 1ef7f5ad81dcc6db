//! The thread that writes generations: every so often, when the log has grown, and when asked.
//!
//! Invariants: one generation at a time; whoever asks is answered by one that was begun afterwards; what
//! fails is told and tried again at the next occasion, the old generations stay.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::nice;
use rustix::thread::set_current_timer_slack;

use super::snapshot::SnapshotError;
use super::store::{Store, Written};
use crate::clock::SharedClock;
use crate::faults;
use crate::journal::images::ImageSource;

/// How often it looks whether a generation is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The same while images are wanted soon.
const LOOK_SOON: Duration = Duration::from_millis(50);
/// How long nothing is tried by itself after a generation failed.
const PAUSE_MS: u64 = 10_000;
/// How many may wait for one generation.
const ASKED_MAX: usize = 64;
/// How far the thread stands back behind those that answer requests: images are in no hurry.
const NICENESS: i32 = 10;
/// How late the end of a rest may come; the usual 50 µs are longer than the rest.
const TIMER_SLACK_NS: NonZeroU64 = NonZeroU64::MIN;

/// What came of a generation.
pub type Outcome = Result<Written, Arc<SnapshotError>>;
/// Called with what came of it.
pub type OnWritten = Box<dyn FnOnce(Outcome) + Send>;

enum Ask {
    Write(OnWritten),
    /// The same, and the end of the thread: nothing happens any more.
    WriteLast(OnWritten),
}

/// The thread's name, by which a panic in it is known.
pub const THREAD: &str = "sessile-images";

/// The thread, from outside.
pub struct Keeper {
    asks: SyncSender<Ask>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Work {
    store: Arc<Store>,
    source: Arc<dyn ImageSource>,
    clock: SharedClock,
    every_ms: u64,
    tell: Box<dyn Fn(&Outcome) + Send>,
}

impl Keeper {
    /// Starts the thread. `tell` hears of every generation, for the log of the process.
    pub fn start(
        store: Arc<Store>,
        source: Arc<dyn ImageSource>,
        clock: SharedClock,
        every_ms: u64,
        tell: Box<dyn Fn(&Outcome) + Send>,
    ) -> std::io::Result<Self> {
        let (asks, asked) = sync_channel(ASKED_MAX);
        let work = Work {
            store,
            source,
            clock,
            every_ms,
            tell,
        };
        let thread = std::thread::Builder::new()
            .name(THREAD.into())
            .spawn(move || work.run(&asked))?;
        Ok(Self {
            asks,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Asks for a generation that is begun from now on. False: too many ask already, or it has stopped.
    pub fn ask(&self, on_written: OnWritten) -> bool {
        match self.asks.try_send(Ask::Write(on_written)) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Has a last generation written, behind which nothing happens, and ends the thread.
    pub fn finish(&self, on_written: OnWritten) {
        // Without a thread nobody is called, and the caller sees that.
        let _ = self.asks.send(Ask::WriteLast(on_written));
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(self, asked: &Receiver<Ask>) {
        // Of this thread alone. A system that does not know that leaves it as it is.
        let _ = nice(NICENESS);
        let _ = set_current_timer_slack(Some(TIMER_SLACK_NS));
        let mut before = self.clock.now();
        let mut failed = false;
        loop {
            let mut waiting = Vec::new();
            let mut last = false;
            let mut take = |ask| match ask {
                Ask::Write(on_written) => waiting.push(on_written),
                Ask::WriteLast(on_written) => {
                    waiting.push(on_written);
                    last = true;
                }
            };
            let owed = self.source.is_owed();
            let pause = if owed && !failed {
                LOOK_SOON
            } else {
                LOOK_EVERY
            };
            match asked.recv_timeout(pause) {
                Ok(ask) => {
                    take(ask);
                    asked.try_iter().for_each(&mut take);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            let since = self.clock.now().since_ms(before);
            let due = since >= self.every_ms && self.store.has_news()
                || self.store.is_due()
                || self.store.wants_generations();
            // A disk that is full is not asked again at once, but as soon as the log found room on it: until
            // images hold what has no record, nothing is given.
            let pausing = |ms| failed && since < ms;
            let owed = owed && !self.store.is_short_of_room() && !pausing(PAUSE_MS / 5);
            let due = owed || due && !pausing(PAUSE_MS);
            if !waiting.is_empty() || due {
                // Whatever comes of it, the next one on time is not sooner.
                before = self.clock.now();
                faults::pass("images", "due");
                let outcome = self.store.write(&*self.source, last).map_err(Arc::new);
                failed = outcome.is_err();
                (self.tell)(&outcome);
                for on_written in waiting {
                    on_written(outcome.clone());
                }
            }
            if last {
                return;
            }
        }
    }
}

//! A thread that compares passwords while nobody else wants the processor.
//!
//! A comparison computes for some 20 ms. However far a thread stands back, the scheduler lets it go on for milliseconds
//! while others wait behind it, and does not send those who wake to its processor, but in line behind one another on the
//! next. Threads of the idle policy alone give way at once, and their processor counts as free.
//!
//! What that policy costs a thread stands in [`crate::priority`]: it may get next to nothing of a processor, for seconds. So
//! whoever has a comparison made waits for [`PATIENCE`] and then makes it himself.
//!
//! Invariants: an outcome is that of the comparison it was asked for, also one that comes too late: each has a channel of
//! its own; the thread takes no lock and no memory that those who answer requests could wait for: tasks come by a channel
//! and outcomes go by one, whose other end is its attendant's; it works in memory that it keeps; at most one comparison
//! waits for it, and it skips what was given up.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::argon::{Comparison, Memory};
use crate::priority::stand_back;

/// How long a comparison may take: ten times what it takes on a processor that nobody else wants.
#[cfg(not(feature = "testing"))]
const PATIENCE: Duration = Duration::from_millis(250);
#[cfg(feature = "testing")]
const PATIENCE: Duration = Duration::from_millis(5);

struct Task {
    /// Whoever waits for it holds it: what is gone was given up.
    comparison: Weak<Comparison>,
    outcome: SyncSender<bool>,
}

/// The thread, from its attendant's side.
pub(super) struct Idle(SyncSender<Task>);

impl Idle {
    /// Starts the thread. Where the system has no such policy, or refuses it, it says so and ends.
    ///
    /// Errors: no thread was to be had.
    pub(super) fn start(name: String) -> std::io::Result<Self> {
        let (tasks, waiting) = sync_channel(1);
        std::thread::Builder::new().name(name).spawn(move || {
            if stand_back() {
                work(&waiting);
            } else {
                tracing::info!(
                    "the system refuses the idle policy: verification gives way to passwords for some milliseconds"
                );
            }
        })?;
        Ok(Self(tasks))
    }

    /// Whether the password fits; `None` if the thread did not get to it in time, or there is none.
    pub(super) fn fits(&self, comparison: &Arc<Comparison>) -> Option<bool> {
        let (outcome, came) = sync_channel(1);
        let comparison = Arc::downgrade(comparison);
        let task = Task {
            comparison,
            outcome,
        };
        self.0.try_send(task).ok()?;
        came.recv_timeout(PATIENCE).ok()
    }
}

/// Makes comparisons until the attendant is gone.
fn work(waiting: &Receiver<Task>) {
    let mut memory = Memory::default();
    while let Ok(task) = waiting.recv() {
        if let Some(comparison) = task.comparison.upgrade() {
            let fits = comparison.fits(&mut memory);
            drop(comparison);
            // Nobody may wait any more.
            let _ = task.outcome.send(fits);
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;
    use crate::credentials::argon;

    fn comparison(password: &str) -> Arc<Comparison> {
        Arc::new(Comparison {
            password: Zeroizing::new(password.to_owned()),
            hash: argon::hash("correct horse 1", &[7; 16]),
        })
    }

    /// What a thread makes of this, however long it takes to get a processor. While one that was given up waits for it,
    /// no other is taken.
    fn outcome(idle: &Idle, comparison: &Arc<Comparison>) -> bool {
        let made = (0..1_000).find_map(|_| {
            let fits = idle.fits(comparison);
            if fits.is_none() {
                std::thread::park_timeout(PATIENCE);
            }
            fits
        });
        made.unwrap()
    }

    #[test]
    fn it_compares_as_any_other_thread_would() {
        let idle = Idle::start("idle".to_owned()).unwrap();
        assert!(outcome(&idle, &comparison("correct horse 1")));
        assert!(!outcome(&idle, &comparison("correct horse 2")));
    }

    #[test]
    fn who_gets_no_processor_is_not_waited_for_and_what_comes_late_is_nobodys() {
        let (tasks, waiting) = sync_channel(1);
        let idle = Idle(tasks);
        let (right, wrong) = (comparison("correct horse 1"), comparison("correct horse 2"));
        assert_eq!(idle.fits(&right), None);
        // One waits already: at once.
        assert_eq!(idle.fits(&wrong), None);
        let late = waiting.try_recv().unwrap();
        // It is made now, and nobody hears of it.
        assert!(
            late.comparison
                .upgrade()
                .unwrap()
                .fits(&mut Memory::default())
        );
        assert!(late.outcome.send(true).is_err());
        assert_eq!(idle.fits(&wrong), None);
        assert!(waiting.try_recv().unwrap().outcome.send(true).is_err());
    }

    #[test]
    fn what_was_given_up_is_skipped_and_wiped() {
        let (tasks, waiting) = sync_channel(1);
        let idle = Idle(tasks);
        let given_up = comparison("correct horse 1");
        assert_eq!(idle.fits(&given_up), None);
        let weak = Arc::downgrade(&given_up);
        drop(given_up);
        assert!(weak.upgrade().is_none());
        drop(idle);
        work(&waiting);
        assert!(waiting.try_recv().is_err());
    }

    #[test]
    fn without_the_thread_there_is_no_outcome() {
        let (tasks, waiting) = sync_channel(1);
        drop(waiting);
        assert_eq!(Idle(tasks).fits(&comparison("correct horse 1")), None);
    }
}

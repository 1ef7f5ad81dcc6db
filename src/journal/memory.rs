//! A journal that keeps nothing, or everything, in memory, at a pace that can be set.
//!
//! `serve` runs on the prompt one: a record is durable as soon as it has its place in the order.
//! Tests slow it down, hold it back, read what was appended, or make it refuse.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::{Entry, Journal, JournalRefused};
use crate::engine::event::Part;

/// When an appended record counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once, within `append`.
    Prompt,
    /// This long after it was appended.
    Delayed(Duration),
    /// When [`MemoryJournal::release`] lets it go.
    Held,
}

/// Whether appended records are kept for [`MemoryJournal::records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing is kept: memory does not grow.
    Nothing,
    /// Everything is kept.
    Everything,
}

struct State {
    pace: Pace,
    refusing: bool,
    waiting: VecDeque<(Instant, Arc<dyn Entry>)>,
    /// Sequence of the last record that became durable.
    durable: u64,
    records: Vec<Vec<Part>>,
}

impl State {
    fn pass_on(&mut self, entry: Arc<dyn Entry>) {
        self.durable += 1;
        entry.durable(self.durable);
    }
}

/// The journal in memory.
pub struct MemoryJournal {
    keep: Keep,
    state: Mutex<State>,
    changed: Condvar,
}

impl MemoryJournal {
    /// A journal of this pace; a delayed one runs a thread of its own until it is dropped.
    #[must_use]
    pub fn new(pace: Pace, keep: Keep) -> Arc<Self> {
        let state = State {
            pace,
            refusing: false,
            waiting: VecDeque::new(),
            durable: 0,
            records: Vec::new(),
        };
        let journal = Arc::new(Self {
            keep,
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        if matches!(pace, Pace::Delayed(_)) {
            let weak = Arc::downgrade(&journal);
            let spawned = std::thread::Builder::new()
                .name("sessile-journal".into())
                .spawn(move || {
                    while let Some(journal) = weak.upgrade() {
                        journal.pass_on_due();
                    }
                });
            // Without its thread a delayed journal would hold everything back for ever.
            assert!(spawned.is_ok(), "the journal's thread could not be started");
        }
        journal
    }

    /// Lets the oldest `count` held records become durable; returns how many there were.
    pub fn release(&self, count: usize) -> usize {
        let mut state = self.state.lock();
        let count = count.min(state.waiting.len());
        for _ in 0..count {
            if let Some((_, entry)) = state.waiting.pop_front() {
                state.pass_on(entry);
            }
        }
        count
    }

    /// Refuses the oldest `count` held records, as a disk does that fills up under them; returns how
    /// many there were.
    pub fn turn_away(&self, count: usize) -> usize {
        let mut state = self.state.lock();
        let count = count.min(state.waiting.len());
        for (_, entry) in state.waiting.drain(..count) {
            entry.refused();
        }
        count
    }

    /// How many records wait to become durable.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// From now on every append is refused, or taken again.
    pub fn refuse(&self, refusing: bool) {
        self.state.lock().refusing = refusing;
    }

    /// What was appended so far, if it is kept.
    #[must_use]
    pub fn records(&self) -> Vec<Vec<Part>> {
        self.state.lock().records.clone()
    }

    /// Passes on what is due, then sleeps until something is, at most a little.
    #[expect(
        clippy::disallowed_methods,
        reason = "the delay of a test journal is not engine time"
    )]
    fn pass_on_due(&self) {
        let mut state = self.state.lock();
        while state
            .waiting
            .front()
            .is_some_and(|(due, _)| *due <= Instant::now())
        {
            if let Some((_, entry)) = state.waiting.pop_front() {
                state.pass_on(entry);
            }
        }
        let next = state.waiting.front().map(|(due, _)| *due);
        let nap = Instant::now() + Duration::from_millis(50);
        self.changed
            .wait_until(&mut state, next.map_or(nap, |due| due.min(nap)));
    }
}

impl Journal for MemoryJournal {
    #[expect(
        clippy::disallowed_methods,
        reason = "the delay of a test journal is not engine time"
    )]
    fn append(&self, entry: Arc<dyn Entry>) -> Result<(), JournalRefused> {
        // The lock is held while the record is passed on: that is what makes the order one order.
        let mut state = self.state.lock();
        if state.refusing {
            return Err(JournalRefused);
        }
        if self.keep == Keep::Everything {
            state.records.push(entry.parts().to_vec());
        }
        match state.pace {
            Pace::Prompt if state.waiting.is_empty() => state.pass_on(entry),
            Pace::Prompt | Pace::Held => state.waiting.push_back((Instant::now(), entry)),
            Pace::Delayed(by) => {
                state.waiting.push_back((Instant::now() + by, entry));
                self.changed.notify_one();
            }
        }
        Ok(())
    }
}

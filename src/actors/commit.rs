//! A record on its way from the journal to the owners that apply it.
//!
//! A record may have parts for several owners (R4). Its parts are cut into stages, one owner each;
//! a stage is applied when the one before it is done, and the decider has the last one, in which
//! it answers. Invariants: each owner applies its stages in log order, so an owner whose turn has
//! not come waits with all that is behind it; the oldest unfinished record can always go on, so
//! nothing waits for ever; whose turn has come is woken after its stage is in its queue.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hashbrown::HashSet;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::engine::event::Part;
use crate::journal::{Entry, Stake};

/// The turn of a record that is not in all its queues yet: no stage's.
const NOT_HANDED_OUT: usize = usize::MAX;

/// The place of an owner: shards in order, the directory last.
pub(super) type Place = usize;

/// What an owner has to apply, in log order.
#[derive(Default)]
pub(super) struct CommitQueue {
    waiting: Mutex<VecDeque<(Arc<Commit>, usize)>>,
    /// How many stages were ever given, and how many of them are applied.
    given: AtomicU64,
    applied: AtomicU64,
    pub(super) wake: Notify,
}

impl CommitQueue {
    /// How many stages were given so far: all of them are applied once [`Self::has_applied`] it.
    pub(super) fn given(&self) -> u64 {
        self.given.load(Ordering::Acquire)
    }

    /// Whether so many stages are applied.
    pub(super) fn has_applied(&self, stages: u64) -> bool {
        self.applied.load(Ordering::Acquire) >= stages
    }

    /// The next stage, if its turn has come.
    pub(super) fn next(&self) -> Option<(Arc<Commit>, usize)> {
        let mut waiting = self.waiting.lock();
        let (commit, stage) = waiting.front()?;
        if commit.turn.load(Ordering::Acquire) == *stage {
            waiting.pop_front()
        } else {
            None
        }
    }
}

/// The queues of all owners.
pub(super) type Queues = Arc<[CommitQueue]>;

struct Stage {
    owner: Place,
    parts: Range<usize>,
}

/// For each part of a record, whether none of the later ones is for the same slot, or also for the
/// directory.
fn completing(parts: &[Part]) -> Box<[bool]> {
    let mut seen = HashSet::with_capacity(parts.len());
    let mut completing: Vec<_> = parts
        .iter()
        .rev()
        .map(|part| match part {
            Part::Slot(number, _) => seen.insert(Some(*number)),
            Part::Directory(_) => seen.insert(None),
        })
        .collect();
    completing.reverse();
    completing.into()
}

/// One record, as the owners see it.
pub(super) struct Commit {
    parts: Vec<Part>,
    /// See [`completing`]; the part of a record that has but one completes it.
    completing: Option<Box<[bool]>>,
    stages: Vec<Stage>,
    turn: AtomicUsize,
    queues: Queues,
    /// By which its decider knows it.
    pub(super) ticket: u64,
    stake: Stake,
    /// It takes something away, and takes effect even if the journal refuses it (R2).
    restricts: bool,
    refused: AtomicBool,
    sequence: AtomicU64,
}

impl Commit {
    /// Cuts a record into stages. `place_of` says who owns a part.
    pub(super) fn new(
        parts: Vec<Part>,
        decider: Place,
        ticket: u64,
        (stake, restricts): (Stake, bool),
        queues: Queues,
        place_of: impl Fn(&Part) -> Place,
    ) -> Arc<Self> {
        let mut stages: Vec<Stage> = Vec::with_capacity(1);
        for (at, part) in parts.iter().enumerate() {
            let owner = place_of(part);
            match stages.last_mut() {
                Some(last) if last.owner == owner => last.parts.end = at + 1,
                _ => stages.push(Stage {
                    owner,
                    parts: at..at + 1,
                }),
            }
        }
        if stages.last().is_none_or(|last| last.owner != decider) {
            stages.push(Stage {
                owner: decider,
                parts: parts.len()..parts.len(),
            });
        }
        Arc::new(Self {
            completing: (parts.len() > 1).then(|| completing(&parts)),
            parts,
            stages,
            turn: AtomicUsize::new(NOT_HANDED_OUT),
            queues,
            ticket,
            stake,
            restricts,
            refused: AtomicBool::new(false),
            sequence: AtomicU64::new(0),
        })
    }

    /// The journal refused it: its answer is "unavailable".
    pub(super) fn was_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// The journal refused it, and what it took away is known to memory alone. Counts of failures are not
    /// missed: nothing lives again without them.
    pub(super) fn is_unrecorded(&self) -> bool {
        self.was_refused() && self.restricts && self.parts.iter().any(Part::is_restriction)
    }

    /// Its parts, if its decider said them of its own accord.
    pub(super) fn upkeep(&self) -> &[Part] {
        match self.stake {
            Stake::Upkeep => &self.parts,
            Stake::Parts | Stake::Grant | Stake::Everything => &[],
        }
    }

    /// The parts of a stage, as far as they are to be applied; with each, the sequence up to which
    /// everything is there once it is. One that takes effect without being logged reaches nothing.
    pub(super) fn stage(
        &self,
        stage: usize,
    ) -> impl ExactSizeIterator<Item = (&Part, Option<u64>)> {
        let refused = self.was_refused();
        let range = self.stages.get(stage).map(|stage| stage.parts.clone());
        let range = range
            .filter(|_| !refused || self.restricts)
            .unwrap_or_default();
        let first = range.start;
        let sequence = Some(self.sequence.load(Ordering::Acquire)).filter(|_| !refused);
        let completes = move |at: usize| {
            let known = self.completing.as_ref();
            known.is_none_or(|known| known.get(first + at).is_some_and(|completes| *completes))
        };
        let parts = self.parts.get(range).unwrap_or_default();
        let parts = parts.iter().enumerate();
        parts.map(move |(at, part)| (part, sequence.filter(|_| completes(at))))
    }

    /// Marks a stage as applied and wakes the next one's owner; true if it was the last.
    pub(super) fn finish(&self, stage: usize) -> bool {
        if let Some(Stage { owner, .. }) = self.stages.get(stage) {
            self.queue(*owner, |queue| {
                queue.applied.fetch_add(1, Ordering::AcqRel);
            });
        }
        self.turn.store(stage + 1, Ordering::Release);
        match self.stages.get(stage + 1) {
            Some(next) => {
                self.queue(next.owner, |queue| queue.wake.notify_one());
                false
            }
            None => true,
        }
    }

    fn queue(&self, owner: Place, act: impl FnOnce(&CommitQueue)) {
        if let Some(queue) = self.queues.get(owner) {
            act(queue);
        }
    }
}

impl Entry for Commit {
    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn stake(&self) -> Stake {
        self.stake
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        self.sequence.store(sequence, Ordering::Release);
        self.hand_out();
    }

    fn refused(self: Arc<Self>) {
        self.refused.store(true, Ordering::Release);
        self.hand_out();
    }
}

impl Commit {
    /// Gives every owner its stages, in order.
    fn hand_out(self: Arc<Self>) {
        for (stage, Stage { owner, .. }) in self.stages.iter().enumerate() {
            self.queue(*owner, |queue| {
                queue.waiting.lock().push_back((self.clone(), stage));
                queue.given.fetch_add(1, Ordering::AcqRel);
            });
        }
        // Only now does the first stage's turn come: its owner may be busy and take it at once, and would
        // wake the next one before that one finds anything.
        self.turn.store(0, Ordering::Release);
        if let Some(first) = self.stages.first() {
            self.queue(first.owner, |queue| queue.wake.notify_one());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::SlotEvent;
    use crate::session::id::HandoffId;

    #[test]
    fn no_owner_takes_its_stage_before_all_have_theirs() {
        let queues: Queues = (0..2).map(|_| CommitQueue::default()).collect();
        let ids = [1, 2].map(|n| HandoffId::from_bytes([n; 16]));
        let parts = ids.map(|id| Part::handoff(id, SlotEvent::HandoffDropped(id)));
        let place_of = |part: &Part| usize::from(*part != parts[0]);
        let plain = (Stake::Parts, false);
        let commit = Commit::new(parts.to_vec(), 1, 7, plain, queues.clone(), place_of);

        let second = queues.get(1).unwrap().waiting.lock();
        let handing = std::thread::spawn(move || Arc::clone(&commit).durable(1));
        let first = queues.first().unwrap();
        while first.waiting.lock().is_empty() {
            std::thread::yield_now();
        }
        assert!(first.next().is_none(), "the second owner has no stage yet");
        drop(second);
        handing.join().unwrap();
        let (commit, stage) = first.next().unwrap();
        assert!(!commit.finish(stage));
        assert!(queues.get(1).unwrap().next().is_some());
    }
}

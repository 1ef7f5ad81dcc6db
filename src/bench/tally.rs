//! What is counted while the load runs, by one thread, and added up afterwards.
//!
//! Invariants: of each operation, due = sent + unsent, and sent = answered + failed + unanswered; each answer that counts
//! stands once in one histogram of latencies, and so does, with the time until it was given up, each request that was
//! given up. A failure that came as an answer has no latency: failing fast shall not look like being fast.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::ask::Failure;

/// Microseconds that a histogram tells apart from more: an hour.
const MICROSECONDS_MAX: u64 = 3_600_000_000;
/// Digits that count.
const DIGITS: u8 = 3;
const DIGITS_OF_INTERVALS: u8 = 2;

/// Durations, in microseconds.
#[derive(Clone)]
pub(super) struct Times(pub(super) Histogram<u64>);

impl Times {
    pub(super) fn new() -> Self {
        Self::with(DIGITS)
    }

    fn with(digits: u8) -> Self {
        let made = Histogram::new_with_bounds(1, MICROSECONDS_MAX, digits);
        Self(made.expect("the bounds are constants that fit each other"))
    }

    pub(super) fn record_ns(&mut self, ns: u64) {
        self.0.saturating_record(ns.div_ceil(1_000));
    }

    pub(super) fn add(&mut self, other: &Self) {
        // It fails only for what is out of bounds, and both have the same.
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "{added:?}");
    }
}

/// What happened within one interval of time.
#[derive(Clone, Default)]
pub(super) struct Interval {
    /// Requests that were due in it.
    pub(super) due: u64,
    /// Requests whose answer came in it and counts.
    pub(super) answered: u64,
    /// Requests that failed, or were given up, in it.
    pub(super) failed: u64,
    /// Latencies of requests that were due in it.
    pub(super) latency: Option<Times>,
}

impl Interval {
    fn latency(&mut self) -> &mut Times {
        self.latency
            .get_or_insert_with(|| Times::with(DIGITS_OF_INTERVALS))
    }
}

/// One outcome of an operation.
#[derive(Clone)]
pub(super) struct Outcome {
    pub(super) count: u64,
    /// From when the request was due until the answer was there.
    pub(super) latency: Times,
}

/// One operation.
#[derive(Clone)]
pub(super) struct OpTally {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) unsent: u64,
    pub(super) unanswered: u64,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) failures: BTreeMap<Failure, u64>,
    /// What was given up: from when it was due until then.
    pub(super) given_up: Times,
    /// From when it was sent until the answer was there.
    pub(super) service: Times,
    /// Latencies by the phase in which the request was due.
    pub(super) phases: Vec<Times>,
    pub(super) intervals: Vec<Interval>,
}

/// When a request was due, sent and answered or given up: nanoseconds since the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Story {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) over: u64,
}

/// How time is cut into pieces.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Length of an interval.
    pub(super) interval_ns: u64,
    /// How many there may be.
    pub(super) intervals: usize,
    /// When each phase begins; the first begins at zero.
    pub(super) phases: Vec<u64>,
}

impl Cut {
    fn interval(&self, at_ns: u64) -> usize {
        let number = at_ns / self.interval_ns.max(1);
        usize::try_from(number)
            .unwrap_or(usize::MAX)
            .min(self.intervals.saturating_sub(1))
    }

    fn phase(&self, at_ns: u64) -> usize {
        let begun = self.phases.iter().filter(|from| **from <= at_ns).count();
        begun.saturating_sub(1)
    }
}

/// All that one thread counts.
#[derive(Clone)]
pub(super) struct Tally {
    pub(super) ops: Vec<OpTally>,
    pub(super) cut: Cut,
    pub(super) sending: Sending,
}

/// What the thread says of itself and its connections.
#[derive(Clone)]
pub(super) struct Sending {
    /// How late this program noticed that a request was due.
    pub(super) lag: Times,
    /// Requests that found no connection free, and how long they waited for one.
    pub(super) waited: Times,
    /// Of each thread, the share of time in which it did not sleep.
    pub(super) busy: Vec<f64>,
    /// Connections that came into being, that did not, and that were closed and opened again on purpose.
    pub(super) connected: u64,
    pub(super) refused: u64,
    pub(super) renewed: u64,
}

impl Tally {
    /// With the number of outcomes of each operation.
    pub(super) fn new(outcomes: &[usize], cut: Cut) -> Self {
        let op = |outcomes: &usize| OpTally {
            due: 0,
            sent: 0,
            unsent: 0,
            unanswered: 0,
            outcomes: vec![
                Outcome {
                    count: 0,
                    latency: Times::new()
                };
                *outcomes
            ],
            failures: BTreeMap::new(),
            given_up: Times::new(),
            service: Times::new(),
            phases: vec![Times::new(); cut.phases.len()],
            intervals: vec![Interval::default(); cut.intervals],
        };
        Self {
            ops: outcomes.iter().map(op).collect(),
            cut,
            sending: Sending {
                lag: Times::new(),
                waited: Times::new(),
                busy: Vec::new(),
                connected: 0,
                refused: 0,
                renewed: 0,
            },
        }
    }

    /// A request became due.
    pub(super) fn due(&mut self, op: usize, at_ns: u64) {
        let interval = self.cut.interval(at_ns);
        if let Some(op) = self.ops.get_mut(op) {
            op.due += 1;
            if let Some(interval) = op.intervals.get_mut(interval) {
                interval.due += 1;
            }
        }
    }

    /// A request of one kind that was due is sent as one of another kind.
    pub(super) fn stands_in(&mut self, due: usize, sent: usize, at_ns: u64) {
        let interval = self.cut.interval(at_ns);
        if let Some(op) = self.ops.get_mut(due) {
            op.due -= 1;
            if let Some(interval) = op.intervals.get_mut(interval) {
                interval.due -= 1;
            }
        }
        self.due(sent, at_ns);
    }

    /// A request was sent.
    pub(super) fn sent(&mut self, op: usize) {
        if let Some(op) = self.ops.get_mut(op) {
            op.sent += 1;
        }
    }

    /// An answer came, and counts.
    pub(super) fn answered(&mut self, op: usize, outcome: u8, story: Story) {
        let (due_in, over_in) = (self.cut.interval(story.due), self.cut.interval(story.over));
        let phase = self.cut.phase(story.due);
        let Some(op) = self.ops.get_mut(op) else {
            return;
        };
        let latency = story.over.saturating_sub(story.due);
        if let Some(outcome) = op.outcomes.get_mut(usize::from(outcome)) {
            outcome.count += 1;
            outcome.latency.record_ns(latency);
        }
        op.service.record_ns(story.over.saturating_sub(story.sent));
        op.late(phase, due_in, latency);
        if let Some(interval) = op.intervals.get_mut(over_in) {
            interval.answered += 1;
        }
    }

    /// A request failed.
    pub(super) fn failed(&mut self, op: usize, failure: Failure, story: Story) {
        if failure == Failure::Timeout {
            self.give_up(op, story, |op| {
                *op.failures.entry(failure).or_default() += 1;
            });
            return;
        }
        let over_in = self.cut.interval(story.over);
        if let Some(op) = self.ops.get_mut(op) {
            *op.failures.entry(failure).or_default() += 1;
            if let Some(interval) = op.intervals.get_mut(over_in) {
                interval.failed += 1;
            }
        }
    }

    /// A request was sent, and the load ended before its answer came.
    pub(super) fn unanswered(&mut self, op: usize, story: Story) {
        self.give_up(op, story, |op| op.unanswered += 1);
    }

    /// A request was due and never sent.
    pub(super) fn unsent(&mut self, op: usize, story: Story) {
        self.give_up(op, story, |op| op.unsent += 1);
    }

    /// What is given up waited at least so long: leaving it out would make a server that stalls look fast.
    fn give_up(&mut self, op: usize, story: Story, count: impl FnOnce(&mut OpTally)) {
        let (due_in, over_in) = (self.cut.interval(story.due), self.cut.interval(story.over));
        let phase = self.cut.phase(story.due);
        let Some(op) = self.ops.get_mut(op) else {
            return;
        };
        count(op);
        let latency = story.over.saturating_sub(story.due);
        op.given_up.record_ns(latency);
        op.late(phase, due_in, latency);
        if let Some(interval) = op.intervals.get_mut(over_in) {
            interval.failed += 1;
        }
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, other) in self.ops.iter_mut().zip(&other.ops) {
            mine.add(other);
        }
        let (mine, other) = (&mut self.sending, &other.sending);
        mine.lag.add(&other.lag);
        mine.waited.add(&other.waited);
        mine.busy.extend_from_slice(&other.busy);
        mine.connected += other.connected;
        mine.refused += other.refused;
        mine.renewed += other.renewed;
    }
}

impl OpTally {
    fn late(&mut self, phase: usize, due_in: usize, latency: u64) {
        if let Some(phase) = self.phases.get_mut(phase) {
            phase.record_ns(latency);
        }
        if let Some(interval) = self.intervals.get_mut(due_in) {
            interval.latency().record_ns(latency);
        }
    }

    /// Answers that count.
    pub(super) fn answered(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.count).sum()
    }

    /// Requests that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Latencies of what was answered or given up.
    pub(super) fn latency(&self) -> Times {
        let mut all = self.given_up.clone();
        for outcome in &self.outcomes {
            all.add(&outcome.latency);
        }
        all
    }

    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.unanswered += other.unanswered;
        for (mine, other) in self.outcomes.iter_mut().zip(&other.outcomes) {
            mine.count += other.count;
            mine.latency.add(&other.latency);
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(*failure).or_default() += count;
        }
        self.given_up.add(&other.given_up);
        self.service.add(&other.service);
        for (mine, other) in self.phases.iter_mut().zip(&other.phases) {
            mine.add(other);
        }
        for (mine, other) in self.intervals.iter_mut().zip(&other.intervals) {
            mine.due += other.due;
            mine.answered += other.answered;
            mine.failed += other.failed;
            if let Some(latency) = &other.latency {
                mine.latency().add(latency);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn tally() -> Tally {
        let cut = Cut {
            interval_ns: 100 * MS,
            intervals: 10,
            phases: vec![0, 500 * MS],
        };
        Tally::new(&[1, 4], cut)
    }

    fn story(due_ms: u64, over_ms: u64) -> Story {
        Story {
            due: due_ms * MS,
            sent: due_ms * MS,
            over: over_ms * MS,
        }
    }

    #[test]
    fn what_is_given_up_counts_as_long_as_it_waited() {
        let mut tally = tally();
        tally.answered(0, 0, story(0, 1));
        tally.failed(0, Failure::Status(500), story(0, 1));
        tally.failed(0, Failure::Timeout, story(0, 900));
        tally.unsent(0, story(600, 900));
        tally.unanswered(0, story(600, 900));
        let op = &tally.ops[0];
        assert_eq!((op.answered(), op.failed()), (1, 2));
        assert_eq!((op.unsent, op.unanswered), (1, 1));
        let all = op.latency().0;
        assert_eq!(
            all.len(),
            4,
            "the answer, the time-out, the unsent, the unanswered"
        );
        assert!(all.max() >= 900_000);
        let phases: Vec<u64> = op.phases.iter().map(|times| times.0.len()).collect();
        assert_eq!(phases, [2, 2]);
    }

    #[test]
    fn threads_add_up() {
        let (mut one, mut two) = (tally(), tally());
        for tally in [&mut one, &mut two] {
            tally.due(1, 50 * MS);
            tally.sent(1);
            tally.answered(1, 3, story(50, 250));
        }
        one.add(&two);
        let op = &one.ops[1];
        assert_eq!((op.due, op.sent, op.answered()), (2, 2, 2));
        assert_eq!(op.outcomes[3].count, 2);
        assert_eq!((op.intervals[0].due, op.intervals[2].answered), (2, 2));
        let latency = op.intervals[0].latency.as_ref().unwrap();
        assert_eq!(latency.0.len(), 2);
    }
}

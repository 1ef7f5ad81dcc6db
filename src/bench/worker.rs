//! One thread of the load: its connections, its share of each stream, and the loop that drives them.
//!
//! Branching is here, counting in `tally`, bytes in `line`. Invariants: a request that is due is noticed as soon as the
//! thread runs, whether or not a connection is free, and keeps the instant at which it was due; every request that was
//! noticed is told of in the end, whatever became of it; nothing is sent after the end of the run but what was due
//! before, and nothing at all after the time-out behind it.

mod exchange;

use std::collections::VecDeque;
use std::io;

use super::ask::{Failure, Opened};
use super::lane::Lane;
use super::line::{Line, State};
use super::plan::{Plan, Work};
use super::poll::{Interest, Poll};
use super::progress::Live;
use super::tally::{Story, Tally};
use crate::clock::monotonic_ns;

/// How long a connection that was refused is left alone.
const RETRY_NS: u64 = 10_000_000;
/// How often time-outs are looked for, and how far the load is told.
const LOOK_EVERY_NS: u64 = 20_000_000;

/// One thread of the load.
pub(super) struct Worker<'a> {
    plan: &'a Plan,
    live: &'a Live,
    number: usize,
    start: u64,
    end: u64,
    poll: Poll,
    lanes: Vec<Lane>,
    lines: Vec<Line>,
    /// Connections with something to write.
    dirty: Vec<usize>,
    opened: VecDeque<Opened>,
    /// For each operation, the request that is drawn next.
    cursors: Vec<usize>,
    in_flight: usize,
    /// Some connection is down, or to be renewed.
    incomplete: bool,
    next_look: u64,
    tally: Tally,
}

impl<'a> Worker<'a> {
    /// The worker of this number, which begins at `start`.
    pub(super) fn new(
        plan: &'a Plan,
        live: &'a Live,
        number: usize,
        start: u64,
    ) -> io::Result<Self> {
        let lanes: Vec<Lane> = (0..plan.streams.len())
            .filter_map(|stream| Lane::new(plan, stream, number, start))
            .collect();
        let lines = lanes.iter().enumerate();
        let lines = lines.flat_map(|(at, lane)| (0..lane.connections).map(move |_| Line::new(at)));
        let outcomes: Vec<usize> = plan.ops.iter().map(|op| op.outcomes.len()).collect();
        let cursor = |work: &Work| match work {
            Work::Drawn(book) => book.len() * number / plan.threads.max(1),
            Work::Close(_) => 0,
        };
        Ok(Self {
            plan,
            live,
            number,
            start,
            end: start + plan.duration_ns,
            poll: Poll::new()?,
            lines: lines.collect(),
            lanes,
            dirty: Vec::new(),
            opened: VecDeque::new(),
            cursors: plan.ops.iter().map(|op| cursor(&op.work)).collect(),
            in_flight: 0,
            incomplete: true,
            next_look: start,
            tally: Tally::new(&outcomes, plan.cut()),
        })
    }

    /// Runs to the end: what was counted.
    pub(super) fn run(mut self) -> io::Result<Tally> {
        let mut ready = Vec::new();
        let (mut woke, mut busy) = (monotonic_ns(), 0);
        let over = loop {
            let now = monotonic_ns();
            self.notice(now);
            self.keep_connected(now);
            self.send(now);
            if now >= self.next_look {
                self.next_look = now + LOOK_EVERY_NS;
                self.give_up_what_is_late(now);
                self.live.tell(self.number, &self.tally);
            }
            if self.is_over(now) {
                break now;
            }
            let until = self.until(now);
            let slept_from = monotonic_ns();
            busy += slept_from.saturating_sub(woke.max(self.start));
            self.poll.wait(until, &mut ready)?;
            woke = monotonic_ns();
            for event in &ready {
                self.happened(*event);
            }
        };
        self.finish(over);
        let ran = over.saturating_sub(self.start).max(1);
        self.tally.sending.busy.push(busy as f64 / ran as f64);
        Ok(self.tally)
    }

    /// Takes note of what is due.
    fn notice(&mut self, now: u64) {
        for lane in &mut self.lanes {
            lane.noticed_before = lane.noticed;
            while let Some(due) = lane.next_due(self.start).filter(|due| *due <= now) {
                self.tally.sending.lag.record_ns(now - due);
                let op = usize::from(lane.op(lane.noticed));
                self.tally.due(op, due - self.start);
                lane.noticed += 1;
            }
        }
    }

    /// Begins the connections that are missing, and renews all of a stream when it is time.
    fn keep_connected(&mut self, now: u64) {
        for lane in &mut self.lanes {
            if lane.renew_at.is_some_and(|at| now >= at && now < self.end) {
                lane.renew_again();
                self.incomplete = true;
                let lane = lane.number;
                for line in self.lines.iter_mut().filter(|line| line.lane == lane) {
                    line.renew = true;
                }
            }
        }
        if !std::mem::take(&mut self.incomplete) {
            return;
        }
        for number in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(number) else {
                continue;
            };
            if line.renew && line.state == State::Up && line.asked.is_empty() {
                line.close(now);
                self.tally.sending.renewed += 1;
            }
            if matches!(line.state, State::Down { retry_at } if retry_at <= now) {
                let Some(lane) = self.lanes.get(line.lane) else {
                    continue;
                };
                let target = &lane.target;
                let poll = &self.poll;
                let begun = line.begin(target, now);
                let begun = begun.and_then(|wire| poll.add(wire, number, Interest::Write));
                if begun.is_err() {
                    self.refused(number, now);
                }
            }
            let line = self.lines.get(number);
            self.incomplete |= line.is_some_and(|line| line.renew || line.is_down());
        }
    }

    fn refused(&mut self, number: usize, now: u64) {
        self.tally.sending.refused += 1;
        self.incomplete = true;
        if let Some(line) = self.lines.get_mut(number) {
            line.close(now + RETRY_NS);
        }
    }

    fn give_up_what_is_late(&mut self, now: u64) {
        let timeout = self.plan.timeout_ns;
        for number in 0..self.lines.len() {
            let Some(line) = self.lines.get(number) else {
                continue;
            };
            let late = line
                .asked
                .front()
                .is_some_and(|asked| now >= asked.sent + timeout);
            let state = line.state;
            match state {
                State::Connecting { since } if now >= since + timeout => self.refused(number, now),
                State::Up if late => self.lost(number, Failure::Timeout, now),
                State::Up | State::Connecting { .. } | State::Down { .. } => {}
            }
        }
    }

    fn is_over(&self, now: u64) -> bool {
        let sent = self.lanes.iter().all(|lane| lane.is_over(self.end, now));
        (sent && self.in_flight == 0) || now >= self.end + self.plan.timeout_ns
    }

    /// Until when there is nothing to do; zero for something now.
    fn until(&self, now: u64) -> u64 {
        let due = self
            .lanes
            .iter()
            .filter_map(|lane| lane.next_due(self.start));
        let renewal = self.lanes.iter().filter_map(|lane| lane.renew_at);
        let renewal = renewal.filter(|at| *at < self.end);
        let next = due.chain(renewal).chain([self.next_look]).min();
        next.filter(|next| *next > now).unwrap_or(0)
    }

    /// Counts what was never answered, and what was never sent.
    fn finish(&mut self, over: u64) {
        for number in 0..self.lines.len() {
            let Some(line) = self.lines.get_mut(number) else {
                continue;
            };
            for asked in line.close(u64::MAX) {
                let story = self.story(&asked, over);
                self.tally.unanswered(asked.op, story);
            }
        }
        for lane in &self.lanes {
            for number in lane.sent..lane.total() {
                let due = lane.due(self.start, number);
                let op = usize::from(lane.op(number));
                if number >= lane.noticed {
                    self.tally.due(op, due - self.start);
                }
                let due = due - self.start;
                let over = over.saturating_sub(self.start);
                self.tally.unsent(
                    op,
                    Story {
                        due,
                        sent: over,
                        over,
                    },
                );
            }
        }
        self.live.tell(self.number, &self.tally);
    }
}

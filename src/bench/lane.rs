//! The share of one thread in one stream: what is due, what was sent, and which connections have room.

use std::collections::VecDeque;
use std::sync::Arc;

use super::plan::{Pace, Plan};
use super::schedule::Schedule;
use super::target::Target;

/// How far apart the threads begin in the pattern of a stream, so that they are not all at one kind of request.
const APART: u64 = 37;

/// The share of one thread in one stream.
pub(super) struct Lane {
    /// Its place among the lanes of its thread.
    pub(super) number: usize,
    pub(super) target: Arc<Target>,
    pub(super) connections: usize,
    pub(super) depth: usize,
    /// Requests that were seen to be due: those of these numbers up to, and without, this one.
    pub(super) noticed: u64,
    /// The same, when the thread last looked.
    pub(super) noticed_before: u64,
    /// Requests that were sent.
    pub(super) sent: u64,
    /// Connections with room, in the order in which they are used.
    pub(super) free: VecDeque<usize>,
    /// When all connections are next renewed.
    pub(super) renew_at: Option<u64>,
    renew_every: u64,
    pace: Share,
    pattern: Vec<u8>,
    first: u64,
}

/// What is to be sent.
enum Share {
    /// By a time-table.
    Open(Schedule),
    /// So many at most.
    Closed(u64),
}

impl Lane {
    /// The share of thread `thread` in a stream; none if it has no connection for it.
    pub(super) fn new(plan: &Plan, stream: usize, thread: usize, start: u64) -> Option<Self> {
        let (threads, number) = (plan.threads.max(1), stream);
        let stream = plan.streams.get(stream)?;
        let connections = share(stream.connections, thread, threads);
        let pace = match stream.pace {
            Pace::Open { rate } => Share::Open(Schedule::new(
                rate,
                (stream.from_ns, plan.duration_ns),
                plan.requests_max,
                (thread, threads),
            )),
            Pace::Closed => {
                let (thread, threads) = (thread as u64, threads as u64);
                let rest = plan.requests_max.saturating_sub(thread);
                Share::Closed(rest.div_ceil(threads))
            }
        };
        Some(Self {
            number,
            target: stream.target.clone(),
            connections,
            depth: stream.depth.max(1),
            noticed: 0,
            noticed_before: 0,
            sent: 0,
            free: VecDeque::new(),
            renew_at: stream.renew_every_ns.map(|every| start + every),
            renew_every: stream.renew_every_ns.unwrap_or(0),
            pace,
            pattern: stream.pattern.clone(),
            first: thread as u64 * APART,
        })
    }

    /// Whether it follows a time-table.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.pace, Share::Open(_))
    }

    /// Which operation the request of this number is.
    pub(super) fn op(&self, number: u64) -> u8 {
        let length = self.pattern.len().max(1) as u64;
        let at = usize::try_from((number + self.first) % length).unwrap_or(0);
        self.pattern.get(at).copied().unwrap_or(0)
    }

    /// Requests of its time-table.
    pub(super) fn total(&self) -> u64 {
        match &self.pace {
            Share::Open(schedule) => schedule.count(),
            Share::Closed(_) => self.sent,
        }
    }

    /// When the request of this number is due.
    pub(super) fn due(&self, start: u64, number: u64) -> u64 {
        match &self.pace {
            Share::Open(schedule) => start + schedule.due_ns(number),
            Share::Closed(_) => start,
        }
    }

    /// When the next request that nobody noticed yet is due.
    pub(super) fn next_due(&self, start: u64) -> Option<u64> {
        (self.noticed < self.total() && self.is_open()).then(|| self.due(start, self.noticed))
    }

    /// When the request that is sent next was due, if there is one to send now.
    pub(super) fn to_send(&self, start: u64, end: u64, now: u64) -> Option<u64> {
        match &self.pace {
            Share::Open(_) => (self.sent < self.noticed).then(|| self.due(start, self.sent)),
            Share::Closed(most) => {
                let during = (start..end).contains(&now);
                (during && self.sent < *most).then_some(now)
            }
        }
    }

    /// Whether all that there is to send was sent.
    pub(super) fn is_over(&self, end: u64, now: u64) -> bool {
        match &self.pace {
            Share::Open(schedule) => self.sent >= schedule.count(),
            Share::Closed(most) => now >= end || self.sent >= *most,
        }
    }

    /// The renewal that was due is under way: when the next one is.
    pub(super) fn renew_again(&mut self) {
        self.renew_at = self.renew_at.map(|at| at + self.renew_every.max(1));
    }
}

/// What one of several gets of so many.
fn share(count: usize, of: usize, among: usize) -> usize {
    count / among + usize::from(of < count % among)
}

//! What a run does: operations, streams of requests, and how time is cut into phases.

use std::sync::Arc;

use super::ask::{Awaited, Book, Opened};
use super::schedule::requests;
use super::tally::Cut;
use super::target::Target;

/// Intervals of a run in reports.
const INTERVALS_MAX: u64 = 120;
/// Lengths of an interval, in milliseconds.
const INTERVALS_MS: [u64; 10] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000, 600_000, 3_600_000,
];

/// What a run does.
pub(super) struct Plan {
    pub(super) ops: Vec<Op>,
    pub(super) streams: Vec<Stream>,
    /// Pieces of the run that are told apart, in order; the first begins at zero.
    pub(super) phases: Vec<Phase>,
    pub(super) duration_ns: u64,
    /// How long an answer may take.
    pub(super) timeout_ns: u64,
    pub(super) threads: usize,
    /// Requests of each stream, at most.
    pub(super) requests_max: u64,
}

/// One kind of request.
#[derive(Clone)]
pub(super) struct Op {
    pub(super) name: &'static str,
    /// What may come of it without being wrong; the first is what is wanted.
    pub(super) outcomes: &'static [&'static str],
    /// Sessions that one answer speaks of.
    pub(super) items: u32,
    pub(super) work: Work,
}

/// Where its requests come from.
#[derive(Clone)]
pub(super) enum Work {
    /// Drawn from a book.
    Drawn(Arc<Book>),
    /// Rendered for a session that this run opened.
    Close(Closer),
}

/// Renders the request that ends a session, and says what its answer must be.
pub(super) type Closer = Arc<dyn Fn(&Opened) -> (Vec<u8>, Awaited) + Send + Sync>;

/// Requests to one listener over connections of their own.
#[derive(Clone)]
pub(super) struct Stream {
    pub(super) name: &'static str,
    pub(super) target: Arc<Target>,
    pub(super) pace: Pace,
    pub(super) connections: usize,
    /// Requests that may be under way on a connection.
    pub(super) depth: usize,
    /// Which operation each request is, over and over.
    pub(super) pattern: Vec<u8>,
    /// When it begins.
    pub(super) from_ns: u64,
    /// How often all its connections are closed and opened again.
    pub(super) renew_every_ns: Option<u64>,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// So many a second, whatever becomes of those before.
    Open { rate: f64 },
    /// Each as soon as there is room on a connection.
    Closed,
}

/// A piece of the run.
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) from_ns: u64,
}

/// The outcomes of an operation that can only go right.
pub(super) const RIGHT: &[&str] = &["ok"];

impl Plan {
    /// Requests that the whole run sends at most.
    pub(super) fn bound(&self) -> u64 {
        let of = |stream: &Stream| match stream.pace {
            Pace::Open { rate } => {
                let lasts_ns = self.duration_ns.saturating_sub(stream.from_ns);
                requests(rate, lasts_ns).min(self.requests_max)
            }
            Pace::Closed => self.requests_max,
        };
        self.streams.iter().map(of).sum()
    }

    /// The same for another time: operations are shared, and there is one phase.
    pub(super) fn lasting(&self, duration_ns: u64) -> Self {
        Self {
            ops: self.ops.clone(),
            streams: self.streams.clone(),
            phases: vec![Phase {
                name: "run",
                from_ns: 0,
            }],
            duration_ns,
            timeout_ns: self.timeout_ns,
            threads: self.threads,
            requests_max: self.requests_max,
        }
    }

    /// How its time is cut into pieces.
    pub(super) fn cut(&self) -> Cut {
        let fits = |ms: &&u64| self.duration_ns <= **ms * 1_000_000 * INTERVALS_MAX;
        let interval_ms = INTERVALS_MS.iter().find(fits).unwrap_or(&3_600_000);
        let interval_ns = interval_ms * 1_000_000;
        let intervals = (self.duration_ns + self.timeout_ns).div_ceil(interval_ns) + 1;
        Cut {
            interval_ns,
            intervals: usize::try_from(intervals).unwrap_or(1),
            phases: self.phases.iter().map(|phase| phase.from_ns).collect(),
        }
    }
}

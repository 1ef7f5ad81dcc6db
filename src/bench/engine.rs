//! Runs a plan on its threads, and says what came of it.

use std::sync::Arc;
use std::thread;

use anyhow::Context;

use super::plan::{Pace, Plan};
use super::progress::{Live, drawn};
use super::tally::Tally;
use super::worker::Worker;
use crate::clock::monotonic_ns;

/// Time to connect before the first request is due.
pub(super) const CONNECT_NS: u64 = 200_000_000;
/// From this share of time awake on, a thread is at its end.
const BUSY: f64 = 0.9;
/// From this lag on, in the middle, the program and not the server is measured.
const LAG_US: u64 = 1_000;

/// Who kept the run from going as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Nobody: the rate was kept.
    None,
    /// This program, or the machine it runs on.
    Generator,
    /// The server, or the number of connections to it: all of them waited for answers.
    Connections,
    /// In a closed loop the server always is.
    Closed,
}

impl Limit {
    /// The name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Generator => "generator",
            Self::Connections => "connections",
            Self::Closed => "closed-loop",
        }
    }

    /// What it means, for people.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::None => "the rate was kept",
            Self::Generator => {
                "this program could not keep the rate: the latencies are its own as well as the server's; lower the rate, give it more threads, or run it elsewhere"
            }
            Self::Connections => {
                "requests waited for a free connection: the server answered too slowly for so many connections"
            }
            Self::Closed => "a closed loop asks as fast as it is answered",
        }
    }
}

/// Runs the plan; a bar is shown on a terminal.
///
/// Errors: the system gives no socket or thread at all.
pub(super) fn run(plan: &Plan, what: &str) -> anyhow::Result<Tally> {
    let live = Live::new(plan.threads);
    let shown = drawn(Arc::clone(&live), what, CONNECT_NS + plan.duration_ns);
    let start = monotonic_ns() + CONNECT_NS;
    let tallies = thread::scope(|scope| {
        let begin = |number| {
            let live = &*live;
            let work = move || Worker::new(plan, live, number, start)?.run();
            thread::Builder::new()
                .name(format!("sessile-bench-{number}"))
                .spawn_scoped(scope, work)
        };
        let threads: Vec<_> = (0..plan.threads).map(begin).collect();
        let ended = threads.into_iter().map(|thread| {
            let ended = thread.context("no thread")?.join();
            let ended = ended.map_err(|_| anyhow::anyhow!("a thread of the load panicked"))?;
            ended.context("a thread of the load")
        });
        ended.collect::<anyhow::Result<Vec<Tally>>>()
    });
    drop(shown);
    let mut tallies = tallies?.into_iter();
    let mut all = tallies.next().context("a run has a thread at least")?;
    tallies.for_each(|tally| all.add(&tally));
    Ok(all)
}

/// Who limited the run.
pub(super) fn limit(plan: &Plan, tally: &Tally) -> Limit {
    let open = |pace: &Pace| matches!(pace, Pace::Open { .. });
    if !plan.streams.iter().any(|stream| open(&stream.pace)) {
        return Limit::Closed;
    }
    let sending = &tally.sending;
    let at_its_end = sending.busy.iter().any(|busy| *busy >= BUSY);
    let late = sending.lag.0.value_at_quantile(0.5) > LAG_US;
    let unsent: u64 = tally.ops.iter().map(|op| op.unsent).sum();
    // A connection that is now and then awaited shows a stall; one in a hundred, that there are too few.
    let waited = sending.waited.0.len() * 100 > sending.lag.0.len();
    if at_its_end || late {
        Limit::Generator
    } else if waited || unsent > 0 {
        Limit::Connections
    } else {
        Limit::None
    }
}

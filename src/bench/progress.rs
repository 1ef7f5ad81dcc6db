//! How far a run is, on the terminal of whoever waits for it; nothing is drawn anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::tally::Tally;
use crate::cli::progress::{DRAWN_PER_S, Drawn};
use crate::clock::monotonic_ns;

/// Ticks of the bar.
const TICKS: u64 = 1_000;

/// What the threads of a run tell while it goes on.
pub(super) struct Live {
    threads: Vec<Told>,
}

#[derive(Default)]
struct Told {
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Live {
    pub(super) fn new(threads: usize) -> Arc<Self> {
        let told = std::iter::repeat_with(Told::default);
        Arc::new(Self {
            threads: told.take(threads).collect(),
        })
    }

    /// Says how far the thread of this number is.
    pub(super) fn tell(&self, thread: usize, tally: &Tally) {
        let Some(told) = self.threads.get(thread) else {
            return;
        };
        let answered = tally.ops.iter().map(|op| op.answered()).sum();
        let failed = tally.ops.iter().map(|op| op.failed()).sum();
        told.answered.store(answered, Ordering::Relaxed);
        told.failed.store(failed, Ordering::Relaxed);
    }

    fn sums(&self) -> (u64, u64) {
        let sum = |of: fn(&Told) -> &AtomicU64| {
            let loads = self.threads.iter();
            loads.map(|told| of(told).load(Ordering::Relaxed)).sum()
        };
        (sum(|told| &told.answered), sum(|told| &told.failed))
    }
}

/// Starts to show a run of so long, if there is anybody to see it.
pub(super) fn drawn(live: Arc<Live>, what: &str, duration_ns: u64) -> Option<Drawn> {
    let begun = monotonic_ns();
    let mut before = 0;
    Drawn::start(bar(what, TICKS)?, move |bar| {
        let gone = monotonic_ns() - begun;
        bar.set_position((gone / (duration_ns / TICKS).max(1)).min(TICKS));
        let (answered, failed) = live.sums();
        let rate = answered.saturating_sub(before) * DRAWN_PER_S;
        before = answered;
        bar.set_message(format!(
            "{} answered, {} failed, {}/s",
            HumanCount(answered),
            HumanCount(failed),
            HumanCount(rate)
        ));
    })
}

/// A bar of so many steps, if standard error is a terminal.
pub(super) fn bar(what: &str, steps: u64) -> Option<ProgressBar> {
    let bar = ProgressBar::new(steps);
    if bar.is_hidden() {
        return None;
    }
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    Some(bar)
}

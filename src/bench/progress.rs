//! How far a run is, on the terminal of whoever waits for it; nothing is drawn anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::tally::Tally;
use crate::clock::monotonic_ns;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);
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

/// A bar that shows how far a run is until it is dropped.
pub(super) struct Shown {
    /// Hung up, it is the sign to end.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Starts to show a run of so long, if standard error is a terminal and a thread is to be had.
    pub(super) fn run(live: Arc<Live>, what: &str, duration_ns: u64) -> Option<Self> {
        let bar = bar(what, TICKS)?;
        let (stop, stopped) = sync_channel::<()>(0);
        let begun = monotonic_ns();
        let draw = move || {
            let mut before = 0;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                let gone = monotonic_ns() - begun;
                bar.set_position((gone / (duration_ns / TICKS).max(1)).min(TICKS));
                let (answered, failed) = live.sums();
                let rate = answered.saturating_sub(before) * 10;
                before = answered;
                bar.set_message(format!(
                    "{} answered, {} failed, {}/s",
                    HumanCount(answered),
                    HumanCount(failed),
                    HumanCount(rate)
                ));
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new()
            .name("sessile-bar".into())
            .spawn(draw);
        Some(Self {
            stop: Some(stop),
            thread: Some(thread.ok()?),
        })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
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

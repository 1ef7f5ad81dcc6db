//! How far a recovery is, on the terminal of whoever waits for it; nothing is drawn anywhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::durability::recovery::Progress;

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A line that shows the progress until it is dropped.
pub(super) struct Shown {
    /// Hung up, it is the sign to end.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shown {
    /// Starts to show it, if standard error is a terminal and a thread is to be had.
    #[must_use]
    pub(super) fn of(progress: Arc<Progress>) -> Option<Self> {
        let bar = ProgressBar::new_spinner();
        if bar.is_hidden() {
            return None;
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let draw = move || {
            let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EVERY) {
                let bytes = HumanBytes(of(&progress.bytes));
                let records = HumanCount(of(&progress.records));
                bar.set_message(format!(
                    "recovering: {bytes} of images read, {records} records replayed"
                ));
                bar.tick();
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

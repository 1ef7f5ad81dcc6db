//! A line on the terminal of whoever waits, drawn again and again until it is dropped; nothing is drawn anywhere else.
//!
//! It must never know what it shows.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::ProgressBar;

/// How often it is drawn in a second.
pub const DRAWN_PER_S: u64 = 10;

/// A line that is shown until it is dropped.
pub struct Drawn {
    /// Hung up, it is the sign to end.
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drawn {
    /// Starts to show it, if standard error is a terminal and a thread is to be had. `draw` is called
    /// [`DRAWN_PER_S`] times a second.
    #[must_use]
    pub fn start(
        bar: ProgressBar,
        mut draw: impl FnMut(&ProgressBar) + Send + 'static,
    ) -> Option<Self> {
        if bar.is_hidden() {
            return None;
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let every = Duration::from_millis(1_000 / DRAWN_PER_S);
        let show = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(every) {
                draw(&bar);
            }
            bar.finish_and_clear();
        };
        let thread = std::thread::Builder::new()
            .name("sessile-bar".into())
            .spawn(show);
        Some(Self {
            stop: Some(stop),
            thread: Some(thread.ok()?),
        })
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

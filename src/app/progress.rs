//! How far a recovery is, on the terminal of whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::cli::progress::Drawn;
use crate::durability::recovery::Progress;

/// Starts to show it, if there is anybody to see it.
#[must_use]
pub(super) fn drawn(progress: Arc<Progress>) -> Option<Drawn> {
    Drawn::start(ProgressBar::new_spinner(), move |bar| {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bytes = HumanBytes(of(&progress.bytes));
        let records = HumanCount(of(&progress.records));
        bar.set_message(format!(
            "recovering: {bytes} of images read, {records} records replayed"
        ));
        bar.tick();
    })
}

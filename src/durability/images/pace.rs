//! When whoever writes an image lets others have the processor.
//!
//! Knows nothing of images: it hears how much was worked. Invariants: who yields is never kept from working for good,
//! since yielding ends with its time and rests have an end of their own; nobody rests or yields in the foreground.

use std::time::Duration;

use crate::clock::monotonic_ns;

/// Whether others want the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Requests are answered meanwhile. The scheduler lets a thread that computes go on for milliseconds, however
    /// far it stands back, so it gives way again and again.
    Background,
    /// Nobody waits for anything else.
    Foreground,
}

/// What is worked between two yields: about a frame of sessions.
const YIELD_AFTER_BYTES: usize = 4 << 10;
/// What is worked between two rests at most.
const REST_AFTER_BYTES: usize = 128 << 10;
/// What must have been worked for a rest before a lock: a slot with hardly anything is copied at once.
const REST_BEFORE_A_LOCK_BYTES: usize = 8 << 10;
/// The same once there is no yielding any more.
const UNYIELDING_REST_AFTER_BYTES: usize = 16 << 10;
/// How long a writer yields. Where others always want the processor it gets nearly nothing of it that way.
const YIELDING_NS: u64 = 2_000_000_000;
/// How long a rest is, at least.
const REST: Duration = Duration::from_micros(20);

/// What is to be done between two pieces of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// Go on.
    None,
    /// Let go first who waits, if anybody does: costs next to nothing otherwise.
    Yield,
    /// Sleep for a moment, so that the scheduler counts this thread among those that woke.
    Rest,
}

/// How fast an image is written.
pub(super) struct Pace {
    priority: Priority,
    began_ns: u64,
    /// Bytes worked since the last yield or rest.
    unyielded: usize,
    /// Bytes worked since the last rest.
    unrested: usize,
}

impl Pace {
    pub(super) fn of(priority: Priority) -> Self {
        Self::from(priority, monotonic_ns())
    }

    fn from(priority: Priority, began_ns: u64) -> Self {
        Self {
            priority,
            began_ns,
            unyielded: 0,
            unrested: 0,
        }
    }

    pub(super) fn is_background(&self) -> bool {
        self.priority == Priority::Background
    }

    /// So much was worked.
    pub(super) fn after(&mut self, bytes: usize) {
        if self.is_background() {
            take(self.due(bytes, monotonic_ns()));
        }
    }

    /// A lock follows, which others may wait for: whoever comes from a rest is seldom interrupted soon.
    pub(super) fn before_a_lock(&mut self) {
        take(self.due_before_a_lock());
    }

    fn due_before_a_lock(&mut self) -> Break {
        if self.unrested < REST_BEFORE_A_LOCK_BYTES {
            return Break::None;
        }
        (self.unrested, self.unyielded) = (0, 0);
        Break::Rest
    }

    fn due(&mut self, bytes: usize, now_ns: u64) -> Break {
        self.unyielded += bytes;
        self.unrested += bytes;
        let yields = now_ns.saturating_sub(self.began_ns) < YIELDING_NS;
        let rest_after = if yields {
            REST_AFTER_BYTES
        } else {
            UNYIELDING_REST_AFTER_BYTES
        };
        if self.unrested >= rest_after {
            (self.unrested, self.unyielded) = (0, 0);
            Break::Rest
        } else if yields && self.unyielded >= YIELD_AFTER_BYTES {
            self.unyielded = 0;
            Break::Yield
        } else {
            Break::None
        }
    }
}

fn take(due: Break) {
    match due {
        Break::None => {}
        Break::Yield => std::thread::yield_now(),
        Break::Rest => std::thread::park_timeout(REST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_yields_often_rests_seldom_and_after_its_time_only_rests() {
        let mut pace = Pace::from(Priority::Background, 7);
        let mut breaks = |now_ns| -> Vec<Break> {
            let pieces = 0..REST_AFTER_BYTES / YIELD_AFTER_BYTES;
            pieces
                .map(|_| pace.due(YIELD_AFTER_BYTES, now_ns))
                .collect()
        };
        let yielding = breaks(7);
        let (last, before) = yielding.split_last().unwrap();
        assert_eq!(*last, Break::Rest);
        assert!(before.iter().all(|due| *due == Break::Yield));
        assert_eq!(breaks(6 + YIELDING_NS), yielding);
        let resting = breaks(7 + YIELDING_NS);
        let rests = resting.iter().filter(|due| **due == Break::Rest);
        assert_eq!(
            rests.count(),
            REST_AFTER_BYTES / UNYIELDING_REST_AFTER_BYTES
        );
        assert!(!resting.contains(&Break::Yield));
    }

    #[test]
    fn before_a_lock_it_rests_unless_it_just_did() {
        let mut pace = Pace::from(Priority::Background, 0);
        assert_eq!(pace.due_before_a_lock(), Break::None);
        assert_eq!(pace.due(REST_BEFORE_A_LOCK_BYTES, 1), Break::Yield);
        assert_eq!(pace.due_before_a_lock(), Break::Rest);
        assert_eq!(pace.due_before_a_lock(), Break::None);
        // In the foreground nothing counts.
        let mut pace = Pace::from(Priority::Foreground, 0);
        pace.after(REST_AFTER_BYTES);
        assert_eq!(pace.due_before_a_lock(), Break::None);
    }

    #[test]
    fn what_is_little_is_gathered() {
        let mut pace = Pace::from(Priority::Background, 0);
        let small = YIELD_AFTER_BYTES / 4;
        let breaks: Vec<_> = (0..8).map(|_| pace.due(small, 1)).collect();
        let seldom = [Break::None, Break::None, Break::None, Break::Yield];
        assert_eq!(breaks, seldom.repeat(2));
    }
}

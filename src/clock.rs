//! Time as a port: engine time for deadlines, wall time for one-time passwords and people.
//!
//! Engine time is the wall clock at start, or the time of the last record if that is later, plus the time
//! elapsed since, sleep of the machine included; it never falls, over restarts neither, and follows no
//! step of the wall clock. Source: R10.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::session::time::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Engine time: deadlines are judged by it, and it never falls.
    fn now(&self) -> Timestamp;
    /// The wall clock, in milliseconds since the epoch.
    fn wall_ms(&self) -> u64;
}

/// A clock that many share.
pub type SharedClock = Arc<dyn Clock>;

/// The clocks of the operating system.
pub struct SystemClock {
    /// Wall time at start minus elapsed time at start.
    offset_ms: u64,
}

impl SystemClock {
    /// Reads the wall clock once and goes on from there, or from `floor` if that is later.
    #[must_use]
    pub fn start(floor: Timestamp) -> Self {
        let began = wall().max(floor);
        Self {
            offset_ms: began.ms().saturating_sub(elapsed_ms()),
        }
    }
}

/// What the wall clock says now.
#[must_use]
pub fn wall() -> Timestamp {
    Timestamp::from_ms(wall_ms())
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.offset_ms + elapsed_ms())
    }

    fn wall_ms(&self) -> u64 {
        wall_ms()
    }
}

/// Milliseconds since the machine was started, sleep included. Read without a system call.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the room where the clock is read"
)]
fn elapsed_ms() -> u64 {
    let at = clock_gettime(ClockId::Boottime);
    u64::try_from(at.tv_sec).unwrap_or(0) * 1_000
        + u64::try_from(at.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Nanoseconds since some moment in the past, by a clock that never falls: for measuring how long something took.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "this is the room where the clock is read"
)]
pub fn monotonic_ns() -> u64 {
    let at = clock_gettime(ClockId::Monotonic);
    u64::try_from(at.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(at.tv_nsec).unwrap_or(0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the room where the wall clock is read"
)]
fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A clock that moves only when told to, for tests of rules that span days.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at `ms`.
    #[must_use]
    pub fn at_ms(ms: u64) -> Self {
        Self(AtomicU64::new(ms))
    }

    /// Moves the clock forward.
    pub fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.wall_ms())
    }

    fn wall_ms(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

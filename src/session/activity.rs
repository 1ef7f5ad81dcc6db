//! Last activity and the expired bit of a session in one atomic word.
//!
//! Readers touch sessions without asking the owner (R9). Invariants: once the expired bit is set
//! no touch clears it, so nothing un-expires; a touch is a compare-and-set from the value it was
//! judged by; a reader that finds the session overdue sets the bit before it answers (I5).

use std::sync::atomic::{AtomicU64, Ordering};

use super::lifetime::Lifetime;
use super::state::Surface;
use super::time::Timestamp;

const EXPIRED: u64 = 1 << 63;
const TOUCHED: u64 = 1 << 62;
const TIME: u64 = (1 << 48) - 1;

/// Whether a use of a session moves its idle deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The use counts as activity.
    Yes,
    /// The use leaves the session as it is.
    No,
}

/// How a session is looked at: whether that is activity, and where it must have been issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether the look counts as activity, if the session is live and of the right surface.
    pub touch: Touch,
    /// The surface that must have issued it; another one's session is answered like an unknown one
    /// (R25), and is not touched. `None` for any.
    pub surface: Option<Surface>,
}

impl Look {
    /// A look at sessions of one surface.
    #[must_use]
    pub const fn on(surface: Surface, touch: Touch) -> Self {
        Self {
            touch,
            surface: Some(surface),
        }
    }
}

/// A look at sessions of any surface.
impl From<Touch> for Look {
    fn from(touch: Touch) -> Self {
        Self {
            touch,
            surface: None,
        }
    }
}

/// The word. Bits 0–47: last activity in milliseconds; 62: touched since last logged; 63: expired.
#[derive(Debug)]
pub struct Activity(AtomicU64);

impl Activity {
    /// A session last active at `at`, not expired, with nothing to log.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicU64::new(at.ms()))
    }

    /// When the session was last active.
    #[must_use]
    pub fn last_active(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Acquire) & TIME)
    }

    /// Judges the session at `now`, and touches it if it is alive and `touch` says so.
    ///
    /// Returns whether it is alive. Activity never moves backwards.
    #[must_use]
    pub fn observe(&self, lifetime: Lifetime, now: Timestamp, touch: Touch) -> bool {
        self.observe_marking(lifetime, now, touch).is_some()
    }

    /// The same; of one that is alive, whether it got the touched mark with this.
    #[must_use]
    pub fn observe_marking(
        &self,
        lifetime: Lifetime,
        now: Timestamp,
        touch: Touch,
    ) -> Option<bool> {
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            if seen & EXPIRED != 0 {
                return None;
            }
            let last = Timestamp::from_ms(seen & TIME);
            let over = lifetime.is_over(last, now);
            let wanted = if over {
                seen | EXPIRED
            } else if touch == Touch::Yes && now > last {
                now.ms() | TOUCHED
            } else {
                return Some(false);
            };
            // Another reader may have touched meanwhile: judge again by what it left.
            match self
                .0
                .compare_exchange_weak(seen, wanted, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return (!over).then_some(seen & TOUCHED == 0),
                Err(current) => seen = current,
            }
        }
    }

    /// Takes the touched mark: the activity to log, or `None` when nothing changed since last time.
    #[must_use]
    pub fn take_touched(&self) -> Option<Timestamp> {
        let before = self.0.fetch_and(!TOUCHED, Ordering::AcqRel);
        (before & TOUCHED != 0).then(|| Timestamp::from_ms(before & TIME))
    }

    /// Sets the touched mark: there is something to log.
    pub fn mark(&self) {
        self.0.fetch_or(TOUCHED, Ordering::AcqRel);
    }

    /// Replays a logged activity: the later of both stays, marks stay.
    pub fn restore(&self, at: Timestamp) {
        let later = |word: u64| Some((word & !TIME) | (word & TIME).max(at.ms()));
        // The closure always returns a value, so the update cannot fail.
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn what_expired_once_stays_expired_even_if_time_went_back() {
        let life = Lifetime {
            idle_timeout_ms: 10,
            absolute: at(1_000),
        };
        let word = Activity::new(at(0));
        assert!(word.observe(life, at(9), Touch::Yes));
        assert!(!word.observe(life, at(19), Touch::Yes));
        assert!(!word.observe(life, at(1), Touch::Yes));
        word.restore(at(500));
        assert!(!word.observe(life, at(501), Touch::No));
    }

    #[test]
    fn who_marks_it_is_told_once_until_it_is_taken() {
        let life = Lifetime {
            idle_timeout_ms: 10,
            absolute: at(1_000),
        };
        let word = Activity::new(at(0));
        let look = |ms, touch| word.observe_marking(life, at(ms), touch);
        assert_eq!(look(1, Touch::No), Some(false));
        assert_eq!(look(0, Touch::Yes), Some(false), "no later than it was");
        assert_eq!(look(1, Touch::Yes), Some(true));
        assert_eq!(look(2, Touch::Yes), Some(false));
        assert_eq!(word.take_touched(), Some(at(2)));
        assert_eq!(look(3, Touch::Yes), Some(true));
        assert_eq!(look(13, Touch::Yes), None);
        assert_eq!(look(4, Touch::Yes), None);
    }

    #[test]
    fn a_touch_is_logged_once_and_never_moves_back() {
        let life = Lifetime {
            idle_timeout_ms: 0,
            absolute: at(1_000),
        };
        let word = Activity::new(at(100));
        assert!(word.observe(life, at(50), Touch::Yes));
        assert_eq!(word.last_active(), at(100));
        assert_eq!(word.take_touched(), None);
        assert!(word.observe(life, at(150), Touch::Yes));
        assert_eq!(word.take_touched(), Some(at(150)));
        assert_eq!(word.take_touched(), None);
    }
}

//! When a session ends by itself: idle timeout, absolute lifetime, and the earlier of the two.
//!
//! Invariants: a session is alive while `now < deadline` and not one millisecond longer (I6); a
//! touch moves the idle deadline only, never past the absolute one.

use super::time::Timestamp;

/// The two limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Milliseconds without activity after which the session ends; 0 means no idle limit.
    pub idle_timeout_ms: u32,
    /// The instant at which the session ends whatever happens.
    pub absolute: Timestamp,
}

impl Lifetime {
    /// The instant at which a session last active at `last_active` ends.
    #[must_use]
    pub fn deadline(&self, last_active: Timestamp) -> Timestamp {
        match self.idle_timeout_ms {
            0 => self.absolute,
            idle => last_active.plus_ms(u64::from(idle)).min(self.absolute),
        }
    }

    /// Whether it is the absolute limit that ends a session last active at `last_active`.
    #[must_use]
    pub fn ends_absolutely(&self, last_active: Timestamp) -> bool {
        self.deadline(last_active) == self.absolute
    }

    /// Whether a session last active at `last_active` is over at `now`.
    #[must_use]
    pub fn is_over(&self, last_active: Timestamp, now: Timestamp) -> bool {
        now >= self.deadline(last_active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_before_the_deadline_and_over_at_it() {
        let at = Timestamp::from_ms;
        let life = Lifetime {
            idle_timeout_ms: 100,
            absolute: at(250),
        };
        // (last active, now, over)
        for (last, now, over) in [
            (0, 99, false),
            (0, 100, true),
            (200, 249, false),
            (200, 250, true),
        ] {
            assert_eq!(life.is_over(at(last), at(now)), over, "{last} {now}");
        }
        // (last active, whether the absolute limit comes first): at a tie it is the absolute one
        for (last, absolute) in [(149, false), (150, true), (200, true)] {
            assert_eq!(life.ends_absolutely(at(last)), absolute, "{last}");
        }
        let no_idle = Lifetime {
            idle_timeout_ms: 0,
            absolute: at(250),
        };
        assert!(!no_idle.is_over(at(0), at(249)));
        assert!(no_idle.is_over(at(249), at(250)));
    }
}

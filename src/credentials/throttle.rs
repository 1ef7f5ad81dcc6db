//! Growing delays for a name whose password was guessed wrong too often (mollybet, State 9).
//!
//! A name is counted whether it exists or not, so the answer tells nothing (R19). A delay is never
//! longer than 30 s and live sessions are not touched: nobody is locked out by others' guesses.
//! Invariants: at most 65,536 names are remembered; under pressure the one with the fewest
//! failures among a few is forgotten, so a flood of names does not wash a victim's counter away.

use compact_str::CompactString;
use hashbrown::HashMap;

use crate::session::time::Timestamp;

/// Failures in a row that cost nothing.
const FREE_FAILURES: u32 = 5;
/// The first delay; each further failure doubles it.
const FIRST_DELAY_MS: u64 = 1_000;
/// The longest delay.
const DELAY_MAX_MS: u64 = 30_000;
/// Failures older than this no longer count.
const FORGET_AFTER_MS: u64 = 15 * 60_000;
/// Names that are remembered.
const NAMES_MAX: usize = 65_536;
/// How many names are compared when one must be forgotten.
const SAMPLE: usize = 16;

#[derive(Debug)]
struct Failures {
    name: CompactString,
    count: u32,
    last: Timestamp,
}

impl Failures {
    fn is_old(&self, now: Timestamp) -> bool {
        now.since_ms(self.last) >= FORGET_AFTER_MS
    }

    fn delay_ms(&self) -> u64 {
        match self.count.checked_sub(FREE_FAILURES) {
            None => 0,
            Some(beyond) => (FIRST_DELAY_MS << beyond.min(16)).min(DELAY_MAX_MS),
        }
    }
}

/// The failures of all names, folded.
#[derive(Debug, Default)]
pub struct Throttle {
    places: HashMap<CompactString, usize>,
    failures: Vec<Failures>,
    /// Where the next search for a name to forget begins.
    hand: usize,
}

impl Throttle {
    /// Milliseconds until an attempt on this name is looked at; 0 for at once.
    #[must_use]
    pub fn wait_ms(&self, name: &str, now: Timestamp) -> u64 {
        let known = self.places.get(name).and_then(|at| self.failures.get(*at));
        known.map_or(0, |f| f.delay_ms().saturating_sub(now.since_ms(f.last)))
    }

    /// Counts a failure.
    pub fn failed(&mut self, name: &str, now: Timestamp) {
        let known = self
            .places
            .get(name)
            .and_then(|at| self.failures.get_mut(*at));
        if let Some(failures) = known {
            failures.count = if failures.is_old(now) {
                1
            } else {
                failures.count.saturating_add(1)
            };
            failures.last = now;
            return;
        }
        if self.failures.len() >= NAMES_MAX {
            self.forget_one(now);
        }
        let name = CompactString::new(name);
        self.places.insert(name.clone(), self.failures.len());
        self.failures.push(Failures {
            name,
            count: 1,
            last: now,
        });
    }

    /// Forgets the failures of a name that got in.
    pub fn succeeded(&mut self, name: &str) {
        if let Some(&at) = self.places.get(name) {
            self.forget(at);
        }
    }

    fn forget_one(&mut self, now: Timestamp) {
        let len = self.failures.len().max(1);
        self.hand = (self.hand + SAMPLE) % len;
        let around = (self.hand..self.hand + SAMPLE).map(|at| at % len);
        let weight = |f: &Failures| if f.is_old(now) { 0 } else { f.count };
        let least = around
            .filter_map(|at| Some((weight(self.failures.get(at)?), at)))
            .min();
        if let Some((_, at)) = least {
            self.forget(at);
        }
    }

    fn forget(&mut self, at: usize) {
        let gone = self.failures.swap_remove(at);
        self.places.remove(&gone.name);
        if let Some(moved) = self.failures.get(at) {
            self.places.insert(moved.name.clone(), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn delays_begin_after_five_failures_double_and_end_at_thirty_seconds() {
        let mut throttle = Throttle::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            throttle.failed("alice", at(0));
            waits.push(throttle.wait_ms("alice", at(0)) / 1_000);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(throttle.wait_ms("alice", at(29_999)), 1);
        assert_eq!(throttle.wait_ms("alice", at(30_000)), 0);
        assert_eq!(throttle.wait_ms("bob", at(0)), 0);
        throttle.succeeded("alice");
        assert_eq!(throttle.wait_ms("alice", at(0)), 0);
    }

    #[test]
    fn old_failures_no_longer_count() {
        let mut throttle = Throttle::default();
        for _ in 0..9 {
            throttle.failed("alice", at(0));
        }
        throttle.failed("alice", at(FORGET_AFTER_MS));
        assert_eq!(throttle.wait_ms("alice", at(FORGET_AFTER_MS)), 0);
    }

    #[test]
    fn a_flood_of_names_does_not_wash_the_victim_away() {
        let mut throttle = Throttle::default();
        for _ in 0..8 {
            throttle.failed("victim", at(0));
        }
        for n in 0..NAMES_MAX * 2 {
            throttle.failed(&format!("name{n}"), at(1));
        }
        assert!(throttle.failures.len() <= NAMES_MAX);
        assert!(throttle.wait_ms("victim", at(1)) > 0);
    }
}

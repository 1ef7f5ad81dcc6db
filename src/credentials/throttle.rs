//! Counting failed guesses, and what they cost whoever guesses next: one table per rule.
//!
//! A name is counted whether it exists or not, so the answer tells nothing (R19). Live sessions are
//! not touched: nobody is locked out by others' guesses.
//! Invariants: no more attempts under a name are judged at once than may fail before the next delay,
//! so guesses at the same instant learn no more than guesses in a row; at most 65,536 names are
//! remembered; under pressure the one with the fewest failures among a few is forgotten, so a flood
//! of names does not wash a victim's counter away.

use compact_str::CompactString;
use hashbrown::HashMap;

use crate::session::time::Timestamp;

/// What failures cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Failures that cost nothing.
    pub free_failures: u32,
    /// Failures older than this no longer count.
    pub window_ms: u64,
    /// What comes after the free ones.
    pub delay: Delay,
}

/// How long nobody is looked at after too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// At first so long, and after each further failure twice as long, up to a maximum.
    Doubling {
        /// The first delay, in milliseconds.
        first_ms: u64,
        /// The longest, in milliseconds.
        max_ms: u64,
    },
    /// Until the window that began with the first failure has passed.
    RestOfWindow,
}

/// The rule for a user name: delays that grow up to 30 s. Source: M-51 to M-58.
pub const BY_NAME: Rule = Rule {
    free_failures: 5,
    window_ms: 15 * 60_000,
    delay: Delay::Doubling {
        first_ms: 1_000,
        max_ms: 30_000,
    },
};

/// The rule for a user name on one client: five failures, then nothing for the rest of a quarter of an
/// hour. Source: V-60.
pub const BY_CLIENT_AND_NAME: Rule = Rule {
    free_failures: 5,
    window_ms: 15 * 60_000,
    delay: Delay::RestOfWindow,
};

/// Names that are remembered.
const NAMES_MAX: usize = 65_536;
/// How many names are compared when one must be forgotten.
const SAMPLE: usize = 16;

#[derive(Debug)]
struct Failures {
    name: CompactString,
    count: u32,
    /// Attempts that are being judged at the moment.
    pending: u32,
    first: Timestamp,
    last: Timestamp,
}

impl Failures {
    fn is_old(&self, rule: &Rule, now: Timestamp) -> bool {
        let since = match rule.delay {
            Delay::Doubling { .. } => self.last,
            Delay::RestOfWindow => self.first,
        };
        now.since_ms(since) >= rule.window_ms
    }

    /// Milliseconds until the next attempt may be judged.
    fn left_ms(&self, rule: &Rule, now: Timestamp) -> u64 {
        let Some(beyond) = self.count.checked_sub(rule.free_failures) else {
            return 0;
        };
        match rule.delay {
            Delay::Doubling { first_ms, max_ms } => {
                let delay_ms = (first_ms << beyond.min(16)).min(max_ms);
                delay_ms.saturating_sub(now.since_ms(self.last))
            }
            Delay::RestOfWindow => rule.window_ms.saturating_sub(now.since_ms(self.first)),
        }
    }

    /// Attempts that may be judged at once: no more than may fail before the next delay.
    fn room(&self, rule: &Rule) -> u32 {
        rule.free_failures.saturating_sub(self.count).max(1)
    }
}

/// Whether an attempt may be judged now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes; [`Throttle::end`] must follow.
    Now,
    /// Others of this name are being judged: ask again when one of them is done.
    Soon,
    /// Not for so many milliseconds.
    After(u64),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Wrong: it counts.
    Wrong,
    /// Right, and let in: earlier failures are forgotten.
    Right,
    /// Neither: right but refused, or not judged at all.
    Neither,
}

/// The failures of all names, under one rule.
#[derive(Debug)]
pub struct Throttle {
    rule: Rule,
    places: HashMap<CompactString, usize>,
    failures: Vec<Failures>,
    /// Where the next search for a name to forget begins.
    hand: usize,
}

impl Throttle {
    /// A table without failures.
    #[must_use]
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            places: HashMap::new(),
            failures: Vec::new(),
            hand: 0,
        }
    }

    /// Asks whether an attempt on this name may be judged now.
    pub fn begin(&mut self, name: &str, now: Timestamp) -> Admission {
        let rule = self.rule;
        let failures = self.entry(name, now);
        if failures.is_old(&rule, now) {
            failures.count = 0;
        }
        let left = failures.left_ms(&rule, now);
        if left > 0 {
            return Admission::After(left);
        }
        if failures.pending >= failures.room(&rule) {
            return Admission::Soon;
        }
        failures.pending += 1;
        Admission::Now
    }

    /// Notes how an attempt ended that was admitted.
    pub fn end(&mut self, name: &str, now: Timestamp, verdict: Verdict) {
        let rule = self.rule;
        let failures = self.entry(name, now);
        failures.pending = failures.pending.saturating_sub(1);
        match verdict {
            Verdict::Wrong => {
                if failures.count == 0 || failures.is_old(&rule, now) {
                    failures.count = 0;
                    failures.first = now;
                }
                failures.count = failures.count.saturating_add(1);
                failures.last = now;
            }
            Verdict::Right => failures.count = 0,
            Verdict::Neither => {}
        }
        if failures.count == 0 && failures.pending == 0 {
            self.forget(name);
        }
    }

    fn entry(&mut self, name: &str, now: Timestamp) -> &mut Failures {
        let at = match self.places.get(name) {
            Some(at) => *at,
            None => {
                if self.failures.len() >= NAMES_MAX {
                    self.forget_one(now);
                }
                let fresh = Failures {
                    name: name.into(),
                    count: 0,
                    pending: 0,
                    first: now,
                    last: now,
                };
                self.places.insert(fresh.name.clone(), self.failures.len());
                self.failures.push(fresh);
                self.failures.len() - 1
            }
        };
        #[expect(
            clippy::indexing_slicing,
            reason = "`places` holds positions in `failures`"
        )]
        &mut self.failures[at]
    }

    fn forget_one(&mut self, now: Timestamp) {
        let len = self.failures.len().max(1);
        self.hand = (self.hand + SAMPLE) % len;
        let around = (self.hand..self.hand + SAMPLE).filter_map(|at| self.failures.get(at % len));
        let rule = self.rule;
        let weight = |f: &&Failures| {
            let count = if f.is_old(&rule, now) { 0 } else { f.count };
            (f.pending, count)
        };
        if let Some(name) = around.min_by_key(weight).map(|f| f.name.clone()) {
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &str) {
        let Some(at) = self.places.remove(name) else {
            return;
        };
        self.failures.swap_remove(at);
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

    fn fail(throttle: &mut Throttle, name: &str, now: Timestamp) {
        throttle.end(name, now, Verdict::Wrong);
    }

    #[test]
    fn delays_begin_after_five_failures_double_and_end_at_thirty_seconds() {
        let mut throttle = Throttle::new(BY_NAME);
        let mut waits = Vec::new();
        for _ in 0..11 {
            fail(&mut throttle, "alice", at(0));
            waits.push(match throttle.begin("alice", at(0)) {
                Admission::After(ms) => ms / 1_000,
                Admission::Now | Admission::Soon => 0,
            });
            throttle.end("alice", at(0), Verdict::Neither);
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(throttle.begin("alice", at(29_999)), Admission::After(1));
        assert_eq!(throttle.begin("alice", at(30_000)), Admission::Now);
        assert_eq!(throttle.begin("bob", at(0)), Admission::Now);
        throttle.end("alice", at(30_000), Verdict::Right);
        assert_eq!(throttle.begin("alice", at(30_000)), Admission::Now);
    }

    #[test]
    fn no_more_are_judged_at_once_than_may_fail() {
        let mut throttle = Throttle::new(BY_NAME);
        for _ in 0..5 {
            assert_eq!(throttle.begin("alice", at(0)), Admission::Now);
        }
        assert_eq!(throttle.begin("alice", at(0)), Admission::Soon);
        throttle.end("alice", at(0), Verdict::Right);
        assert_eq!(throttle.begin("alice", at(0)), Admission::Now);
        for _ in 0..5 {
            fail(&mut throttle, "alice", at(0));
        }
        assert_eq!(throttle.begin("alice", at(0)), Admission::After(1_000));
        assert_eq!(throttle.begin("alice", at(1_000)), Admission::Now);
        assert_eq!(throttle.begin("alice", at(1_000)), Admission::Soon);
    }

    #[test]
    fn old_failures_no_longer_count() {
        let mut throttle = Throttle::new(BY_NAME);
        for _ in 0..9 {
            fail(&mut throttle, "alice", at(0));
        }
        fail(&mut throttle, "alice", at(BY_NAME.window_ms));
        assert_eq!(
            throttle.begin("alice", at(BY_NAME.window_ms)),
            Admission::Now
        );
    }

    #[test]
    fn a_window_is_shut_for_the_rest_of_it_by_five_failures() {
        let mut throttle = Throttle::new(BY_CLIENT_AND_NAME);
        for n in 0..5 {
            assert_eq!(throttle.begin("k/alice", at(n * 60_000)), Admission::Now);
            fail(&mut throttle, "k/alice", at(n * 60_000));
        }
        assert_eq!(
            throttle.begin("k/alice", at(240_000)),
            Admission::After(660_000)
        );
        assert_eq!(throttle.begin("j/alice", at(240_000)), Admission::Now);
        assert_eq!(throttle.begin("k/alice", at(899_999)), Admission::After(1));
        // A new window: as many free failures as in the first.
        for _ in 0..5 {
            assert_eq!(throttle.begin("k/alice", at(900_000)), Admission::Now);
        }
        assert_eq!(throttle.begin("k/alice", at(900_000)), Admission::Soon);
        fail(&mut throttle, "k/alice", at(900_000));
        throttle.end("k/alice", at(900_000), Verdict::Right);
        assert_eq!(throttle.begin("k/alice", at(900_000)), Admission::Now);
    }

    #[test]
    fn a_name_without_failures_takes_no_room() {
        let mut throttle = Throttle::new(BY_NAME);
        for n in 0..100 {
            let name = format!("name{n}");
            assert_eq!(throttle.begin(&name, at(0)), Admission::Now);
            throttle.end(&name, at(0), Verdict::Right);
        }
        assert!(throttle.failures.is_empty() && throttle.places.is_empty());
    }

    #[test]
    fn a_flood_of_names_does_not_wash_the_victim_away() {
        let mut throttle = Throttle::new(BY_NAME);
        for _ in 0..8 {
            fail(&mut throttle, "victim", at(0));
        }
        for n in 0..NAMES_MAX * 2 {
            fail(&mut throttle, &format!("name{n}"), at(1));
        }
        assert!(throttle.failures.len() <= NAMES_MAX);
        assert!(matches!(
            throttle.begin("victim", at(1)),
            Admission::After(_)
        ));
    }
}

//! Growing delays for a name whose password was guessed wrong too often (M-51 to M-58).
//!
//! A name is counted whether it exists or not, so the answer tells nothing (R19). A delay is never
//! longer than 30 s and live sessions are not touched: nobody is locked out by others' guesses.
//! Invariants: no more attempts on a name are judged at once than may fail before the next delay, so
//! guesses at the same instant learn no more than guesses in a row; at most 65,536 names are remembered; under pressure the one with the fewest
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
    /// Attempts that are being judged at the moment.
    pending: u32,
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

    /// Attempts that may be judged at once: no more than may fail before the next delay.
    fn room(&self) -> u32 {
        FREE_FAILURES.saturating_sub(self.count).max(1)
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

/// The failures of all names, folded.
#[derive(Debug, Default)]
pub struct Throttle {
    places: HashMap<CompactString, usize>,
    failures: Vec<Failures>,
    /// Where the next search for a name to forget begins.
    hand: usize,
}

impl Throttle {
    /// Asks whether an attempt on this name may be judged now.
    pub fn begin(&mut self, name: &str, now: Timestamp) -> Admission {
        let failures = self.entry(name, now);
        let left = failures
            .delay_ms()
            .saturating_sub(now.since_ms(failures.last));
        if left > 0 {
            return Admission::After(left);
        }
        if failures.pending >= failures.room() {
            return Admission::Soon;
        }
        failures.pending += 1;
        Admission::Now
    }

    /// Notes how an attempt ended that was admitted.
    pub fn end(&mut self, name: &str, now: Timestamp, verdict: Verdict) {
        let failures = self.entry(name, now);
        failures.pending = failures.pending.saturating_sub(1);
        match verdict {
            Verdict::Wrong => {
                failures.count = if failures.is_old(now) {
                    1
                } else {
                    failures.count.saturating_add(1)
                };
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
        let weight = |f: &&Failures| (f.pending, if f.is_old(now) { 0 } else { f.count });
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
        let mut throttle = Throttle::default();
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
        let mut throttle = Throttle::default();
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
        let mut throttle = Throttle::default();
        for _ in 0..9 {
            fail(&mut throttle, "alice", at(0));
        }
        fail(&mut throttle, "alice", at(FORGET_AFTER_MS));
        assert_eq!(throttle.begin("alice", at(FORGET_AFTER_MS)), Admission::Now);
    }

    #[test]
    fn a_name_without_failures_takes_no_room() {
        let mut throttle = Throttle::default();
        for n in 0..100 {
            let name = format!("name{n}");
            assert_eq!(throttle.begin(&name, at(0)), Admission::Now);
            throttle.end(&name, at(0), Verdict::Right);
        }
        assert!(throttle.failures.is_empty() && throttle.places.is_empty());
    }

    #[test]
    fn a_flood_of_names_does_not_wash_the_victim_away() {
        let mut throttle = Throttle::default();
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

//! When requests are due, whatever becomes of those before: the reason why a server that stalls is not asked less.
//!
//! Pure: instants are nanoseconds since the beginning.

/// The share of one thread in the requests of one stream: every so manieth, evenly spread over time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    rate: f64,
    from_ns: u64,
    /// Requests of all threads.
    total: u64,
    thread: u64,
    threads: u64,
}

impl Schedule {
    /// The share of `thread` among `threads` in `rate` requests a second from one instant to another, and no more than
    /// `requests_max`.
    pub(super) fn new(
        rate: f64,
        (from_ns, to_ns): (u64, u64),
        requests_max: u64,
        (thread, threads): (usize, usize),
    ) -> Self {
        Self {
            rate,
            from_ns,
            total: requests(rate, to_ns.saturating_sub(from_ns)).min(requests_max),
            thread: thread as u64,
            threads: threads.max(1) as u64,
        }
    }

    /// How many requests this share has.
    pub(super) fn count(&self) -> u64 {
        self.total
            .saturating_sub(self.thread)
            .div_ceil(self.threads)
    }

    /// When the request of this number is due.
    pub(super) fn due_ns(&self, number: u64) -> u64 {
        let among_all = number * self.threads + self.thread;
        self.from_ns + whole(among_all as f64 * 1e9 / self.rate)
    }
}

/// How many requests are due within this time, at a rate.
pub(super) fn requests(rate: f64, duration_ns: u64) -> u64 {
    whole((rate * duration_ns as f64 / 1e9).round())
}

/// A number that is not negative, without its fraction.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and what is below zero is nothing"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// Which operation each request is: so many of each out of a hundred, spread so that none comes in a row.
///
/// Source: a permutation that is the same in every run, so that two runs ask the same.
pub(super) fn pattern(shares: &[u8]) -> Vec<u8> {
    let mut pattern: Vec<u8> = Vec::new();
    for (op, share) in (0..).zip(shares) {
        pattern.extend(std::iter::repeat_n(op, usize::from(*share)));
    }
    shuffle(&mut pattern);
    pattern
}

/// Puts things in an order that is the same in every run (xorshift, Fisher–Yates).
pub(super) fn shuffle<T>(things: &mut [T]) {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for last in (1..things.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = last as u64 + 1;
        things.swap(last, usize::try_from(state % bound).unwrap_or(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn threads_share_every_request_once_and_evenly() {
        for (rate, seconds, threads) in [(1_000.0, 3, 2), (7.0, 2, 3), (0.5, 10, 4), (99.0, 1, 1)] {
            let shares: Vec<_> = (0..threads)
                .map(|thread| {
                    Schedule::new(rate, (0, seconds * SECOND), u64::MAX, (thread, threads))
                })
                .collect();
            let mut due: Vec<u64> = shares
                .iter()
                .flat_map(|share| (0..share.count()).map(|number| share.due_ns(number)))
                .collect();
            due.sort_unstable();
            assert_eq!(due.len() as u64, requests(rate, seconds * SECOND));
            for (number, at) in due.iter().enumerate() {
                let wanted = number as f64 * 1e9 / rate;
                assert!((*at as f64 - wanted).abs() < 2.0, "{number} is due at {at}");
            }
        }
    }

    #[test]
    fn the_bound_of_requests_holds() {
        let share = |thread| Schedule::new(1e6, (SECOND, 60 * SECOND), 1_001, (thread, 2)).count();
        assert_eq!(share(0) + share(1), 1_001);
        assert_eq!(Schedule::new(1.0, (0, SECOND), 0, (0, 1)).count(), 0);
        let late = Schedule::new(10.0, (SECOND, 2 * SECOND), u64::MAX, (0, 1));
        assert_eq!((late.count(), late.due_ns(0)), (10, SECOND));
    }

    #[test]
    fn a_pattern_has_its_shares() {
        let pattern = pattern(&[90, 5, 5]);
        assert_eq!(pattern.len(), 100);
        let count = |op| pattern.iter().filter(|other| **other == op).count();
        assert_eq!((count(0), count(1), count(2)), (90, 5, 5));
    }
}

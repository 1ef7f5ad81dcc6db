//! What failed guesses cost whoever guesses next: what they are counted under, and the rule for each count.
//!
//! A name is counted whether it exists or not (R19), and live sessions are not touched. Nobody is locked
//! out by others' guesses: an account remembers the networks from which somebody was let in, failures from
//! there count by themselves, and only strangers are ever stopped (R26).
//! Invariants: no name and no address stands in a count, only its keyed digest; a rule never looks at a
//! clock; as many attempts may be judged at once as may fail before the next delay, and no more.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::id::{AccountId, ClientId};
use super::policy::DAY_MS;
use super::time::Timestamp;
use super::token::InstallKey;

/// Networks of an account that are remembered because somebody was let in from there.
pub const KNOWN_NETWORKS_MAX: usize = 8;
/// How long one is remembered without another success, and a name whose login failed.
pub const REMEMBERED_MS: u64 = 90 * DAY_MS;
/// A success from a known network is noted again when the last note is so old.
pub const NOTED_EVERY_MS: u64 = DAY_MS;
/// Consecutive failures after which strangers are not looked at any more. Source: NIST SP 800-63B-4, 3.2.2.
pub const STOP_AT: u32 = 100;
/// What strangers are told to wait when they are stopped: whether somebody lifted it is seen then.
pub const STOPPED_RETRY_MS: u64 = 3_600_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GuessKind {
    /// Failures of a name from networks from which nobody was let in under it.
    Strangers,
    /// Failures of a name from one network that is known.
    Known,
    /// Failures of a name on one guest key.
    Device,
    /// Failures from one address: an IPv4 address, or an IPv6 network of 64 bits, which is one link.
    Address,
    /// Failures from one network: 24 bits of IPv4, 48 of IPv6, which is what one site is given.
    Network,
    /// Failures on the whole node.
    Node,
}

impl GuessKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Strangers,
        Self::Known,
        Self::Device,
        Self::Address,
        Self::Network,
        Self::Node,
    ];

    /// Its name, as operators see it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strangers => "strangers",
            Self::Known => "known",
            Self::Device => "device",
            Self::Address => "address",
            Self::Network => "network",
            Self::Node => "node",
        }
    }

    /// How long failures count towards delays.
    const fn window(self) -> Window {
        const QUARTER_MS: u64 = 15 * 60_000;
        match self {
            Self::Strangers | Self::Known | Self::Address | Self::Network => {
                Window::SinceLast(QUARTER_MS)
            }
            Self::Device => Window::SinceFirst(QUARTER_MS),
            Self::Node => Window::SinceFirst(60_000),
        }
    }
}

/// How long failures count.
#[derive(Clone, Copy, Debug)]
enum Window {
    /// Until so many milliseconds passed without one.
    SinceLast(u64),
    /// Until so many milliseconds passed since the first of them.
    SinceFirst(u64),
}

/// A keyed digest of that under which failures are counted. Whoever has the key can try names and
/// addresses against it; it is no secret, and no name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark([u8; 16]);

impl Mark {
    /// The mark with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn of(key: &InstallKey, kind: GuessKind, parts: &[&[u8]]) -> Self {
        Self(key.guess_mark(kind.name(), parts))
    }
}

/// A count, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// What is counted.
    pub kind: GuessKind,
    /// Of whom.
    pub mark: Mark,
}

impl Counted {
    /// All failures on the node.
    pub const NODE: Self = Self {
        kind: GuessKind::Node,
        mark: Mark([0; 16]),
    };

    /// Failures of strangers who try a name, given folded.
    #[must_use]
    pub fn strangers(key: &InstallKey, folded: &str) -> Self {
        let kind = GuessKind::Strangers;
        let mark = Mark::of(key, kind, &[folded.as_bytes()]);
        Self { kind, mark }
    }

    /// Failures of an account from the network of this address, should that be known. Marks of two
    /// accounts do not tell that their users share a network.
    #[must_use]
    pub fn known(key: &InstallKey, account: AccountId, address: IpAddr) -> Self {
        let kind = GuessKind::Known;
        let parts: [&[u8]; 2] = [&account.0.to_le_bytes(), &network_of(address)];
        let mark = Mark::of(key, kind, &parts);
        Self { kind, mark }
    }

    /// Failures of a name, given folded, on a guest key. Source: V-60.
    #[must_use]
    pub fn device(key: &InstallKey, client: ClientId, folded: &str) -> Self {
        let kind = GuessKind::Device;
        let mark = Mark::of(key, kind, &[client.as_bytes(), folded.as_bytes()]);
        Self { kind, mark }
    }

    /// Failures from an address.
    #[must_use]
    pub fn address(key: &InstallKey, address: IpAddr) -> Self {
        let kind = GuessKind::Address;
        let mark = Mark::of(key, kind, &[&cut(address, 32, 64)]);
        Self { kind, mark }
    }

    /// Failures from the network of an address.
    #[must_use]
    pub fn network(key: &InstallKey, address: IpAddr) -> Self {
        let kind = GuessKind::Network;
        let mark = Mark::of(key, kind, &[&network_of(address)]);
        Self { kind, mark }
    }
}

fn network_of(address: IpAddr) -> [u8; 16] {
    cut(address, 24, 48)
}

/// The first bits of an address; IPv4 stands in its place within IPv6.
fn cut(address: IpAddr, bits_v4: u32, bits_v6: u32) -> [u8; 16] {
    let (address, bits) = match address.to_canonical() {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped(), 96 + bits_v4),
        IpAddr::V6(v6) => (v6, bits_v6),
    };
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask).octets()
}

/// How long nobody is looked at after too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// One second at first, twice as long after each further failure, and 30 s from there on. Source: M-51.
    Doubling,
    /// Until the window that began with the first failure has passed.
    RestOfWindow,
}

/// The longest of the growing delays, in milliseconds. Source: M-51.
const DELAY_MAX_MS: u64 = 30_000;

/// What failures of one kind cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Failures that cost nothing.
    pub free: u32,
    /// What comes after the free ones.
    pub delay: Delay,
    /// Consecutive failures after which nobody is looked at any more.
    pub stop_at: Option<u32>,
}

/// The bounds that an operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessPolicy {
    /// Failures from one address that cost nothing; 0 for no bound.
    pub per_address: u32,
    /// Failures from one network that cost nothing; 0 for no bound.
    pub per_network: u32,
    /// Failures per minute on the whole node, above which strangers wait; 0 for no bound.
    pub per_minute: u32,
    /// Whoever calls from here calls for many: no bound per address or network. Loopback is always among
    /// them. Source: R24.
    pub backends: Vec<IpNet>,
}

impl Default for GuessPolicy {
    fn default() -> Self {
        Self {
            per_address: 30,
            per_network: 300,
            per_minute: 600,
            backends: Vec::new(),
        }
    }
}

impl GuessPolicy {
    /// The rule for a kind of count.
    #[must_use]
    pub fn rule(&self, kind: GuessKind) -> Rule {
        let bound = |set: u32| if set == 0 { u32::MAX } else { set };
        let (free, delay) = match kind {
            GuessKind::Strangers | GuessKind::Known => (5, Delay::Doubling),
            GuessKind::Device => (5, Delay::RestOfWindow),
            GuessKind::Address => (bound(self.per_address), Delay::Doubling),
            GuessKind::Network => (bound(self.per_network), Delay::Doubling),
            GuessKind::Node => (bound(self.per_minute), Delay::RestOfWindow),
        };
        Rule {
            free,
            delay,
            stop_at: (kind == GuessKind::Strangers).then_some(STOP_AT),
        }
    }

    /// Whether failures are bounded by where they come from.
    #[must_use]
    pub fn bounds(&self, address: IpAddr) -> bool {
        !address.is_loopback() && !self.backends.iter().any(|net| net.contains(&address))
    }
}

/// Failures of one count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Those that count towards delays.
    pub recent: u32,
    /// All since the last success.
    pub consecutive: u32,
    /// When the first of the recent ones was.
    pub first: Timestamp,
    /// When the last one was.
    pub last: Timestamp,
}

impl Tally {
    /// One failure.
    #[must_use]
    pub const fn one(at: Timestamp) -> Self {
        Self {
            recent: 1,
            consecutive: 1,
            first: at,
            last: at,
        }
    }

    /// After one more failure.
    #[must_use]
    pub fn and_one(self, kind: GuessKind, at: Timestamp) -> Self {
        if self.is_over(kind, at) {
            return Self::one(at);
        }
        let lapsed = self.recent == 0 || self.is_lapsed(kind, at);
        Self {
            recent: if lapsed { 0 } else { self.recent }.saturating_add(1),
            consecutive: self.consecutive.saturating_add(1),
            first: if lapsed { at } else { self.first },
            last: at,
        }
    }

    /// Whether it counts towards no delay any more.
    fn is_lapsed(&self, kind: GuessKind, now: Timestamp) -> bool {
        match kind.window() {
            Window::SinceLast(ms) => now.since_ms(self.last) >= ms,
            Window::SinceFirst(ms) => now.since_ms(self.first) >= ms,
        }
    }

    /// Whether it says nothing any more: it may be forgotten.
    #[must_use]
    pub fn is_over(&self, kind: GuessKind, now: Timestamp) -> bool {
        match kind {
            GuessKind::Strangers => now.since_ms(self.last) >= REMEMBERED_MS,
            _ => self.is_lapsed(kind, now),
        }
    }

    /// Whether nobody is looked at any more.
    #[must_use]
    pub fn is_stopped(&self, rule: Rule) -> bool {
        rule.stop_at.is_some_and(|at| self.consecutive >= at)
    }

    /// Milliseconds until the next attempt is looked at.
    #[must_use]
    pub fn wait_ms(&self, kind: GuessKind, rule: Rule, now: Timestamp) -> u64 {
        if self.is_over(kind, now) {
            return 0;
        }
        if self.is_stopped(rule) {
            return STOPPED_RETRY_MS;
        }
        let beyond = self.recent.checked_sub(rule.free);
        let Some(beyond) = beyond.filter(|_| !self.is_lapsed(kind, now)) else {
            return 0;
        };
        match (rule.delay, kind.window()) {
            (Delay::RestOfWindow, Window::SinceFirst(ms)) => {
                ms.saturating_sub(now.since_ms(self.first))
            }
            (Delay::RestOfWindow | Delay::Doubling, _) => {
                let delay_ms = (1_000_u64 << beyond.min(16)).min(DELAY_MAX_MS);
                delay_ms.saturating_sub(now.since_ms(self.last))
            }
        }
    }

    /// How many attempts may be judged at once: no more than may fail before the next delay or the stop.
    #[must_use]
    pub fn room(&self, kind: GuessKind, rule: Rule, now: Timestamp) -> u32 {
        let (recent, consecutive) = match (self.is_over(kind, now), self.is_lapsed(kind, now)) {
            (true, _) => (0, 0),
            (false, true) => (0, self.consecutive),
            (false, false) => (self.recent, self.consecutive),
        };
        let left = rule.stop_at.unwrap_or(u32::MAX).saturating_sub(consecutive);
        rule.free.saturating_sub(recent).max(1).min(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn rule(kind: GuessKind) -> Rule {
        GuessPolicy::default().rule(kind)
    }

    fn failed(kind: GuessKind, times: u32, when: Timestamp) -> Tally {
        (1..times).fold(Tally::one(when), |tally, _| tally.and_one(kind, when))
    }

    #[test]
    fn delays_begin_after_five_failures_double_and_end_at_thirty_seconds() {
        for kind in [GuessKind::Strangers, GuessKind::Known] {
            let waits: Vec<_> = (1..=11)
                .map(|n| failed(kind, n, at(0)).wait_ms(kind, rule(kind), at(0)) / 1_000)
                .collect();
            assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30]);
            let many = failed(kind, 11, at(0));
            assert_eq!(many.wait_ms(kind, rule(kind), at(29_999)), 1);
            assert_eq!(many.wait_ms(kind, rule(kind), at(30_000)), 0);
        }
    }

    #[test]
    fn a_window_is_shut_for_the_rest_of_it() {
        let kind = GuessKind::Device;
        let tally = (1..5).fold(Tally::one(at(0)), |t, n| t.and_one(kind, at(n * 60_000)));
        assert_eq!(tally.wait_ms(kind, rule(kind), at(240_000)), 660_000);
        assert_eq!(tally.wait_ms(kind, rule(kind), at(899_999)), 1);
        assert_eq!(tally.wait_ms(kind, rule(kind), at(900_000)), 0);
        assert_eq!(tally.room(kind, rule(kind), at(900_000)), 5);
        let next = tally.and_one(kind, at(900_000));
        assert_eq!((next.recent, next.first), (1, at(900_000)));
    }

    #[test]
    fn no_more_are_judged_at_once_than_may_fail_before_a_delay_or_the_stop() {
        let kind = GuessKind::Strangers;
        let room = |times, now| failed(kind, times, at(0)).room(kind, rule(kind), at(now));
        assert_eq!([1, 2, 4, 5, 9].map(|times| room(times, 0)), [4, 3, 1, 1, 1]);
        // A quarter of an hour later delays are forgotten; the failures are not.
        assert_eq!(room(9, 900_000), 5);
        assert_eq!(room(97, 900_000), 3);
        assert_eq!(room(99, 900_000), 1);
    }

    #[test]
    fn strangers_alone_are_stopped_and_only_a_quarter_of_a_year_forgets_that() {
        let stopped = failed(GuessKind::Strangers, STOP_AT, at(0));
        let wait = |now| stopped.wait_ms(GuessKind::Strangers, rule(GuessKind::Strangers), at(now));
        assert_eq!(wait(0), STOPPED_RETRY_MS);
        assert_eq!(wait(REMEMBERED_MS - 1), STOPPED_RETRY_MS);
        assert_eq!(wait(REMEMBERED_MS), 0);
        // Slowly is not a way around it.
        let mut slow = Tally::one(at(0));
        for n in 1..u64::from(STOP_AT) {
            let now = at(n * 900_000);
            assert_eq!(
                slow.wait_ms(GuessKind::Strangers, rule(GuessKind::Strangers), now),
                0
            );
            slow = slow.and_one(GuessKind::Strangers, now);
        }
        assert!(slow.is_stopped(rule(GuessKind::Strangers)));
        let known = failed(GuessKind::Known, 1_000, at(0));
        assert_eq!(
            known.wait_ms(GuessKind::Known, rule(GuessKind::Known), at(0)),
            30_000
        );
    }

    #[test]
    fn no_bound_is_no_bound() {
        let policy = GuessPolicy {
            per_address: 0,
            per_network: 0,
            per_minute: 0,
            ..GuessPolicy::default()
        };
        for kind in [GuessKind::Address, GuessKind::Network, GuessKind::Node] {
            let many = failed(kind, 10_000, at(0));
            assert_eq!(many.wait_ms(kind, policy.rule(kind), at(0)), 0);
            assert!(many.room(kind, policy.rule(kind), at(0)) > 1_000_000);
        }
    }

    #[test]
    fn addresses_are_counted_alone_and_by_their_network() {
        let key = InstallKey::new([7; 32]);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let same = |of: fn(&InstallKey, IpAddr) -> Counted, a: &str, b: &str| {
            of(&key, address(a)) == of(&key, address(b))
        };
        assert!(!same(Counted::address, "192.0.2.1", "192.0.2.2"));
        assert!(same(Counted::address, "192.0.2.1", "::ffff:192.0.2.1"));
        assert!(same(Counted::network, "192.0.2.1", "192.0.2.254"));
        assert!(!same(Counted::network, "192.0.2.1", "192.0.3.1"));
        assert!(same(Counted::address, "2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same(Counted::address, "2001:db8::1", "2001:db8:0:1::1"));
        assert!(same(Counted::network, "2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same(Counted::network, "2001:db8::1", "2001:db8:1::1"));
        let known = |account, of| Counted::known(&key, AccountId(account), address(of));
        assert_eq!(known(1, "192.0.2.1"), known(1, "192.0.2.9"));
        assert_ne!(known(1, "192.0.2.1"), known(2, "192.0.2.1"));
    }

    #[test]
    fn loopback_and_backends_are_many() {
        let policy = GuessPolicy {
            backends: vec!["10.0.0.0/8".parse().unwrap()],
            ..GuessPolicy::default()
        };
        for (address, bounded) in [
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("::1", false),
            ("10.1.2.3", false),
            ("192.0.2.1", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(
                policy.bounds(address.parse().unwrap()),
                bounded,
                "{address}"
            );
        }
    }
}

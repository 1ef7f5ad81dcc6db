//! Who may be looked at now: what failed before, and who is being looked at at this moment.
//!
//! What failed is kept by the directory ([`crate::engine::guesses`]) and read here; only those who are being
//! judged, or wait for that, are known to this file. Invariants: no more attempts of one count are judged at
//! once than may fail before its next delay, so guesses at the same instant learn no more than guesses in a
//! row; an attempt stays among those being judged until its failure is counted; whoever waits is called only
//! for something, one at a time, and calls the next: a verdict wakes nobody whom it does not concern, and
//! never a crowd; a count under which nobody is judged or waits takes no room.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use hashbrown::HashMap;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::engine::guesses::Success;
use crate::engine::world::World;
use crate::session::guessing::{Counted, GuessKind, GuessPolicy};
use crate::session::id::{AccountId, ClientId};
use crate::session::time::Timestamp;

/// Under what the failures of an attempt are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    /// The name: as strangers try it, or as somebody does on a network from which he is known.
    name: Counted,
    /// The name as strangers try it.
    strangers: Counted,
    /// The name on one guest key, for surfaces that count that.
    device: Option<Counted>,
    /// Address, network and node.
    places: Vec<Counted>,
    address: Option<IpAddr>,
}

impl Counts {
    /// The counts of an attempt on a name, given folded, from this address and on this guest key.
    ///
    /// Takes the same time whether there is an account of that name or not (R19).
    pub(super) fn of(
        world: &World,
        policy: &GuessPolicy,
        folded: &str,
        address: Option<IpAddr>,
        client: Option<ClientId>,
        now: Timestamp,
    ) -> Self {
        let key = &world.install_key;
        let account = world.accounts.by_folded_name(folded).map(|(id, _)| id);
        // No account has this place.
        let account = account.unwrap_or(AccountId(u32::MAX));
        let strangers = Counted::strangers(key, folded);
        let known = address.and_then(|from| world.guesses.known_from(key, account, from, now));
        let bounded = address.filter(|from| policy.bounds(*from));
        let places = bounded.map(|from| [Counted::address(key, from), Counted::network(key, from)]);
        Self {
            name: known.unwrap_or(strangers),
            strangers,
            device: client.map(|client| Counted::device(key, client, folded)),
            places: places
                .into_iter()
                .flatten()
                .chain([Counted::NODE])
                .collect(),
            address,
        }
    }

    /// Those that a failure counts under: all.
    pub(super) fn failed(&self) -> Vec<Counted> {
        let own = std::iter::once(self.name).chain(self.device);
        own.chain(self.places.iter().copied()).collect()
    }

    /// The count of the name on a guest key.
    pub(super) fn device(&self) -> Option<Counted> {
        self.device
    }

    /// What is forgotten when `account` is let in. Whoever tries its name from elsewhere goes on waiting,
    /// but is no longer on the way to the stop.
    pub(super) fn succeeded(&self, world: &World, account: AccountId) -> Success {
        let from = |address| Counted::known(&world.install_key, account, address).mark;
        let is_stranger = self.name == self.strangers;
        Success {
            cleared: std::iter::once(self.name).chain(self.device).collect(),
            relieved: (!is_stranger)
                .then_some(self.strangers)
                .into_iter()
                .collect(),
            known: self.address.map(|address| (account, from(address))),
        }
    }

    /// Those that are asked before it is looked at: whoever is known waits for himself alone.
    fn asked(&self) -> impl Iterator<Item = Counted> {
        let is_stranger = self.name.kind == GuessKind::Strangers;
        let places = self.places.iter().filter(move |_| is_stranger).copied();
        std::iter::once(self.name).chain(self.device).chain(places)
    }
}

/// Whether an attempt may be judged now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes; once it is begun, [`Judging::end`] must follow.
    Now,
    /// As many as may be are being judged under this count: wait in its line, and ask again.
    Soon(Counted),
    /// Not for so many milliseconds.
    After(u64),
}

/// The attempts that are being judged, and those that wait for it, by count.
#[derive(Debug, Default)]
pub(super) struct Judging(HashMap<Counted, Line>);

/// Those of one count.
#[derive(Debug, Default)]
struct Line {
    judged: u32,
    waiting: u32,
    /// By which those who wait are called; there once somebody waited.
    call: Option<Arc<Notify>>,
}

impl Judging {
    /// Asks whether an attempt may be judged now, and then takes it for one that is.
    pub(super) fn begin(
        &mut self,
        world: &World,
        policy: &GuessPolicy,
        counts: &Counts,
        now: Timestamp,
    ) -> Admission {
        let admission = self.look(world, policy, counts, now);
        if admission == Admission::Now {
            for of in counts.asked() {
                self.0.entry(of).or_default().judged += 1;
            }
        }
        admission
    }

    /// Asks whether an attempt might be judged now: all of its counts must let it through.
    pub(super) fn look(
        &self,
        world: &World,
        policy: &GuessPolicy,
        counts: &Counts,
        now: Timestamp,
    ) -> Admission {
        let mut wait_ms = 0;
        let mut full = None;
        for of in counts.asked() {
            let (wait_of_ms, room) = standing(world, policy, of, now);
            wait_ms = wait_ms.max(wait_of_ms);
            let is_full = self.0.get(&of).is_some_and(|line| line.judged >= room);
            full = full.or_else(|| is_full.then_some(of));
        }
        if wait_ms > 0 {
            return Admission::After(wait_ms);
        }
        full.map_or(Admission::Now, Admission::Soon)
    }

    /// Whether nobody is judged or waits.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An attempt that was let through is over, and counted if it failed.
    pub(super) fn end(
        &mut self,
        world: &World,
        policy: &GuessPolicy,
        counts: &Counts,
        now: Timestamp,
    ) {
        for of in counts.asked() {
            if let Some(line) = self.0.get_mut(&of) {
                line.judged = line.judged.saturating_sub(1);
            }
            self.call(world, policy, of, now);
        }
    }

    /// Waits in the line of a count; [`Judging::leave`] must follow. What comes is there before the call, so that no
    /// call goes unheard.
    pub(super) fn wait(&mut self, of: Counted) -> Pin<Box<OwnedNotified>> {
        let line = self.0.entry(of).or_default();
        line.waiting += 1;
        let call = line.call.get_or_insert_default().clone();
        let mut called = Box::pin(call.notified_owned());
        called.as_mut().enable();
        called
    }

    /// Somebody waits no longer: he was called and asked, or he hung up.
    pub(super) fn leave(
        &mut self,
        world: &World,
        policy: &GuessPolicy,
        of: Counted,
        now: Timestamp,
    ) {
        if let Some(line) = self.0.get_mut(&of) {
            line.waiting = line.waiting.saturating_sub(1);
        }
        self.call(world, policy, of, now);
    }

    /// Calls whoever waits longest, if he might be judged now, or is to be told to go.
    fn call(&mut self, world: &World, policy: &GuessPolicy, of: Counted, now: Timestamp) {
        let Some(line) = self.0.get(&of) else { return };
        if line.judged == 0 && line.waiting == 0 {
            self.0.remove(&of);
            return;
        }
        let Some(call) = line.call.as_ref().filter(|_| line.waiting > 0) else {
            return;
        };
        let (wait_ms, room) = standing(world, policy, of, now);
        if wait_ms > 0 || line.judged < room {
            call.notify_one();
        }
    }
}

/// How many milliseconds nobody is looked at under a count, and how many may be judged at once.
fn standing(world: &World, policy: &GuessPolicy, of: Counted, now: Timestamp) -> (u64, u32) {
    let rule = policy.rule(of.kind);
    let Some(tally) = world.guesses.tally(of) else {
        return (0, rule.free.max(1));
    };
    (
        tally.wait_ms(of.kind, rule, now),
        tally.room(of.kind, rule, now),
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::engine::event::{DirectoryEvent, Part};
    use crate::engine::guesses::COUNTS_MAX;
    use crate::session::guessing::STOPPED_RETRY_MS;
    use crate::session::token::InstallKey;

    struct Scene {
        world: World,
        policy: GuessPolicy,
        judging: Judging,
    }

    impl Scene {
        fn set() -> Self {
            Self {
                world: World::new(InstallKey::new([7; 32])),
                policy: GuessPolicy::default(),
                judging: Judging::default(),
            }
        }

        fn counts(&self, name: &str, from: Option<&str>, at_ms: u64) -> Counts {
            let from = from.map(|from| from.parse().unwrap());
            let now = Timestamp::from_ms(at_ms);
            Counts::of(&self.world, &self.policy, name, from, None, now)
        }

        fn apply(&self, event: DirectoryEvent) {
            self.world.apply(&Part::Directory(event), None);
        }

        fn fail(&self, name: &str, from: Option<&str>, times: usize, at_ms: u64) {
            for _ in 0..times {
                self.apply(DirectoryEvent::GuessFailed {
                    at: Timestamp::from_ms(at_ms),
                    counts: self.counts(name, from, at_ms).failed(),
                });
            }
        }

        fn ask(&mut self, name: &str, from: Option<&str>, at_ms: u64) -> Admission {
            let counts = self.counts(name, from, at_ms);
            let now = Timestamp::from_ms(at_ms);
            self.judging.begin(&self.world, &self.policy, &counts, now)
        }

        fn end(&mut self, name: &str, at_ms: u64) {
            let counts = self.counts(name, None, at_ms);
            let now = Timestamp::from_ms(at_ms);
            self.judging.end(&self.world, &self.policy, &counts, now);
        }

        fn strangers(&self, name: &str) -> Counted {
            Counted::strangers(&self.world.install_key, name)
        }

        fn soon(&self, name: &str) -> Admission {
            Admission::Soon(self.strangers(name))
        }

        fn wait(&mut self, of: Counted) -> Pin<Box<OwnedNotified>> {
            self.judging.wait(of)
        }

        /// Whoever waited has asked again, or hung up.
        fn leave(&mut self, of: Counted) {
            let now = Timestamp::from_ms(0);
            self.judging.leave(&self.world, &self.policy, of, now);
        }
    }

    #[test]
    fn no_more_are_judged_at_once_than_may_fail() {
        let mut scene = Scene::set();
        for _ in 0..5 {
            assert_eq!(scene.ask("alice", None, 0), Admission::Now);
        }
        assert_eq!(scene.ask("alice", None, 0), scene.soon("alice"));
        assert_eq!(scene.ask("bob", None, 0), Admission::Now);
        scene.end("alice", 0);
        assert_eq!(scene.ask("alice", None, 0), Admission::Now);
        scene.fail("alice", None, 5, 0);
        assert_eq!(scene.ask("alice", None, 0), Admission::After(1_000));
        for _ in 0..6 {
            scene.end("alice", 0);
        }
        scene.end("bob", 0);
        assert_eq!(scene.ask("alice", None, 1_000), Admission::Now);
        assert_eq!(scene.ask("alice", None, 1_000), scene.soon("alice"));
        scene.end("alice", 0);
        assert!(scene.judging.is_empty());
    }

    #[test]
    fn a_verdict_calls_nobody_for_nothing_and_one_at_a_time() {
        let mut scene = Scene::set();
        let of = scene.strangers("alice");
        for _ in 0..5 {
            assert_eq!(scene.ask("alice", None, 0), Admission::Now);
        }
        let mut waiting = [(); 3].map(|()| scene.wait(of));
        let mut called = || waiting.each_mut().map(is_called);
        // It leaves as little room as before it, or concerns others.
        scene.fail("alice", None, 1, 0);
        scene.end("alice", 0);
        assert_eq!(scene.ask("bob", None, 0), Admission::Now);
        scene.end("bob", 0);
        assert_eq!(called(), [false, false, false]);
        // One that leaves room, and nobody takes it.
        scene.end("alice", 0);
        assert_eq!(called(), [true, false, false]);
        scene.leave(of);
        assert_eq!(called(), [true, true, false]);
        // He takes it.
        assert_eq!(scene.ask("alice", None, 0), Admission::Now);
        scene.leave(of);
        assert_eq!(called(), [true, true, false]);
        // The last of those who may fail did.
        scene.fail("alice", None, 4, 0);
        scene.end("alice", 0);
        assert_eq!(called(), [true, true, true]);
        scene.leave(of);
        for _ in 0..3 {
            scene.end("alice", 0);
        }
        assert!(scene.judging.is_empty());
    }

    #[test]
    fn who_hangs_up_when_called_has_the_next_one_called() {
        let mut scene = Scene::set();
        let of = scene.strangers("alice");
        for _ in 0..5 {
            assert_eq!(scene.ask("alice", None, 0), Admission::Now);
        }
        let (first, second, mut third) = (scene.wait(of), scene.wait(of), scene.wait(of));
        drop(second);
        scene.leave(of);
        assert!(!is_called(&mut third), "there is no room yet");
        scene.end("alice", 0);
        drop(first);
        scene.leave(of);
        assert!(is_called(&mut third));
        for _ in 0..4 {
            scene.end("alice", 0);
        }
        assert!(!scene.judging.is_empty(), "he has not asked yet");
        scene.leave(of);
        assert!(scene.judging.is_empty());
    }

    /// Whether a call came.
    fn is_called(waiting: &mut Pin<Box<OwnedNotified>>) -> bool {
        waiting.as_mut().now_or_never().is_some()
    }

    #[test]
    fn addresses_and_networks_are_bounded_and_loopback_is_not() {
        let mut scene = Scene::set();
        for n in 0..30 {
            scene.fail(&format!("name{n}"), Some("192.0.2.1"), 1, 0);
        }
        let told = scene.ask("another", Some("192.0.2.1"), 0);
        assert_eq!(told, Admission::After(1_000));
        assert_eq!(scene.ask("another", Some("192.0.2.2"), 0), Admission::Now);
        for n in 0..270 {
            let from = format!("192.0.2.{}", 2 + n % 200);
            scene.fail(&format!("more{n}"), Some(&from), 1, 0);
        }
        let told = scene.ask("another", Some("192.0.2.250"), 0);
        assert_eq!(told, Admission::After(1_000));
        assert_eq!(scene.ask("another", Some("192.0.3.1"), 0), Admission::Now);
        for n in 0..100 {
            scene.fail(&format!("local{n}"), Some("127.0.0.1"), 1, 0);
        }
        assert_eq!(scene.ask("another", Some("127.0.0.1"), 0), Admission::Now);
    }

    #[test]
    fn the_node_bounds_strangers_by_the_minute() {
        let mut scene = Scene::set();
        for n in 0..600 {
            scene.fail(&format!("name{n}"), None, 1, 10_000);
        }
        assert_eq!(scene.ask("another", None, 10_000), Admission::After(60_000));
        assert_eq!(scene.ask("another", None, 69_999), Admission::After(1));
        assert_eq!(scene.ask("another", None, 70_000), Admission::Now);
    }

    #[test]
    fn a_hundred_failures_stop_strangers() {
        let mut scene = Scene::set();
        for n in 0..100_u64 {
            let now = n * 30_000;
            assert_eq!(scene.ask("alice", None, now), Admission::Now, "{n}");
            scene.fail("alice", None, 1, now);
            scene.end("alice", now);
        }
        let stopped = Admission::After(STOPPED_RETRY_MS);
        assert_eq!(scene.ask("alice", None, 86_400_000), stopped);
    }

    /// C8 of the reliability goals: the table is filled with random names, then the victim is attacked.
    #[test]
    fn a_flood_of_names_does_not_wash_the_victim_away() {
        let mut scene = Scene::set();
        scene.fail("victim", None, 8, 0);
        for n in 0..COUNTS_MAX * 2 {
            scene.apply(DirectoryEvent::GuessFailed {
                at: Timestamp::from_ms(1),
                counts: vec![Counted::strangers(
                    &scene.world.install_key,
                    &format!("name{n}"),
                )],
            });
        }
        let strangers = scene.world.guesses.tallies().into_iter();
        let strangers = strangers.filter(|(of, _)| of.kind == GuessKind::Strangers);
        assert_eq!(strangers.count(), COUNTS_MAX);
        assert_eq!(scene.ask("victim", None, 1), Admission::After(7_999));
    }
}

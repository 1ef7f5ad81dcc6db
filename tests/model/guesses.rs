//! Counts of failed guesses against a history that is read anew for every question. Source: R26.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use sessile::engine::command::{AccountChange, Command};
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Part};
use sessile::engine::guesses::{CountChange, Success};
use sessile::session::account::PasswordHash;
use sessile::session::guessing::{Counted, GuessKind, GuessPolicy, KNOWN_NETWORKS_MAX, Tally};
use sessile::session::id::{AccountId, ClientId};
use sessile::session::time::Timestamp;

use crate::ensure;
use crate::names::{START, account, install_key};
use crate::scene::Scene;
use crate::seeds;

const NAMES: [&str; 3] = ["alice", "bob", "nobody"];
const QUARTER_MS: u64 = 900_000;
const DAY_MS: u64 = 86_400_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A name, the network it is tried from, and whether on a guest key.
    Fail(u8, u8, bool),
    Succeed(u8, u8, bool),
    Clear(u8),
    Password(u8),
    Advance(u64),
    Sweep,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = || 0..3_u8;
    // Ten networks, so that an account may have more than it is known from.
    let place = || prop_oneof![3 => 0..2_u8, 1 => 0..10_u8];
    let ms = prop_oneof![
        6 => 0..40_000_u64,
        2 => 800_000..1_000_000_u64,
        1 => (0..100_u64).prop_map(|days| days * DAY_MS),
    ];
    let step = prop_oneof![
        24 => (name(), place(), any::<bool>()).prop_map(|(n, p, d)| Step::Fail(n, p, d)),
        3 => (name(), place(), any::<bool>()).prop_map(|(n, p, d)| Step::Succeed(n, p, d)),
        1 => name().prop_map(Step::Clear),
        1 => name().prop_map(Step::Password),
        8 => ms.prop_map(Step::Advance),
        4 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..400)
}

/// What became of a count: failures, and where they stopped being consecutive.
#[derive(Clone, Copy)]
enum Entry {
    Failed(Timestamp),
    Relieved,
}

#[derive(Default)]
struct History {
    counts: BTreeMap<Counted, Vec<Entry>>,
    /// By account: network and last success, the latest last.
    known: BTreeMap<u8, Vec<(u8, Timestamp)>>,
    /// When a success was noted last: it is not noted again within a day.
    now: Timestamp,
}

fn address(place: u8) -> IpAddr {
    IpAddr::from([192, 0, place, 7])
}

fn text(name: u8) -> &'static str {
    NAMES.get(usize::from(name)).copied().unwrap_or("nobody")
}

fn id(name: u8) -> AccountId {
    AccountId(name.into())
}

fn exists(name: u8) -> bool {
    text(name) != "nobody"
}

fn fail(counts: Vec<Counted>) -> Command {
    Command::Count(CountChange::Fail(counts))
}

fn succeed(success: Success) -> Command {
    Command::Count(CountChange::Succeed(success))
}

fn clear(account: AccountId) -> Command {
    Command::Count(CountChange::Clear(account))
}

fn device(name: u8) -> Counted {
    Counted::device(&install_key(), ClientId::from_bytes([9; 16]), text(name))
}

impl History {
    fn is_known(&self, name: u8, place: u8) -> bool {
        let known = self.known.get(&name).into_iter().flatten();
        known
            .into_iter()
            .any(|(from, seen)| *from == place && self.now.since_ms(*seen) < 90 * DAY_MS)
    }

    fn name_count(&self, name: u8, place: u8) -> Counted {
        if exists(name) && self.is_known(name, place) {
            Counted::known(&install_key(), id(name), address(place))
        } else {
            Counted::strangers(&install_key(), text(name))
        }
    }

    fn fail(&mut self, counts: &[Counted]) {
        for of in counts {
            let entries = self.counts.entry(*of).or_default();
            entries.push(Entry::Failed(self.now));
        }
    }

    fn learn(&mut self, name: u8, place: u8) {
        let now = self.now;
        let known = self.known.entry(name).or_default();
        let noted = known
            .iter()
            .any(|(from, seen)| *from == place && now.since_ms(*seen) < DAY_MS);
        if !noted {
            known.retain(|(from, seen)| *from != place && now.since_ms(*seen) < 90 * DAY_MS);
            if known.len() == KNOWN_NETWORKS_MAX {
                known.remove(0);
            }
            known.push((place, now));
        }
    }

    /// How long the next attempt waits, read off the whole history of a count.
    fn wait_ms(&self, of: Counted) -> u64 {
        let entries = self.counts.get(&of).map(Vec::as_slice).unwrap_or_default();
        let (mut recent, mut consecutive) = (Vec::<Timestamp>::new(), 0_u32);
        let mut last = None::<Timestamp>;
        for entry in entries {
            match entry {
                Entry::Relieved => consecutive = 0,
                Entry::Failed(at) => {
                    let gap = last.map_or(u64::MAX, |last| at.since_ms(last));
                    if of.kind != GuessKind::Strangers || gap >= 90 * DAY_MS {
                        consecutive = 0;
                    }
                    let lapsed = match of.kind {
                        GuessKind::Device => recent
                            .first()
                            .is_none_or(|first| at.since_ms(*first) >= QUARTER_MS),
                        _ => gap >= QUARTER_MS,
                    };
                    if lapsed {
                        recent.clear();
                    }
                    recent.push(*at);
                    consecutive += 1;
                    last = Some(*at);
                }
            }
        }
        let (Some(first), Some(last)) = (recent.first(), last) else {
            return 0;
        };
        let since = self.now.since_ms(last);
        if consecutive >= 100 && of.kind == GuessKind::Strangers && since < 90 * DAY_MS {
            return 3_600_000;
        }
        let delays = [0, 0, 0, 0, 0, 1_000, 2_000, 4_000, 8_000, 16_000];
        match of.kind {
            GuessKind::Device if recent.len() >= 5 => {
                QUARTER_MS.saturating_sub(self.now.since_ms(*first))
            }
            GuessKind::Device => 0,
            _ if since >= QUARTER_MS => 0,
            _ => {
                let delay = delays.get(recent.len()).copied().unwrap_or(30_000);
                u64::saturating_sub(delay, since)
            }
        }
    }
}

fn play(steps: &[Step]) -> Result<(), String> {
    let mut scene = Scene::new();
    let mut history = History::default();
    for name in NAMES.into_iter().filter(|name| *name != "nobody") {
        scene.account(account(name));
    }
    let policy = GuessPolicy::default();
    for (number, step) in steps.iter().enumerate() {
        history.now = scene.now;
        match *step {
            Step::Fail(name, place, on_device) => {
                let own = history.name_count(name, place);
                let counts: Vec<_> = std::iter::once(own)
                    .chain(on_device.then(|| device(name)))
                    .collect();
                let done = scene.done(&fail(counts.clone()));
                ensure!(
                    done.parts.len() == 1,
                    "step {number}: a failure is one record"
                );
                history.fail(&counts);
            }
            Step::Succeed(name, place, on_device) if exists(name) => {
                let own = history.name_count(name, place);
                let strangers = Counted::strangers(&install_key(), text(name));
                let cleared: Vec<_> = std::iter::once(own)
                    .chain(on_device.then(|| device(name)))
                    .collect();
                let relieved = (own != strangers).then_some(strangers);
                let mark = Counted::known(&install_key(), id(name), address(place)).mark;
                let success = Success {
                    cleared: cleared.clone(),
                    relieved: relieved.into_iter().collect(),
                    known: Some((id(name), mark)),
                };
                scene.done(&succeed(success));
                for of in cleared {
                    history.counts.remove(&of);
                }
                if let Some(entries) = relieved.and_then(|of| history.counts.get_mut(&of)) {
                    entries.push(Entry::Relieved);
                }
                history.learn(name, place);
            }
            Step::Succeed(..) => {}
            Step::Clear(name) if exists(name) => {
                scene.done(&clear(id(name)));
                let strangers = Counted::strangers(&install_key(), text(name));
                history.counts.remove(&strangers);
                let known: Vec<_> = (0..10).filter(|p| history.is_known(name, *p)).collect();
                for place in known {
                    let of = Counted::known(&install_key(), id(name), address(place));
                    history.counts.remove(&of);
                }
            }
            Step::Clear(name) => {
                let refused = scene.ask(&clear(id(name)));
                ensure!(
                    refused.err() == Some(Refusal::AccountNotFound),
                    "step {number}: nobody has failures to clear"
                );
            }
            Step::Password(name) if exists(name) => {
                let hash = PasswordHash(format!("$hash${number}").into());
                scene.change(id(name), AccountChange::Password(Some(hash)), None);
                history.known.remove(&name);
            }
            Step::Password(_) => {}
            Step::Advance(ms) => scene.now = scene.now.plus_ms(ms),
            Step::Sweep => {
                // As often as it takes to come round.
                for _ in 0..3 {
                    scene.now = scene.now.plus_ms(1_000);
                    scene.driver.sweep_guesses(scene.now);
                }
            }
            Step::Restart => scene.driver.restart()?,
        }
        history.now = scene.now;
        agree(&scene, &history, &policy)
            .map_err(|why| format!("step {number}, {step:?}: {why}"))?;
    }
    scene.driver.restart()
}

/// Every count there can be costs what its history says, and every network is known that should be.
fn agree(scene: &Scene, history: &History, policy: &GuessPolicy) -> Result<(), String> {
    let guesses = &scene.driver.world.guesses;
    let (now, key) = (scene.now, install_key());
    for (name, text) in (0..3_u8).map(|name| (name, text(name))) {
        let mut counts = vec![Counted::strangers(&key, text), device(name)];
        for place in (0..10).filter(|_| exists(name)) {
            let count = Counted::known(&key, id(name), address(place));
            counts.push(count);
            let known = guesses.known_from(&key, id(name), address(place), now);
            let expected = history.is_known(name, place).then_some(count);
            ensure!(
                known == expected,
                "{text} from {place}: {known:?}, not {expected:?}"
            );
        }
        for of in counts {
            let tally = guesses.tally(of);
            let wait = tally.map_or(0, |tally| tally.wait_ms(of.kind, policy.rule(of.kind), now));
            let expected = history.wait_ms(of);
            ensure!(
                wait == expected,
                "{text}, {:?}: waits {wait} ms by {tally:?}, not {expected}",
                of.kind
            );
        }
        if exists(name) {
            let known = guesses.known(id(name), now).len();
            ensure!(known <= KNOWN_NETWORKS_MAX, "{text} is known from {known}");
        }
    }
    Ok(())
}

#[test]
fn counts_cost_what_their_history_says() {
    let name = "counts_cost_what_their_history_says";
    seeds::each(name, 60, &steps(), |steps| play(&steps));
}

#[test]
fn a_success_that_changes_nothing_leaves_no_record() {
    let mut scene = Scene::new();
    let alice = scene.account(account("alice"));
    let mark = Counted::known(&install_key(), alice, address(1)).mark;
    let strangers = Counted::strangers(&install_key(), "alice");
    let success = succeed(Success {
        cleared: vec![strangers],
        relieved: Vec::new(),
        known: Some((alice, mark)),
    });
    assert_eq!(scene.done(&success).parts.len(), 1, "it is news");
    assert_eq!(scene.done(&success).parts, []);
    scene.now = scene.now.plus_ms(DAY_MS - 1);
    assert_eq!(scene.done(&success).parts, []);
    scene.now = scene.now.plus_ms(1);
    assert_eq!(scene.done(&success).parts.len(), 1, "a day has passed");
    scene.done(&fail(vec![strangers]));
    assert_eq!(scene.done(&success).parts.len(), 1, "there was a failure");
    let gone = succeed(Success {
        known: Some((AccountId(77), mark)),
        ..Success::default()
    });
    assert_eq!(scene.done(&gone).parts, [], "nobody is known");
}

#[test]
fn what_is_over_is_forgotten_and_what_was_counted_meanwhile_is_not() {
    let mut scene = Scene::new();
    let network = Counted {
        kind: GuessKind::Network,
        ..Counted::NODE
    };
    scene.done(&fail(vec![network, Counted::NODE]));
    scene.now = scene.now.plus_ms(QUARTER_MS);
    // Decided before another failure, and applied behind it.
    let forgotten = Part::Directory(DirectoryEvent::GuessesForgotten {
        at: scene.now,
        counts: vec![network, Counted::NODE],
        accounts: Vec::new(),
    });
    scene.done(&fail(vec![network]));
    scene.driver.apply(&forgotten);
    let guesses = &scene.driver.world.guesses;
    assert_eq!(guesses.tally(network), Some(Tally::one(scene.now)));
    assert_eq!(guesses.tally(Counted::NODE), None);
    scene.now = scene.now.plus_ms(QUARTER_MS);
    scene.driver.sweep_guesses(scene.now);
    assert_eq!(scene.driver.world.guesses.tallies(), []);
    scene.driver.restart().unwrap();
}

#[test]
fn a_deleted_account_is_known_from_nowhere() {
    let mut scene = Scene::new();
    let alice = scene.account(account("alice"));
    let mark = Counted::known(&install_key(), alice, address(1)).mark;
    scene.done(&succeed(Success {
        known: Some((alice, mark)),
        ..Success::default()
    }));
    assert_eq!(scene.driver.world.guesses.all_known().len(), 1);
    scene.done(&Command::DeleteAccount(alice));
    assert_eq!(scene.driver.world.guesses.all_known(), []);
    assert_eq!(START, scene.now);
}

//! Signing keys that follow each other: random rotations, restarts and jumps of time against the plain
//! rules of who signs and whose tokens are good.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sessile::engine::command::{Command, Rotation};
use sessile::engine::decide::jwts;
use sessile::engine::digest;
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Part};
use sessile::engine::facts;
use sessile::engine::image::DirectoryImage;
use sessile::engine::state::State;
use sessile::session::jwt::{SigningAlgorithm, SigningKey};
use sessile::session::rotation::{self, KEYS_PER_ALGORITHM_MAX, KeyState};
use sessile::session::time::Timestamp;
use sessile::session::token::InstallKey;
use zeroize::Zeroizing;

use crate::digests::digest_of;
use crate::names::START;

const LEAD_MS: u64 = 1_000;
const KEEP_MS: u64 = 5_000;

fn key(n: usize, algorithm: SigningAlgorithm, now: Timestamp) -> SigningKey {
    SigningKey {
        kid: format!("key-{n}").into(),
        algorithm,
        pkcs8: Zeroizing::new(vec![7; 8]),
        created: now,
        signs_from: now,
        expires: None,
    }
}

/// What happens at random.
#[derive(Clone, Debug)]
enum Step {
    /// The first token of an algorithm needs a key.
    Provide(usize),
    Rotate(Vec<usize>, u64),
    Compromise(Vec<usize>),
    Pass(u64),
    Upkeep,
    /// By its image, or by its history.
    Restart(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let algorithms = || prop::sample::subsequence(vec![0_usize, 1, 2], 1..=3);
    let lead = prop_oneof![Just(LEAD_MS), Just(1), 0..2 * LEAD_MS];
    let step = prop_oneof![
        2 => (0..3_usize).prop_map(Step::Provide),
        4 => (algorithms(), lead).prop_map(|(of, lead)| Step::Rotate(of, lead)),
        1 => algorithms().prop_map(Step::Compromise),
        6 => (1..2 * LEAD_MS).prop_map(Step::Pass),
        3 => Just(Step::Upkeep),
        2 => any::<bool>().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

/// What is known of a key apart from the engine.
struct Known {
    algorithm: SigningAlgorithm,
    /// From when on it signs, and the end of its tokens, once another one follows.
    signs_from: Timestamp,
    expires: Option<Timestamp>,
    withdrawn: bool,
}

struct Run {
    state: State,
    history: Vec<Vec<Part>>,
    now: Timestamp,
    /// In the order of their making.
    known: BTreeMap<usize, Known>,
    made: usize,
}

impl Run {
    fn new() -> Self {
        Self {
            state: State::empty(InstallKey::new([1; 32])),
            history: Vec::new(),
            now: START,
            known: BTreeMap::new(),
            made: 0,
        }
    }

    fn record(&mut self, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.history.push(parts.clone());
            self.state.replay(self.history.len() as u64, &parts);
        }
    }

    fn ask(&mut self, command: &Command) -> Result<(), Refusal> {
        let State { world, directory } = &mut self.state;
        let decided = facts::decide_in_directory(world, directory, command, self.now)?;
        self.record(decided.parts);
        Ok(())
    }

    fn fresh(&mut self, algorithm: SigningAlgorithm) -> (usize, SigningKey) {
        self.made += 1;
        (self.made, key(self.made, algorithm, self.now))
    }

    /// Keys of an algorithm that are not removed.
    fn of(&self, algorithm: SigningAlgorithm) -> impl DoubleEndedIterator<Item = &Known> {
        let mine = move |known: &&Known| known.algorithm == algorithm && !known.withdrawn;
        self.known.values().filter(mine)
    }

    fn rotate(&mut self, algorithms: &[usize], lead_ms: u64, compromised: bool) {
        let algorithms: Vec<_> = algorithms
            .iter()
            .filter_map(|at| SigningAlgorithm::ALL.get(*at).copied())
            .collect();
        let fresh: Vec<_> = algorithms.iter().map(|a| self.fresh(*a)).collect();
        let full = !compromised
            && algorithms
                .iter()
                .any(|algorithm| self.of(*algorithm).count() >= KEYS_PER_ALGORITHM_MAX);
        let rotation = Rotation {
            keys: fresh.iter().map(|(_, key)| key.clone()).collect(),
            compromised,
            lead_ms,
            keep_ms: KEEP_MS,
        };
        let done = self.ask(&Command::RotateSigningKeys(rotation));
        assert_eq!(done, if full { Err(Refusal::Full) } else { Ok(()) });
        if full {
            return;
        }
        for (n, key) in fresh {
            let before = self.of(key.algorithm).next_back().map(|k| k.signs_from);
            let signs_from = match before {
                Some(before) if !compromised => self.now.plus_ms(lead_ms).max(before),
                _ => self.now,
            };
            for known in self.known.values_mut() {
                let mine = known.algorithm == key.algorithm && !known.withdrawn;
                if mine && compromised {
                    known.withdrawn = true;
                } else if mine && known.expires.is_none() {
                    known.expires = Some(signs_from.plus_ms(KEEP_MS));
                }
            }
            let known = Known {
                algorithm: key.algorithm,
                signs_from,
                expires: None,
                withdrawn: false,
            };
            self.known.insert(n, known);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Provide(at) => {
                let algorithm = *SigningAlgorithm::ALL.get(*at).expect("one of three");
                let (n, key) = self.fresh(algorithm);
                let first = self.of(algorithm).next().is_none();
                self.ask(&Command::AddSigningKey(key))
                    .expect("never refused");
                if first {
                    let known = Known {
                        algorithm,
                        signs_from: self.now,
                        expires: None,
                        withdrawn: false,
                    };
                    self.known.insert(n, known);
                }
            }
            Step::Rotate(algorithms, lead_ms) => self.rotate(algorithms, *lead_ms, false),
            Step::Compromise(algorithms) => self.rotate(algorithms, LEAD_MS, true),
            Step::Pass(ms) => self.now = self.now.plus_ms(*ms),
            Step::Upkeep => {
                let State { world, directory } = &mut self.state;
                let parts = directory.look_after(world, self.now);
                self.record(parts);
                for known in self.known.values_mut() {
                    known.withdrawn |= known.expires.is_some_and(|at| at <= self.now);
                }
            }
            Step::Restart(by_image) => {
                let before = digest::of(&self.state.world);
                let mut next = State::empty(InstallKey::new([1; 32]));
                if *by_image {
                    let image = DirectoryImage::of(&self.state.world, &self.state.directory);
                    next.restore_directory(image, self.history.len() as u64);
                } else {
                    next = State::of_history(InstallKey::new([1; 32]), &self.history);
                }
                assert_eq!(digest::of(&next.world), before);
                self.state = next;
            }
        }
    }

    /// Compares everything that can be asked.
    fn check(&self) {
        let keys = self.state.world.jwts.signing_keys();
        let mut listed: Vec<_> = keys.iter().map(|key| key.kid.to_string()).collect();
        let left = self.known.iter().filter(|(_, known)| !known.withdrawn);
        let expected: Vec<_> = left.map(|(n, _)| format!("key-{n}")).collect();
        assert_eq!(listed, expected);
        listed.dedup();
        for algorithm in SigningAlgorithm::ALL {
            let live: Vec<_> = self.of(algorithm).collect();
            assert!(live.len() <= KEYS_PER_ALGORITHM_MAX);
            let signs = |known: &&&Known| known.signs_from <= self.now;
            let signer = live.iter().rev().find(signs);
            let found = self.state.world.jwts.signing_key(algorithm, self.now);
            // Whoever has a key has one that signs: tokens can be made at every instant.
            assert_eq!(found.is_some(), !live.is_empty());
            let found = found.as_ref().map(|key| key.signs_from);
            assert_eq!(found, signer.map(|known| known.signs_from));
            if let Some(known) = signer {
                // What it signs now may live for as long as the longest token does.
                let left = known.expires.map_or(u64::MAX, |at| at.since_ms(self.now));
                assert!(left > KEEP_MS || left == u64::MAX, "{left}");
            }
        }
        for (n, known) in &self.known {
            let kid = format!("key-{n}");
            let expired = known.expires.is_some_and(|at| at <= self.now);
            let counts = !known.withdrawn && !expired;
            let found = self.state.world.jwts.signing_key_by_id(&kid, self.now);
            assert_eq!(found.is_some(), counts, "{kid}");
            if let Some(key) = found {
                let state = rotation::state(&keys, &key, self.now);
                assert_eq!(
                    state == KeyState::Published,
                    self.now < known.signs_from,
                    "{kid}"
                );
                assert_ne!(state, KeyState::Expired);
            }
        }
    }
}

proptest! {
    #[test]
    fn one_key_signs_at_a_time_and_each_is_kept_until_its_last_token_is_over(steps in steps()) {
        let mut run = Run::new();
        run.check();
        for step in &steps {
            run.step(step);
            run.check();
        }
    }
}

#[test]
fn a_key_that_is_to_sign_is_followed_by_one_that_signs_after_it() {
    let mut run = Run::new();
    run.step(&Step::Provide(0));
    run.step(&Step::Rotate(vec![0], LEAD_MS));
    // The lead became shorter meanwhile: the third would overtake the second.
    run.step(&Step::Rotate(vec![0], 1));
    let at = |run: &Run| {
        let keys = run.state.world.jwts.signing_keys();
        keys.iter()
            .map(|key| key.signs_from.since_ms(START))
            .collect::<Vec<_>>()
    };
    assert_eq!(at(&run), [0, LEAD_MS, LEAD_MS]);
    run.step(&Step::Pass(LEAD_MS));
    let signer = run
        .state
        .world
        .jwts
        .signing_key(SigningAlgorithm::Rs256, run.now);
    assert_eq!(signer.unwrap().kid, "key-3");
}

#[test]
fn the_ninth_key_is_refused_and_a_compromise_never_is() {
    let mut run = Run::new();
    for _ in 0..KEYS_PER_ALGORITHM_MAX + 3 {
        run.step(&Step::Rotate(vec![1], LEAD_MS));
        run.check();
    }
    // Those of another algorithm have room of their own.
    run.step(&Step::Rotate(vec![2], LEAD_MS));
    run.step(&Step::Provide(0));
    run.check();
    assert_eq!(run.of(SigningAlgorithm::Es256).count(), 8);
    run.step(&Step::Compromise(vec![1]));
    run.check();
    assert_eq!(run.of(SigningAlgorithm::Es256).count(), 1);
}

#[test]
fn what_is_said_twice_or_of_a_key_that_is_gone_changes_nothing() {
    let first = key(1, SigningAlgorithm::Rs256, START);
    let added = |key: &SigningKey| {
        Part::Directory(DirectoryEvent::SigningKeyAdded(std::sync::Arc::new(
            key.clone(),
        )))
    };
    let replaced = |kid: &str| {
        let event = DirectoryEvent::SigningKeyReplaced(kid.into(), START.plus_ms(9));
        Part::Directory(event)
    };
    let withdrawn = |kid: &str| Part::Directory(DirectoryEvent::SigningKeyWithdrawn(kid.into()));
    let once = digest_of(&[added(&first), replaced("key-1")]);
    let twice = [
        withdrawn("key-1"),
        replaced("key-1"),
        added(&first),
        replaced("key-2"),
        withdrawn("key-2"),
        replaced("key-1"),
        replaced("key-1"),
    ];
    assert_eq!(digest_of(&twice), once);
    assert_eq!(
        digest_of(&[added(&first), withdrawn("key-1")]),
        digest_of(&[])
    );
}

#[test]
fn every_field_of_a_signing_key_counts() {
    let base = key(1, SigningAlgorithm::Rs256, START);
    let with = |write: fn(&mut SigningKey)| {
        let mut key = base.clone();
        write(&mut key);
        digest_of(&[Part::Directory(DirectoryEvent::SigningKeyAdded(
            std::sync::Arc::new(key),
        ))])
    };
    let digests = [
        with(|_| ()),
        with(|key| key.kid = "other".into()),
        with(|key| key.algorithm = SigningAlgorithm::EdDsa),
        with(|key| key.pkcs8 = Zeroizing::new(vec![8; 8])),
        with(|key| key.created = START.plus_ms(1)),
        with(|key| key.signs_from = START.plus_ms(1)),
        with(|key| key.expires = Some(START.plus_ms(1))),
    ];
    let different: std::collections::BTreeSet<_> = digests.into_iter().collect();
    assert_eq!(different.len(), digests.len());
}

#[test]
fn of_two_first_keys_the_first_one_counts() {
    let first = std::sync::Arc::new(key(1, SigningAlgorithm::Rs256, START));
    let second = key(2, SigningAlgorithm::Rs256, START);
    let decided = jwts::add_key(std::slice::from_ref(&first), &second).unwrap();
    assert_eq!(decided.parts, []);
}

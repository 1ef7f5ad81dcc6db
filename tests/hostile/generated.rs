//! Inputs for every target: its corpus as it is, and changed by a seed, which a failure names.
//!
//! A failing input is made smaller before it is shown, and shown as bytes for `fuzz/corpus/`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::targets::{ALL, Fate, Target};

/// The seed that `./check` uses; what it found once it finds again.
const SEED: u64 = 20_261_127;
/// Bytes of an input.
const BYTES_MAX: usize = 4_096;

/// One change of an input.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Word(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize, usize),
    Splice(prop::sample::Index, prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    let bytes = prop::collection::vec(any::<u8>(), 1..24);
    prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        2 => (at(), bytes).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        3 => (at(), at()).prop_map(|(at, word)| Edit::Word(at, word)),
        2 => (at(), 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (at(), 1..40_usize, 2..40_usize).prop_map(|(at, length, times)| Edit::Repeat(at, length, times)),
        1 => (at(), at(), 1..200_usize).prop_map(|(at, from, length)| Edit::Splice(at, from, length)),
    ]
}

/// How an input is made: of which of the corpus, and what is done to it; or of nothing but chance.
#[derive(Clone, Debug)]
enum Recipe {
    Changed(prop::sample::Index, Vec<Edit>),
    Chance(Vec<u8>),
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let edits = prop::collection::vec(edit(), 0..8);
    prop_oneof![
        4 => (any::<prop::sample::Index>(), edits).prop_map(|(of, edits)| Recipe::Changed(of, edits)),
        2 => prop::collection::vec(any::<u8>(), 0..600).prop_map(Recipe::Chance),
    ]
}

fn made(recipe: &Recipe, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let (mut bytes, edits) = match recipe {
        Recipe::Chance(bytes) => return bytes.clone(),
        Recipe::Changed(of, edits) => (of.get(corpus).clone(), edits),
    };
    for edit in edits {
        let place = |at: &prop::sample::Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match edit {
            Edit::Set(at, byte) => {
                let at = place(at, &bytes);
                if let Some(place) = bytes.get_mut(at) {
                    *place = *byte;
                }
            }
            Edit::Flip(at, bit) => {
                let at = place(at, &bytes);
                if let Some(place) = bytes.get_mut(at) {
                    *place ^= 1 << bit;
                }
            }
            Edit::Insert(at, new) => insert(&mut bytes, at, new),
            Edit::Word(at, word) => {
                if !words.is_empty() {
                    insert(&mut bytes, at, word.get(words).as_bytes());
                }
            }
            Edit::Remove(at, length) => {
                let from = place(at, &bytes);
                let to = (from + length).min(bytes.len());
                bytes.drain(from..to);
            }
            Edit::Repeat(at, length, times) => {
                let from = place(at, &bytes);
                let piece = bytes[from..(from + length).min(bytes.len())].repeat(*times);
                bytes.splice(from..from, piece);
            }
            Edit::Splice(at, from, length) => {
                let other = from.get(corpus);
                let start = place(from, other);
                let piece = other[start..(start + length).min(other.len())].to_vec();
                insert(&mut bytes, at, &piece);
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn insert(bytes: &mut Vec<u8>, at: &prop::sample::Index, new: &[u8]) {
    let at = at.index(bytes.len() + 1);
    bytes.splice(at..at, new.iter().copied());
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The committed inputs of a target.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = corpora().join(target.name);
    let listed = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let inputs: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());
    inputs
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Feeds a target.
fn feed(name: &str) {
    let target = ALL.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(target);
    let fates = RefCell::new(BTreeMap::<Fate, u64>::new());
    let note = |fate| *fates.borrow_mut().entry(fate).or_default() += 1;
    for input in &corpus {
        note((target.run)(input));
    }
    let seed = setting("HOSTILE_SEED").unwrap_or(SEED);
    let factor = setting("HOSTILE_CASES").unwrap_or(1);
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    let cases = target.cases * u32::try_from(factor).unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&recipe(), |recipe| {
        let input = made(&recipe, &corpus, target.words);
        let run = std::panic::AssertUnwindSafe(|| (target.run)(&input));
        match std::panic::catch_unwind(run) {
            Ok(fate) => note(fate),
            Err(_) => {
                let shown = input.escape_ascii();
                return Err(TestCaseError::fail(format!("input: {shown}")));
            }
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{name}, seed {seed}: {failure}");
    }
    let fates = fates.into_inner();
    println!(
        "{name}: {} + {cases} inputs from seed {seed}: {fates:?}",
        corpus.len()
    );
    assert!(
        fates.contains_key(&Fate::Taken),
        "{name}: nothing is ever taken"
    );
    let refuses = name == "round_trips" || fates.contains_key(&Fate::Refused);
    assert!(refuses, "{name}: nothing is ever refused");
}

macro_rules! fed {
    ($($name:ident: $promise:ident;)+) => {
        $(#[test]
        fn $promise() {
            feed(stringify!($name));
        })+
        const FED: &[&str] = &[$(stringify!($name)),+];
    };
}

fed! {
    bodies: a_body_is_taken_only_as_others_read_it_too;
    directory: a_hostile_data_directory_is_refused_or_is_a_state;
    files: a_hostile_image_or_manifest_is_refused_or_is_what_is_written;
    forwarded: an_address_is_the_peers_or_one_that_trusted_proxies_named;
    headers: a_cookie_has_one_reading;
    jsonrpc: whatever_comes_in_a_legal_answer_goes_out;
    paths: a_path_has_one_reading_and_is_not_repeated;
    payloads: a_payload_that_is_read_is_one_that_is_written;
    round_trips: what_was_encoded_is_decoded;
    segments: a_segment_is_its_longest_whole_beginning_or_damage;
    service: no_bytes_on_a_connection_harm_anybody_else;
    templates: a_template_never_sets_what_the_server_sets;
    tokens: a_token_is_taken_only_if_a_published_key_signed_it;
}

#[test]
fn every_target_is_fed() {
    let mut names: Vec<_> = ALL.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(names, FED);
}

//! A whole directory that was cut, flipped and mixed up (F8, F9, F11, F12), and read on a wrong clock (F20).
//!
//! `DECAY_EVERY` says how far apart the bytes are that are flipped and the offsets that are cut at; 1 is
//! all of them, for `tests/campaigns/decay`.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use sessile::clock::{Clock, ManualClock, SystemClock};
use sessile::durability::manifest::Manifest;
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::store::StoreError;
use sessile::engine::image::{DirectoryImage, SlotImage};
use sessile::engine::slot::SlotNumber;
use sessile::engine::state::State;
use sessile::journal::images::{ImageSource, NoImage};
use sessile::session::time::Timestamp;

use crate::whole::{MADE, Whole, digest_of, read, read_at, settings};

const DAY_MS: u64 = 86_400_000;

/// How far apart, or this if nobody says.
fn every(short: usize) -> usize {
    let said = std::env::var("DECAY_EVERY").ok();
    said.map_or(short, |text| text.parse().unwrap())
}

/// A refusal names the file.
fn refused(storage: &FaultyStorage, name: &str) -> String {
    let why = read(storage).err().map(|error| error.to_string());
    let why = why.unwrap_or_else(|| panic!("{name}: it was taken"));
    assert!(why.contains(name), "{name} is not named: {why}");
    why
}

/// Runs on as many threads as there are processors: each takes its part of the places.
fn apart(
    places: Vec<usize>,
    look: impl Fn(usize) -> &'static str + Sync,
) -> Vec<(&'static str, u64)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (tell, told) = sync_channel(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (tell, places, look) = (tell.clone(), &places, &look);
            scope.spawn(move || {
                let mut counts = std::collections::BTreeMap::new();
                for place in places.iter().skip(thread).step_by(threads) {
                    *counts.entry(look(*place)).or_insert(0) += 1;
                }
                tell.send(counts).unwrap();
            });
        }
    });
    drop(tell);
    let mut sum = std::collections::BTreeMap::new();
    for (what, count) in told.into_iter().flatten() {
        *sum.entry(what).or_insert(0) += count;
    }
    sum.into_iter().collect()
}

#[test]
fn a_log_cut_at_any_offset_gives_the_state_of_the_records_before_or_is_refused() {
    let whole = Whole::make();
    let [spare, sealed, open] = segments(&whole);
    for name in [&spare, &sealed, &open] {
        let bytes = whole.contents(name);
        let places = (0..bytes.len()).step_by(every(83)).collect();
        let counts = apart(places, |len| {
            let found = match read(&whole.with(name, &bytes[..len])) {
                Err(error) => {
                    assert!(error.to_string().contains(name.as_str()), "{error}");
                    return "refused";
                }
                Ok(found) => found,
            };
            let digest = digest_of(&found);
            if digest == whole.digest {
                return "whole";
            }
            assert_eq!(*name, open, "cut at {len}");
            // The command whose mark was cut off, or the one before it.
            let last = found.recovered.log.end.last.sequence;
            let next = whole.on_the_way.range(last..).next();
            let before = whole.on_the_way.range(..=last).next_back();
            let mut known = [next, before].into_iter().flatten();
            assert!(known.any(|(_, known)| *known == digest), "cut at {len}");
            if whole
                .on_the_way
                .get(&last)
                .is_some_and(|known| *known != digest)
            {
                panic!("cut at {len}: not the state at {last}");
            }
            "prefix"
        });
        println!("{name} cut at any of {} offsets: {counts:?}", bytes.len());
    }
}

/// Segments: one that only the older generation needs, a sealed one, the open one.
fn segments(whole: &Whole) -> [String; 3] {
    let segments = whole.segments();
    segments
        .try_into()
        .unwrap_or_else(|found| panic!("{found:?}"))
}

#[test]
fn a_flipped_bit_in_any_file_is_refused_made_good_or_cuts_the_last_batch_and_says_so() {
    let whole = Whole::make();
    let [spare, _, open] = segments(&whole);
    let last_known = *whole.on_the_way.values().next_back().unwrap();
    for name in whole.names() {
        let bytes = whole.contents(&name);
        let short = if name.ends_with(".image") { 5_003 } else { 53 };
        let places = (0..bytes.len()).step_by(every(short)).collect();
        let counts = apart(places, |at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let found = match read(&whole.with(&name, &flipped)) {
                Err(error) => {
                    assert!(error.to_string().contains(&name), "{name} {at}: {error}");
                    return "refused";
                }
                Ok(found) => found,
            };
            let recovered = &found.recovered;
            let digest = digest_of(&found);
            if name == open {
                assert!(recovered.log.cut.is_some(), "{name} {at}: not seen");
                if digest == whole.digest {
                    return "cut behind the last record";
                }
                assert_eq!(digest, last_known, "{name} {at}");
                return "last batch cut";
            }
            assert_eq!(digest, whole.digest, "{name} {at}");
            let said = recovered.passed_over.iter().any(|why| why.contains(&name));
            if said {
                return "made good";
            }
            // Of the older generation, which is not looked at as long as the newer one is good.
            assert!(name == spare || name.contains("00001-"), "{name} {at}");
            "not needed"
        });
        println!("{name}, {} bytes: {counts:?}", bytes.len());
    }
}

#[test]
fn a_flipped_bit_in_what_only_the_older_generation_needs_is_refused_once_it_is_needed() {
    let whole = Whole::make();
    let [spare, ..] = segments(&whole);
    let newest = "shards/00000000000000000002-directory.image";
    let mut names = whole.names();
    names.retain(|name| *name == spare || name.contains("00001-"));
    assert_eq!(names.len(), 3);
    for name in names {
        let bytes = whole.contents(&name);
        let short = if name.ends_with(".image") {
            19_997
        } else {
            211
        };
        let places = (0..bytes.len()).step_by(every(short)).collect();
        let counts = apart(places, |at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let storage = whole.with(&name, &flipped);
            storage.remove(newest).unwrap();
            assert!(read(&storage).is_err(), "{name} {at}");
            "refused"
        });
        println!("{name}, {} bytes: {counts:?}", bytes.len());
    }
}

#[test]
fn segments_that_are_missing_doubled_swapped_or_anothers_are_refused() {
    let (whole, other) = (Whole::make(), Whole::make());
    let [spare, sealed, open] = segments(&whole);
    for name in [&sealed, &open] {
        let storage = whole.storage.copy();
        storage.remove(name).unwrap();
        // Whose place is empty is named by its neighbour, or by the place itself.
        let why = refused(&storage, "log/");
        println!("without {name}: {why}");
    }
    for (one, another) in [(&sealed, &open), (&spare, &sealed), (&spare, &open)] {
        let swapped = whole.with(one, &whole.contents(another));
        swapped.put(another, &whole.contents(one));
        refused(&swapped, "log/");
    }
    for name in [&spare, &sealed, &open] {
        let doubled = format!("log/{:020}.log", 99_999);
        refused(&whole.with(&doubled, &whole.contents(name)), "log/");
    }
    for (name, theirs) in [sealed, open].iter().zip(&segments(&other)[1..]) {
        refused(&whole.with(name, &other.contents(theirs)), name);
    }
    refused(&whole.with("log/stray", b"?"), "log/stray");
}

#[test]
fn images_that_are_missing_or_anothers_have_a_stand_in_and_without_one_are_refused() {
    let (whole, other) = (Whole::make(), Whole::make());
    let mut images = whole.names();
    images.retain(|name| name.starts_with("shards/"));
    let newest: Vec<_> = images
        .iter()
        .filter(|name| name.contains("00002-"))
        .collect();
    assert_eq!((images.len(), newest.len()), (4, 2));
    for name in newest {
        let missing = whole.storage.copy();
        missing.remove(name).unwrap();
        let anothers = whole.with(name, &other.contents(name));
        for storage in [missing, anothers] {
            let found = read(&storage).unwrap();
            assert_eq!(digest_of(&found), whole.digest, "{name}");
            let said = &found.recovered.passed_over;
            assert!(said.iter().any(|why| why.contains(name)), "{said:?}");
        }
    }
    let none = whole.storage.copy();
    for name in images {
        none.remove(&name).unwrap();
    }
    refused(&none, "shards/00000000000000000002-");
}

/// A state that stands still, for images of it.
pub(crate) struct Still(pub(crate) State, pub(crate) u64);

impl ImageSource for Still {
    fn settle(&self) -> Result<u64, NoImage> {
        Ok(self.1)
    }

    fn slot(&self, number: SlotNumber) -> (SlotImage, u64) {
        let slot = self.0.world.slot_at(number).unwrap().read();
        (slot.image(), slot.position())
    }

    fn directory(&self) -> Result<(DirectoryImage, u64), NoImage> {
        let directory = &self.0.directory;
        let image = DirectoryImage::of(&self.0.world, directory);
        Ok((image, directory.position()))
    }
}

#[test]
fn a_generation_that_was_passed_over_is_not_what_there_is_to_fall_back_to() {
    let whole = Whole::make();
    let damaged = "shards/00000000000000000002-0000.image";
    let mut bytes = whole.contents(damaged);
    bytes[1_000] ^= 1;
    let storage = whole.with(damaged, &bytes);
    let found = read(&storage).unwrap();
    let last = found.recovered.log.end.last.sequence;
    let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
    let failed = Box::new(|why| panic!("the log failed: {why}"));
    let (store, state) = found.serve(&settings(), clock, failed).unwrap();
    let written = store.write(&Still(state, last), false).unwrap();
    assert_eq!(written.generation, 3, "a number is not used twice");
    store.close();

    let manifest = Manifest::load(&storage).unwrap().unwrap();
    let generations = &manifest.generations;
    assert_eq!(
        generations.iter().map(|g| g.number).collect::<Vec<_>>(),
        [3, 1]
    );
    for generation in generations {
        let storage = storage.copy();
        storage
            .remove(&generation.images.first().unwrap().name)
            .unwrap();
        assert_eq!(digest_of(&read(&storage).unwrap()), whole.digest);
    }
}

#[test]
fn a_directory_without_its_manifest_or_with_anothers_is_refused_and_left_alone() {
    let (whole, other) = (Whole::make(), Whole::make());
    let storage = whole.storage.copy();
    storage.remove("manifest").unwrap();
    refused(&storage, "log/");
    for name in whole.names().iter().filter(|name| *name != "manifest") {
        assert_eq!(storage.contents(name), Some(whole.contents(name)), "{name}");
    }
    let anothers = whole.with("manifest", &other.contents("manifest"));
    refused(&anothers, "shards/");
}

#[test]
fn engine_time_is_never_before_the_last_record_whatever_the_wall_clock_says() {
    let whole = Whole::make();
    for wall in [0, MADE.ms() - 400 * DAY_MS, MADE.ms() - 1] {
        let found = read_at(&whole.storage, Timestamp::from_ms(wall)).unwrap();
        assert_eq!(found.recovered.clock_floor, MADE, "the wall says {wall}");
    }
    let future = Timestamp::from_ms(u64::MAX / 2);
    assert!(SystemClock::start(future).now() >= future);

    let year_ms = 366 * DAY_MS;
    let wall = |ms| Timestamp::from_ms(MADE.ms() + ms);
    assert!(read_at(&whole.storage, wall(year_ms)).is_ok());
    let ahead = read_at(&whole.storage, wall(year_ms + 1)).err();
    assert!(matches!(ahead, Some(StoreError::Clock { .. })), "{ahead:?}");
    let mut accepting = settings();
    accepting.accept_clock = true;
    let accepted = crate::whole::read_with(&whole.storage, &accepting, wall(year_ms + 1));
    assert_eq!(digest_of(&accepted.unwrap()), whole.digest);
}

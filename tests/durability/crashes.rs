//! Processes that end anywhere, and then the power: every state that this can leave is recovered
//! with all that was promised. Covers append, sync, rotation, seal, manifest, trim and recovery itself.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sessile::durability::format::{ImageHead, SHARDS, image_name};
use sessile::durability::images::{ImageError, ImageWriter, Priority, read_image};
use sessile::durability::log::{Class, Mode, begin, trim};
use sessile::durability::manifest::{Generation, ImageEntry, Manifest, ManifestError};
use sessile::durability::reading::LogError;
use sessile::durability::snapshot::remove_unnamed;
use sessile::durability::storage::faulty::{Choose, Every, FaultyStorage, Seed};
use sessile::durability::storage::{Storage, SyncSite};

use crate::rig::{ORIGIN, Rig, SURVIVES_POWER, SharedFates, fresh, manifest, read_from, settings};

/// Why a life of the process ended.
enum End {
    /// The disk no longer answered.
    Died,
    /// Something is wrong with the code.
    Wrong(String),
}

impl From<LogError> for End {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Storage(_) => Self::Died,
            other => Self::Wrong(other.to_string()),
        }
    }
}

impl From<ManifestError> for End {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::Storage(_) => Self::Died,
            other => Self::Wrong(other.to_string()),
        }
    }
}

/// What is known across the lives of one disk.
#[derive(Default)]
struct Known {
    fates: SharedFates,
    next: u64,
    /// Number of the record with this sequence, once that is certain.
    numbers: BTreeMap<u64, u64>,
}

fn mode_of(seed: u64) -> Mode {
    [Mode::Sync, Mode::Balanced, Mode::Snapshot][usize::try_from(seed % 3).unwrap()]
}

/// One process: recovers, works, and perhaps stops in good order.
fn live(
    storage: &FaultyStorage,
    mode: Mode,
    seed: &mut Seed,
    known: &mut Known,
) -> Result<(), End> {
    let mut manifest = match Manifest::load(storage)? {
        Some(manifest) => manifest,
        None => {
            begin(storage, ORIGIN, settings(mode).room_bytes)?;
            let manifest = manifest();
            manifest.store(storage)?;
            manifest
        }
    };
    check_images(storage, &manifest).map_err(End::Wrong)?;
    trim(storage, manifest.log_needed_from()).map_err(|_| End::Died)?;
    let position = manifest.generations.first().map_or(0, |g| g.position);
    let (records, report) = read_from(storage, position + 1)?;
    check(position, &records, known, |_| true).map_err(End::Wrong)?;
    let mut rig = Rig::go_on(storage, mode, &report, known.fates.clone())?;
    // From here on what was found is seen, so it must last.
    for (sequence, number) in records {
        known.numbers.insert(sequence, number);
        let mut fates = known.fates.lock();
        fates.durable.insert(number, (sequence, SURVIVES_POWER));
        storage.mark(number * 2 + SURVIVES_POWER);
    }
    for _ in 0..seed.below(30) {
        for _ in 0..seed.below(5) {
            let class = match seed.below(4) {
                0 => Class::RESTRICTION,
                1 => Class::KEPT,
                _ => Class::GRANT,
            };
            rig.append(known.next, class);
            known.next += 1;
        }
        rig.clock
            .advance_ms(u64::try_from(seed.below(300)).unwrap());
        rig.writer.turn(seed.below(8) == 0);
        if seed.below(6) == 0 {
            // A generation of one image, which says no more than its position.
            rig.writer.turn(true);
            if rig.log.counts().poisoned {
                return Err(End::Died);
            }
            let position = rig.log.last_sequence();
            for (number, (sequence, _)) in &known.fates.lock().durable {
                known.numbers.insert(*sequence, *number);
            }
            let number = manifest.generations.first().map_or(1, |g| g.number + 1);
            let image = write_image(storage, number, position).map_err(|_| End::Died)?;
            let images = vec![image];
            manifest.advance(Generation {
                number,
                position,
                unlogged: false,
                images,
            });
            manifest.store(storage)?;
            remove_unnamed(storage, &manifest).map_err(|_| End::Died)?;
            trim(storage, manifest.log_needed_from()).map_err(|_| End::Died)?;
        }
    }
    if seed.below(2) == 0 {
        rig.writer.stop();
    }
    Ok(())
}

const POSITION: u8 = 9;

fn image_head(generation: u64) -> ImageHead {
    ImageHead {
        origin: ORIGIN,
        generation,
    }
}

fn write_image(
    storage: &FaultyStorage,
    number: u64,
    position: u64,
) -> Result<ImageEntry, ImageError> {
    let name = image_name(number, None);
    let mut image = ImageWriter::begin(storage, name, &image_head(number), Priority::Foreground)?;
    // More than one sector, so that it can be torn.
    for _ in 0..40 {
        image.push(POSITION, &position)?;
    }
    let entry = image.finish(storage, position)?;
    storage.sync_dir(SHARDS, SyncSite::ImageNames)?;
    Ok(entry)
}

/// Whether all that a manifest names is there.
fn check_images(storage: &FaultyStorage, manifest: &Manifest) -> Result<(), String> {
    for generation in &manifest.generations {
        for entry in &generation.images {
            let mut frames = 0;
            let expected = generation.position.to_le_bytes();
            read_image(
                storage,
                &image_head(generation.number),
                entry,
                |kind, payload| {
                    frames += 1;
                    let same = kind == POSITION && payload == expected;
                    same.then_some(()).ok_or_else(|| "another frame".into())
                },
            )
            .map_err(|error| format!("generation {}: {error}", generation.number))?;
            if frames != 40 {
                return Err(format!("{frames} frames"));
            }
        }
    }
    Ok(())
}

/// Whether what was recovered holds every promise that counts.
fn check(
    position: u64,
    records: &[(u64, u64)],
    known: &Known,
    counts: impl Fn(u64) -> bool,
) -> Result<(), String> {
    let fates = known.fates.lock();
    for ((sequence, _), wanted) in records.iter().zip(position + 1..) {
        if *sequence != wanted {
            return Err(format!("record {sequence} instead of {wanted}"));
        }
    }
    for (number, (sequence, _)) in fates.durable.iter().filter(|(number, _)| counts(**number)) {
        if *sequence > position {
            let at = usize::try_from(sequence - position - 1).unwrap();
            if records.get(at) != Some(&(*sequence, *number)) {
                return Err(format!("record {sequence}, acknowledged, is lost"));
            }
        }
    }
    Ok(())
}

/// Recovers what a power cut left.
fn recover(
    left: &FaultyStorage,
    mode: Mode,
    known: &Known,
    marks: &[u64],
    deep: bool,
) -> Result<(), String> {
    let Some(manifest) = Manifest::load(left).map_err(|error| error.to_string())? else {
        return if marks.is_empty() {
            Ok(())
        } else {
            Err("the manifest is lost".into())
        };
    };
    check_images(left, &manifest)?;
    let promised: std::collections::BTreeSet<u64> = marks
        .iter()
        .filter(|mark| *mark % 2 == SURVIVES_POWER)
        .map(|mark| mark / 2)
        .collect();
    let position = manifest.generations.first().map_or(0, |g| g.position);
    let older = manifest.log_needed_from();
    let (records, report) = read_from(left, position + 1).map_err(|error| error.to_string())?;
    check(position, &records, known, |number| {
        promised.contains(&number)
    })?;
    if deep {
        // The older generation has all the log it needs; recovery changes nothing that counts;
        // what comes next is taken.
        read_from(left, older).map_err(|error| format!("older generation: {error}"))?;
        let fates = SharedFates::default();
        let opened = Rig::go_on(left, mode, &report, fates.clone());
        let mut rig = opened.map_err(|error| error.to_string())?;
        let again = read_from(left, position + 1).map_err(|error| error.to_string())?;
        if again.0 != records || again.1.cut.is_some() {
            return Err("a second recovery finds something else".into());
        }
        rig.append(1 << 40, Class::KEPT);
        rig.writer.turn(false);
        rig.writer.stop();
        let after = read_from(left, position + 1).map_err(|error| error.to_string())?;
        if after.0.len() != records.len() + 1 {
            return Err("what was appended after recovery is lost".into());
        }
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Tally {
    states: u64,
    lives: u64,
    promises: u64,
    syncs: BTreeMap<SyncSite, u64>,
}

/// One disk: a few processes that end anywhere, then power cuts at every moment of its history.
fn disk(number: u64, skip: Option<SyncSite>, tally: &mut Tally) -> Result<(), String> {
    let (mode, mut seed) = (mode_of(number), Seed(number));
    let storage = FaultyStorage::new();
    if let Some(site) = skip {
        storage.skip(site);
    }
    let mut known = Known::default();
    for _ in 0..3 {
        // Some lives end soon, some do not end by force at all.
        storage.kill_after(u64::try_from(seed.below(400)).unwrap());
        tally.lives += 1;
        match live(&storage, mode, &mut seed, &mut known) {
            Ok(()) | Err(End::Died) => {}
            Err(End::Wrong(what)) => return Err(format!("restart: {what}")),
        }
        storage.mend();
    }
    for (site, count) in storage.syncs() {
        *tally.syncs.entry(site).or_default() += count;
    }
    tally.promises += known.fates.lock().durable.len() as u64;
    let mut found = Ok(());
    storage.moments(|moment| {
        for _ in 0..3 {
            if found.is_err() {
                return;
            }
            let left = moment.cut(&mut seed);
            tally.states += 1;
            let deep = tally.states.is_multiple_of(7);
            found = recover(&left, mode, &known, moment.marks, deep);
        }
    });
    found
}

/// Runs disks until so many states were seen, or something is wrong.
fn suite(skip: Option<SyncSite>, states: u64) -> (Tally, Result<(), String>) {
    let mut tally = Tally::default();
    for number in 0.. {
        let ran = catch_unwind(AssertUnwindSafe(|| disk(number, skip, &mut tally)));
        let found = ran.unwrap_or_else(|_| Err("a panic".into()));
        if let Err(what) = found {
            return (
                tally,
                Err(format!("disk {number} ({:?}): {what}", mode_of(number))),
            );
        }
        if tally.states >= states {
            break;
        }
    }
    (tally, Ok(()))
}

#[test]
fn nothing_acknowledged_is_lost_in_any_sampled_crash_state() {
    // A campaign asks for more.
    let states = std::env::var("SESSILE_CRASH_STATES");
    let states = states.ok().and_then(|text| text.parse().ok());
    let (tally, found) = suite(None, states.unwrap_or(20_000));
    println!(
        "{} crash states of {} processes, {} promises: {found:?}; syncs {:?}",
        tally.states, tally.lives, tally.promises, tally.syncs
    );
    assert_eq!(found, Ok(()));
    // Each site was reached, or the next test would prove nothing.
    assert_eq!(tally.syncs.len(), SyncSite::ALL.len());
}

#[test]
fn without_any_one_of_the_syncs_something_is_lost() {
    let mut unseen = Vec::new();
    for site in SyncSite::ALL {
        let (tally, found) = suite(Some(site), 200_000);
        match found {
            Err(what) => println!("{site:?} left out: state {}: {what}", tally.states),
            Ok(()) => unseen.push(site),
        }
    }
    println!(
        "{} sites, {} of them not missed",
        SyncSite::ALL.len(),
        unseen.len()
    );
    assert_eq!(unseen, []);
}

#[test]
fn every_crash_state_of_a_small_commit_is_recovered() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
    for number in 0..6 {
        assert!(rig.append(number, Class::GRANT));
    }
    // The sync fails, so that the write stays pending in every moment that follows.
    storage.skip(SyncSite::Records);
    rig.writer.turn(false);
    let mut every = Every::default();
    let (mut states, mut prefixes) = (0, std::collections::BTreeSet::new());
    loop {
        let left = storage.cut(&mut every);
        let (records, _) = read_from(&left, 1).unwrap();
        assert!(
            records
                .iter()
                .zip(0..)
                .all(|((_, number), at)| *number == at)
        );
        prefixes.insert(records.len());
        states += 1;
        if !every.advance() {
            break;
        }
        assert!(states < 100_000);
    }
    println!("{states} states, prefixes of {prefixes:?} records");
    assert!(prefixes.contains(&0) && prefixes.contains(&6));
}

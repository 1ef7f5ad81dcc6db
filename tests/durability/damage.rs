//! Logs that were cut, flipped, prolonged, swapped and mixed up. Source: `reading` (the rule).

use proptest::prelude::*;

use sessile::durability::format::{
    InstanceId, Origin, RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, SEGMENT_HEAD_BYTES,
};
use sessile::durability::log::{Class, Mode, trim};
use sessile::durability::reading::{LogError, read_log};
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::{Choose, FaultyStorage, Seed};

use crate::rig::{ORIGIN, Rig, fresh, payload, read, read_from, settings};

const FIRST: &str = "log/00000000000000000001.log";

/// A log in one segment: batches of this many records, not sealed.
fn one_segment(batches: u64, records: u64) -> FaultyStorage {
    let storage = fresh();
    let mut settings = settings(Mode::Sync);
    settings.segment_bytes = 1 << 20;
    let (_, report) = read_from(&storage, 1).unwrap();
    let mut rig = Rig::with(&storage, settings, &report, Default::default()).unwrap();
    for batch in 0..batches {
        rig.batch(batch * records..(batch + 1) * records, Class::GRANT);
    }
    storage.copy()
}

/// A log in several segments, of which the last is open.
fn many_segments() -> FaultyStorage {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
    for batch in 0..20 {
        rig.batch(batch * 5..(batch + 1) * 5, Class::GRANT);
    }
    storage.copy()
}

fn names(storage: &FaultyStorage) -> Vec<String> {
    let names = storage.list("log").unwrap();
    let segments = names.iter().filter(|name| name.ends_with(".log"));
    segments.map(|name| format!("log/{name}")).collect()
}

fn damage(result: Result<impl Sized, LogError>) -> (String, u64, String) {
    match result.err().expect("it was not refused") {
        LogError::Damage { name, offset, what } => (name, offset, what),
        other => panic!("{other}"),
    }
}

/// Where each record ends.
fn ends(records: u64) -> Vec<usize> {
    let framing = RECORD_HEAD_BYTES + RECORD_TAIL_BYTES;
    let lens = (0..records).map(|number| payload(number).len() + framing);
    lens.scan(SEGMENT_HEAD_BYTES, |at, len| {
        *at += len;
        Some(*at)
    })
    .collect()
}

#[test]
fn a_log_cut_at_any_offset_gives_exactly_the_records_before() {
    const RECORDS: u64 = 1_000;
    let storage = one_segment(RECORDS / 5, 5);
    let bytes = storage.contents(FIRST).unwrap();
    let ends = ends(RECORDS);
    let end = *ends.last().unwrap();
    let (mut cuts, mut whole) = (0, 0);
    for len in 0..=end {
        storage.put(FIRST, &bytes[..len]);
        if len < SEGMENT_HEAD_BYTES {
            assert_eq!(damage(read_from(&storage, 1)).0, FIRST);
            continue;
        }
        let wanted = ends.partition_point(|end| *end <= len);
        let mut next = 0;
        // The numbers only: comparing each payload at each offset is what `rig` does elsewhere.
        let report = read_log(&storage, ORIGIN, 1, |record| {
            assert!(record.payload.starts_with(&u64::to_le_bytes(next)));
            next += 1;
            Ok(())
        });
        let report = report.unwrap();
        assert_eq!(next, u64::try_from(wanted).unwrap(), "cut at {len}");
        let torn = len
            - ends
                .get(wanted.wrapping_sub(1))
                .copied()
                .unwrap_or(SEGMENT_HEAD_BYTES);
        let nonzero = bytes[len - torn..len].iter().any(|byte| *byte != 0);
        assert_eq!(report.cut.is_some(), nonzero, "cut at {len}");
        if let Some(cut) = report.cut {
            assert_eq!((cut.offset, cut.records), ((len - torn) as u64, 0));
            cuts += 1;
        } else {
            whole += 1;
        }
    }
    println!(
        "{RECORDS} records, {} offsets: {cuts} torn, {whole} at a record's end",
        end + 1
    );
}

#[test]
fn a_flipped_bit_is_refused_or_cuts_the_last_batch_and_says_so() {
    let storage = many_segments();
    let (numbers, report) = read(&storage);
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    let last_batch = 95;
    let (mut refused, mut cut, mut harmless) = (0, 0, 0);
    for name in names(&storage) {
        let bytes = storage.contents(&name).unwrap();
        let newest = report.end.tail.head.first();
        let is_newest = name.ends_with(&format!("{newest:020}.log"));
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            storage.put(&name, &flipped);
            match read_from(&storage, 1) {
                Err(LogError::Damage { name: named, .. }) => {
                    assert_eq!(named, name);
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
                Ok((found, report)) => {
                    let found: Vec<_> = found.into_iter().map(|(_, number)| number).collect();
                    assert!(numbers.starts_with(&found), "{name} {at}");
                    if report.cut.is_some() {
                        assert!(is_newest && found.len() >= last_batch, "{name} {at}");
                        cut += 1;
                    } else {
                        panic!("{name} {at}: not seen");
                    }
                    if found == numbers {
                        // A bit in the room behind the last record: cut, and nothing lost.
                        harmless += 1;
                    }
                }
            }
        }
        storage.put(&name, &bytes);
    }
    println!(
        "{refused} flips refused, {cut} cut within the last batch, {harmless} of them behind it"
    );
    assert!(refused > 0 && cut > 0);
}

#[test]
fn after_a_clean_stop_every_flipped_bit_is_refused() {
    let storage = one_segment(3, 4);
    Rig::open(&storage, Mode::Sync).unwrap().writer.stop();
    let bytes = storage.contents(FIRST).unwrap();
    assert_eq!(read(&storage).0.len(), 12);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        storage.put(FIRST, &flipped);
        assert_eq!(damage(read_from(&storage, 1)).0, FIRST, "{at}");
    }
    for len in 0..bytes.len() {
        storage.put(FIRST, &bytes[..len]);
        assert_eq!(damage(read_from(&storage, 1)).0, FIRST, "{len}");
    }
}

#[test]
fn a_tail_of_zeros_noise_or_old_records_is_cut_and_nothing_else() {
    let storage = one_segment(6, 5);
    let whole = storage.contents(FIRST).unwrap();
    let end = *ends(30).last().unwrap();
    let mut seed = Seed(10);
    let (mut zeros, mut torn) = (0, 0);
    for variant in 0..1_000 {
        let mut bytes = whole[..end].to_vec();
        let len = seed.below(700);
        match variant % 4 {
            0 => bytes.resize(end + len, 0),
            1 => bytes.extend((0..len).map(|_| u8::try_from(seed.below(256)).unwrap())),
            2 => {
                // One that was written long ago, as the whole, or torn.
                let old = seed.below(29);
                let from = if old == 0 {
                    SEGMENT_HEAD_BYTES
                } else {
                    ends(30)[old - 1]
                };
                let until = ends(30)[old] - seed.below(2) * 5;
                bytes.extend_from_slice(&whole[from..until]);
            }
            _ => {
                // Zeros, then noise: sectors that came out of order.
                bytes.resize(end + seed.below(600), 0);
                bytes.extend((0..len).map(|_| u8::try_from(seed.below(256)).unwrap()));
            }
        }
        let nonzero = bytes[end..].iter().any(|byte| *byte != 0);
        storage.put(FIRST, &bytes);
        let (numbers, report) = read(&storage);
        assert_eq!(numbers.len(), 30, "{variant}");
        assert_eq!(report.cut.is_some(), nonzero, "{variant}");
        if nonzero {
            torn += 1
        } else {
            zeros += 1
        }
        if variant % 50 == 2 {
            // Going on behind it works, and what was there is gone.
            let copy = storage.copy();
            let mut rig = Rig::open(&copy, Mode::Sync).unwrap();
            rig.batch([1_000], Class::GRANT);
            assert_eq!(read(&copy).0.last(), Some(&1_000));
            assert_eq!(read(&copy).1.cut, None);
        }
    }
    println!("1,000 tails: {torn} cut, {zeros} of zeros");
}

#[test]
fn a_whole_record_written_after_a_sync_makes_what_is_before_it_damage() {
    let storage = one_segment(6, 5);
    let bytes = storage.contents(FIRST).unwrap();
    // The last record but one of the batch before the last.
    let ends = ends(30);
    let mut holed = bytes.clone();
    holed[ends[22]..ends[23]].fill(0);
    storage.put(FIRST, &holed);
    let (name, offset, what) = damage(read_from(&storage, 1));
    assert_eq!((name.as_str(), offset), (FIRST, ends[22] as u64));
    assert_eq!(
        what,
        "record 24: zeros instead of a record, and record 26 behind it is whole and was written after a sync"
    );
    // The same within the last batch is what a power cut may leave.
    let mut torn = bytes;
    torn[ends[26]..ends[27]].fill(0);
    storage.put(FIRST, &torn);
    let (numbers, report) = read(&storage);
    assert_eq!(numbers.len(), 27);
    let cut = report.cut.unwrap();
    assert_eq!((cut.offset, cut.records), (ends[26] as u64, 2));
}

#[test]
fn a_segment_that_is_missing_doubled_swapped_or_foreign_is_refused_by_name() {
    let storage = many_segments();
    let names = names(&storage);
    assert!(names.len() > 3, "{names:?}");
    let mut variants = 0;
    for (at, name) in names.iter().enumerate() {
        // Missing: named is the segment itself, or the one behind the gap.
        let copy = storage.copy();
        copy.remove(name).unwrap();
        let (named, _, what) = damage(read_from(&copy, 1));
        let behind = names.get(at + 1).filter(|_| at > 0).unwrap_or(name);
        assert_eq!(&named, behind, "{what}");
        assert!(what.contains("missing"), "{what}");
        // Doubled, under a name that is no segment's, and under one that is.
        for double in [
            "log/copy.log",
            "log/00000000000000000001.log.bak",
            "log/00000000000000099999.log",
        ] {
            let copy = storage.copy();
            copy.put(double, &copy.contents(name).unwrap());
            let (named, ..) = damage(read_from(&copy, 1));
            assert_eq!(named, double);
            variants += 1;
        }
        // Swapped with each other one.
        for other in names.iter().skip(at + 1) {
            let copy = storage.copy();
            let (a, b) = (copy.contents(name).unwrap(), copy.contents(other).unwrap());
            copy.put(name, &b);
            copy.put(other, &a);
            let (named, _, what) = damage(read_from(&copy, 1));
            assert_eq!(&named, name);
            assert!(what.contains("renamed or copied"), "{what}");
            variants += 1;
        }
        // Empty.
        let copy = storage.copy();
        copy.put(name, &[]);
        assert_eq!(&damage(read_from(&copy, 1)).0, name);
        variants += 2;
    }
    // Foreign: same place, same name, another data directory; or another history of this one.
    let other = Origin {
        instance: InstanceId([8; 16]),
        ..ORIGIN
    };
    let (named, _, what) = damage(read_log(&storage, other, 1, |_| Ok(())));
    assert_eq!(named, names[0]);
    assert!(what.contains("another data directory"), "{what}");
    let past = fresh();
    let mut rig = Rig::open(&past, Mode::Sync).unwrap();
    for batch in 100..120 {
        rig.batch(batch * 5..(batch + 1) * 5, Class::GRANT);
    }
    let shared = names
        .iter()
        .skip(1)
        .find(|name| past.contents(name).is_some());
    if let Some(name) = shared {
        storage.copy().put(name, &past.contents(name).unwrap());
    }
    let first = past.contents(FIRST).unwrap();
    let copy = storage.copy();
    copy.put(FIRST, &first);
    assert!(read_from(&copy, 1).is_err());
    println!("{} variants refused by name", variants + 2);
}

#[test]
fn what_the_manifest_needs_and_the_log_has_not_is_refused() {
    let storage = many_segments();
    let (named, _, what) = damage(read_from(&storage, 102));
    assert!(what.contains("ends with record 100"), "{named}: {what}");
    assert!(read_from(&storage, 101).unwrap().0.is_empty());
    let segments = names(&storage);
    assert_eq!(
        trim(&storage, 50).unwrap(),
        segments.len() - names(&storage).len()
    );
    let (records, report) = read_from(&storage, 50).unwrap();
    assert_eq!(records.first(), Some(&(50, 49)));
    assert_eq!(report.older, 0);
    let (_, _, what) = damage(read_from(&storage, 1));
    assert!(what.starts_with("records 1 to "), "{what}");
    // What is no longer needed is not looked at.
    let newest = names(&storage).pop().unwrap();
    let first = report.end.tail.head.first();
    for name in names(&storage) {
        if name != newest {
            storage.remove(&name).unwrap();
        }
    }
    assert_eq!(read_from(&storage, first).unwrap().1.segments, 1);
}

#[test]
fn an_encoding_that_is_too_new_is_refused() {
    let storage = many_segments();
    let old = Origin { codec: 0, ..ORIGIN };
    let (_, _, what) = damage(read_log(&storage, old, 1, |_| Ok(())));
    assert!(what.contains("use the newer one"), "{what}");
}

#[test]
fn a_payload_that_cannot_be_decoded_is_damage_at_its_record() {
    let storage = one_segment(2, 5);
    let refused = read_log(&storage, ORIGIN, 1, |record| match record.link.sequence {
        7 => Err("it makes no sense".into()),
        _ => Ok(()),
    });
    let (name, offset, what) = damage(refused);
    assert_eq!((name.as_str(), offset), (FIRST, ends(10)[5] as u64));
    assert_eq!(what, "record 7: it makes no sense");
}

proptest! {
    #[test]
    fn arbitrary_bytes_in_place_of_a_segment_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..6_000),
        from in 0_usize..3_000,
    ) {
        let storage = one_segment(3, 5);
        let mut mixed = storage.contents(FIRST).unwrap();
        for (place, byte) in mixed.iter_mut().skip(from).zip(&bytes) {
            *place = *byte;
        }
        for contents in [bytes, mixed] {
            storage.put(FIRST, &contents);
            if let Ok((records, _)) = read_from(&storage, 1) {
                prop_assert!(records.iter().zip(0..).all(|((_, number), at)| *number == at));
            }
        }
    }
}

//! Calls that fail, once or for good, at every position: no false acknowledgement, no lost record,
//! and service again as soon as the disk allows it.

use std::sync::atomic::Ordering;

use sessile::durability::log::{Class, Mode};
use sessile::durability::manifest::Manifest;
use sessile::durability::storage::faulty::{Call, FaultyStorage, How, Seed};

use crate::rig::{Rig, fresh, manifest, read, read_from};

/// Batches of three with a rotation or two; stops appending once it is refused.
fn script(rig: &mut Rig, from: u64) {
    for batch in 0..12 {
        for number in 0..3 {
            let class = if number == 1 {
                Class::RESTRICTION
            } else {
                Class::GRANT
            };
            rig.append(from + batch * 3 + number, class);
        }
        rig.writer.turn(false);
    }
}

/// Everything that was acknowledged is there after a power cut, and nothing that was refused is there
/// for whoever starts next.
fn holds(rig: &Rig, storage: &FaultyStorage, power: bool, what: &str) {
    let fates = rig.fates.lock();
    let (numbers, _) = read(storage);
    for number in fates.durable.keys() {
        assert!(
            numbers.contains(number),
            "{what}: {number} was acknowledged and is lost"
        );
    }
    for number in &fates.refused {
        assert!(!fates.durable.contains_key(number), "{what}");
    }
    if power {
        for seed in 0..10 {
            let left = storage.cut(&mut Seed(seed));
            let (numbers, _) = read(&left);
            for number in fates.durable.keys() {
                assert!(
                    numbers.contains(number),
                    "{what}: {number} is lost without power"
                );
            }
        }
    }
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_any_more() {
    let mut positions = 0;
    for after in 0.. {
        let storage = fresh();
        let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
        storage.fail(Call::SyncData, after, How::Error, false);
        script(&mut rig, 0);
        let counts = rig.log.counts();
        if !counts.poisoned {
            assert_eq!(rig.durable().len(), 36);
            break;
        }
        positions += 1;
        assert_eq!(rig.failures.load(Ordering::SeqCst), 1);
        let acknowledged = rig.durable();
        assert_eq!(
            acknowledged,
            (0..acknowledged.len() as u64).collect::<Vec<_>>()
        );
        assert!(!rig.append(1_000, Class::RESTRICTION));
        // The sync would succeed now; it must not be asked.
        let syncs = storage.syncs();
        rig.writer.turn(true);
        assert_eq!(storage.syncs(), syncs);
        assert_eq!(rig.durable(), acknowledged);
        // Whoever was taken heard of it, one way or the other.
        let first_refused = acknowledged.len() as u64;
        let refused = rig.fates.lock().refused.clone();
        assert!(
            refused
                .iter()
                .zip(first_refused..)
                .all(|(number, at)| *number == at)
        );
        holds(&rig, &storage, true, &format!("sync {after}"));
    }
    println!("{positions} positions of a failed sync: 0 false acknowledgements");
    assert!(positions > 12);
}

#[test]
fn a_write_that_is_cut_short_is_taken_back_and_refused_and_service_goes_on() {
    let mut positions = 0;
    for short in [0, 1, 30, 200] {
        for after in 0.. {
            let storage = fresh();
            let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
            storage.fail(Call::Write, after, How::Full(short), false);
            script(&mut rig, 0);
            let counts = rig.log.counts();
            assert!(!counts.poisoned || counts.refused > 0);
            let failed = counts.refused > 0 || rig.durable().len() < 36;
            if !failed {
                break;
            }
            positions += 1;
            let what = format!("{short} bytes of write {after}");
            holds(&rig, &storage, true, &what);
            if counts.poisoned {
                continue;
            }
            // Room is looked for when it is due; then grants are taken again.
            rig.writer.turn(true);
            assert!(!rig.log.counts().short_of_room, "{what}");
            rig.batch([500, 501], Class::GRANT);
            assert!(rig.durable().ends_with(&[500, 501]), "{what}");
            let refused = rig.fates.lock().refused.clone();
            let (numbers, _) = read(&storage);
            assert!(
                !refused.iter().any(|number| numbers.contains(number)),
                "{what}"
            );
            rig.writer.stop();
            assert!(read(&storage).0.ends_with(&[500, 501]), "{what}");
        }
    }
    println!("{positions} positions of a short write: 0 lost, 0 false acknowledgements");
    assert!(positions > 40);
}

#[test]
fn any_call_may_fail_once_or_for_good() {
    let mut positions = 0;
    for for_good in [false, true] {
        for mode in [Mode::Sync, Mode::Balanced] {
            for after in 0.. {
                let storage = fresh();
                let before = storage.calls();
                storage.fail(Call::Any, after, How::Error, for_good);
                let Ok(mut rig) = Rig::open(&storage, mode) else {
                    // Refused to start: the disk is as it was for the next attempt.
                    storage.mend();
                    assert!(read(&storage).0.is_empty());
                    positions += 1;
                    continue;
                };
                script(&mut rig, 0);
                rig.writer.turn(true);
                let reached = storage.calls() - before > after;
                storage.mend();
                let what = format!("call {after} ({mode:?}, for good: {for_good})");
                holds(&rig, &storage, mode == Mode::Sync, &what);
                let fates = rig.fates.clone();
                drop(rig);
                // Another process goes on from what is there.
                let mut next = Rig::open(&storage, mode).unwrap();
                next.batch([900], Class::RESTRICTION);
                let (numbers, _) = read(&storage);
                assert!(numbers.ends_with(&[900]), "{what}");
                assert!(
                    fates.lock().durable.keys().all(|n| numbers.contains(n)),
                    "{what}"
                );
                if !reached {
                    break;
                }
                positions += 1;
            }
        }
    }
    println!("{positions} positions of a failed call: 0 lost, 0 false acknowledgements");
}

#[test]
fn on_a_full_disk_restrictions_are_logged_and_grants_refused() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
    rig.batch(0..3, Class::GRANT);
    storage.limit(Some(storage.used()));
    // Grants until there is none left of the room that was taken ahead.
    let mut number = 100;
    while rig.append(number, Class::GRANT) {
        assert!(number < 1_000, "the disk is not full");
        rig.writer.turn(false);
        number += 1;
    }
    assert!(rig.log.counts().short_of_room);
    let mut kept = 0;
    let refused_before = rig.fates.lock().refused.len();
    for number in 2_000..2_010 {
        assert!(rig.append(number, Class::RESTRICTION));
        rig.writer.turn(false);
        assert!(!rig.append(3_000, Class::GRANT), "a grant on a full disk");
        kept += 1;
    }
    assert_eq!(rig.fates.lock().refused.len(), refused_before);
    assert_eq!(rig.durable().iter().filter(|n| **n >= 2_000).count(), kept);
    // The reserve has an end, too; then nothing is acknowledged.
    for number in 4_000..4_100 {
        rig.append(number, Class::RESTRICTION);
        rig.writer.turn(false);
    }
    assert!(rig.fates.lock().refused.len() > refused_before);
    assert!(!rig.log.counts().poisoned);
    holds(&rig, &storage, true, "full disk");
    // Room returns, and with it service, within one look.
    storage.limit(None);
    rig.writer.turn(true);
    assert!(!rig.log.counts().short_of_room);
    rig.batch([5_000, 5_001], Class::GRANT);
    assert!(rig.durable().ends_with(&[5_000, 5_001]));
    holds(&rig, &storage, true, "room again");
    println!("{kept} restrictions logged on a full disk, 0 lost");
}

#[test]
fn a_buffer_has_an_end_and_restrictions_a_later_one() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
    let grants = (0..).take_while(|n| rig.append(*n, Class::GRANT)).count();
    let more = (10_000..)
        .take_while(|n| rig.append(*n, Class::RESTRICTION))
        .count();
    assert!(grants > 100 && more > 100 && more < 2 * grants);
    rig.writer.turn(false);
    assert_eq!(rig.durable().len(), grants + more);
    assert!(rig.append(50_000, Class::GRANT));
    let long = vec![0; sessile::durability::format::RECORD_PAYLOAD_BYTES_MAX + 1];
    struct Nobody;
    impl sessile::journal::Entry for Nobody {
        fn parts(&self) -> &[sessile::engine::event::Part] {
            &[]
        }
        fn durable(self: std::sync::Arc<Self>, _: u64) {}
        fn refused(self: std::sync::Arc<Self>) {}
    }
    let nobody = || std::sync::Arc::new(Nobody);
    assert!(
        rig.log
            .append(1, Class::RESTRICTION, &long, nobody())
            .is_err()
    );
    assert!(
        rig.log
            .append(0, Class::RESTRICTION, &[], nobody())
            .is_err()
    );
}

#[test]
fn a_manifest_whose_change_fails_leaves_the_older_one() {
    let mut positions = 0;
    for after in 0.. {
        let storage = fresh();
        let mut changed = manifest();
        changed.development = true;
        let before = storage.calls();
        storage.fail(Call::Any, after, How::Full(10), false);
        let stored = changed.store(&storage);
        if storage.calls() - before <= after {
            stored.unwrap();
            break;
        }
        positions += 1;
        storage.mend();
        let found = Manifest::load(&storage).unwrap().unwrap();
        assert!(stored.is_err() || found.development);
        changed.store(&storage).unwrap();
        assert!(Manifest::load(&storage).unwrap().unwrap().development);
    }
    println!("{positions} positions of a failed call of a change of manifest");
    assert!(read_from(&fresh(), 1).is_ok());
}

//! Group commit: what a sync covers, in which order it is reported, and in which mode.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier};

use sessile::clock::ManualClock;
use sessile::durability::log::{Class, Log, Mode};
use sessile::durability::storage::SyncSite;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::engine::event::Part;
use sessile::journal::Entry;

use crate::rig::{KIND, ORIGIN, Rig, fresh, payload, read, read_from, settings};

fn record_syncs(storage: &FaultyStorage) -> u64 {
    let syncs: BTreeMap<SyncSite, u64> = storage.syncs();
    syncs.get(&SyncSite::Records).copied().unwrap_or(0)
}

#[test]
fn one_sync_covers_all_that_waits() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Sync).unwrap();
    rig.batch(0..50, Class::GRANT);
    assert_eq!(record_syncs(&storage), 1);
    assert_eq!(rig.durable(), (0..50).collect::<Vec<_>>());
    let counts = rig.log.counts();
    assert_eq!(
        (counts.records, counts.acknowledged, counts.syncs),
        (50, 50, 1)
    );
}

#[test]
fn nothing_is_reported_before_its_writer_ran() {
    let storage = fresh();
    let rig = Rig::open(&storage, Mode::Sync).unwrap();
    assert!(rig.append(1, Class::GRANT));
    assert!(rig.durable().is_empty());
}

#[test]
fn balanced_syncs_for_restrictions_and_at_least_every_second() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Balanced).unwrap();
    rig.batch(0..3, Class::GRANT);
    assert_eq!((rig.durable().len(), record_syncs(&storage)), (3, 0));
    rig.batch([3], Class::RESTRICTION);
    assert_eq!((rig.durable().len(), record_syncs(&storage)), (4, 1));
    rig.batch([4], Class::KEPT);
    assert_eq!(record_syncs(&storage), 2);
    rig.batch([5], Class::GRANT);
    rig.clock.advance_ms(600);
    rig.batch([6], Class::GRANT);
    assert_eq!(record_syncs(&storage), 3);
    // Without anything new, once it is due, and only then.
    rig.batch([7], Class::GRANT);
    rig.writer.turn(false);
    assert_eq!(record_syncs(&storage), 3);
    rig.writer.turn(true);
    rig.writer.turn(true);
    assert_eq!(record_syncs(&storage), 4);
}

#[test]
fn balanced_reports_grants_before_the_sync_that_a_restriction_behind_them_needs() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Balanced).unwrap();
    for (number, class) in [
        (0, Class::GRANT),
        (1, Class::RESTRICTION),
        (2, Class::GRANT),
    ] {
        rig.append(number, class);
    }
    storage.fail(
        sessile::durability::storage::faulty::Call::SyncData,
        0,
        sessile::durability::storage::faulty::How::Error,
        false,
    );
    rig.writer.turn(false);
    assert_eq!(rig.durable(), [0]);
    assert_eq!(rig.fates.lock().refused, [1, 2]);
}

#[test]
fn snapshot_logs_only_what_every_mode_keeps_and_keeps_the_order() {
    let storage = fresh();
    let mut rig = Rig::open(&storage, Mode::Snapshot).unwrap();
    assert!(rig.append(0, Class::GRANT));
    assert_eq!(rig.durable(), [0]);
    assert!(rig.append(1, Class::KEPT) && rig.append(2, Class::RESTRICTION));
    // Behind a record that waits, even what is not logged waits.
    assert_eq!(rig.durable(), [0]);
    rig.writer.turn(false);
    assert_eq!(rig.durable(), [0, 1, 2]);
    assert_eq!(read(&storage).0, [1]);
    assert_eq!(rig.log.last_sequence(), 1);
}

/// Tells its number through a channel.
struct Told(u64, Sender<(u64, u64)>);

impl Entry for Told {
    fn parts(&self) -> &[Part] {
        &[]
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        self.1.send((self.0, sequence)).unwrap();
    }

    fn refused(self: Arc<Self>) {}
}

#[test]
fn several_threads_share_syncs_and_each_sees_its_own_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 512;
    const AHEAD: u64 = 16;
    let storage = fresh();
    let (_, report) = read_from(&storage, 1).unwrap();
    let mut sizes = settings(Mode::Sync);
    sizes.segment_bytes = 1 << 16;
    let clock = Arc::new(ManualClock::at_ms(1));
    let shared = Arc::new(storage.clone());
    let failed = Box::new(|what| panic!("{what}"));
    let log = Log::start(shared, ORIGIN, sizes, clock, &report.end, failed).unwrap();
    let log = Arc::new(log);
    let barrier = Arc::new(Barrier::new(usize::try_from(THREADS).unwrap()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (log, barrier) = (log.clone(), barrier.clone());
            std::thread::spawn(move || {
                let (tell, told) = channel();
                barrier.wait();
                let mut last = 0;
                for number in 0..EACH {
                    let number = thread * EACH + number;
                    let entry = Arc::new(Told(number, tell.clone()));
                    log.append(KIND, Class::GRANT, &payload(number), entry)
                        .unwrap();
                    if number % AHEAD == AHEAD - 1 {
                        for wanted in number + 1 - AHEAD..=number {
                            let (number, sequence) = told.recv().unwrap();
                            assert_eq!(number, wanted);
                            assert!(sequence > last);
                            last = sequence;
                        }
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    log.close();
    let counts = log.counts();
    assert_eq!(counts.acknowledged, THREADS * EACH);
    assert!(counts.syncs < counts.acknowledged, "{counts:?}");
    let (mut numbers, report) = read(&storage);
    assert!(report.end.stopped);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..THREADS * EACH).collect::<Vec<_>>());
    println!(
        "{THREADS} threads, {AHEAD} ahead each: {} acknowledged with {} syncs, {:.1} each",
        counts.acknowledged,
        counts.syncs,
        counts.acknowledged as f64 / counts.syncs as f64
    );
}

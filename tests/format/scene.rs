//! A data directory that a real store writes, the same one each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use parking_lot::Mutex;

use sessile::clock::ManualClock;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::store::{Found, Store, StoreError, StoreSettings};
use sessile::engine::digest;
use sessile::engine::event::Part;
use sessile::engine::image::{DirectoryImage, SlotImage};
use sessile::engine::slot::SlotNumber;
use sessile::engine::state::State;
use sessile::entropy::{Entropy, EntropyFailed};
use sessile::journal::images::{ImageSource, NoImage};
use sessile::journal::{Entry, SharedJournal, Stake};
use sessile::session::time::Timestamp;

use crate::sample::{AT_MS, lots};

/// Bytes that are known beforehand.
#[derive(Default)]
struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        bytes.fill(n);
        Ok(())
    }
}

/// A record that says when it is durable.
struct Told {
    parts: Vec<Part>,
    tell: SyncSender<u64>,
}

impl Entry for Told {
    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn stake(&self) -> Stake {
        if self.parts.is_empty() {
            Stake::Everything
        } else {
            Stake::Parts
        }
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        self.tell.send(sequence).unwrap();
    }

    fn refused(self: Arc<Self>) {
        panic!("a healthy disk refuses nothing");
    }
}

/// An engine without actors.
struct Engine {
    state: Mutex<State>,
    journal: SharedJournal,
}

impl Engine {
    fn log(&self, parts: Vec<Part>) -> u64 {
        let (tell, told) = sync_channel(1);
        let entry = Told {
            parts: parts.clone(),
            tell,
        };
        self.journal.append(Arc::new(entry)).unwrap();
        let sequence = told.recv().unwrap();
        self.state.lock().replay(sequence, &parts);
        sequence
    }
}

impl ImageSource for Engine {
    fn settle(&self) -> Result<u64, NoImage> {
        Ok(self.log(Vec::new()))
    }

    fn slot(&self, number: SlotNumber) -> (SlotImage, u64) {
        let state = self.state.lock();
        let slot = state.world.slot_at(number).unwrap().read();
        (slot.image(), slot.position())
    }

    fn directory(&self) -> Result<(DirectoryImage, u64), NoImage> {
        let state = self.state.lock();
        let image = DirectoryImage::of(&state.world, &state.directory);
        Ok((image, state.directory.position()))
    }
}

fn settings() -> StoreSettings {
    let log = LogSettings {
        segment_bytes: 4 << 10,
        room_bytes: 1 << 10,
        reserve_bytes: 1 << 10,
        ..LogSettings::new(Mode::Sync)
    };
    StoreSettings {
        log,
        development: false,
        accept_clock: false,
        revive: false,
        rows: 2,
    }
}

/// Reads a directory, with the key that its sealed values need.
pub(crate) fn read(storage: &FaultyStorage) -> Result<Found, StoreError> {
    Found::read(
        Arc::new(storage.clone()),
        &settings(),
        SealingKey::new(&[42; 32]),
        Arc::new(Counting::default()),
        Timestamp::from_ms(AT_MS),
        &Progress::default(),
    )
}

pub(crate) fn digest_of(state: &State) -> u128 {
    digest::of(&state.world)
}

/// The sample on a disk: two generations, segments before, between and behind them, stopped in good
/// order. Gives the digest of what it holds, too.
pub(crate) fn written() -> (FaultyStorage, u128) {
    let storage = FaultyStorage::new();
    let clock = Arc::new(ManualClock::at_ms(AT_MS));
    let found = read(&storage).unwrap();
    let failed = Box::new(|why| panic!("{why}"));
    let (store, state): (Store, State) = found.serve(&settings(), clock, failed).unwrap();
    let engine = Engine {
        state: Mutex::new(state),
        journal: store.journal(),
    };
    for (nth, lot) in lots().into_iter().enumerate() {
        for parts in lot {
            engine.log(parts);
        }
        if nth < 2 {
            store.write(&engine, false).unwrap();
        }
    }
    store.close();
    let digest = digest_of(&engine.state.lock());
    (storage, digest)
}

/// Every file of it, by name, but the lock and the reserve, which say nothing.
pub(crate) fn files(storage: &FaultyStorage) -> Vec<(String, Vec<u8>)> {
    use sessile::durability::storage::Storage;
    let mut names = vec!["manifest".to_owned()];
    for directory in ["log", "shards"] {
        let listed = storage.list(directory).unwrap();
        names.extend(listed.into_iter().map(|name| format!("{directory}/{name}")));
    }
    names.retain(|name| name != "log/reserve");
    let contents = |name: String| (storage.contents(&name).unwrap(), name);
    names
        .into_iter()
        .map(contents)
        .map(|(bytes, name)| (name, bytes))
        .collect()
}

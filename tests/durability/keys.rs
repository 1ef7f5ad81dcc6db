//! Sealing keys that follow each other: at every moment a start finds what it needs, and in the end nothing
//! on disk is sealed by the old one.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use compact_str::CompactString;
use parking_lot::Mutex;
use sessile::clock::ManualClock;
use sessile::durability::manifest::Manifest;
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::{SealingKey, SealingKeys};
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::{FaultyStorage, Seed};
use sessile::durability::store::{Found, Store, StoreError};
use sessile::engine::event::{AccountCause, DirectoryEvent, Part};
use sessile::engine::image::{DirectoryImage, SlotImage};
use sessile::engine::slot::SlotNumber;
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;
use sessile::journal::images::{ImageSource, NoImage};
use sessile::journal::{Entry, SharedJournal, Stake};
use sessile::session::account::TotpSeed;
use sessile::session::id::AccountId;
use sessile::session::jwt::{SigningAlgorithm, SigningKey};
use zeroize::Zeroizing;

use crate::whole::{MADE, account, digest_of, settings};

/// The keys with these bytes, the one that seals first.
fn keys(bytes: &[u8]) -> SealingKeys {
    let mut all = bytes.iter().map(|byte| SealingKey::new(&[*byte; 32]));
    let first = SealingKeys::from(all.next().unwrap());
    all.fold(first, SealingKeys::and)
}

fn read(storage: &FaultyStorage, bytes: &[u8]) -> Result<Found, StoreError> {
    Found::read(
        Arc::new(storage.clone()),
        &settings(),
        keys(bytes),
        Arc::new(SystemEntropy),
        MADE,
        &Progress::default(),
    )
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

/// A store, and an engine without actors on it.
struct Served {
    store: Store,
    state: Mutex<State>,
    journal: SharedJournal,
}

impl Served {
    fn start(storage: &FaultyStorage, bytes: &[u8]) -> Self {
        let found = read(storage, bytes).unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
        let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
        let failed = Box::new(|why| panic!("{why}"));
        let (store, state) = found.serve(&settings(), clock, failed).unwrap();
        Self {
            journal: store.journal(),
            state: Mutex::new(state),
            store,
        }
    }

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

    /// An account with a second factor and a signing key: both have something to seal.
    fn seal(&self, n: u32) {
        let mut new = account(&format!("user-{n}"));
        new.totp = Some(TotpSeed(Zeroizing::new([7; 20])));
        let put = DirectoryEvent::AccountPut(AccountId(n), Arc::new(new), AccountCause::Created);
        let key = SigningKey {
            kid: CompactString::from(format!("key-{n}")),
            algorithm: SigningAlgorithm::EdDsa,
            pkcs8: Zeroizing::new(vec![8; 48]),
            created: MADE,
            signs_from: MADE,
            expires: None,
        };
        let added = DirectoryEvent::SigningKeyAdded(Arc::new(key));
        self.log(vec![Part::Directory(put), Part::Directory(added)]);
    }

    fn write(&self) -> Vec<String> {
        let written = self.store.write(self, false).unwrap();
        let needless = written.needless_keys.iter();
        needless.map(ToString::to_string).collect()
    }

    /// Which keys it has and needs, and how many generations are to be written.
    fn sealing(&self) -> (Vec<(String, bool)>, u8) {
        let sealing = self.store.sealing();
        let keys = sealing.keys.into_iter();
        let keys = keys.map(|(id, needed)| (id.to_string(), needed));
        (keys.collect(), sealing.generations_to_write)
    }
}

impl ImageSource for Served {
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

const OLD: u8 = 1;
const NEW: u8 = 2;

fn id(byte: u8) -> String {
    SealingKey::new(&[byte; 32]).id().to_string()
}

/// How many files say that something in them is sealed by this key.
fn sealed_by(storage: &FaultyStorage, byte: u8) -> usize {
    let id = SealingKey::new(&[byte; 32]).id().0;
    let mut names = vec!["manifest".to_owned()];
    for directory in ["log", "shards"] {
        let listed = storage.list(directory).unwrap();
        names.extend(listed.into_iter().map(|name| format!("{directory}/{name}")));
    }
    let contents = names.iter().map(|name| storage.contents(name).unwrap());
    contents
        .filter(|bytes| bytes.windows(id.len()).any(|window| window == id))
        .count()
}

/// A directory with two generations and a log behind them, all sealed by the old key.
fn filled(storage: &FaultyStorage) -> Served {
    let served = Served::start(storage, &[OLD]);
    for n in 0..3 {
        served.seal(n);
        served.write();
    }
    served.seal(3);
    served
}

#[test]
fn after_two_generations_nothing_on_disk_is_sealed_by_the_old_key() {
    let storage = FaultyStorage::new();
    let served = filled(&storage);
    assert_eq!(served.sealing(), (vec![(id(OLD), true)], 0));
    assert!(sealed_by(&storage, OLD) >= 4);
    let digest = |storage: &FaultyStorage, bytes: &[u8]| digest_of(&read(storage, bytes).unwrap());

    // What lacks the key that is needed is refused, and changes nothing.
    for wrong in [&[NEW][..], &[3, 4]] {
        let refused = served.store.replace_keys(keys(wrong)).unwrap_err();
        assert!(refused.to_string().contains(&id(OLD)), "{refused}");
        assert_eq!(served.sealing(), (vec![(id(OLD), true)], 0));
    }
    served.seal(4);
    assert_eq!(sealed_by(&storage, NEW), 0);

    served.store.replace_keys(keys(&[NEW, OLD])).unwrap();
    let both = vec![(id(NEW), true), (id(OLD), true)];
    assert_eq!(served.sealing(), (both.clone(), 2));
    served.seal(5);
    for wrong in [&[NEW][..], &[OLD], &[3]] {
        assert!(served.store.replace_keys(keys(wrong)).is_err(), "{wrong:?}");
    }
    assert_eq!(served.write(), [""; 0]);
    assert_eq!(served.sealing(), (both, 1));
    assert!(read(&storage.copy(), &[NEW]).is_err());
    served.seal(6);
    assert_eq!(served.write(), [id(OLD)]);
    let one = vec![(id(NEW), true), (id(OLD), false)];
    assert_eq!(served.sealing(), (one, 0));
    served.seal(7);
    assert_eq!(sealed_by(&storage, OLD), 0, "neither image nor log");
    let expected = digest(&storage, &[NEW, OLD]);
    assert_eq!(digest(&storage, &[NEW]), expected);
    assert!(read(&storage, &[OLD]).is_err());

    // The old one may go, and may not come back as the only one.
    served.store.replace_keys(keys(&[NEW])).unwrap();
    assert_eq!(served.sealing(), (vec![(id(NEW), true)], 0));
    assert!(served.store.replace_keys(keys(&[OLD])).is_err());
    served.store.close();
    assert_eq!(digest(&storage, &[NEW]), expected);
}

#[test]
fn a_third_key_may_follow_before_the_first_is_gone_and_one_may_come_back() {
    let storage = FaultyStorage::new();
    let served = filled(&storage);
    served.store.replace_keys(keys(&[NEW, OLD])).unwrap();
    served.seal(4);
    served.write();
    served.store.replace_keys(keys(&[3, NEW, OLD])).unwrap();
    served.seal(5);
    assert_eq!(served.sealing().1, 2, "from the beginning");
    served.write();
    assert_eq!(served.write(), [id(OLD), id(NEW)]);
    assert_eq!([OLD, NEW].map(|key| sealed_by(&storage, key)), [0, 0]);

    // Another first key, and back to the one before.
    served.store.replace_keys(keys(&[4, 3])).unwrap();
    served.seal(6);
    served.store.replace_keys(keys(&[3, 4])).unwrap();
    assert_eq!(served.sealing().1, 2);
    let refused = served.store.replace_keys(keys(&[3]));
    assert!(refused.is_err(), "something is sealed by the fourth");
    served.write();
    assert_eq!(served.write(), [id(4)]);
    assert_eq!(sealed_by(&storage, 4), 0);
}

#[test]
fn a_restart_with_another_first_key_is_a_rotation_too() {
    let storage = FaultyStorage::new();
    let served = filled(&storage);
    let digest = digest_of(&read(&storage, &[OLD]).unwrap());
    served.store.log().abandon();
    let served = Served::start(&storage, &[NEW, OLD]);
    assert_eq!(served.sealing().1, 2);
    served.write();
    drop(served);
    // It begins anew, however far the one before came.
    let served = Served::start(&storage, &[NEW, OLD]);
    assert_eq!(served.sealing().1, 2);
    served.write();
    assert_eq!(served.write(), [id(OLD)]);
    served.store.close();
    let after = read(&storage, &[NEW]).unwrap();
    assert_eq!(digest_of(&after), digest);
}

/// Marks of the history: from the first on there is something to judge; with the last, the old key may go.
const FILLED: u64 = 1;
const DONE: u64 = 1_000;

#[test]
fn at_every_moment_of_a_rotation_a_power_cut_leaves_what_both_keys_open() {
    let storage = FaultyStorage::new();
    let served = filled(&storage);
    storage.mark(FILLED);
    let sealed = |n: u32| {
        served.seal(n);
        storage.mark(u64::from(n));
    };
    sealed(4);
    served.store.replace_keys(keys(&[NEW, OLD])).unwrap();
    sealed(5);
    served.write();
    sealed(6);
    assert_eq!(served.write(), [id(OLD)]);
    storage.mark(DONE);
    sealed(7);
    served.store.close();

    let (mut seed, mut tally) = (Seed(20_261_127), [0_u32; 4]);
    storage.moments(|moment| {
        if moment.marks.is_empty() {
            return;
        }
        let done = moment.marks.contains(&DONE);
        let acknowledged = moment.marks.iter().filter(|mark| **mark != DONE).max();
        for _ in 0..2 {
            tally[0] += 1;
            let left = moment.cut(&mut seed);
            let manifest = left.contents("manifest").unwrap();
            let both = read(&left, &[NEW, OLD]).unwrap_or_else(|error| panic!("{error}"));
            let digest = digest_of(&both);
            let world = &both.recovered.state.world;
            let accounts = world.accounts.count() as u64;
            assert!(
                accounts > *acknowledged.unwrap(),
                "what was sealed is there"
            );
            let needed = Manifest::decode(&manifest).unwrap().sealed_by;
            for key in [OLD, NEW] {
                match read(&left, &[key]) {
                    Ok(found) => {
                        tally[usize::from(key)] += 1;
                        assert_eq!(digest_of(&found), digest);
                        assert_eq!(needed.len(), 1);
                    }
                    Err(refused) => {
                        assert!(!(done && key == NEW), "{refused}");
                        let said = refused.to_string();
                        assert!(said.contains("sealing key file"), "{said}");
                    }
                }
            }
            assert_eq!(left.contents("manifest").unwrap(), manifest);
            if tally[0] % 5 == 0 {
                tally[3] += 1;
                let served = Served::start(&left, &[NEW, OLD]);
                while served.store.wants_generations() {
                    served.write();
                }
                served.store.close();
                assert_eq!(digest_of(&read(&left, &[NEW]).unwrap()), digest);
                assert_eq!(sealed_by(&left, OLD), 0);
            }
        }
    });
    println!(
        "{} states after a power cut: both keys open all of them, the old one alone {}, the new one alone {}; {} \
         rotations were ended from there",
        tally[0], tally[1], tally[2], tally[3]
    );
    assert!(tally.iter().all(|count| *count > 5), "{tally:?}");
}

//! Who may serve a directory, and what a mode leaves behind for the next one.

use std::sync::Arc;

use sessile::clock::ManualClock;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::manifest::Manifest;
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::store::{Found, Store, StoreSettings};
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;

use crate::decay::Still;
use crate::whole::{MADE, Whole, digest_of, read, read_with, settings};

fn in_mode(mode: Mode) -> StoreSettings {
    let log = LogSettings {
        mode,
        ..settings().log
    };
    StoreSettings { log, ..settings() }
}

fn sessions(state: &State) -> usize {
    state.world.session_count()
}

/// How far a process comes that serves the directory.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// It is killed before it serves anybody.
    Early,
    /// It is killed while it serves.
    Killed,
    /// It stops in good order.
    Stopped,
}

/// A process in this mode. Whether it had to write a generation before it served anybody, which it did.
fn serve(storage: &FaultyStorage, settings: &StoreSettings, end: End) -> bool {
    let found = read_with(storage, settings, MADE).unwrap();
    let last = found.recovered.log.end.last.sequence;
    let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
    let (store, state) = found.serve(settings, clock, Box::new(|_| {})).unwrap();
    let must_write = store.must_write();
    let still = Still(state, last);
    if must_write {
        store.write(&still, false).unwrap();
    }
    if end != End::Early {
        store.begin_serving().unwrap();
    }
    if end == End::Stopped {
        store.write(&still, true).unwrap();
        store.close();
    } else {
        // Nothing that its end would write gets to the disk.
        storage.kill_after(0);
        drop(store);
        storage.mend();
    }
    must_write
}

/// The digest of what is found, and whether sessions had to end.
fn found(storage: &FaultyStorage, settings: &StoreSettings) -> (u128, bool) {
    let found = read_with(storage, settings, MADE).unwrap();
    if found.recovered.ended_all {
        assert_eq!(sessions(&found.recovered.state), 0);
    }
    (digest_of(&found), found.recovered.ended_all)
}

#[test]
fn after_a_crash_of_a_process_that_logs_no_sessions_none_lives_unless_that_is_asked_for() {
    let whole = Whole::make();
    let storage = &whole.storage;
    let (unlogged, logged) = (in_mode(Mode::Snapshot), in_mode(Mode::Sync));
    let accounts = |storage| {
        let found = read(storage).unwrap();
        found.recovered.state.world.accounts.count()
    };
    let all = (whole.digest, false);
    let (had, known) = (accounts(storage), found(storage, &logged));
    assert_eq!(known, all);

    // Whoever serves nobody changes nothing, and a stop in good order keeps everything.
    for end in [End::Early, End::Stopped] {
        assert!(!serve(storage, &unlogged, end));
        assert_eq!(
            (found(storage, &unlogged), found(storage, &logged)),
            (all, all)
        );
    }

    // But the generation before the last says nothing of what happened until then.
    let newest = Manifest::load(storage).unwrap().unwrap().generations[0].clone();
    let image = newest.images[0].name.clone();
    let damaged = storage.copy();
    damaged.put(&image, b"");
    assert!(found(&damaged, &logged).1);

    // Killed while it served: what became of sessions is not known.
    assert!(!serve(storage, &unlogged, End::Killed));
    for settings in [&unlogged, &logged] {
        assert!(found(storage, settings).1);
    }
    assert_eq!(accounts(storage), had);
    let reviving = StoreSettings {
        revive: true,
        ..in_mode(Mode::Snapshot)
    };
    assert_eq!(found(storage, &reviving), all);

    // The next one says so on disk before it serves; then its own sessions live on, whatever it began with.
    assert!(serve(storage, &logged, End::Killed));
    let (digest, ended) = found(storage, &logged);
    assert!(!ended && digest != whole.digest);
    let newest = Manifest::load(storage).unwrap().unwrap().generations[0].clone();
    storage.put(&newest.images[0].name, b"");
    assert!(found(storage, &logged).1);
}

#[test]
fn development_mode_serves_no_directory_that_it_did_not_fill() {
    let whole = Whole::make();
    let development = StoreSettings {
        development: true,
        ..settings()
    };
    let refused = read_with(&whole.storage, &development, MADE).err().unwrap();
    assert!(refused.to_string().contains("--dev"), "{refused}");
    assert_eq!(digest_of(&read(&whole.storage).unwrap()), whole.digest);

    let fresh = FaultyStorage::new();
    let found = read_with(&fresh, &development, MADE).unwrap();
    assert!(found.fresh && found.is_development());
    assert!(read(&fresh).unwrap().is_development());
}

#[test]
fn another_sealing_key_is_noticed_before_anything_else() {
    let whole = Whole::make();
    let other = Found::read(
        Arc::new(whole.storage.clone()),
        &settings(),
        SealingKey::new(&[6; 32]),
        Arc::new(SystemEntropy),
        MADE,
        &Progress::default(),
    );
    let refused = other.err().unwrap().to_string();
    assert!(refused.contains("sealing key"), "{refused}");
}

fn images(storage: &FaultyStorage) -> Vec<String> {
    storage.list("shards").unwrap()
}

fn served(storage: &FaultyStorage, settings: &StoreSettings) -> (Store, Still) {
    let found = read_with(storage, settings, MADE).unwrap();
    let last = found.recovered.log.end.last.sequence;
    let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
    let (store, state) = found.serve(settings, clock, Box::new(|_| {})).unwrap();
    (store, Still(state, last))
}

#[test]
fn a_generation_that_could_not_be_written_leaves_nothing_behind() {
    let whole = Whole::make();
    let storage = &whole.storage;
    let left = "shards/00000000000000000009-0000.image";
    storage.put(left, b"left by an attempt");
    let before: Vec<_> = images(storage)
        .into_iter()
        .filter(|name| !left.ends_with(name))
        .collect();
    let (store, still) = served(storage, &settings());
    assert_eq!(
        images(storage),
        before,
        "a start removes what no manifest names"
    );
    for room in [0, 600, 2_000] {
        storage.limit(Some(storage.used() + room));
        assert!(store.write(&still, false).is_err(), "{room}");
        assert_eq!(images(storage), before, "{room}");
    }
    storage.limit(None);
    assert_eq!(
        store.write(&still, false).unwrap().generation,
        6,
        "no number is used twice"
    );
    store.close();
    assert_eq!(digest_of(&read(storage).unwrap()), whole.digest);
}

#[test]
fn a_full_disk_does_not_keep_a_stopped_node_from_starting() {
    let whole = Whole::make();
    let storage = &whole.storage;
    serve(storage, &settings(), End::Stopped);
    storage.limit(Some(storage.used()));
    let (store, _) = served(storage, &settings());
    assert!(
        store.is_short_of_room(),
        "what gives is refused until there is room"
    );
    store.close();
    storage.limit(None);
    assert_eq!(digest_of(&read(storage).unwrap()), whole.digest);
}

#[test]
fn only_who_closes_a_log_says_that_it_stopped_in_good_order() {
    let whole = Whole::make();
    let stopped = || read(&whole.storage).unwrap().recovered.log.end.stopped;
    drop(served(&whole.storage, &settings()));
    assert!(!stopped());
    served(&whole.storage, &settings()).0.close();
    assert!(stopped());
}

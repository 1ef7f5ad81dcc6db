//! Who may serve a directory, and what a mode leaves behind for the next one.

use std::sync::Arc;

use sessile::clock::ManualClock;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::manifest::Manifest;
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::store::{Found, StoreSettings};
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

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

/// A process that serves the directory in this mode and ends without a word, or in good order.
fn serve(storage: &FaultyStorage, settings: &StoreSettings, stop: bool) -> bool {
    let found = read_with(storage, settings, MADE).unwrap();
    let clock = Arc::new(ManualClock::at_ms(MADE.ms()));
    let (store, _) = found.serve(settings, clock, Box::new(|_| {})).unwrap();
    let must_write = store.must_write();
    if stop {
        store.close(true);
    } else {
        // Nothing that its end would write gets to the disk.
        storage.kill_after(0);
        drop(store);
        storage.mend();
    }
    must_write
}

#[test]
fn after_a_crash_of_a_process_that_logs_no_sessions_none_lives_unless_that_is_asked_for() {
    let whole = Whole::make();
    let (unlogged, logged) = (in_mode(Mode::Snapshot), in_mode(Mode::Sync));
    let found = read(&whole.storage).unwrap();
    assert!(!found.recovered.ended_all && sessions(&found.recovered.state) > 4);
    let accounts = found.recovered.state.world.accounts.count();

    // A stop in good order keeps everything, in whatever mode it goes on.
    assert!(!serve(&whole.storage, &unlogged, true));
    let found = read_with(&whole.storage, &logged, MADE).unwrap();
    assert_eq!(
        (digest_of(&found), found.recovered.ended_all),
        (whole.digest, false)
    );

    // The next process begins another segment; when it is killed, what became of sessions is not known.
    serve(&whole.storage, &unlogged, false);
    for settings in [&unlogged, &logged] {
        let found = read_with(&whole.storage, settings, MADE).unwrap();
        assert!(found.recovered.ended_all);
        let state = &found.recovered.state;
        assert_eq!(
            (sessions(state), state.world.accounts.count()),
            (0, accounts)
        );
    }
    let reviving = StoreSettings {
        revive: true,
        ..in_mode(Mode::Snapshot)
    };
    let found = read_with(&whole.storage, &reviving, MADE).unwrap();
    assert_eq!(
        (digest_of(&found), found.recovered.ended_all),
        (whole.digest, false)
    );

    // It is not forgotten before a generation says what there is now.
    assert!(serve(&whole.storage, &logged, false));
    assert!(Manifest::load(&whole.storage).unwrap().unwrap().unlogged);
    assert!(
        read_with(&whole.storage, &logged, MADE)
            .unwrap()
            .recovered
            .ended_all
    );
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

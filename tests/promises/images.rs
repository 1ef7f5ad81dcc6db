//! Images that are taken of a running engine, slot by slot, each at another moment: with the log behind
//! them they are the engine (R11).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sessile::door::ServiceError;
use sessile::engine::command::Reply;
use sessile::engine::digest;
use sessile::engine::event::Part;
use sessile::engine::image::{DirectoryImage, SlotImage};
use sessile::engine::slot::SlotNumber;
use sessile::engine::state::State;
use sessile::journal::images::ImageSource;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::token::InstallKey;

use crate::life::Life;
use crate::rig::{AT_START, Rig, end, open};

/// What a generation holds.
struct Taken {
    settled: u64,
    slots: Vec<(SlotNumber, SlotImage, u64)>,
    directory: (DirectoryImage, u64),
}

fn take(engine: &impl ImageSource) -> Taken {
    let settled = engine.settle().unwrap();
    let slot = |number| {
        let (image, position) = engine.slot(number);
        (number, image, position.max(settled))
    };
    let slots = SlotNumber::from(0).map(slot).collect();
    let (directory, position) = engine.directory().unwrap();
    Taken {
        settled,
        slots,
        directory: (directory, position.max(settled)),
    }
}

fn empty() -> State {
    State::empty(InstallKey::new([7; 32]))
}

fn restored(taken: &Taken) -> State {
    let mut state = empty();
    for (number, image, position) in &taken.slots {
        state.restore_slot(*number, image.clone(), *position, AT_START);
    }
    let (directory, position) = &taken.directory;
    state.restore_directory(directory.clone(), *position);
    state
}

#[test]
fn an_image_taken_under_load_and_the_log_behind_it_are_the_engine() {
    let mut further = 0;
    for seed in 1..=4 {
        let mut life = Life::begin(seed);
        let engine = life.rig.engine.clone();
        let stop = Arc::new(AtomicBool::new(false));
        let taker = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let mut taken = vec![take(&engine)];
                while !stop.load(Ordering::Acquire) && taken.len() < 40 {
                    taken.push(take(&engine));
                }
                taken
            }
        });
        for _ in 0..900 {
            life.step();
        }
        stop.store(true, Ordering::Release);
        let taken = taker.join().unwrap();
        let (digest, _) = life.settle();
        let history = life.journal.records();
        assert!(taken.len() > 2, "seed {seed}: {} images", taken.len());
        for (nth, taken) in taken.iter().enumerate() {
            let mut state = restored(taken);
            for (record, sequence) in history
                .iter()
                .zip(1..)
                .skip(usize::try_from(taken.settled).unwrap())
            {
                state.replay(sequence, record);
            }
            let again = digest::of(&state.world);
            assert_eq!(again, digest, "seed {seed}, image {nth}");
            let slots = taken.slots.iter();
            further += slots.filter(|(.., at)| *at > taken.settled).count();
        }
    }
    println!("{further} slots were further than their generation");
    assert!(further > 0, "no image was taken while anything happened");
}

/// An image may be taken between two parts of a record: then the record is replayed as a whole.
#[test]
fn a_record_of_which_the_beginning_is_applied_already_is_applied_once_more_for_nothing() {
    let mut several = 0;
    for seed in 1..=4 {
        let mut life = Life::begin(seed);
        for _ in 0..900 {
            life.step();
        }
        life.settle();
        let mut whole = empty();
        let mut twice = empty();
        for (record, sequence) in life.journal.records().iter().zip(1..) {
            whole.replay(sequence, record);
            if record.len() > 1 {
                several += 1;
                let cut = (several * 7 + 3) % record.len();
                apply(&mut twice, &record[..cut]);
            }
            twice.replay(sequence, record);
            let (whole, twice) = (digest::of(&whole.world), digest::of(&twice.world));
            if record.len() > 1 {
                assert_eq!(whole, twice, "seed {seed}, record {sequence}: {record:?}");
            }
        }
        assert_eq!(lists(&whole), lists(&twice), "seed {seed}");
    }
    assert!(several > 100, "{several} records of several parts");
}

fn apply(state: &mut State, parts: &[Part]) {
    for part in parts {
        state.world.apply(part, None);
        if let Part::Directory(event) = part {
            state.directory.apply(event);
        }
    }
}

fn lists(state: &State) -> Vec<sessile::engine::image::Listing> {
    DirectoryImage::of(&state.world, &state.directory).listings
}

/// What the journal refused took effect in memory only; images that hold it make it last.
#[test]
fn an_end_without_a_record_is_acknowledged_once_images_hold_it() {
    let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
    let rig = Rig::start(journal.clone(), 2);
    let account = rig.account("alice", 0);
    let id = rig.id(1);
    assert_eq!(rig.ask(open(account, vec![id])), Ok(Reply::Done));
    assert!(!rig.engine.is_owed());
    journal.refuse(true);
    assert_eq!(rig.ask(end(id)), Err(ServiceError::Unavailable));
    assert!(rig.engine.is_owed() && !rig.live(id));
    assert!(
        rig.engine.settle().is_err(),
        "no image stands on a journal that refuses"
    );
    rig.engine.kept();
    journal.refuse(false);
    let taken = take(&rig.engine);
    assert_eq!(rig.ask(end(id)), Err(ServiceError::Unavailable));
    rig.engine.kept();
    assert!(
        rig.engine.is_owed(),
        "recovery may begin with the generation before"
    );
    let other = open(account, vec![rig.id(2)]);
    assert_eq!(rig.ask(other.clone()), Err(ServiceError::Unavailable));
    rig.engine.settle().unwrap();
    rig.engine.kept();
    assert!(!rig.engine.is_owed());
    assert!(matches!(rig.ask(end(id)), Err(ServiceError::Refused(_))));

    // The log alone would bring it back.
    let history = journal.records();
    let logged = State::of_history(InstallKey::new([7; 32]), &history);
    assert_eq!(logged.world.session_count(), 1);
    assert_eq!(rig.ask(other), Ok(Reply::Done));
    assert_eq!(restored(&taken).world.session_count(), 0);
}

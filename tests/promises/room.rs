//! What a record ends, it ends before it opens: a limit holds for readers, too (R4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use sessile::door::Engine;
use sessile::engine::command::{Command, Open, Reply};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::activity::Touch;
use sessile::session::id::{AccountId, SessionId};
use sessile::session::policy::{Policy, WhenFull};
use sessile::session::state::Surface;

use crate::hold::{Pump, fence, fence_at, send, until};
use crate::rig::{AT_START, Rig, opening};

/// An engine, and an account on it that may have one session at a time.
fn single(journal: &Arc<MemoryJournal>) -> (Rig, AccountId) {
    let _pump = Pump::on(journal);
    let rig = Rig::start(journal.clone(), 3);
    let alice = rig.account("alice", 1);
    (rig, alice)
}

fn evicting(account: AccountId, id: SessionId) -> Command {
    let lifetime = Policy::default().lifetime(Surface::Mollybet, AT_START);
    let open = opening(account, vec![id], lifetime);
    Command::Open(Open {
        when_full: WhenFull::EvictOldest,
        ..open
    })
}

#[test]
fn a_session_that_makes_room_in_another_shard_ends_before_the_new_one_is_seen() {
    let journal = MemoryJournal::new(Pace::Held, Keep::Nothing);
    let (rig, alice) = single(&journal);
    let engine = &rig.engine;
    let (old, new) = (
        SessionId::from_bytes([0x01; 16]),
        SessionId::from_bytes([0xf1; 16]),
    );
    let pump = Pump::on(&journal);
    rig.ask(evicting(alice, old)).unwrap();
    drop(pump);
    let mut opened = send(engine, evicting(alice, new));
    until("the record", || journal.waiting() == 1);
    fence(engine);
    assert!(rig.live(old) && !rig.live(new));
    // A reader that looks at the old session keeps its owner from ending it.
    let ((looking, looks), (go_on, goes_on)) = (channel(), channel::<()>());
    let door = engine.clone();
    let reader = std::thread::spawn(move || {
        door.with_session(old, Touch::No, move |_| {
            looking.send(()).unwrap();
            goes_on.recv()
        });
    });
    looks.recv().unwrap();
    assert_eq!(journal.release(1), 1);
    fence_at(engine, SessionId::from_bytes([0xf2; 16]));
    assert!(!rig.live(new), "two sessions under a limit of one");
    assert!(!opened.is_answered());
    drop(go_on);
    reader.join().unwrap();
    assert_eq!(opened.answer(), Ok(Reply::Done));
    assert!(rig.live(new) && !rig.live(old));
}

#[test]
fn no_reader_ever_counts_more_sessions_than_the_limit() {
    let journal = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
    let (rig, alice) = single(&journal);
    let ids: Vec<_> = (100..1_100).map(|n| rig.id(n)).collect();
    let newest = AtomicUsize::new(1);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while let (Some(old), Some(new)) = pair(&ids, newest.load(Ordering::Acquire)) {
                assert!(!(rig.live(new) && rig.live(old)));
            }
        });
        for (n, id) in ids.iter().enumerate() {
            newest.store(n.max(1), Ordering::Release);
            let evict = evicting(alice, *id);
            assert_eq!(rig.ask(evict), Ok(Reply::Done));
        }
        newest.store(ids.len(), Ordering::Release);
    });
}

fn pair(ids: &[SessionId], newest: usize) -> (Option<SessionId>, Option<SessionId>) {
    (ids.get(newest - 1).copied(), ids.get(newest).copied())
}

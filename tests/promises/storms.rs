//! Very many sessions end at the same instant: readers know at once, the sweeper takes its time (O10).

use std::sync::Arc;

use hashbrown::HashSet;
use parking_lot::Mutex;
use sessile::door::Engine;
use sessile::engine::command::{Command, OPEN_BATCH_MAX, Reply};
use sessile::engine::event::{Part, SlotEvent};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::lifetime::Lifetime;
use sessile::session::state::EndReason;

use crate::hold::{Moment, Witness, until, wait};
use crate::rig::{AT_START, Rig, opening};

/// Sessions that expire together, and others that do not.
const EXPIRING: usize = 40_000;
const STAYING: usize = 1_000;
/// When they do.
const LIFE_MS: u64 = 3_600_000;
/// Sessions that one record of a sweep ends, at most.
const RECORD_MAX: usize = 128;

#[test]
fn forty_thousand_sessions_that_expire_at_one_instant_are_dead_at_once_and_end_in_slices() {
    let ended = Arc::new(Mutex::new((HashSet::new(), 0_usize, 0_usize)));
    let noted = ended.clone();
    let prompt = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
    let witness = Witness::of(prompt, move |moment, parts| {
        if moment != Moment::Durable {
            return;
        }
        let (ids, records, largest) = &mut *noted.lock();
        let ends = parts.iter().filter_map(|part| match part {
            Part::Slot(_, SlotEvent::SessionEnded(id, _, reason)) => Some((*id, *reason)),
            _ => None,
        });
        let mut count = 0;
        for (id, reason) in ends {
            assert_eq!(reason, EndReason::Absolute);
            // A sweep of everything may come upon one whose end is on its way: that changes nothing.
            ids.insert(id);
            count += 1;
        }
        *records += usize::from(count > 0);
        *largest = (*largest).max(count);
    });
    let rig = Rig::start(witness, 2);
    let account = rig.account("alice", 0);
    let ids: Vec<_> = (0..EXPIRING + STAYING).map(|n| rig.id(n)).collect();
    let (expiring, staying) = ids.split_at(EXPIRING);
    let life = |life_ms: u64| Lifetime {
        idle_timeout_ms: 0,
        absolute: AT_START.plus_ms(life_ms),
    };
    for (ids, lifetime) in [(expiring, life(LIFE_MS)), (staying, life(2 * LIFE_MS))] {
        for batch in ids.chunks(OPEN_BATCH_MAX) {
            let open = Command::Open(opening(account, batch.to_vec(), lifetime));
            assert_eq!(rig.ask(open), Ok(Reply::Done));
        }
    }
    rig.clock.advance_ms(LIFE_MS - 1);
    assert!(expiring.iter().all(|id| rig.live(*id)));
    rig.clock.advance_ms(1);
    let alive = expiring.iter().filter(|id| rig.live(**id)).count();
    assert_eq!(alive, 0, "whoever looks sees them dead");
    until("they were swept", || {
        wait(rig.engine.figures().get()).sessions == STAYING
    });
    assert!(staying.iter().all(|id| rig.live(*id)));
    let (ids, records, largest) = &*ended.lock();
    println!(
        "{} ends in {records} records of at most {largest}",
        ids.len()
    );
    assert_eq!(ids.len(), EXPIRING);
    assert!(*largest <= RECORD_MAX, "{largest}");
    assert!(*records >= EXPIRING / RECORD_MAX, "{records}");
}

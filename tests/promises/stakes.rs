//! What an owner says of its own accord is not worth a sync, nor the last room on a disk: what it says
//! follows from what was logged before, and would be said again.

use std::sync::Arc;

use parking_lot::Mutex;

use sessile::clock::Clock;
use sessile::engine::command::{Command, Reply};
use sessile::engine::event::{Part, SlotEvent};
use sessile::journal::images::ImageSource;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::journal::{Entry, Journal, JournalRefused, Stake};
use sessile::session::lifetime::Lifetime;
use sessile::session::state::EndReason;

use crate::hold::until;
use crate::rig::{Rig, end, opening};

type Noted = Arc<Mutex<Vec<(Stake, Vec<Part>)>>>;

/// A journal that notes what is at stake with each record.
struct Noting {
    journal: Arc<MemoryJournal>,
    noted: Noted,
}

impl Journal for Noting {
    fn append(&self, entry: Arc<dyn Entry>) -> Result<(), JournalRefused> {
        self.noted
            .lock()
            .push((entry.stake(), entry.parts().to_vec()));
        self.journal.append(entry)
    }
}

#[test]
fn an_end_that_somebody_asked_for_is_at_stake_and_one_that_time_brought_is_upkeep() {
    let noted = Noted::default();
    let journal = Arc::new(Noting {
        journal: MemoryJournal::new(Pace::Prompt, Keep::Nothing),
        noted: noted.clone(),
    });
    let rig = Rig::start(journal, 2);
    let account = rig.account("alice", 0);
    let lifetime = Lifetime {
        idle_timeout_ms: 0,
        absolute: rig.clock.now().plus_ms(5_000),
    };
    let (asked, expiring) = (rig.id(1), rig.id(2));
    let open = Command::Open(opening(account, vec![asked, expiring], lifetime));
    assert_eq!(rig.ask(open), Ok(Reply::Done));
    assert!(rig.ask(end(asked)).is_ok());
    rig.clock.advance_ms(6_000);
    let stake_of = |wanted| {
        let noted = noted.lock();
        let ended = noted.iter().find(|(_, parts)| {
            let is = |part: &Part| {
                matches!(part, Part::Slot(_, SlotEvent::SessionEnded(id, _, reason))
                    if (*id, *reason) == wanted)
            };
            parts.iter().any(is)
        });
        ended.map(|(stake, _)| *stake)
    };
    until("time ended one", || {
        stake_of((expiring, EndReason::Absolute)).is_some()
    });
    assert_eq!(stake_of((asked, EndReason::Logout)), Some(Stake::Parts));
    assert_eq!(
        stake_of((expiring, EndReason::Absolute)),
        Some(Stake::Upkeep)
    );

    // What an image begins with stands for everything before it; a note of the time for nothing.
    noted.lock().clear();
    let sequence = rig.engine.settle().unwrap();
    assert!(sequence >= 4);
    let marks = |stake| {
        noted
            .lock()
            .iter()
            .filter(|(is, parts)| *is == stake && parts.is_empty())
            .count()
    };
    assert_eq!(marks(Stake::Everything), 1);
    let living = Lifetime {
        absolute: rig.clock.now().plus_ms(60_000),
        ..lifetime
    };
    assert_eq!(
        rig.ask(Command::Open(opening(account, vec![rig.id(3)], living))),
        Ok(Reply::Done)
    );
    rig.engine.note_time();
    assert_eq!(marks(Stake::Upkeep), 1);
}

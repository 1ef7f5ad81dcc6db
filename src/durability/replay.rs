//! Replaying the log: one thread reads and decodes records, another one applies what they say of slots.
//!
//! What is for the directory is applied at once, by the reader. Invariant: the state is the one that applying record
//! by record gives, since slots and the directory have nothing to do with each other.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::events::tell_events;
use super::format::Origin;
use super::reading::{LogError, LogReport, read_log};
use super::recovery::Progress;
use super::sealing::Sealer;
use super::storage::Storage;
use super::stored::TakesEvents;
use crate::engine::event::{DirectoryEvent, Grant, SlotEvent};
use crate::engine::replay::Steps;
use crate::engine::slot::SlotNumber;
use crate::engine::state::State;
use crate::engine::world::World;
use crate::session::id::SessionId;
use crate::session::state::EndReason;
use crate::session::time::Timestamp;

/// Events that are handed over at once, and a record's more: enough for several of each slot.
const STEPS_MAX: usize = 32_768;
/// The same in bytes of records, for those whose events are long.
const BYTES_MAX: usize = 8 << 20;
/// How many hand-overs there are: one is filled, one waits, one is applied.
const HAND_OVERS: usize = 3;

/// Replays records from `from` on, and gives the latest time that one of them says as well.
///
/// After an error the state holds a part of it, and is to be thrown away.
pub(super) fn replay_log(
    storage: &dyn Storage,
    origin: Origin,
    from: u64,
    sealer: &Sealer,
    state: &mut State,
    progress: &Progress,
) -> Result<(LogReport, Timestamp), LogError> {
    let world = state.world.clone();
    let (full, filled) = sync_channel(HAND_OVERS);
    let (empty, emptied) = sync_channel(HAND_OVERS);
    for _ in 1..HAND_OVERS {
        // There is room for all of them.
        let _ = empty.try_send(Steps::default());
    }
    std::thread::scope(|scope| {
        let applying = std::thread::Builder::new().name("sessile-replay".into());
        let applying = applying.spawn_scoped(scope, || apply(&world, filled, empty));
        applying.map_err(LogError::Thread)?;
        let mut gathering = Gathering {
            steps: Steps::default(),
            directory: Vec::new(),
            bytes: 0,
            full,
            emptied,
        };
        let mut latest = Timestamp::default();
        let report = read_log(storage, origin, from, |record| {
            let sequence = record.link.sequence;
            gathering.steps.begin(sequence);
            latest = latest.max(tell_events(&record, sealer, &mut gathering)?);
            if !gathering.directory.is_empty() {
                state.replay_directory(sequence, gathering.directory.drain(..));
            }
            gathering.bytes += record.payload.len();
            if gathering.steps.len() >= STEPS_MAX || gathering.bytes >= BYTES_MAX {
                gathering.hand_over();
            }
            progress.records.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })?;
        gathering.hand_over();
        Ok((report, latest))
    })
}

/// Applies what is handed over until nobody hands over any more.
fn apply(world: &World, filled: Receiver<Steps>, empty: SyncSender<Steps>) {
    for mut steps in filled {
        world.replay(&mut steps);
        // Nobody wants it any more if the reader is at the end.
        let _ = empty.try_send(steps);
    }
}

/// What records say, until it is handed over.
struct Gathering {
    steps: Steps,
    /// Of one record.
    directory: Vec<DirectoryEvent>,
    /// Bytes of the records so far.
    bytes: usize,
    full: SyncSender<Steps>,
    emptied: Receiver<Steps>,
}

impl Gathering {
    fn hand_over(&mut self) {
        self.bytes = 0;
        // The other end is gone only if it panicked, which the scope of both passes on.
        if let Ok(empty) = self.emptied.recv() {
            let _ = self.full.send(std::mem::replace(&mut self.steps, empty));
        }
    }
}

impl TakesEvents for Gathering {
    fn grant(&mut self, grant: Grant) {
        self.steps.grant(grant);
    }

    fn opened(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, nth: u32) {
        self.steps.opened(slot, id, at, nth);
    }

    fn ended(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, reason: EndReason) {
        self.steps.ended(slot, id, at, reason);
    }

    fn event(&mut self, slot: SlotNumber, event: SlotEvent) {
        self.steps.event(slot, event);
    }

    fn directory(&mut self, event: DirectoryEvent) {
        self.directory.push(event);
    }
}

//! Records of the log as the engine's events, and back.

use std::sync::Arc;

use super::codec;
use super::journal::Encode;
use super::log::Class;
use super::record::Record;
use super::sealing::{Sealer, Unseal};
use super::stored::{StoredRecord, TakesEvents, read_record};
use crate::clock::SharedClock;
use crate::engine::event::{DirectoryEvent, Grant, Part, SessionOpened, SlotEvent};
use crate::engine::slot::SlotNumber;
use crate::journal::JournalRefused;
use crate::session::id::SessionId;
use crate::session::time::Timestamp;

/// The kind of record that holds events, version 1.
pub const EVENTS: u8 = 1;

/// Turns events into records.
pub struct EventEncoder {
    /// Seals what belongs sealed.
    pub sealer: Arc<Sealer>,
    /// Every record says when it was written.
    pub clock: SharedClock,
}

impl Encode for EventEncoder {
    fn kind(&self) -> u8 {
        EVENTS
    }

    fn encode(&self, parts: &[Part], out: &mut Vec<u8>) -> Result<(), JournalRefused> {
        let record = StoredRecord::of(self.clock.now(), parts, &self.sealer);
        let record = record.map_err(|_| JournalRefused)?;
        codec::encode(&record, out).map_err(|_| JournalRefused)
    }

    fn class(&self, parts: &[Part]) -> Class {
        // A list of sessions is worth as much as its sessions.
        let lasts = |part: &Part| match part {
            Part::Slot(..) => false,
            Part::Directory(event) => !matches!(event, DirectoryEvent::SessionsListed { .. }),
        };
        if !parts.is_empty() && parts.iter().all(Part::is_count) {
            return Class::COUNT;
        }
        let restriction = parts.iter().any(Part::is_restriction);
        Class {
            restriction,
            room: restriction,
            always: parts.iter().any(lasts),
            written: false,
        }
    }
}

/// What a record says, and when it was written. The error says what is wrong with it.
pub fn events_of(
    record: &Record<'_>,
    sealer: &dyn Unseal,
) -> Result<(Timestamp, Vec<Part>), String> {
    let mut said = Said::default();
    let at = tell_events(record, sealer, &mut said)?;
    Ok((at, said.parts))
}

/// Tells what a record says, and gives when it was written. The error says what is wrong with it.
pub(super) fn tell_events(
    record: &Record<'_>,
    sealer: &dyn Unseal,
    to: &mut impl TakesEvents,
) -> Result<Timestamp, String> {
    if record.label.kind != EVENTS {
        return Err(format!(
            "this program knows no records of kind {}",
            record.label.kind
        ));
    }
    read_record(record.payload, sealer, to).map_err(|error| error.to_string())
}

/// What one record says, as the engine's events.
#[derive(Default)]
struct Said {
    grants: Vec<Arc<Grant>>,
    parts: Vec<Part>,
}

impl TakesEvents for Said {
    fn grant(&mut self, grant: Grant) {
        self.grants.push(Arc::new(grant));
    }

    fn opened(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, nth: u32) {
        if let Some(grant) = self.grants.get(nth as usize).cloned() {
            let opened = SessionOpened { id, at, grant };
            self.event(slot, SlotEvent::SessionOpened(opened));
        }
    }

    fn event(&mut self, slot: SlotNumber, event: SlotEvent) {
        self.parts.push(Part::Slot(slot, event));
    }

    fn directory(&mut self, event: DirectoryEvent) {
        self.parts.push(Part::Directory(event));
    }
}

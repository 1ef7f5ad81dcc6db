//! Records of the log as the engine's events, and back.

use std::sync::Arc;

use super::codec;
use super::journal::Encode;
use super::log::Class;
use super::record::Record;
use super::sealing::{Sealer, Unseal};
use super::stored::StoredRecord;
use crate::clock::SharedClock;
use crate::engine::event::{DirectoryEvent, Part};
use crate::journal::JournalRefused;
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
    if record.label.kind != EVENTS {
        return Err(format!(
            "this program knows no records of kind {}",
            record.label.kind
        ));
    }
    let stored: StoredRecord = codec::decode(record.payload).map_err(|error| error.to_string())?;
    let at = Timestamp::from_ms(stored.at);
    let parts = stored.open(sealer).map_err(|error| error.to_string())?;
    Ok((at, parts))
}

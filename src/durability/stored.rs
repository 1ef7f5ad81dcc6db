//! What payloads say, version 1: the storage forms of events and of images, and the way to and from them.
//!
//! They are types of their own, so that nothing on disk changes with the engine's. A field is never
//! renamed away, moved or made optional here: a change is a version 2 beside this one, which goes on
//! being read. Source: `docs/FORMAT.md`, Payloads.
//! Invariants: what belongs sealed is sealed before it is a storage form, and stays so for whoever has no
//! key; what is decoded is checked like what comes from outside, and what is wrong is named, not quoted.

mod accounts;
mod events;
mod guesses;
mod jwts;
mod plain;
mod profile;
mod sessions;
mod unread;

pub(super) use self::accounts::{StoredAccount, StoredKey};
pub(super) use self::events::{
    StoredDirectoryEvent, StoredListed, StoredPart, StoredRecord, StoredSlotEvent,
};
pub(super) use self::guesses::{StoredKnown, StoredTally};
pub(super) use self::jwts::{StoredSigningKey, StoredTemplate};
pub(super) use self::plain::{TakesEvents, read_record, read_slot, write_slot};
pub(super) use self::profile::StoredProfile;
pub(super) use self::sessions::{StoredClient, StoredHandoff};

use super::codec::CodecError;
use super::sealing::SealingError;
use crate::session::time::Timestamp;

/// Any of the wide ids.
pub(super) type Id = [u8; 16];

/// Why something decoded is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoredError {
    /// A value that nothing writes.
    #[error("its {0} cannot be")]
    Value(&'static str),
    /// Something sealed does not open.
    #[error(transparent)]
    Sealed(#[from] SealingError),
}

/// Why a payload says nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It is not encoded so.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Something in it is not what it should be.
    #[error(transparent)]
    Stored(#[from] StoredError),
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_ms(ms)
}

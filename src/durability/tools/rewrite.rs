//! What a copy leaves out: sessions, and what the lost key sealed. On stored forms; nothing sealed is opened.
//!
//! Invariants: sequences and positions stay, so that what is left replays as it did; an account that loses its
//! seed is locked in the same step, for without it a password alone would let in.

use std::collections::BTreeMap;

use compact_str::CompactString;

use crate::durability::codec::{self, CodecError};
use crate::durability::snapshot::{ACCOUNT, LISTING, SIGNING_KEY, SLOT};
use crate::durability::stored::{
    StoredAccount, StoredDirectoryEvent, StoredPart, StoredRecord, StoredSlotEvent, read_slot,
    write_slot,
};
use crate::engine::slot::SlotNumber;
use crate::session::client::Client;
use crate::session::id::ClientId;

/// What is left out, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    without_sessions: bool,
    without_sealed: bool,
    /// The accounts that lost their seed, by their places.
    pub(super) suspended: BTreeMap<u32, CompactString>,
    /// Signing keys that were left out.
    pub(super) signing_keys: u64,
    /// The slot whose first piece has been written.
    slot: Option<SlotNumber>,
}

fn encoded<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    codec::encode(value, &mut out)?;
    Ok(out)
}

impl Rewrite {
    /// Leaves out sessions, hand-off tokens, browsers' clients and lists of sessions; seeds and signing keys.
    pub(super) fn new(without_sessions: bool, without_sealed: bool) -> Self {
        Self {
            without_sessions,
            without_sealed,
            ..Self::default()
        }
    }

    /// Whether everything stays as it is.
    pub(super) fn is_nothing(&self) -> bool {
        !self.without_sessions && !self.without_sealed
    }

    /// What becomes of a frame's payload; `None` if it is left out.
    pub(super) fn frame(
        &mut self,
        kind: u8,
        payload: &[u8],
    ) -> Result<Option<Vec<u8>>, CodecError> {
        match kind {
            SLOT if self.without_sessions => {
                // Whoever asks has read it.
                let read = read_slot(payload).map_err(|_| CodecError::Undecodable);
                let (slot, position, image) = read?;
                let clients = image.clients.into_iter();
                let clients: Vec<_> = clients.filter_map(without_sessions).collect();
                // The first piece stays, however empty: it says where the slot stands.
                let again = self.slot.replace(slot) == Some(slot);
                if again && clients.is_empty() {
                    return Ok(None);
                }
                let mut left = Vec::new();
                write_slot(slot, position, &[], &[], &clients, &mut left)?;
                Ok(Some(left))
            }
            LISTING if self.without_sessions => Ok(None),
            ACCOUNT if self.without_sealed => {
                let mut account: StoredAccount = codec::decode(payload)?;
                self.suspend(&mut account);
                encoded(&account).map(Some)
            }
            SIGNING_KEY if self.without_sealed => {
                self.signing_keys += 1;
                Ok(None)
            }
            _ => Ok(Some(payload.to_vec())),
        }
    }

    /// What becomes of a record's payload. One without parts is left: it says what time it was.
    pub(super) fn record(&mut self, payload: &[u8]) -> Result<Vec<u8>, CodecError> {
        if self.is_nothing() {
            return Ok(payload.to_vec());
        }
        let mut record: StoredRecord = codec::decode(payload)?;
        record.parts.retain_mut(|part| match part {
            StoredPart::Slot(_, event) => !self.without_sessions || is_of_a_key(event),
            StoredPart::Directory(event) => self.directory(event),
        });
        encoded(&record)
    }

    fn directory(&mut self, event: &mut StoredDirectoryEvent) -> bool {
        match event {
            StoredDirectoryEvent::SessionsListed(_) => !self.without_sessions,
            StoredDirectoryEvent::SigningKeyAdded(_) => {
                self.signing_keys += u64::from(self.without_sealed);
                !self.without_sealed
            }
            StoredDirectoryEvent::SigningKeyReplaced(..)
            | StoredDirectoryEvent::SigningKeyWithdrawn(_) => !self.without_sealed,
            StoredDirectoryEvent::AccountPut(account, _) => {
                if self.without_sealed {
                    self.suspend(account);
                }
                true
            }
            StoredDirectoryEvent::AccountDeleted(id) => {
                self.suspended.remove(id);
                true
            }
            StoredDirectoryEvent::StepSpent(..)
            | StoredDirectoryEvent::KeyCreated(_)
            | StoredDirectoryEvent::KeyDeleted(_)
            | StoredDirectoryEvent::TemplatePut(_)
            | StoredDirectoryEvent::TemplateDeleted(_)
            | StoredDirectoryEvent::GuessFailed(..)
            | StoredDirectoryEvent::GuessesForgiven(_)
            | StoredDirectoryEvent::GuessesForgotten(..) => true,
        }
    }

    fn suspend(&mut self, account: &mut StoredAccount) {
        if account.suspend() {
            self.suspended
                .insert(account.id(), account.username.clone());
        } else {
            // Its factor was taken away later.
            self.suspended.remove(&account.id());
        }
    }
}

/// What is left of a client without any session: a guest key's, which comes and goes with its key.
fn without_sessions((id, client): (ClientId, Client)) -> Option<(ClientId, Client)> {
    let (opened, changed) = (client.opened, client.changed);
    client.secret.is_none().then_some((
        id,
        Client {
            changed,
            ..Client::new(opened, None)
        },
    ))
}

/// Whether an event is of a guest key's client, which comes and goes with the key.
fn is_of_a_key(event: &StoredSlotEvent) -> bool {
    matches!(
        event,
        StoredSlotEvent::ClientOpened(..) | StoredSlotEvent::ClientDestroyed(..)
    )
}

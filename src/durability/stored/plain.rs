//! Slots and records, read and written without a storage form of each session and event: there are millions of them,
//! and nearly all are numbers in a row.
//!
//! Invariants: the layout is that of the storage forms, byte by byte, which the golden files hold; what does not
//! decode to its last byte is refused; no length sets memory aside for more than the payload could hold.

use super::events::{StoredDirectoryEvent, StoredSlotEvent};
use super::sessions::{StoredMore, reason, surface};
use super::unread::Unread;
use super::{Id, ReadError, StoredClient, StoredError, StoredHandoff, at};
use crate::durability::codec::{self, CodecError};
use crate::durability::sealing::Unseal;
use crate::engine::event::{DirectoryEvent, Grant, Handoff, SlotEvent};
use crate::engine::image::{MoreImage, SessionImage, SlotImage};
use crate::engine::slot::SlotNumber;
use crate::session::account::ClientType;
use crate::session::client::Client;
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::lifetime::Lifetime;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::time::Timestamp;

/// Id, two instants, and of the grant all that stands before its client type.
const FIXED_BYTES: usize = 16 + 8 + 8 + GRANT_FIXED_BYTES;
const GRANT_FIXED_BYTES: usize = 4 + 4 + 1 + 1 + 4 + 8;
/// The least that a session takes: besides the above the length of its client type, and that it has neither key nor more.
const SESSION_BYTES_MIN: usize = FIXED_BYTES + 8 + 1 + 1;
/// A hand-off token: two ids, its generation, two instants.
const HANDOFF_BYTES: usize = 16 + 16 + 4 + 8 + 8;
/// The least that a client takes: id, two instants, three things that may be missing, and the lengths of two lists.
const CLIENT_BYTES_MIN: usize = 16 + 8 + 8 + 1 + 1 + 1 + 8 + 8;
/// The cases of slot events that are read here.
const OPENED: u32 = 0;
const ENDED: u32 = 1;

/// A grant as it is read.
struct Given {
    account: AccountId,
    generation: u32,
    surface: Surface,
    factors: Factors,
    lifetime: Lifetime,
    client_type: ClientType,
    key: Option<KeyId>,
    more: Option<Box<MoreImage>>,
}

impl Given {
    fn read(from: &mut Unread<'_>) -> Result<Self, ReadError> {
        let account = AccountId(from.u32()?);
        let generation = from.u32()?;
        let surface = surface(from.u8()?)?;
        let factors = Factors::from_bits(from.u8()?);
        let lifetime = Lifetime {
            idle_timeout_ms: from.u32()?,
            absolute: at(from.u64()?),
        };
        let client_type = ClientType::new(from.text()?);
        let client_type = client_type.map_err(|_| StoredError::Value("client type"))?;
        let key = match from.is_there()? {
            true => Some(KeyId(from.u32()?)),
            false => None,
        };
        let more = match from.is_there()? {
            true => Some(Box::new(MoreImage::from(from.value::<StoredMore>()?))),
            false => None,
        };
        Ok(Self {
            account,
            generation,
            surface,
            factors,
            lifetime,
            client_type,
            key,
            more,
        })
    }

    fn grant(self) -> Grant {
        let more = self.more.map(|more| *more).unwrap_or_default();
        Grant {
            account: self.account,
            generation: self.generation,
            surface: self.surface,
            lifetime: self.lifetime,
            factors: self.factors,
            client_type: self.client_type,
            key: self.key,
            client: more.client,
            parent: more.parent,
            chain: more.chain,
            address: more.address,
            user_agent: more.user_agent,
            attributes: more.attributes,
        }
    }
}

fn read_session(from: &mut Unread<'_>) -> Result<SessionImage, ReadError> {
    let id = SessionId::from_bytes(from.id()?);
    let created = at(from.u64()?);
    let last_active = at(from.u64()?);
    let given = Given::read(from)?;
    Ok(SessionImage {
        id,
        account: given.account,
        stamp: given.generation,
        surface: given.surface,
        factors: given.factors,
        created,
        last_active,
        lifetime: given.lifetime,
        client_type: given.client_type,
        key: given.key,
        more: given.more,
    })
}

fn write_session(session: &SessionImage, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let mut fixed = [0; FIXED_BYTES];
    let place = put(&mut fixed, *session.id.as_bytes());
    let place = put(place, session.created.ms().to_le_bytes());
    let place = put(place, session.last_active.ms().to_le_bytes());
    let place = put(place, session.account.0.to_le_bytes());
    let place = put(place, session.stamp.to_le_bytes());
    let place = put(place, [session.surface as u8, session.factors.bits()]);
    let place = put(place, session.lifetime.idle_timeout_ms.to_le_bytes());
    put(place, session.lifetime.absolute.ms().to_le_bytes());
    out.extend_from_slice(&fixed);
    let client_type = session.client_type.as_str();
    write_length(client_type.len(), out);
    out.extend_from_slice(client_type.as_bytes());
    match session.key {
        Some(key) => {
            out.push(1);
            out.extend_from_slice(&key.0.to_le_bytes());
        }
        None => out.push(0),
    }
    match session.more.as_deref() {
        Some(more) => {
            out.push(1);
            codec::encode(&StoredMore::from(more), out)?;
        }
        None => out.push(0),
    }
    Ok(())
}

/// Puts bytes where `place` begins, and gives the rest of it.
fn put<const N: usize>(place: &mut [u8], bytes: [u8; N]) -> &mut [u8] {
    match place.split_first_chunk_mut() {
        Some((here, rest)) => {
            *here = bytes;
            rest
        }
        // The places above are counted.
        None => &mut [],
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}

/// Writes a piece of a slot, which everything up to `position` is in. A payload that gets too long is for the caller
/// to see.
pub(in crate::durability) fn write_slot(
    slot: SlotNumber,
    position: u64,
    sessions: &[SessionImage],
    handoffs: &[(HandoffId, Handoff)],
    clients: &[(ClientId, Client)],
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    out.extend_from_slice(&slot.get().to_le_bytes());
    out.extend_from_slice(&position.to_le_bytes());
    write_length(sessions.len(), out);
    for session in sessions {
        write_session(session, out)?;
    }
    write_length(handoffs.len(), out);
    for (id, handoff) in handoffs {
        codec::encode(&(*id.as_bytes(), StoredHandoff::from(handoff)), out)?;
    }
    write_length(clients.len(), out);
    for (id, client) in clients {
        codec::encode(&StoredClient::of(*id, client), out)?;
    }
    Ok(())
}

/// Reads a piece of a slot, and the sequence up to which everything is in it.
pub(in crate::durability) fn read_slot(
    payload: &[u8],
) -> Result<(SlotNumber, u64, SlotImage), ReadError> {
    let mut from = Unread::of(payload);
    let slot = SlotNumber::new(from.u16()?).ok_or(StoredError::Value("slot"))?;
    let position = from.u64()?;
    let length = from.length(SESSION_BYTES_MIN)?;
    let mut sessions = Vec::with_capacity(length);
    for _ in 0..length {
        sessions.push(read_session(&mut from)?);
    }
    let mut handoffs = Vec::new();
    for _ in 0..from.length(HANDOFF_BYTES)? {
        let (id, handoff): (Id, StoredHandoff) = from.value()?;
        handoffs.push((HandoffId::from_bytes(id), handoff.into()));
    }
    let mut clients = Vec::new();
    for _ in 0..from.length(CLIENT_BYTES_MIN)? {
        clients.push(from.value::<StoredClient>()?.open()?);
    }
    from.end()?;
    let image = SlotImage {
        sessions,
        handoffs,
        clients,
    };
    Ok((slot, position, image))
}

/// Who is told what a record says, in its order: first its grants.
pub(in crate::durability) trait TakesEvents {
    /// What sessions of this record may be given.
    fn grant(&mut self, grant: Grant);
    /// A session began that was given the `nth` grant of this record, which was told.
    fn opened(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, nth: u32);
    /// A session ended.
    fn ended(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, reason: EndReason) {
        self.event(slot, SlotEvent::SessionEnded(id, at, reason));
    }
    /// Anything else happened to a slot.
    fn event(&mut self, slot: SlotNumber, event: SlotEvent);
    /// Something happened to the directory.
    fn directory(&mut self, event: DirectoryEvent);
}

/// Reads a record, and when it was written. After an error a part of it may have been told.
pub(in crate::durability) fn read_record(
    payload: &[u8],
    sealer: &dyn Unseal,
    to: &mut impl TakesEvents,
) -> Result<Timestamp, ReadError> {
    let mut from = Unread::of(payload);
    let written = at(from.u64()?);
    let grants = from.length(GRANT_FIXED_BYTES)?;
    for _ in 0..grants {
        to.grant(Given::read(&mut from)?.grant());
    }
    for _ in 0..from.length(1)? {
        match from.u32()? {
            0 => {
                let slot = SlotNumber::new(from.u16()?).ok_or(StoredError::Value("slot"))?;
                match from.case() {
                    Some(OPENED) => {
                        from.u32()?;
                        let id = SessionId::from_bytes(from.id()?);
                        let (began, nth) = (at(from.u64()?), from.u32()?);
                        if usize::try_from(nth).is_ok_and(|nth| nth < grants) {
                            to.opened(slot, id, began, nth);
                        } else {
                            return Err(StoredError::Value("grant").into());
                        }
                    }
                    Some(ENDED) => {
                        from.u32()?;
                        let id = SessionId::from_bytes(from.id()?);
                        let (ended, why) = (at(from.u64()?), reason(from.u8()?)?);
                        to.ended(slot, id, ended, why);
                    }
                    _ => to.event(slot, from.value::<StoredSlotEvent>()?.open()?),
                }
            }
            1 => {
                let event: StoredDirectoryEvent = from.value()?;
                to.directory(event.open(sealer)?);
            }
            _ => return Err(CodecError::Undecodable.into()),
        }
    }
    from.end()?;
    Ok(written)
}

//! What a slot keeps of a session: 64 bytes for every session, more only for those that need it.
//!
//! Invariants: a record fills one cache line; what most sessions lack lies in an [`Extra`] beside it.

use std::net::IpAddr;

use compact_str::CompactString;

use super::event::Grant;
use super::image::{MoreImage, SessionImage};
use super::slab::{Handle, NONE};
use crate::session::account::ClientType;
use crate::session::activity::Activity;
use crate::session::client::EndedSession;
use crate::session::id::{AccountId, ClientId, KeyId, SessionId};
use crate::session::lifetime::Lifetime;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::time::Timestamp;

/// The live part of a session.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Record {
    pub(crate) id: SessionId,
    pub(crate) activity: Activity,
    created: [u8; 6],
    absolute: [u8; 6],
    idle_timeout_ms: u32,
    pub(crate) account: AccountId,
    /// The account's generation at opening; see R3.
    pub(crate) stamp: u32,
    link: Link,
    pub(crate) surface: Surface,
    pub(crate) factors: Factors,
    client_type: u8,
    /// Neighbours in the timing wheel of the slot.
    pub(crate) next: Handle,
    pub(crate) prev: Handle,
}

/// What a plain session has besides: nothing, a key, or an [`Extra`]. The top bit tells a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link(u32);

const KEY_BIT: u32 = 1 << 31;

/// Client types that need no room of their own; 0 stands for one kept in the [`Extra`].
const COMMON_CLIENT_TYPES: [&str; 3] = ["", "direct", "website"];

/// What most sessions lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extra {
    pub(crate) client_type: Option<ClientType>,
    pub(crate) key: Option<KeyId>,
    pub(crate) client: Option<ClientId>,
    pub(crate) parent: Option<SessionId>,
    /// Accounts of the impersonation chain, the first actor first.
    pub(crate) chain: Vec<AccountId>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<CompactString>,
    pub(crate) attributes: Option<Box<str>>,
}

impl Record {
    /// The record of a session just opened, and what it has besides.
    pub(crate) fn new(id: SessionId, at: Timestamp, grant: &Grant) -> (Self, Option<Extra>) {
        Self::from_image(SessionImage {
            id,
            account: grant.account,
            stamp: grant.generation,
            surface: grant.surface,
            factors: grant.factors,
            created: at,
            last_active: at,
            lifetime: grant.lifetime,
            client_type: grant.client_type.clone(),
            key: grant.key,
            more: MoreImage::of(grant).map(Box::new),
        })
    }

    /// The record of a session that is so, and what it has besides.
    pub(crate) fn from_image(image: SessionImage) -> (Self, Option<Extra>) {
        let common = COMMON_CLIENT_TYPES
            .iter()
            .skip(1)
            .position(|t| *t == image.client_type.as_str());
        let client_type = common.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0);
        let more = image.more.map(|more| *more).unwrap_or_default();
        let mut extra = Extra {
            client_type: (client_type == 0).then_some(image.client_type),
            key: None,
            client: more.client,
            parent: more.parent,
            chain: more.chain,
            address: more.address,
            user_agent: more.user_agent,
            attributes: more.attributes,
        };
        let plain = extra == Extra::default();
        let link = match image.key {
            Some(key) if plain => Link(KEY_BIT | key.0),
            key => {
                extra.key = key;
                Link(NONE)
            }
        };
        let record = Self {
            id: image.id,
            activity: Activity::new(image.last_active),
            created: pack(image.created),
            absolute: pack(image.lifetime.absolute),
            idle_timeout_ms: image.lifetime.idle_timeout_ms,
            account: image.account,
            stamp: image.stamp,
            link,
            surface: image.surface,
            factors: image.factors,
            client_type,
            next: NONE,
            prev: NONE,
        };
        (record, (!plain).then_some(extra))
    }

    /// The session as a value.
    pub(crate) fn image(&self, extra: Option<&Extra>) -> SessionImage {
        let client_type = match (self.common_client_type(), extra) {
            (
                None,
                Some(Extra {
                    client_type: Some(own),
                    ..
                }),
            ) => own.clone(),
            // What is common keeps the rule of client types, as a test shows.
            (common, _) => {
                ClientType::new(common.unwrap_or("direct")).unwrap_or_else(|_| ClientType::direct())
            }
        };
        let more = extra.map(|extra| MoreImage {
            client: extra.client,
            parent: extra.parent,
            chain: extra.chain.clone(),
            address: extra.address,
            user_agent: extra.user_agent.clone(),
            attributes: extra.attributes.clone(),
        });
        SessionImage {
            id: self.id,
            account: self.account,
            stamp: self.stamp,
            surface: self.surface,
            factors: self.factors,
            created: self.created(),
            last_active: self.activity.last_active(),
            lifetime: self.lifetime(),
            client_type,
            key: self.plain_key().or_else(|| extra?.key),
            more: more
                .filter(|more| *more != MoreImage::default())
                .map(Box::new),
        }
    }

    /// What its client may remember of it once it ended.
    pub(crate) fn ended(&self, at: Timestamp, reason: EndReason) -> EndedSession {
        EndedSession {
            id: self.id,
            account: self.account,
            factors: self.factors,
            created: self.created(),
            last_active: self.activity.last_active(),
            absolute: self.lifetime().absolute,
            reason,
            ended: at,
        }
    }

    pub(crate) fn created(&self) -> Timestamp {
        unpack(self.created)
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle_timeout_ms: self.idle_timeout_ms,
            absolute: unpack(self.absolute),
        }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.lifetime().deadline(self.activity.last_active())
    }

    /// Where its [`Extra`] lies.
    pub(crate) fn extra(&self) -> Option<Handle> {
        (self.link.0 & KEY_BIT == 0).then_some(self.link.0)
    }

    pub(crate) fn set_extra(&mut self, handle: Handle) {
        self.link = Link(handle);
    }

    /// The key it was opened with, if nothing else is kept of it; see [`Extra::key`].
    pub(crate) fn plain_key(&self) -> Option<KeyId> {
        (self.link.0 & KEY_BIT != 0 && self.link.0 != NONE).then_some(KeyId(self.link.0 & !KEY_BIT))
    }

    /// Its client type, if it is a common one.
    pub(crate) fn common_client_type(&self) -> Option<&'static str> {
        COMMON_CLIENT_TYPES
            .get(usize::from(self.client_type))
            .copied()
            .filter(|t| !t.is_empty())
    }
}

fn pack(at: Timestamp) -> [u8; 6] {
    let [a, b, c, d, e, f, ..] = at.ms().to_le_bytes();
    [a, b, c, d, e, f]
}

fn unpack([a, b, c, d, e, f]: [u8; 6]) -> Timestamp {
    Timestamp::from_ms(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_and_its_place_fill_one_cache_line() {
        assert_eq!(size_of::<Record>(), 64);
        assert_eq!(size_of::<Option<Record>>(), 64);
    }

    #[test]
    fn times_survive_packing() {
        for at in [
            Timestamp::from_ms(0),
            Timestamp::from_ms(1_790_000_000_123),
            Timestamp::MAX,
        ] {
            assert_eq!(unpack(pack(at)), at);
        }
    }
}

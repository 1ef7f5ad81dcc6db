//! The state of a slot and of the directory as values: what a snapshot keeps, and what a restart begins with.
//!
//! Invariants: an image holds everything but what is derived (indexes, wheels, gates, marks); restoring
//! an image into an empty place gives the state it was taken of, so both have the same digest.

use std::net::IpAddr;
use std::sync::Arc;

use compact_str::CompactString;

use super::directory::Directory;
use super::event::{AccountCause, DirectoryEvent, Grant, Handoff, Part};
use super::guesses::KnownNetwork;
use super::slot::Slot;
use super::world::World;
use crate::session::account::{Account, ClientType};
use crate::session::client::Client;
use crate::session::guessing::{Counted, Tally};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::jwt::{SigningKey, Template};
use crate::session::key::Key;
use crate::session::lifetime::Lifetime;
use crate::session::state::{Factors, Surface};
use crate::session::time::Timestamp;

/// A session as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is the session's field of the same name"
)]
pub struct SessionImage {
    pub id: SessionId,
    pub account: AccountId,
    /// The account's generation it counts under.
    pub stamp: u32,
    pub surface: Surface,
    pub factors: Factors,
    pub created: Timestamp,
    pub last_active: Timestamp,
    pub lifetime: Lifetime,
    pub client_type: ClientType,
    pub key: Option<KeyId>,
    /// What most sessions lack.
    pub more: Option<Box<MoreImage>>,
}

/// What most sessions lack, as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is the session's field of the same name"
)]
pub struct MoreImage {
    pub client: Option<ClientId>,
    pub parent: Option<SessionId>,
    pub chain: Vec<AccountId>,
    pub address: Option<IpAddr>,
    pub user_agent: Option<CompactString>,
    pub attributes: Option<Box<str>>,
}

impl MoreImage {
    /// What a grant gives of it, if anything.
    #[must_use]
    pub fn of(grant: &Grant) -> Option<Self> {
        let more = Self {
            client: grant.client,
            parent: grant.parent,
            chain: grant.chain.clone(),
            address: grant.address,
            user_agent: grant.user_agent.clone(),
            attributes: grant.attributes.clone(),
        };
        (more != Self::default()).then_some(more)
    }
}

/// A slot as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotImage {
    /// Its sessions, in no order.
    pub sessions: Vec<SessionImage>,
    /// Its hand-off tokens, in no order.
    pub handoffs: Vec<(HandoffId, Handoff)>,
    /// Its clients, in no order.
    pub clients: Vec<(ClientId, Client)>,
}

impl SlotImage {
    /// How many things it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len() + self.handoffs.len() + self.clients.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sessions that count towards one limit.
pub type Listing = ((AccountId, Surface), Vec<SessionId>);

/// The directory as a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryImage {
    /// Accounts, by place.
    pub accounts: Vec<(AccountId, Arc<Account>)>,
    /// API keys, by place.
    pub keys: Vec<(KeyId, Key)>,
    /// Signing keys, the oldest first.
    pub signing_keys: Vec<Arc<SigningKey>>,
    /// Templates, by name.
    pub templates: Vec<Arc<Template>>,
    /// The sessions that count towards limits.
    pub listings: Vec<Listing>,
    /// Failed guesses, by kind and mark.
    pub tallies: Vec<(Counted, Tally)>,
    /// The networks from which accounts are known, by place.
    pub known: Vec<(AccountId, Vec<KnownNetwork>)>,
    /// The first places that were never given away: of accounts, and of keys.
    pub next: (u32, u32),
}

impl Slot {
    /// The slot as a value, taken under its lock.
    #[must_use]
    pub fn image(&self) -> SlotImage {
        // Room for all of them first: the lock is not held while a list is moved.
        let mut sessions = Vec::with_capacity(self.len());
        let held = self.records.iter();
        sessions.extend(held.map(|(_, record)| self.session_image(record)));
        SlotImage {
            sessions,
            handoffs: self
                .handoffs
                .iter()
                .map(|(id, handoff)| (*id, *handoff))
                .collect(),
            clients: self
                .clients
                .iter()
                .map(|(id, client)| (*id, client.clone()))
                .collect(),
        }
    }

    /// Puts what an image holds into an empty slot, at `now`.
    pub fn restore(&mut self, image: SlotImage, now: Timestamp) {
        self.handoffs.extend(image.handoffs);
        self.clients.extend(image.clients);
        self.expect(image.sessions.len());
        for session in image.sessions {
            self.put(session, now);
        }
    }
}

impl DirectoryImage {
    /// The directory as a value, taken by its owner between two records.
    #[must_use]
    pub fn of(world: &World, own: &Directory) -> Self {
        Self {
            accounts: world.accounts.page(None, usize::MAX),
            keys: world.keys.page(None, usize::MAX),
            signing_keys: world.jwts.signing_keys(),
            templates: world.jwts.templates(),
            listings: own.listings(),
            tallies: world.guesses.tallies(),
            known: world.guesses.all_known(),
            next: own.next_places(),
        }
    }

    /// Puts what the image holds into an empty directory: as the shortest history that leads to it.
    pub fn restore(self, world: &World, own: &mut Directory) {
        let accounts = self
            .accounts
            .into_iter()
            .map(|(id, account)| DirectoryEvent::AccountPut(id, account, AccountCause::Created));
        let keys = self.keys.into_iter();
        let keys = keys.map(|(id, key)| DirectoryEvent::KeyCreated(id, Box::new(key)));
        let signing = self
            .signing_keys
            .into_iter()
            .map(DirectoryEvent::SigningKeyAdded);
        let templates = self.templates.into_iter().map(DirectoryEvent::TemplatePut);
        let listings = self
            .listings
            .into_iter()
            .map(
                |((account, surface), opened)| DirectoryEvent::SessionsListed {
                    account,
                    surface,
                    opened,
                    dropped: Vec::new(),
                },
            );
        let history = accounts
            .chain(keys)
            .chain(signing)
            .chain(templates)
            .chain(listings);
        for event in history {
            own.apply(&event);
            world.apply(&Part::Directory(event), None);
        }
        world.guesses.restore(self.tallies, self.known);
        own.skip_places(self.next);
    }
}

//! What only the directory knows: which sessions count towards whose limit, and the next free places.
//!
//! Everything else of the directory is published ([`super::accounts`], [`super::keys`]).
//! Invariant: a list holds every live session of its account and surface that was opened under a
//! limit; it may hold dead ones, which the next open drops.

use hashbrown::HashMap;

use super::accounts::ACCOUNTS_MAX;
use super::event::{DirectoryEvent, Part};
use super::guesses::Looked;
use super::image::Listing;
use super::keys::KEYS_MAX;
use super::sweep;
use super::world::World;
use crate::session::id::{AccountId, KeyId, SessionId};
use crate::session::state::Surface;
use crate::session::time::Timestamp;

/// How often guesses are looked through for what may be forgotten.
const GUESSES_EVERY_MS: u64 = 1_000;

/// The directory's own state.
#[derive(Debug)]
pub struct Directory {
    lists: HashMap<(AccountId, Surface), Vec<SessionId>>,
    next_account: u32,
    next_key: u32,
    /// Where the search for expired keys goes on.
    keys_looked: KeyId,
    /// Where the search for guesses that say nothing any more goes on, and when it goes on.
    guesses_looked: Looked,
    guesses_due: Timestamp,
    /// The sequence up to which everything that is logged for the directory is in it. Source: R11.
    position: u64,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            lists: HashMap::new(),
            next_account: 0,
            next_key: 0,
            keys_looked: KeyId(0),
            guesses_looked: Looked::default(),
            guesses_due: Timestamp::default(),
            position: 0,
        }
    }
}

impl Directory {
    /// The sessions that count for an account on a surface.
    #[must_use]
    pub fn listed(&self, account: AccountId, surface: Surface) -> &[SessionId] {
        self.lists
            .get(&(account, surface))
            .map_or(&[], Vec::as_slice)
    }

    /// Takes the next place for an account; a place that is not used in the end stays empty.
    pub fn take_account_place(&mut self) -> Option<AccountId> {
        take(&mut self.next_account, ACCOUNTS_MAX).map(AccountId)
    }

    /// Takes the next place for a key.
    pub fn take_key_place(&mut self) -> Option<KeyId> {
        take(&mut self.next_key, KEYS_MAX).map(KeyId)
    }

    /// The sessions that count towards limits, in the order of accounts and surfaces.
    pub(super) fn listings(&self) -> Vec<Listing> {
        let full = self.lists.iter().filter(|(_, list)| !list.is_empty());
        let mut listings: Vec<_> = full.map(|(whose, list)| (*whose, list.clone())).collect();
        listings.sort_unstable_by_key(|(whose, _)| *whose);
        listings
    }

    /// Forgets which sessions count towards limits: there are none.
    pub(super) fn forget_listings(&mut self) {
        self.lists.clear();
    }

    /// The sequence up to which everything that is logged for the directory is in it.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Everything up to this sequence is in the directory now.
    pub fn reached(&mut self, sequence: u64) {
        self.position = self.position.max(sequence);
    }

    /// The first places that were never given away: of accounts, and of keys.
    pub(super) fn next_places(&self) -> (u32, u32) {
        (self.next_account, self.next_key)
    }

    /// Gives no place away that lies before these.
    pub(super) fn skip_places(&mut self, (account, key): (u32, u32)) {
        self.next_account = self.next_account.max(account);
        self.next_key = self.next_key.max(key);
    }

    /// Withdraws keys that expired long ago, a bounded number of places at a time.
    fn sweep_keys(&mut self, world: &World, now: Timestamp) -> Vec<Part> {
        let (parts, next) = sweep::keys(world, self.keys_looked, now);
        self.keys_looked = next;
        parts
    }

    /// Looks after what is due: keys that expired, API keys and signing keys; and guesses that say nothing
    /// any more.
    pub fn look_after(&mut self, world: &World, now: Timestamp) -> Vec<Part> {
        let mut parts = self.sweep_keys(world, now);
        parts.extend(world.jwts.expired(now));
        parts.extend(self.sweep_guesses(world, now));
        parts
    }

    /// Forgets counts of failures, and known networks, that say nothing any more: a bounded number of
    /// places every second.
    pub fn sweep_guesses(&mut self, world: &World, now: Timestamp) -> Option<Part> {
        if now < self.guesses_due {
            return None;
        }
        self.guesses_due = now.plus_ms(GUESSES_EVERY_MS);
        let (event, next) = world.guesses.over(&self.guesses_looked, now);
        self.guesses_looked = next;
        event.map(Part::Directory)
    }

    /// Changes the directory's own state as the event says.
    pub fn apply(&mut self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::SessionsListed {
                account,
                surface,
                opened,
                dropped,
            } => {
                let list = self.lists.entry((*account, *surface)).or_default();
                // Once more is as good as once: an image may hold the beginning of a record.
                list.retain(|id| !dropped.contains(id) && !opened.contains(id));
                list.extend(opened);
            }
            DirectoryEvent::AccountPut(id, ..) => {
                self.next_account = self.next_account.max(id.0 + 1)
            }
            DirectoryEvent::AccountDeleted(id) => {
                self.lists.retain(|(account, _), _| account != id)
            }
            DirectoryEvent::KeyCreated(id, _) => self.next_key = self.next_key.max(id.0 + 1),
            DirectoryEvent::StepSpent(..)
            | DirectoryEvent::KeyDeleted(_)
            | DirectoryEvent::SigningKeyAdded(_)
            | DirectoryEvent::SigningKeyReplaced(..)
            | DirectoryEvent::SigningKeyWithdrawn(_)
            | DirectoryEvent::TemplatePut(_)
            | DirectoryEvent::TemplateDeleted(_)
            | DirectoryEvent::GuessFailed { .. }
            | DirectoryEvent::GuessesForgiven { .. }
            | DirectoryEvent::GuessesForgotten { .. } => {}
        }
    }
}

fn take(next: &mut u32, max: u32) -> Option<u32> {
    let place = *next;
    *next = place.checked_add(1).filter(|_| place < max)?;
    Some(place)
}

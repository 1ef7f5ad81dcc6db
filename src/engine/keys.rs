//! The API keys, published for reading. The directory is the only writer.
//!
//! Invariant: a key made under an older generation than its account's is dead (R5).

use std::net::IpAddr;

use compact_str::CompactString;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::accounts::Accounts;
use super::event::DirectoryEvent;
use super::places::Places;
use crate::session::id::{AccountId, ClientId, KeyId};
use crate::session::key::{Key, KeyKind};
use crate::session::time::Timestamp;
use crate::session::token::{Digest, InstallKey};

/// Keys there can be over the life of a data directory.
pub const KEYS_MAX: u32 = 4_194_304;

#[derive(Default)]
struct Table {
    by_name: HashMap<CompactString, KeyId>,
    /// Keys that their holders name by the secret alone, by the first half of its digest.
    by_secret: HashMap<[u8; 16], KeyId>,
    /// By place; a withdrawn key leaves its place empty.
    keys: Places<Key>,
}

impl Table {
    fn forget(&mut self, key: &Key) {
        self.by_name.remove(&key.name);
        if let Some(handle) = named_by_secret(key) {
            self.by_secret.remove(&handle);
        }
    }
}

/// Under what a key is found that its holder names by the secret alone.
fn named_by_secret(key: &Key) -> Option<[u8; 16]> {
    handle(&key.secret).filter(|_| key.kind.is_named_by_secret())
}

/// The id of a place; there are no more places than ids.
fn id_of(place: usize) -> KeyId {
    KeyId(u32::try_from(place).unwrap_or(KEYS_MAX))
}

fn handle(digest: &Digest) -> Option<[u8; 16]> {
    digest.as_bytes().first_chunk().copied()
}

/// All keys.
#[derive(Default)]
pub struct Keys(RwLock<Table>);

/// Who stands behind a key that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The key.
    pub key: KeyId,
    /// The account it acts for.
    pub account: AccountId,
    /// The account's generation when the key was made.
    pub generation: u32,
}

/// Who stands behind an i3D key that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateToken {
    /// An account key: it acts for this account.
    Account(AccountId),
    /// A guest key: whoever is logged in on this client, if anybody is.
    Guest(ClientId),
}

impl Key {
    /// Whether the account it acts for, if there is one, still lets it act.
    fn counts(&self, accounts: &Accounts) -> bool {
        self.account
            .is_none_or(|account| accounts.allows(account, self.generation))
    }
}

impl Keys {
    /// The principal of a key whose secret is right and which is still good.
    #[must_use]
    pub fn check(
        &self,
        accounts: &Accounts,
        digest_with: &InstallKey,
        kind: KeyKind,
        name: &str,
        secret: &[u8],
    ) -> Option<Principal> {
        let presented = digest_with.digest(secret);
        let table = self.0.read();
        let id = *table.by_name.get(name)?;
        let key = table.keys.get(id.0 as usize)?;
        let fits = key.kind == kind && key.secret == presented && key.counts(accounts);
        Some(Principal {
            key: id,
            account: key.account.filter(|_| fits)?,
            generation: key.generation,
        })
    }

    /// Who stands behind an i3D key that is presented from `address`, if it is still good.
    #[must_use]
    pub fn private_token(
        &self,
        accounts: &Accounts,
        digest_with: &InstallKey,
        secret: &[u8],
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<PrivateToken> {
        let presented = digest_with.digest(secret);
        let table = self.0.read();
        let id = *table.by_secret.get(&handle(&presented)?)?;
        let key = table.keys.get(id.0 as usize)?;
        let good = key.secret == presented && key.counts(accounts) && key.admits(address, now);
        let behind = match key.client() {
            Some(client) => PrivateToken::Guest(client),
            None => PrivateToken::Account(key.account?),
        };
        good.then_some(behind)
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.read().by_name.len()
    }

    /// Whether the key exists and its account still lets it act.
    #[must_use]
    pub fn is_live(&self, accounts: &Accounts, id: KeyId) -> bool {
        let table = self.0.read();
        let key = table.keys.get(id.0 as usize);
        key.is_some_and(|k| k.counts(accounts))
    }

    /// The key at this place.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Key> {
        self.0.read().keys.get(id.0 as usize).cloned()
    }

    /// The key of this public name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<(KeyId, Key)> {
        let id = *self.0.read().by_name.get(name)?;
        Some((id, self.get(id)?))
    }

    /// Whether a key that is named by its secret alone has this one.
    #[must_use]
    pub fn has_secret(&self, secret: &Digest) -> bool {
        handle(secret).is_some_and(|handle| self.0.read().by_secret.contains_key(&handle))
    }

    /// Keys from place `after` on, at most `max`, in order.
    #[must_use]
    pub fn page(&self, after: Option<KeyId>, max: usize) -> Vec<(KeyId, Key)> {
        let first = after.map_or(0, |id| id.0.saturating_add(1));
        let table = self.0.read();
        let from = table.keys.from(first as usize).take(max);
        from.map(|(place, key)| (id_of(place), key.clone()))
            .collect()
    }

    /// Keys that were over by `before`, of `looked_max` places from `from` on; and where to go on.
    #[must_use]
    pub fn expired(
        &self,
        from: KeyId,
        looked_max: usize,
        before: Timestamp,
    ) -> (Vec<(KeyId, Option<ClientId>)>, KeyId) {
        let table = self.0.read();
        let looked = (from.0 as usize)..(from.0 as usize).saturating_add(looked_max);
        let places = table.keys.from(looked.start);
        let expired = places
            .take_while(|(place, _)| *place < looked.end)
            .filter(|(_, key)| key.expires_at.is_some_and(|at| at <= before))
            .map(|(place, key)| (id_of(place), key.client()))
            .collect();
        let more = looked.end < table.keys.next();
        (expired, if more { id_of(looked.end) } else { KeyId(0) })
    }

    /// The first place that was never given to a key.
    #[must_use]
    pub fn next_id(&self) -> KeyId {
        id_of(self.0.read().keys.next())
    }

    /// Changes the table as the event says. The directory alone calls this.
    pub fn apply(&self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::KeyCreated(id, key) => {
                let mut table = self.0.write();
                table.by_name.insert(key.name.clone(), *id);
                if let Some(handle) = named_by_secret(key) {
                    table.by_secret.insert(handle, *id);
                }
                table.keys.put(id.0 as usize, (**key).clone());
            }
            DirectoryEvent::KeyDeleted(id) => {
                let mut table = self.0.write();
                if let Some(key) = table.keys.take(id.0 as usize) {
                    table.forget(&key);
                }
            }
            DirectoryEvent::AccountDeleted(account) => {
                let mut table = self.0.write();
                let own = |key: &Key| key.account == Some(*account);
                for key in table.keys.take_all(own) {
                    table.forget(&key);
                }
            }
            DirectoryEvent::AccountPut(..)
            | DirectoryEvent::StepSpent(..)
            | DirectoryEvent::SigningKeyAdded(_)
            | DirectoryEvent::SigningKeyReplaced(..)
            | DirectoryEvent::SigningKeyWithdrawn(_)
            | DirectoryEvent::TemplatePut(_)
            | DirectoryEvent::TemplateDeleted(_)
            | DirectoryEvent::SessionsListed { .. }
            | DirectoryEvent::GuessFailed { .. }
            | DirectoryEvent::GuessesForgiven { .. }
            | DirectoryEvent::GuessesForgotten { .. } => {}
        }
    }
}

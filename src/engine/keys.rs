//! The API keys, published for reading. The directory is the only writer.
//!
//! Invariant: a key made under an older generation than its account's is dead (R5).

use compact_str::CompactString;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::accounts::Accounts;
use super::event::DirectoryEvent;
use crate::session::id::{AccountId, KeyId};
use crate::session::key::{Key, KeyKind};
use crate::session::token::InstallKey;

/// Keys there can be over the life of a data directory.
pub const KEYS_MAX: u32 = 4_194_304;

#[derive(Default)]
struct Table {
    by_name: HashMap<CompactString, KeyId>,
    /// By place; a withdrawn key leaves its place empty.
    keys: Vec<Option<Box<Key>>>,
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
        let key = table.keys.get(id.0 as usize)?.as_deref()?;
        let fits = key.kind == kind && key.secret == presented;
        (fits && accounts.allows(key.account, key.generation)).then_some(Principal {
            key: id,
            account: key.account,
            generation: key.generation,
        })
    }

    /// Whether the key exists and its account still lets it act.
    #[must_use]
    pub fn is_live(&self, accounts: &Accounts, id: KeyId) -> bool {
        let table = self.0.read();
        let key = table.keys.get(id.0 as usize).and_then(Option::as_deref);
        key.is_some_and(|k| accounts.allows(k.account, k.generation))
    }

    /// The key at this place.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<Key> {
        self.0.read().keys.get(id.0 as usize)?.as_deref().cloned()
    }

    /// The key of this public name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<(KeyId, Key)> {
        let id = *self.0.read().by_name.get(name)?;
        Some((id, self.get(id)?))
    }

    /// Keys from place `after` on, at most `max`, in order.
    #[must_use]
    pub fn page(&self, after: Option<KeyId>, max: usize) -> Vec<(KeyId, Key)> {
        let first = after.map_or(0, |id| id.0.saturating_add(1));
        let table = self.0.read();
        let from = table.keys.iter().skip(first as usize);
        (first..)
            .map(KeyId)
            .zip(from)
            .filter_map(|(id, key)| Some((id, *key.clone()?)))
            .take(max)
            .collect()
    }

    /// The first place that was never given to a key.
    #[must_use]
    pub fn next_id(&self) -> KeyId {
        KeyId(u32::try_from(self.0.read().keys.len()).unwrap_or(KEYS_MAX))
    }

    /// Changes the table as the event says. The directory alone calls this.
    pub fn apply(&self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::KeyCreated(id, key) => {
                let mut table = self.0.write();
                let place = id.0 as usize;
                if table.keys.len() <= place {
                    table.keys.resize_with(place + 1, || None);
                }
                table.by_name.insert(key.name.clone(), *id);
                if let Some(entry) = table.keys.get_mut(place) {
                    *entry = Some(key.clone());
                }
            }
            DirectoryEvent::KeyDeleted(id) => {
                let mut table = self.0.write();
                let gone = table.keys.get_mut(id.0 as usize).and_then(Option::take);
                if let Some(key) = gone {
                    table.by_name.remove(&key.name);
                }
            }
            DirectoryEvent::AccountDeleted(account) => {
                let mut table = self.0.write();
                let Table { by_name, keys } = &mut *table;
                for entry in keys.iter_mut() {
                    if let Some(key) = entry.take_if(|key| key.account == *account) {
                        by_name.remove(&key.name);
                    }
                }
            }
            DirectoryEvent::AccountPut(..)
            | DirectoryEvent::StepSpent(..)
            | DirectoryEvent::SessionsListed { .. } => {}
        }
    }
}

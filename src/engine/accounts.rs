//! The accounts, published for reading: one word says whether a session still counts.
//!
//! The directory is the only writer. Readers on the hot path look at the gate word, and borrow the
//! description without a lock. Invariants: a gate's generation never falls; an account's place is never
//! given to another account.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use compact_str::CompactString;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::event::DirectoryEvent;
use crate::session::account::{Account, fold};
use crate::session::id::AccountId;

const CHUNK: usize = 1_024;
const CHUNKS: usize = 4_096;
/// Accounts there can be over the life of a data directory.
pub const ACCOUNTS_MAX: u32 = 4_194_304;
/// In a gate: the account exists and is enabled.
const OPEN: u64 = 1;
/// How many accounts a question of visibility looks at.
const VISIBILITY_STEPS_MAX: usize = 64;

#[derive(Default)]
struct Cell {
    /// Generation in the upper half, [`OPEN`] in the lower.
    gate: AtomicU64,
    account: ArcSwapOption<Account>,
}

#[derive(Default)]
struct Names {
    by_name: HashMap<CompactString, AccountId>,
    by_subject: HashMap<CompactString, AccountId>,
    managers: HashMap<CompactString, Vec<AccountId>>,
}

/// All accounts.
pub struct Accounts {
    chunks: Box<[OnceLock<Box<[Cell]>>]>,
    names: RwLock<Names>,
    next: AtomicU32,
}

impl Default for Accounts {
    fn default() -> Self {
        let chunks = (0..CHUNKS).map(|_| OnceLock::new()).collect();
        Self {
            chunks,
            names: RwLock::default(),
            next: AtomicU32::new(0),
        }
    }
}

impl Accounts {
    /// Whether a session stamped with `stamp` still counts as far as its account goes. Source: R3.
    #[must_use]
    pub fn allows(&self, id: AccountId, stamp: u32) -> bool {
        let gate = self
            .cell(id)
            .map_or(0, |cell| cell.gate.load(Ordering::Acquire));
        gate & OPEN != 0 && u64::from(stamp) >= gate >> 32
    }

    /// The account at this place.
    #[must_use]
    pub fn get(&self, id: AccountId) -> Option<Arc<Account>> {
        self.cell(id)?.account.load_full()
    }

    /// Shows the account at this place without copying it.
    pub fn with<R>(&self, id: AccountId, show: impl FnOnce(Option<&Account>) -> R) -> R {
        match self.cell(id) {
            Some(cell) => show(cell.account.load().as_deref()),
            None => show(None),
        }
    }

    /// The account whose name folds to the same as `name`. Source: R20.
    #[must_use]
    pub fn by_folded_name(&self, name: &str) -> Option<(AccountId, Arc<Account>)> {
        let id = *self.names.read().by_name.get(&fold(name))?;
        Some((id, self.get(id)?))
    }

    /// The account with exactly this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<(AccountId, Arc<Account>)> {
        self.by_folded_name(name)
            .filter(|(_, account)| account.username.as_str() == name)
    }

    /// The account with this external subject.
    #[must_use]
    pub fn by_subject(&self, subject: &str) -> Option<(AccountId, Arc<Account>)> {
        let id = *self.names.read().by_subject.get(subject)?;
        Some((id, self.get(id)?))
    }

    /// Accounts from place `after` on, at most `max`, in order.
    #[must_use]
    pub fn page(&self, after: Option<AccountId>, max: usize) -> Vec<(AccountId, Arc<Account>)> {
        let first = after.map_or(0, |id| id.0.saturating_add(1));
        let places = (first..self.next.load(Ordering::Acquire)).map(AccountId);
        places
            .filter_map(|id| Some((id, self.get(id)?)))
            .take(max)
            .collect()
    }

    /// How many accounts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.read().by_name.len()
    }

    /// The first place that was never given to an account.
    #[must_use]
    pub fn next_id(&self) -> AccountId {
        AccountId(self.next.load(Ordering::Acquire))
    }

    /// Whether `viewer` sees `target`: they are the same, or the viewer manages the target's group,
    /// or is its agent, transitively upwards. Source: M-60.
    #[must_use]
    pub fn sees(&self, viewer: AccountId, target: AccountId) -> bool {
        let names = self.names.read();
        let mut reached = vec![target];
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            if at == viewer {
                return true;
            }
            next += 1;
            self.with(at, |account| {
                let Some(account) = account else { return };
                let managers = account.group.as_ref().and_then(|g| names.managers.get(g));
                let above = managers.into_iter().flatten().copied().chain(account.agent);
                for id in above {
                    if reached.len() < VISIBILITY_STEPS_MAX && !reached.contains(&id) {
                        reached.push(id);
                    }
                }
            });
        }
        false
    }

    /// Changes the table as the event says. The directory alone calls this.
    pub fn apply(&self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::AccountPut(id, account, _) => self.put(*id, Some(account)),
            DirectoryEvent::AccountDeleted(id) => self.put(*id, None),
            DirectoryEvent::StepSpent(id, step) => {
                let Some(cell) = self.cell(*id) else { return };
                if let Some(mut account) = cell.account.load_full() {
                    let changed = Arc::make_mut(&mut account);
                    changed.totp_step_spent = changed.totp_step_spent.max(*step);
                    cell.account.store(Some(account));
                }
            }
            DirectoryEvent::KeyCreated(..)
            | DirectoryEvent::KeyDeleted(..)
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

    fn put(&self, id: AccountId, account: Option<&Arc<Account>>) {
        let place = id.0 as usize;
        let Some(chunk) = self.chunks.get(place / CHUNK) else {
            return;
        };
        let cells = chunk.get_or_init(|| (0..CHUNK).map(|_| Cell::default()).collect());
        let Some(cell) = cells.get(place % CHUNK) else {
            return;
        };
        let before = cell.account.load_full();
        let mut names = self.names.write();
        if let Some(old) = &before {
            names.forget(id, old);
        }
        if let Some(new) = account {
            names.learn(id, new);
        }
        // The gate closes before the new description is seen.
        let generation = match account {
            Some(new) => u64::from(new.generation),
            None => before
                .as_ref()
                .map_or(u64::from(u32::MAX), |old| u64::from(old.generation) + 1),
        };
        let open = account.is_some_and(|a| a.enabled);
        cell.gate.store(
            generation << 32 | if open { OPEN } else { 0 },
            Ordering::Release,
        );
        let mut new = account.cloned();
        if let (Some(new), Some(old)) = (&mut new, &before)
            && old.totp_step_spent > new.totp_step_spent
        {
            // A step spent while this change was under way stays spent (I4).
            Arc::make_mut(new).totp_step_spent = old.totp_step_spent;
        }
        cell.account.store(new);
        self.next.fetch_max(id.0 + 1, Ordering::AcqRel);
    }

    fn cell(&self, id: AccountId) -> Option<&Cell> {
        let place = id.0 as usize;
        self.chunks.get(place / CHUNK)?.get()?.get(place % CHUNK)
    }
}

impl Names {
    fn learn(&mut self, id: AccountId, account: &Account) {
        self.by_name.insert(account.username.folded(), id);
        if let Some(subject) = &account.external_subject {
            self.by_subject.insert(subject.clone(), id);
        }
        for group in &account.managed_groups {
            self.managers.entry(group.clone()).or_default().push(id);
        }
    }

    fn forget(&mut self, id: AccountId, account: &Account) {
        self.by_name.remove(&account.username.folded());
        if let Some(subject) = &account.external_subject {
            self.by_subject.remove(subject);
        }
        for group in &account.managed_groups {
            if let Some(ids) = self.managers.get_mut(group) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.managers.remove(group);
                }
            }
        }
    }
}

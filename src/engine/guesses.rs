//! Failed guesses, and the networks from which somebody was let in, published for reading.
//!
//! The directory is the only writer. What a count costs is a rule of its own ([`crate::session::guessing`]);
//! here it is kept. Invariants: each kind of count has a table of its own, so that a flood of one forgets
//! nothing of another; a full table forgets the count with the fewest failures, among those the oldest,
//! and so the same one whatever it was restored from; an account has at most eight known networks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Bound;

use parking_lot::RwLock;

use super::event::{AccountCause, DirectoryEvent};
use crate::session::guessing::{
    Counted, GuessKind, KNOWN_NETWORKS_MAX, Mark, NOTED_EVERY_MS, REMEMBERED_MS, Tally,
};
use crate::session::id::AccountId;
use crate::session::time::Timestamp;
use crate::session::token::InstallKey;

/// Counts of one kind that are remembered.
pub const COUNTS_MAX: usize = 65_536;
/// Counts, and accounts, that one look for what is over looks at.
const LOOK_MAX: usize = 1_024;

/// A change of counts that can be asked.
#[derive(Clone, Debug)]
pub enum CountChange {
    /// A guess was wrong: count it under these.
    Fail(Vec<Counted>),
    /// A guess was right: forget failures.
    Succeed(Success),
    /// Forget all failures of an account's name.
    Clear(AccountId),
}

/// Somebody proved who he is. Source: R26.
#[derive(Clone, Debug, Default)]
pub struct Success {
    /// Counts of failures that are forgotten with it.
    pub cleared: Vec<Counted>,
    /// Counts whose failures are no longer consecutive.
    pub relieved: Vec<Counted>,
    /// The account that was let in, and the network it came from.
    pub known: Option<(AccountId, Mark)>,
}

/// A network from which somebody was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownNetwork {
    /// Which: the mark of its own count.
    pub mark: Mark,
    /// When somebody was let in from there, as it was noted last.
    pub seen: Timestamp,
}

impl KnownNetwork {
    /// Whether it is remembered at `now`.
    #[must_use]
    pub fn counts(&self, now: Timestamp) -> bool {
        now.since_ms(self.seen) < REMEMBERED_MS
    }
}

/// The counts of one kind.
#[derive(Debug, Default)]
struct Table {
    tallies: BTreeMap<Mark, Tally>,
    /// The same, the least dangerous first.
    by_danger: BTreeSet<(u32, Timestamp, Mark)>,
}

impl Table {
    fn put(&mut self, mark: Mark, tally: Tally) {
        self.remove(mark);
        if self.tallies.len() >= COUNTS_MAX
            && let Some((_, _, least)) = self.by_danger.pop_first()
        {
            self.tallies.remove(&least);
        }
        self.by_danger.insert(danger(mark, &tally));
        self.tallies.insert(mark, tally);
    }

    fn remove(&mut self, mark: Mark) {
        if let Some(old) = self.tallies.remove(&mark) {
            self.by_danger.remove(&danger(mark, &old));
        }
    }
}

fn danger(mark: Mark, tally: &Tally) -> (u32, Timestamp, Mark) {
    (tally.consecutive, tally.last, mark)
}

#[derive(Debug, Default)]
struct Tables {
    counts: BTreeMap<GuessKind, Table>,
    known: BTreeMap<AccountId, Vec<KnownNetwork>>,
}

/// All counts, and the known networks of all accounts.
#[derive(Debug, Default)]
pub struct Guesses(RwLock<Tables>);

impl Guesses {
    /// The failures of a count, if there are any.
    #[must_use]
    pub fn tally(&self, of: Counted) -> Option<Tally> {
        let tables = self.0.read();
        tables.counts.get(&of.kind)?.tallies.get(&of.mark).copied()
    }

    /// The known networks of an account, the latest success last.
    #[must_use]
    pub fn known(&self, account: AccountId, now: Timestamp) -> Vec<KnownNetwork> {
        let tables = self.0.read();
        let known = tables.known.get(&account).into_iter().flatten();
        known.filter(|known| known.counts(now)).copied().collect()
    }

    /// The count of an account's failures from the network of this address, if that is known.
    #[must_use]
    pub fn known_from(
        &self,
        key: &InstallKey,
        account: AccountId,
        address: IpAddr,
        now: Timestamp,
    ) -> Option<Counted> {
        // Digested first: nobody learns by the time it takes whether there is anything to compare it with.
        let count = Counted::known(key, account, address);
        let tables = self.0.read();
        let known = tables.known.get(&account)?;
        let is_known = |known: &KnownNetwork| known.mark == count.mark && known.counts(now);
        known.iter().any(is_known).then_some(count)
    }

    /// Whether a success from this network would have to be noted.
    #[must_use]
    pub fn is_news(&self, account: AccountId, mark: Mark, now: Timestamp) -> bool {
        let tables = self.0.read();
        let known = tables.known.get(&account).into_iter().flatten();
        !known
            .into_iter()
            .any(|known| known.mark == mark && now.since_ms(known.seen) < NOTED_EVERY_MS)
    }

    /// Every count, in order.
    #[must_use]
    pub fn tallies(&self) -> Vec<(Counted, Tally)> {
        let tables = self.0.read();
        let counts = tables.counts.iter().flat_map(|(kind, table)| {
            let of = move |mark: &Mark| Counted {
                kind: *kind,
                mark: *mark,
            };
            let tallies = table.tallies.iter();
            tallies.map(move |(mark, tally)| (of(mark), *tally))
        });
        counts.collect()
    }

    /// The known networks of every account, in order.
    #[must_use]
    pub fn all_known(&self) -> Vec<(AccountId, Vec<KnownNetwork>)> {
        let tables = self.0.read();
        let known = tables.known.iter();
        known.map(|(id, known)| (*id, known.clone())).collect()
    }

    /// Puts what an image holds where it belongs.
    pub(super) fn restore(
        &self,
        tallies: Vec<(Counted, Tally)>,
        known: Vec<(AccountId, Vec<KnownNetwork>)>,
    ) {
        let mut tables = self.0.write();
        for (of, tally) in tallies {
            tables.table(of.kind).put(of.mark, tally);
        }
        tables.known.extend(known);
    }

    /// Counts behind `after`, and accounts, that say nothing any more, and where to go on.
    #[must_use]
    pub(super) fn over(&self, after: &Looked, now: Timestamp) -> (Option<DirectoryEvent>, Looked) {
        let tables = self.0.read();
        let mut next = Looked::default();
        let mut counts = Vec::new();
        let mut left = LOOK_MAX;
        for kind in GuessKind::ALL {
            let from = match after.count {
                Some(last) if last.kind > kind => continue,
                Some(last) if last.kind == kind => Bound::Excluded(last.mark),
                _ => Bound::Unbounded,
            };
            let table = tables.counts.get(&kind);
            let behind = table.map(|table| table.tallies.range((from, Bound::Unbounded)));
            for (mark, tally) in behind.into_iter().flatten() {
                if left == 0 {
                    break;
                }
                left -= 1;
                let of = Counted { kind, mark: *mark };
                next.count = Some(of);
                if tally.is_over(kind, now) {
                    counts.push(of);
                }
            }
        }
        if left > 0 {
            next.count = None;
        }
        let from = after.account.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = tables.known.range((from, Bound::Unbounded));
        let behind: Vec<_> = behind.take(LOOK_MAX).collect();
        next.account = behind
            .last()
            .filter(|_| behind.len() == LOOK_MAX)
            .map(|(id, _)| **id);
        let fading = behind
            .into_iter()
            .filter(|(_, known)| known.iter().any(|k| !k.counts(now)));
        let accounts: Vec<_> = fading.map(|(id, _)| *id).collect();
        let any = !(counts.is_empty() && accounts.is_empty());
        let event = any.then_some(DirectoryEvent::GuessesForgotten {
            at: now,
            counts,
            accounts,
        });
        (event, next)
    }

    /// Changes the tables as the event says. The directory alone calls this.
    pub fn apply(&self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::GuessFailed { at, counts } => {
                let mut tables = self.0.write();
                for of in counts {
                    let table = tables.table(of.kind);
                    let before = table.tallies.get(&of.mark);
                    let tally = before.map_or(Tally::one(*at), |t| t.and_one(of.kind, *at));
                    table.put(of.mark, tally);
                }
            }
            DirectoryEvent::GuessesForgiven {
                at,
                cleared,
                relieved,
                known,
            } => {
                let mut tables = self.0.write();
                for of in cleared {
                    tables.table(of.kind).remove(of.mark);
                }
                for of in relieved {
                    let table = tables.table(of.kind);
                    if let Some(tally) = table.tallies.get(&of.mark).copied() {
                        let consecutive = 0;
                        table.put(
                            of.mark,
                            Tally {
                                consecutive,
                                ..tally
                            },
                        );
                    }
                }
                if let Some((account, mark)) = known {
                    tables.learn(*account, *mark, *at);
                }
            }
            DirectoryEvent::GuessesForgotten {
                at,
                counts,
                accounts,
            } => {
                let mut tables = self.0.write();
                for of in counts {
                    let table = tables.table(of.kind);
                    // One more may have been counted since this was decided.
                    let tally = table.tallies.get(&of.mark);
                    if tally.is_some_and(|tally| tally.is_over(of.kind, *at)) {
                        table.remove(of.mark);
                    }
                }
                for account in accounts {
                    if let Some(known) = tables.known.get_mut(account) {
                        known.retain(|known| known.counts(*at));
                        if known.is_empty() {
                            tables.known.remove(account);
                        }
                    }
                }
            }
            // From where the old password was right says nothing of the new one.
            DirectoryEvent::AccountDeleted(id)
            | DirectoryEvent::AccountPut(id, _, AccountCause::PasswordChanged) => {
                self.0.write().known.remove(id);
            }
            DirectoryEvent::AccountPut(..)
            | DirectoryEvent::StepSpent(..)
            | DirectoryEvent::KeyCreated(..)
            | DirectoryEvent::KeyDeleted(_)
            | DirectoryEvent::SigningKeyAdded(_)
            | DirectoryEvent::SigningKeyReplaced(..)
            | DirectoryEvent::SigningKeyWithdrawn(_)
            | DirectoryEvent::TemplatePut(_)
            | DirectoryEvent::TemplateDeleted(_)
            | DirectoryEvent::SessionsListed { .. } => {}
        }
    }
}

impl Tables {
    fn table(&mut self, kind: GuessKind) -> &mut Table {
        self.counts.entry(kind).or_default()
    }

    fn learn(&mut self, account: AccountId, mark: Mark, seen: Timestamp) {
        let known = self.known.entry(account).or_default();
        known.retain(|known| known.mark != mark && known.counts(seen));
        if known.len() >= KNOWN_NETWORKS_MAX {
            known.remove(0);
        }
        known.push(KnownNetwork { mark, seen });
    }
}

/// How far the search for what is over has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    count: Option<Counted>,
    account: Option<AccountId>,
}

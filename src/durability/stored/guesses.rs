//! Failed guesses, and the networks from which accounts are known.

use serde::{Deserialize, Serialize};

use super::accounts::account_id;
use super::{Id, StoredError, at};
use crate::engine::guesses::KnownNetwork;
use crate::session::guessing::{Counted, GuessKind, KNOWN_NETWORKS_MAX, Mark, Tally};
use crate::session::id::AccountId;

/// A count, by its name.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredCounted {
    kind: u8,
    mark: Id,
}

impl StoredCounted {
    pub(in crate::durability) fn of(counted: &Counted) -> Self {
        Self {
            kind: match counted.kind {
                GuessKind::Strangers => 1,
                GuessKind::Known => 2,
                GuessKind::Device => 3,
                GuessKind::Address => 4,
                GuessKind::Network => 5,
                GuessKind::Node => 6,
            },
            mark: *counted.mark.as_bytes(),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<Counted, StoredError> {
        Ok(Counted {
            kind: match self.kind {
                1 => GuessKind::Strangers,
                2 => GuessKind::Known,
                3 => GuessKind::Device,
                4 => GuessKind::Address,
                5 => GuessKind::Network,
                6 => GuessKind::Node,
                _ => return Err(StoredError::Value("kind of count")),
            },
            mark: Mark::from_bytes(self.mark),
        })
    }
}

/// A count and its failures.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredTally {
    of: StoredCounted,
    recent: u32,
    consecutive: u32,
    first: u64,
    last: u64,
}

impl StoredTally {
    pub(in crate::durability) fn of(counted: &Counted, tally: &Tally) -> Self {
        Self {
            of: StoredCounted::of(counted),
            recent: tally.recent,
            consecutive: tally.consecutive,
            first: tally.first.ms(),
            last: tally.last.ms(),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<(Counted, Tally), StoredError> {
        let tally = Tally {
            recent: self.recent,
            consecutive: self.consecutive,
            first: at(self.first),
            last: at(self.last),
        };
        Ok((self.of.open()?, tally))
    }
}

/// The networks from which an account is known, the latest last.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredKnown {
    account: u32,
    networks: Vec<(Id, u64)>,
}

impl StoredKnown {
    pub(in crate::durability) fn of(account: AccountId, known: &[KnownNetwork]) -> Self {
        let networks = known
            .iter()
            .map(|network| (*network.mark.as_bytes(), network.seen.ms()));
        Self {
            account: account.0,
            networks: networks.collect(),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<(AccountId, Vec<KnownNetwork>), StoredError> {
        if self.networks.len() > KNOWN_NETWORKS_MAX {
            return Err(StoredError::Value("number of known networks"));
        }
        let known = self.networks.into_iter().map(|(mark, seen)| KnownNetwork {
            mark: Mark::from_bytes(mark),
            seen: at(seen),
        });
        Ok((account_id(self.account)?, known.collect()))
    }
}

/// Failures that count no longer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredForgiven {
    pub(in crate::durability) at: u64,
    pub(in crate::durability) cleared: Vec<StoredCounted>,
    pub(in crate::durability) relieved: Vec<StoredCounted>,
    pub(in crate::durability) known: Option<(u32, Id)>,
}

/// Counts in their stored form.
pub(super) fn stored(counts: &[Counted]) -> Vec<StoredCounted> {
    counts.iter().map(StoredCounted::of).collect()
}

/// Counts out of their stored form.
pub(super) fn opened(counts: Vec<StoredCounted>) -> Result<Vec<Counted>, StoredError> {
    counts.into_iter().map(StoredCounted::open).collect()
}

/// The account that was let in, and from where.
pub(super) fn let_in(known: Option<(u32, Id)>) -> Result<Option<(AccountId, Mark)>, StoredError> {
    let known = known.map(|(id, mark)| Ok((account_id(id)?, Mark::from_bytes(mark))));
    known.transpose()
}

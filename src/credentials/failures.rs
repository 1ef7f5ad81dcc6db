//! What failed on an account, as operators see it: numbers and times, no name and no address.

use crate::engine::world::World;
use crate::session::guessing::{Counted, GuessKind, GuessPolicy, Tally};
use crate::session::id::AccountId;
use crate::session::time::Timestamp;

/// The failures of one count, and what they cost at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailureCount {
    /// Since the last success.
    pub consecutive: u32,
    /// When the last one was; `None` if there was none.
    pub last: Option<Timestamp>,
    /// Nobody is looked at until somebody is let in or this is cleared.
    pub stopped: bool,
    /// Milliseconds until the next attempt is looked at.
    pub retry_after_ms: u64,
}

impl FailureCount {
    fn of(kind: GuessKind, tally: Option<Tally>, policy: &GuessPolicy, now: Timestamp) -> Self {
        let rule = policy.rule(kind);
        let tally = tally.filter(|tally| !tally.is_over(kind, now));
        tally.map_or(Self::default(), |tally| Self {
            consecutive: tally.consecutive,
            last: Some(tally.last),
            stopped: tally.is_stopped(rule),
            retry_after_ms: tally.wait_ms(kind, rule, now),
        })
    }
}

/// A network from which an account is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFrom {
    /// When somebody was let in from there, as it was noted last: to a day.
    pub seen: Timestamp,
    /// Failures from there since.
    pub failures: FailureCount,
}

/// The failures of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// From where nobody was let in.
    pub strangers: FailureCount,
    /// From where somebody was, the latest success last.
    pub known: Vec<KnownFrom>,
}

/// The failures of an account; `None` if there is none.
pub(super) fn of(
    world: &World,
    policy: &GuessPolicy,
    id: AccountId,
    now: Timestamp,
) -> Option<Failures> {
    let account = world.accounts.get(id)?;
    let count = |of: Counted| FailureCount::of(of.kind, world.guesses.tally(of), policy, now);
    let known = world.guesses.known(id, now).into_iter();
    Some(Failures {
        strangers: count(Counted::strangers(
            &world.install_key,
            &account.username.folded(),
        )),
        known: known
            .map(|network| KnownFrom {
                seen: network.seen,
                failures: count(Counted {
                    kind: GuessKind::Known,
                    mark: network.mark,
                }),
            })
            .collect(),
    })
}

//! Failed guesses, and what a success or an administrator forgives.

use super::{Decision, Outcome};
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part};
use crate::engine::guesses::Success;
use crate::session::guessing::Counted;
use crate::session::time::Timestamp;

/// Decides a failure: it counts.
pub fn fail(counts: &[Counted], now: Timestamp) -> Outcome {
    let event = DirectoryEvent::GuessFailed {
        at: now,
        counts: counts.to_vec(),
    };
    Ok(Decision::done(vec![Part::Directory(event)]))
}

/// What a success is decided from.
#[derive(Clone, Debug)]
pub struct SuccessFacts {
    /// Those of the counts it clears that have failures.
    pub cleared: Vec<Counted>,
    /// Those of the counts it relieves that have consecutive failures.
    pub relieved: Vec<Counted>,
    /// Whether it is to be noted from where it came; false if its account is gone.
    pub is_news: bool,
}

/// Decides a success. One that changes nothing, as most do, leaves no record.
pub fn succeed(facts: SuccessFacts, success: &Success, now: Timestamp) -> Outcome {
    let known = success.known.filter(|_| facts.is_news);
    let changes = known.is_some() || !facts.cleared.is_empty() || !facts.relieved.is_empty();
    let event = DirectoryEvent::GuessesForgiven {
        at: now,
        cleared: facts.cleared,
        relieved: facts.relieved,
        known,
    };
    let parts = changes.then_some(Part::Directory(event));
    Ok(Decision::done(parts.into_iter().collect()))
}

/// Decides that the failures of an account are forgotten: `counts` are those that it has, if it exists.
pub fn clear(counts: Option<Vec<Counted>>, now: Timestamp) -> Outcome {
    let cleared = counts.ok_or(Refusal::AccountNotFound)?;
    let event = DirectoryEvent::GuessesForgiven {
        at: now,
        cleared,
        relieved: Vec::new(),
        known: None,
    };
    Ok(Decision::done(vec![Part::Directory(event)]))
}

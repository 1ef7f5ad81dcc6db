//! What follows from a command: events and a reply, or a refusal.
//!
//! Every function here is pure: facts, command and `now` in, decision out. It never changes
//! anything and never searches; whoever drives it fetched the records the command names
//! ([`super::facts`]). Parts stand in the order in which they take effect: endings before the
//! opening they make room for (R4).

pub mod accounts;
pub mod clients;
pub mod guesses;
pub mod handoffs;
pub mod jwts;
pub mod keys;
pub mod sessions;
pub mod sudo;

use super::command::Reply;
use super::error::Refusal;
use super::event::Part;

/// What follows from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happened, to be logged as one record; empty if nothing changes.
    pub parts: Vec<Part>,
    /// The answer, once the last part is applied.
    pub reply: Reply,
}

impl Decision {
    pub(crate) fn done(parts: Vec<Part>) -> Self {
        Self {
            parts,
            reply: Reply::Done,
        }
    }
}

/// A decision, or why there is none.
pub type Outcome = Result<Decision, Refusal>;

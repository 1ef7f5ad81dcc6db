//! What is being changed at the moment, and who waits for it (R2).
//!
//! Invariants: a claim is held by one command at a time; at most 64 commands wait for one claim;
//! waiting commands go on in the order in which they came.

use std::collections::VecDeque;

use hashbrown::HashMap;

use super::messages::{Ask, CLAIM_QUEUE_MAX};
use crate::engine::command::Claim;

/// The claims of one owner.
#[derive(Default)]
pub(super) struct Claims {
    held: HashMap<Claim, VecDeque<Ask>>,
}

/// Whether a command may go on.
pub(super) enum Admission {
    /// Nothing stands in its way.
    Free(Ask),
    /// It waits for a claim.
    Waits,
    /// Too many wait already.
    Full(Ask),
}

impl Claims {
    /// Lets a command through, or makes it wait for the first of its claims that is held.
    pub(super) fn admit(&mut self, ask: Ask, claims: &[Claim]) -> Admission {
        let busy = claims.iter().find(|claim| self.held.contains_key(*claim));
        let Some(queue) = busy.and_then(|claim| self.held.get_mut(claim)) else {
            return Admission::Free(ask);
        };
        if queue.len() >= CLAIM_QUEUE_MAX {
            return Admission::Full(ask);
        }
        queue.push_back(ask);
        Admission::Waits
    }

    /// Holds claims that are free.
    pub(super) fn hold(&mut self, claims: &[Claim]) {
        for claim in claims {
            self.held.entry(claim.clone()).or_default();
        }
    }

    /// Frees claims; returns the commands that waited for them, which are to be tried again.
    pub(super) fn release(&mut self, claims: &[Claim]) -> Vec<Ask> {
        claims
            .iter()
            .filter_map(|claim| self.held.remove(claim))
            .flatten()
            .collect()
    }
}

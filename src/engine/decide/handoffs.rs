//! Hand-off tokens: made for one session, spent once. Source: M-81 to M-88.

use compact_str::CompactString;

use super::{Decision, Outcome};
use crate::engine::command::Reply;
use crate::engine::error::Refusal;
use crate::engine::event::{Handoff, Part, SlotEvent};
use crate::session::account::Username;
use crate::session::id::{AccountId, HandoffId, SessionId};
use crate::session::policy::HANDOFFS_PER_SESSION_MAX;
use crate::session::time::Timestamp;

/// What the making of a token is decided from.
#[derive(Clone, Debug)]
pub struct IssueFacts {
    /// The generation the session is stamped with, if it is live.
    pub stamp: Option<u32>,
    /// Its tokens in the slot, the oldest first.
    pub outstanding: Vec<HandoffId>,
}

/// Decides the making of a token: the oldest ones die so that no more than 16 are outstanding.
pub fn issue(
    facts: &IssueFacts,
    session: SessionId,
    id: HandoffId,
    life_ms: u64,
    now: Timestamp,
) -> Outcome {
    let generation = facts.stamp.ok_or(Refusal::SessionNotFound)?;
    let surplus = (facts.outstanding.len() + 1).saturating_sub(HANDOFFS_PER_SESSION_MAX);
    let dropped = facts.outstanding.iter().take(surplus);
    let mut parts: Vec<_> = dropped
        .map(|&old| Part::handoff(old, SlotEvent::HandoffDropped(old)))
        .collect();
    let handoff = Handoff {
        session,
        generation,
        issued: now,
        expires: now.plus_ms(life_ms),
    };
    parts.push(Part::handoff(id, SlotEvent::HandoffIssued(id, handoff)));
    Ok(Decision::done(parts))
}

/// What the spending of a token is decided from. A token is looked at only with everything it
/// hangs on, so that every refusal is the same one.
#[derive(Clone, Debug)]
pub struct RedeemFacts {
    /// The token, if it is known and its account has not changed since.
    pub handoff: Option<Handoff>,
    /// User name and client type of its session, if that one is live.
    pub customer: Option<(Username, CompactString)>,
    /// The account on whose behalf it is spent, if that one's session is live.
    pub agent: Option<AccountId>,
    /// Whether that account sees the customer's.
    pub visible: bool,
}

/// Decides the spending of a token. A refused attempt spends nothing.
pub fn redeem(facts: RedeemFacts, id: HandoffId, now: Timestamp) -> Outcome {
    let agent = facts.agent.ok_or(Refusal::SessionNotFound)?;
    let fresh = facts.handoff.is_some_and(|handoff| now < handoff.expires);
    match facts.customer {
        Some((username, client_type)) if fresh && facts.visible => Ok(Decision {
            parts: vec![Part::handoff(id, SlotEvent::HandoffRedeemed(id, agent))],
            reply: Reply::HandedOff {
                username,
                client_type,
            },
        }),
        _ => Err(Refusal::HandoffNotFound),
    }
}

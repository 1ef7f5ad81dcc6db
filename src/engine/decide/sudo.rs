//! Impersonation: a session of another account, hung on the session that asked. Source: R17.

use std::sync::Arc;

use super::sessions::{Listed, Room, Standing, listing};
use super::{Decision, Outcome};
use crate::engine::command::Sudo;
use crate::engine::error::Refusal;
use crate::engine::event::{Grant, Part, SessionOpened, SlotEvent};
use crate::session::account::ClientType;
use crate::session::id::AccountId;
use crate::session::lifetime::Lifetime;
use crate::session::policy::SUDO_CHAIN_MAX;
use crate::session::state::{Factors, Surface};
use crate::session::time::Timestamp;

/// The live session that asks.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The accounts that act: those of its chain, then its own.
    pub actors: Vec<Actor>,
    /// Its client type, which the new session takes over.
    pub client_type: ClientType,
    /// What was proven when it was opened.
    pub factors: Factors,
    /// Where it was issued.
    pub surface: Surface,
    /// When it ends whatever happens.
    pub absolute: Timestamp,
}

/// One account of the chain.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    /// Which.
    pub account: AccountId,
    /// Whether it has the right at all.
    pub may_sudo: bool,
    /// Whether it sees the target.
    pub sees_target: bool,
}

/// What an impersonation is decided from.
#[derive(Clone, Debug)]
pub struct SudoFacts {
    /// `None` if the session that asks is not live.
    pub parent: Option<Parent>,
    /// The account to become; `None` if there is none of that name.
    pub target: Option<(AccountId, Standing)>,
    /// The limit that holds for the target, and its sessions that count.
    pub limit: Option<(u32, Vec<Listed>)>,
}

/// Decides an impersonation. A missing right is told; everything about the target is one answer (R19).
pub fn sudo(facts: &SudoFacts, sudo: &Sudo, now: Timestamp) -> Outcome {
    let parent = facts.parent.as_ref().ok_or(Refusal::SessionNotFound)?;
    if parent.actors.iter().any(|actor| !actor.may_sudo) || parent.actors.len() > SUDO_CHAIN_MAX {
        return Err(Refusal::NotPermitted);
    }
    let visible = parent.actors.iter().all(|actor| actor.sees_target);
    let (account, standing) = facts
        .target
        .filter(|_| visible)
        .ok_or(Refusal::AccountNotFound)?;
    if standing.admits(standing.generation).is_err() {
        return Err(Refusal::AccountNotFound);
    }
    let mut parts = Vec::new();
    let mut dropped = Vec::new();
    if let Some((limit, listed)) = &facts.limit {
        let room = Room {
            limit: *limit,
            when_full: sudo.when_full,
            impersonation: true,
        };
        dropped = room.make(listed, 1, now, &mut parts)?;
    }
    let grant = Grant {
        account,
        generation: standing.generation,
        surface: parent.surface,
        lifetime: Lifetime {
            idle_timeout_ms: sudo.idle_timeout_ms,
            absolute: parent.absolute.min(now.plus_ms(sudo.absolute_ms)),
        },
        factors: parent.factors.and(Factors::SUDO),
        client_type: parent.client_type.clone(),
        key: None,
        client: None,
        parent: Some(sudo.parent),
        chain: parent.actors.iter().map(|actor| actor.account).collect(),
        address: None,
        user_agent: None,
        attributes: None,
    };
    let opened = SessionOpened {
        id: sudo.child,
        at: now,
        grant: Arc::new(grant),
    };
    parts.push(Part::session(sudo.child, SlotEvent::SessionOpened(opened)));
    if facts.limit.is_some() {
        parts.push(listing(account, parent.surface, vec![sudo.child], dropped));
    }
    Ok(Decision::done(parts))
}

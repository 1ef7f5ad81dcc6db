//! Opening and ending sessions.

use std::cmp::Reverse;

use super::{Decision, Outcome};
use crate::engine::command::{End, Open};
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part, SessionOpened, SlotEvent};
use crate::session::id::{AccountId, ClientId, KeyId, SessionId};
use crate::session::policy::WhenFull;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::time::Timestamp;

/// How the account of an open stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Its generation.
    pub generation: u32,
    /// Whether it may log in at all.
    pub enabled: bool,
    /// Whether it is locked or past its expiry.
    pub locked: bool,
    /// The highest one-time-password step it spent.
    pub step_spent: u64,
    /// Whether a second factor is asked for.
    pub has_totp: bool,
}

impl Standing {
    /// Whether a new session may be opened on a proof that was checked against `generation`.
    /// A change of the account comes first: it is answered like a wrong password (R5).
    pub(super) fn admits(self, generation: u32) -> Result<(), Refusal> {
        if self.generation != generation {
            return Err(Refusal::CredentialChanged);
        }
        if !self.enabled {
            return Err(Refusal::AccountDisabled);
        }
        if self.locked {
            return Err(Refusal::AccountLocked);
        }
        Ok(())
    }

    /// Whether these factors are enough for a session. A password alone, or nothing, is not where a
    /// second factor is asked for; whoever vouches for a user, or holds a key of his, proved what he
    /// had to (R18).
    fn is_proven_by(self, factors: Factors) -> bool {
        let enough = [Factors::TOTP, Factors::VOUCHED, Factors::API_KEY];
        !self.has_totp || enough.into_iter().any(|factor| factors.has(factor))
    }
}

/// A session in an account's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: SessionId,
    /// Whether it is live.
    pub live: bool,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last active.
    pub last_active: Timestamp,
    /// Whether it is an impersonation.
    pub impersonated: bool,
}

/// What an open is decided from.
#[derive(Clone, Debug)]
pub struct OpenFacts {
    /// The account; `None` if there is none.
    pub standing: Option<Standing>,
    /// Whether the key it is opened with is live (true without one).
    pub key_live: bool,
    /// Whether it may name the client that it names (true without one): a login alone may.
    pub client_live: bool,
    /// The limit that holds, and the sessions that count; `None` without a limit.
    pub limit: Option<(u32, Vec<Listed>)>,
}

/// Decides an open.
pub fn open(facts: &OpenFacts, open: &Open, now: Timestamp) -> Outcome {
    let standing = facts.standing.ok_or(Refusal::AccountNotFound)?;
    standing.admits(open.grant.generation)?;
    if !facts.key_live {
        return Err(Refusal::KeyNotFound);
    }
    if !standing.is_proven_by(open.grant.factors) {
        return Err(Refusal::SecondFactorMissing);
    }
    if !facts.client_live {
        return Err(Refusal::SessionNotFound);
    }
    if open
        .otp_step
        .is_some_and(|step| step <= standing.step_spent)
    {
        return Err(Refusal::StepSpent);
    }
    let mut parts = Vec::with_capacity(open.ids.len() + 1);
    let mut dropped = Vec::new();
    if let Some((limit, listed)) = &facts.limit {
        let room = Room {
            limit: *limit,
            when_full: open.when_full,
            impersonation: open.grant.parent.is_some(),
        };
        dropped = room.make(listed, open.ids.len(), now, &mut parts)?;
    }
    parts.extend(open.ids.iter().map(|&id| {
        let opened = SessionOpened {
            id,
            at: now,
            grant: open.grant.clone(),
        };
        Part::session(id, SlotEvent::SessionOpened(opened))
    }));
    let account = open.grant.account;
    parts.extend(
        open.otp_step
            .map(|step| Part::Directory(DirectoryEvent::StepSpent(account, step))),
    );
    if facts.limit.is_some() {
        parts.push(listing(
            account,
            open.grant.surface,
            open.ids.clone(),
            dropped,
        ));
    }
    Ok(Decision::done(parts))
}

pub(super) fn listing(
    account: AccountId,
    surface: Surface,
    opened: Vec<SessionId>,
    dropped: Vec<SessionId>,
) -> Part {
    Part::Directory(DirectoryEvent::SessionsListed {
        account,
        surface,
        opened,
        dropped,
    })
}

/// The room an account has for sessions on a surface.
pub(super) struct Room {
    pub(super) limit: u32,
    pub(super) when_full: WhenFull,
    /// An impersonation never ends somebody's own session to make room for itself.
    pub(super) impersonation: bool,
}

impl Room {
    /// Ends what must end so that `wanted` sessions fit, and returns the ids that no longer count.
    pub(super) fn make(
        &self,
        listed: &[Listed],
        wanted: usize,
        now: Timestamp,
        parts: &mut Vec<Part>,
    ) -> Result<Vec<SessionId>, Refusal> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let live: Vec<_> = listed.iter().filter(|l| l.live).copied().collect();
        let surplus = (live.len() + wanted).saturating_sub(limit);
        let mut victims: Vec<_> = match self.when_full {
            WhenFull::Deny => Vec::new(),
            WhenFull::EvictOldest | WhenFull::EvictIdle => live
                .iter()
                .filter(|l| l.impersonated || !self.impersonation)
                .copied()
                .collect(),
        };
        if surplus > victims.len() {
            return Err(Refusal::LimitReached);
        }
        victims.sort_by_key(|l| match self.when_full {
            WhenFull::EvictIdle => (l.last_active, l.created, Reverse(l.id)),
            WhenFull::Deny | WhenFull::EvictOldest => (l.created, l.last_active, Reverse(l.id)),
        });
        victims.truncate(surplus);
        parts.extend(victims.iter().map(|victim| {
            Part::session(
                victim.id,
                SlotEvent::SessionEnded(victim.id, now, EndReason::Limit),
            )
        }));
        let dead = listed.iter().filter(|l| !l.live);
        Ok(dead.chain(&victims).map(|l| l.id).collect())
    }
}

/// What an end is decided from: where a live session was issued, with which key, on which client.
#[derive(Clone, Copy, Debug)]
pub struct EndFacts {
    /// `None` if no live session has the id.
    pub live: Option<(Surface, Option<KeyId>, Option<ClientId>)>,
}

/// Decides an end. What is dead already is answered like what never was.
pub fn end(facts: EndFacts, end: &End, now: Timestamp) -> Outcome {
    let (surface, key, client) = facts.live.ok_or(Refusal::SessionNotFound)?;
    let fits = end.surface.is_none_or(|s| s == surface)
        && end.key.is_none_or(|k| Some(k) == key)
        && end.client.is_none_or(|c| Some(c) == client);
    if !fits {
        return Err(Refusal::SessionNotFound);
    }
    let ended = SlotEvent::SessionEnded(end.id, now, end.reason);
    Ok(Decision::done(vec![Part::session(end.id, ended)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(n: u8, live: bool, created: u64, last_active: u64, impersonated: bool) -> Listed {
        Listed {
            id: SessionId::from_bytes([n; 16]),
            live,
            created: Timestamp::from_ms(created),
            last_active: Timestamp::from_ms(last_active),
            impersonated,
        }
    }

    fn made(room: &Room, list: &[Listed], wanted: usize) -> Result<Vec<u8>, Refusal> {
        let mut parts = Vec::new();
        let dropped = room.make(list, wanted, Timestamp::from_ms(99), &mut parts)?;
        Ok(dropped.iter().map(|id| id.as_bytes()[0]).collect())
    }

    #[test]
    fn room_is_made_as_the_policy_says_and_exactly_as_much_as_needed() {
        let list = [
            listed(1, true, 10, 50, false),
            listed(2, false, 5, 5, false),
            listed(3, true, 20, 30, false),
            listed(4, true, 30, 40, true),
        ];
        let room = |when_full, impersonation| Room {
            limit: 3,
            when_full,
            impersonation,
        };
        // (policy, impersonation, wanted, what no longer counts)
        let cases = [
            (WhenFull::Deny, false, 1, Err(Refusal::LimitReached)),
            (WhenFull::EvictOldest, false, 1, Ok(vec![2, 1])),
            (WhenFull::EvictIdle, false, 1, Ok(vec![2, 3])),
            (WhenFull::EvictIdle, false, 2, Ok(vec![2, 3, 4])),
            (WhenFull::EvictIdle, false, 4, Err(Refusal::LimitReached)),
            (WhenFull::EvictIdle, true, 1, Ok(vec![2, 4])),
            (WhenFull::EvictIdle, true, 2, Err(Refusal::LimitReached)),
        ];
        for (when_full, impersonation, wanted, expected) in cases {
            let got = made(&room(when_full, impersonation), &list, wanted);
            assert_eq!(got, expected, "{when_full:?} {impersonation} {wanted}");
        }
        assert_eq!(
            made(
                &Room {
                    limit: 4,
                    when_full: WhenFull::Deny,
                    impersonation: false
                },
                &list,
                1
            ),
            Ok(vec![2])
        );
    }
}

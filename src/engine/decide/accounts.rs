//! Making, changing and deleting accounts. What ends sessions is one event of the account (R3).

use std::sync::Arc;

use super::{Decision, Outcome};
use crate::engine::command::{AccountChange, AccountPatch, Reply};
use crate::engine::error::Refusal;
use crate::engine::event::{AccountCause, DirectoryEvent, Part, SlotEvent};
use crate::session::account::Account;
use crate::session::id::{AccountId, SessionId};
use crate::session::time::Timestamp;

/// What the making of an account is decided from.
#[derive(Clone, Copy, Debug)]
pub struct CreateFacts {
    /// The place it would get; `None` if there is no room.
    pub place: Option<AccountId>,
    /// Whether its name, folded, is another account's.
    pub name_taken: bool,
    /// Whether its external subject is another account's.
    pub subject_taken: bool,
}

/// Decides the making of an account.
pub fn create(facts: CreateFacts, account: &Account) -> Outcome {
    if facts.name_taken {
        return Err(Refusal::NameTaken);
    }
    if facts.subject_taken {
        return Err(Refusal::SubjectTaken);
    }
    let place = facts.place.ok_or(Refusal::Full)?;
    let account = Account {
        generation: 0,
        totp_step_spent: 0,
        ..account.clone()
    };
    let event = DirectoryEvent::AccountPut(place, Arc::new(account), AccountCause::Created);
    Ok(Decision {
        parts: vec![Part::Directory(event)],
        reply: Reply::AccountCreated(place),
    })
}

/// What a change is decided from.
#[derive(Clone, Debug)]
pub struct ChangeFacts {
    /// The account as it is; `None` if it is gone.
    pub account: Option<Arc<Account>>,
    /// Whether the new external subject is another account's.
    pub subject_taken: bool,
    /// Whether the session to keep is live and the account's own (true without one).
    pub kept_live: bool,
    /// Whether it hangs on a key of the account's or on another session of it, and so ends with that.
    pub kept_hangs: bool,
}

/// Decides a change. The kept session is re-stamped first, in the same record; one that cannot be
/// kept is told as such, and nothing changes.
pub fn change(
    facts: &ChangeFacts,
    id: AccountId,
    change: &AccountChange,
    keep: Option<SessionId>,
    now: Timestamp,
) -> Outcome {
    let before = facts.account.as_deref().ok_or(Refusal::AccountNotFound)?;
    if facts.subject_taken {
        return Err(Refusal::SubjectTaken);
    }
    if !facts.kept_live {
        return Err(Refusal::SessionNotFound);
    }
    let mut after = before.clone();
    let cause = match change {
        AccountChange::Describe(patch) => describe(&mut after, patch),
        AccountChange::Password(hash) => {
            after.password.clone_from(hash);
            AccountCause::PasswordChanged
        }
        AccountChange::Totp(seed) => {
            after.totp.clone_from(seed);
            AccountCause::FactorChanged
        }
        AccountChange::RevokeSessions => AccountCause::SessionsRevoked,
    };
    let mut parts = Vec::new();
    // A session kept through disabling would come back with the account.
    let keep = keep.filter(|_| cause != AccountCause::Disabled);
    if cause != AccountCause::Changed {
        if keep.is_some() && facts.kept_hangs {
            return Err(Refusal::SessionNotFound);
        }
        after.generation = before.generation.saturating_add(1);
        parts.extend(
            keep.map(|id| Part::session(id, SlotEvent::SessionRestamped(id, after.generation))),
        );
    }
    if after != *before {
        after.updated = now;
        parts.push(Part::Directory(DirectoryEvent::AccountPut(
            id,
            Arc::new(after),
            cause,
        )));
    }
    Ok(Decision::done(parts))
}

fn describe(account: &mut Account, patch: &AccountPatch) -> AccountCause {
    fn set<T: Clone>(field: &mut T, new: Option<&T>) {
        if let Some(new) = new {
            field.clone_from(new);
        }
    }
    let was_enabled = account.enabled;
    set(
        &mut account.external_subject,
        patch.external_subject.as_ref(),
    );
    set(&mut account.client_type, patch.client_type.as_ref());
    set(&mut account.group, patch.group.as_ref());
    set(&mut account.managed_groups, patch.managed_groups.as_ref());
    set(&mut account.agent, patch.agent.as_ref());
    set(&mut account.may_sudo, patch.may_sudo.as_ref());
    set(&mut account.enabled, patch.enabled.as_ref());
    set(&mut account.locked, patch.locked.as_ref());
    set(&mut account.expires_at, patch.expires_at.as_ref());
    set(&mut account.max_sessions, patch.max_sessions.as_ref());
    set(&mut account.profile, patch.profile.as_ref());
    if was_enabled && !account.enabled {
        AccountCause::Disabled
    } else {
        AccountCause::Changed
    }
}

/// Decides the end of an account.
pub fn delete(exists: bool, id: AccountId) -> Outcome {
    if !exists {
        return Err(Refusal::AccountNotFound);
    }
    Ok(Decision::done(vec![Part::Directory(
        DirectoryEvent::AccountDeleted(id),
    )]))
}

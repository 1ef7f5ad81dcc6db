//! Clients: logins on them, complete or with a second step to come, and what becomes of their sessions.
//!
//! Everything a client's logins depend on is decided by the directory, one at a time per client, so
//! that a login, a logout and the end of a client cannot overtake each other. Source: R6, R7, R8, R18.

use super::sessions::{self, OpenFacts, Standing};
use super::{Decision, Outcome};
use crate::engine::command::{SignIn, StartSignIn};
use crate::engine::error::Refusal;
use crate::engine::event::{Part, SlotEvent};
use crate::session::client::{self, CLIENT_SESSIONS_MAX, SIGN_IN_LIFETIME_MS};
use crate::session::id::{AccountId, ClientId, SessionId, SignInId};
use crate::session::state::EndReason;
use crate::session::time::Timestamp;
use crate::session::token::Digest;

/// A session of a client.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// Whether it is live.
    pub live: bool,
    /// When it was last active.
    pub last_active: Timestamp,
}

/// What is known of a client.
#[derive(Clone, Debug, Default)]
pub struct ClientFacts {
    /// What is kept of its secret; a guest key has none of its own.
    pub secret: Option<Digest>,
    /// Sessions that no event ended yet.
    pub held: Vec<Held>,
    /// Sessions that ended and are still remembered.
    pub ended: Vec<SessionId>,
    /// The login whose second step is to come.
    pub sign_in: Option<client::SignIn>,
}

impl ClientFacts {
    /// Whether `account` may log in: a guest key holds one session at a time, a browser one per account.
    fn admits(&self, account: AccountId, secret: Option<Digest>) -> Result<(), Refusal> {
        let in_the_way = |held: &&Held| held.live && (secret.is_none() || held.account == account);
        match self.held.iter().find(in_the_way) {
            Some(_) => Err(Refusal::AlreadySignedIn),
            None => Ok(()),
        }
    }

    /// What comes first in a login: the client's secret, and the end of a login that was pending.
    fn entry(&self, id: ClientId, secret: Option<Digest>, now: Timestamp) -> Vec<Part> {
        let secret = secret.map(|secret| SlotEvent::ClientSecretSet(id, now, secret));
        let pending = self.sign_in;
        let pending = pending.map(|pending| SlotEvent::SignInDropped(id, pending.id));
        let events = secret.into_iter().chain(pending);
        events.map(|event| Part::client(id, event)).collect()
    }

    /// Ends the sessions that are idle for longest, so that one more is not too many.
    fn make_room(&self, now: Timestamp) -> impl Iterator<Item = Part> {
        let mut live: Vec<_> = self.held.iter().filter(|held| held.live).collect();
        live.sort_by_key(|held| (held.last_active, held.id));
        let surplus = (live.len() + 1).saturating_sub(CLIENT_SESSIONS_MAX);
        let victims: Vec<_> = live.iter().take(surplus).map(|held| held.id).collect();
        victims
            .into_iter()
            .map(move |id| ending(id, now, EndReason::Limit))
    }
}

fn ending(id: SessionId, now: Timestamp, reason: EndReason) -> Part {
    Part::session(id, SlotEvent::SessionEnded(id, now, reason))
}

/// Decides the beginning of a login; one that was pending on the client is over.
pub fn start(
    standing: Option<Standing>,
    client: Option<&ClientFacts>,
    asked: &StartSignIn,
    now: Timestamp,
) -> Outcome {
    standing
        .ok_or(Refusal::AccountNotFound)?
        .admits(asked.generation)?;
    let known = known(client, asked.presented, asked.secret)?;
    known.admits(asked.account, asked.secret)?;
    let mut parts = known.entry(asked.client, asked.secret, now);
    let started = client::SignIn {
        id: asked.id,
        account: asked.account,
        generation: asked.generation,
        factors: asked.factors,
        remember: asked.remember,
        started: now,
        expires: now.plus_ms(SIGN_IN_LIFETIME_MS),
        guesses: 0,
    };
    parts.push(Part::client(
        asked.client,
        SlotEvent::SignInStarted(asked.client, started),
    ));
    Ok(Decision::done(parts))
}

/// Decides whether another code may be tried: it is counted before anybody looks at it, so that codes
/// tried at the same instant are no more than codes tried in a row.
pub fn guess(
    client: Option<&ClientFacts>,
    id: ClientId,
    step: SignInId,
    now: Timestamp,
) -> Outcome {
    let pending = client.and_then(|client| client.sign_in);
    match pending {
        Some(pending) if pending.id == step && pending.is_open(now) && pending.has_guesses() => {
            let counted = SlotEvent::SignInGuessed(id, step);
            Ok(Decision::done(vec![Part::client(id, counted)]))
        }
        _ => Err(Refusal::SignInNotFound),
    }
}

/// Decides that a pending login is given up; one that is gone already leaves nothing to do.
pub fn drop_sign_in(client: Option<&ClientFacts>, id: ClientId, step: SignInId) -> Outcome {
    let client = client.ok_or(Refusal::SessionNotFound)?;
    let pending = client.sign_in.filter(|pending| pending.id == step);
    let dropped = pending.map(|_| Part::client(id, SlotEvent::SignInDropped(id, step)));
    Ok(Decision::done(dropped.into_iter().collect()))
}

/// Decides a login that is complete.
pub fn sign_in(
    facts: &OpenFacts,
    client: Option<&ClientFacts>,
    asked: &SignIn,
    now: Timestamp,
) -> Outcome {
    let id = asked.open.grant.client.ok_or(Refusal::SessionNotFound)?;
    let known = known(client, asked.presented, asked.secret)?;
    // The first step says whose login it is, and under which generation its password was right (R5).
    let grant = &asked.open.grant;
    let continues = |pending: &client::SignIn| {
        let proven = (pending.account, pending.generation);
        pending.is_open(now) && proven == (grant.account, grant.generation)
    };
    let pending = known.sign_in.filter(continues);
    if asked.step.is_some() && pending.map(|pending| pending.id) != asked.step {
        return Err(Refusal::SignInNotFound);
    }
    known.admits(asked.open.grant.account, asked.secret)?;
    let opened = sessions::open(facts, &asked.open, now)?;
    let mut parts = known.entry(id, asked.secret, now);
    parts.extend(known.make_room(now));
    parts.extend(opened.parts);
    Ok(Decision::done(parts))
}

/// The client, if it is still the one whose secret was presented, or a new one if it comes with a
/// secret. Two logins on one browser's client cannot both go by the same old secret: whoever held it
/// before would be signed in along with the other.
fn known(
    client: Option<&ClientFacts>,
    presented: Option<Digest>,
    secret: Option<Digest>,
) -> Result<ClientFacts, Refusal> {
    match client {
        Some(client) if client.secret == presented => Ok(client.clone()),
        None if presented.is_none() && secret.is_some() => Ok(ClientFacts::default()),
        Some(_) => Err(Refusal::ClientChanged),
        None => Err(Refusal::SessionNotFound),
    }
}

/// Decides which session of a client was chosen last.
pub fn select(client: Option<&ClientFacts>, id: ClientId, session: SessionId) -> Outcome {
    let chosen = |held: &&Held| held.id == session && held.live;
    client
        .and_then(|client| client.held.iter().find(chosen))
        .ok_or(Refusal::SessionNotFound)?;
    let selected = SlotEvent::SessionSelected(id, session);
    Ok(Decision::done(vec![Part::client(id, selected)]))
}

/// Decides that a client forgets a session that it lists: one that is live ends by it.
pub fn forget(
    client: Option<&ClientFacts>,
    listed: bool,
    id: ClientId,
    session: SessionId,
    now: Timestamp,
) -> Outcome {
    let client = client.filter(|_| listed).ok_or(Refusal::SessionNotFound)?;
    let event = if client.ended.contains(&session) {
        Part::client(id, SlotEvent::SessionForgotten(id, session))
    } else if client.held.iter().any(|held| held.id == session) {
        ending(session, now, EndReason::Removed)
    } else {
        return Err(Refusal::SessionNotFound);
    };
    Ok(Decision::done(vec![event]))
}

/// Decides the end of everything that goes on on a client; the client stays. What is over already
/// keeps its own reason, unless all of it is to be forgotten.
pub fn clear(
    client: Option<&ClientFacts>,
    id: ClientId,
    reason: EndReason,
    now: Timestamp,
) -> Outcome {
    let client = client.ok_or(Refusal::SessionNotFound)?;
    let forgets = !client::is_remembered(reason);
    let held = client.held.iter();
    let mut parts: Vec<_> = held
        .filter(|held| held.live || forgets)
        .map(|held| ending(held.id, now, reason))
        .collect();
    if forgets {
        let forgotten = client.ended.iter();
        parts.extend(
            forgotten.map(|&session| Part::client(id, SlotEvent::SessionForgotten(id, session))),
        );
    }
    parts.extend(
        client
            .sign_in
            .map(|pending| Part::client(id, SlotEvent::SignInDropped(id, pending.id))),
    );
    Ok(Decision::done(parts))
}

/// Decides the end of a client and of its sessions: all of it is one slot's, and one record.
pub fn destroy(client: Option<&ClientFacts>, id: ClientId, now: Timestamp) -> Outcome {
    let client = client.ok_or(Refusal::SessionNotFound)?;
    let sessions: Vec<_> = client.held.iter().map(|held| held.id).collect();
    Ok(Decision::done(destruction(id, &sessions, now)))
}

pub(super) fn destruction(id: ClientId, sessions: &[SessionId], now: Timestamp) -> Vec<Part> {
    let endings = sessions
        .iter()
        .map(|&id| ending(id, now, EndReason::Parent));
    let destroyed = Part::client(id, SlotEvent::ClientDestroyed(id, now));
    endings.chain([destroyed]).collect()
}

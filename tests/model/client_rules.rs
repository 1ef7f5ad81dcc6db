//! What the model answers to a command on a client, and what it says a client lists.
//!
//! A guest key holds one live session, a browser one per account and ten in all; a pending login lives
//! five minutes and takes five codes. Source: R7, R8, R18.

use sessile::engine::clients::SessionStatus;
use sessile::engine::command::{SignIn, StartSignIn};
use sessile::engine::error::Refusal;
use sessile::engine::slot::SlotNumber;
use sessile::session::client;
use sessile::session::id::{AccountId, ClientId, SessionId, SignInId};
use sessile::session::state::EndReason;
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;

use crate::model::{Client, Model};
use crate::names::guests;
use crate::rules::{Answer, unless};

/// 30 days, in milliseconds.
pub(crate) const MONTH_MS: u64 = 30 * 24 * 3_600_000;

impl Model {
    /// Whether a client is a guest key's, whether it exists or not.
    pub(crate) fn is_guest(id: ClientId) -> bool {
        guests().iter().any(|guest| guest.client == id)
    }

    pub(crate) fn may_start(&self, asked: &StartSignIn, now: Timestamp) -> Answer {
        self.admits(asked.account, asked.generation, now)?;
        self.is_own(asked.client, asked.presented, asked.secret)?;
        self.has_place(asked.client, asked.secret, asked.account, now)
    }

    /// Whether a login goes by the client's present secret, or brings a client into being.
    fn is_own(&self, id: ClientId, presented: Option<Digest>, secret: Option<Digest>) -> Answer {
        match self.clients.get(&id) {
            Some(client) => unless(client.secret == presented, Refusal::ClientChanged),
            None => unless(
                presented.is_none() && secret.is_some(),
                Refusal::SessionNotFound,
            ),
        }
    }

    pub(crate) fn may_guess(&self, id: ClientId, step: SignInId, now: Timestamp) -> Answer {
        let open = |pending: &client::SignIn| {
            pending.id == step && now < pending.expires && pending.guesses < 5
        };
        let pending = self.clients.get(&id).and_then(|client| client.sign_in);
        unless(pending.as_ref().is_some_and(open), Refusal::SignInNotFound)
    }

    pub(crate) fn may_sign_in(&self, asked: &SignIn, now: Timestamp) -> Answer {
        let grant = &asked.open.grant;
        let id = grant.client.ok_or(Refusal::SessionNotFound)?;
        let known = self.clients.get(&id);
        self.is_own(id, asked.presented, asked.secret)?;
        if let Some(step) = asked.step {
            let proven = |pending: &client::SignIn| {
                now < pending.expires
                    && pending.id == step
                    && pending.account == grant.account
                    && pending.generation == grant.generation
            };
            let pending = known.and_then(|client| client.sign_in);
            unless(
                pending.as_ref().is_some_and(proven),
                Refusal::SignInNotFound,
            )?;
        }
        self.has_place(id, asked.secret, grant.account, now)?;
        self.may_open(&asked.open, true, now)
    }

    /// Whether nobody is in the way of a login.
    fn has_place(
        &self,
        id: ClientId,
        secret: Option<Digest>,
        account: AccountId,
        now: Timestamp,
    ) -> Answer {
        let Some(client) = self.clients.get(&id) else {
            return unless(secret.is_some(), Refusal::SessionNotFound);
        };
        let in_the_way = |id: &SessionId| {
            self.live_session(*id, now)
                .is_some_and(|session| secret.is_none() || session.grant.account == account)
        };
        unless(
            !client.sessions.iter().any(in_the_way),
            Refusal::AlreadySignedIn,
        )
    }

    pub(crate) fn may_select(&self, id: ClientId, session: SessionId, now: Timestamp) -> Answer {
        let own = |client: &Client| client.sessions.contains(&session);
        let live = self.live(session, now) && self.clients.get(&id).is_some_and(own);
        unless(live, Refusal::SessionNotFound)
    }

    pub(crate) fn may_forget(&self, id: ClientId, session: SessionId, now: Timestamp) -> Answer {
        let listed = self.listed(id, now);
        unless(
            listed.iter().any(|(id, _)| *id == session),
            Refusal::SessionNotFound,
        )
    }

    /// The sessions that a client lists: those that no event ended in the order of their opening, then
    /// those that ended, in the order of their ends. What was taken away it does not list, nor what
    /// expired once 30 days have passed since its opening.
    pub(crate) fn listed(&self, id: ClientId, now: Timestamp) -> Vec<(SessionId, SessionStatus)> {
        let Some(client) = self.clients.get(&id) else {
            return Vec::new();
        };
        let held = client.sessions.iter().filter_map(|id| {
            let session = self.session(*id)?;
            let taken = !self.counts(session);
            let status = if now < session.deadline() {
                SessionStatus::Active
            } else {
                SessionStatus::Expired
            };
            (!taken).then_some((*id, status))
        });
        let ended = client.ended.iter().map(|(id, reason, _)| {
            let status = match reason {
                EndReason::Idle | EndReason::Absolute => SessionStatus::Expired,
                _ => SessionStatus::Ended,
            };
            (*id, status)
        });
        let fresh = |(id, status): &(SessionId, SessionStatus)| {
            *status != SessionStatus::Expired
                || self.sessions.get(id).is_some_and(|session| {
                    let month = session.created.plus_ms(MONTH_MS);
                    now < month.max(session.grant.lifetime.absolute)
                })
        };
        held.chain(ended).filter(fresh).collect()
    }

    /// The pending login of a client that may still be completed.
    pub(crate) fn pending(&self, id: ClientId, now: Timestamp) -> Option<client::SignIn> {
        let pending = self.clients.get(&id)?.sign_in?;
        let open = now < pending.expires
            && pending.guesses < 5
            && self.account_lets(pending.account, pending.generation);
        open.then_some(pending)
    }

    /// How many clients of a slot have something that a sweep drops.
    pub(crate) fn stale_in(&self, slot: SlotNumber, now: Timestamp) -> usize {
        let over = |client: &Client| {
            client.sign_in.is_some_and(|pending| now >= pending.expires)
                || Self::forgotten_at(client).is_some_and(|at| now >= at)
        };
        let here = |id: &ClientId| SlotNumber::of(id.as_bytes()) == slot;
        let clients = self.clients.iter();
        clients.filter(|(id, c)| here(id) && over(c)).count()
    }

    /// When a client is forgotten, if nothing happens on it: a browser's, once it has no sessions.
    pub(crate) fn forgotten_at(client: &Client) -> Option<Timestamp> {
        let idle = client.secret.is_some() && client.sessions.is_empty();
        idle.then(|| client.changed.plus_ms(MONTH_MS))
    }
}

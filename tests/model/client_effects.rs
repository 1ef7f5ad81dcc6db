//! What a command on a client does in the model.

use sessile::engine::command::{SignIn, StartSignIn};
use sessile::engine::decide::Decision;
use sessile::engine::event::SlotEvent;
use sessile::session::client;
use sessile::session::id::{ClientId, SessionId, SignInId};
use sessile::session::state::EndReason;
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;

use crate::ensure;
use crate::model::{Client, Model};
use crate::room::slot_events;

type Checked = Result<(), String>;

/// Whether a browser goes on listing what ended for this reason: its holder's end, or time's.
fn is_remembered(reason: EndReason) -> bool {
    matches!(
        reason,
        EndReason::Logout | EndReason::Limit | EndReason::Idle | EndReason::Absolute
    )
}

impl Model {
    /// A client comes to be.
    pub(crate) fn open_client(&mut self, id: ClientId, secret: Option<Digest>, now: Timestamp) {
        self.client_lives += 1;
        let client = Client {
            life: self.client_lives,
            opened: now,
            changed: now,
            secret,
            sign_in: None,
            selected: None,
            sessions: Vec::new(),
            ended: Vec::new(),
        };
        self.clients.entry(id).or_insert(client);
    }

    /// Somebody logs in on a client: a browser's secret changes, a pending login is over.
    fn enter(&mut self, id: ClientId, secret: Option<Digest>, now: Timestamp) {
        if secret.is_some() && !self.clients.contains_key(&id) {
            self.open_client(id, secret, now);
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.sign_in = None;
            if secret.is_some() {
                (client.secret, client.changed) = (secret, now);
            }
        }
    }

    pub(crate) fn start_sign_in(&mut self, asked: &StartSignIn, now: Timestamp) {
        self.enter(asked.client, asked.secret, now);
        if let Some(client) = self.clients.get_mut(&asked.client) {
            client.sign_in = Some(client::SignIn {
                id: asked.id,
                account: asked.account,
                generation: asked.generation,
                factors: asked.factors,
                started: now,
                expires: now.plus_ms(300_000),
                guesses: 0,
                remember: asked.remember,
            });
        }
    }

    pub(crate) fn drop_sign_in(&mut self, id: ClientId, step: SignInId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.sign_in = client.sign_in.filter(|pending| pending.id != step);
        }
    }

    pub(crate) fn count_guess(&mut self, id: ClientId) {
        let client = self.clients.get_mut(&id);
        if let Some(pending) = client.and_then(|client| client.sign_in.as_mut()) {
            pending.guesses += 1;
        }
    }

    pub(crate) fn sign_in(&mut self, asked: &SignIn, done: &Decision, now: Timestamp) -> Checked {
        let grant = &asked.open.grant;
        let id = grant.client.ok_or("a login on no client was done")?;
        self.enter(id, asked.secret, now);
        let own = |session: &SessionId| {
            let session = self.session(*session);
            session.is_some_and(|s| s.grant.client == Some(id) && s.grant.account != grant.account)
        };
        let (on_client, of_account): (Vec<_>, Vec<_>) = ended_for_room(done).partition(own);
        self.make_room_on(id, &on_client, now)?;
        self.open(&asked.open, of_account, now)
    }

    /// Ends those whom the engine chose so that a browser has ten live sessions with the new one.
    fn make_room_on(&mut self, id: ClientId, gone: &[SessionId], now: Timestamp) -> Checked {
        let listed = self.clients.get(&id).map(|client| client.sessions.clone());
        let mut live = listed.unwrap_or_default();
        live.retain(|id| self.live(*id, now));
        let surplus = (live.len() + 1).saturating_sub(10);
        ensure!(gone.len() == surplus, "{gone:?} made room, not {surplus}");
        let idle = |id: &SessionId| self.session(*id).map(|session| session.last_active);
        let youngest_gone = gone.iter().filter_map(idle).max();
        let stays = live.iter().filter(|id| !gone.contains(id));
        let oldest_left = stays.filter_map(idle).min();
        let fair = youngest_gone
            .zip(oldest_left)
            .is_none_or(|(gone, left)| gone <= left);
        ensure!(
            fair && gone.iter().all(|id| live.contains(id)),
            "{gone:?} made room on {id} wrongly"
        );
        let ends = gone.iter();
        ends.for_each(|session| self.end(*session, EndReason::Limit, now));
        Ok(())
    }

    pub(crate) fn select(&mut self, id: ClientId, session: SessionId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.selected = Some(session);
        }
    }

    pub(crate) fn forget(&mut self, id: ClientId, session: SessionId, now: Timestamp) {
        self.end(session, EndReason::Removed, now);
        if let Some(client) = self.clients.get_mut(&id) {
            client.ended.retain(|(ended, ..)| *ended != session);
        }
    }

    /// All that is live ends. What is remembered stays as it is; what is not takes along all that
    /// was listed.
    pub(crate) fn clear(&mut self, id: ClientId, reason: EndReason, now: Timestamp) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.sign_in = None;
        let held = client.sessions.clone();
        if !is_remembered(reason) {
            client.ended.clear();
        }
        for session in held {
            if self.live(session, now) || !is_remembered(reason) {
                self.end(session, reason, now);
            }
        }
    }

    /// A client is gone, and with it its sessions, ended here or by a sweep.
    pub(crate) fn end_of_client(
        &mut self,
        id: ClientId,
        done: &Decision,
        now: Timestamp,
    ) -> Checked {
        self.clients.remove(&id);
        for event in slot_events(done) {
            if let SlotEvent::SessionEnded(session, _, reason) = event {
                let own = self
                    .session(*session)
                    .is_some_and(|s| s.grant.client == Some(id));
                ensure!(
                    own && !self.live(*session, now),
                    "{session} was live, or another client's"
                );
                self.end(*session, *reason, now);
            }
        }
        Ok(())
    }

    /// What a client keeps of a session that ended.
    pub(crate) fn lose(&mut self, id: SessionId, reason: EndReason, now: Timestamp) {
        let of = self
            .sessions
            .get(&id)
            .and_then(|session| session.grant.client);
        let client = of.and_then(|client| self.clients.get_mut(&client));
        let Some(client) = client.filter(|client| client.sessions.contains(&id)) else {
            return;
        };
        client.changed = now;
        client.sessions.retain(|other| *other != id);
        client.selected = client.selected.filter(|selected| *selected != id);
        if client.secret.is_some() && is_remembered(reason) {
            client.ended.push((id, reason, now));
            let surplus = client.ended.len().saturating_sub(10);
            client.ended.drain(..surplus);
        }
    }
}

/// The sessions that ended so that a new one fits.
pub(crate) fn ended_for_room(done: &Decision) -> impl Iterator<Item = SessionId> {
    slot_events(done).filter_map(|event| match event {
        SlotEvent::SessionEnded(id, _, EndReason::Limit) => Some(*id),
        _ => None,
    })
}

//! What the model does when a command was done, and what it checks of the answer.
//!
//! Effects follow from the command. The decision is looked at only for what the engine may choose:
//! a new place, and who of several equals had to go.

use sessile::engine::command::{AccountChange, AccountPatch, Command, Open, Reply, Sudo};
use sessile::engine::decide::Decision;
use sessile::engine::event::Grant;
use sessile::session::account::Account;
use sessile::session::id::{AccountId, SessionId};
use sessile::session::key::KeyKind;
use sessile::session::lifetime::Lifetime;
use sessile::session::state::Factors;
use sessile::session::time::Timestamp;

use crate::client_effects::ended_for_room;
use crate::ensure;
use crate::model::{Key, Model, Session};

type Checked = Result<(), String>;

impl Model {
    /// Does what the engine said it did with a command, and checks the answer.
    pub(crate) fn commit(&mut self, command: &Command, done: &Decision, now: Timestamp) -> Checked {
        match (command, &done.reply) {
            (Command::CreateAccount(account), Reply::AccountCreated(place)) => {
                ensure!(
                    self.account_places.insert(*place),
                    "{place:?} was given to another account before"
                );
                self.accounts.insert(*place, *account.clone());
            }
            (Command::CreateKey(new), Reply::KeyCreated(place)) => {
                ensure!(
                    self.key_places.insert(*place),
                    "{place:?} was given to another key before"
                );
                let owner = new.account.filter(|_| new.kind != KeyKind::I3dGuest);
                let account = owner.and_then(|id| self.accounts.get(&id));
                let key = Key {
                    name: new.name.to_string(),
                    kind: new.kind,
                    secret: new.secret,
                    account: owner,
                    generation: account.map_or(0, |account| account.generation),
                    expires_at: new.expires_at,
                    walled: !new.networks.is_empty(),
                };
                if key.kind == KeyKind::I3dGuest {
                    self.open_client(key.client(), None, now);
                }
                self.keys.insert(*place, key);
            }
            (
                Command::RedeemHandoff(id, _),
                Reply::HandedOff {
                    username,
                    client_type,
                },
            ) => {
                let handoff = self
                    .handoffs
                    .remove(id)
                    .ok_or("a token was spent that does not exist")?;
                let session = self
                    .session(handoff.session)
                    .ok_or("a token outlived its session")?;
                let owner = self.accounts.get(&session.grant.account);
                ensure!(
                    owner.is_some_and(|owner| owner.username == *username),
                    "handed off as {username:?}"
                );
                let own = session.grant.client_type.as_str();
                ensure!(
                    own == client_type.as_str(),
                    "client type {client_type} handed off, not {own}"
                );
            }
            (command, Reply::Done) => self.commit_plain(command, done, now)?,
            (command, reply) => return Err(format!("{command:?} was answered {reply:?}")),
        }
        Ok(())
    }

    fn commit_plain(&mut self, command: &Command, done: &Decision, now: Timestamp) -> Checked {
        match command {
            Command::Open(open) => self.open(open, ended_for_room(done).collect(), now)?,
            Command::Sudo(sudo) => self.sudo(sudo, done, now)?,
            Command::End(end) => self.end(end.id, end.reason, now),
            Command::IssueHandoff(session, id, life_ms) => {
                self.issue(*session, *id, *life_ms, done, now)?
            }
            Command::StartSignIn(asked) => self.start_sign_in(asked, now),
            Command::GuessSignIn(id, _) => self.count_guess(*id),
            Command::DropSignIn(id, step) => self.drop_sign_in(*id, *step),
            Command::SignIn(asked) => self.sign_in(asked, done, now)?,
            Command::SelectSession(id, session) => self.select(*id, *session),
            Command::ForgetSession(id, session) => self.forget(*id, *session, now),
            Command::ClearClient(id, reason) => self.clear(*id, *reason, now),
            Command::DestroyClient(id) => self.end_of_client(*id, done, now)?,
            Command::ChangeAccount(id, change, keep) => self.change(*id, change, *keep, now),
            Command::DeleteAccount(id) => {
                self.accounts.remove(id);
                self.keys.retain(|_, key| key.account != Some(*id));
            }
            Command::DeleteKey(id) => {
                if let Some(key) = self.keys.remove(id).filter(|k| k.kind == KeyKind::I3dGuest) {
                    self.end_of_client(key.client(), done, now)?;
                }
            }
            Command::AddSigningKey(_)
            | Command::RotateSigningKeys(_)
            | Command::PutTemplate(_)
            | Command::DeleteTemplate(_) => {}
            // Of these the room `guesses` has a model of its own.
            Command::Count(_) => {}
            Command::CreateAccount(_) | Command::CreateKey(_) | Command::RedeemHandoff(..) => {
                return Err(format!("{command:?} was answered without its result"));
            }
        }
        Ok(())
    }

    pub(crate) fn open(&mut self, open: &Open, gone: Vec<SessionId>, now: Timestamp) -> Checked {
        let room = self
            .room_to_open(open, now)
            .map_err(|refusal| refusal.to_string())?;
        self.make_room(&room, open.when_full, gone, now)?;
        let counted = self.limit(open.grant.account, open.per_account).is_some();
        for id in &open.ids {
            self.begin(*id, open.grant.as_ref().clone(), counted, now);
        }
        if let Some((account, step)) = self
            .accounts
            .get_mut(&open.grant.account)
            .zip(open.otp_step)
        {
            account.totp_step_spent = step;
        }
        Ok(())
    }

    fn sudo(&mut self, sudo: &Sudo, done: &Decision, now: Timestamp) -> Checked {
        let target = sudo.target.ok_or("an impersonation of nobody was done")?;
        let room = self
            .room_to_sudo(sudo, target, now)
            .map_err(|refusal| refusal.to_string())?;
        self.make_room(&room, sudo.when_full, ended_for_room(done).collect(), now)?;
        let parent = self
            .session(sudo.parent)
            .ok_or("an impersonation by nobody was done")?
            .grant
            .clone();
        let mut chain = parent.chain;
        chain.push(parent.account);
        let grant = Grant {
            account: target,
            generation: self
                .accounts
                .get(&target)
                .map_or(0, |account| account.generation),
            surface: parent.surface,
            lifetime: Lifetime {
                idle_timeout_ms: sudo.idle_timeout_ms,
                absolute: parent.lifetime.absolute.min(now.plus_ms(sudo.absolute_ms)),
            },
            factors: parent.factors.and(Factors::SUDO),
            client_type: parent.client_type,
            key: None,
            client: None,
            parent: Some(sudo.parent),
            chain,
            address: None,
            user_agent: None,
            attributes: None,
        };
        let counted = self.limit(target, sudo.per_account).is_some();
        self.begin(sudo.child, grant, counted, now);
        Ok(())
    }

    fn begin(&mut self, id: SessionId, grant: Grant, counted: bool, now: Timestamp) {
        let client = grant.client.and_then(|id| self.clients.get_mut(&id));
        let client_life = client.as_ref().map_or(0, |client| client.life);
        if let Some(client) = client {
            client.sessions.push(id);
            (client.selected, client.changed) = (Some(id), now);
        }
        let session = Session {
            stamp: grant.generation,
            grant,
            created: now,
            last_active: now,
            logged_active: now,
            touched: false,
            ended: false,
            counted,
            client_life,
        };
        self.sessions.insert(id, session);
    }

    /// Password, factor, disabling and revoking raise the generation; a kept session moves with it,
    /// unless the account has no session at all any more.
    fn change(
        &mut self,
        id: AccountId,
        change: &AccountChange,
        keep: Option<SessionId>,
        now: Timestamp,
    ) {
        let Some(account) = self.accounts.get_mut(&id) else {
            return;
        };
        let before = account.clone();
        let was_enabled = account.enabled;
        let ends_sessions = match change {
            AccountChange::Describe(patch) => {
                describe(account, patch);
                was_enabled && !account.enabled
            }
            AccountChange::Password(hash) => {
                account.password = hash.clone();
                true
            }
            AccountChange::Totp(seed) => {
                account.totp = seed.clone();
                true
            }
            AccountChange::RevokeSessions => true,
        };
        if ends_sessions {
            account.generation += 1;
            if let Some(session) = keep
                .filter(|_| account.enabled)
                .and_then(|id| self.sessions.get_mut(&id))
            {
                session.stamp = account.generation;
            }
        }
        if *account != before {
            account.updated = now;
        }
    }
}

fn describe(account: &mut Account, patch: &AccountPatch) {
    let AccountPatch {
        external_subject,
        client_type,
        group,
        managed_groups,
        agent,
        may_sudo,
        enabled,
        locked,
        expires_at,
        max_sessions,
        profile,
    } = patch.clone();
    account.external_subject = external_subject.unwrap_or(account.external_subject.take());
    account.client_type = client_type.unwrap_or(account.client_type.clone());
    account.group = group.unwrap_or(account.group.take());
    account.managed_groups = managed_groups.unwrap_or(account.managed_groups.clone());
    account.agent = agent.unwrap_or(account.agent);
    account.may_sudo = may_sudo.unwrap_or(account.may_sudo);
    account.enabled = enabled.unwrap_or(account.enabled);
    account.locked = locked.unwrap_or(account.locked);
    account.expires_at = expires_at.unwrap_or(account.expires_at);
    account.max_sessions = max_sessions.unwrap_or(account.max_sessions);
    account.profile = profile.unwrap_or(account.profile.clone());
}

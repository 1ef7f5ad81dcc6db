//! What the model answers to a command: done, or the refusal that the rules ask for.
//!
//! Where several refusals hold, the order is the documents': a change of the account first (R5,
//! R19), the missing right before the target of an impersonation, the name before the subject.

use sessile::engine::command::{AccountChange, Command, Open, Sudo};
use sessile::engine::error::Refusal;
use sessile::engine::guesses::CountChange;
use sessile::session::id::{AccountId, KeyId, SessionId};
use sessile::session::key::KeyKind;
use sessile::session::policy::SUDO_CHAIN_MAX;
use sessile::session::state::Factors;
use sessile::session::time::Timestamp;

use crate::model::{Key, Model};

pub(crate) type Answer = Result<(), Refusal>;

/// Says no unless it holds.
pub(crate) fn unless(holds: bool, refusal: Refusal) -> Answer {
    if holds { Ok(()) } else { Err(refusal) }
}

impl Model {
    /// Whether a command is done or refused.
    pub(crate) fn answer(&self, command: &Command, now: Timestamp) -> Answer {
        match command {
            Command::Open(open) => self.may_open(open, false, now),
            Command::Sudo(sudo) => self.may_sudo(sudo, now),
            Command::End(end) => {
                let session = self
                    .live_session(end.id, now)
                    .ok_or(Refusal::SessionNotFound)?;
                let issued_here = end
                    .surface
                    .is_none_or(|surface| surface == session.grant.surface);
                let opened_by = end.key.is_none_or(|key| session.grant.key == Some(key));
                let client = session.grant.client;
                let of_client = end.client.is_none_or(|id| client == Some(id));
                unless(
                    issued_here && opened_by && of_client,
                    Refusal::SessionNotFound,
                )
            }
            Command::IssueHandoff(session, ..) => {
                unless(self.live(*session, now), Refusal::SessionNotFound)
            }
            Command::RedeemHandoff(id, by) => {
                let agent = self
                    .live_session(*by, now)
                    .ok_or(Refusal::SessionNotFound)?;
                let handoff = self
                    .handoffs
                    .get(id)
                    .filter(|handoff| self.handoff_lives(handoff, now));
                let customer = handoff.and_then(|handoff| self.live_session(handoff.session, now));
                let visible = |account| self.sees(agent.grant.account, account);
                unless(
                    customer.is_some_and(|c| visible(c.grant.account)),
                    Refusal::HandoffNotFound,
                )
            }
            Command::StartSignIn(asked) => self.may_start(asked, now),
            Command::GuessSignIn(id, step) => self.may_guess(*id, *step, now),
            Command::DropSignIn(id, _) => {
                unless(self.clients.contains_key(id), Refusal::SessionNotFound)
            }
            // What tokens are made with is no session's business: runs do not touch it.
            Command::AddSigningKey(_)
            | Command::RotateSigningKeys(_)
            | Command::PutTemplate(_)
            | Command::DeleteTemplate(_) => Ok(()),
            Command::SignIn(asked) => self.may_sign_in(asked, now),
            Command::SelectSession(id, session) => self.may_select(*id, *session, now),
            Command::ForgetSession(id, session) => self.may_forget(*id, *session, now),
            Command::ClearClient(id, _) | Command::DestroyClient(id) => {
                unless(self.clients.contains_key(id), Refusal::SessionNotFound)
            }
            Command::CreateAccount(account) => {
                let folded = account.username.folded();
                let taken = self
                    .accounts
                    .values()
                    .any(|other| other.username.folded() == folded);
                unless(!taken, Refusal::NameTaken)?;
                unless(
                    self.subject_free(account.external_subject.as_deref(), None),
                    Refusal::SubjectTaken,
                )
            }
            Command::ChangeAccount(id, change, keep) => self.may_change(*id, change, *keep, now),
            Command::DeleteAccount(id) => {
                unless(self.accounts.contains_key(id), Refusal::AccountNotFound)
            }
            Command::CreateKey(new) => {
                let enabled = |id| self.accounts.get(&id).is_some_and(|a| a.enabled);
                let guest = new.kind == KeyKind::I3dGuest;
                unless(
                    guest || new.account.is_some_and(enabled),
                    Refusal::AccountNotFound,
                )?;
                // Of those that show a secret alone, no two have the same.
                let shown = |kind| kind != KeyKind::Xdata;
                let same = |key: &Key| {
                    let alike = shown(new.kind) && shown(key.kind) && key.secret == new.secret;
                    alike || key.name == new.name.as_str()
                };
                unless(!self.keys.values().any(same), Refusal::KeyTaken)
            }
            Command::DeleteKey(id) => unless(self.keys.contains_key(id), Refusal::KeyNotFound),
            Command::Count(CountChange::Fail(_) | CountChange::Succeed(_)) => Ok(()),
            Command::Count(CountChange::Clear(id)) => {
                unless(self.accounts.contains_key(id), Refusal::AccountNotFound)
            }
        }
    }

    /// Whether an account gets new sessions on a proof against this generation.
    pub(crate) fn admits(&self, id: AccountId, generation: u32, now: Timestamp) -> Answer {
        let account = self.accounts.get(&id).ok_or(Refusal::AccountNotFound)?;
        unless(account.generation == generation, Refusal::CredentialChanged)?;
        unless(account.enabled, Refusal::AccountDisabled)?;
        unless(!self.gets_no_new_sessions(id, now), Refusal::AccountLocked)
    }

    /// Whether an open is done; the client of a login comes to be with it.
    pub(crate) fn may_open(&self, open: &Open, login: bool, now: Timestamp) -> Answer {
        let grant = &open.grant;
        self.admits(grant.account, grant.generation, now)?;
        unless(
            grant.key.is_none_or(|key| self.key_lives(key)),
            Refusal::KeyNotFound,
        )?;
        let account = self.accounts.get(&grant.account);
        let account = account.ok_or(Refusal::AccountNotFound)?;
        let enough = Factors::TOTP.and(Factors::VOUCHED).and(Factors::API_KEY);
        let half = account.totp.is_some() && grant.factors.bits() & enough.bits() == 0;
        unless(!half, Refusal::SecondFactorMissing)?;
        unless(login || grant.client.is_none(), Refusal::SessionNotFound)?;
        let fresh = open
            .otp_step
            .is_none_or(|step| step > account.totp_step_spent);
        unless(fresh, Refusal::StepSpent)?;
        self.room_to_open(open, now).map(|_| ())
    }

    fn may_sudo(&self, sudo: &Sudo, now: Timestamp) -> Answer {
        let parent = self.live_session(sudo.parent, now);
        let parent = parent
            .filter(|p| p.grant.surface == sudo.surface)
            .ok_or(Refusal::SessionNotFound)?;
        let mut actors = parent.grant.chain.clone();
        actors.push(parent.grant.account);
        let entitled = |id: &AccountId| {
            self.accounts
                .get(id)
                .is_some_and(|account| account.may_sudo)
        };
        let permitted = actors.iter().all(entitled) && actors.len() <= SUDO_CHAIN_MAX;
        unless(permitted, Refusal::NotPermitted)?;
        let target = sudo.target.ok_or(Refusal::AccountNotFound)?;
        let seen = actors.iter().all(|actor| self.sees(*actor, target));
        let enabled = self
            .accounts
            .get(&target)
            .is_some_and(|account| account.enabled);
        let good = seen && enabled && !self.gets_no_new_sessions(target, now);
        unless(good, Refusal::AccountNotFound)?;
        self.room_to_sudo(sudo, target, now).map(|_| ())
    }

    fn may_change(
        &self,
        id: AccountId,
        change: &AccountChange,
        keep: Option<SessionId>,
        now: Timestamp,
    ) -> Answer {
        unless(self.accounts.contains_key(&id), Refusal::AccountNotFound)?;
        if let AccountChange::Describe(patch) = change {
            let subject = patch.external_subject.as_ref().and_then(Option::as_deref);
            unless(self.subject_free(subject, Some(id)), Refusal::SubjectTaken)?;
        }
        let own = |keep| {
            self.live_session(keep, now)
                .is_some_and(|session| session.grant.account == id)
        };
        unless(keep.is_none_or(own), Refusal::SessionNotFound)?;
        // Nothing is kept through disabling, and a description ends nothing.
        let ends = !matches!(change, AccountChange::Describe(_));
        let hangs = |keep| ends && self.hangs_on(keep, id);
        unless(!keep.is_some_and(hangs), Refusal::SessionNotFound)
    }

    /// Whether a session hangs on a key of this account, or on another session of it: directly, or
    /// through what it hangs on. What ends those ends it, too (R3, R5).
    fn hangs_on(&self, id: SessionId, account: AccountId) -> bool {
        let of_account = |key: KeyId| {
            self.keys
                .get(&key)
                .is_some_and(|k| k.account == Some(account))
        };
        self.ancestry(id).into_iter().any(|at| {
            self.session(at).is_some_and(|session| {
                let other = at != id && session.grant.account == account;
                other || session.grant.key.is_some_and(of_account)
            })
        })
    }

    fn subject_free(&self, subject: Option<&str>, of: Option<AccountId>) -> bool {
        let others = self.accounts.iter().filter(|(id, _)| Some(**id) != of);
        let mut subjects = others.filter_map(|(_, other)| other.external_subject.as_deref());
        subject.is_none_or(|subject| !subjects.any(|taken| taken == subject))
    }

    /// Locked, or at or past its expiry.
    fn gets_no_new_sessions(&self, id: AccountId, now: Timestamp) -> bool {
        let account = self.accounts.get(&id);
        account
            .is_some_and(|account| account.locked || account.expires_at.is_some_and(|at| now >= at))
    }
}

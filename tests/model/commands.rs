//! Turns operations into commands.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use compact_str::CompactString;
use sessile::engine::command::{AccountChange, AccountPatch, Command, End, NewKey, Open, Sudo};
use sessile::session::account::{Account, ClientType, PasswordHash};
use sessile::session::id::{ClientId, HandoffId, SessionId};
use sessile::session::policy::HANDOFF_LIFETIME_MS;
use sessile::session::profile::Profile;
use sessile::session::state::{Factors, Surface};
use sessile::session::time::Timestamp;

use crate::model::Model;
use crate::names::{account, grant, group, guest, home, lifetime, seed, shared};
use crate::operations::{Change, Keep, OpenPlan, Operation, Proof, Step};
use crate::stage::Stage;

impl Stage {
    /// The commands of an operation; none if it is about something that does not exist, or is none.
    pub(crate) fn commands(
        &mut self,
        operation: &Operation,
        model: &Model,
        now: Timestamp,
    ) -> Vec<Command> {
        let one = match operation {
            Operation::Open(plan) => {
                let client = plan.client.map(|pick| self.client(pick, model));
                Some(Command::Open(self.open(
                    plan,
                    plan.surface,
                    client,
                    model,
                    now,
                )))
            }
            Operation::End {
                session,
                surface,
                key,
                client,
                reason,
            } => self.session(*session, model, now).map(|id| {
                let key = key.map(|key| self.key(key, model).0);
                let client = client.map(|client| self.client(client, model));
                Command::End(End {
                    id,
                    surface: *surface,
                    key,
                    client,
                    reason: *reason,
                })
            }),
            Operation::Sudo {
                parent,
                target,
                surface,
                when_full,
                slot,
                long,
            } => self.session(*parent, model, now).map(|parent| {
                let own = model
                    .session(parent)
                    .map_or(Surface::Mollybet, |s| s.grant.surface);
                let surface = surface.unwrap_or(own);
                Command::Sudo(Sudo {
                    parent,
                    surface,
                    target: target.map(|target| self.account(target, model)),
                    child: self.names.session(*slot, None),
                    idle_timeout_ms: if *long { 0 } else { 30_000 },
                    absolute_ms: if *long { 365 * 86_400_000 } else { 3_600_000 },
                    per_account: self.limits.of(surface),
                    when_full: *when_full,
                })
            }),
            Operation::IssueHandoffs { session, count } => {
                let session = self.session(*session, model, now);
                let issue = |session| {
                    let id = self.names.handoff(session);
                    Command::IssueHandoff(session, id, HANDOFF_LIFETIME_MS)
                };
                return session
                    .into_iter()
                    .cycle()
                    .take((*count).into())
                    .map(issue)
                    .collect();
            }
            Operation::RedeemHandoff { handoff, by } => {
                let lives = |id: &HandoffId| {
                    model
                        .handoffs
                        .get(id)
                        .is_some_and(|h| model.handoff_lives(h, now))
                };
                let handoff = handoff.of(&self.handoffs, lives);
                let by = self.session(*by, model, now);
                handoff
                    .zip(by)
                    .map(|(id, by)| Command::RedeemHandoff(id, by))
            }
            Operation::StartSignIn { .. }
            | Operation::Guess(..)
            | Operation::DropSignIn(..)
            | Operation::SignIn(_)
            | Operation::Select(..)
            | Operation::Forget(..)
            | Operation::ClearClient(..)
            | Operation::DestroyClient(_) => self.on_client(operation, model, now),
            Operation::CreateAccount {
                name,
                subject,
                may_sudo,
                group: number,
            } => {
                let names = ["cid", "CID", "dot", "Dot", "bob", "BOB", "Eve", "Ünal"];
                let name = names.get(usize::from(*name)).copied().unwrap_or("fay");
                Some(Command::CreateAccount(Box::new(Account {
                    external_subject: subject.map(subject_text),
                    may_sudo: *may_sudo,
                    group: Some(group(*number)),
                    created: now,
                    updated: now,
                    ..account(name)
                })))
            }
            Operation::Change {
                account,
                change,
                keep,
            } => {
                let account = self.account(*account, model);
                let keep = match keep {
                    Keep::None => None,
                    Keep::Any(pick) => self.session(*pick, model, now),
                    Keep::Own(pick) => {
                        let own = |id: &SessionId| {
                            model
                                .live_session(*id, now)
                                .is_some_and(|s| s.grant.account == account)
                        };
                        pick.of(&self.sessions, own)
                    }
                };
                Some(Command::ChangeAccount(
                    account,
                    self.change(change, model, now),
                    keep,
                ))
            }
            Operation::DeleteAccount(pick) => {
                Some(Command::DeleteAccount(self.account(*pick, model)))
            }
            Operation::CreateKey {
                kind,
                account,
                name,
                secret,
                expires,
                walled,
            } => Some(Command::CreateKey(NewKey {
                kind: *kind,
                name: CompactString::from(format!("key-{name}")),
                secret: guest(*secret).digest,
                account: account.map(|account| self.account(account, model)),
                expires_at: expires.map(|seconds| now.plus_ms(u64::from(seconds) * 1_000)),
                networks: if *walled { vec![home()] } else { Vec::new() },
            })),
            Operation::DeleteKey(pick) => Some(Command::DeleteKey(self.key(*pick, model).0)),
            Operation::Touch(_)
            | Operation::SweepDue { .. }
            | Operation::SweepAll(_)
            | Operation::SweepClients { .. }
            | Operation::LogActivity { .. }
            | Operation::Advance(_)
            | Operation::Restart => None,
        };
        one.into_iter().collect()
    }

    pub(crate) fn open(
        &mut self,
        plan: &OpenPlan,
        surface: Surface,
        client: Option<ClientId>,
        model: &Model,
        now: Timestamp,
    ) -> Open {
        let key = plan.key.map(|pick| self.key(pick, model));
        let account = key.map_or_else(
            || self.account(plan.account, model),
            |(_, account, _)| account,
        );
        let known = model.accounts.get(&account);
        let generation = known.map_or(0, |account| account.generation);
        let generation = match (plan.proof, key) {
            (Proof::Older, Some((.., made_under))) => made_under,
            (proof, _) => proof.against(generation),
        };
        let spent = known.map_or(0, |account| account.totp_step_spent);
        let mut grant = grant(
            account,
            generation,
            lifetime(plan.idle_ms, plan.absolute_ms, now),
        );
        grant.surface = surface;
        grant.key = key.map(|(id, ..)| id);
        grant.client = client;
        dress(&mut grant, plan.dress);
        let slots = (plan.slot..=u8::MAX)
            .chain(0..=u8::MAX)
            .take(plan.count.into());
        Open {
            ids: slots.map(|slot| self.names.session(slot, client)).collect(),
            grant: shared(grant),
            per_account: self.limits.of(surface),
            when_full: plan.when_full,
            otp_step: match plan.step {
                Step::None => None,
                Step::Later(by) => Some(spent + 1 + u64::from(by)),
                Step::SpentLast => Some(spent),
                Step::BeforeThat => Some(spent.saturating_sub(1)),
            },
        }
    }

    fn change(&self, change: &Change, model: &Model, now: Timestamp) -> AccountChange {
        let mut patch = AccountPatch::default();
        match change {
            Change::Enabled(enabled) => patch.enabled = Some(*enabled),
            Change::Locked(locked) => patch.locked = Some(*locked),
            Change::Expires(seconds) => {
                let at = |s: i16| {
                    Timestamp::from_ms(now.ms().saturating_add_signed(i64::from(s) * 1_000))
                };
                patch.expires_at = Some(seconds.map(at));
            }
            Change::Limit(limit) => patch.max_sessions = Some(*limit),
            Change::Group(number) => patch.group = Some(number.map(group)),
            Change::Manages(numbers) => {
                patch.managed_groups = Some(numbers.iter().map(|number| group(*number)).collect());
            }
            Change::Agent(pick) => patch.agent = Some(pick.map(|pick| self.account(pick, model))),
            Change::MaySudo(may) => patch.may_sudo = Some(*may),
            Change::Subject(number) => patch.external_subject = Some(number.map(subject_text)),
            Change::Profile(number) => {
                patch.profile = Some(Arc::new(Profile {
                    first_name: CompactString::from(format!("name-{}", number % 3)),
                    ..Profile::default()
                }));
            }
            Change::Nothing => {}
            Change::Password(text) => {
                return AccountChange::Password(
                    text.map(|t| PasswordHash(format!("$hash${t}").into())),
                );
            }
            Change::Totp(byte) => {
                return AccountChange::Totp(byte.map(seed));
            }
            Change::Revoke => return AccountChange::RevokeSessions,
        }
        AccountChange::Describe(Box::new(patch))
    }
}

fn subject_text(number: u8) -> CompactString {
    CompactString::from(format!("subject-{number}"))
}

/// Gives a session what most sessions lack, by the bits of `dress`.
fn dress(grant: &mut sessile::engine::event::Grant, dress: u8) {
    let types = ["direct", "website", "kiosk-7"];
    let name = types
        .get(usize::from(dress) % types.len())
        .copied()
        .unwrap_or("direct");
    grant.client_type = ClientType::new(name).unwrap_or_else(|_| ClientType::direct());
    grant.factors = Factors::from_bits(dress % 16);
    grant.address = (dress & 16 != 0).then(|| IpAddr::V4(Ipv4Addr::new(192, 0, 2, dress)));
    grant.user_agent = (dress & 32 != 0).then(|| CompactString::from("agent/1.0"));
    grant.attributes = (dress & 64 != 0).then(|| "{\"seat\":7}".into());
}

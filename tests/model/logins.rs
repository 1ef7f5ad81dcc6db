//! Turns operations on clients into commands.

use sessile::engine::command::{Command, SignIn, StartSignIn};
use sessile::session::id::{ClientId, SignInId};
use sessile::session::state::{Factors, Surface};
use sessile::session::time::Timestamp;
use sessile::session::token::Digest;

use crate::model::Model;
use crate::names::shared;
use crate::operations::{Completes, Operation, Pick, SignInPlan, Where};
use crate::stage::Stage;

impl Stage {
    /// The command of an operation on a client.
    pub(crate) fn on_client(
        &mut self,
        operation: &Operation,
        model: &Model,
        now: Timestamp,
    ) -> Option<Command> {
        let command = match operation {
            Operation::StartSignIn {
                client,
                account,
                proof,
            } => {
                let (client, secret, presented) = self.entrance(*client, model);
                let account = self.account(*account, model);
                let known = model.accounts.get(&account);
                let generation = proof.against(known.map_or(0, |account| account.generation));
                Command::StartSignIn(StartSignIn {
                    client,
                    presented,
                    secret,
                    id: self.names.sign_in(),
                    account,
                    generation,
                    factors: Factors::PASSWORD,
                    remember: generation.is_multiple_of(2),
                })
            }
            Operation::Guess(client, step) => {
                let (client, step) = self.pending(*client, *step, model);
                Command::GuessSignIn(client, step)
            }
            Operation::DropSignIn(client, step) => {
                let (client, step) = self.pending(*client, *step, model);
                Command::DropSignIn(client, step)
            }
            Operation::SignIn(plan) => Command::SignIn(self.sign_in(plan, model, now)),
            Operation::Select(client, session, own) => {
                let client = self.client(*client, model);
                let session = self.session_on(client, *session, *own, model)?;
                Command::SelectSession(client, session)
            }
            Operation::Forget(client, session, own) => {
                let client = self.client(*client, model);
                let session = self.session_on(client, *session, *own, model)?;
                Command::ForgetSession(client, session)
            }
            Operation::ClearClient(client, reason) => {
                Command::ClearClient(self.client(*client, model), *reason)
            }
            Operation::DestroyClient(client) => Command::DestroyClient(self.client(*client, model)),
            _ => return None,
        };
        Some(command)
    }

    /// A client and a pending login: any that ever was, or its own, or none.
    fn pending(&mut self, client: Pick, step: Option<Pick>, model: &Model) -> (ClientId, SignInId) {
        let client = self.client(client, model);
        let own = model.clients.get(&client).and_then(|client| client.sign_in);
        let any = step.and_then(|pick| pick.of(&self.sign_ins, |_| true));
        let step = any.or(own.map(|pending| pending.id));
        (client, step.unwrap_or_else(|| self.names.sign_in()))
    }

    /// A client to log in on, the new secret that a browser gets by it, and the one it presents: its
    /// present one, and now and then one that was replaced.
    fn entrance(
        &mut self,
        client: Where,
        model: &Model,
    ) -> (ClientId, Option<Digest>, Option<Digest>) {
        let stale = matches!(client, Where::Known(Pick(n)) if n % 16 == 5);
        let client = match client {
            Where::Known(pick) => self.client(pick, model),
            Where::New(slot) => self.names.client(slot),
        };
        let secret = (!Model::is_guest(client)).then(|| self.names.secret());
        let kept = model.clients.get(&client).and_then(|client| client.secret);
        let presented = if stale {
            Some(self.names.secret())
        } else {
            kept
        };
        (client, secret, presented)
    }

    fn sign_in(&mut self, plan: &SignInPlan, model: &Model, now: Timestamp) -> SignIn {
        let (client, secret, presented) = self.entrance(plan.client, model);
        let surface = match secret {
            Some(_) => Surface::Clerk,
            None => Surface::I3d,
        };
        let mut open = self.open(&plan.open, surface, Some(client), model, now);
        open.ids.truncate(1);
        let pending = model.clients.get(&client).and_then(|client| client.sign_in);
        let step = match plan.completes {
            Completes::None => None,
            Completes::Own => pending.map(|pending| pending.id),
            Completes::Any(pick) => pick.of(&self.sign_ins, |_| true),
        };
        if let (Completes::Own, Some(pending)) = (plan.completes, pending) {
            let mut grant = open.grant.as_ref().clone();
            grant.account = pending.account;
            grant.generation = pending.generation;
            grant.factors = pending.factors.and(Factors::TOTP);
            grant.key = None;
            open.grant = shared(grant);
        }
        SignIn {
            open,
            presented,
            secret,
            step,
        }
    }
}

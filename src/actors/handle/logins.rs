//! Logins at the door: there must be room for them, the audit stream is told of each, and the directory keeps
//! count of what failed.

use super::EngineHandle;
use crate::actors::audited::{self, Attempt};
use crate::credentials::login::{FirstStep, Ledger, Login, LoginRefusal, NotKept, Proof};
use crate::door::{CodeRefusal, Engine};
use crate::engine::command::Command;
use crate::engine::guesses::CountChange;
use crate::session::client::SignIn;
use crate::session::id::ClientId;
use crate::session::origin::Origin;

impl Ledger for EngineHandle {
    async fn keep(&self, change: CountChange) -> Result<(), NotKept> {
        // Sent before the first await: whoever hangs up afterwards is counted. The stream is told of the login.
        let answer = self
            .send(Command::Count(change), None)
            .map_err(|_| NotKept)?;
        let kept = answer.await.map_err(|_| NotKept)?;
        kept.map(|_| ()).map_err(|_| NotKept)
    }
}

impl EngineHandle {
    pub(super) fn refuse_at_once(&self, login: &Login) -> Option<LoginRefusal> {
        let shared = &self.0.shared;
        // Where the stream is required an answer waits for its line, and full memory is a reason before all others.
        if shared.audit.is_required() || self.memory().is_full() {
            return None;
        }
        let refusal = self.0.login.turn_away(login)?;
        audited::turned_away(shared, login, refusal);
        Some(refusal)
    }

    pub(super) async fn judge(&self, login: Login) -> Result<Proof, LoginRefusal> {
        let attempt = Attempt::login(&self.0.shared, &login)?;
        let checked = match self.has_room_for_logins() {
            Ok(()) => self.0.login.check(self, login).await,
            Err(refusal) => Err(refusal),
        };
        attempt.close(checked).await
    }

    pub(super) async fn judge_first_step(&self, login: Login) -> Result<FirstStep, LoginRefusal> {
        let attempt = Attempt::login(&self.0.shared, &login)?;
        let checked = match self.has_room_for_logins() {
            Ok(()) => self.0.login.begin(self, login).await,
            Err(refusal) => Err(refusal),
        };
        attempt.close(checked).await
    }

    pub(super) async fn judge_code(
        &self,
        origin: &Origin,
        client: ClientId,
        pending: SignIn,
        code: &str,
    ) -> Result<Proof, CodeRefusal> {
        let admitted = self.0.login.begin_code(origin, pending.account).await;
        if admitted.is_ok() {
            // Counted before it is looked at, so that codes tried at once are no more than codes in a row.
            let guess = Command::GuessSignIn(client, pending.id);
            self.ask(origin, guess).await?;
        }
        let attempt = Attempt::code(&self.0.shared, origin, pending.account)?;
        let checked = match admitted {
            Ok(Some(admitted)) => admitted.judge(self, pending.generation, code).await,
            Ok(None) => Err(LoginRefusal::Wrong),
            Err(refusal) => Err(refusal),
        };
        Ok(attempt.close(checked).await?)
    }
}

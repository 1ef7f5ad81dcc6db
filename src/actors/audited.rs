//! What the audit stream is told at the door: every command with what came of it, every login, and which sessions
//! the rules ended.
//!
//! A command is told of by whoever answers it, so that hanging up hides nothing; a login that nobody waits for any
//! more is told of as abandoned.

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::owner::Shared;
use crate::audit::codes;
use crate::audit::deed::{self, Facts};
use crate::audit::entry::{Entry, Outcome};
use crate::audit::note::Note;
use crate::audit::sink::{Audit, LINE_WAITS};
use crate::credentials::login::{FirstStep, Login, LoginRefusal, Proof};
use crate::door::ServiceError;
use crate::engine::command::{Command, OPEN_BATCH_MAX, Reply};
use crate::engine::event::{Part, SlotEvent};
use crate::engine::world::World;
use crate::session::id::{AccountId, SessionId};
use crate::session::origin::Origin;
use crate::session::state::{EndReason, Factors};

fn facts(shared: &Shared) -> Facts<'_> {
    Facts {
        world: &shared.world,
        now: shared.clock.now(),
    }
}

/// Tells something that nobody waits for.
pub(super) fn note(shared: &Shared, origin: &Origin, note: Note) {
    if shared.audit.is_kept() {
        shared.audit.tell(note.entry(facts(shared), origin));
    }
}

/// What is told of a command once it is answered.
pub(super) struct Deed {
    audit: Audit,
    entry: Box<Entry>,
    /// Only if it was not done.
    if_refused: bool,
    kept: Option<oneshot::Sender<bool>>,
}

/// Begins to tell of a command. A grant is refused where a required stream takes no lines.
pub(super) fn begin(
    shared: &Shared,
    origin: &Origin,
    command: &Command,
) -> Result<(Option<Deed>, Kept), ServiceError> {
    let audit = &shared.audit;
    if !audit.is_kept() {
        return Ok((None, Kept::at_once()));
    }
    let entry = deed::of_command(facts(shared), origin, command);
    if !command.is_restriction() && !audit.may_grant() {
        // Told all the same: it is by this line that the stream is found to take lines again.
        if let Some(entry) = entry {
            audit.tell(not_done(entry, Outcome::Failed, codes::NOT_AUDITED));
        }
        return Err(ServiceError::Unavailable);
    }
    let Some(entry) = entry else {
        return Ok((None, Kept::at_once()));
    };
    let (kept, wait) = Kept::of(audit);
    let deed = Deed {
        audit: audit.clone(),
        entry: Box::new(entry),
        if_refused: deed::is_told_by_another(command),
        kept,
    };
    Ok((Some(deed), wait))
}

impl Deed {
    /// Tells what came of it.
    pub(super) fn settle(self, answer: &Result<Reply, ServiceError>) {
        let mut entry = *self.entry;
        let entry = match answer {
            Ok(_) if self.if_refused => {
                return keep(self.kept, true);
            }
            Ok(reply) => {
                deed::answered(&mut entry, reply);
                entry
            }
            Err(error) => {
                let (outcome, reason) = code(*error);
                not_done(entry, outcome, reason)
            }
        };
        let kept = self.kept;
        self.audit
            .tell_and(entry, Box::new(move |is_kept| keep(kept, is_kept)));
    }
}

/// Whoever hung up does not want to know.
fn keep(kept: Option<oneshot::Sender<bool>>, is_kept: bool) {
    if let Some(kept) = kept {
        let _ = kept.send(is_kept);
    }
}

fn not_done(mut entry: Entry, outcome: Outcome, reason: &'static str) -> Entry {
    entry.outcome = outcome;
    entry.reason = Some(reason);
    entry
}

fn code(error: ServiceError) -> (Outcome, &'static str) {
    match error {
        ServiceError::Refused(refusal) => (Outcome::Refused, codes::of_refusal(refusal)),
        ServiceError::Overloaded => (Outcome::Failed, codes::OVERLOADED),
        ServiceError::Unavailable => (Outcome::Failed, codes::UNAVAILABLE),
        ServiceError::Entropy(_) => (Outcome::Failed, codes::NO_ENTROPY),
    }
}

/// Whether an answer's line is kept, where that matters.
pub(super) struct Kept(Option<(Audit, oneshot::Receiver<bool>)>);

impl Kept {
    /// Nothing is waited for.
    fn at_once() -> Self {
        Self(None)
    }

    fn of(audit: &Audit) -> (Option<oneshot::Sender<bool>>, Self) {
        if !audit.is_required() {
            return (None, Self::at_once());
        }
        let (kept, wait) = oneshot::channel();
        (Some(kept), Self(Some((audit.clone(), wait))))
    }

    /// Waits until the line is durable, for a while.
    pub(super) async fn wait(self) -> bool {
        let Some((audit, wait)) = self.0 else {
            return true;
        };
        match timeout(LINE_WAITS, wait).await {
            Ok(kept) => kept.unwrap_or(false),
            Err(_) => {
                audit.did_not_answer();
                false
            }
        }
    }
}

/// Tells of a login that was refused before anybody waited for anything.
pub(super) fn turned_away(shared: &Shared, login: &Login, refusal: LoginRefusal) {
    if shared.audit.is_kept() {
        let entry = deed::of_login(facts(shared), login);
        shared.audit.tell(refused(entry, refusal));
    }
}

fn refused(entry: Entry, refusal: LoginRefusal) -> Entry {
    let outcome = match refusal {
        LoginRefusal::Overloaded => Outcome::Failed,
        LoginRefusal::Wrong
        | LoginRefusal::Disabled
        | LoginRefusal::Locked
        | LoginRefusal::SecondFactorRequired
        | LoginRefusal::Throttled { .. } => Outcome::Refused,
    };
    not_done(entry, outcome, codes::of_login(refusal))
}

/// A login that is being judged; however it ends, it is told of.
pub(super) struct Attempt<'a> {
    shared: &'a Shared,
    entry: Option<Entry>,
}

/// What a step of a login gives, as far as the stream is told.
pub(super) trait Proven {
    /// Whose account, and what was proven.
    fn proven(&self) -> (AccountId, Factors);
    /// Whether the second factor is still to come.
    fn is_half(&self) -> bool;
}

impl Proven for Proof {
    fn proven(&self) -> (AccountId, Factors) {
        (self.account, self.factors)
    }

    fn is_half(&self) -> bool {
        false
    }
}

impl Proven for FirstStep {
    fn proven(&self) -> (AccountId, Factors) {
        match self {
            Self::Complete(proof) => proof.proven(),
            Self::Half(half) => (half.account, half.factors),
        }
    }

    fn is_half(&self) -> bool {
        matches!(self, Self::Half(_))
    }
}

impl<'a> Attempt<'a> {
    /// Somebody wants to log in.
    pub(super) fn login(shared: &'a Shared, login: &Login) -> Result<Self, LoginRefusal> {
        Self::begin(shared, || deed::of_login(facts(shared), login))
    }

    /// Somebody sent a code.
    pub(super) fn code(
        shared: &'a Shared,
        origin: &Origin,
        account: AccountId,
    ) -> Result<Self, LoginRefusal> {
        Self::begin(shared, || deed::of_code(facts(shared), origin, account))
    }

    /// Nobody is let in where a required stream takes no lines, nor is anything looked at.
    fn begin(shared: &'a Shared, entry: impl FnOnce() -> Entry) -> Result<Self, LoginRefusal> {
        let audit = &shared.audit;
        let entry = audit.is_kept().then(entry);
        if !audit.may_grant() {
            if let Some(entry) = entry {
                audit.tell(not_done(entry, Outcome::Failed, codes::NOT_AUDITED));
            }
            return Err(LoginRefusal::Overloaded);
        }
        Ok(Self { shared, entry })
    }

    /// Tells how it ended.
    pub(super) async fn close<T: Proven>(
        mut self,
        judged: Result<T, LoginRefusal>,
    ) -> Result<T, LoginRefusal> {
        let Some(mut entry) = self.entry.take() else {
            return judged;
        };
        let entry = match &judged {
            Ok(step) => {
                let (account, factors) = step.proven();
                deed::let_in(facts(self.shared), &mut entry, account, factors);
                if step.is_half() {
                    entry.say("second_factor", "awaited");
                }
                entry
            }
            Err(refusal) => refused(entry, *refusal),
        };
        let audit = &self.shared.audit;
        let (kept, wait) = Kept::of(audit);
        audit.tell_and(entry, Box::new(move |is_kept| keep(kept, is_kept)));
        if wait.wait().await {
            judged
        } else {
            Err(LoginRefusal::Overloaded)
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            let entry = not_done(entry, Outcome::Failed, codes::ABANDONED);
            self.shared.audit.tell(entry);
        }
    }
}

/// Sessions that the rules ended: those that somebody asked to be ended are told of with the command.
#[derive(Default)]
pub(super) struct Ended(Vec<(EndReason, SessionId)>);

impl Ended {
    /// Notes an ending by the rules that is about to be applied. Those whose session is gone change nothing: two
    /// looks may find it before the first one's record is there.
    pub(super) fn see(&mut self, world: &World, part: &Part) {
        if let Part::Slot(_, SlotEvent::SessionEnded(id, _, reason)) = part
            && world.ages(*id).is_some()
        {
            match reason {
                EndReason::Limit
                | EndReason::Idle
                | EndReason::Absolute
                | EndReason::Account
                | EndReason::Parent
                | EndReason::Key => self.0.push((*reason, *id)),
                EndReason::Logout | EndReason::Revoked | EndReason::Removed => {}
            }
        }
    }

    /// Tells of them, many in one line.
    pub(super) fn tell(self, audit: &Audit) {
        if !audit.is_kept() {
            return;
        }
        for alike in self.0.chunk_by(|(one, _), (next, _)| one == next) {
            for some in alike.chunks(OPEN_BATCH_MAX) {
                let mut entry = Entry::of_node("session.end");
                for (reason, id) in some {
                    entry.about(id);
                    entry.say("reason", reason.name());
                }
                audit.tell_upkeep(entry);
            }
        }
    }
}

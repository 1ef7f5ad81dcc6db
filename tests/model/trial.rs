//! One run: every operation goes to the engine and to the model, and both must agree.

use std::collections::{BTreeMap, BTreeSet};

use sessile::engine::command::{AccountChange, Command, Decider, Reply, SignIn};
use sessile::engine::decide::Decision;
use sessile::engine::event::{Part, SlotEvent};
use sessile::session::id::{AccountId, HandoffId, SessionId};
use sessile::session::time::Timestamp;

use crate::driver::Driver;
use crate::ensure;
use crate::model::Model;
use crate::names::{START, slots};
use crate::operations::Operation;
use crate::stage::{Limits, Stage};

type Checked = Result<(), String>;

/// How a run is set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) limits: Limits,
    /// After how many operations everything is read: reading leaves marks, so seldom is a case too.
    pub(crate) watch_every: usize,
}

/// A run under way.
pub(crate) struct Trial {
    pub(crate) driver: Driver,
    pub(crate) model: Model,
    pub(crate) stage: Stage,
    pub(crate) now: Timestamp,
    pub(crate) activity_logged: Timestamp,
    /// Sessions that were once seen dead.
    pub(crate) dead: BTreeSet<SessionId>,
    /// Accounts whose limit was changed: older sessions may exceed it.
    pub(crate) limit_moved: BTreeSet<AccountId>,
    redeemed: BTreeSet<HandoffId>,
    steps_spent: BTreeMap<AccountId, u64>,
}

impl Trial {
    /// Plays a run to its end; returns the log of all that happened.
    pub(crate) fn play(setup: Setup, operations: &[Operation]) -> Result<Vec<Part>, String> {
        let mut trial = Self {
            driver: Driver::new(),
            model: Model::default(),
            stage: Stage::new(setup.limits),
            now: START,
            activity_logged: START,
            dead: BTreeSet::new(),
            limit_moved: BTreeSet::new(),
            redeemed: BTreeSet::new(),
            steps_spent: BTreeMap::new(),
        };
        Stage::cast()
            .iter()
            .try_for_each(|command| trial.ask(command))?;
        for (number, operation) in operations.iter().enumerate() {
            let told = |why: String| format!("operation {number}, {operation:?}: {why}");
            trial.perform(operation).map_err(told)?;
            if number % setup.watch_every == 0 {
                trial.compare_all().map_err(told)?;
            }
        }
        trial.compare_all()?;
        trial.restart()?;
        Ok(trial.driver.into_log())
    }

    /// Does one operation on both sides.
    fn perform(&mut self, operation: &Operation) -> Checked {
        match operation {
            Operation::Touch(picks) => picks.iter().try_for_each(|pick| self.touch(*pick)),
            Operation::SweepDue { slot, max } => self.sweep_due(*slot, *max),
            Operation::SweepAll(slot) => self.sweep_all(*slot),
            Operation::SweepClients { slot, max } => self.sweep_clients(*slot, *max),
            Operation::LogActivity { slot, max } => slot
                .of(&slots(), |_| true)
                .map_or(Ok(()), |slot| self.log_activity(slot, *max)),
            Operation::Advance(advance) => self.advance(*advance),
            Operation::Restart => self.restart(),
            _ => {
                let commands = self.stage.commands(operation, &self.model, self.now);
                commands.iter().try_for_each(|command| self.ask(command))
            }
        }
    }

    /// Asks both, and compares what they answer.
    fn ask(&mut self, command: &Command) -> Checked {
        let limited = match command {
            Command::Open(open) => self
                .model
                .limit(open.grant.account, open.per_account)
                .is_some(),
            _ => false,
        };
        let expected = self.model.answer(command, self.now);
        if let Decider::Shard(_) = command.decider(limited) {
            let first = self.driver.decide(command, limited, self.now);
            let second = self.driver.decide(command, limited, self.now);
            ensure!(
                first == second,
                "{command:?} was decided twice, differently"
            );
        }
        match (self.driver.ask(command, limited, self.now), expected) {
            (Ok(decision), Ok(())) => {
                room_comes_first(&decision)?;
                self.model.commit(command, &decision, self.now)?;
                self.stage.learn(command, &decision.reply, &self.model);
                self.note(command, &decision.reply)
            }
            (Err(refusal), Err(expected)) if refusal == expected => Ok(()),
            (Ok(decision), Err(expected)) => Err(format!(
                "{command:?} was done ({:?}), not refused: {expected}",
                decision.parts
            )),
            (Err(refusal), expected) => Err(format!(
                "{command:?} was refused: {refusal}, not {expected:?}"
            )),
        }
    }

    /// Promises that are checked without the model's help. Source: I4.
    fn note(&mut self, command: &Command, reply: &Reply) -> Checked {
        match command {
            Command::RedeemHandoff(id, _) => {
                ensure!(
                    matches!(reply, Reply::HandedOff { .. }),
                    "redeemed without a result"
                );
                ensure!(self.redeemed.insert(*id), "{id} was redeemed twice");
            }
            Command::Open(open) | Command::SignIn(SignIn { open, .. }) => {
                if let Some(step) = open.otp_step {
                    let before = self.steps_spent.insert(open.grant.account, step);
                    ensure!(
                        before < Some(step),
                        "step {step} was spent after {before:?}"
                    );
                }
            }
            Command::ChangeAccount(id, AccountChange::Describe(patch), _)
                if patch.max_sessions.is_some() =>
            {
                self.limit_moved.insert(*id);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Endings are applied before the opening they make room for. Source: R4.
fn room_comes_first(decision: &Decision) -> Checked {
    let opened = |part: &Part| matches!(part, Part::Slot(_, SlotEvent::SessionOpened(_)));
    let ended = |part: &Part| matches!(part, Part::Slot(_, SlotEvent::SessionEnded(..)));
    let first = decision
        .parts
        .iter()
        .position(opened)
        .unwrap_or(decision.parts.len());
    let late = decision.parts.iter().skip(first).any(ended);
    ensure!(
        !late,
        "room was made after the opening: {:?}",
        decision.parts
    );
    Ok(())
}

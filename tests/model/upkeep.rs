//! What happens without a command: use, the passing of time, sweeps, restarts.

use sessile::engine::event::SlotEvent;
use sessile::engine::slot::SlotNumber;
use sessile::session::id::{ClientId, SessionId, SignInId};
use sessile::session::time::Timestamp;

use crate::ensure;
use crate::model::Model;
use crate::names::slots;
use crate::operations::{Advance, Pick};
use crate::trial::Trial;

type Checked = Result<(), String>;

/// Activity is logged at the first move of the clock that leaves it older than this. Source: R9.
const ACTIVITY_LOGGED_EVERY_MS: u64 = 30_000;

impl Trial {
    /// Uses a session as a reader does.
    pub(crate) fn touch(&mut self, pick: Pick) -> Checked {
        let Some(id) = self.stage.session(pick, &self.model, self.now) else {
            return Ok(());
        };
        let (engine, model) = (
            self.driver.touch(id, self.now),
            self.model.touch(id, self.now),
        );
        ensure!(
            engine == model,
            "a touch found {id} live: {engine}, not {model}"
        );
        Ok(())
    }

    /// Moves the clock forward; activity that would become too old is logged on the way.
    pub(crate) fn advance(&mut self, advance: Advance) -> Checked {
        let around =
            |at: Timestamp, by: i8| Timestamp::from_ms(at.ms().saturating_add_signed(by.into()));
        let to = match advance {
            Advance::Ms(ms) => self.now.plus_ms(ms),
            Advance::ToDeadline(pick, by) => {
                let live = self
                    .model
                    .sessions
                    .iter()
                    .filter(|(id, _)| self.model.live(**id, self.now));
                let mut deadlines: Vec<_> = live.map(|(_, session)| session.deadline()).collect();
                deadlines.sort_unstable();
                // Mostly near ones: a leap to a late one leaves nothing alive.
                deadlines.retain(|at| pick.0 > 250 || at.since_ms(self.now) < 4_000_000);
                let nearest = deadlines.get(usize::from(pick.0) % deadlines.len().clamp(1, 3));
                nearest.map_or(self.now, |at| around(*at, by))
            }
            Advance::ToHandoffExpiry(pick, by) => {
                let expiries: Vec<_> = self.model.handoffs.values().map(|h| h.expires).collect();
                pick.of(&expiries, |at| *at > self.now)
                    .map_or(self.now, |at| around(at, by))
            }
            Advance::ToSignInExpiry(pick, by) => {
                let pending = self.model.clients.values().filter_map(|c| c.sign_in);
                let expiries: Vec<_> = pending.map(|pending| pending.expires).collect();
                pick.of(&expiries, |at| *at > self.now)
                    .map_or(self.now, |at| around(at, by))
            }
            Advance::ToForgotten(pick, by) => {
                let clients = self.model.clients.values();
                let forgotten: Vec<_> = clients.filter_map(Model::forgotten_at).collect();
                pick.of(&forgotten, |at| *at > self.now)
                    .filter(|_| pick.0 > 200)
                    .map_or(self.now, |at| around(at, by))
            }
            Advance::ToAccountExpiry(pick, by) => {
                let expiries: Vec<_> = self
                    .model
                    .accounts
                    .values()
                    .filter_map(|a| a.expires_at)
                    .collect();
                pick.of(&expiries, |at| *at > self.now)
                    .map_or(self.now, |at| around(at, by))
            }
        };
        let to = to.max(self.now);
        if to.since_ms(self.activity_logged) >= ACTIVITY_LOGGED_EVERY_MS {
            slots()
                .into_iter()
                .try_for_each(|slot| self.log_activity(slot, usize::MAX))?;
            self.activity_logged = to;
        }
        self.now = to;
        Ok(())
    }

    /// Logs what was touched in a slot: nothing else, and all of it unless `max` cuts it off.
    pub(crate) fn log_activity(&mut self, slot: SlotNumber, max: usize) -> Checked {
        let logged = self.driver.log_activity(slot, max);
        ensure!(
            logged.len() <= max,
            "{} sessions logged, at most {max} were asked for",
            logged.len()
        );
        for (id, at) in &logged {
            let session = self
                .model
                .sessions
                .get_mut(id)
                .ok_or("activity of nobody")?;
            let known = !session.ended && session.touched && session.last_active == *at;
            ensure!(known, "{id} was logged active at {at:?}");
            session.logged_active = *at;
            session.touched = false;
        }
        let touched = |id: &SessionId| {
            self.model
                .session(*id)
                .is_some_and(|session| session.touched)
        };
        let left = self.model.in_slot(slot).into_iter().filter(touched).count();
        ensure!(
            logged.len() == max || left == 0,
            "{left} touched sessions were not logged"
        );
        Ok(())
    }

    /// Sweeps a slot by its wheel until nothing is due.
    pub(crate) fn sweep_due(&mut self, slot: Pick, max: usize) -> Checked {
        let Some(slot) = slot.of(&slots(), |_| true) else {
            return Ok(());
        };
        let events = self.driver.sweep_due(slot, self.now, max);
        self.swept(slot, &events)?;
        // A tick is a second: at the first whole second at or after its deadline a session goes.
        let due = |session: &crate::model::Session| {
            session.deadline().ms().div_ceil(1_000) <= self.now.ms() / 1_000
        };
        let here = self.model.in_slot(slot);
        let late: Vec<_> = here
            .into_iter()
            .filter(|id| self.model.session(*id).is_some_and(due))
            .collect();
        ensure!(late.is_empty(), "{late:?} were due and not swept");
        Ok(())
    }

    /// Sweeps everything dead of a slot.
    pub(crate) fn sweep_all(&mut self, slot: Pick) -> Checked {
        let Some(slot) = slot.of(&slots(), |_| true) else {
            return Ok(());
        };
        let events = self.driver.sweep_all(slot, self.now);
        self.swept(slot, &events)?;
        let dead = |id: &SessionId| !self.model.live(*id, self.now);
        let left: Vec<_> = self.model.in_slot(slot).into_iter().filter(dead).collect();
        ensure!(left.is_empty(), "{left:?} were dead and not swept");
        Ok(())
    }

    /// Sweeps the clients of a slot.
    pub(crate) fn sweep_clients(&mut self, slot: Pick, max: usize) -> Checked {
        let Some(slot) = slot.of(&slots(), |_| true) else {
            return Ok(());
        };
        let before = self.model.stale_in(slot, self.now);
        let events = self.driver.sweep_clients(slot, self.now, max);
        self.swept(slot, &events)?;
        let (left, most) = (self.model.stale_in(slot, self.now), before.min(max));
        ensure!(
            before - left >= most,
            "of {before} stale clients {left} are left"
        );
        Ok(())
    }

    fn drop_sign_in(&mut self, id: ClientId, step: SignInId) -> Checked {
        let client = self.model.clients.get_mut(&id);
        let pending = client.and_then(|client| client.sign_in.take());
        let over = pending.is_some_and(|p| p.id == step && self.now >= p.expires);
        ensure!(over, "{pending:?} of {id} was swept");
        Ok(())
    }

    fn forget_client(&mut self, id: ClientId) -> Checked {
        let client = self.model.clients.remove(&id);
        let over = client.as_ref().and_then(Model::forgotten_at);
        ensure!(
            over.is_some_and(|at| self.now >= at),
            "{client:?} was forgotten"
        );
        Ok(())
    }

    /// What a sweep ends was dead, ends now, and for a reason that is true.
    fn swept(&mut self, slot: SlotNumber, events: &[SlotEvent]) -> Checked {
        for event in events {
            match event {
                SlotEvent::SessionEnded(id, at, reason) => {
                    ensure!(
                        SlotNumber::of(id.as_bytes()) == slot,
                        "{id} was swept in slot {slot:?}"
                    );
                    ensure!(!self.model.live(*id, self.now), "{id} was live and swept");
                    let reason_holds = self.model.is_reason(*id, *reason, self.now);
                    ensure!(
                        *at == self.now && reason_holds,
                        "{id} swept at {at:?} for {reason:?}"
                    );
                    self.model.end(*id, *reason, self.now);
                }
                SlotEvent::HandoffDropped(id) => {
                    let known = self.model.handoffs.remove(id);
                    let good =
                        known.is_some_and(|handoff| self.model.handoff_lives(&handoff, self.now));
                    ensure!(!good, "{id} was good and swept");
                }
                SlotEvent::SignInDropped(id, step) => self.drop_sign_in(*id, *step)?,
                SlotEvent::ClientForgotten(id, _) => self.forget_client(*id)?,
                other => return Err(format!("a sweep made {other:?}")),
            }
        }
        Ok(())
    }

    /// Recovers from the log: nothing revives, nothing lives longer, and only activity of the last
    /// half minute may be lost. Source: I5, R9.
    pub(crate) fn restart(&mut self) -> Checked {
        let seen = |trial: &Self, id: SessionId| {
            let ages = trial.driver.world.ages(id);
            let last_active = ages.map(|(_, last_active)| last_active);
            (last_active, trial.driver.is_live(id, trial.now))
        };
        let sessions = self.stage.sessions.iter();
        let before: Vec<_> = sessions.map(|id| (*id, seen(self, *id))).collect();
        self.driver.restart()?;
        self.model.restart();
        for (id, (last_active, lived)) in before {
            let (restored, lives) = seen(self, id);
            ensure!(lived || !lives, "{id}: a restart revived it");
            let told = format!("{id}: a restart made {last_active:?} into {restored:?}");
            ensure!(restored <= last_active, "{told}");
            let old =
                last_active.is_some_and(|at| self.now.since_ms(at) >= ACTIVITY_LOGGED_EVERY_MS);
            ensure!(!old || restored == last_active, "{told}");
        }
        self.compare_listing()?;
        self.compare_all()
    }
}

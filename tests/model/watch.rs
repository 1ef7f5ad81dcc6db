//! Reads everything from the engine, as readers do, and compares it with the model.

use sessile::engine::view::SessionView;
use sessile::session::activity::Touch;
use sessile::session::id::SessionId;
use sessile::session::policy::HANDOFFS_PER_SESSION_MAX;
use sessile::session::state::Surface;

use crate::ensure;
use crate::model::{Model, Session};
use crate::names::slots;
use crate::trial::Trial;

type Checked = Result<(), String>;

impl Trial {
    /// Compares all that was ever named: sessions, limits, accounts, keys, hand-off tokens.
    pub(crate) fn compare_all(&mut self) -> Checked {
        for id in self.stage.sessions.clone() {
            self.compare_session(id)?;
        }
        self.compare_counts()?;
        self.compare_directory()?;
        self.compare_clients()?;
        self.compare_handoffs()
    }

    fn compare_session(&mut self, id: SessionId) -> Checked {
        let (world, model, now) = (&self.driver.world, &self.model, self.now);
        if model.session(id).is_none() {
            ensure!(!world.is_live(id, now), "{id} ended and is live");
            self.dead.insert(id);
            return Ok(());
        }
        let expected = model.live_session(id, now);
        world.with_session(id, now, Touch::No, |view| match (view, expected) {
            (None, None) => Ok(()),
            (Some(view), Some(session)) => shows(&view, id, session, model),
            (view, _) => Err(format!(
                "{id} is live: {}, not {}",
                view.is_some(),
                expected.is_some()
            )),
        })?;
        let live = expected.is_some();
        ensure!(
            world.is_live(id, now) == live,
            "{id} is live without a view: not {live}"
        );
        let death = world.death(id, now);
        match death {
            Some(reason) => ensure!(
                !live && model.is_reason(id, reason, now),
                "{id} is dead of {reason:?}"
            ),
            None => ensure!(live, "{id} is dead of nothing"),
        }
        if live {
            ensure!(!self.dead.contains(&id), "{id} was dead and is live again");
        } else {
            self.dead.insert(id);
        }
        Ok(())
    }

    /// The limit of an account holds exactly, and the slots hold what no event ended.
    fn compare_counts(&self) -> Checked {
        let world = &self.driver.world;
        for surface in Surface::ALL {
            for account in self.model.accounts.keys() {
                let limit = self.model.limit(*account, self.stage.limits.of(surface));
                let Some(limit) = limit.filter(|_| !self.limit_moved.contains(account)) else {
                    continue;
                };
                let counts = |id: &&SessionId| {
                    world.with_session(**id, self.now, Touch::No, |view| {
                        view.is_some_and(|v| v.account_id() == *account && v.surface() == surface)
                    })
                };
                let live = self.stage.sessions.iter().filter(counts).count();
                let fits = u32::try_from(live).is_ok_and(|live| live <= limit);
                ensure!(
                    fits,
                    "{account:?} has {live} live sessions on {surface}, at most {limit} are allowed"
                );
            }
        }
        for number in slots() {
            let stored = world.slot_at(number).map_or(0, |slot| slot.read().len());
            let expected = self.model.in_slot(number).len();
            ensure!(
                stored == expected,
                "slot {number:?} holds {stored} sessions, not {expected}"
            );
        }
        Ok(())
    }

    /// All slots together hold what no event ended, and a listing shows it in order.
    pub(crate) fn compare_listing(&self) -> Checked {
        let world = &self.driver.world;
        let stored = self
            .model
            .sessions
            .iter()
            .filter(|(_, session)| !session.ended);
        let stored: Vec<_> = stored.map(|(id, _)| *id).collect();
        ensure!(
            world.session_count() == stored.len(),
            "{} sessions are stored",
            world.session_count()
        );
        let mut listed: Vec<SessionId> = Vec::new();
        loop {
            let page = world.page(listed.last().copied(), None, 7);
            if page.is_empty() {
                break;
            }
            ensure!(listed.last() < page.first(), "{page:?} follows {listed:?}");
            listed.extend(page);
        }
        ensure!(listed == stored, "{listed:?} are listed, not {stored:?}");
        Ok(())
    }

    fn compare_directory(&self) -> Checked {
        let (world, model) = (&self.driver.world, &self.model);
        for id in &self.stage.accounts {
            let (published, expected) = (world.accounts.get(*id), model.accounts.get(id));
            ensure!(
                published.as_deref() == expected,
                "{id:?} is {published:?}, not {expected:?}"
            );
            if let Some(account) = expected {
                let name = account.username.as_str();
                let found = world.accounts.by_name(name).map(|(found, _)| found);
                ensure!(found == Some(*id), "{name} is {found:?}, not {id:?}");
                let subject = account.external_subject.as_deref();
                let found = subject
                    .and_then(|s| world.accounts.by_subject(s))
                    .map(|(found, _)| found);
                ensure!(
                    found.is_none_or(|found| found == *id),
                    "{subject:?} is {found:?}, not {id:?}"
                );
                ensure!(
                    found.is_some() == subject.is_some(),
                    "{subject:?} of {id:?} is not found"
                );
            }
            let allowed = world
                .accounts
                .allows(*id, expected.map_or(0, |account| account.generation));
            let enabled = expected.is_some_and(|account| account.enabled);
            ensure!(
                allowed == enabled,
                "{id:?} lets its sessions live: {allowed}, not {enabled}"
            );
        }
        ensure!(
            world.accounts.count() == model.accounts.len(),
            "{} accounts",
            world.accounts.count()
        );
        for id in &model.key_places {
            let (published, expected) = (world.keys.get(*id), model.keys.get(id));
            ensure!(
                published.is_some() == expected.is_some(),
                "{id:?} is {published:?}, not {expected:?}"
            );
            let (live, lives) = (
                world.keys.is_live(&world.accounts, *id),
                model.key_lives(*id),
            );
            ensure!(live == lives, "{id:?} is live: {live}, not {lives}");
            if let Some(key) = expected {
                let found = world.keys.by_name(&key.name).map(|(found, _)| found);
                ensure!(found == Some(*id), "{} is {found:?}, not {id:?}", key.name);
            }
        }
        Ok(())
    }

    fn compare_handoffs(&self) -> Checked {
        let (world, model) = (&self.driver.world, &self.model);
        for (id, handoff) in &model.handoffs {
            let Some(kept) = world.handoff(*id) else {
                ensure!(
                    !model.handoff_lives(handoff, self.now),
                    "{id} is good and gone"
                );
                continue;
            };
            let found = (kept.session, kept.generation, kept.issued, kept.expires);
            let (generation, expires) = (handoff.generation, handoff.expires);
            let same = found == (handoff.session, generation, handoff.issued, expires);
            ensure!(same, "{id} is {kept:?}, not {handoff:?}");
        }
        for id in self
            .stage
            .handoffs
            .iter()
            .filter(|id| !model.handoffs.contains_key(id))
        {
            ensure!(
                world.handoff(*id).is_none(),
                "{id} is spent or dropped, and still there"
            );
        }
        for session in model.sessions.keys() {
            let kept = world.handoffs_of(*session);
            ensure!(
                kept.len() <= HANDOFFS_PER_SESSION_MAX,
                "{session} has {} tokens",
                kept.len()
            );
            ensure!(
                kept.is_sorted_by_key(|(_, handoff)| handoff.issued),
                "{session}: {kept:?} by age"
            );
        }
        Ok(())
    }
}

/// Whether a view shows what the model holds.
fn shows(view: &SessionView<'_>, id: SessionId, session: &Session, model: &Model) -> Checked {
    let grant = &session.grant;
    let named = (
        view.id(),
        view.surface(),
        view.account_id(),
        view.stamp(),
        view.client_type(),
    );
    let name = (
        id,
        grant.surface,
        grant.account,
        session.stamp,
        grant.client_type.as_str(),
    );
    ensure!(named == name, "{named:?}, not {name:?}");
    let lived = (
        view.created(),
        view.last_active(),
        view.deadline(),
        view.absolute(),
    );
    let life = (
        session.created,
        session.last_active,
        session.deadline(),
        grant.lifetime.absolute,
    );
    ensure!(lived == life, "{id} lives {lived:?}, not {life:?}");
    let hung = (
        view.key(),
        view.client(),
        view.parent(),
        view.chain(),
        view.factors(),
    );
    let hangs = (
        grant.key,
        grant.client,
        grant.parent,
        grant.chain.as_slice(),
        grant.factors,
    );
    ensure!(hung == hangs, "{id} hangs on {hung:?}, not {hangs:?}");
    let told = (view.address(), view.user_agent(), view.attributes());
    let tells = (
        grant.address,
        grant.user_agent.as_deref(),
        grant.attributes.as_deref(),
    );
    ensure!(told == tells, "{id} tells {told:?}, not {tells:?}");
    let account = model.accounts.get(&grant.account);
    ensure!(
        Some(view.account) == account,
        "{id} belongs to {:?}, not {account:?}",
        view.account
    );
    Ok(())
}

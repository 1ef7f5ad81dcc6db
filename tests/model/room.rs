//! Who has to go so that something new fits: how many, out of whom, and the oldest first.
//!
//! Of two that are equally old the engine may choose; the model learns whom.

use sessile::engine::command::{Open, Sudo};
use sessile::engine::decide::Decision;
use sessile::engine::error::Refusal;
use sessile::engine::event::{Part, SlotEvent};
use sessile::session::id::{AccountId, HandoffId, SessionId};
use sessile::session::policy::{HANDOFFS_PER_SESSION_MAX, WhenFull};
use sessile::session::state::EndReason;
use sessile::session::time::Timestamp;

use crate::ensure;
use crate::model::{Handoff, Model};

type Checked = Result<(), String>;

/// Who has to go so that new sessions fit a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    /// How many.
    pub(crate) surplus: usize,
    /// Out of whom.
    pub(crate) candidates: Vec<SessionId>,
}

impl Model {
    /// The room that an open makes.
    pub(crate) fn room_to_open(&self, open: &Open, now: Timestamp) -> Result<Room, Refusal> {
        let grant = &open.grant;
        let Some(limit) = self.limit(grant.account, open.per_account) else {
            return Ok(Room::default());
        };
        let counted = self.counted(grant.account, grant.surface, now);
        room(
            counted.clone(),
            counted,
            open.ids.len(),
            limit,
            open.when_full,
        )
    }

    /// The room that an impersonation makes: never at the cost of somebody's own session, and
    /// never at the caller's ("neither ended nor altered"). Source: M-71, M-79.
    pub(crate) fn room_to_sudo(
        &self,
        sudo: &Sudo,
        target: AccountId,
        now: Timestamp,
    ) -> Result<Room, Refusal> {
        let Some(limit) = self.limit(target, sudo.per_account) else {
            return Ok(Room::default());
        };
        let counted = self.counted(target, sudo.surface, now);
        let spared = self.ancestry(sudo.parent);
        let impersonated =
            |id: &SessionId| self.session(*id).is_some_and(|s| s.grant.parent.is_some());
        let candidates = counted
            .iter()
            .copied()
            .filter(|id| impersonated(id) && !spared.contains(id))
            .collect();
        room(counted, candidates, 1, limit, sudo.when_full)
    }

    /// Ends those whom the engine chose, once they are as many as needed and the right ones.
    pub(crate) fn make_room(
        &mut self,
        room: &Room,
        when_full: WhenFull,
        gone: Vec<SessionId>,
        now: Timestamp,
    ) -> Checked {
        ensure!(
            gone.len() == room.surplus,
            "{} sessions made room, not {}",
            gone.len(),
            room.surplus
        );
        ensure!(
            gone.iter().all(|id| room.candidates.contains(id)),
            "{gone:?} made room wrongly"
        );
        let age = |id: &SessionId| {
            self.session(*id).map(|session| match when_full {
                WhenFull::EvictIdle => session.last_active,
                WhenFull::EvictOldest | WhenFull::Deny => session.created,
            })
        };
        let youngest_gone = gone.iter().filter_map(age).max();
        let oldest_left = room
            .candidates
            .iter()
            .filter(|id| !gone.contains(id))
            .filter_map(age)
            .min();
        let fair = youngest_gone
            .zip(oldest_left)
            .is_none_or(|(gone, left)| gone <= left);
        ensure!(fair, "{gone:?} made room, older ones stayed");
        gone.into_iter()
            .for_each(|id| self.end(id, EndReason::Limit, now));
        Ok(())
    }

    /// Notes a new hand-off token; at sixteen good ones the oldest go. Source: M-83.
    pub(crate) fn issue(
        &mut self,
        session: SessionId,
        id: HandoffId,
        life_ms: u64,
        done: &Decision,
        now: Timestamp,
    ) -> Checked {
        let gone: Vec<_> = slot_events(done)
            .filter_map(|event| match event {
                SlotEvent::HandoffDropped(id) => Some(*id),
                _ => None,
            })
            .collect();
        let own = self.handoffs_of(session);
        ensure!(
            gone.iter().all(|id| own.contains(id)),
            "{gone:?} made room, which were not its own"
        );
        let good = |id: &&HandoffId| {
            self.handoffs
                .get(*id)
                .is_some_and(|h| self.handoff_lives(h, now))
        };
        let surplus =
            (own.iter().filter(good).count() + 1).saturating_sub(HANDOFFS_PER_SESSION_MAX);
        let dropped = gone.iter().filter(good).count();
        ensure!(
            dropped == surplus,
            "{dropped} good tokens made room, not {surplus}"
        );
        let issued = |id: &HandoffId| self.handoffs.get(id).map(|handoff| handoff.issued);
        let youngest_gone = gone.iter().filter(good).filter_map(issued).max();
        let stays = own.iter().filter(good).filter(|id| !gone.contains(id));
        let oldest_left = stays.filter_map(issued).min();
        let fair = youngest_gone
            .zip(oldest_left)
            .is_none_or(|(gone, left)| gone <= left);
        ensure!(fair, "{gone:?} made room, older tokens stayed");
        self.handoffs.retain(|id, _| !gone.contains(id));
        let account = self
            .session(session)
            .and_then(|session| self.accounts.get(&session.grant.account));
        let generation = account.map_or(0, |account| account.generation);
        let handoff = Handoff {
            session,
            generation,
            issued: now,
            expires: now.plus_ms(life_ms),
        };
        self.handoffs.insert(id, handoff);
        Ok(())
    }
}

/// Denied, or as many as needed out of those who may go.
fn room(
    counted: Vec<SessionId>,
    candidates: Vec<SessionId>,
    wanted: usize,
    limit: u32,
    when_full: WhenFull,
) -> Result<Room, Refusal> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let surplus = (counted.len() + wanted).saturating_sub(limit);
    if surplus > 0 && (when_full == WhenFull::Deny || surplus > candidates.len()) {
        return Err(Refusal::LimitReached);
    }
    Ok(Room {
        surplus,
        candidates,
    })
}

/// What a decision does to slots.
pub(crate) fn slot_events(done: &Decision) -> impl Iterator<Item = &SlotEvent> {
    done.parts.iter().filter_map(|part| match part {
        Part::Slot(_, event) => Some(event),
        Part::Directory(_) => None,
    })
}

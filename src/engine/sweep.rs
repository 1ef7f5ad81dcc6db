//! Ending what is dead already: the events of sessions that ran out or lost their account.
//!
//! Liveness is computed by readers (R3); sweeping only frees memory and tells the log, one event
//! and one reason per session. Invariant: a live session is never swept.

use super::decide;
use super::event::{Part, SlotEvent};
use super::slot::SlotNumber;
use super::world::World;
use crate::session::id::{KeyId, SessionId};
use crate::session::state::EndReason;
use crate::session::time::Timestamp;

/// How long a key stays listed after it expired: one day.
pub const EXPIRED_KEY_KEPT_MS: u64 = 86_400_000;
/// Places for keys that one look covers.
const KEYS_LOOKED_MAX: usize = 1_024;

/// What one look at a slot found.
#[derive(Debug, Default)]
pub struct Swept {
    /// Events to log and apply.
    pub parts: Vec<Part>,
    /// How many sessions were looked at.
    pub looked: usize,
    /// Whether there is more than was looked at.
    pub more: bool,
}

/// Collects the sessions of a slot that are due by its wheel.
#[must_use]
pub fn due(world: &World, number: SlotNumber, now: Timestamp, max: usize) -> Swept {
    let Some(slot) = world.slot_at(number) else {
        return Swept::default();
    };
    let (ids, more) = slot.write().collect_due(now, max);
    Swept {
        looked: ids.len(),
        parts: endings(world, ids.into_iter(), now).collect(),
        more,
    }
}

/// Collects what is dead in a slot without being in its wheel: sessions that hang on a dead one, and hand-off tokens;
/// looks at `max` of either.
#[must_use]
pub fn loose(world: &World, number: SlotNumber, now: Timestamp, max: usize) -> Vec<Part> {
    let Some(slot) = world.slot_at(number) else {
        return Vec::new();
    };
    let hanging: Vec<_> = slot.read().hanging().iter().take(max).copied().collect();
    let own_time = |part: &Part| {
        let Part::Slot(_, SlotEvent::SessionEnded(_, _, reason)) = part else {
            return false;
        };
        matches!(reason, EndReason::Idle | EndReason::Absolute)
    };
    // Those whose own time is over are in the wheel.
    let mut parts: Vec<_> = endings(world, hanging.into_iter(), now)
        .filter(|part| !own_time(part))
        .collect();
    let handoffs = world.dead_handoffs(number, now, max).into_iter();
    parts.extend(handoffs.map(|id| Part::handoff(id, SlotEvent::HandoffDropped(id))));
    parts
}

/// Looks at every session of a slot: after an account or a key changed, any of them may be dead.
#[must_use]
pub fn all(world: &World, number: SlotNumber, now: Timestamp) -> Swept {
    let Some(slot) = world.slot_at(number) else {
        return Swept::default();
    };
    let ids: Vec<_> = slot.read().ids().collect();
    let looked = ids.len();
    Swept {
        parts: endings(world, ids.into_iter(), now).collect(),
        looked,
        more: false,
    }
}

/// Collects what is over on the clients of a slot, at most `max` of them. It looks at every one, and
/// nobody waits for it: readers judge a pending login by its time.
#[must_use]
pub fn clients(world: &World, number: SlotNumber, now: Timestamp, max: usize) -> Vec<Part> {
    let stale = world.stale_clients(number, now, max).into_iter();
    stale.map(|(id, event)| Part::client(id, event)).collect()
}

/// Collects the activity of a slot that was not logged yet (R9).
#[must_use]
pub fn activity(world: &World, number: SlotNumber, max: usize) -> Option<Part> {
    let list = world.slot_at(number)?.read().take_activity(max);
    (!list.is_empty()).then(|| Part::Slot(number, SlotEvent::SessionsActive(list)))
}

/// Withdraws keys that were over a day ago, and with each the client behind it: keys that were made for
/// one session do not pile up. Looks at a bounded number of places; gives where to go on.
#[must_use]
pub fn keys(world: &World, from: KeyId, now: Timestamp) -> (Vec<Part>, KeyId) {
    let before = Timestamp::from_ms(now.ms().saturating_sub(EXPIRED_KEY_KEPT_MS));
    let (expired, next) = world.keys.expired(from, KEYS_LOOKED_MAX, before);
    let mut parts = Vec::new();
    for (id, client) in expired {
        let client = client.map(|client| (client, world.sessions_of_client(client)));
        parts.extend(decide::keys::withdrawal(client.as_ref(), id, now));
    }
    (parts, next)
}

fn endings(
    world: &World,
    ids: impl Iterator<Item = SessionId>,
    now: Timestamp,
) -> impl Iterator<Item = Part> {
    let dead = ids.filter_map(move |id| world.death(id, now).map(|reason| (id, reason)));
    dead.map(move |(id, reason)| Part::session(id, SlotEvent::SessionEnded(id, now, reason)))
}

//! What an owner owns: a range of slots, or the directory. The only writers of what they own.

use crate::engine::command::Command;
use crate::engine::decide::Outcome;
use crate::engine::directory::Directory;
use crate::engine::event::{Part, SlotEvent};
use crate::engine::facts;
use crate::engine::slot::{SLOTS, SlotNumber};
use crate::engine::sweep;
use crate::engine::world::World;
use crate::session::time::Timestamp;

/// How often an owner begins to look after what it owns, in milliseconds.
pub(super) const TICK_MS: u64 = 100;
/// Ticks in which every slot is looked at once: one second.
const ROUND_TICKS: usize = 10;
/// Rounds after which a slot's activity is logged and its clients are looked at: 30 seconds. Source: R9.
const ACTIVITY_ROUNDS: usize = 30;
/// Clients of a slot that one look collects, sessions that hang on others and hand-off tokens that it looks at.
const LOOK_MAX: usize = 256;
/// Sessions that are due and that one slice looks at: some 50 µs of work. Readers know that they are dead, so
/// whoever answers requests comes first.
const DUE_MAX: usize = 32;
/// Sessions of a slot whose activity one look logs.
const ACTIVITY_MAX: usize = 4_096;
/// Empty slots that a slice of a full sweep passes.
const EMPTY_MAX: usize = 64;

/// What an actor does with what it owns.
pub(super) trait Room: Unpin + 'static {
    /// Whose it is.
    const OWNER: &'static str;
    /// Decides a command on applied state.
    fn decide(&mut self, world: &World, command: &Command, now: Timestamp) -> Outcome;
    /// Applies a part; with it, everything up to `reached` is in what it is for.
    fn apply(&mut self, world: &World, part: &Part, reached: Option<u64>);
    /// A part of the last ticks was not logged after all.
    fn untold(&mut self, world: &World, part: &Part);
    /// Begins to look after what is due, every [`TICK_MS`]: a slice of it. The parts are logged and applied like
    /// any others.
    fn tick(&mut self, world: &World, now: Timestamp) -> Vec<Part>;
    /// The next slice, if there is more to do before the next tick.
    fn go_on(&mut self, world: &World, now: Timestamp) -> Option<Vec<Part>>;
}

/// A range of slots.
pub(super) struct ShardRoom {
    slots: Vec<SlotNumber>,
    ticks: usize,
    /// The next slot of this tick of which the due sessions are looked at.
    due: usize,
    /// The restrictions seen by the last full sweep, and where the present one is.
    swept: u64,
    sweeping: Option<(u64, usize)>,
}

impl ShardRoom {
    pub(super) fn new(shard: u16, shards: u16) -> Self {
        let slots: Vec<_> = SlotNumber::from(0)
            .filter(|slot| slot.shard(shards) == shard)
            .collect();
        Self {
            due: slots.len(),
            slots,
            ticks: 0,
            // Whatever a sweep before the start left undone is found by the first one.
            swept: u64::MAX,
            sweeping: None,
        }
    }

    /// Goes on with what is due in the slots of this tick. A slot that has more is looked at again; what is left at
    /// the next tick waits for the next round, in which those that were looked at have less.
    fn end_due(&mut self, world: &World, now: Timestamp, parts: &mut Vec<Part>) {
        let mut left = DUE_MAX;
        while let Some(&slot) = self.slots.get(self.due) {
            let swept = sweep::due(world, slot, now, left);
            parts.extend(swept.parts);
            left -= swept.looked.min(left);
            if left == 0 {
                return;
            }
            parts.extend(sweep::loose(world, slot, now, LOOK_MAX));
            self.due += ROUND_TICKS;
        }
    }

    /// Goes on with a full sweep, which starts when an account or key was restricted: by one slot that holds
    /// something.
    fn sweep(&mut self, world: &World, now: Timestamp, parts: &mut Vec<Part>) {
        let (upto, mut at) = match self.sweeping {
            Some(sweep) => sweep,
            None if self.is_to_be_swept(world) => (world.restrictions(), 0),
            None => return,
        };
        for _ in 0..EMPTY_MAX {
            let Some(&slot) = self.slots.get(at) else {
                self.swept = upto;
                self.sweeping = None;
                return;
            };
            let swept = sweep::all(world, slot, now);
            parts.extend(swept.parts);
            at += 1;
            if swept.looked > 0 {
                break;
            }
        }
        self.sweeping = Some((upto, at));
    }

    fn is_to_be_swept(&self, world: &World) -> bool {
        self.sweeping.is_some() || world.restrictions() != self.swept
    }
}

impl Room for ShardRoom {
    const OWNER: &'static str = "shard";

    fn decide(&mut self, world: &World, command: &Command, now: Timestamp) -> Outcome {
        facts::decide_in_slot(world, command, now)
    }

    fn apply(&mut self, world: &World, part: &Part, reached: Option<u64>) {
        world.apply(part, reached);
    }

    fn untold(&mut self, world: &World, part: &Part) {
        if let Part::Slot(number, SlotEvent::SessionsActive(list)) = part
            && let Some(slot) = world.slot_at(*number)
        {
            slot.read().keep_activity(list.iter().map(|(id, _)| *id));
        }
    }

    fn tick(&mut self, world: &World, now: Timestamp) -> Vec<Part> {
        let (round, turn) = (self.ticks / ROUND_TICKS, self.ticks % ROUND_TICKS);
        self.ticks = (self.ticks + 1) % (ROUND_TICKS * ACTIVITY_ROUNDS * usize::from(SLOTS));
        let mut parts = Vec::new();
        let slots = self.slots.iter().skip(turn).step_by(ROUND_TICKS);
        for (at, &slot) in slots.enumerate() {
            if (at + round).is_multiple_of(ACTIVITY_ROUNDS) {
                parts.extend(sweep::activity(world, slot, ACTIVITY_MAX));
                parts.extend(sweep::clients(world, slot, now, LOOK_MAX));
            }
        }
        self.due = turn;
        self.end_due(world, now, &mut parts);
        self.sweep(world, now, &mut parts);
        parts
    }

    fn go_on(&mut self, world: &World, now: Timestamp) -> Option<Vec<Part>> {
        if self.due >= self.slots.len() && !self.is_to_be_swept(world) {
            return None;
        }
        let mut parts = Vec::new();
        self.end_due(world, now, &mut parts);
        self.sweep(world, now, &mut parts);
        Some(parts)
    }
}

impl Room for Directory {
    const OWNER: &'static str = "directory";

    fn decide(&mut self, world: &World, command: &Command, now: Timestamp) -> Outcome {
        facts::decide_in_directory(world, self, command, now)
    }

    fn apply(&mut self, world: &World, part: &Part, reached: Option<u64>) {
        if let Part::Directory(event) = part {
            Self::apply(self, event);
            world.apply(part, None);
            self.reached(reached.unwrap_or(0));
        }
    }

    fn untold(&mut self, _: &World, _: &Part) {}

    fn tick(&mut self, world: &World, now: Timestamp) -> Vec<Part> {
        self.look_after(world, now)
    }

    fn go_on(&mut self, _: &World, _: Timestamp) -> Option<Vec<Part>> {
        None
    }
}

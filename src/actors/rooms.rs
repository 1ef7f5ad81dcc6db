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

/// How often an owner looks after what it owns, in milliseconds.
pub(super) const TICK_MS: u64 = 100;
/// Ticks in which every slot is looked at once: one second.
const ROUND_TICKS: usize = 10;
/// Rounds after which a slot's activity is logged and its clients are looked at: 30 seconds. Source: R9.
const ACTIVITY_ROUNDS: usize = 30;
/// Sessions of a slot that one look collects.
const LOOK_MAX: usize = 256;
/// Sessions that are due and that one tick looks at, about. Readers know that they are dead: when very many
/// expire together, ending them takes a tenth of the time rather than all of it.
const DUE_MAX: usize = 8_192;
/// Sessions of a slot whose activity one look logs.
const ACTIVITY_MAX: usize = 4_096;
/// Sessions that one tick of a full sweep looks at, about.
const SWEEP_MAX: usize = 4_096;

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
    /// Looks after what is due; the parts are logged and applied like any others.
    fn tick(&mut self, world: &World, now: Timestamp) -> Vec<Part>;
}

/// A range of slots.
pub(super) struct ShardRoom {
    slots: Vec<SlotNumber>,
    ticks: usize,
    /// The restrictions seen by the last full sweep, and where the present one is.
    swept: u64,
    sweeping: Option<(u64, usize)>,
}

impl ShardRoom {
    pub(super) fn new(shard: u16, shards: u16) -> Self {
        let slots = SlotNumber::from(0)
            .filter(|slot| slot.shard(shards) == shard)
            .collect();
        Self {
            slots,
            ticks: 0,
            // Whatever a sweep before the start left undone is found by the first one.
            swept: u64::MAX,
            sweeping: None,
        }
    }

    /// Goes on with a full sweep, which starts when an account or key was restricted.
    fn sweep(&mut self, world: &World, now: Timestamp, parts: &mut Vec<Part>) {
        let restrictions = world.restrictions();
        let (upto, mut at) = match self.sweeping {
            Some(sweep) => sweep,
            None if restrictions != self.swept => (restrictions, 0),
            None => return,
        };
        let mut looked = 0;
        while looked < SWEEP_MAX {
            let Some(&slot) = self.slots.get(at) else {
                self.swept = upto;
                self.sweeping = None;
                return;
            };
            let swept = sweep::all(world, slot, now);
            // An empty slot costs a look, too.
            looked += 16 + swept.looked;
            parts.extend(swept.parts);
            at += 1;
        }
        self.sweeping = Some((upto, at));
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
        let mut due = 0;
        for (at, &slot) in self
            .slots
            .iter()
            .enumerate()
            .skip(turn)
            .step_by(ROUND_TICKS)
        {
            // What is left waits for the next round; a slot that has been looked at has less left by then.
            if due < DUE_MAX {
                let swept = sweep::due(world, slot, now, LOOK_MAX);
                due += swept.looked;
                parts.extend(swept.parts);
            }
            if (at / ROUND_TICKS + round).is_multiple_of(ACTIVITY_ROUNDS) {
                parts.extend(sweep::activity(world, slot, ACTIVITY_MAX));
                parts.extend(sweep::clients(world, slot, now, LOOK_MAX));
            }
        }
        self.sweep(world, now, &mut parts);
        parts
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
}

//! What records of the log say of slots, gathered, and then applied slot by slot: each slot is locked once for many
//! records, and what lies near it in memory is still near for the next of its events.
//!
//! Invariants: the events of a slot keep their order, and slots have nothing to do with each other, so the state is
//! the one that applying record by record gives; an event is applied if its slot had not reached its record.

use super::event::{Grant, SlotEvent};
use super::slot::{SLOTS, Slot, SlotNumber};
use super::world::World;
use crate::session::id::SessionId;
use crate::session::state::EndReason;
use crate::session::time::Timestamp;

/// Events of slots in the order of their records. Empty again, it keeps its room for the next ones.
#[derive(Debug, Default)]
pub struct Steps {
    /// The record whose events are being added.
    sequence: u64,
    steps: Vec<Step>,
    /// What sessions are given, each once, however many are given it.
    grants: Vec<Grant>,
    /// How many of them are of records before that one.
    grants_before: usize,
    /// Places of `steps`, by slot and then as they came.
    order: Vec<u32>,
}

#[derive(Debug)]
struct Step {
    sequence: u64,
    slot: SlotNumber,
    what: What,
}

/// What nearly all events are lies here itself, so that millions of them ask for no memory.
#[derive(Debug)]
enum What {
    /// With the place of its grant.
    Opened(SessionId, Timestamp, usize),
    Ended(SessionId, Timestamp, EndReason),
    Other(Box<SlotEvent>),
}

impl Steps {
    /// What is added from now on is of this record; sequences do not fall.
    pub fn begin(&mut self, sequence: u64) {
        self.sequence = sequence;
        self.grants_before = self.grants.len();
    }

    /// Adds what sessions of this record may be given.
    pub fn grant(&mut self, grant: Grant) {
        self.grants.push(grant);
    }

    /// Adds that a session began that was given the `nth` grant of this record; without such a one nothing comes of it.
    pub fn opened(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, nth: u32) {
        self.add(
            slot,
            What::Opened(id, at, self.grants_before + nth as usize),
        );
    }

    /// Adds that a session ended.
    pub fn ended(&mut self, slot: SlotNumber, id: SessionId, at: Timestamp, reason: EndReason) {
        self.add(slot, What::Ended(id, at, reason));
    }

    /// Adds any event.
    pub fn event(&mut self, slot: SlotNumber, event: SlotEvent) {
        self.add(slot, What::Other(Box::new(event)));
    }

    fn add(&mut self, slot: SlotNumber, what: What) {
        let sequence = self.sequence;
        self.steps.push(Step {
            sequence,
            slot,
            what,
        });
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Sorts the places by slot, and gives where those of each slot end.
    fn sort(&mut self) -> Vec<u32> {
        let mut ends = vec![0_u32; usize::from(SLOTS) + 1];
        // The next place of a slot stands one behind it, so that it ends where the next slot begins.
        for step in &self.steps {
            if let Some(count) = ends.get_mut(usize::from(step.slot.get()) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        self.order.clear();
        self.order.resize(self.steps.len(), 0);
        for (step, number) in self.steps.iter().zip(0..) {
            if let Some(next) = ends.get_mut(usize::from(step.slot.get())) {
                if let Some(place) = self.order.get_mut(*next as usize) {
                    *place = number;
                }
                *next += 1;
            }
        }
        ends
    }
}

impl World {
    /// Applies what was gathered to those slots that have not reached it, and empties it.
    pub fn replay(&self, steps: &mut Steps) {
        let ends = steps.sort();
        let mut begin = 0;
        for (number, end) in SlotNumber::from(0).zip(ends) {
            let end = end as usize;
            let of_slot = steps.order.get(begin..end).unwrap_or_default();
            begin = end;
            if let Some(slot) = self.slot_at(number).filter(|_| !of_slot.is_empty()) {
                slot.write().follow(steps, of_slot);
            }
        }
        steps.steps.clear();
        steps.grants.clear();
    }
}

impl Slot {
    /// Applies the steps in these places, unless it has reached their records.
    fn follow(&mut self, steps: &Steps, places: &[u32]) {
        // A slot may have several events of one record: all of them count, or none.
        let before = self.position();
        let mut last = before;
        let own = places
            .iter()
            .filter_map(|place| steps.steps.get(*place as usize));
        for step in own.filter(|step| step.sequence > before) {
            match &step.what {
                What::Opened(id, at, grant) => {
                    if let Some(grant) = steps.grants.get(*grant) {
                        self.open(*id, *at, grant);
                    }
                }
                What::Ended(id, at, reason) => self.end(*id, *at, *reason),
                What::Other(event) => self.apply(event),
            }
            last = step.sequence;
        }
        self.reached(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::digest;
    use crate::session::account::ClientType;
    use crate::session::id::AccountId;
    use crate::session::lifetime::Lifetime;
    use crate::session::state::{Factors, Surface};
    use crate::session::token::InstallKey;

    fn id(slot: u8, number: u8) -> SessionId {
        SessionId::from_bytes([slot, 0, 0, 0, 0, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0])
    }

    fn grant(account: u32) -> Grant {
        Grant {
            account: AccountId(account),
            generation: 0,
            surface: Surface::Xdata,
            lifetime: Lifetime {
                idle_timeout_ms: 0,
                absolute: Timestamp::MAX,
            },
            factors: Factors::PASSWORD,
            client_type: ClientType::direct(),
            key: None,
            client: None,
            parent: None,
            chain: Vec::new(),
            address: None,
            user_agent: None,
            attributes: None,
        }
    }

    /// Twelve records over three slots, in the middle of which sessions end and are stamped anew.
    fn record(number: u8, steps: &mut Steps) {
        let at = Timestamp::from_ms(1_000);
        steps.begin(u64::from(number) + 1);
        let slot = |slot: u8| SlotNumber::of(id(slot, 0).as_bytes());
        steps.grant(grant(u32::from(number)));
        steps.grant(grant(100));
        let home = number % 3;
        steps.opened(slot(home), id(home, number), at, 0);
        steps.opened(slot(home), id(home, number + 100), at, 1);
        if number >= 3 {
            steps.ended(slot(home), id(home, number - 3), at, EndReason::Logout);
            let stamped = SlotEvent::SessionRestamped(id(home, number + 97), 7);
            steps.event(slot(home), stamped);
        }
    }

    fn replayed(records_at_once: usize, reached: u64) -> World {
        let world = World::new(InstallKey::new([1; 32]));
        let first = SlotNumber::of(id(0, 0).as_bytes());
        if let Some(slot) = world.slot_at(first) {
            slot.write().reached(reached);
        }
        let mut steps = Steps::default();
        let numbers: Vec<u8> = (0..12).collect();
        for some in numbers.chunks(records_at_once) {
            some.iter().for_each(|number| record(*number, &mut steps));
            world.replay(&mut steps);
            assert!(steps.is_empty());
        }
        world
    }

    #[test]
    fn records_gathered_are_records_one_by_one() {
        // What the first slot has reached already, and the sessions that are left.
        for (reached, left) in [(0, 15), (4, 13), (9, 12), (12, 10)] {
            let one_by_one = replayed(1, reached);
            assert_eq!(one_by_one.session_count(), left, "{reached}");
            for at_once in [2, 5, 12] {
                let gathered = replayed(at_once, reached);
                assert_eq!(digest::of(&gathered), digest::of(&one_by_one), "{reached}");
            }
        }
    }
}

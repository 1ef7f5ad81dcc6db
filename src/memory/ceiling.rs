//! When there is no memory for more: a judgement of what is resident, taken ten times a second.
//!
//! **The margin.** Grants are refused from the soft limit on, an eighth below the ceiling. The eighth is for what
//! still grows then: what was taken before the last look, a table that doubles, the images of a snapshot (one slot
//! at a time, and the directory's lists), passwords being hashed, connections.
//!
//! **Making room.** What has ended leaves places that new things take, but an allocator seldom gives memory back:
//! the process stays as large as it was. So the judgement remembers how many things there were when it was full,
//! and grants go on once a 32nd of them has ended, up to as many as there were. If the process grows all the same,
//! by a 64th of the ceiling, the number is taken anew. So what is resident stays about where it was, and nothing
//! has to be given back for grants to go on.
//!
//! Grants go on as well once the process is a 64th of the ceiling below the soft limit, or has been below it for a
//! second.
//!
//! Knows no clock and no process. Invariant: a judgement that refuses stands for a second at least, so that it does
//! not flutter with the memory of a password that is being hashed.

/// The least that a ceiling may be: an empty process takes half of it.
pub const CEILING_BYTES_MIN: u64 = 96 << 20;
/// Looks for which a judgement that refuses stands: at one in [`LOOK_EVERY_MS`], a second.
const LOOKS_MIN: u32 = 10;
/// How often what is resident is looked at.
pub const LOOK_EVERY_MS: u64 = 100;
/// The part of the ceiling that is kept free.
const MARGIN: u64 = 8;
/// The part by which it comes near, and by which it has to fall again, or may grow.
const STEP: u64 = 64;
/// The part of all things that has to end before grants go on.
const ROOM: u64 = 32;

/// The ceiling, and how it stands.
#[derive(Debug)]
pub struct Ceiling {
    bytes: u64,
    near: bool,
    full: Option<Full>,
}

/// Since the soft limit was reached.
#[derive(Debug)]
struct Full {
    /// What was resident and how many things there were then, or when the process grew since.
    resident: u64,
    things: u64,
    refuses: bool,
    looks: u32,
    /// Nothing was given since.
    filling: bool,
    /// Looks in a row that found it below the soft limit.
    below: u32,
}

/// What follows from a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Grants are refused.
    pub refuses: bool,
    /// Whatever has expired is to be swept now.
    pub sweep: bool,
}

impl Ceiling {
    /// A ceiling of so many bytes.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self {
            bytes,
            near: false,
            full: None,
        }
    }

    /// From how many bytes on grants are refused.
    #[must_use]
    pub fn soft_bytes(&self) -> u64 {
        self.bytes - self.bytes / MARGIN
    }

    fn step(&self) -> u64 {
        self.bytes / STEP
    }

    /// Looks at what is resident. `things` counts what there is in memory; it is asked only where that matters.
    pub fn look(&mut self, resident: u64, things: impl Fn() -> u64) -> Judgement {
        let (soft, step) = (self.soft_bytes(), self.step());
        let near = resident >= soft.saturating_sub(4 * step);
        let mut sweep = near && !self.near;
        self.near = near;
        match &mut self.full {
            None if resident < soft => {}
            None => {
                sweep = true;
                self.full = Some(Full {
                    resident,
                    things: things(),
                    refuses: true,
                    looks: 1,
                    filling: true,
                    below: 0,
                });
            }
            Some(full) if full.refuses && full.looks < LOOKS_MIN => {
                full.looks += 1;
                if full.filling {
                    // What was given before the first look and is there only now.
                    full.resident = full.resident.max(resident);
                    full.things = full.things.max(things());
                }
            }
            Some(full) => {
                full.below = if resident < soft { full.below + 1 } else { 0 };
                if resident < soft.saturating_sub(step) || full.below >= LOOKS_MIN {
                    self.full = None;
                } else {
                    let refused = full.refuses;
                    full.judge(resident, step, things());
                    sweep |= full.refuses && !refused;
                }
            }
        }
        Judgement {
            refuses: self.full.as_ref().is_some_and(|full| full.refuses),
            sweep,
        }
    }
}

impl Full {
    fn judge(&mut self, resident: u64, step: u64, things: u64) {
        if resident > self.resident.saturating_add(step) {
            // What was thought to be room was none: it is as full with fewer things.
            self.resident = resident;
            self.things = self.things.min(things);
        }
        let room = (self.things / ROOM).max(1);
        if !self.refuses && things >= self.things {
            self.refuses = true;
            self.looks = 1;
        } else if self.refuses && things.saturating_add(room) <= self.things {
            self.refuses = false;
            self.filling = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Looks until a judgement may change, and gives the last one.
    fn settled(ceiling: &mut Ceiling, resident: u64, things: u64) -> bool {
        let looks = (0..=LOOKS_MIN).map(|_| ceiling.look(resident, || things).refuses);
        looks.last() == Some(true)
    }

    #[test]
    fn grants_are_refused_from_an_eighth_below_on_and_what_expired_is_swept_first() {
        let mut ceiling = Ceiling::new(800 * MIB);
        assert_eq!(ceiling.soft_bytes(), 700 * MIB);
        let look = |ceiling: &mut Ceiling, mib: u64| {
            let judged = ceiling.look(mib * MIB, || 1_000);
            (judged.refuses, judged.sweep)
        };
        assert_eq!(look(&mut ceiling, 649), (false, false));
        assert_eq!(look(&mut ceiling, 650), (false, true), "it comes near");
        assert_eq!(look(&mut ceiling, 699), (false, false));
        assert_eq!(look(&mut ceiling, 700), (true, true));
        assert_eq!(look(&mut ceiling, 701), (true, false));
    }

    #[test]
    fn nothing_is_counted_while_there_is_room() {
        let mut ceiling = Ceiling::new(800 * MIB);
        ceiling.look(600 * MIB, || panic!("counted"));
    }

    #[test]
    fn a_refusal_stands_for_a_second_and_ends_when_memory_was_given_back() {
        let mut ceiling = Ceiling::new(800 * MIB);
        assert!(ceiling.look(700 * MIB, || 10).refuses);
        for _ in 1..LOOKS_MIN {
            assert!(ceiling.look(100 * MIB, || 0).refuses);
        }
        assert!(!ceiling.look(100 * MIB, || 0).refuses);
        assert!(settled(&mut ceiling, 700 * MIB, 10));
        assert!(!settled(&mut ceiling, 687 * MIB, 10));
        // A little below is given back once it has been so for a second.
        assert!(settled(&mut ceiling, 700 * MIB, 10));
        for _ in 1..LOOKS_MIN {
            assert!(ceiling.look(699 * MIB, || 10).refuses);
        }
        assert!(ceiling.look(700 * MIB, || 10).refuses);
        for _ in 1..LOOKS_MIN {
            assert!(ceiling.look(699 * MIB, || 10).refuses);
        }
        assert!(!ceiling.look(699 * MIB, || 10).refuses);
    }

    #[test]
    fn what_ends_makes_room_although_the_process_stays_as_large() {
        let mut ceiling = Ceiling::new(800 * MIB);
        assert!(settled(&mut ceiling, 700 * MIB, 32_000));
        assert!(settled(&mut ceiling, 700 * MIB, 31_001));
        assert!(!settled(&mut ceiling, 700 * MIB, 31_000), "a 32nd ended");
        assert!(!settled(&mut ceiling, 705 * MIB, 31_999));
        assert!(
            settled(&mut ceiling, 705 * MIB, 32_000),
            "as many as before"
        );
        assert!(settled(&mut ceiling, 705 * MIB, 31_500));
        assert!(!settled(&mut ceiling, 705 * MIB, 30_000));
    }

    #[test]
    fn what_was_under_way_at_the_first_look_counts_as_there() {
        let mut ceiling = Ceiling::new(800 * MIB);
        assert!(ceiling.look(700 * MIB, || 32_000).refuses);
        assert!(ceiling.look(780 * MIB, || 36_000).refuses);
        assert!(settled(&mut ceiling, 780 * MIB, 36_000));
        assert!(
            !settled(&mut ceiling, 780 * MIB, 34_800),
            "a 32nd of all of them"
        );
        // What came later does not.
        assert!(settled(&mut ceiling, 780 * MIB, 36_000));
        assert!(settled(&mut ceiling, 780 * MIB, 38_000));
        assert!(settled(&mut ceiling, 780 * MIB, 35_000));
    }

    #[test]
    fn room_that_was_none_is_taken_back() {
        let mut ceiling = Ceiling::new(640 * MIB);
        assert!(settled(&mut ceiling, 560 * MIB, 32_000));
        assert!(!settled(&mut ceiling, 560 * MIB, 16_000));
        assert!(!settled(&mut ceiling, 570 * MIB, 16_100));
        assert!(
            settled(&mut ceiling, 571 * MIB, 16_100),
            "it grew all the same"
        );
        assert!(!settled(&mut ceiling, 571 * MIB, 15_000));
        assert!(settled(&mut ceiling, 571 * MIB, 16_100));
    }

    #[test]
    fn whoever_begins_above_the_soft_limit_refuses_until_things_end() {
        let mut ceiling = Ceiling::new(64 * MIB);
        assert!(settled(&mut ceiling, 100 * MIB, 1_000));
        assert!(!settled(&mut ceiling, 100 * MIB, 900));
        // Without anything to end, only the process can become smaller.
        let mut empty = Ceiling::new(64 * MIB);
        assert!(settled(&mut empty, 100 * MIB, 0));
        assert!(!settled(&mut empty, 50 * MIB, 0));
    }
}

//! What a reader saw dead stays dead, and a session lives to its deadline and not a millisecond
//! longer, with readers, touches and the sweeper racing the clock (I5, I6, R9).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sessile::clock::Clock;
use sessile::engine::command::{Command, Reply};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::activity::Touch;
use sessile::session::id::SessionId;
use sessile::session::lifetime::Lifetime;
use sessile::session::time::Timestamp;

use crate::rig::{Rig, live, opening};

const IDLE_MS: u32 = 200;
const ABSOLUTE_MS: u64 = 500;
/// Sequence numbers that are given out in each millisecond; a look takes two.
const LOOKS: u64 = 40;

/// One look of one reader. The sequence numbers order looks of all readers: a look whose `began`
/// is larger than another one's `ended` came after it.
#[derive(Clone, Copy, Debug)]
struct Look {
    began: u64,
    ended: u64,
    /// The clock before and after it.
    from: Timestamp,
    to: Timestamp,
    touch: Touch,
    live: bool,
}

/// A session, and the order in which it is looked at.
struct Watched {
    id: SessionId,
    /// Its deadline if nothing touches it, and the one that no touch moves.
    idle: Timestamp,
    absolute: Timestamp,
    sequence: AtomicU64,
    /// How far the readers may go until the clock goes on.
    allowed: AtomicU64,
}

impl Watched {
    fn open(rig: &Rig, n: usize) -> Self {
        let account = rig.account(&format!("alice-{n}"), 0);
        let (id, now) = (rig.id(n), rig.clock.now());
        let absolute = now.plus_ms(ABSOLUTE_MS);
        let lifetime = Lifetime {
            idle_timeout_ms: IDLE_MS,
            absolute,
        };
        let open = Command::Open(opening(account, vec![id], lifetime));
        assert_eq!(rig.ask(open), Ok(Reply::Done));
        let idle = now.plus_ms(u64::from(IDLE_MS));
        Self {
            id,
            idle,
            absolute,
            sequence: AtomicU64::new(0),
            allowed: AtomicU64::new(0),
        }
    }

    /// Lets readers look while the clock goes on, millisecond by millisecond.
    fn race(&self, rig: &Rig, readers: &[Touch], by_ms: u64) -> Vec<Look> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let watching = readers.iter().map(|&touch| {
                let stop = &stop;
                threads.spawn(move || {
                    let mut looks = Vec::new();
                    while !stop.load(Ordering::Acquire) {
                        if self.sequence.load(Ordering::Acquire)
                            < self.allowed.load(Ordering::Acquire)
                        {
                            looks.push(self.look(rig, touch));
                        } else {
                            std::thread::yield_now();
                        }
                    }
                    looks
                })
            });
            let watching: Vec<_> = watching.collect();
            for _ in 0..by_ms {
                // Some looks for each millisecond, the last of them while it passes.
                let allowed = self.allowed.fetch_add(LOOKS, Ordering::AcqRel) + LOOKS;
                while self.sequence.load(Ordering::Acquire) + 4 < allowed {
                    std::thread::yield_now();
                }
                rig.clock.advance_ms(1);
            }
            stop.store(true, Ordering::Release);
            watching
                .into_iter()
                .flat_map(|reader| reader.join().unwrap())
                .collect()
        })
    }

    fn look(&self, rig: &Rig, touch: Touch) -> Look {
        let began = self.sequence.fetch_add(1, Ordering::AcqRel);
        let from = rig.clock.now();
        let live = live(&rig.engine, self.id, touch);
        let to = rig.clock.now();
        let ended = self.sequence.fetch_add(1, Ordering::AcqRel);
        Look {
            began,
            ended,
            from,
            to,
            touch,
            live,
        }
    }

    /// Nothing that began after somebody had seen it dead saw it alive.
    fn assert_final(&self, looks: &[Look]) {
        let dead = looks
            .iter()
            .filter(|look| !look.live)
            .map(|look| look.ended)
            .min();
        let dead = dead.expect("the clock passed the deadline");
        let revived = looks.iter().find(|look| look.live && look.began > dead);
        assert!(revived.is_none(), "{revived:?} after {dead}");
    }

    /// Every look saw it alive if the touches before it say so, and dead if no touch that can have
    /// come before it says otherwise.
    fn assert_exact(&self, looks: &[Look]) {
        let touches = || {
            looks
                .iter()
                .filter(|look| look.live && look.touch == Touch::Yes)
        };
        let idle_ms = u64::from(IDLE_MS);
        for look in looks {
            let surely = touches()
                .filter(|t| t.ended < look.began)
                .map(|t| t.from)
                .max();
            let maybe = touches().filter(|t| t.began < look.ended && t.began != look.began);
            let maybe = maybe.map(|t| t.to).max();
            let deadline = |touched: Option<Timestamp>| {
                let moved = touched.map(|at| at.plus_ms(idle_ms));
                moved.unwrap_or(self.idle).max(self.idle).min(self.absolute)
            };
            assert!(
                look.live || look.to >= deadline(surely),
                "dead too early: {look:?}"
            );
            assert!(
                !look.live || look.from < deadline(maybe),
                "alive too long: {look:?}"
            );
        }
    }
}

fn rig() -> Rig {
    Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), 2)
}

#[test]
fn a_session_nobody_touches_is_alive_before_its_deadline_and_dead_from_it_on() {
    let rig = rig();
    for n in 0..20 {
        let session = Watched::open(&rig, n);
        rig.clock.advance_ms(u64::from(IDLE_MS) - 10);
        let looks = session.race(&rig, &[Touch::No; 4], 20);
        session.assert_final(&looks);
        session.assert_exact(&looks);
    }
}

#[test]
fn a_touch_that_races_the_deadline_saves_the_session_or_finds_it_dead() {
    let rig = rig();
    for n in 0..40 {
        let session = Watched::open(&rig, n);
        // The touches begin in the last milliseconds, or a little too late.
        rig.clock.advance_ms(u64::from(IDLE_MS) - 3 + n as u64 % 4);
        let mut looks = session.race(&rig, &[Touch::No, Touch::Yes, Touch::No], 6);
        rig.clock.advance_ms(u64::from(IDLE_MS) - 3);
        looks.extend(session.race(&rig, &[Touch::No; 3], 6));
        session.assert_final(&looks);
        session.assert_exact(&looks);
    }
}

#[test]
fn no_touch_carries_a_session_past_its_absolute_deadline() {
    let rig = rig();
    for n in 0..10 {
        let session = Watched::open(&rig, n);
        let mut looks = Vec::new();
        while rig.clock.now() < session.absolute {
            looks.push(session.look(&rig, Touch::Yes));
            looks.extend(session.race(&rig, &[Touch::Yes, Touch::No], 2));
            rig.clock.advance_ms(98);
        }
        looks.extend(session.race(&rig, &[Touch::Yes, Touch::No], 2));
        session.assert_final(&looks);
        session.assert_exact(&looks);
        let last = looks
            .iter()
            .filter(|look| look.live)
            .map(|look| look.to)
            .max();
        assert!(
            last.is_some_and(|last| last > session.idle),
            "touches kept it alive"
        );
    }
}

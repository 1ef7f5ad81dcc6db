//! The timing wheel, seen from outside: sweeps are never late and never take what lives.
//!
//! A session is collected at the latest at the first whole second at or after its deadline, wherever
//! the clock stood when it was opened, however far it leapt, and however often it was touched.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sessile::engine::command::{Command, Open};
use sessile::engine::event::SlotEvent;
use sessile::session::id::SessionId;
use sessile::session::lifetime::Lifetime;
use sessile::session::policy::{ABSOLUTE_MAX_MS, DAY_MS, IDLE_TIMEOUT_MAX_MS, WhenFull};
use sessile::session::time::Timestamp;

use crate::ensure;
use crate::names::{account, grant, shared, slots};
use crate::scene::Scene;
use crate::seeds;

/// One round: sessions are opened, some are touched, the clock moves, the slots may be swept.
#[derive(Clone, Debug)]
struct Round {
    opened: Vec<(u8, u32, u64)>,
    touched: Vec<u16>,
    jump_ms: u64,
    /// How many sessions a sweep asks for at a time; `None` if the owner is busy.
    sweep: Option<usize>,
}

fn round() -> impl Strategy<Value = Round> {
    let idle_ms = prop_oneof![2 => Just(0), 1 => 1..70_000_u32, 1 => 1..100_000_000_u32, 1 => 1..=IDLE_TIMEOUT_MAX_MS];
    let absolute_ms = prop_oneof![
        1..5_000_u64,
        1..100_000_u64,
        1..10_000_000_u64,
        1..40 * DAY_MS,
        1..=ABSOLUTE_MAX_MS,
        // Beyond the reach of a wheel: nothing asks for it, and it must work.
        1..4 * ABSOLUTE_MAX_MS,
        (1..400_000_u64).prop_map(|seconds| seconds * 1_000),
        (0..3_u64).prop_map(|off| (1 << 20) * 1_000 + off),
    ];
    let jump_ms = prop_oneof![
        4 => 0..3_000_u64,
        4 => 0..100_000_u64,
        3 => 0..10_000_000_u64,
        2 => 0..3 * DAY_MS,
        1 => 0..60 * DAY_MS,
        1 => (0..2_000_u64).prop_map(|seconds| seconds * 1_000),
        1 => (0..3_u64).prop_map(|off| (1 << 20) * 1_000 + off),
    ];
    let sweep = prop_oneof![1 => Just(None), 2 => Just(Some(1_usize)), 2 => Just(Some(7)), 5 => Just(Some(1_000))];
    let opened = prop::collection::vec((any::<u8>(), idle_ms, absolute_ms), 0..8);
    (
        opened,
        prop::collection::vec(any::<u16>(), 0..6),
        jump_ms,
        sweep,
    )
        .prop_map(|(opened, touched, jump_ms, sweep)| Round {
            opened,
            touched,
            jump_ms,
            sweep,
        })
}

fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1_790_000_000_123),
        // Where levels of a wheel of powers of two begin anew.
        (0..40_u64, 0..5_u64).prop_map(|(turn, off)| (turn << 25) * 1_000 + off),
        0..4_000_000_000_000_u64,
    ]
}

#[test]
fn a_sweep_ends_what_is_due_in_its_second_and_nothing_that_lives() {
    let values = (starts(), prop::collection::vec(round(), 1..120));
    seeds::each(
        "a_sweep_ends_what_is_due_in_its_second_and_nothing_that_lives",
        250,
        &values,
        |(start, rounds)| play(start, &rounds),
    );
}

fn play(start: u64, rounds: &[Round]) -> Result<(), String> {
    let mut scene = Scene::new();
    scene.now = Timestamp::from_ms(start);
    let who = scene.account(account("alice"));
    // Lifetime and last activity of what was not swept yet.
    let mut waiting: BTreeMap<SessionId, (Lifetime, Timestamp)> = BTreeMap::new();
    for (number, round) in rounds.iter().enumerate() {
        for (slot, idle_timeout_ms, absolute_ms) in &round.opened {
            let absolute = scene.now.plus_ms(*absolute_ms);
            let life = Lifetime {
                idle_timeout_ms: *idle_timeout_ms,
                absolute,
            };
            let id = scene.names.session(*slot, None);
            let (ids, grant) = (vec![id], shared(grant(who, 0, life)));
            let open = Open {
                ids,
                grant,
                per_account: None,
                when_full: WhenFull::Deny,
                otp_step: None,
            };
            scene
                .driver
                .ask(&Command::Open(open), false, scene.now)
                .map_err(|refusal| refusal.to_string())?;
            waiting.insert(id, (life, scene.now));
        }
        let known: Vec<_> = waiting.keys().copied().collect();
        for pick in &round.touched {
            let Some(id) = known.get(usize::from(*pick) % known.len().max(1)) else {
                continue;
            };
            if scene.driver.touch(*id, scene.now)
                && let Some((_, last_active)) = waiting.get_mut(id)
            {
                *last_active = scene.now;
            }
        }
        scene.advance_ms(round.jump_ms);
        let Some(max) = round.sweep else { continue };
        let events = slots()
            .into_iter()
            .flat_map(|slot| scene.driver.sweep_due(slot, scene.now, max));
        let mut ended = BTreeSet::new();
        for event in events.collect::<Vec<_>>() {
            let SlotEvent::SessionEnded(id, ..) = event else {
                return Err(format!("a sweep made {event:?}"));
            };
            ensure!(ended.insert(id), "round {number}: {id} was ended twice");
        }
        let deadline = |(life, last_active): &(Lifetime, Timestamp)| {
            let idle = u64::from(life.idle_timeout_ms);
            let idle = if idle == 0 {
                u64::MAX
            } else {
                last_active.ms() + idle
            };
            idle.min(life.absolute.ms())
        };
        for (id, times) in &waiting {
            let (over, now) = (deadline(times), scene.now.ms());
            let late = over.div_ceil(1_000) <= now / 1_000 && !ended.contains(id);
            ensure!(
                !late,
                "round {number}: {id} was over at {over} and not swept at {now}"
            );
            let early = now < over && ended.contains(id);
            ensure!(
                !early,
                "round {number}: {id} is over at {over} and was swept at {now}"
            );
        }
        waiting.retain(|id, _| !ended.contains(id));
    }
    ensure!(
        scene.driver.world.session_count() == waiting.len(),
        "the slots hold something else"
    );
    Ok(())
}

#[test]
fn a_session_of_a_year_is_swept_in_its_second_and_not_in_the_one_before() {
    let mut scene = Scene::new();
    scene.now = Timestamp::from_ms(1_790_000_000_000);
    let who = scene.account(account("alice"));
    let life = Lifetime {
        idle_timeout_ms: 0,
        absolute: scene.now.plus_ms(ABSOLUTE_MAX_MS),
    };
    let id = scene.open_with(grant(who, 0, life));
    let slot = sessile::engine::slot::SlotNumber::of(id.as_bytes());
    scene.advance_ms(ABSOLUTE_MAX_MS - 1_000);
    assert_eq!(scene.driver.sweep_due(slot, scene.now, 10), []);
    scene.advance_ms(999);
    assert_eq!(scene.driver.sweep_due(slot, scene.now, 10), []);
    assert!(scene.live(id));
    scene.advance_ms(1);
    assert_eq!(scene.driver.sweep_due(slot, scene.now, 10).len(), 1);
}

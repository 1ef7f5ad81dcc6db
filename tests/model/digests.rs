//! The state digest: one number for a state, however the state came about. Source: R11.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use sessile::engine::digest;
use sessile::engine::event::{Part, SessionOpened, SlotEvent};
use sessile::engine::slot::SlotNumber;
use sessile::engine::world::World;
use sessile::session::id::AccountId;

use crate::ensure;
use crate::generators::{Theme, runs};
use crate::names::{Names, START, account, grant, install_key, lifetime, shared};
use crate::scene::Scene;
use crate::seeds;
use crate::stage::Limits;
use crate::trial::{Setup, Trial};

pub(crate) fn digest_of<'a>(parts: impl IntoIterator<Item = &'a Part>) -> u128 {
    let world = World::new(install_key());
    parts.into_iter().for_each(|part| world.apply(part, None));
    digest::of(&world)
}

/// Each owner applies its own parts in order; how far the owners are from one another is nobody's
/// business.
#[test]
fn a_digest_does_not_depend_on_how_the_owners_keep_step() {
    let limits = Limits {
        mollybet: Some(2),
        xdata: None,
        i3d: None,
        clerk: None,
    };
    let setup = Setup {
        limits,
        watch_every: 1_000,
    };
    let values = (
        runs(Theme::Everything, 200),
        prop::collection::vec(any::<u8>(), 1..50),
    );
    let name = "a_digest_does_not_depend_on_how_the_owners_keep_step";
    seeds::each(name, 30, &values, |(operations, order)| {
        let log = Trial::play(setup, &operations)?;
        let mut owners: BTreeMap<Option<SlotNumber>, VecDeque<&Part>> = BTreeMap::new();
        for part in &log {
            let owner = match part {
                Part::Slot(number, _) => Some(*number),
                Part::Directory(_) => None,
            };
            owners.entry(owner).or_default().push_back(part);
        }
        let mut mixed = Vec::new();
        for pick in order.iter().cycle().map(|pick| usize::from(*pick)) {
            let Some(queue) = owners
                .values_mut()
                .filter(|queue| !queue.is_empty())
                .nth(pick % 3)
            else {
                if owners.values().all(VecDeque::is_empty) {
                    break;
                }
                mixed.extend(owners.values_mut().filter_map(VecDeque::pop_front));
                continue;
            };
            mixed.extend(queue.pop_front());
        }
        ensure!(
            mixed.len() == log.len(),
            "{} of {} parts",
            mixed.len(),
            log.len()
        );
        let (straight, mixed) = (digest_of(&log), digest_of(mixed));
        ensure!(straight == mixed, "{straight:x} became {mixed:x}");
        Ok(())
    });
}

#[test]
fn a_digest_does_not_depend_on_the_order_of_opening() {
    let mut names = Names::default();
    let grant = shared(grant(AccountId(0), 0, lifetime(0, 1_000, START)));
    let mut parts: Vec<_> = (0..50_u8)
        .map(|slot| {
            let id = names.session(slot, None);
            Part::session(
                id,
                SlotEvent::SessionOpened(SessionOpened {
                    id,
                    at: START,
                    grant: grant.clone(),
                }),
            )
        })
        .collect();
    let forwards = digest_of(&parts);
    parts.reverse();
    assert_eq!(digest_of(&parts), forwards);
    parts.rotate_left(17);
    assert_eq!(digest_of(&parts), forwards);
    assert_ne!(digest_of(parts.iter().skip(1)), forwards);
}

#[test]
fn activity_does_not_count_whether_it_was_logged_or_not() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let id = scene.open(who);
    let before = digest::of(&scene.driver.world);
    scene.driver.touch(id, scene.now.plus_ms(5_000));
    assert_eq!(digest::of(&scene.driver.world), before);
    let logged = scene.driver.log_activity(SlotNumber::of(id.as_bytes()), 10);
    assert_eq!(logged, [(id, scene.now.plus_ms(5_000))]);
    assert_eq!(digest::of(&scene.driver.world), before);
}

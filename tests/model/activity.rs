//! Touches: what readers mark, what is logged of it, and what a late one cannot do. Source: R9, I5.

use std::collections::BTreeSet;

use sessile::engine::event::{Part, SlotEvent};
use sessile::engine::slot::SlotNumber;
use sessile::session::activity::{Look, Touch};
use sessile::session::state::Surface;

use crate::names::account;
use crate::scene::Scene;

#[test]
fn activity_that_is_applied_late_takes_no_later_touch_back() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let id = scene.open(who);
    let collected = scene.now.plus_ms(1_000);
    let touched = scene.now.plus_ms(2_000);
    assert!(scene.driver.touch(id, touched));
    let logged = SlotEvent::SessionsActive(vec![(id, collected)]);
    scene.driver.apply(&Part::session(id, logged));
    let last_active = scene
        .driver
        .world
        .ages(id)
        .map(|(_, last_active)| last_active);
    assert_eq!(last_active, Some(touched));
}

#[test]
fn activity_is_logged_in_pieces_until_none_is_left() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let ids: Vec<_> = (0..10).map(|_| scene.open(who)).collect();
    let touched = scene.now.plus_ms(5);
    assert!(ids.iter().all(|id| scene.driver.touch(*id, touched)));
    let slot = SlotNumber::of(ids.first().map_or(&[0; 16], |id| id.as_bytes()));
    let pieces: Vec<_> = (0..5).map(|_| scene.driver.log_activity(slot, 3)).collect();
    let lens: Vec<_> = pieces.iter().map(Vec::len).collect();
    assert_eq!(lens, [3, 3, 3, 1, 0]);
    let logged: BTreeSet<_> = pieces.into_iter().flatten().collect();
    assert_eq!(logged, ids.into_iter().map(|id| (id, touched)).collect());
}

#[test]
fn a_session_that_was_seen_overdue_is_dead_for_a_reader_whose_clock_was_read_earlier() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let id = scene.open(who);
    let over = scene.now.plus_ms(86_400_000);
    let just_before = scene.now.plus_ms(86_399_999);
    assert!(scene.driver.is_live(id, just_before));
    assert!(!scene.driver.is_live(id, over));
    for touch in [Touch::Yes, Touch::No] {
        assert!(
            scene
                .driver
                .world
                .with_session(id, just_before, touch, |view| view.is_none())
        );
    }
}

#[test]
fn a_look_from_another_surface_finds_nothing_and_touches_nothing() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let id = scene.open(who);
    let later = scene.now.plus_ms(1_000);
    let look = |surface| {
        let look = Look::on(surface, Touch::Yes);
        let world = &scene.driver.world;
        let found = world.with_session(id, later, look, |view| view.is_some());
        (found, world.ages(id).map(|(_, last_active)| last_active))
    };
    assert_eq!(look(Surface::Xdata), (false, Some(scene.now)));
    assert_eq!(look(Surface::Mollybet), (true, Some(later)));
}

#[test]
fn activity_that_was_taken_and_not_logged_after_all_is_taken_again() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let id = scene.open(who);
    let touched = scene.now.plus_ms(5);
    assert!(scene.driver.touch(id, touched));
    let slot = scene.driver.world.slot_at(SlotNumber::of(id.as_bytes()));
    let slot = slot.expect("there are 4,096 slots").read();
    for _ in 0..2 {
        assert_eq!(slot.take_activity(16), [(id, touched)]);
        assert_eq!(slot.take_activity(16), []);
        slot.keep_activity([id].into_iter());
    }
}

//! Limits per account and surface: exact at every instant, and fair. Source: R4, R21.

use sessile::engine::command::{Command, Open};
use sessile::session::policy::WhenFull;

use crate::names::{START, account, shared};
use crate::scene::Scene;

#[test]
fn a_limit_holds_after_every_single_part_of_a_record() {
    for when_full in [WhenFull::Deny, WhenFull::EvictOldest, WhenFull::EvictIdle] {
        let mut scene = Scene::new();
        let who = scene.account(account("alice"));
        let mut opened = Vec::new();
        for batch in [2_u8, 1, 3, 1, 2, 4] {
            scene.advance_ms(10);
            let ids: Vec<_> = (0..batch)
                .map(|slot| scene.names.session(slot, None))
                .collect();
            opened.extend(ids.clone());
            let grant = shared(scene.plain(who));
            let open = Open {
                ids,
                grant,
                per_account: Some(3),
                when_full,
                otp_step: None,
            };
            let (asked, now) = (Command::Open(open), scene.now);
            for part in scene
                .driver
                .decide(&asked, true, now)
                .map(|d| d.parts)
                .unwrap_or_default()
            {
                scene.driver.apply(&part);
                let live = opened.iter().filter(|id| scene.live(**id)).count();
                assert!(live <= 3, "{live} are live after {part:?}");
            }
        }
        let live = opened.iter().filter(|id| scene.live(**id)).count();
        assert_eq!(live, 3, "{when_full:?}: no more went than had to");
    }
}

#[test]
fn room_is_made_by_the_one_that_the_policy_names() {
    // (policy, which of three goes for a fourth): opened at 1, 2, 3 s, last active at 9, 5, 7 s
    let cases = [(WhenFull::EvictOldest, 0), (WhenFull::EvictIdle, 1)];
    for (when_full, goes) in cases {
        let mut scene = Scene::new();
        let who = scene.account(account("alice"));
        let open = |scene: &mut Scene| {
            scene.advance_ms(1_000);
            let ids = vec![scene.names.session(0, None)];
            let grant = shared(scene.plain(who));
            let (per_account, otp_step) = (Some(3), None);
            let open = Open {
                ids: ids.clone(),
                grant,
                per_account,
                when_full,
                otp_step,
            };
            scene.done(&Command::Open(open));
            ids
        };
        let three: Vec<_> = (0..3).flat_map(|_| open(&mut scene)).collect();
        for (id, ms) in three.iter().zip([9_000, 5_000, 7_000]) {
            assert!(scene.driver.touch(*id, START.plus_ms(ms)));
        }
        scene.advance_ms(10_000);
        open(&mut scene);
        let gone: Vec<_> = (0..)
            .zip(&three)
            .filter(|(_, id)| !scene.live(**id))
            .map(|(n, _)| n)
            .collect();
        assert_eq!(gone, [goes], "{when_full:?}");
    }
}

//! Impersonation: who may, how deep, and that a child never outlives its parent. Source: R17, R3.

use sessile::engine::command::{AccountChange, Command, Sudo};
use sessile::engine::decide::Decision;
use sessile::engine::error::Refusal;
use sessile::engine::event::{Grant, Part, SlotEvent};
use sessile::engine::slot::SlotNumber;
use sessile::session::account::Account;
use sessile::session::activity::Touch;
use sessile::session::id::{AccountId, SessionId};
use sessile::session::policy::{SUDO_CHAIN_MAX, WhenFull};
use sessile::session::state::{EndReason, Surface};

use crate::names::{account, group, lifetime};
use crate::scene::{Scene, logout, patch};

const HOUR_MS: u64 = 3_600_000;

/// An account that may impersonate everybody of `group-0`, itself included.
fn chief(name: &str) -> Account {
    Account {
        may_sudo: true,
        group: Some(group(0)),
        managed_groups: vec![group(0)],
        ..account(name)
    }
}

fn sudo(
    scene: &mut Scene,
    parent: SessionId,
    target: AccountId,
    per_account: Option<u32>,
) -> Result<(SessionId, Decision), Refusal> {
    let child = scene.names.session(2, None);
    let asked = Sudo {
        parent,
        surface: Surface::Mollybet,
        target: Some(target),
        child,
        idle_timeout_ms: 86_400_000,
        absolute_ms: HOUR_MS,
        per_account,
        when_full: WhenFull::EvictIdle,
    };
    scene
        .ask(&Command::Sudo(asked))
        .map(|decision| (child, decision))
}

#[test]
fn a_chain_has_at_most_four_accounts_and_names_the_first_actor_first() {
    let mut scene = Scene::new();
    let root = scene.account(chief("root"));
    let deputies = ["d1", "d2", "d3", "d4", "d5"].map(|name| scene.account(chief(name)));
    let mut parent = scene.open(root);
    let mut chain = vec![root];
    for (depth, deputy) in deputies.into_iter().enumerate() {
        let asked = sudo(&mut scene, parent, deputy, None);
        if depth >= SUDO_CHAIN_MAX {
            assert_eq!(asked.map(|(id, _)| id), Err(Refusal::NotPermitted));
            break;
        }
        let (child, _) = asked.expect("the chain is short enough");
        let shown = scene
            .driver
            .world
            .with_session(child, scene.now, Touch::No, |view| {
                view.map(|v| (v.account_id(), v.chain().to_vec(), v.parent()))
            });
        assert_eq!(shown, Some((deputy, chain.clone(), Some(parent))));
        assert!(
            scene.driver.world.is_live(child, scene.now),
            "depth {depth}"
        );
        chain.push(deputy);
        parent = child;
    }
    assert_eq!(chain.len(), SUDO_CHAIN_MAX + 1);
}

#[test]
fn every_account_of_the_chain_must_have_the_right_and_see_the_target() {
    let mut scene = Scene::new();
    let root = scene.account(chief("root"));
    let deputy = scene.account(chief("deputy"));
    let member = scene.account(Account {
        group: Some(group(0)),
        ..account("alice")
    });
    let outside = scene.account(Account {
        agent: Some(deputy),
        ..account("dan")
    });
    let session = scene.open(root);
    let (as_deputy, _) = sudo(&mut scene, session, deputy, None).expect("root sees its deputy");
    assert!(sudo(&mut scene, as_deputy, member, None).is_ok());
    // root sees dan through the deputy, whose manager it is
    assert!(sudo(&mut scene, as_deputy, outside, None).is_ok());
    scene.change(root, patch(|p| p.managed_groups = Some(Vec::new())), None);
    let unseen = sudo(&mut scene, as_deputy, outside, None);
    assert_eq!(unseen.map(|(id, _)| id), Err(Refusal::AccountNotFound));
    let (as_self, _) = sudo(&mut scene, session, root, None).expect("everybody sees itself");
    scene.change(root, patch(|p| p.may_sudo = Some(false)), None);
    for parent in [session, as_deputy, as_self] {
        let entitled = sudo(&mut scene, parent, member, None);
        assert_eq!(entitled.map(|(id, _)| id), Err(Refusal::NotPermitted));
    }
}

#[test]
fn a_child_ends_with_its_parent_however_that_one_ends() {
    type End = fn(&mut Scene, SessionId);
    let ends: [(&str, End); 7] = [
        ("logout", |scene, parent| {
            scene.done(&logout(parent));
        }),
        ("idle", |scene, _| scene.advance_ms(10_000)),
        ("absolute", |scene, parent| {
            for _ in 0..6 {
                assert!(scene.driver.touch(parent, scene.now));
                scene.advance_ms(5_000);
            }
        }),
        ("revoked", |scene, _| {
            scene.change(AccountId(0), AccountChange::RevokeSessions, None);
        }),
        ("disabled", |scene, _| {
            scene.change(AccountId(0), patch(|p| p.enabled = Some(false)), None);
        }),
        ("deleted", |scene, _| {
            scene.done(&Command::DeleteAccount(AccountId(0)));
        }),
        ("swept", |scene, parent| {
            scene.advance_ms(11_000);
            let slot = SlotNumber::of(parent.as_bytes());
            scene.driver.sweep_due(slot, scene.now, 100);
        }),
    ];
    for (name, end) in ends {
        let mut scene = Scene::new();
        let root = scene.account(chief("root"));
        let deputy = scene.account(chief("deputy"));
        assert_eq!(root, AccountId(0));
        let grant = scene.plain(root);
        let parent = scene.open_with(Grant {
            lifetime: lifetime(10_000, 30_000, scene.now),
            ..grant
        });
        let (child, _) = sudo(&mut scene, parent, deputy, None).expect("permitted");
        let (grandchild, _) = sudo(&mut scene, child, deputy, None).expect("permitted");
        for id in [child, grandchild] {
            let absolute = scene
                .driver
                .world
                .with_session(id, scene.now, Touch::Yes, |v| v.map(|v| v.absolute()));
            assert_eq!(absolute, Some(scene.now.plus_ms(30_000)), "{name}");
        }
        end(&mut scene, parent);
        for id in [parent, child, grandchild] {
            assert!(
                !scene.live(id) && !scene.driver.world.is_live(id, scene.now),
                "{name}"
            );
        }
        scene.driver.restart().expect("the same state");
        assert!(
            !scene.live(child) && !scene.live(grandchild),
            "{name} and a restart"
        );
    }
}

#[test]
fn an_impersonation_never_makes_room_at_the_cost_of_somebodys_own_session() {
    let mut scene = Scene::new();
    let root = scene.account(chief("root"));
    let target = scene.account(Account {
        max_sessions: Some(1),
        ..chief("alice")
    });
    let session = scene.open(root);
    let ids = vec![scene.names.session(0, None)];
    let own = ids.clone();
    let grant = crate::names::shared(scene.plain(target));
    let open = sessile::engine::command::Open {
        ids,
        grant,
        per_account: None,
        when_full: WhenFull::EvictIdle,
        otp_step: None,
    };
    scene.done(&Command::Open(open));
    let refused = sudo(&mut scene, session, target, None).map(|(id, _)| id);
    assert_eq!(refused, Err(Refusal::LimitReached));
    assert!(own.iter().all(|id| scene.live(*id)));
}

/// "The caller's session is neither ended nor altered": M-71.
#[test]
fn an_impersonation_never_ends_a_session_that_it_hangs_on() {
    let mut scene = Scene::new();
    let root = scene.account(chief("root"));
    let deputy = scene.account(Account {
        max_sessions: Some(1),
        ..chief("deputy")
    });
    let session = scene.open(root);
    let (as_deputy, _) = sudo(&mut scene, session, deputy, None).expect("there is room");
    let again = sudo(&mut scene, as_deputy, deputy, None);
    assert!(scene.live(as_deputy), "it made room for its own child");
    assert_eq!(again.map(|(id, _)| id), Err(Refusal::LimitReached));
    // Nor from further down the same line.
    let twin = scene.account(chief("twin"));
    let (as_twin, _) = sudo(&mut scene, as_deputy, twin, None).expect("there is no limit");
    let again = sudo(&mut scene, as_twin, deputy, None);
    assert!(scene.live(as_deputy), "it made room for its grandchild");
    assert_eq!(again.map(|(id, _)| id), Err(Refusal::LimitReached));
    // From elsewhere the same session may go.
    scene.advance_ms(1);
    let (second, decision) =
        sudo(&mut scene, session, deputy, None).expect("an impersonation makes room");
    let ended = |part: &Part| matches!(part, Part::Slot(_, SlotEvent::SessionEnded(id, ..)) if *id == as_deputy);
    assert!(decision.parts.first().is_some_and(ended));
    assert!(scene.live(second) && !scene.live(as_deputy));
}

/// Nothing tells the slot of a session that the one it hangs on has ended; it looks by itself.
#[test]
fn what_hangs_on_an_ended_session_is_ended_by_the_next_look() {
    let mut scene = Scene::new();
    let root = scene.account(chief("root"));
    let deputy = scene.account(chief("deputy"));
    let parent = scene.open(root);
    let (child, _) = sudo(&mut scene, parent, deputy, None).expect("root sees its deputy");
    let slot = SlotNumber::of(child.as_bytes());
    assert_eq!(scene.driver.sweep_due(slot, scene.now, 16), []);
    scene.ask(&logout(parent)).expect("it is live");
    let ended = scene.driver.sweep_due(slot, scene.now, 16);
    assert_eq!(
        ended,
        [SlotEvent::SessionEnded(child, scene.now, EndReason::Parent)]
    );
    assert_eq!(scene.driver.sweep_due(slot, scene.now, 16), []);
}

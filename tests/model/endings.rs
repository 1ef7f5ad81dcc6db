//! How one session ends, at its deadline or by command, and that it stays ended; spent steps too.

use sessile::engine::command::{Command, End, NewKey, Open, Reply};
use sessile::engine::digest;
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Handoff, Part, SlotEvent};
use sessile::session::key::KeyKind;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};
use sessile::session::token::InstallKey;

use crate::names::{account, lifetime, shared};
use crate::scene::{Scene, logout, patch};

#[test]
fn a_session_lives_until_its_deadline_and_not_one_millisecond_longer() {
    // (idle timeout, absolute lifetime, when it is touched, when it is over), in milliseconds from opening
    let cases: [(u32, u64, &[u64], u64); 6] = [
        (0, 5_000, &[], 5_000),
        (0, 5_000, &[4_999], 5_000),
        (1_000, 5_000, &[], 1_000),
        (1_000, 5_000, &[999, 1_998], 2_998),
        (1_000, 5_000, &[999, 1_998, 2_997, 3_996, 4_995], 5_000),
        (1_000, 5_000, &[1_000], 1_000),
    ];
    for (idle, absolute, touches, over) in cases {
        for restarts in [false, true] {
            let mut scene = Scene::new();
            let who = scene.account(account("alice"));
            let opened = scene.now;
            let mut grant = scene.plain(who);
            grant.lifetime = lifetime(idle, absolute, opened);
            let id = scene.open_with(grant);
            for &at in touches {
                assert_eq!(
                    scene.driver.touch(id, opened.plus_ms(at)),
                    at < over,
                    "{idle} {absolute} {at}"
                );
            }
            if restarts {
                crate::names::slots().into_iter().for_each(|slot| {
                    scene.driver.log_activity(slot, usize::MAX);
                });
                scene.driver.restart().expect("the same state");
            }
            // Whoever saw it overdue ended it for all.
            let seen_over = !restarts && touches.iter().any(|at| *at >= over);
            let just_before = scene.driver.is_live(id, opened.plus_ms(over - 1));
            assert_eq!(just_before, !seen_over, "{idle} {absolute} {touches:?}");
            assert!(
                !scene.driver.is_live(id, opened.plus_ms(over)),
                "{idle} {absolute} {touches:?}"
            );
        }
    }
}

/// A reader's clock may be ahead of the sweeper's, and what it saw overdue is over for both.
#[test]
fn a_session_ends_of_the_limit_that_came_first_whoever_saw_it_end() {
    // (idle timeout, absolute lifetime, why it ends), in milliseconds from opening
    for (idle, absolute, reason) in [
        (0, 5_000, EndReason::Absolute),
        (5_000, 5_000, EndReason::Absolute),
        (9_000, 5_000, EndReason::Absolute),
        (5_000, 9_000, EndReason::Idle),
    ] {
        let mut scene = Scene::new();
        let who = scene.account(account("alice"));
        let mut grant = scene.plain(who);
        grant.lifetime = lifetime(idle, absolute, scene.now);
        let id = scene.open_with(grant);
        let over = scene.now.plus_ms(5_000);
        let before = scene.now.plus_ms(4_999);
        assert_eq!(scene.driver.world.death(id, before), None, "{idle}");
        assert!(!scene.driver.touch(id, over), "{idle}");
        // The sweeper may be behind that reader, or long after it.
        for swept in [before, over, scene.now.plus_ms(99_000)] {
            assert_eq!(scene.driver.world.death(id, swept), Some(reason), "{idle}");
        }
    }
}

#[test]
fn an_ended_session_never_revives_through_late_events() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let (id, other) = (scene.open(who), scene.open(who));
    scene.driver.touch(id, scene.now.plus_ms(5));
    let empty_handed = digest::of(&scene.driver.world);
    scene.done(&logout(id));
    let ended = digest::of(&scene.driver.world);
    assert_ne!(empty_handed, ended);
    // Decided or collected before the end, applied after it.
    let later = scene.now.plus_ms(10);
    let token = scene.names.handoff(id);
    let handoff = Handoff {
        session: id,
        generation: 0,
        issued: scene.now,
        expires: later,
    };
    let late = [
        SlotEvent::SessionsActive(vec![(id, later)]),
        SlotEvent::SessionRestamped(id, 7),
        SlotEvent::SessionEnded(id, later, EndReason::Idle),
        SlotEvent::HandoffIssued(token, handoff),
    ];
    for event in late {
        scene.driver.apply(&Part::session(id, event.clone()));
        assert!(!scene.live(id), "{event:?}");
        assert!(!scene.driver.touch(id, scene.now), "{event:?}");
        assert_eq!(scene.driver.world.session_count(), 1, "{event:?}");
    }
    assert_eq!(
        scene.ask(&Command::RedeemHandoff(token, other)),
        Err(Refusal::HandoffNotFound)
    );
    scene
        .driver
        .apply(&Part::handoff(token, SlotEvent::HandoffDropped(token)));
    assert_eq!(digest::of(&scene.driver.world), ended);
    scene.driver.restart().expect("the same state");
    assert!(!scene.live(id) && scene.live(other));
}

#[test]
fn an_end_from_elsewhere_is_answered_like_an_unknown_session_and_changes_nothing() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let key = |scene: &mut Scene, name: &str| {
        let secret = InstallKey::new([1; 32]).digest(name.as_bytes());
        let new = NewKey {
            kind: KeyKind::Xdata,
            name: name.into(),
            secret,
            account: Some(who),
            expires_at: None,
            networks: Vec::new(),
        };
        match scene.done(&Command::CreateKey(new)).reply {
            Reply::KeyCreated(id) => id,
            other => panic!("a key was answered {other:?}"),
        }
    };
    let (own, other) = (key(&mut scene, "own"), key(&mut scene, "other"));
    let grant = scene.plain(who);
    let id = scene.open_with(sessile::engine::event::Grant {
        surface: Surface::Xdata,
        key: Some(own),
        ..grant
    });
    let end = |surface, key| {
        Command::End(End {
            id,
            surface,
            key,
            client: None,
            reason: EndReason::Logout,
        })
    };
    let before = digest::of(&scene.driver.world);
    let foreign = [
        end(Some(Surface::Mollybet), None),
        end(Some(Surface::Mollybet), Some(own)),
        end(Some(Surface::Xdata), Some(other)),
        end(None, Some(other)),
    ];
    for command in foreign {
        assert_eq!(
            scene.ask(&command),
            Err(Refusal::SessionNotFound),
            "{command:?}"
        );
        assert!(scene.live(id), "{command:?}");
    }
    assert_eq!(digest::of(&scene.driver.world), before);
    scene.done(&end(Some(Surface::Xdata), Some(own)));
    assert_eq!(
        scene.ask(&end(Some(Surface::Xdata), Some(own))),
        Err(Refusal::SessionNotFound)
    );
}

#[test]
fn a_one_time_password_step_is_spent_once_and_older_ones_with_it() {
    let mut scene = Scene::new();
    let who = scene.account(account("otto"));
    let open = |scene: &mut Scene, step, surface| {
        let grant = sessile::engine::event::Grant {
            surface,
            ..scene.plain(who)
        };
        let ids = vec![scene.names.session(1, None)];
        let open = Open {
            ids,
            grant: shared(grant),
            per_account: Some(2),
            when_full: WhenFull::Deny,
            otp_step: Some(step),
        };
        scene.ask(&Command::Open(open)).map(|_| ())
    };
    // (step, surface, answer): a refused open spends nothing, another surface is the same account
    let cases = [
        (50, Surface::Mollybet, Ok(())),
        (50, Surface::Mollybet, Err(Refusal::StepSpent)),
        (50, Surface::Xdata, Err(Refusal::StepSpent)),
        (49, Surface::Mollybet, Err(Refusal::StepSpent)),
        (51, Surface::Mollybet, Ok(())),
        (52, Surface::Mollybet, Err(Refusal::LimitReached)),
        (52, Surface::Xdata, Ok(())),
        (52, Surface::Xdata, Err(Refusal::StepSpent)),
    ];
    for (step, surface, answer) in cases {
        assert_eq!(open(&mut scene, step, surface), answer, "{step} {surface}");
        scene.driver.restart().expect("the same state");
    }
}

/// I4: a change of the account that was decided first and applied later takes no spent step back.
#[test]
fn a_step_spent_while_the_account_changes_stays_spent() {
    let mut scene = Scene::new();
    let who = scene.account(account("otto"));
    let change = Command::ChangeAccount(who, patch(|p| p.locked = Some(false)), None);
    let noted = Command::ChangeAccount(who, patch(|p| p.group = Some(Some("demo".into()))), None);
    let decided = [change, noted].map(|command| scene.driver.decide(&command, true, scene.now));
    scene
        .driver
        .apply(&Part::Directory(DirectoryEvent::StepSpent(who, 50)));
    for part in decided
        .into_iter()
        .flatten()
        .flat_map(|decision| decision.parts)
    {
        scene.driver.apply(&part);
    }
    let published = scene.driver.world.accounts.get(who).expect("it is there");
    assert_eq!(
        (published.totp_step_spent, published.group.as_deref()),
        (50, Some("demo"))
    );
    scene.driver.restart().expect("the same state");
}

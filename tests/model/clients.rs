//! Clients: what they hold and remember, and that their sessions live and die with them. Source: R7, R8.

use sessile::engine::clients::SessionStatus::{Active, Ended, Expired};
use sessile::engine::command::{AccountChange, Command, SignIn};
use sessile::engine::error::Refusal;
use sessile::engine::event::Grant;
use sessile::engine::slot::SlotNumber;
use sessile::session::id::{AccountId, ClientId, SessionId};
use sessile::session::policy::{DAY_MS, WhenFull};
use sessile::session::state::{EndReason, Surface};

use crate::names::{account, lifetime};
use crate::scene::{Scene, logout};

/// A browser with a session of `alice`.
fn browser(scene: &mut Scene) -> (ClientId, AccountId, SessionId) {
    let who = scene.account(account("alice"));
    let client = scene.names.client(4);
    let id = scene.sign_in(client, who).expect("nobody is in the way");
    (client, who, id)
}

fn slot_of(client: ClientId) -> SlotNumber {
    SlotNumber::of(client.as_bytes())
}

#[test]
fn a_destroyed_client_takes_everything_with_it() {
    let mut scene = Scene::new();
    let (client, _, first) = browser(&mut scene);
    let other = scene.account(account("bob"));
    let second = scene.sign_in(client, other).expect("another account");
    scene.done(&logout(first));
    let third = scene.account(account("cid"));
    let pending = scene.start(client, third);
    assert_eq!(scene.listed(client), [(second, Active), (first, Ended)]);
    scene.done(&Command::DestroyClient(client));
    for _ in 0..2 {
        assert!(!scene.live(second) && !scene.client_exists(client));
        assert_eq!(scene.driver.world.session_count(), 0);
        for command in [
            Command::DestroyClient(client),
            Command::ClearClient(client, EndReason::Logout),
            Command::ForgetSession(client, first),
            Command::SelectSession(client, second),
        ] {
            assert_eq!(scene.ask(&command), Err(Refusal::SessionNotFound));
        }
        let guess = Command::GuessSignIn(client, pending);
        assert_eq!(scene.ask(&guess), Err(Refusal::SignInNotFound));
        scene.restart();
    }
}

/// A client that signs in again may get its old id: what was seen dead must not come back (I5).
#[test]
fn a_client_that_comes_to_be_again_does_not_bring_its_old_sessions_back() {
    let mut scene = Scene::new();
    let (client, who, id) = browser(&mut scene);
    scene.done(&Command::DestroyClient(client));
    let again = scene.sign_in(client, who).expect("nobody is there");
    for _ in 0..2 {
        assert!(!scene.live(id) && scene.live(again));
        assert_eq!(scene.listed(client), [(again, Active)]);
        scene.restart();
    }
}

#[test]
fn a_browser_holds_ten_live_sessions_and_the_longest_idle_makes_room() {
    let mut scene = Scene::new();
    let client = scene.names.client(0);
    let names = (0..14).map(|n| format!("user-{n}"));
    let accounts: Vec<_> = names.map(|name| scene.account(account(&name))).collect();
    let mut sessions = Vec::new();
    for who in &accounts {
        sessions.push(scene.sign_in(client, *who).expect("one of each"));
        scene.advance_ms(1_000);
        // The first one stays in use.
        sessions.iter().take(1).for_each(|first| {
            scene.driver.touch(*first, scene.now);
        });
    }
    let live: Vec<_> = sessions.iter().filter(|id| scene.live(**id)).collect();
    let expected: Vec<_> = sessions
        .iter()
        .take(1)
        .chain(sessions.iter().skip(5))
        .collect();
    assert_eq!(live, expected);
    let gone = sessions.iter().skip(1).take(4).map(|id| (*id, Ended));
    let gone: Vec<_> = gone.collect();
    assert_eq!(scene.listed(client).split_off(10), gone);
}

#[test]
fn a_browser_remembers_the_ten_latest_ends() {
    let mut scene = Scene::new();
    let (client, who, first) = browser(&mut scene);
    let mut ended = vec![(first, Ended)];
    scene.done(&logout(first));
    for _ in 0..14 {
        let id = scene.sign_in(client, who).expect("the last one ended");
        scene.advance_ms(5);
        scene.done(&logout(id));
        ended.push((id, Ended));
    }
    for _ in 0..2 {
        assert_eq!(scene.listed(client), ended.split_off(ended.len() - 10));
        scene.restart();
        ended = scene.listed(client);
    }
}

#[test]
fn a_session_that_a_limit_of_its_account_ended_stays_listed_and_a_revoked_one_vanishes() {
    let mut scene = Scene::new();
    let (client, who, first) = browser(&mut scene);
    let elsewhere = scene.names.client(1);
    let grant = Grant {
        client: Some(elsewhere),
        surface: Surface::Clerk,
        ..scene.plain(who)
    };
    // The first login was without a limit and does not count; the next two are under one of one.
    let limited = |scene: &mut Scene, client, grant: &Grant| {
        let grant = Grant {
            client: Some(client),
            ..grant.clone()
        };
        let (id, mut asked) = scene.login(grant, None);
        asked.open.per_account = Some(1);
        asked.open.when_full = WhenFull::EvictIdle;
        scene.done(&Command::SignIn(asked));
        id
    };
    let third = scene.names.client(2);
    let evicted = limited(&mut scene, elsewhere, &grant);
    let last = limited(&mut scene, third, &grant);
    assert_eq!(scene.listed(elsewhere), [(evicted, Ended)]);
    assert_eq!(scene.listed(third), [(last, Active)]);
    assert_eq!(scene.listed(client), [(first, Active)]);
    scene.change(who, AccountChange::RevokeSessions, None);
    for swept in [false, true] {
        assert_eq!(scene.listed(client), [], "swept: {swept}");
        assert_eq!(scene.listed(third), [], "swept: {swept}");
        assert_eq!(scene.listed(elsewhere), [(evicted, Ended)]);
        for client in [client, third] {
            scene.driver.sweep_all(slot_of(client), scene.now);
        }
        scene.restart();
    }
}

#[test]
fn clearing_ends_all_and_forgets_only_if_what_ends_is_to_be_forgotten() {
    for (reason, remembered) in [
        (EndReason::Logout, true),
        (EndReason::Removed, false),
        (EndReason::Revoked, false),
    ] {
        let mut scene = Scene::new();
        let (client, who, first) = browser(&mut scene);
        scene.done(&logout(first));
        let second = scene.sign_in(client, who).expect("the first ended");
        let pending = scene.names.client(1);
        let other = scene.account(account("bob"));
        let pending = (pending, scene.start(client, other)).1;
        scene.done(&Command::ClearClient(client, reason));
        let expected = [(first, Ended), (second, Ended)];
        let expected = expected.iter().filter(|_| remembered);
        assert!(scene.listed(client).iter().eq(expected), "{reason:?}");
        assert!(scene.client_exists(client) && !scene.live(second));
        let guess = Command::GuessSignIn(client, pending);
        assert_eq!(scene.ask(&guess), Err(Refusal::SignInNotFound));
        let nothing = scene.done(&Command::ClearClient(client, reason));
        assert_eq!(nothing.parts, []);
        scene.restart();
    }
}

/// A short session that expires by being idle or at its end, listed until 30 days after its opening.
#[test]
fn an_expired_session_is_listed_as_expired_for_thirty_days_swept_or_not() {
    for idle_ms in [0, 60_000] {
        for swept in [false, true] {
            let mut scene = Scene::new();
            let (client, who, first) = browser(&mut scene);
            scene.done(&logout(first));
            let grant = Grant {
                client: Some(client),
                surface: Surface::Clerk,
                lifetime: lifetime(idle_ms, 100_000, scene.now),
                ..scene.plain(who)
            };
            let (id, asked) = scene.login(grant, None);
            scene.done(&Command::SignIn(asked));
            let opened = scene.now;
            let life = if idle_ms > 0 { 60_000 } else { 100_000 };
            scene.advance_ms(life - 1);
            assert!(scene.listed(client).contains(&(id, Active)));
            scene.advance_ms(1);
            let listing = [(id, Expired), (first, Ended)];
            let listed = |scene: &Scene| {
                let mut listed = scene.listed(client);
                listed.sort_by_key(|(_, status)| *status != Expired);
                listed
            };
            assert_eq!(listed(&scene), listing);
            // A logout of all leaves it as it is.
            scene.done(&Command::ClearClient(client, EndReason::Logout));
            assert_eq!(listed(&scene), listing);
            if swept {
                scene.advance_ms(1_000);
                scene.driver.sweep_due(slot_of(client), scene.now, 10);
                assert_eq!(scene.driver.world.session_count(), 0);
            }
            for at in [opened.plus_ms(DAY_MS), opened.plus_ms(30 * DAY_MS - 1)] {
                scene.now = at;
                assert_eq!(listed(&scene), listing, "swept: {swept}");
                scene.restart();
                assert_eq!(listed(&scene), listing, "swept: {swept}, after a restart");
            }
            scene.advance_ms(1);
            assert_eq!(listed(&scene), [(first, Ended)], "swept: {swept}");
            let forget = Command::ForgetSession(client, id);
            assert_eq!(scene.ask(&forget), Err(Refusal::SessionNotFound));
        }
    }
}

/// What a client does not list it cannot be asked to forget: before the sweep as after it.
#[test]
fn only_what_is_listed_is_forgotten() {
    let mut scene = Scene::new();
    let (client, who, revoked) = browser(&mut scene);
    scene.change(who, AccountChange::RevokeSessions, None);
    let ended = scene.sign_in(client, who).expect("nobody is there");
    scene.done(&logout(ended));
    let live = scene.sign_in(client, who).expect("nobody is there");
    let forget = |scene: &mut Scene, id| scene.ask(&Command::ForgetSession(client, id));
    for _ in 0..2 {
        assert_eq!(forget(&mut scene, revoked), Err(Refusal::SessionNotFound));
        scene.driver.sweep_all(slot_of(client), scene.now);
    }
    for id in [ended, live] {
        assert!(forget(&mut scene, id).is_ok());
        assert_eq!(forget(&mut scene, id), Err(Refusal::SessionNotFound));
    }
    assert!(!scene.live(live) && scene.listed(client).is_empty());
    scene.restart();
    assert_eq!(scene.listed(client), []);
}

#[test]
fn a_client_is_forgotten_after_thirty_days_and_not_if_it_changed_meanwhile() {
    let mut scene = Scene::new();
    let (client, who, id) = browser(&mut scene);
    let (_, guest) = scene.guest(2);
    scene.advance_ms(DAY_MS / 2);
    scene.done(&logout(id));
    scene.advance_ms(30 * DAY_MS - 1);
    assert_eq!(
        scene.driver.sweep_clients(slot_of(client), scene.now, 10),
        []
    );
    scene.advance_ms(1);
    // Decided, and before it takes effect somebody logs in.
    let decided = scene.driver.decide_clients(slot_of(client), scene.now, 10);
    assert_eq!(decided.len(), 1);
    let again = scene.sign_in(client, who).expect("nobody is there");
    decided.iter().for_each(|part| scene.driver.apply(part));
    assert!(scene.live(again) && scene.client_exists(client));
    scene.done(&logout(again));
    scene.advance_ms(30 * DAY_MS);
    for slot in [client, guest].map(slot_of) {
        scene.driver.sweep_clients(slot, scene.now, 10);
    }
    assert!(!scene.client_exists(client) && scene.client_exists(guest));
    scene.restart();
    assert!(!scene.client_exists(client) && scene.client_exists(guest));
}

/// Only a login opens a session of a client: it holds the client while it is decided.
#[test]
fn a_plain_open_names_no_client() {
    let mut scene = Scene::new();
    let (client, who, _) = browser(&mut scene);
    for limited in [false, true] {
        let grant = Grant {
            client: Some(client),
            ..scene.plain(who)
        };
        let (_, SignIn { open, .. }) = scene.login(grant, None);
        let answer = scene.driver.ask(&Command::Open(open), limited, scene.now);
        assert_eq!(answer, Err(Refusal::SessionNotFound));
    }
    assert_eq!(scene.driver.world.session_count(), 1);
}

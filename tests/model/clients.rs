//! Sessions that belong to a client live and die with it.

use sessile::engine::command::{Command, Open};
use sessile::engine::error::Refusal;
use sessile::engine::event::Grant;
use sessile::session::id::{AccountId, ClientId, SessionId};
use sessile::session::policy::WhenFull;

use crate::names::{account, shared};
use crate::scene::Scene;

fn session_of_new_client(scene: &mut Scene) -> (ClientId, SessionId) {
    let who = scene.account(account("alice"));
    let client = scene.names.client(4);
    scene.done(&Command::OpenClient(client));
    let grant = Grant {
        client: Some(client),
        ..scene.plain(who)
    };
    (client, scene.open_with(grant))
}

#[test]
fn a_destroyed_client_takes_its_sessions_with_it() {
    let mut scene = Scene::new();
    let (client, id) = session_of_new_client(&mut scene);
    assert!(scene.live(id));
    scene.done(&Command::DestroyClient(client));
    assert!(!scene.live(id));
    assert_eq!(
        scene.ask(&Command::DestroyClient(client)),
        Err(Refusal::SessionNotFound)
    );
    scene.driver.restart().expect("the same state");
    assert!(!scene.live(id));
}

/// A client that signs in again may get its old id: what was seen dead must not come back (I5).
#[test]
fn a_client_that_is_opened_again_does_not_bring_its_old_sessions_back() {
    let mut scene = Scene::new();
    let (client, id) = session_of_new_client(&mut scene);
    scene.done(&Command::DestroyClient(client));
    assert!(!scene.live(id));
    scene.done(&Command::OpenClient(client));
    assert!(!scene.live(id));
    scene.driver.restart().expect("the same state");
    assert!(!scene.live(id));
}

#[test]
fn an_open_that_was_decided_before_its_client_was_destroyed_leaves_nothing_alive() {
    let mut scene = Scene::new();
    let (client, _) = session_of_new_client(&mut scene);
    let grant = Grant {
        client: Some(client),
        ..scene.plain(AccountId(0))
    };
    let id = scene.names.session(0, Some(client));
    let open = Command::Open(Open {
        ids: vec![id],
        grant: shared(grant),
        per_account: Some(5),
        when_full: WhenFull::Deny,
        otp_step: None,
    });
    let decided = scene.driver.decide(&open, true, scene.now);
    scene.done(&Command::DestroyClient(client));
    for part in decided.expect("the client was there").parts {
        scene.driver.apply(&part);
    }
    assert!(!scene.live(id));
    scene.done(&Command::OpenClient(client));
    assert!(!scene.live(id));
}

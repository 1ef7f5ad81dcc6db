//! Guest keys: one login at a time, on a client that comes and goes with the key. Source: R8.

use std::net::IpAddr;

use sessile::engine::command::{Command, NewKey, Reply};
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Grant, Part};
use sessile::engine::keys::PrivateToken;
use sessile::session::id::{AccountId, KeyId};
use sessile::session::key::KeyKind;
use sessile::session::state::{EndReason, Surface};

use crate::names::{account, guest, home, install_key};
use crate::scene::Scene;

/// The end of a guest key is decided by what is applied: a login that is under way goes with it.
#[test]
fn a_login_decided_before_its_guest_key_was_withdrawn_leaves_nothing_alive() {
    for login_first in [true, false] {
        let mut scene = Scene::new();
        let who = scene.account(account("alice"));
        let (key, client) = scene.guest(0);
        let grant = Grant {
            client: Some(client),
            surface: Surface::I3d,
            ..scene.plain(who)
        };
        let (id, asked) = scene.login(grant, None);
        let commands = [Command::SignIn(asked), Command::DeleteKey(key)];
        let mut decided = commands.map(|command| {
            let decision = scene.driver.decide(&command, true, scene.now);
            decision.expect("the key was there").parts
        });
        if !login_first {
            decided.reverse();
        }
        let parts = decided.iter().flatten();
        parts.for_each(|part| scene.driver.apply(part));
        // A sweep starts with what it must find: the withdrawal is told last.
        let [.., withdrawn] = decided.map(|parts| parts.last().cloned());
        if login_first {
            let told = Part::Directory(DirectoryEvent::KeyDeleted(key));
            assert_eq!(withdrawn, Some(told));
        }
        assert!(!scene.live(id) && !scene.client_exists(client));
        // The same key again is another guest's.
        scene.guest(0);
        assert!(!scene.live(id), "login first: {login_first}");
        assert_eq!(scene.listed(client), []);
        scene.restart();
        assert!(
            !scene.live(id),
            "login first: {login_first}, after a restart"
        );
    }
}

#[test]
fn a_guest_key_carries_one_login_at_a_time_and_remembers_none() {
    let mut scene = Scene::new();
    let who = [
        scene.account(account("alice")),
        scene.account(account("bob")),
    ];
    let (key, client) = scene.guest(1);
    for account in [who, who].concat() {
        let id = scene.sign_in(client, account).expect("nobody is there");
        let taken = who.map(|who| scene.sign_in(client, who));
        assert_eq!(taken, [Err(Refusal::AlreadySignedIn); 2]);
        scene.done(&Command::ClearClient(client, EndReason::Logout));
        assert!(!scene.live(id) && scene.listed(client).is_empty());
        scene.restart();
    }
    let id = scene.sign_in(client, who[0]).expect("nobody is there");
    scene.done(&Command::DeleteKey(key));
    assert!(!scene.live(id) && !scene.client_exists(client));
    assert_eq!(scene.driver.world.session_count(), 0);
    assert_eq!(scene.sign_in(client, who[0]), {
        Err(Refusal::SessionNotFound)
    });
}

fn key(kind: KeyKind, name: &str, number: u8, account: Option<AccountId>) -> NewKey {
    NewKey {
        kind,
        name: name.into(),
        secret: guest(number).digest,
        account,
        expires_at: None,
        networks: Vec::new(),
    }
}

fn made(scene: &mut Scene, new: NewKey) -> Result<KeyId, Refusal> {
    match scene.ask(&Command::CreateKey(new))?.reply {
        Reply::KeyCreated(id) => Ok(id),
        other => panic!("a key was answered {other:?}"),
    }
}

fn behind(scene: &Scene, number: u8, address: Option<&str>) -> Option<PrivateToken> {
    let world = &scene.driver.world;
    let secret = guest(number).text.as_bytes();
    let address = address.map(|text| text.parse::<IpAddr>().expect("an address"));
    let (accounts, digests) = (&world.accounts, install_key());
    world
        .keys
        .private_token(accounts, &digests, secret, address, scene.now)
}

/// A key that is named by its secret alone is the only one of this secret, or one would take the other along.
#[test]
fn no_two_keys_are_named_by_the_same_secret() {
    let mut scene = Scene::new();
    let owner = scene.account(account("alice"));
    let who = Some(owner);
    let first = made(&mut scene, key(KeyKind::I3dGuest, "a", 0, None)).expect("free");
    for (kind, account) in [(KeyKind::I3dGuest, None), (KeyKind::I3d, who)] {
        let again = made(&mut scene, key(kind, "b", 0, account));
        assert_eq!(again, Err(Refusal::KeyTaken));
    }
    // An xData key is named by its name.
    assert!(made(&mut scene, key(KeyKind::Xdata, "b", 0, who)).is_ok());
    let client = guest(0).client;
    assert_eq!(behind(&scene, 0, None), Some(PrivateToken::Guest(client)));
    scene.done(&Command::DeleteKey(first));
    assert_eq!(behind(&scene, 0, None), None);
    assert!(made(&mut scene, key(KeyKind::I3d, "a", 0, who)).is_ok());
    assert_eq!(behind(&scene, 0, None), Some(PrivateToken::Account(owner)));
    scene.restart();
    assert_eq!(behind(&scene, 0, None), Some(PrivateToken::Account(owner)));
}

#[test]
fn a_guest_key_is_nobodys_and_any_other_somebodys() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    for kind in [KeyKind::Xdata, KeyKind::I3d] {
        let nobodys = made(&mut scene, key(kind, "a", 1, None));
        assert_eq!(nobodys, Err(Refusal::AccountNotFound));
    }
    let named = key(KeyKind::I3dGuest, "a", 1, Some(who));
    let id = made(&mut scene, named).expect("it is made");
    assert_eq!(
        scene.driver.world.keys.get(id).map(|k| k.account),
        Some(None)
    );
    // So the end of the account is nothing to it.
    scene.done(&Command::DeleteAccount(who));
    let client = guest(1).client;
    assert_eq!(behind(&scene, 1, None), Some(PrivateToken::Guest(client)));
    assert!(scene.client_exists(client));
}

#[test]
fn an_i3d_key_is_good_before_its_expiry_and_from_its_networks() {
    let mut scene = Scene::new();
    let new = NewKey {
        expires_at: Some(scene.now.plus_ms(1_000)),
        networks: vec![home()],
        ..key(KeyKind::I3dGuest, "a", 2, None)
    };
    made(&mut scene, new).expect("it is made");
    let good = Some(PrivateToken::Guest(guest(2).client));
    scene.advance_ms(999);
    scene.restart();
    for (address, answer) in [
        (Some("192.0.2.1"), good),
        (Some("192.0.2.2"), None),
        (None, None),
    ] {
        assert_eq!(behind(&scene, 2, address), answer, "{address:?}");
    }
    scene.advance_ms(1);
    assert_eq!(behind(&scene, 2, Some("192.0.2.1")), None);
}

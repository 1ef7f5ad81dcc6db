//! What ends sessions by the account: one part, final at once, at any number of sessions.

use sessile::engine::command::{AccountChange, Command, NewKey, Open, Reply, Sudo};
use sessile::engine::decide::Decision;
use sessile::engine::digest;
use sessile::engine::error::Refusal;
use sessile::engine::event::{DirectoryEvent, Grant, Part, SlotEvent};
use sessile::engine::slot::SlotNumber;
use sessile::session::account::{Account, PasswordHash, TotpSeed};
use sessile::session::id::{AccountId, SessionId};
use sessile::session::key::KeyKind;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};
use sessile::session::token::InstallKey;
use zeroize::Zeroizing;

use crate::names::{account, group, shared};
use crate::scene::{Scene, patch};

/// Opens this many sessions of an account, all over the slots.
fn crowd(scene: &mut Scene, who: AccountId, count: u32) -> Vec<SessionId> {
    // Multiples of an odd number are all different, and spread over the first bits.
    let spread = |n: u32| u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let ids: Vec<_> = (0..count)
        .map(|n| SessionId::from_bytes(spread(n).to_be_bytes()))
        .collect();
    let grant = shared(scene.plain(who));
    for batch in ids.chunks(256) {
        let (ids, grant) = (batch.to_vec(), grant.clone());
        let open = Open {
            ids,
            grant,
            per_account: None,
            when_full: WhenFull::Deny,
            otp_step: None,
        };
        scene.done(&Command::Open(open));
    }
    ids
}

fn assert_one_part(decision: &Decision) {
    let account_only = |part: &Part| {
        matches!(
            part,
            Part::Directory(DirectoryEvent::AccountPut(..) | DirectoryEvent::AccountDeleted(_))
        )
    };
    assert!(
        decision.parts.len() == 1 && decision.parts.iter().all(account_only),
        "{:?}",
        decision.parts
    );
}

#[test]
fn revoking_a_hundred_thousand_sessions_is_one_part_and_final_at_once() {
    let mut scene = Scene::new();
    let (who, bystander) = (
        scene.account(account("alice")),
        scene.account(account("bob")),
    );
    let ids = crowd(&mut scene, who, 100_000);
    let other = scene.open(bystander);
    assert!(ids.iter().all(|id| scene.live(*id)));
    let revoked = scene.change(who, AccountChange::RevokeSessions, None);
    assert_one_part(&revoked);
    assert!(!ids.iter().any(|id| scene.live(*id)));
    assert!(scene.live(other));
    let swept: Vec<_> = SlotNumber::from(0)
        .flat_map(|slot| scene.driver.sweep_all(slot, scene.now))
        .collect();
    assert_eq!(swept.len(), ids.len());
    let told =
        |event: &SlotEvent| matches!(event, SlotEvent::SessionEnded(_, _, EndReason::Account));
    assert!(swept.iter().all(told));
    assert_eq!(scene.driver.world.session_count(), 1);
}

#[test]
fn every_change_that_ends_sessions_is_one_part_and_takes_tokens_and_keys_along() {
    type Change = fn(AccountId) -> Command;
    let changes: [(&str, Change); 5] = [
        ("revoke", |id| {
            Command::ChangeAccount(id, AccountChange::RevokeSessions, None)
        }),
        ("disable", |id| {
            Command::ChangeAccount(id, patch(|p| p.enabled = Some(false)), None)
        }),
        ("password", |id| {
            Command::ChangeAccount(
                id,
                AccountChange::Password(Some(PasswordHash("$x".into()))),
                None,
            )
        }),
        ("factor", |id| {
            Command::ChangeAccount(
                id,
                AccountChange::Totp(Some(TotpSeed(Zeroizing::new([1; 20])))),
                None,
            )
        }),
        ("delete", Command::DeleteAccount),
    ];
    for (name, change) in changes {
        let mut scene = Scene::new();
        let (who, agent) = (
            scene.account(account("alice")),
            scene.account(account("agent")),
        );
        scene.change(who, patch(|p| p.agent = Some(Some(agent))), None);
        let by = scene.open(agent);
        let ids = crowd(&mut scene, who, 300);
        let first = ids.first().copied().expect("there are 300");
        let token = scene.handoff(first);
        let secret = InstallKey::new([1; 32]).digest(b"secret");
        let key = NewKey {
            kind: KeyKind::Xdata,
            name: "key".into(),
            secret,
            account: Some(who),
            expires_at: None,
            networks: Vec::new(),
        };
        let Reply::KeyCreated(key) = scene.done(&Command::CreateKey(key)).reply else {
            panic!("no key")
        };
        assert!(
            scene
                .driver
                .world
                .keys
                .is_live(&scene.driver.world.accounts, key)
        );
        let decision = scene.done(&change(who));
        assert_one_part(&decision);
        assert!(!ids.iter().any(|id| scene.live(*id)), "{name}");
        assert!(
            !scene
                .driver
                .world
                .keys
                .is_live(&scene.driver.world.accounts, key),
            "{name}"
        );
        let redeemed = scene.ask(&Command::RedeemHandoff(token, by));
        assert_eq!(redeemed, Err(Refusal::HandoffNotFound), "{name}");
    }
}

#[test]
fn the_kept_session_is_live_after_every_part_and_all_others_are_dead_after_the_last() {
    let changes = [
        AccountChange::RevokeSessions,
        AccountChange::Password(None),
        AccountChange::Totp(Some(TotpSeed(Zeroizing::new([1; 20])))),
    ];
    for change in changes {
        let mut scene = Scene::new();
        let who = scene.account(account("alice"));
        let ids = crowd(&mut scene, who, 20);
        let kept = ids.get(7).copied().expect("there are 20");
        let asked = Command::ChangeAccount(who, change, Some(kept));
        let decision = scene
            .driver
            .decide(&asked, true, scene.now)
            .expect("it is done");
        assert_eq!(decision.parts.len(), 2);
        for part in &decision.parts {
            scene.driver.apply(part);
            assert!(scene.live(kept), "{part:?}");
        }
        assert!(
            ids.iter().all(|id| scene.live(*id) == (*id == kept)),
            "{asked:?}"
        );
        scene.driver.restart().expect("the same state");
        assert!(
            ids.iter().all(|id| scene.live(*id) == (*id == kept)),
            "{asked:?} after a restart"
        );
        // Kept once is not kept for ever.
        scene.change(who, AccountChange::RevokeSessions, None);
        assert!(!scene.live(kept));
    }
}

#[test]
fn a_session_of_somebody_else_cannot_be_kept() {
    let mut scene = Scene::new();
    let (who, other) = (
        scene.account(account("alice")),
        scene.account(account("bob")),
    );
    let (own, foreign) = (scene.open(who), scene.open(other));
    let asked = Command::ChangeAccount(who, AccountChange::RevokeSessions, Some(foreign));
    assert_eq!(scene.ask(&asked), Err(Refusal::SessionNotFound));
    assert!(scene.live(own) && scene.live(foreign));
}

/// A session that the change ends all the same cannot be kept: it says so, and nothing changes.
#[test]
fn a_session_that_hangs_on_what_the_change_ends_cannot_be_kept() {
    let mut scene = Scene::new();
    let who = scene.account(Account {
        may_sudo: true,
        group: Some(group(0)),
        managed_groups: vec![group(0)],
        ..account("alice")
    });
    let deputy = scene.account(Account {
        may_sudo: true,
        group: Some(group(0)),
        managed_groups: vec![group(0)],
        ..account("bob")
    });
    let key = NewKey {
        kind: KeyKind::Xdata,
        name: "key".into(),
        secret: InstallKey::new([1; 32]).digest(b"secret"),
        account: Some(who),
        expires_at: None,
        networks: Vec::new(),
    };
    let Reply::KeyCreated(key) = scene.done(&Command::CreateKey(key)).reply else {
        panic!("no key")
    };
    let own = scene.open(who);
    let by_key = Grant {
        key: Some(key),
        ..scene.plain(who)
    };
    let by_key = scene.open_with(by_key);
    let sudo = |scene: &mut Scene, parent, target| {
        let child = scene.names.session(2, None);
        scene.done(&Command::Sudo(Sudo {
            parent,
            surface: Surface::Mollybet,
            target: Some(target),
            child,
            idle_timeout_ms: 0,
            absolute_ms: 1_000,
            per_account: None,
            when_full: WhenFull::Deny,
        }));
        child
    };
    let as_deputy = sudo(&mut scene, own, deputy);
    let hung = [
        by_key,
        sudo(&mut scene, own, who),
        sudo(&mut scene, as_deputy, who),
        sudo(&mut scene, by_key, who),
    ];
    let before = digest::of(&scene.driver.world);
    for kept in hung {
        let revoke = Command::ChangeAccount(who, AccountChange::RevokeSessions, Some(kept));
        assert_eq!(scene.ask(&revoke), Err(Refusal::SessionNotFound));
        assert!(scene.live(kept) && scene.live(own));
    }
    assert_eq!(digest::of(&scene.driver.world), before);
    // A change that ends nothing keeps all of them, and one of somebody else's is no hindrance.
    scene.change(who, patch(|p| p.locked = Some(false)), Some(by_key));
    let deputys = scene.open(deputy);
    let child = sudo(&mut scene, deputys, who);
    scene.change(who, AccountChange::RevokeSessions, Some(child));
    assert!(scene.live(child) && !scene.live(own) && !hung.iter().any(|id| scene.live(*id)));
}

/// I5: what disabling ended does not come back with the account, even if somebody asked to keep it.
#[test]
fn a_session_named_to_be_kept_through_disabling_does_not_come_back_with_the_account() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let (kept, other) = (scene.open(who), scene.open(who));
    scene.change(who, patch(|p| p.enabled = Some(false)), Some(kept));
    assert!(!scene.live(kept) && !scene.live(other));
    scene.change(who, patch(|p| p.enabled = Some(true)), None);
    assert!(!scene.live(other));
    assert!(!scene.live(kept));
}

#[test]
fn a_proof_checked_before_a_change_opens_nothing_after_it() {
    let mut scene = Scene::new();
    let who = scene.account(account("alice"));
    let grant = shared(scene.plain(who));
    scene.change(who, AccountChange::Password(None), None);
    for (limited, per_account) in [(false, None), (true, Some(5))] {
        let ids = vec![scene.names.session(0, None)];
        let (grant, when_full) = (grant.clone(), WhenFull::Deny);
        let open = Command::Open(Open {
            ids,
            grant,
            per_account,
            when_full,
            otp_step: None,
        });
        let refused = scene.driver.ask(&open, limited, scene.now);
        assert_eq!(
            refused.map(|d| d.parts.len()),
            Err(Refusal::CredentialChanged)
        );
    }
    assert_eq!(scene.driver.world.session_count(), 0);
}

/// "Delete an account and with it its sessions and keys."
#[test]
fn keys_of_a_deleted_account_are_gone_and_their_names_are_free() {
    let mut scene = Scene::new();
    let (who, heir) = (
        scene.account(account("alice")),
        scene.account(account("bob")),
    );
    let secret = InstallKey::new([1; 32]).digest(b"secret");
    let key = |account| NewKey {
        kind: KeyKind::Xdata,
        name: "key".into(),
        secret,
        account: Some(account),
        expires_at: None,
        networks: Vec::new(),
    };
    let Reply::KeyCreated(old) = scene.done(&Command::CreateKey(key(who))).reply else {
        panic!("no key")
    };
    scene.done(&Command::DeleteAccount(who));
    assert_eq!(scene.driver.world.keys.get(old), None);
    assert_eq!(
        scene.ask(&Command::DeleteKey(old)),
        Err(Refusal::KeyNotFound)
    );
    let Reply::KeyCreated(new) = scene.done(&Command::CreateKey(key(heir))).reply else {
        panic!("no key")
    };
    assert_ne!(old, new);
    scene.driver.restart().expect("the same state");
    let found = scene
        .driver
        .world
        .keys
        .by_name("key")
        .map(|(id, key)| (id, key.account));
    assert_eq!(found, Some((new, Some(heir))));
}

//! Logins with a second step: how often a code may be tried, and what a pending login outlives. Source: R5, R18.

use sessile::engine::command::{AccountChange, Command, SignIn};
use sessile::engine::error::Refusal;
use sessile::engine::event::{Grant, Part};
use sessile::engine::slot::SlotNumber;
use sessile::session::account::Account;
use sessile::session::client::SIGN_IN_LIFETIME_MS;
use sessile::session::id::{AccountId, ClientId, SessionId, SignInId};
use sessile::session::state::{EndReason, Factors, Surface};

use crate::names::{account, seed};
use crate::scene::{Scene, patch};

/// An account with a second factor, and a login of it that is half done on a browser.
fn half_done(scene: &mut Scene) -> (ClientId, AccountId, SignInId) {
    let who = scene.account(Account {
        totp: Some(seed(1)),
        ..account("otto")
    });
    let client = scene.names.client(2);
    let step = scene.start(client, who);
    (client, who, step)
}

/// The login that completes a pending one of the account's present generation.
fn completion(
    scene: &mut Scene,
    client: ClientId,
    who: AccountId,
    step: SignInId,
    otp_step: u64,
) -> (SessionId, SignIn) {
    let grant = Grant {
        client: Some(client),
        surface: Surface::Clerk,
        factors: Factors::PASSWORD.and(Factors::TOTP),
        ..scene.plain(who)
    };
    let (id, mut asked) = scene.login(grant, Some(step));
    asked.open.otp_step = Some(otp_step);
    (id, asked)
}

fn is_pending(scene: &Scene, client: ClientId) -> bool {
    let world = &scene.driver.world;
    world.with_client(client, scene.now, |view| {
        view.is_some_and(|view| view.sign_in().is_some())
    })
}

#[test]
fn a_pending_login_takes_five_codes_and_refuses_the_sixth_whatever_it_is() {
    let mut scene = Scene::new();
    let (client, who, step) = half_done(&mut scene);
    let guess = Command::GuessSignIn(client, step);
    for _ in 0..5 {
        assert!(is_pending(&scene, client));
        scene.done(&guess);
        scene.restart();
    }
    assert!(!is_pending(&scene, client));
    for _ in 0..3 {
        assert_eq!(scene.ask(&guess), Err(Refusal::SignInNotFound));
        scene.restart();
    }
    // The fifth may have been the right one.
    let (id, asked) = completion(&mut scene, client, who, step, 9);
    scene.done(&Command::SignIn(asked));
    assert!(scene.live(id));
}

#[test]
fn a_new_login_has_guesses_of_its_own_and_the_old_one_is_over() {
    let mut scene = Scene::new();
    let (client, who, old) = half_done(&mut scene);
    for _ in 0..5 {
        scene.done(&Command::GuessSignIn(client, old));
    }
    let new = scene.start(client, who);
    let refused = scene.ask(&Command::GuessSignIn(client, old));
    assert_eq!(refused, Err(Refusal::SignInNotFound));
    scene.done(&Command::GuessSignIn(client, new));
    let (_, asked) = completion(&mut scene, client, who, old, 9);
    let refused = scene.ask(&Command::SignIn(asked));
    assert_eq!(refused, Err(Refusal::SignInNotFound));
}

#[test]
fn a_pending_login_is_completed_once() {
    let mut scene = Scene::new();
    let (client, who, step) = half_done(&mut scene);
    let (id, asked) = completion(&mut scene, client, who, step, 9);
    scene.done(&Command::SignIn(asked));
    assert!(scene.live(id) && !is_pending(&scene, client));
    for otp_step in [9, 10] {
        let (_, asked) = completion(&mut scene, client, who, step, otp_step);
        let refused = scene.ask(&Command::SignIn(asked));
        assert_eq!(refused, Err(Refusal::SignInNotFound));
        scene.restart();
    }
    // Nor does another client's pending login spend the step again.
    let elsewhere = scene.names.client(3);
    let step = scene.start(elsewhere, who);
    let (other, asked) = completion(&mut scene, elsewhere, who, step, 9);
    let refused = scene.ask(&Command::SignIn(asked));
    assert_eq!(refused, Err(Refusal::StepSpent));
    assert!(!scene.live(other) && is_pending(&scene, elsewhere));
}

#[test]
fn a_pending_login_is_over_after_five_minutes() {
    let mut scene = Scene::new();
    let (client, who, step) = half_done(&mut scene);
    scene.advance_ms(SIGN_IN_LIFETIME_MS - 1);
    scene.done(&Command::GuessSignIn(client, step));
    scene.advance_ms(1);
    for _ in 0..2 {
        assert!(!is_pending(&scene, client));
        let guess = scene.ask(&Command::GuessSignIn(client, step));
        assert_eq!(guess, Err(Refusal::SignInNotFound));
        let (_, asked) = completion(&mut scene, client, who, step, 9);
        let refused = scene.ask(&Command::SignIn(asked));
        assert_eq!(refused, Err(Refusal::SignInNotFound));
        scene
            .driver
            .sweep_clients(SlotNumber::of(client.as_bytes()), scene.now, 1);
        scene.restart();
    }
    assert!(scene.client_exists(client));
}

/// R5: whatever raises the account's generation after the password was checked ends the login.
#[test]
fn an_account_change_between_start_and_completion_refuses_it() {
    let changes = [
        AccountChange::RevokeSessions,
        AccountChange::Password(None),
        AccountChange::Totp(Some(seed(2))),
        AccountChange::Totp(None),
        patch(|p| p.enabled = Some(false)),
    ];
    for change in changes {
        let mut scene = Scene::new();
        let (client, who, step) = half_done(&mut scene);
        let (id, asked) = completion(&mut scene, client, who, step, 9);
        scene.change(who, change.clone(), None);
        assert!(!is_pending(&scene, client), "{change:?}");
        let refused = scene.ask(&Command::SignIn(asked));
        assert_eq!(refused, Err(Refusal::CredentialChanged), "{change:?}");
        // Nor on a fresh proof: the password was checked under the old generation.
        scene.change(who, patch(|p| p.enabled = Some(true)), None);
        let (fresh, asked) = completion(&mut scene, client, who, step, 9);
        let refused = scene.ask(&Command::SignIn(asked));
        assert_eq!(refused, Err(Refusal::SignInNotFound), "{change:?}");
        assert!(!scene.live(id) && !scene.live(fresh));
    }
}

/// The pending login says whose it is: a code of another account completes nothing.
#[test]
fn a_pending_login_opens_no_session_of_another_account() {
    let mut scene = Scene::new();
    let (client, _, step) = half_done(&mut scene);
    let other = scene.account(account("alice"));
    let (id, asked) = completion(&mut scene, client, other, step, 9);
    let refused = scene.ask(&Command::SignIn(asked));
    assert_eq!(refused, Err(Refusal::SignInNotFound));
    assert!(!scene.live(id) && is_pending(&scene, client));
}

/// R18: whoever is to have a second factor gets no session on a password, or on nothing.
#[test]
fn less_than_a_second_factor_opens_no_session_where_one_is_asked_for() {
    let mut scene = Scene::new();
    let (client, who, _) = half_done(&mut scene);
    let cases = [
        (Factors::NONE, false),
        (Factors::PASSWORD, false),
        (Factors::TOTP, true),
        (Factors::PASSWORD.and(Factors::TOTP), true),
        (Factors::VOUCHED, true),
        (Factors::VOUCHED.and(Factors::PASSWORD), true),
        (Factors::API_KEY, true),
    ];
    for (factors, enough) in cases {
        let grant = Grant {
            factors,
            ..scene.plain(who)
        };
        let on_client = Grant {
            client: Some(client),
            ..grant.clone()
        };
        let (_, SignIn { open, .. }) = scene.login(grant, None);
        let (_, asked) = scene.login(on_client, None);
        for command in [Command::Open(open), Command::SignIn(asked)] {
            let answer = scene.ask(&command).map(|_| ());
            let expected = match enough {
                true => Ok(()),
                false => Err(Refusal::SecondFactorMissing),
            };
            assert_eq!(answer, expected, "{factors:?}");
        }
        scene.done(&Command::ClearClient(client, EndReason::Logout));
    }
}

#[test]
fn each_login_on_a_client_gives_it_another_secret() {
    let mut scene = Scene::new();
    let client = scene.names.client(1);
    let who = ["alice", "bob"].map(|name| scene.account(account(name)));
    let kept = |scene: &Scene| {
        let world = &scene.driver.world;
        world.with_client(client, scene.now, |view| view.and_then(|v| v.record.secret))
    };
    let mut secrets = vec![kept(&scene)];
    for account in who {
        let grant = Grant {
            client: Some(client),
            surface: Surface::Clerk,
            ..scene.plain(account)
        };
        let (_, asked) = scene.login(grant, None);
        let secret = asked.secret;
        scene.done(&Command::SignIn(asked));
        assert_eq!(kept(&scene), secret);
        assert!(!secrets.contains(&secret));
        secrets.push(secret);
        scene.restart();
    }
    assert_eq!(scene.listed(client).len(), 2, "both are logged in");
    // The second login of an account that is there changes nothing.
    assert_eq!(scene.sign_in(client, who[1]), Err(Refusal::AlreadySignedIn));
    assert_eq!(secrets.last().copied(), Some(kept(&scene)));
}

/// A sweep that found a pending login over does not take along the one that followed it.
#[test]
fn a_sweep_decided_before_a_new_login_began_leaves_that_one_alone() {
    let mut scene = Scene::new();
    let (client, who, old) = half_done(&mut scene);
    scene.advance_ms(SIGN_IN_LIFETIME_MS);
    let slot = SlotNumber::of(client.as_bytes());
    let decided = scene.driver.decide_clients(slot, scene.now, 10);
    assert!(
        matches!(decided.as_slice(), [Part::Slot(..)]),
        "{decided:?}"
    );
    let new = scene.start(client, who);
    decided.iter().for_each(|part| scene.driver.apply(part));
    assert!(is_pending(&scene, client));
    let refused = scene.ask(&Command::GuessSignIn(client, old));
    assert_eq!(refused, Err(Refusal::SignInNotFound));
    scene.done(&Command::GuessSignIn(client, new));
    scene.restart();
}

//! Hand-off tokens: a minute, once, sixteen at a time. Source: M-82 to M-87, I4.

use sessile::engine::command::{AccountChange, Command, Reply};
use sessile::engine::error::Refusal;
use sessile::session::account::Account;
use sessile::session::id::SessionId;
use sessile::session::policy::{HANDOFF_LIFETIME_MS, HANDOFFS_PER_SESSION_MAX};

use crate::names::account;
use crate::scene::{Scene, logout};

/// A customer's session, one of her agent and one of a stranger.
fn customer_agent_stranger(scene: &mut Scene) -> [SessionId; 3] {
    let agent = scene.account(account("agent"));
    let customer = scene.account(Account {
        agent: Some(agent),
        ..account("alice")
    });
    let stranger = scene.account(account("bob"));
    [customer, agent, stranger].map(|who| scene.open(who))
}

#[test]
fn a_token_lives_for_its_minute_and_not_one_millisecond_longer() {
    for (waited, good) in [
        (0, true),
        (HANDOFF_LIFETIME_MS - 1, true),
        (HANDOFF_LIFETIME_MS, false),
    ] {
        let mut scene = Scene::new();
        let [customer, agent, _] = customer_agent_stranger(&mut scene);
        let token = scene.handoff(customer);
        scene.advance_ms(waited);
        let redeemed = scene.ask(&Command::RedeemHandoff(token, agent));
        assert_eq!(redeemed.is_ok(), good, "{waited} ms: {redeemed:?}");
    }
}

#[test]
fn a_refused_attempt_spends_nothing_and_a_done_one_spends_for_ever() {
    let mut scene = Scene::new();
    let [customer, agent, stranger] = customer_agent_stranger(&mut scene);
    let token = scene.handoff(customer);
    let redeem = |by| Command::RedeemHandoff(token, by);
    assert_eq!(scene.ask(&redeem(stranger)), Err(Refusal::HandoffNotFound));
    let nobody = scene.names.session(0, None);
    assert_eq!(scene.ask(&redeem(nobody)), Err(Refusal::SessionNotFound));
    scene.driver.restart().expect("the same state");
    let reply = scene.done(&redeem(agent)).reply;
    let Reply::HandedOff {
        username,
        client_type,
    } = reply
    else {
        panic!("{reply:?}")
    };
    assert_eq!(
        (username.as_str(), client_type.as_str()),
        ("alice", "direct")
    );
    assert_eq!(scene.ask(&redeem(agent)), Err(Refusal::HandoffNotFound));
    scene.driver.restart().expect("the same state");
    assert_eq!(scene.ask(&redeem(agent)), Err(Refusal::HandoffNotFound));
}

#[test]
fn the_oldest_token_dies_for_the_one_too_many() {
    let mut scene = Scene::new();
    let [customer, agent, other] = customer_agent_stranger(&mut scene);
    let others = scene.handoff(other);
    let mut tokens = Vec::new();
    for _ in 0..HANDOFFS_PER_SESSION_MAX + 2 {
        scene.advance_ms(1);
        tokens.push(scene.handoff(customer));
        let kept = scene.driver.world.handoffs_of(customer).len();
        assert_eq!(kept, tokens.len().min(HANDOFFS_PER_SESSION_MAX));
    }
    let redeemed: Vec<_> = tokens
        .iter()
        .map(|token| scene.ask(&Command::RedeemHandoff(*token, agent)).is_ok())
        .collect();
    let expected: Vec<_> = (0..tokens.len()).map(|n| n >= 2).collect();
    assert_eq!(redeemed, expected);
    assert!(scene.driver.world.handoff(others).is_some());
}

#[test]
fn a_token_dies_with_its_session() {
    let mut scene = Scene::new();
    let [customer, agent, _] = customer_agent_stranger(&mut scene);
    let token = scene.handoff(customer);
    scene.done(&logout(customer));
    assert_eq!(
        scene.ask(&Command::RedeemHandoff(token, agent)),
        Err(Refusal::HandoffNotFound)
    );
    assert_eq!(scene.driver.world.handoff(token), None);
}

/// R3, R5: tokens carry the generation; a password change is final for them, kept session or not.
#[test]
fn a_token_made_before_a_change_dies_with_it_even_if_its_session_is_kept() {
    let mut scene = Scene::new();
    let [customer, agent, _] = customer_agent_stranger(&mut scene);
    let owner = sessile::session::id::AccountId(1);
    let before = scene.handoff(customer);
    scene.change(owner, AccountChange::Password(None), Some(customer));
    let after = scene.handoff(customer);
    assert_eq!(
        scene.ask(&Command::RedeemHandoff(before, agent)),
        Err(Refusal::HandoffNotFound)
    );
    assert!(scene.ask(&Command::RedeemHandoff(after, agent)).is_ok());
}

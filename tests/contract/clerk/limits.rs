//! How many sessions a client and an account have.

use super::*;
use sessile::session::policy::{Policy, WhenFull};

#[test]
fn a_client_lists_ten_live_sessions_and_the_longest_idle_makes_room() {
    rows!("C-74");
    let names: Vec<_> = (0..12).map(|n| format!("user{n}")).collect();
    let node = node(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut browser = Browser::new(&node);
    let mut sessions = Vec::new();
    for name in &names[..10] {
        node.clock.advance_ms(1_000);
        sessions.push(browser.sign_in(name));
    }
    node.clock.advance_ms(1_000);
    ok(&browser.call(&sessions[0], "/touch"));
    sessions.push(browser.sign_in(&names[10]));
    let live = |browser: &mut Browser<'_>| -> Vec<String> {
        let all = browser.statuses().into_iter();
        all.filter(|(_, status)| status == "active")
            .map(|(id, _)| id)
            .collect()
    };
    // The first was touched, so the second is the one.
    assert_eq!(
        live(&mut browser),
        [&sessions[..1], &sessions[2..]].concat()
    );
    assert_eq!(browser.status(&sessions[1]), "ended");
    refused(
        &browser.call(&sessions[1], "/tokens"),
        401,
        "authentication_invalid",
    );
    ok(&browser.call(&sessions[5], "/end"));
    browser.sign_in(&names[11]);
    assert_eq!(live(&mut browser).len(), 10);
    assert_eq!(browser.status(&sessions[2]), "active");
}

#[test]
fn a_client_lists_ten_dead_sessions_and_forgets_the_oldest() {
    rows!("C-74");
    let node = node(&["alice"]);
    let mut browser = Browser::new(&node);
    let mut ended = Vec::new();
    for _ in 0..11 {
        let session = browser.sign_in("alice");
        ok(&browser.call(&session, "/end"));
        ended.push(session);
    }
    let listed: Vec<_> = browser.statuses().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, ended[1..]);
    refused(&browser.call(&ended[0], ""), 404, "resource_not_found");
}

/// A node whose accounts have this many sessions.
fn limited(per_account: u32, when_full: WhenFull) -> Node {
    let mut policy = Policy::default();
    policy.clerk.per_account = Some(per_account);
    policy.clerk.when_full = when_full;
    Node::start(Setup {
        policy,
        ..Setup::default()
    })
}

#[test]
fn an_account_has_a_hundred_live_sessions() {
    rows!("C-75");
    assert_eq!(Policy::default().clerk.per_account, Some(100));
    assert_eq!(Policy::default().clerk.when_full, WhenFull::EvictIdle);
    let node = limited(3, WhenFull::EvictIdle);
    node.account("alice", json!({}));
    let mut browsers = Vec::new();
    for _ in 0..3 {
        node.clock.advance_ms(1_000);
        browsers.push(Browser::signed_in(&node, "alice"));
    }
    node.clock.advance_ms(1_000);
    let (first, session) = browsers[0].clone();
    ok(&first.clone().call(&session, "/touch"));
    Browser::signed_in(&node, "alice");
    let statuses: Vec<_> = browsers
        .iter()
        .map(|(b, id)| b.clone().status(id))
        .collect();
    assert_eq!(statuses, ["active", "ended", "active"]);
    let opened = at_once(8, |_| {
        Browser::new(&node).try_sign_in("alice", PASSWORD).status
    });
    assert_eq!(opened, [200; 8]);
    let live = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(live["sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn under_deny_the_surplus_is_refused() {
    rows!("C-75");
    let node = limited(1, WhenFull::Deny);
    node.account("alice", json!({}));
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let mut other = Browser::new(&node);
    let answer = other.try_sign_in("alice", PASSWORD);
    refused(&answer, 403, "session_limit_reached");
    assert_eq!(other.statuses(), []);
    assert_eq!(alice.status(&session), "active");
    ok(&alice.call(&session, "/end"));
    other.sign_in("alice");
}

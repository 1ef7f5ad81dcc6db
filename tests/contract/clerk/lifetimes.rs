//! How long sessions live, and what administration does to them.

use super::*;
use crate::support::START_MS;

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_session_expires_after_seven_days_however_active() {
    rows!("C-71", "C-62", "C-70");
    let node = node(&["alice", "bob"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    for _ in 0..6 {
        node.clock.advance_ms(DAY_MS);
        ok(&alice.call(&session, "/touch"));
    }
    node.clock.advance_ms(DAY_MS - 1);
    let touched = ok(&alice.call(&session, "/touch"))["response"].clone();
    assert_eq!(touched["status"], "active");
    assert_eq!(touched["expire_at"], START_MS + 7 * DAY_MS);
    node.clock.advance_ms(1);
    let shown = ok(&alice.call(&session, ""));
    assert_eq!(shown["response"]["status"], "expired");
    assert_eq!(shown["response"]["last_active_token"], Value::Null);
    assert_eq!(shown["client"]["last_active_session_id"], Value::Null);
    for call in ["/touch", "/tokens", "/tokens/plain"] {
        refused(&alice.call(&session, call), 401, "authentication_invalid");
    }
    refused(
        &alice.call(&session, "/end"),
        400,
        "invalid_action_for_session",
    );
    // One that nobody touches lives as long.
    let (mut bob, session) = Browser::signed_in(&node, "bob");
    node.clock.advance_ms(7 * DAY_MS - 1);
    assert_eq!(bob.status(&session), "active");
    node.clock.advance_ms(1);
    assert_eq!(bob.status(&session), "expired");
    ok(&bob.call(&session, "/remove"));
    assert_eq!(bob.statuses(), []);
}

#[test]
fn an_expired_session_is_listed_until_thirty_days_after_its_opening() {
    rows!("C-72");
    let node = node(&["alice", "bob"]);
    let (mut browser, session) = Browser::signed_in(&node, "alice");
    node.clock.advance_ms(30 * DAY_MS - 1);
    let shown = ok(&browser.call(&session, ""))["response"].clone();
    assert_eq!(shown["status"], "expired");
    assert_eq!(shown["abandon_at"], START_MS + 30 * DAY_MS);
    let bob = browser.sign_in("bob");
    node.clock.advance_ms(1);
    for call in ["", "/end", "/remove", "/touch", "/tokens"] {
        refused(&browser.call(&session, call), 404, "resource_not_found");
    }
    assert_eq!(browser.statuses(), [(bob, "active".to_owned())]);
}

#[test]
fn what_administration_ends_leaves_the_client() {
    rows!("C-73", "C-70");
    let node = node(&["alice"]);
    let deeds: [fn(&Node, &str, &str); 6] = [
        |node, account, _| {
            let body = json!({"password": "password-2"});
            node.administer("PUT", &format!("{account}/password"), body);
        },
        |node, account, _| {
            node.administer("POST", &format!("{account}/totp"), Value::Null);
        },
        |node, account, _| {
            node.administer("POST", &format!("{account}/revoke"), Value::Null);
        },
        |node, account, _| {
            node.administer("PATCH", account, json!({"enabled": false}));
        },
        |node, account, _| {
            node.administer("DELETE", account, Value::Null);
        },
        |node, _, session| {
            let path = format!("/admin/v1/sessions/{session}");
            node.administer("DELETE", &path, Value::Null);
        },
    ];
    for (n, deed) in deeds.into_iter().enumerate() {
        let name = format!("user{n}");
        node.account(&name, json!({}));
        let (mut browser, session) = Browser::signed_in(&node, &name);
        let alice = browser.sign_in("alice");
        ok(&browser.call(&session, "/touch"));
        deed(&node, &format!("/admin/v1/accounts/{name}"), &session);
        // Beside a live session it is unknown; it is never `user_banned`, since there is nothing left.
        for call in ["", "/touch", "/end", "/remove", "/tokens"] {
            refused(&browser.call(&session, call), 404, "resource_not_found");
        }
        let client = browser.client();
        assert_eq!(client["last_active_session_id"], Value::Null, "deed {n}");
        assert_eq!(
            browser.statuses(),
            [(alice.clone(), "active".to_owned())],
            "deed {n}"
        );
        ok(&browser.call(&alice, "/remove"));
        refused(&browser.call(&session, "/touch"), 401, "signed_out");
    }
}

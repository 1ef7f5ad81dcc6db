//! The calls on one session, and on all of a client.

use super::*;
use crate::support::START_MS;

#[test]
fn a_session_is_shown_as_it_stands() {
    rows!("C-56", "C-32");
    let node = node(&["alice", "bob"]);
    let (mut browser, session) = Browser::signed_in(&node, "alice");
    browser.sign_in("bob");
    let shown = ok(&browser.call(&session, ""));
    assert_eq!(shown["response"]["id"], session);
    assert_eq!(shown["response"]["status"], "active");
    assert_eq!(shown["client"]["sessions"].as_array().unwrap().len(), 2);
    ok(&browser.call(&session, "/end"));
    assert_eq!(
        ok(&browser.call(&session, ""))["response"]["status"],
        "ended"
    );
    refused(
        &Browser::new(&node).call(&session, ""),
        404,
        "resource_not_found",
    );
}

#[test]
fn touch_keeps_alive_and_chooses() {
    rows!("C-58", "C-32");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let bob = browser.sign_in("bob");
    node.clock.advance_ms(60_000);
    let touched = ok(&browser.call(&alice, "/touch"));
    let active_at = START_MS + 60_000;
    assert_eq!(touched["response"]["id"], alice);
    assert_eq!(touched["response"]["last_active_at"], active_at);
    assert_eq!(touched["client"]["last_active_session_id"], alice);
    let client = browser.client();
    assert_eq!(client["last_active_session_id"], alice);
    assert_eq!(client["sessions"][0]["last_active_at"], active_at);
    assert_eq!(client["sessions"][1]["id"], bob);
    assert_eq!(client["sessions"][1]["last_active_at"], START_MS);
    // Once chosen, it is not chosen again.
    let chosen = || {
        let records = format!("{:?}", node.journal.records());
        records.matches("SessionSelected").count()
    };
    assert_eq!(chosen(), 1);
    ok(&browser.call(&alice, "/touch"));
    assert_eq!(chosen(), 1);
}

#[test]
fn intents_are_these_three() {
    rows!("C-59");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let path = format!("{SESSIONS}/{session}/touch");
    for form in [
        "intent=focus",
        "intent=select_session",
        "intent=select%5Forg",
        "intent=",
        "",
    ] {
        ok(&alice.post(&path, form));
    }
    node.clock.advance_ms(1);
    for intent in ["Focus", "focus%20", "select", "null", "%00"] {
        let answer = alice.post(&path, &format!("intent={intent}"));
        wrong_field(&answer, "form_param_value_invalid", "intent");
    }
    let shown = ok(&alice.call(&session, ""));
    assert_eq!(shown["response"]["last_active_at"], START_MS);
}

#[test]
fn there_are_no_organizations() {
    rows!("C-60");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    node.clock.advance_ms(1);
    for (call, form) in [
        ("touch", "active_organization_id=org_1&intent=select_org"),
        ("tokens", "organization_id=org_1"),
        ("tokens", "organization_id=null"),
    ] {
        let answer = alice.post(&format!("{SESSIONS}/{session}/{call}"), form);
        refused(&answer, 404, "organization_not_found_or_unauthorized");
    }
    let shown = ok(&alice.call(&session, ""));
    assert_eq!(shown["response"]["last_active_at"], START_MS);
    assert_eq!(
        shown["response"]["last_active_organization_id"],
        Value::Null
    );
}

#[test]
fn nothing_live_is_signed_out_and_dead_sessions_are_not_authentic() {
    rows!("C-61", "C-62", "C-65");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let nobody = Browser::new(&node);
    let mut anonymous = Browser::new(&node);
    anonymous.client();
    ok(&browser.call(&alice, "/end"));
    for call in ["/touch", "/tokens", "/tokens/plain"] {
        for id in [alice.as_str(), NEVER, "x"] {
            refused(&nobody.clone().call(id, call), 401, "signed_out");
            refused(&anonymous.call(id, call), 401, "signed_out");
        }
        refused(&browser.call(NEVER, call), 401, "signed_out");
        refused(&browser.call(&alice, call), 401, "authentication_invalid");
    }
    for call in ["/end", "/remove"] {
        for id in [alice.as_str(), NEVER, "x"] {
            refused(&nobody.clone().call(id, call), 400, "client_not_found");
            refused(&anonymous.call(id, call), 400, "client_not_found");
        }
        refused(&browser.call(NEVER, call), 404, "resource_not_found");
    }
    refused(
        &browser.call(&alice, "/end"),
        400,
        "invalid_action_for_session",
    );
    browser.sign_in("bob");
    for call in ["/touch", "/tokens", "/tokens/plain"] {
        refused(&browser.call(&alice, call), 401, "authentication_invalid");
        refused(&browser.call(NEVER, call), 404, "resource_not_found");
    }
    assert_eq!(browser.status(&alice), "ended");
}

#[test]
fn a_locked_user_keeps_his_session_and_gets_nothing_for_it() {
    rows!("C-63", "C-73");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    for locked in [json!({"locked": true}), json!({"expires_at_ms": START_MS})] {
        change(&node, "alice", locked);
        node.clock.advance_ms(1);
        for call in ["/touch", "/tokens", "/tokens/plain"] {
            refused(&alice.call(&session, call), 403, "user_locked");
        }
        let shown = ok(&alice.call(&session, ""))["response"].clone();
        assert_eq!(
            (&shown["status"], &shown["last_active_at"]),
            (&json!("active"), &json!(START_MS))
        );
        change(
            &node,
            "alice",
            json!({"locked": false, "expires_at_ms": null}),
        );
    }
    alice.token(&session);
    change(&node, "alice", json!({"locked": true}));
    ok(&alice.call(&session, "/end"));
}

#[test]
fn an_ended_session_stays_and_a_removed_one_leaves() {
    rows!("C-64", "C-66", "C-70", "C-32");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let bob = browser.sign_in("bob");
    let ended = ok(&browser.call(&bob, "/end"));
    assert_eq!(ended["response"]["id"], bob);
    assert_eq!(ended["response"]["status"], "ended");
    assert_eq!(ended["client"]["last_active_session_id"], Value::Null);
    let listed = |id: &str, status: &str| (id.to_owned(), status.to_owned());
    let both = [listed(&alice, "active"), listed(&bob, "ended")];
    assert_eq!(browser.statuses(), both);
    assert_eq!(browser.client()["last_active_session_id"], Value::Null);
    for (session, left) in [(&bob, vec![listed(&alice, "active")]), (&alice, vec![])] {
        let removed = ok(&browser.call(session, "/remove"));
        assert_eq!(removed["response"]["id"], **session);
        assert_eq!(removed["response"]["status"], "removed");
        assert_eq!(
            removed["client"]["sessions"].as_array().unwrap().len(),
            left.len()
        );
        assert_eq!(browser.statuses(), left);
        for call in ["", "/end", "/remove"] {
            refused(&browser.call(session, call), 404, "resource_not_found");
        }
    }
    refused(&browser.call(&alice, "/tokens"), 401, "signed_out");
}

#[test]
fn signing_out_ends_everything_and_keeps_the_client() {
    rows!("C-67", "C-70", "C-32");
    let node = node(&["alice", "bob", "carol"]);
    factors::enrolled(&node, "otto");
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let bob = browser.sign_in("bob");
    browser.sign_in("carol");
    ok(&browser.call(&alice, "/end"));
    ok(&browser.try_sign_in("otto", PASSWORD));
    assert_ne!(browser.client()["sign_in"], Value::Null);
    let (id, secret) = (browser.client()["id"].clone(), browser.secret());
    let answer = browser.ask("DELETE", SESSIONS, "");
    let signed_out = ok(&answer);
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(signed_out["client"], Value::Null);
    let client = &signed_out["response"];
    for (member, value) in [
        ("id", id.clone()),
        ("sessions", json!([])),
        ("sign_in", Value::Null),
        ("last_active_session_id", Value::Null),
    ] {
        assert_eq!(client[member], value, "{member}");
    }
    assert_eq!(browser.client()["id"], id);
    assert_eq!(browser.secret(), secret);
    for session in [&alice, &bob] {
        refused(&browser.call(session, ""), 404, "resource_not_found");
        refused(&browser.call(session, "/tokens"), 401, "signed_out");
    }
    browser.sign_in("alice");
    assert_eq!(browser.client()["id"], id);
    for mut nobody in [Browser::new(&node), Browser::with(&node, "x")] {
        let answer = ok(&nobody.ask("DELETE", SESSIONS, ""));
        assert_eq!(answer["response"]["sessions"], json!([]));
    }
}

#[test]
fn a_destroyed_client_takes_everything_along() {
    rows!("C-68", "C-69", "C-32");
    let node = node(&["alice"]);
    let (mut browser, session) = Browser::signed_in(&node, "alice");
    let held = browser.clone();
    let id = browser.client()["id"].clone();
    let answer = browser.ask("DELETE", CLIENT, "");
    assert_eq!(ok(&answer), json!({"response": null, "client": null}));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with("__client=; ") && cookie.contains("Max-Age=0"),
        "{cookie}"
    );
    assert!(cookie.contains("Path=/"), "{cookie}");
    refused(&held.clone().call(&session, "/tokens"), 401, "signed_out");
    refused(&held.clone().call(&session, ""), 404, "resource_not_found");
    assert_ne!(held.clone().client()["id"], id);
    let sessions = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(sessions["sessions"], json!([]));
    let answer = Browser::new(&node).ask("DELETE", CLIENT, "");
    assert_eq!(ok(&answer), json!({"response": null, "client": null}));
    let native = node.send("DELETE", CLIENT, &[("authorization", &held.secret())], "");
    ok(&native);
    assert_eq!(
        (native.header("set-cookie"), native.header("authorization")),
        (None, None)
    );
}

#[test]
fn what_was_ended_is_dead_for_the_engine_too() {
    rows!("C-69");
    let node = node(&["alice"]);
    let alive = |id: &str| {
        let path = format!("/admin/v1/sessions/{id}");
        node.admin_as(crate::support::OWNER, "GET", &path, Value::Null)
            .status
            == 200
    };
    let ways: [(&str, &str); 4] = [
        ("POST", "{id}/end"),
        ("POST", "{id}/remove"),
        ("DELETE", ""),
        ("CLIENT", ""),
    ];
    for (method, rest) in ways {
        let (mut alice, session) = Browser::signed_in(&node, "alice");
        let token = alice.token(&session);
        let id = node
            .engine
            .session_of_token(token.as_bytes(), &format!("http://{}", node.public));
        assert_eq!(id.map(|id| id.to_string()), Some(session.clone()));
        assert!(alive(&session));
        let held = alice.clone();
        ok(&match method {
            "CLIENT" => alice.ask("DELETE", CLIENT, ""),
            "DELETE" => alice.ask("DELETE", SESSIONS, ""),
            _ => alice.post(
                &format!("{SESSIONS}/{}", rest.replace("{id}", &session)),
                "",
            ),
        });
        assert!(!alive(&session), "{method} {rest}");
        let answer = held.clone().call(&session, "/tokens");
        assert_eq!(answer.status, 401, "{method} {rest}");
    }
}

//! What administrators do, as it shows here.

use std::time::Duration;

use super::*;
use crate::support::OWNER;

const SESSIONS: &str = "/admin/v1/sessions";
const DAY_MS: u64 = 86_400_000;

fn listed_keys(node: &Node) -> usize {
    let listed = node.administer("GET", KEYS, Value::Null);
    listed["keys"].as_array().unwrap().len()
}

/// Polls until something holds; gives up after half a minute.
fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("it does not come to hold");
}

#[test]
fn what_ends_the_sessions_of_an_account_logs_it_out() {
    rows!("V-69");
    for (method, path, body) in [
        ("POST", "alice/revoke", json!({})),
        ("PUT", "alice/password", json!({"password": "password-2"})),
        ("POST", "alice/totp", Value::Null),
        ("PATCH", "alice", json!({"enabled": false})),
        ("DELETE", "alice", Value::Null),
    ] {
        let node = node(&["alice", "bob"]);
        let (key, other) = (guest(&node), guest(&node));
        complete(&log_in(&node, &key, "alice", PASSWORD));
        complete(&log_in(&node, &other, "bob", PASSWORD));
        node.administer(method, &format!("/admin/v1/accounts/{path}"), body);
        assert_eq!(who(&node, &key), None);
        assert_eq!(who(&node, &other).as_deref(), Some("bob"));
        complete(&log_in(&node, &key, "bob", PASSWORD));
    }
}

#[test]
fn one_session_can_be_ended_or_kept() {
    rows!("V-69");
    let node = node(&["alice"]);
    let (one, other) = (guest(&node), guest(&node));
    complete(&log_in(&node, &one, "alice", PASSWORD));
    let listed = node.administer("GET", SESSIONS, Value::Null);
    let id = listed["sessions"][0]["id"].as_str().unwrap().to_owned();
    complete(&log_in(&node, &other, "alice", PASSWORD));
    let revoke = "/admin/v1/accounts/alice/revoke";
    node.administer("POST", revoke, json!({"keep": id}));
    assert_eq!(who(&node, &one).as_deref(), Some("alice"));
    assert_eq!(who(&node, &other), None);
    node.administer("DELETE", &format!("{SESSIONS}/{id}"), Value::Null);
    assert_eq!(who(&node, &one), None);
    complete(&log_in(&node, &one, "alice", PASSWORD));
}

#[test]
fn trusted_issue_hands_out_a_key_with_its_user() {
    rows!("V-70");
    let node = node(&["alice"]);
    let body = json!({"username": "alice", "surface": "i3d", "count": 3, "absolute_ms": 60_000});
    let issued = node.administer("POST", SESSIONS, body);
    let sessions = issued["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    let keys: Vec<_> = sessions
        .iter()
        .map(|s| s["secret"].as_str().unwrap())
        .collect();
    assert_eq!(listed_keys(&node), 3);
    for (key, session) in keys.iter().zip(sessions) {
        assert_eq!(key.len(), 24);
        assert_eq!(who(&node, key).as_deref(), Some("alice"));
        let path = format!("{SESSIONS}/{}", session["id"].as_str().unwrap());
        let shown = node.administer("GET", &path, Value::Null);
        assert_eq!(shown["factors"], json!(["vouched"]));
    }
    // It is a guest key like any other, for as long as the session may live.
    refused(&log_in(&node, keys[0], "alice", PASSWORD), 409, 60_006);
    done(&log_out(&node, keys[0]));
    complete(&log_in(&node, keys[0], "alice", PASSWORD));
    node.clock.advance_ms(59_999);
    assert!(who(&node, keys[1]).is_some());
    node.clock.advance_ms(1);
    for key in keys {
        refused(&user(&node, key), 403, 60_004);
    }
}

#[test]
fn a_refused_issue_leaves_no_key() {
    rows!("V-70");
    let node = node(&[]);
    node.account("locked", json!({"locked": true}));
    node.account("off", json!({"enabled": false}));
    let ask = |body: Value| node.admin_as(OWNER, "POST", SESSIONS, body).status;
    for (name, count) in [("locked", 1), ("off", 1), ("locked", 3)] {
        let body = json!({"username": name, "surface": "i3d", "count": count});
        assert!((400..500).contains(&ask(body)));
    }
    node.account("alice", json!({}));
    for bad in [
        json!({"username": "alice", "surface": "i3d", "count": 257}),
        json!({"username": "alice", "surface": "i3d", "api_key": "x"}),
    ] {
        assert_eq!(ask(bad), 422);
    }
    assert_eq!(listed_keys(&node), 0);
    let listed = node.administer("GET", SESSIONS, Value::Null);
    assert_eq!(listed["sessions"], json!([]));
}

#[test]
fn all_sessions_of_an_issue_are_opened_or_none() {
    rows!("V-70");
    let mut policy = sessile::session::policy::Policy::default();
    policy.i3d.when_full = sessile::session::policy::WhenFull::Deny;
    policy.i3d.per_account = Some(3);
    let node = Node::start(Setup {
        policy,
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let body = |count: u32| json!({"username": "alice", "surface": "i3d", "count": count});
    let refused = node.admin_as(OWNER, "POST", SESSIONS, body(4));
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert_eq!(listed_keys(&node), 0);
    let listed = node.administer("GET", SESSIONS, Value::Null);
    assert_eq!(listed["sessions"], json!([]));
    node.administer("POST", SESSIONS, body(3));
    assert_eq!(listed_keys(&node), 3);
}

#[test]
fn keys_are_listed_until_a_day_after_they_expired() {
    rows!("V-71", "V-8");
    let node = node(&["alice"]);
    let at = START_MS + 1_000;
    let mortal =
        json!({"kind": "i3d-guest", "expires_at_ms": at, "networks": ["127.0.0.1", "10.0.0.0/8"]});
    let made = node.administer("POST", KEYS, mortal);
    let owned = json!({"kind": "i3d", "username": "alice", "expires_at_ms": at});
    key(&node, owned);
    let (for_good, _) = (guest(&node), account_key(&node, "alice"));
    complete(&log_in(
        &node,
        made["secret"].as_str().unwrap(),
        "alice",
        PASSWORD,
    ));
    let list = || node.administer("GET", KEYS, Value::Null)["keys"].clone();
    let shown = json!({
        "kind": "i3d-guest", "name": made["name"], "username": null, "live": true,
        "expires_at_ms": at, "networks": ["127.0.0.1/32", "10.0.0.0/8"],
    });
    assert_eq!(list()[0], shown);
    assert_eq!(made.as_object().unwrap().len(), 6);
    node.clock.advance_ms(1_000);
    let live: Vec<_> = list()
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["live"].clone())
        .collect();
    assert_eq!(live, [false, false, true, true]);
    node.clock.advance_ms(DAY_MS - 1);
    // The directory looks every tenth of a second: give it the chance to be early.
    for _ in 0..60 {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    assert_eq!(listed_keys(&node), 4);
    node.clock.advance_ms(1);
    until(|| listed_keys(&node) == 2);
    refused(&user(&node, &for_good), 404, 10_001);
}

#[test]
fn a_key_is_made_as_it_should_be_or_not_at_all() {
    rows!("V-8", "V-9");
    let node = node(&["alice"]);
    let many = vec!["10.0.0.0/8"; 33];
    for (body, status) in [
        (json!({"kind": "i3d"}), 422),
        (json!({"kind": "i3d", "username": null}), 422),
        (json!({"kind": "i3d", "username": "nobody"}), 404),
        (json!({"kind": "i3d-guest", "username": "alice"}), 422),
        (json!({"kind": "i3d-guest", "expires_at_ms": START_MS}), 422),
        (json!({"kind": "i3d-guest", "expires_at_ms": "soon"}), 422),
        (
            json!({"kind": "i3d-guest", "networks": ["10.0.0.0/33"]}),
            422,
        ),
        (json!({"kind": "i3d-guest", "networks": ["localhost"]}), 422),
        (json!({"kind": "i3d-guest", "networks": many}), 422),
        (json!({"kind": "i3d-guest", "secret": "x"}), 422),
        (json!({"kind": "I3D"}), 422),
        (
            json!({"kind": "xdata", "username": "alice", "networks": []}),
            422,
        ),
        (
            json!({"kind": "xdata", "username": "alice", "expires_at_ms": START_MS + 1}),
            422,
        ),
    ] {
        let answer = node.admin_as(OWNER, "POST", KEYS, body.clone());
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    assert_eq!(listed_keys(&node), 0);
}

#[test]
fn a_profile_keeps_its_bounds() {
    rows!("V-18", "V-19");
    let node = node(&["alice"]);
    let long = "x".repeat(257);
    let change = |profile: Value| {
        let body = json!({"profile": profile});
        node.admin_as(OWNER, "PATCH", "/admin/v1/accounts/alice", body)
    };
    for bad in [
        json!({"email": long}),
        json!({"first_name": "a\u{0}b"}),
        json!({"nickname": "x"}),
        json!({"access_level": -1}),
        json!({"access_level": 1_001}),
        json!({"trial_until": "tomorrow"}),
        json!({"trial_until": "2026-02-30"}),
        json!({"public_metadata": []}),
        json!({"unsafe_metadata": {"x": "y".repeat(9_000)}}),
        json!({"details": {"city": long}}),
        json!({"details": {"country_code": "nl"}}),
        json!({"details": {"country_code": "NLD"}}),
        json!({"details": {"account_type": -1}}),
        json!({"details": {"companyName": "x"}}),
        json!({"details": {"company_name": long}}),
        json!({"billing": {"city": "a\nb"}}),
        json!({"billing": []}),
        json!([]),
    ] {
        let answer = change(bad.clone());
        assert_eq!(answer.status, 422, "{bad}: {}", answer.text());
    }
    let shown =
        change(json!({"details": {"city": "x".repeat(256)}, "public_metadata": {"a": [1]}}));
    assert_eq!(shown.status, 200, "{}", shown.text());
    let profile = &shown.json()["profile"];
    assert_eq!(profile["details"]["city"], "x".repeat(256));
    assert_eq!(profile["details"]["account_type"], 1);
    assert_eq!(profile["billing"], Value::Null);
    assert_eq!(profile["public_metadata"], json!({"a": [1]}));
    assert_eq!(profile["unsafe_metadata"], json!({}));
    assert_eq!(profile["access_level"], 10);
    let gone = change(json!({"details": null})).json();
    assert_eq!(gone["profile"]["details"], Value::Null);
    assert_eq!(gone["profile"]["public_metadata"], json!({"a": [1]}));
}

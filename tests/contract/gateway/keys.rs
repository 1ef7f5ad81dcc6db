//! i3D keys at the gateway.

use serde_json::Value;

use super::*;

const TOKEN: &str = "private-token";
const JSON: (&str, &str) = ("content-type", "application/json");

fn key(node: &Node, body: Value) -> String {
    let made = node.administer("POST", "/admin/v1/keys", body);
    made["secret"].as_str().unwrap().into()
}

fn guest(node: &Node) -> String {
    key(node, json!({"kind": "i3d-guest"}))
}

fn log_in(node: &Node, key: &str, name: &str) {
    let body = json!({"userName": name, "password": "password-1"}).to_string();
    let answer = node.send("POST", "/v3/session/login", &[(TOKEN, key), JSON], &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_guest_key_stands_for_whoever_is_logged_in_on_it() {
    rows!("G-21", "G-10", "G-11", "G-12", "G-20");
    let node = node();
    let key = guest(&node);
    assert_eq!(ask(&node, &[(TOKEN, &key)]), 401);
    log_in(&node, &key, "alice");
    let answer = ask_by(&node, "GET", &[("PRIVATE-TOKEN", &key)], "");
    let told: Vec<_> = IDENTITY
        .iter()
        .filter_map(|name| answer.header(name))
        .collect();
    let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
    let id = listed["sessions"][0]["id"].as_str().unwrap();
    assert_eq!(told, ["alice", "1", id, "i3d"]);
    let out = node.send("POST", "/v3/session/logout", &[(TOKEN, &key)], "");
    assert_eq!(out.status, 204);
    assert_eq!(ask(&node, &[(TOKEN, &key)]), 401);
}

#[test]
fn nothing_else_is_taken_as_a_key_and_a_key_as_nothing_else() {
    rows!("G-21", "G-2", "G-6");
    let node = node();
    node.account("otto", json!({}));
    node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    let owned = key(&node, json!({"kind": "i3d", "username": "alice"}));
    let waiting = guest(&node);
    log_in(&node, &waiting, "otto");
    let elsewhere = key(
        &node,
        json!({"kind": "i3d-guest", "networks": ["192.0.2.0/24"]}),
    );
    let (session, token) = (node.session("alice"), token(&node));
    for bad in [&owned, &waiting, &elsewhere, &session, &token] {
        assert_eq!(ask(&node, &[(TOKEN, bad)]), 401);
    }
    let key = guest(&node);
    log_in(&node, &key, "alice");
    let bearer = format!("Bearer {key}");
    for header in [
        ("authorization", bearer.as_str()),
        ("session", key.as_str()),
        ("xdata-session-token", key.as_str()),
    ] {
        assert_eq!(ask(&node, &[header]), 401, "{header:?}");
    }
}

#[test]
fn a_key_has_its_place_in_the_order() {
    rows!("G-21", "G-3", "G-5");
    let node = node();
    node.account("bob", json!({}));
    node.account("carol", json!({}));
    let key = guest(&node);
    log_in(&node, &key, "bob");
    let (session, token) = (node.session("carol"), token(&node));
    let user = |headers: &[(&str, &str)]| {
        let answer = ask_by(&node, "GET", headers, "");
        answer.header("x-sessile-user").map(str::to_owned)
    };
    let (by_key, by_token) = (
        (TOKEN, key.as_str()),
        ("xdata-session-token", token.as_str()),
    );
    let by_session = ("session", session.as_str());
    assert_eq!(user(&[by_token, by_key]).as_deref(), Some("bob"));
    assert_eq!(user(&[by_key, by_session]).as_deref(), Some("carol"));
    assert_eq!(user(&[by_token, (TOKEN, "bad")]), None);
    assert_eq!(user(&[by_key, ("session", "bad")]), None);
    assert_eq!(user(&[by_key, by_key]), None);
}

#[test]
fn verifying_a_key_is_activity_of_its_session() {
    rows!("G-14", "G-15", "G-21");
    let node = node();
    let key = guest(&node);
    log_in(&node, &key, "alice");
    for _ in 0..3 {
        node.clock.advance_ms(30 * 60_000 - 1);
        assert_eq!(ask(&node, &[(TOKEN, &key)]), 200);
    }
    node.clock.advance_ms(30 * 60_000 - 1);
    assert_eq!(ask(&node, &[(TOKEN, &key), ("x-sessile-touch", "no")]), 200);
    node.clock.advance_ms(1);
    assert_eq!(ask(&node, &[(TOKEN, &key)]), 401);
}

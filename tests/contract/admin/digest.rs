//! The state digest: it changes with what the node holds, and with nothing else.

use serde_json::{Value, json};

use super::{ACCOUNTS, ALICE, KEYS, SESSIONS, node};
use crate::support::Node;

fn digest(node: &Node) -> String {
    let shown = node.look("/admin/v1/digest");
    assert_eq!(shown.as_object().unwrap().len(), 1);
    let text = shown["digest"].as_str().unwrap().to_owned();
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    assert!(text.len() == 32 && text.bytes().all(is_hex), "{text}");
    text
}

#[test]
fn it_changes_with_every_change() {
    let node = node();
    node.account("bob", json!({}));
    let mut seen = vec![digest(&node)];
    let mut changed = |what: &str| {
        let now = digest(&node);
        assert!(!seen.contains(&now), "{what} left no mark");
        seen.push(now);
    };
    for (name, value) in [
        ("external_subject", json!("idp|1")),
        ("client_type", json!("website")),
        ("group", json!("demo")),
        ("managed_groups", json!(["demo"])),
        ("agent", json!("bob")),
        ("may_sudo", json!(true)),
        ("locked", json!(true)),
        ("expires_at_ms", json!(7)),
        ("max_sessions", json!(7)),
        ("enabled", json!(false)),
    ] {
        node.administer("PATCH", ALICE, json!({name: value}));
        changed(name);
    }
    let undone =
        json!({"enabled": true, "locked": false, "expires_at_ms": null, "max_sessions": null});
    node.administer("PATCH", ALICE, undone);
    changed("enabled again: the generation stays");
    for (method, path, body) in [
        ("PUT", "/password", json!({"password": "password-1"})),
        ("PUT", "/password", json!({"password": null})),
        ("POST", "/totp", Value::Null),
        ("DELETE", "/totp", Value::Null),
        ("POST", "/revoke", json!({})),
    ] {
        node.administer(method, &format!("{ALICE}{path}"), body);
        changed(&format!("{method} {path}"));
    }
    let (api_key, _) = node.key_pair("alice");
    changed("a key pair");
    for body in [
        json!({"username": "alice", "surface": "mollybet"}),
        json!({"username": "alice", "surface": "mollybet", "attributes": {"a": 1}}),
        json!({"api_key": api_key, "surface": "xdata"}),
    ] {
        node.issued(body);
        changed("a session");
    }
    let secret = node.session("bob");
    changed("a session");
    let path = format!("/v1/sessions/{secret}/tokenize/");
    assert_eq!(
        node.send("POST", &path, &[("session", &secret)], "").status,
        200
    );
    changed("a hand-off token");
    node.administer("POST", ACCOUNTS, json!({"username": "carol"}));
    changed("an account");
}

#[test]
fn what_is_undone_leaves_no_mark() {
    let node = node();
    let before = digest(&node);
    let (id, _) = node.issued(json!({"username": "alice", "surface": "mollybet"}));
    assert_ne!(digest(&node), before);
    node.administer("DELETE", &format!("{SESSIONS}/{id}"), Value::Null);
    assert_eq!(digest(&node), before, "a session");
    let (api_key, _) = node.key_pair("alice");
    assert_ne!(digest(&node), before);
    node.administer("DELETE", &format!("{KEYS}/{api_key}"), Value::Null);
    assert_eq!(digest(&node), before, "a key pair");
    node.administer("POST", ACCOUNTS, json!({"username": "carol"}));
    assert_ne!(digest(&node), before);
    node.administer("DELETE", &format!("{ACCOUNTS}/carol"), Value::Null);
    assert_eq!(digest(&node), before, "an account");
    node.administer("PATCH", ALICE, json!({"group": "demo"}));
    node.administer("PATCH", ALICE, json!({"group": null}));
    assert_eq!(digest(&node), before, "a change");
}

#[test]
fn what_changes_nothing_leaves_no_mark() {
    let node = node();
    let (api_key, proof) = node.key_pair("alice");
    let secret = node.session("alice");
    let (_, token) = node.issued(json!({"api_key": api_key, "surface": "xdata"}));
    let before = digest(&node);
    let same = |what: &str| assert_eq!(digest(&node), before, "{what}");
    // Reads and activity.
    node.clock.advance_ms(1_000);
    assert_eq!(
        node.send("GET", "/auth/verify", &[("session", &secret)], "")
            .status,
        200
    );
    let path = format!("/v1/sessions/{secret}/");
    assert_eq!(
        node.send("GET", &path, &[("session", &secret)], "").status,
        200
    );
    for path in [ACCOUNTS, ALICE, KEYS, SESSIONS] {
        node.look(path);
    }
    same("reads and touches");
    let pair = [("apikey", api_key.as_str()), ("secret", proof.as_str())];
    for (method, token) in [
        ("session.verify_session_token", token.as_str()),
        ("session.close_session", "never issued"),
        ("session.close_session", &secret),
        ("session.nothing", ""),
    ] {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": [token], "id": 1});
        let answer = node.send("POST", "/api/v2/session/jsonrpc", &pair, &body.to_string());
        assert_eq!(answer.status, 200);
    }
    same("calls without effect");
    // Changes to what is already so.
    for change in [
        json!({}),
        json!({"enabled": true, "locked": false, "may_sudo": false}),
        json!({"group": null, "agent": null, "managed_groups": [], "client_type": "direct"}),
    ] {
        node.administer("PATCH", ALICE, change);
    }
    same("changes to what is so");
    // Refusals.
    node.refuses(
        ("POST", ACCOUNTS, json!({"username": "ALICE"})),
        (409, "name_taken"),
    );
    let revoke = format!("{ALICE}/revoke");
    let body = json!({"keep": "sess_0000000000000000000000"});
    node.refuses(("POST", &revoke, body), (404, "not_found"));
    let body = json!({"username": "alice", "surface": "mollybet", "count": 101});
    node.refuses(("POST", SESSIONS, body), (409, "limit_reached"));
    same("refusals");
    // A wrong guess is one: it counts.
    assert!(!node.logs_in("alice", "wrong-1"));
    assert_ne!(digest(&node), before);
}

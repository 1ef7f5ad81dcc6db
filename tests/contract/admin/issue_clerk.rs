//! Trusted issue on clerk: browsers' clients in which a user is signed in already.

use serde_json::{Value, json};

use super::{SESSIONS, node, told};
use crate::support::{ISSUER, Node};

/// Issues sessions of alice's; `more` is what else is said.
fn issued(node: &Node, more: Value) -> Vec<(String, String)> {
    let mut body = json!({"username": "alice", "surface": "clerk"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let answer = node.admin_as(ISSUER, "POST", SESSIONS, body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = |session: &Value, name: &str| session[name].as_str().unwrap().to_owned();
    let sessions = answer.json()["sessions"].as_array().unwrap().clone();
    sessions
        .iter()
        .map(|s| (text(s, "id"), text(s, "secret")))
        .collect()
}

/// The client that a browser with this cookie is shown.
fn client(node: &Node, secret: &str) -> Value {
    let cookie = format!("__client={secret}");
    node.send("GET", "/v1/client", &[("cookie", &cookie)], "")
        .json()["response"]
        .clone()
}

#[test]
fn each_session_has_a_client_of_its_own_that_is_signed_in() {
    let node = node();
    let all = issued(&node, json!({"count": 3}));
    assert_eq!(all.len(), 3);
    for (id, secret) in &all {
        let client = client(&node, secret);
        assert_eq!(client["last_active_session_id"], json!(id));
        assert_eq!(client["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(client["sessions"][0]["status"], "active");
        assert_eq!(client["sessions"][0]["user"]["username"], "alice");
    }
    let (id, secret) = &all[0];
    let path = format!("/v1/client/sessions/{id}/end");
    let cookie = format!("__client={secret}");
    assert_eq!(
        node.send("POST", &path, &[("cookie", &cookie)], "").status,
        200
    );
    assert_eq!(client(&node, secret)["sessions"][0]["status"], "ended");
    assert_eq!(client(&node, &all[1].1)["sessions"][0]["status"], "active");
}

#[test]
fn what_the_caller_checked_and_allowed_is_kept() {
    let node = node();
    let more = json!({"factors": ["password", "totp"], "absolute_ms": 60_000});
    let (_, secret) = issued(&node, more).remove(0);
    let shown = client(&node, &secret);
    assert_eq!(
        shown["sessions"][0]["factor_verification_age"],
        json!([0, 0])
    );
    node.clock.advance_ms(60_000);
    assert_eq!(client(&node, &secret)["sessions"][0]["status"], "expired");
}

#[test]
fn a_call_that_is_refused_leaves_no_client_behind() {
    let node = node();
    node.administer("PATCH", super::ALICE, json!({"max_sessions": 2}));
    let policy = json!({"username": "alice", "surface": "clerk", "count": 257});
    told(
        &node.admin_as(ISSUER, "POST", SESSIONS, policy),
        422,
        "invalid",
    );
    node.administer("PATCH", super::ALICE, json!({"locked": true}));
    let before = node.look("/admin/v1/digest");
    let body = json!({"username": "alice", "surface": "clerk", "count": 2});
    told(
        &node.admin_as(ISSUER, "POST", SESSIONS, body),
        409,
        "account_locked",
    );
    assert_eq!(node.look("/admin/v1/digest"), before);
}

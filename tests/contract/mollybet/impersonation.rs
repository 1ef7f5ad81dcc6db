//! What a session opened by sudo may do, and how long it lives.

use super::*;

const HOUR_MS: u64 = 3_600_000;

fn patch(node: &Node, name: &str, change: Value) {
    node.administer("PATCH", &format!("/admin/v1/accounts/{name}"), change);
}

/// root sees mid, mid sees leaf; the first two may sudo.
fn three() -> Node {
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    node.account("mid", json!({"may_sudo": true, "agent": "root"}));
    node.account("leaf", json!({"agent": "mid"}));
    node
}

#[test]
fn every_account_of_the_chain_must_have_the_right() {
    rows!("M-76");
    let node = three();
    let root = node.session("root");
    let mid = text(&sudo(&node, &root, "mid"));
    text(&sudo(&node, &mid, "leaf"));
    // The last one lost the right; his user's own session is not asked.
    patch(&node, "mid", json!({"may_sudo": false}));
    refused(&sudo(&node, &mid, "leaf"), 403, "permission_denied");
    text(&sudo(&node, &root, "leaf"));
    patch(&node, "mid", json!({"may_sudo": true}));
    text(&sudo(&node, &mid, "leaf"));
    // The first one lost it.
    patch(&node, "root", json!({"may_sudo": false}));
    refused(&sudo(&node, &mid, "leaf"), 403, "permission_denied");
    text(&sudo(&node, &node.session("mid"), "leaf"));
}

#[test]
fn every_account_of_the_chain_must_see_the_target() {
    rows!("M-76");
    let node = three();
    let root = node.session("root");
    let mid = text(&sudo(&node, &root, "mid"));
    // From now on root no longer sees what mid sees.
    patch(&node, "mid", json!({"agent": null}));
    refused(&sudo(&node, &mid, "leaf"), 404, "not_found");
    text(&sudo(&node, &node.session("mid"), "leaf"));
    patch(&node, "mid", json!({"agent": "root"}));
    text(&sudo(&node, &mid, "leaf"));
}

#[test]
fn a_session_opened_by_sudo_sees_what_its_user_sees() {
    rows!("M-60", "M-71");
    let node = three();
    let root = node.session("root");
    let leaf = text(&sudo(&node, &root, "leaf"));
    let answer = node.send("GET", &path(&root, ""), &[("session", &leaf)], "");
    refused(&answer, 404, "not_found");
    ok(&node.send("GET", &path(&leaf, ""), &[("session", &root)], ""));
    refused(&sudo(&node, &leaf, "leaf"), 403, "permission_denied");
}

#[test]
fn a_chain_has_at_most_four_accounts_before_the_last() {
    rows!("M-77");
    let node = three();
    let mut session = node.session("root");
    for _ in 0..4 {
        session = text(&sudo(&node, &session, "root"));
    }
    ok(&get(&node, &session));
    refused(&sudo(&node, &session, "root"), 403, "permission_denied");
    assert!(alive(&node, &session));
}

#[test]
fn an_impersonation_lives_an_hour_however_active() {
    rows!("M-78");
    let node = three();
    let root = node.session("root");
    let child = text(&sudo(&node, &root, "leaf"));
    for _ in 0..3 {
        node.clock.advance_ms(HOUR_MS / 4);
        ok(&get(&node, &child));
    }
    node.clock.advance_ms(HOUR_MS / 4 - 1);
    ok(&get(&node, &child));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &child));
    assert!(alive(&node, &root));
}

#[test]
fn an_impersonation_ends_when_the_session_it_came_from_runs_out() {
    rows!("M-78", "M-69", "M-90");
    let mut setup = Setup::default();
    setup.policy.sudo_absolute_ms = 100 * HOUR_MS;
    let node = Node::start(setup);
    node.account("root", json!({"may_sudo": true}));
    let root = node.session("root");
    let child = text(&sudo(&node, &root, "root"));
    let grandchild = text(&sudo(&node, &child, "root"));
    // The child's activity is not its parent's.
    node.clock.advance_ms(24 * HOUR_MS - 1);
    ok(&get(&node, &child));
    ok(&get(&node, &grandchild));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &root));
    assert!(!alive(&node, &child));
    assert!(!alive(&node, &grandchild));
}

#[test]
fn an_impersonation_never_outlives_the_absolute_end_of_its_parent() {
    rows!("M-78");
    let node = three();
    let wanted = json!({"username": "root", "surface": "mollybet", "absolute_ms": 600_000});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let root = issued["sessions"][0]["secret"].as_str().unwrap();
    let parent_ends = issued["sessions"][0]["expires_at_ms"].clone();
    let child = text(&sudo(&node, root, "leaf"));
    let listed = node.administer("GET", "/admin/v1/sessions?username=leaf", Value::Null);
    assert_eq!(listed["sessions"][0]["expires_at_ms"], parent_ends);
    node.clock.advance_ms(600_000 - 1);
    ok(&get(&node, &child));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &child));
}

//! Sudo: who may, to whom, and what is told.

use super::*;

/// A node with root, who may sudo to alice (his customer) and not to bob.
fn with_root() -> Node {
    let node = node(&["bob"]);
    node.account("root", json!({"may_sudo": true, "client_type": "desk"}));
    node.account("alice", json!({"agent": "root", "client_type": "website"}));
    node
}

#[test]
fn sudo_opens_a_session_of_the_target_beside_the_callers() {
    rows!("M-71", "M-72");
    let node = with_root();
    let root = node.session("root");
    let own = node.session("alice");
    let first = text(&sudo(&node, &root, "alice"));
    let headers = [("session", &*root), FORM];
    let by_form = node.send("POST", &path(&root, "sudo/"), &headers, "target=alice");
    for child in [first, text(&by_form)] {
        assert_ne!(child, root);
        let wanted = json!({"username": "alice", "client_type": "desk"});
        assert_eq!(ok(&get(&node, &child)), wanted);
    }
    let wanted = json!({"username": "root", "client_type": "desk"});
    assert_eq!(ok(&get(&node, &root)), wanted);
    let wanted = json!({"username": "alice", "client_type": "website"});
    assert_eq!(ok(&get(&node, &own)), wanted);
}

#[test]
fn without_the_right_it_is_403_whatever_the_target() {
    rows!("M-73");
    let node = node(&["bob"]);
    node.account("agent", json!({}));
    node.account("alice", json!({"agent": "agent"}));
    node.account("locked", json!({"agent": "agent", "locked": true}));
    let agent = node.session("agent");
    let refusal = sudo(&node, &agent, "alice");
    refused(&refusal, 403, "permission_denied");
    for target in ["bob", "agent", "nobody", "locked", "\u{0}"] {
        same(&sudo(&node, &agent, target), &refusal);
    }
    // The right may be given and taken while the session lives.
    for (may, status) in [(true, 200), (false, 403)] {
        let body = json!({"may_sudo": may});
        node.administer("PATCH", "/admin/v1/accounts/agent", body);
        assert_eq!(sudo(&node, &agent, "alice").status, status);
    }
}

#[test]
fn a_target_that_cannot_be_is_one_answer_whatever_the_reason() {
    rows!("M-74", "M-75");
    let node = with_root();
    let expires = crate::support::START_MS + 1_000;
    for (name, more) in [
        ("locked", json!({"locked": true})),
        ("disabled", json!({"enabled": false})),
        ("expiring", json!({"expires_at_ms": expires})),
    ] {
        node.account(name, more);
        let path = format!("/admin/v1/accounts/{name}");
        node.administer("PATCH", &path, json!({"agent": "root"}));
    }
    let root = node.session("root");
    text(&sudo(&node, &root, "expiring"));
    node.clock.advance_ms(1_000);
    let nobody = sudo(&node, &root, "nobody");
    refused(&nobody, 404, "not_found");
    let long = "x".repeat(10_000);
    for target in [
        "bob", "locked", "disabled", "expiring", "ALICE", "alice ", "\u{0}", "*", &long,
    ] {
        same(&sudo(&node, &root, target), &nobody);
    }
    let gone = "/admin/v1/accounts/alice";
    text(&sudo(&node, &root, "alice"));
    node.administer("DELETE", gone, Value::Null);
    same(&sudo(&node, &root, "alice"), &nobody);
}

#[test]
fn whoever_may_sudo_may_sudo_to_himself() {
    rows!("M-75");
    let node = with_root();
    let root = node.session("root");
    let again = text(&sudo(&node, &root, "root"));
    assert_eq!(ok(&get(&node, &again))["username"], "root");
    refused(&sudo(&node, &root, "Root"), 404, "not_found");
}

#[test]
fn the_path_names_the_callers_own_session() {
    rows!("M-80");
    let node = with_root();
    let (root, second, alice) = (
        node.session("root"),
        node.session("root"),
        node.session("alice"),
    );
    let handoff = token(&node, &alice);
    let target = json!({"target": "alice"}).to_string();
    let spend = json!({"token": handoff}).to_string();
    for (rest, body) in [
        ("sudo/", target.as_str()),
        ("tokenize/", ""),
        ("detokenize/", &spend),
    ] {
        let unknown = node.send(
            "POST",
            &path(NEVER, rest),
            &[("session", &root), JSON],
            body,
        );
        refused(&unknown, 404, "not_found");
        // Root sees both, and it does not help.
        for id in [&alice, &second] {
            let other = node.send("POST", &path(id, rest), &[("session", &root), JSON], body);
            same(&other, &unknown);
            let nameless = node.send("POST", &path(id, rest), &[JSON], body);
            refused(&nameless, 401, "session_required");
        }
    }
    // Nothing was spent by it.
    ok(&detokenize(&node, &root, &handoff));
}

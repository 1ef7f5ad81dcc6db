//! Metadata: whose session this is, and who may ask.

use super::*;

fn look(node: &Node, caller: &str, id: &str) -> Answer {
    node.send("GET", &path(id, ""), &[("session", caller)], "")
}

#[test]
fn the_caller_learns_whose_session_he_holds() {
    rows!("M-59");
    let node = node(&["alice"]);
    node.account("shop", json!({"client_type": "website"}));
    for (name, client_type) in [("alice", "direct"), ("shop", "website")] {
        let session = node.session(name);
        let wanted = json!({"username": name, "client_type": client_type});
        assert_eq!(ok(&get(&node, &session)), wanted);
    }
}

#[test]
fn an_account_sees_its_own_group_members_and_customers_and_theirs() {
    rows!("M-60");
    let node = Node::start(Setup::default());
    node.account("top", json!({"managed_groups": ["staff", "other"]}));
    node.account(
        "agent",
        json!({"group": "staff", "managed_groups": ["crew"]}),
    );
    node.account("customer", json!({"agent": "agent"}));
    node.account("member", json!({"group": "crew"}));
    node.account("below", json!({"agent": "member"}));
    node.account(
        "stranger",
        json!({"group": "stranger", "managed_groups": ["nobody"]}),
    );
    let names = ["top", "agent", "customer", "member", "below", "stranger"];
    let sessions: Vec<_> = names.map(|name| node.session(name)).into();
    // (who, whom he sees besides himself)
    let sees = [
        ("top", &["agent", "customer", "member", "below"][..]),
        ("agent", &["customer", "member", "below"]),
        ("customer", &[]),
        ("member", &["below"]),
        ("below", &[]),
        ("stranger", &[]),
    ];
    for ((viewer, seen), caller) in sees.iter().zip(&sessions) {
        for (name, id) in names.iter().zip(&sessions) {
            let answer = look(&node, caller, id);
            if name == viewer || seen.contains(name) {
                assert_eq!(ok(&answer)["username"], *name, "{viewer}");
            } else {
                refused(&answer, 404, "not_found");
            }
        }
    }
    // Another session of his own.
    let second = node.session("stranger");
    assert_eq!(
        ok(&look(&node, &sessions[5], &second))["username"],
        "stranger"
    );
}

#[test]
fn circles_of_agents_end() {
    rows!("M-60");
    let node = node(&["one"]);
    node.account("two", json!({"agent": "one"}));
    node.administer("PATCH", "/admin/v1/accounts/one", json!({"agent": "two"}));
    node.account("three", json!({}));
    let sessions = ["one", "two", "three"].map(|name| node.session(name));
    assert_eq!(
        ok(&look(&node, &sessions[0], &sessions[1]))["username"],
        "two"
    );
    assert_eq!(
        ok(&look(&node, &sessions[1], &sessions[0]))["username"],
        "one"
    );
    refused(&look(&node, &sessions[2], &sessions[0]), 404, "not_found");
}

#[test]
fn an_id_that_may_not_be_seen_is_like_one_that_is_not_there() {
    rows!("M-61");
    let node = node(&["alice", "bob"]);
    node.account("agent", json!({}));
    node.administer("PATCH", "/admin/v1/accounts/bob", json!({"agent": "agent"}));
    let caller = node.session("agent");
    let (hidden, ended) = (node.session("alice"), node.session("bob"));
    let expired = node.session("bob");
    ok(&delete(&node, &ended));
    node.clock.advance_ms(86_400_000 - 1);
    ok(&get(&node, &caller));
    ok(&get(&node, &hidden));
    node.clock.advance_ms(1);
    let never = look(&node, &caller, NEVER);
    refused(&never, 404, "not_found");
    let (long, longer) = ("a".repeat(256), "a".repeat(257));
    let upper = caller.to_uppercase();
    for id in [
        &*hidden, &*ended, &*expired, "x", &*upper, &*long, &*longer, "%C3%A9",
    ] {
        same(&look(&node, &caller, id), &never);
    }
    assert!(alive(&node, &hidden));
}

/// A session by trusted issue: its secret and its public id.
fn issued(node: &Node, name: &str) -> (String, String) {
    let wanted = json!({"username": name, "surface": "mollybet"});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let field = |name: &str| issued["sessions"][0][name].as_str().unwrap().to_owned();
    (field("secret"), field("id"))
}

#[test]
fn the_public_id_counts_beside_its_own_header_only() {
    rows!("M-62", "M-67");
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    node.account("alice", json!({"agent": "root"}));
    let (root, root_id) = issued(&node, "root");
    let (alice, alice_id) = issued(&node, "alice");
    assert!(alice_id.starts_with("sess_"));
    let beside = |id: &str, rest: &str, body: Value| {
        let headers = [("session", &*root), JSON];
        let method = if rest.is_empty() { "GET" } else { "POST" };
        node.send(method, &path(id, rest), &headers, &body.to_string())
    };
    assert_eq!(ok(&beside(&root_id, "", json!({})))["username"], "root");
    text(&beside(&root_id, "sudo/", json!({"target": "alice"})));
    let handoff = text(&beside(&root_id, "tokenize/", json!({})));
    ok(&beside(&root_id, "detokenize/", json!({"token": handoff})));
    // The secret of the other session would do here: root sees alice.
    ok(&look(&node, &root, &alice));
    refused(&beside(&alice_id, "", json!({})), 404, "not_found");
    let mangled = root_id.replacen("sess_", "SESS_", 1);
    refused(&beside(&mangled, "", json!({})), 404, "not_found");
    // No credential by itself: not as a header, and not in a path without one.
    refused(&get(&node, &alice_id), 401, "session_invalid");
    let nameless = node.send("DELETE", &path(&alice_id, ""), &[], "");
    refused(&nameless, 404, "not_found");
    refused(
        &node.send("GET", &path(&alice_id, ""), &[], ""),
        401,
        "session_required",
    );
    assert!(alive(&node, &alice));
    ok(&node.send("DELETE", &path(&root_id, ""), &[("session", &root)], ""));
    assert!(!alive(&node, &root));
    refused(&beside(&root_id, "", json!({})), 401, "session_invalid");
}

#[test]
fn the_call_for_keeping_alive_answers_an_empty_list() {
    rows!("M-63");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let rates = |headers: &[(&str, &str)]| node.send("GET", "/v1/xrates/", headers, "");
    assert_eq!(ok(&rates(&[("session", &session)])), json!([]));
    refused(&rates(&[]), 401, "session_required");
    refused(&rates(&[("session", NEVER)]), 401, "session_invalid");
}

#[test]
fn the_stream_is_not_served() {
    rows!("M-96");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let path = format!("/v1/stream/?token={session}");
    refused(&node.send("GET", &path, &upgrade, ""), 404, "not_found");
    refused(&node.send("GET", "/v1/stream", &[], ""), 404, "not_found");
}

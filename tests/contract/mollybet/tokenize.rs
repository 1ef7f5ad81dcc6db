//! Hand-off tokens: their form, number and life.

use super::*;

/// A node with agent, who sees alice.
fn with_agent() -> Node {
    let node = node(&["agent"]);
    node.account("alice", json!({"agent": "agent"}));
    node
}

#[test]
fn a_token_is_48_characters_and_new_each_time() {
    rows!("M-81");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let tokens: Vec<_> = (0..16).map(|_| token(&node, &alice)).collect();
    for token in &tokens {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        assert!(token.len() == 48 && token.bytes().all(plain), "{token}");
    }
    // Each is good, the earlier ones too; which excludes equal ones.
    for token in &tokens {
        assert_eq!(ok(&detokenize(&node, &agent, token))["username"], "alice");
    }
}

#[test]
fn a_body_beside_tokenize_is_ignored() {
    rows!("M-81");
    let node = with_agent();
    let alice = node.session("alice");
    for (content_type, body) in [
        (JSON, ""),
        (JSON, "{}"),
        (JSON, "{broken"),
        (("content-type", "text/plain"), "x"),
        (FORM, &*"x".repeat(70_000)),
    ] {
        let headers = [("session", &*alice), content_type];
        text(&node.send("POST", &path(&alice, "tokenize/"), &headers, body));
    }
}

#[test]
fn a_token_is_good_for_a_minute() {
    rows!("M-82");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let (early, late) = (token(&node, &alice), token(&node, &alice));
    node.clock.advance_ms(59_999);
    ok(&detokenize(&node, &agent, &early));
    node.clock.advance_ms(1);
    refused(&detokenize(&node, &agent, &late), 404, "not_found");
    // Activity of the session does not prolong it, and a new one is good again.
    ok(&detokenize(&node, &agent, &token(&node, &alice)));
}

#[test]
fn the_seventeenth_token_is_the_end_of_the_first() {
    rows!("M-83");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let other = node.session("alice");
    let stays = token(&node, &other);
    let tokens: Vec<_> = (0..17)
        .map(|_| {
            node.clock.advance_ms(1);
            token(&node, &alice)
        })
        .collect();
    refused(&detokenize(&node, &agent, &tokens[0]), 404, "not_found");
    for token in &tokens[1..] {
        ok(&detokenize(&node, &agent, token));
    }
    ok(&detokenize(&node, &agent, &stays));
    // Spent ones leave room.
    let fresh: Vec<_> = (0..16).map(|_| token(&node, &alice)).collect();
    for token in &fresh {
        ok(&detokenize(&node, &agent, token));
    }
}

#[test]
fn a_token_opens_nothing_else() {
    rows!("M-88", "M-34");
    let node = with_agent();
    let alice = node.session("alice");
    let handoff = token(&node, &alice);
    same(&get(&node, &handoff), &get(&node, NEVER));
    let answer = node.send("GET", &path(&alice, ""), &[("session", &handoff)], "");
    refused(&answer, 401, "session_invalid");
    let answer = node.send("DELETE", &path(&handoff, ""), &[], "");
    refused(&answer, 404, "not_found");
    refused(&log_in(&node, "alice", &handoff), 401, "login_failed");
    for header in [
        ("session", handoff.clone()),
        ("authorization", format!("Bearer {handoff}")),
        ("xdata-session-token", handoff.clone()),
    ] {
        let header = (header.0, header.1.as_str());
        let answer = node.send("GET", "/auth/verify", &[header], "");
        assert_eq!(answer.status, 401, "{}", header.0);
    }
    ok(&detokenize(&node, &alice, &handoff));
}

//! Spending a hand-off token: who may, once, and one answer to all others.

use super::*;

/// A node with agent, who sees alice (a customer from the site), and stranger, who does not.
fn with_agent() -> Node {
    let node = node(&["agent", "stranger"]);
    node.account("alice", json!({"agent": "agent", "client_type": "website"}));
    node
}

#[test]
fn the_agent_learns_whose_session_it_is_and_gets_none() {
    rows!("M-84");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let sessions = node.administer("GET", "/admin/v1/sessions", Value::Null);
    let answer = detokenize(&node, &agent, &token(&node, &alice));
    assert_eq!(
        answer.text(),
        r#"{"status":"ok","data":{"username":"alice","client_type":"website"}}"#
    );
    ok(&answer);
    let headers = [("session", &*agent), FORM];
    let form = format!("token={}", token(&node, &alice));
    let by_form = node.send("POST", &path(&agent, "detokenize/"), &headers, &form);
    same(&by_form, &answer);
    // Everybody sees himself.
    same(&detokenize(&node, &alice, &token(&node, &alice)), &answer);
    let after = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(after, sessions);
}

#[test]
fn a_token_of_a_session_opened_by_sudo_tells_its_user() {
    rows!("M-84");
    let node = with_agent();
    node.account("root", json!({"may_sudo": true, "managed_groups": ["all"]}));
    node.account("bob", json!({"group": "all"}));
    let root = node.session("root");
    let child = text(&sudo(&node, &root, "bob"));
    let handed = detokenize(&node, &root, &token(&node, &child));
    let wanted = json!({"username": "bob", "client_type": "direct"});
    assert_eq!(ok(&handed), wanted);
}

#[test]
fn a_token_is_spent_by_its_first_success() {
    rows!("M-85");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let handoff = token(&node, &alice);
    ok(&detokenize(&node, &agent, &handoff));
    refused(&detokenize(&node, &agent, &handoff), 404, "not_found");
    let second = node.session("agent");
    refused(&detokenize(&node, &second, &handoff), 404, "not_found");
    refused(&detokenize(&node, &alice, &handoff), 404, "not_found");
}

#[test]
fn of_many_attempts_at_once_one_succeeds() {
    rows!("M-85");
    let node = with_agent();
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    for _ in 0..4 {
        let handoff = token(&node, &alice);
        let answers = at_once(12, |_| detokenize(&node, &agent, &handoff));
        let spent = answers.iter().filter(|a| a.status == 200).count();
        assert_eq!(spent, 1);
        for answer in answers.iter().filter(|a| a.status != 200) {
            refused(answer, 404, "not_found");
        }
    }
}

#[test]
fn every_token_that_does_not_count_is_one_answer() {
    rows!("M-86");
    let node = with_agent();
    let (agent, stranger) = (node.session("agent"), node.session("stranger"));
    let (ending, alice) = (node.session("alice"), node.session("alice"));
    let orphan = token(&node, &ending);
    ok(&delete(&node, &ending));
    let old = token(&node, &alice);
    node.clock.advance_ms(60_000);
    let hidden = token(&node, &node.session("stranger"));
    let spent = token(&node, &alice);
    ok(&detokenize(&node, &agent, &spent));
    let live = token(&node, &alice);
    let never = detokenize(&node, &agent, &"A".repeat(48));
    refused(&never, 404, "not_found");
    let padded = format!("{live}=");
    let shifted = live.replace(|c: char| c.is_ascii_lowercase(), "a");
    let (cut, _) = live.split_at(47);
    let long = "A".repeat(10_000);
    for bad in [
        &*orphan, &*old, &*hidden, &*spent, &*padded, &*shifted, cut, &*long, &*alice, &*agent,
        "x", " ", "\u{0}", "sess_x",
    ] {
        same(&detokenize(&node, &agent, bad), &never);
    }
    same(&detokenize(&node, &stranger, &live), &never);
    ok(&detokenize(&node, &agent, &live));
}

#[test]
fn a_refused_attempt_spends_nothing() {
    rows!("M-87");
    let node = with_agent();
    let (agent, stranger) = (node.session("agent"), node.session("stranger"));
    let alice = node.session("alice");
    let handoff = token(&node, &alice);
    refused(&detokenize(&node, &stranger, &handoff), 404, "not_found");
    let body = json!({"token": handoff}).to_string();
    let at = path(&agent, "detokenize/");
    refused(
        &node.send("POST", &at, &[JSON], &body),
        401,
        "session_required",
    );
    refused(
        &node.send("POST", &at, &[("session", NEVER), JSON], &body),
        401,
        "session_invalid",
    );
    let text = [("session", &*agent), ("content-type", "text/plain")];
    refused(
        &node.send("POST", &at, &text, &body),
        415,
        "unsupported_media_type",
    );
    invalid(
        &post(&node, &agent, "detokenize/", &json!({"token": [handoff]})),
        &["token"],
    );
    ok(&detokenize(&node, &agent, &handoff));
}

//! Logout: what ends, for whom, and at once.

use super::*;

#[test]
fn logout_answers_null_and_ignores_its_body() {
    rows!("M-64");
    let node = node(&["alice"]);
    for (content_type, body) in [
        (JSON, ""),
        (JSON, "{}"),
        (JSON, "{broken"),
        (("content-type", "text/plain"), "x"),
        (("content-encoding", "gzip"), "x"),
        (FORM, &*"x".repeat(70_000)),
    ] {
        let session = node.session("alice");
        let headers = [("session", &*session), content_type];
        let answer = node.send("DELETE", &path(&session, ""), &headers, body);
        assert_eq!(ok(&answer), Value::Null);
        assert!(!alive(&node, &session));
    }
}

#[test]
fn an_ended_session_is_unusable_everywhere() {
    rows!("M-65");
    let node = node(&["alice"]);
    let session = text(&log_in(&node, "alice", PASSWORD));
    let verify = |node: &Node| {
        node.send("GET", "/auth/verify", &[("session", &session)], "")
            .status
    };
    assert_eq!(verify(&node), 200);
    ok(&delete(&node, &session));
    assert_eq!(verify(&node), 401);
    let never = get(&node, NEVER);
    for (method, rest) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "sudo/"),
        ("POST", "tokenize/"),
        ("POST", "detokenize/"),
    ] {
        same(&call(&node, method, &session, rest), &never);
    }
    let rates = node.send("GET", "/v1/xrates/", &[("session", &session)], "");
    same(&rates, &never);
    let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(listed["sessions"], json!([]));
    // Neither a new login nor a restart brings it back.
    let other = text(&log_in(&node, "alice", PASSWORD));
    assert!(!alive(&node, &session));
    let node = node.restarted(Setup::default());
    assert_eq!(verify(&node), 401);
    assert!(!alive(&node, &session) && alive(&node, &other));
}

#[test]
fn whoever_holds_the_id_may_end_it_without_a_header() {
    rows!("M-66");
    let node = node(&["alice"]);
    for (headers, body) in [
        (&[][..], ""),
        (&[JSON], "{}"),
        (&[("authorization", "Basic eDp5")], ""),
    ] {
        let session = node.session("alice");
        let answer = node.send("DELETE", &path(&session, ""), headers, body);
        assert_eq!(ok(&answer), Value::Null);
        assert!(!alive(&node, &session));
        let again = node.send("DELETE", &path(&session, ""), headers, body);
        refused(&again, 404, "not_found");
    }
}

#[test]
fn without_a_header_whatever_is_not_there_is_the_same_answer() {
    rows!("M-67");
    let node = node(&["alice"]);
    let ended = node.session("alice");
    let expired = node.session("alice");
    ok(&delete(&node, &ended));
    node.clock.advance_ms(86_400_000);
    let session = node.session("alice");
    let end = |id: &str| node.send("DELETE", &path(id, ""), &[], "");
    let never = end(NEVER);
    refused(&never, 404, "not_found");
    let (upper, long) = (session.to_uppercase(), "a".repeat(300));
    for id in [&*ended, &*expired, &*upper, &*long, "x", "%C3%A9", "sess_0"] {
        same(&end(id), &never);
    }
    assert!(alive(&node, &session));
}

#[test]
fn a_header_of_another_session_ends_neither() {
    rows!("M-68");
    let node = node(&["bob"]);
    node.account("root", json!({}));
    node.account("alice", json!({"agent": "root"}));
    let (root, alice, bob) = (
        node.session("root"),
        node.session("alice"),
        node.session("bob"),
    );
    let own = node.session("root");
    let unknown = node.send("DELETE", &path(NEVER, ""), &[("session", &root)], "");
    refused(&unknown, 404, "not_found");
    for id in [&alice, &bob, &own] {
        let answer = node.send("DELETE", &path(id, ""), &[("session", &root)], "");
        same(&answer, &unknown);
        assert!(alive(&node, id));
    }
    assert!(alive(&node, &root));
    let answer = node.send("DELETE", &path(&alice, ""), &[("session", NEVER)], "");
    refused(&answer, 401, "session_invalid");
    assert!(alive(&node, &alice));
}

#[test]
fn what_came_from_a_session_ends_with_it() {
    rows!("M-69");
    for header in [true, false] {
        let node = Node::start(Setup::default());
        node.account("root", json!({"may_sudo": true}));
        node.account("mid", json!({"may_sudo": true, "agent": "root"}));
        node.account("leaf", json!({"agent": "mid"}));
        let (root, other) = (node.session("root"), node.session("root"));
        let mid = text(&sudo(&node, &root, "mid"));
        let leaf = text(&sudo(&node, &mid, "leaf"));
        let beside = text(&sudo(&node, &other, "mid"));
        let tokens = [&root, &mid, &leaf].map(|session| token(&node, session));
        let stays = token(&node, &other);
        assert!(alive(&node, &leaf));
        if header {
            ok(&delete(&node, &root));
        } else {
            ok(&node.send("DELETE", &path(&root, ""), &[], ""));
        }
        for session in [&root, &mid, &leaf] {
            same(&get(&node, session), &get(&node, NEVER));
        }
        for token in tokens {
            refused(&detokenize(&node, &other, &token), 404, "not_found");
        }
        assert!(alive(&node, &other) && alive(&node, &beside));
        ok(&detokenize(&node, &other, &stays));
    }
}

#[test]
fn the_end_of_what_came_from_a_session_leaves_it_alone() {
    rows!("M-69", "M-71");
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    let root = node.session("root");
    let (one, two) = (
        text(&sudo(&node, &root, "root")),
        text(&sudo(&node, &root, "root")),
    );
    ok(&delete(&node, &one));
    assert!(alive(&node, &root) && !alive(&node, &one) && alive(&node, &two));
}

#[test]
fn of_many_logouts_at_once_one_succeeds() {
    rows!("M-70");
    let node = node(&["alice"]);
    for header in [true, false] {
        let session = node.session("alice");
        let own = [("session", session.as_str())];
        let headers = if header { &own[..] } else { &[] };
        let answers = at_once(12, |_| {
            node.send("DELETE", &path(&session, ""), headers, "")
        });
        let ended = answers.iter().filter(|a| a.status == 200).count();
        assert_eq!(ended, 1);
        for answer in answers.iter().filter(|a| a.status != 200) {
            match header {
                true => refused(answer, 401, "session_invalid"),
                false => refused(answer, 404, "not_found"),
            }
        }
    }
}

//! Where strangers are stopped, who lifts it, and what an operator sees; and what a failure is that the
//! node cannot write down.

use super::*;

const HOME: &str = "192.0.2.7";
const NEW: &str = "198.51.100.1";

/// A hundred failures of strangers, each as soon as it may be.
fn stop(node: &Node, name: &str) {
    for n in 0..100 {
        let from = format!("203.{n}.113.9");
        assert_eq!(tries(node, &from, name, "wrong"), Told::Wrong, "{n}");
        node.clock.advance_ms(30_000);
    }
}

#[test]
fn strangers_are_stopped_at_a_hundred_and_a_success_from_home_lifts_it() {
    rows!("M-100");
    let node = behind_a_proxy(&["alice"], |_| {});
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    let session = node.session("alice");
    stop(&node, "alice");
    stop(&node, "nobody");
    for name in ["alice", "nobody"] {
        for surface in SURFACES {
            let tried = try_from(&node, surface, NEW, name, PASSWORD);
            assert_eq!(tried, Told::Wait(3_600), "{surface:?} {name}");
        }
    }
    node.clock.advance_ms(86_400_000 * 7);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::Wait(3_600));
    assert_eq!(tries(&node, NEW, "nobody", PASSWORD), Told::Wait(3_600));
    let shown = failures(&node, "alice");
    assert_eq!(shown["strangers"]["stopped"], true);
    assert_eq!(shown["strangers"]["consecutive"], 100);
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    let shown = failures(&node, "alice");
    assert_eq!(shown["strangers"]["stopped"], false);
    assert_eq!(shown["strangers"]["consecutive"], 0);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
    let _ = session;
}

#[test]
fn live_sessions_do_not_notice_the_stop() {
    rows!("M-100", "M-58");
    let node = behind_a_proxy(&["alice"], |_| {});
    let session = node.session("alice");
    stop(&node, "alice");
    let path = format!("/v1/sessions/{session}/");
    let answer = node.send("GET", &path, &[("session", &session)], "");
    assert_eq!(answer.status, 200);
}

#[test]
fn an_operator_sees_the_failures_and_forgets_them() {
    rows!("M-100");
    let node = behind_a_proxy(&["alice"], |_| {});
    let nothing = json!({
        "consecutive": 0, "last_at_ms": null, "stopped": false, "retry_after_ms": 0,
    });
    let expected = json!({"username": "alice", "strangers": nothing, "known_networks": []});
    assert_eq!(failures(&node, "alice"), expected);
    let seen_ms = crate::support::START_MS;
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    for _ in 0..5 {
        assert_eq!(tries(&node, HOME, "alice", "wrong"), Told::Wrong);
    }
    let expected = json!([{
        "seen_at_ms": seen_ms, "consecutive": 5, "last_at_ms": seen_ms, "stopped": false,
        "retry_after_ms": 1_000,
    }]);
    assert_eq!(failures(&node, "alice")["known_networks"], expected);
    stop(&node, "alice");
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::Wait(3_600));
    let path = "/admin/v1/accounts/alice/failures";
    let cleared = node.administer("DELETE", path, Value::Null);
    assert_eq!(cleared["strangers"], nothing);
    assert_eq!(cleared["known_networks"][0]["consecutive"], 0);
    assert_eq!(cleared["known_networks"][0]["seen_at_ms"], seen_ms);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
    let shown = failures(&node, "alice").to_string();
    assert!(
        !shown.contains("192.0.2") && !shown.contains("198.51"),
        "{shown}"
    );
}

#[test]
fn a_failure_that_cannot_be_written_counts_all_the_same() {
    rows!("M-101");
    let node = behind_a_proxy(&["alice"], |_| {});
    node.journal.refuse(true);
    for name in ["alice", "nobody"] {
        for n in 0..5 {
            let from = format!("203.{n}.113.9");
            assert_eq!(tries(&node, &from, name, "wrong"), Told::Other(503));
        }
        assert_eq!(tries(&node, NEW, name, PASSWORD), Told::Wait(1));
    }
    node.journal.refuse(false);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::Wait(1));
    // Nothing is owed for it: the node goes on giving.
    node.clock.advance_ms(1_000);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
}

/// A delay does not use up the codes of a login that waits for one.
#[test]
fn a_code_that_is_not_looked_at_is_not_counted() {
    rows!("V-73", "C-50");
    let node = behind_a_proxy(&["otto"], |_| {});
    node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    let key = guest(&node);
    let home = ("x-forwarded-for", HOME);
    let on_key = [home, ("private-token", key.as_str())];
    let begun = attempt(
        &mut node.client(),
        Surface::I3d,
        &on_key,
        ("otto", PASSWORD),
    );
    assert_eq!(begun.json()["requiresOtp"], true);
    for n in 0..5 {
        let from = format!("203.{n}.113.9");
        assert_eq!(tries(&node, &from, "otto", "wrong"), Told::Wrong);
    }
    let code = || {
        let headers = [home, ("private-token", key.as_str()), JSON];
        node.send("POST", "/v3/session/login/otp", &headers, r#"{"otp":"x"}"#)
    };
    for _ in 0..20 {
        assert_eq!(told(&code()), Told::Wait(1));
    }
    for seconds in [1, 2, 4, 8, 16] {
        node.clock.advance_ms(seconds * 1_000);
        assert_eq!(told(&code()), Told::Wrong);
    }
    assert_eq!(told(&code()), Told::Other(404), "five were looked at");
}

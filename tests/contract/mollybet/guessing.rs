//! Guessing passwords: growing delays, and nothing to learn from them.

use std::sync::Mutex;

use super::*;

/// Fails `count` logins in a row, all of which are looked at.
fn fail(node: &Node, name: &str, count: usize) {
    for _ in 0..count {
        refused(&log_in(node, name, "wrong"), 401, "login_failed");
    }
}

/// Checks that a name is delayed, and gives the seconds told.
fn delayed(node: &Node, name: &str) -> u64 {
    let answer = log_in(node, name, PASSWORD);
    refused(&answer, 429, "rate_limited");
    let seconds = answer.json()["data"]["retry_after"].as_u64().unwrap();
    let header = seconds.to_string();
    assert_eq!(answer.header("retry-after"), Some(header.as_str()));
    seconds
}

#[test]
fn five_failures_are_free_then_the_delay_doubles_up_to_half_a_minute() {
    rows!("M-51", "M-52");
    let node = node(&["alice"]);
    fail(&node, "alice", 5);
    for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
        assert_eq!(delayed(&node, "alice"), seconds);
        node.clock.advance_ms(seconds * 1_000 - 1);
        assert_eq!(delayed(&node, "alice"), 1);
        node.clock.advance_ms(1);
        fail(&node, "alice", 1);
    }
}

#[test]
fn the_seconds_told_are_what_is_left_rounded_up() {
    rows!("M-52");
    let node = node(&["alice"]);
    fail(&node, "alice", 5);
    for _ in 0..2 {
        node.clock.advance_ms(30_000);
        fail(&node, "alice", 1);
    }
    for (advance, left) in [
        (0, 4),
        (1, 4),
        (999, 3),
        (1, 3),
        (998, 3),
        (1, 2),
        (1_000, 1),
    ] {
        node.clock.advance_ms(advance);
        assert_eq!(delayed(&node, "alice"), left);
    }
    node.clock.advance_ms(1_000);
    text(&log_in(&node, "alice", PASSWORD));
}

#[test]
fn attempts_during_a_delay_are_not_looked_at_and_do_not_count() {
    rows!("M-53");
    let node = node(&["alice"]);
    fail(&node, "alice", 5);
    for _ in 0..20 {
        // `delayed` sends the right password.
        assert_eq!(delayed(&node, "alice"), 1);
        refused(&log_in(&node, "alice", "wrong"), 429, "rate_limited");
    }
    node.clock.advance_ms(1_000);
    fail(&node, "alice", 1);
    assert_eq!(delayed(&node, "alice"), 2);
}

#[test]
fn a_success_forgets_the_failures() {
    rows!("M-54");
    let node = node(&["alice"]);
    fail(&node, "alice", 4);
    text(&log_in(&node, "alice", PASSWORD));
    fail(&node, "alice", 5);
    node.clock.advance_ms(delayed(&node, "alice") * 1_000);
    text(&log_in(&node, "alice", PASSWORD));
    fail(&node, "alice", 4);
    text(&log_in(&node, "alice", PASSWORD));
}

#[test]
fn fifteen_minutes_forget_the_failures() {
    rows!("M-54");
    let node = node(&["alice"]);
    fail(&node, "alice", 5);
    node.clock.advance_ms(15 * 60_000 - 1);
    fail(&node, "alice", 1);
    assert_eq!(delayed(&node, "alice"), 2);
    node.clock.advance_ms(15 * 60_000);
    fail(&node, "alice", 5);
    assert_eq!(delayed(&node, "alice"), 1);
}

#[test]
fn a_name_is_counted_whether_it_exists_or_not_and_in_any_case() {
    rows!("M-55");
    let node = node(&["alice", "bob"]);
    fail(&node, "alice", 5);
    fail(&node, "nobody", 5);
    let known = log_in(&node, "alice", PASSWORD);
    refused(&known, 429, "rate_limited");
    same(&log_in(&node, "nobody", PASSWORD), &known);
    same(&log_in(&node, "ALICE", PASSWORD), &known);
    same(&log_in(&node, "NoBody", "x"), &known);
    text(&log_in(&node, "bob", PASSWORD));
    let mixed = ["carol", "Carol", "CAROL", "cArOl", "carOL"];
    for name in mixed {
        fail(&node, name, 1);
    }
    assert_eq!(delayed(&node, "carol"), 1);
}

#[test]
fn a_right_password_that_is_refused_counts_neither_way() {
    rows!("M-56");
    let node = Node::start(Setup::default());
    node.account("locked", json!({"locked": true}));
    node.account("otto", json!({}));
    node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    for (name, code) in [
        ("locked", "account_locked"),
        ("otto", "second_factor_required"),
    ] {
        for _ in 0..8 {
            refused(&log_in(&node, name, PASSWORD), 403, code);
        }
        fail(&node, name, 4);
        refused(&log_in(&node, name, PASSWORD), 403, code);
        fail(&node, name, 1);
        assert_eq!(delayed(&node, name), 1);
    }
}

#[test]
fn a_wrong_one_time_password_counts() {
    rows!("M-56");
    let node = Node::start(Setup::default());
    node.account("otto", json!({}));
    node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    for _ in 0..5 {
        let body = json!({"username": "otto", "password": PASSWORD, "otp": "x"}).to_string();
        let answer = node.send("POST", LOGIN, &[JSON], &body);
        refused(&answer, 401, "login_failed");
    }
    assert_eq!(delayed(&node, "otto"), 1);
}

#[test]
fn guesses_at_the_same_instant_learn_no_more_than_guesses_in_a_row() {
    rows!("M-57");
    let node = node(&["alice"]);
    for name in ["alice", "bob", "carol", "dan", "eve", "fay"] {
        // Connected before, so that nothing but the guess is left to do.
        let connections: Vec<_> = (0..48).map(|_| Mutex::new(node.client())).collect();
        let body = json!({"username": name, "password": "guess"}).to_string();
        let answers = at_once(connections.len(), |n| {
            let mut connection = connections[n].lock().unwrap();
            connection.send("POST", LOGIN, &[JSON], body.as_bytes())
        });
        let told = answers.iter().filter(|answer| answer.status == 401).count();
        for answer in answers.iter().filter(|answer| answer.status != 401) {
            refused(answer, 429, "rate_limited");
        }
        assert_eq!(told, 5, "so many guesses were answered");
    }
}

#[test]
fn right_passwords_at_the_same_instant_all_get_in() {
    rows!("M-57");
    let node = node(&["alice"]);
    for answer in at_once(32, |_| log_in(&node, "alice", PASSWORD)) {
        text(&answer);
    }
}

#[test]
fn live_sessions_do_not_notice() {
    rows!("M-58");
    let node = node(&["alice"]);
    let session = text(&log_in(&node, "alice", PASSWORD));
    fail(&node, "alice", 5);
    delayed(&node, "alice");
    ok(&get(&node, &session));
    let handoff = token(&node, &session);
    ok(&detokenize(&node, &session, &handoff));
    ok(&delete(&node, &session));
}

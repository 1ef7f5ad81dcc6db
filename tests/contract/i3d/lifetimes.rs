//! How long a login lasts.

use super::*;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

fn log_in_for(node: &Node, key: &str, remember: u8) {
    let body = json!({"userName": "alice", "password": PASSWORD, "rememberMe": remember});
    complete(&post(node, key, LOGIN, &body));
}

/// Checks that a session ends this long after its last use, and, used every `step`, this long after
/// it was opened.
fn lives(node: &Node, key: &str, open: impl Fn(), idle_ms: u64, absolute_ms: u64, step_ms: u64) {
    open();
    node.clock.advance_ms(idle_ms - 1);
    assert!(who(node, key).is_some());
    node.clock.advance_ms(1);
    assert!(who(node, key).is_none());
    open();
    for _ in 0..absolute_ms / step_ms - 1 {
        node.clock.advance_ms(step_ms);
        ok(&user(node, key));
    }
    node.clock.advance_ms(step_ms - 1);
    ok(&user(node, key));
    node.clock.advance_ms(1);
    refused(&user(node, key), 404, 10_001);
}

#[test]
fn a_session_lives_half_an_hour_unused_and_half_a_day_in_all() {
    rows!("V-65", "V-30");
    let node = node(&["alice"]);
    let key = guest(&node);
    let (idle, absolute, step) = (30 * MINUTE_MS, 12 * HOUR_MS, 20 * MINUTE_MS);
    let plain = || complete(&log_in(&node, &key, "alice", PASSWORD));
    lives(&node, &key, plain, idle, absolute, step);
    lives(
        &node,
        &key,
        || log_in_for(&node, &key, 0),
        idle,
        absolute,
        step,
    );
}

#[test]
fn a_remembered_session_lives_two_weeks_unused_and_thirty_days_in_all() {
    rows!("V-66");
    let node = node(&["alice"]);
    let key = guest(&node);
    let remembered = || log_in_for(&node, &key, 1);
    lives(
        &node,
        &key,
        remembered,
        14 * DAY_MS,
        30 * DAY_MS,
        10 * DAY_MS,
    );
}

#[test]
fn what_was_said_in_the_first_step_holds_through_the_second() {
    rows!("V-67");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    for (remember, alive, at) in [(1, true, 0), (0, false, 121)] {
        let key = guest(&node);
        let body = json!({"userName": "otto", "password": PASSWORD, "rememberMe": remember});
        pending(&post(&node, &key, LOGIN, &body));
        done(&otp(&node, &key, &code(&seed, at)));
        // 121 steps of 30 seconds.
        node.clock.advance_ms(HOUR_MS + 30_000);
        assert_eq!(who(&node, &key).is_some(), alive);
    }
}

#[test]
fn when_it_is_over_the_key_is_as_new() {
    rows!("V-68");
    let node = node(&["alice", "bob"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    node.clock.advance_ms(30 * MINUTE_MS);
    refused(&user(&node, &key), 404, 10_001);
    complete(&log_in(&node, &key, "bob", PASSWORD));
    assert_eq!(who(&node, &key).as_deref(), Some("bob"));
    done(&log_out(&node, &key));
}

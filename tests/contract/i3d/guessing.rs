//! Guessing passwords on a key.

use std::sync::Mutex;

use super::*;

const WINDOW_MS: u64 = 15 * 60_000;

/// Fails logins, so far apart that the growing delay of the name lets all of them through.
fn fail(node: &Node, key: &str, name: &str, count: usize) {
    for _ in 0..count {
        refused(&log_in(node, key, name, "wrong"), 401, 60_001);
        node.clock.advance_ms(30_000);
    }
}

/// Checks that a name is shut on a key, the right password included, and gives the seconds told.
fn shut(node: &Node, key: &str, name: &str) -> u64 {
    let answer = log_in(node, key, name, PASSWORD);
    refused(&answer, 429, 60_009);
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn five_failures_shut_a_name_on_a_key_for_the_rest_of_the_window() {
    rows!("V-60");
    let node = node(&["alice"]);
    let key = guest(&node);
    fail(&node, &key, "alice", 5);
    assert_eq!(shut(&node, &key, "alice"), 15 * 60 - 150);
    node.clock.advance_ms(WINDOW_MS - 150_000 - 1);
    assert_eq!(shut(&node, &key, "alice"), 1);
    assert_eq!(who(&node, &key), None);
    node.clock.advance_ms(1);
    complete(&log_in(&node, &key, "alice", PASSWORD));
}

#[test]
fn attempts_on_a_shut_name_do_not_make_it_longer() {
    rows!("V-60");
    let node = node(&["alice"]);
    let key = guest(&node);
    fail(&node, &key, "alice", 5);
    for _ in 0..20 {
        refused(&log_in(&node, &key, "alice", "wrong"), 429, 60_009);
    }
    node.clock.advance_ms(WINDOW_MS - 150_000);
    fail(&node, &key, "alice", 4);
    complete(&log_in(&node, &key, "alice", PASSWORD));
}

#[test]
fn a_success_forgets_the_failures_and_so_does_the_window() {
    rows!("V-61");
    let node = node(&["alice"]);
    let key = guest(&node);
    for _ in 0..3 {
        fail(&node, &key, "alice", 4);
        complete(&log_in(&node, &key, "alice", PASSWORD));
        done(&log_out(&node, &key));
    }
    fail(&node, &key, "alice", 4);
    node.clock.advance_ms(WINDOW_MS - 120_000);
    fail(&node, &key, "alice", 5);
    assert_eq!(shut(&node, &key, "alice"), 15 * 60 - 150);
}

#[test]
fn a_right_password_before_a_second_step_forgets_them_too() {
    rows!("V-61");
    let node = node(&["otto"]);
    enrol(&node, "otto");
    let key = guest(&node);
    for _ in 0..2 {
        fail(&node, &key, "otto", 4);
        pending(&log_in(&node, &key, "otto", PASSWORD));
    }
}

#[test]
fn other_names_and_other_keys_are_not_concerned() {
    rows!("V-62");
    let node = node(&["alice", "bob"]);
    let (key, other) = (guest(&node), guest(&node));
    fail(&node, &key, "alice", 5);
    shut(&node, &key, "alice");
    complete(&log_in(&node, &key, "bob", PASSWORD));
    complete(&log_in(&node, &other, "alice", PASSWORD));
    // The growing delay of a name holds on all keys and surfaces alike.
    let third = guest(&node);
    for _ in 0..5 {
        refused(&log_in(&node, &third, "carol", "wrong"), 401, 60_001);
    }
    let fourth = guest(&node);
    assert_eq!(shut(&node, &fourth, "carol"), 1);
    let body = json!({"username": "carol", "password": "x"}).to_string();
    let elsewhere = node.send("POST", "/v1/sessions/", &[JSON], &body);
    assert_eq!(elsewhere.status, 429);
}

#[test]
fn guesses_at_the_same_instant_are_no_more_than_guesses_in_a_row() {
    rows!("V-63");
    let node = node(&["alice"]);
    for name in ["alice", "nobody", "somebody"] {
        let key = guest(&node);
        let connections: Vec<_> = (0..48).map(|_| Mutex::new(node.client())).collect();
        let headers = [(TOKEN, key.as_str()), JSON];
        let body = json!({"userName": name, "password": "guess"}).to_string();
        let answers = at_once(connections.len(), |n| {
            let mut connection = connections[n].lock().unwrap();
            connection.send("POST", LOGIN, &headers, body.as_bytes())
        });
        let told = answers.iter().filter(|answer| answer.status == 401);
        assert_eq!(told.count(), 5);
        for answer in answers.iter().filter(|answer| answer.status != 401) {
            refused(answer, 429, 60_009);
        }
        assert_eq!(shut(&node, &key, name), 15 * 60);
    }
}

#[test]
fn names_are_counted_folded_whether_they_exist_or_not() {
    rows!("V-64");
    let node = node(&["alice"]);
    let key = guest(&node);
    for name in ["alice", "Alice", "ALICE", "aLice", "alIce"] {
        fail(&node, &key, name, 1);
    }
    let known = log_in(&node, &key, "AlicE", PASSWORD);
    refused(&known, 429, 60_009);
    let node = self::node(&[]);
    let key = guest(&node);
    fail(&node, &key, "nobody", 5);
    same(&log_in(&node, &key, "NOBODY", "x"), &known);
}

#[test]
fn an_account_that_may_not_log_in_is_counted_like_one_that_is_not_there() {
    rows!("V-39", "V-64");
    let node = Node::start(Setup::default());
    node.account("locked", json!({"locked": true}));
    node.account("disabled", json!({"enabled": false}));
    for name in ["locked", "disabled"] {
        let key = guest(&node);
        for _ in 0..5 {
            refused(&log_in(&node, &key, name, PASSWORD), 401, 60_001);
        }
        assert_eq!(shut(&node, &key, name), 15 * 60);
    }
}

//! The second step of a login.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use sessile::journal::memory::Pace;

use super::*;
use crate::support::client::Client;

const WINDOW_MS: u64 = 300_000;
const STEP_MS: u64 = 30_000;

/// A node with otto, his seed, and a key on which his login is pending.
fn waiting() -> (Node, String, String) {
    let node = node(&["alice", "otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    (node, seed, key)
}

#[test]
fn a_second_factor_is_asked_for() {
    rows!("V-47");
    let node = node(&["otto"]);
    enrol(&node, "otto");
    let key = guest(&node);
    node.clock.advance_ms(1_999);
    let until = pending(&log_in(&node, &key, "otto", PASSWORD));
    assert_eq!(until, (START_MS + 1_999 + WINDOW_MS) / 1_000);
    assert_eq!(who(&node, &key), None);
    let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(listed["sessions"], json!([]));
    // A wrong password is told before a second factor is asked for.
    refused(&log_in(&node, &key, "otto", "wrong"), 401, 60_001);
}

#[test]
fn the_right_code_logs_in() {
    rows!("V-48");
    let (node, seed, key) = waiting();
    done(&otp(&node, &key, &code(&seed, 0)));
    assert_eq!(who(&node, &key).as_deref(), Some("otto"));
    let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
    let factors = json!(["password", "totp"]);
    assert_eq!(listed["sessions"][0]["factors"], factors);
}

#[test]
fn four_wrong_codes_are_forgiven() {
    rows!("V-49");
    let (node, seed, key) = waiting();
    for _ in 0..4 {
        refused(&otp(&node, &key, &wrong_code(&seed)), 401, 60_002);
        assert_eq!(who(&node, &key), None);
    }
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn the_fifth_wrong_code_ends_the_login() {
    rows!("V-49", "V-51");
    let (node, seed, key) = waiting();
    for _ in 0..5 {
        refused(&otp(&node, &key, &wrong_code(&seed)), 401, 60_002);
    }
    refused(&otp(&node, &key, &code(&seed, 0)), 404, 60_005);
    node.clock.advance_ms(1_000);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn a_login_waits_three_hundred_seconds() {
    rows!("V-50");
    let (node, seed, key) = waiting();
    node.clock.advance_ms(WINDOW_MS - 1);
    done(&otp(&node, &key, &code(&seed, 10)));
    done(&log_out(&node, &key));
    let (node, seed, key) = waiting();
    node.clock.advance_ms(WINDOW_MS);
    refused(&otp(&node, &key, &code(&seed, 10)), 404, 60_005);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    done(&otp(&node, &key, &code(&seed, 10)));
}

#[test]
fn a_code_that_nobody_waits_for_changes_nothing() {
    rows!("V-51");
    let node = node(&["alice", "otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    let right = code(&seed, 0);
    let unexpected = otp(&node, &key, &right);
    refused(&unexpected, 404, 60_005);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    same(&otp(&node, &key, &right), &unexpected);
    same(&otp(&node, &key, "x"), &unexpected);
    assert_eq!(who(&node, &key).as_deref(), Some("alice"));
    // Nor is it used up, or counted.
    let other = guest(&node);
    for _ in 0..10 {
        same(&otp(&node, &other, "x"), &unexpected);
    }
    pending(&log_in(&node, &other, "otto", PASSWORD));
    done(&otp(&node, &other, &right));
    same(&otp(&node, &other, &right), &unexpected);
    assert_eq!(who(&node, &other).as_deref(), Some("otto"));
}

#[test]
fn a_pending_login_waits_on_its_own_key_only() {
    rows!("V-51", "V-43");
    let (node, seed, key) = waiting();
    let other = guest(&node);
    refused(&otp(&node, &other, &code(&seed, 0)), 404, 60_005);
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn a_code_is_six_ascii_digits() {
    rows!("V-52");
    let (node, seed, key) = waiting();
    let right = code(&seed, 0);
    let spaced = format!(" {right}");
    let wide: String = right
        .chars()
        .filter_map(|c| char::from_u32(u32::from(c) - u32::from('0') + 0xff10))
        .collect();
    let shorter = right.trim_start_matches('0').get(1..).unwrap().to_owned();
    for bad in [spaced, wide, shorter, String::new()] {
        refused(&otp(&node, &key, &bad), 401, 60_002);
    }
    done(&otp(&node, &key, &right));
}

#[test]
fn leading_zeros_of_a_code_matter() {
    rows!("V-52");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    // The first step from now on whose code begins with a zero: about one in ten does.
    let zero = |step: &i64| code(&seed, *step).starts_with('0');
    let step = (2..2_000).find(zero).unwrap();
    node.clock
        .advance_ms(u64::try_from(step).unwrap() * STEP_MS);
    let (key, right) = (guest(&node), code(&seed, step));
    pending(&log_in(&node, &key, "otto", PASSWORD));
    let cut = right.trim_start_matches('0');
    refused(&otp(&node, &key, cut), 401, 60_002);
    done(&otp(&node, &key, &right));
}

#[test]
fn a_code_is_good_one_step_either_way_and_once() {
    rows!("V-53");
    let (node, seed, key) = waiting();
    refused(&otp(&node, &key, &code(&seed, -2)), 401, 60_002);
    refused(&otp(&node, &key, &code(&seed, 2)), 401, 60_002);
    done(&otp(&node, &key, &code(&seed, -1)));
    let again = |step| {
        done(&log_out(&node, &key));
        pending(&log_in(&node, &key, "otto", PASSWORD));
        otp(&node, &key, &code(&seed, step))
    };
    refused(&again(-1), 401, 60_002);
    done(&again(0));
    refused(&again(0), 401, 60_002);
    done(&again(1));
    // Used here, it is used everywhere.
    let body = json!({"username": "otto", "password": PASSWORD, "otp": code(&seed, 1)});
    let elsewhere = node.send("POST", "/v1/sessions/", &[JSON], &body.to_string());
    assert_eq!(elsewhere.status, 401, "{}", elsewhere.text());
}

#[test]
fn a_code_used_at_once_on_many_keys_is_used_once() {
    rows!("V-53");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    let keys: Vec<_> = (0..4).map(|_| guest(&node)).collect();
    for key in &keys {
        pending(&log_in(&node, key, "otto", PASSWORD));
    }
    let right = code(&seed, 0);
    let answers = at_once(keys.len(), |n| otp(&node, &keys[n], &right));
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 204);
    assert_eq!(won.len(), 1);
    for answer in lost {
        refused(answer, 401, 60_002);
    }
}

#[test]
fn of_sixty_four_codes_at_once_five_are_looked_at() {
    rows!("V-54");
    let (node, seed, key) = waiting();
    let connections: Vec<_> = (0..64).map(|_| Mutex::new(node.client())).collect();
    let (wrong, right) = (wrong_code(&seed), code(&seed, 0));
    let headers = [(TOKEN, key.as_str()), JSON];
    let body = json!({"otp": wrong}).to_string();
    let answers = at_once(connections.len(), |n| {
        let mut connection = connections[n].lock().unwrap();
        connection.send("POST", OTP, &headers, body.as_bytes())
    });
    let looked_at = answers.iter().filter(|answer| answer.status == 401);
    assert_eq!(looked_at.count(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        over_or_delayed(answer);
    }
    refused(&otp(&node, &key, &right), 404, 60_005);
    assert_eq!(who(&node, &key), None);
}

/// A code that is not looked at any more: the login is over, and its name is delayed.
fn over_or_delayed(answer: &Answer) {
    match answer.status {
        404 => refused(answer, 404, 60_005),
        _ => refused(answer, 429, 60_009),
    };
}

/// Does something while a held journal is emptied again and again.
fn pumped<T>(node: &Node, deed: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                node.journal.release(usize::MAX);
                std::thread::yield_now();
            }
        });
        // Also if the deed fails: otherwise nobody would ever hear of it.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(deed));
        done.store(true, Ordering::Release);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn codes_that_were_all_let_in_before_the_first_was_counted_are_counted_all_the_same() {
    rows!("V-54");
    let node = Node::start(Setup {
        pace: Pace::Held,
        ..Setup::default()
    });
    let (seed, key) = pumped(&node, || {
        node.account("otto", json!({}));
        let (seed, key) = (enrol(&node, "otto"), guest(&node));
        pending(&log_in(&node, &key, "otto", PASSWORD));
        (seed, key)
    });
    let body = json!({"otp": wrong_code(&seed)}).to_string();
    let length = body.len();
    let call = format!(
        "POST {OTP} HTTP/1.1\r\nhost: test\r\nprivate-token: {key}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut clients: Vec<_> = (0..66).map(|_| node.client()).collect();
    for client in &mut clients {
        client.send_raw(call.as_bytes());
    }
    // The first of them is being counted; whoever else came by then was let in, too.
    let counting = (0..20_000_000).any(|_| {
        std::thread::yield_now();
        node.journal.waiting() > 0
    });
    assert!(counting);
    let answers = pumped(&node, || {
        let read = |client: &mut Client| client.read_answer(false);
        clients.iter_mut().map(read).collect::<Vec<_>>()
    });
    let told = answers.iter().filter(|answer| answer.status == 401);
    assert_eq!(told.count(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        over_or_delayed(answer);
    }
}

#[test]
fn a_pending_login_does_not_outlive_a_change_of_its_account() {
    rows!("V-55");
    for (method, path, body) in [
        ("POST", "otto/revoke", json!({})),
        ("PUT", "otto/password", json!({"password": "password-2"})),
        ("PATCH", "otto", json!({"enabled": false})),
        ("DELETE", "otto", Value::Null),
    ] {
        let (node, seed, key) = waiting();
        node.administer(method, &format!("/admin/v1/accounts/{path}"), body);
        refused(&otp(&node, &key, &code(&seed, 0)), 404, 60_005);
        assert_eq!(who(&node, &key), None);
    }
    let (node, seed, key) = waiting();
    let lock = |locked: bool| {
        let body = json!({"locked": locked});
        node.administer("PATCH", "/admin/v1/accounts/otto", body);
    };
    lock(true);
    refused(&otp(&node, &key, &code(&seed, 0)), 401, 60_002);
    lock(false);
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn wrong_codes_count_for_the_name() {
    rows!("V-56");
    let (node, seed, key) = waiting();
    for _ in 0..5 {
        refused(&otp(&node, &key, "x"), 401, 60_002);
    }
    let delayed = log_in(&node, &key, "otto", PASSWORD);
    refused(&delayed, 429, 60_009);
    assert_eq!(delayed.header("retry-after"), Some("1"));
    node.clock.advance_ms(1_000);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    refused(&otp(&node, &key, "x"), 401, 60_002);
    let delayed = otp(&node, &key, &code(&seed, 0));
    refused(&delayed, 429, 60_009);
    assert_eq!(delayed.header("retry-after"), Some("2"));
    node.clock.advance_ms(2_000);
    done(&otp(&node, &key, &code(&seed, 0)));
    // A success forgets them.
    done(&log_out(&node, &key));
    pending(&log_in(&node, &key, "otto", PASSWORD));
}

//! Logout: always possible, and of this key alone.

use super::*;

#[test]
fn logging_out_twice_is_as_good_as_once() {
    rows!("V-57", "V-40");
    let node = node(&["alice"]);
    let key = guest(&node);
    done(&log_out(&node, &key));
    complete(&log_in(&node, &key, "alice", PASSWORD));
    for _ in 0..3 {
        done(&log_out(&node, &key));
        assert_eq!(who(&node, &key), None);
    }
    complete(&log_in(&node, &key, "alice", PASSWORD));
    for answer in at_once(8, |_| log_out(&node, &key)) {
        done(&answer);
    }
    assert_eq!(who(&node, &key), None);
}

#[test]
fn logging_out_gives_up_a_pending_login() {
    rows!("V-58");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    done(&log_out(&node, &key));
    refused(&otp(&node, &key, &code(&seed, 0)), 404, 60_005);
    assert_eq!(who(&node, &key), None);
}

#[test]
fn logging_out_ends_no_other_session() {
    rows!("V-59");
    let node = node(&["alice"]);
    let (one, other) = (guest(&node), guest(&node));
    let elsewhere = node.session("alice");
    for key in [&one, &other] {
        complete(&log_in(&node, key, "alice", PASSWORD));
    }
    done(&log_out(&node, &one));
    assert_eq!(who(&node, &other).as_deref(), Some("alice"));
    let path = format!("/v1/sessions/{elsewhere}/");
    let answer = node.send("GET", &path, &[("session", &elsewhere)], "");
    assert_eq!(answer.status, 200);
}

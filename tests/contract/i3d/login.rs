//! Login on a guest key.

use sessile::session::policy::{Policy, WhenFull};

use super::*;

#[test]
fn name_and_password_log_in() {
    rows!("V-36");
    let node = node(&["alice"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    assert_eq!(ok(&user(&node, &key))["userName"], "alice");
}

#[test]
fn the_name_counts_folded_and_the_password_exactly() {
    rows!("V-37");
    let node = Node::start(Setup::default());
    node.account("Alice", json!({}));
    node.account("Zo\u{eb}", json!({}));
    let key = guest(&node);
    for (sent, name) in [
        ("Alice", "Alice"),
        ("alice", "Alice"),
        ("ALICE", "Alice"),
        ("ZO\u{eb}", "Zo\u{eb}"),
    ] {
        complete(&log_in(&node, &key, sent, PASSWORD));
        assert_eq!(who(&node, &key).as_deref(), Some(name));
        done(&log_out(&node, &key));
    }
    for (name, password) in [
        ("Alice", "Password-1"),
        ("Alice", "password-1 "),
        (" Alice", PASSWORD),
        ("ZO\u{cb}", PASSWORD),
        ("\u{410}lice", PASSWORD),
    ] {
        refused(&log_in(&node, &key, name, password), 401, 60_001);
    }
}

#[test]
fn every_wrong_login_is_the_same_answer() {
    rows!("V-38", "V-39");
    let node = node(&["alice"]);
    node.administer("POST", "/admin/v1/accounts", json!({"username": "bare"}));
    node.account("disabled", json!({"enabled": false}));
    node.account("locked", json!({"locked": true}));
    node.account("expired", json!({"expires_at_ms": START_MS}));
    let wrong = log_in(&node, &guest(&node), "nobody", "x");
    refused(&wrong, 401, 60_001);
    let long = "x".repeat(2_000);
    for (name, password) in [
        ("alice", "password-2"),
        ("alice", &long),
        ("bare", PASSWORD),
        ("bare", ""),
        ("disabled", PASSWORD),
        ("disabled", "wrong"),
        ("locked", PASSWORD),
        ("locked", "wrong"),
        ("expired", PASSWORD),
        (&long, "x"),
        ("", ""),
        ("\u{0}", "\u{0}"),
    ] {
        let key = guest(&node);
        same(&log_in(&node, &key, name, password), &wrong);
        assert_eq!(who(&node, &key), None);
    }
}

#[test]
fn each_login_is_a_new_session_behind_the_same_key() {
    rows!("V-40");
    let node = node(&["alice", "bob"]);
    let key = guest(&node);
    let mut seen = Vec::new();
    for name in ["alice", "alice", "bob"] {
        complete(&log_in(&node, &key, name, PASSWORD));
        let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
        let [session] = listed["sessions"].as_array().unwrap().as_slice() else {
            panic!("{listed}");
        };
        assert_eq!(session["surface"], "i3d");
        assert_eq!(session["username"], name);
        assert_eq!(session["address"], "127.0.0.1");
        assert!(!listed.to_string().contains(&key));
        seen.push(session["id"].as_str().unwrap().to_owned());
        done(&log_out(&node, &key));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn whoever_is_logged_in_must_log_out_first() {
    rows!("V-41");
    let node = node(&["alice", "bob"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    let refusal = log_in(&node, &key, "alice", PASSWORD);
    refused(&refusal, 409, 60_006);
    // The password is not looked at, and so wrong ones are not counted.
    for _ in 0..12 {
        same(&log_in(&node, &key, "bob", "wrong"), &refusal);
    }
    // A body that is none is told so all the same.
    invalid(
        &post(&node, &key, LOGIN, &json!({})),
        &["userName", "password"],
    );
    assert_eq!(who(&node, &key).as_deref(), Some("alice"));
    done(&log_out(&node, &key));
    complete(&log_in(&node, &key, "bob", PASSWORD));
}

#[test]
fn an_account_key_has_nothing_to_log_in_to() {
    rows!("V-42");
    let node = node(&["alice"]);
    let (key, guest) = (account_key(&node, "alice"), guest(&node));
    complete(&log_in(&node, &guest, "alice", PASSWORD));
    refused(&log_in(&node, &key, "alice", PASSWORD), 409, 60_006);
    refused(&log_in(&node, &key, "nobody", "x"), 409, 60_006);
    refused(&otp(&node, &key, "123456"), 404, 60_005);
    done(&log_out(&node, &key));
    for key in [&key, &guest] {
        assert_eq!(who(&node, key).as_deref(), Some("alice"));
    }
}

#[test]
fn keys_are_independent_of_each_other() {
    rows!("V-43");
    let node = node(&["alice", "bob"]);
    let keys: Vec<_> = (0..4).map(|_| guest(&node)).collect();
    let names = ["alice", "alice", "bob", "alice"];
    for (key, name) in keys.iter().zip(names) {
        complete(&log_in(&node, key, name, PASSWORD));
    }
    done(&log_out(&node, &keys[1]));
    let there: Vec<_> = keys.iter().map(|key| who(&node, key)).collect();
    let wanted = [Some("alice"), None, Some("bob"), Some("alice")];
    assert_eq!(there, wanted.map(|name| name.map(str::to_owned)));
}

#[test]
fn a_login_drops_the_pending_one_first() {
    rows!("V-44");
    let node = node(&["alice", "otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    let right = code(&seed, 0);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    refused(&log_in(&node, &key, "otto", "wrong"), 401, 60_001);
    refused(&otp(&node, &key, &right), 404, 60_005);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    complete(&log_in(&node, &key, "alice", PASSWORD));
    refused(&otp(&node, &key, &right), 404, 60_005);
    assert_eq!(who(&node, &key).as_deref(), Some("alice"));
    done(&log_out(&node, &key));
    // One that fails the schema is no login.
    pending(&log_in(&node, &key, "otto", PASSWORD));
    invalid(
        &post(&node, &key, LOGIN, &json!({})),
        &["userName", "password"],
    );
    done(&otp(&node, &key, &right));
}

#[test]
fn a_pending_login_that_is_begun_anew_has_all_its_guesses() {
    rows!("V-44", "V-49");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    for _ in 0..4 {
        refused(&otp(&node, &key, "x"), 401, 60_002);
    }
    pending(&log_in(&node, &key, "otto", PASSWORD));
    refused(&otp(&node, &key, "x"), 401, 60_002);
    node.clock.advance_ms(2_000);
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn of_racing_logins_one_gets_in() {
    rows!("V-45");
    let node = node(&["alice", "bob"]);
    let key = guest(&node);
    for _ in 0..8 {
        let names = ["alice", "bob"];
        let answers = at_once(8, |n| log_in(&node, &key, names[n % 2], PASSWORD));
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
        assert_eq!(won.len(), 1);
        complete(won[0]);
        for answer in lost {
            refused(answer, 409, 60_006);
        }
        let listed = node.administer("GET", "/admin/v1/sessions", Value::Null);
        assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
        done(&log_out(&node, &key));
    }
}

#[test]
fn an_account_has_so_many_sessions_and_no_more() {
    rows!("V-46");
    for when_full in [WhenFull::EvictIdle, WhenFull::Deny] {
        let mut policy = Policy::default();
        assert_eq!(policy.i3d.per_account, Some(100));
        assert_eq!(policy.i3d.when_full, WhenFull::EvictIdle);
        policy.i3d.per_account = Some(2);
        policy.i3d.when_full = when_full;
        let node = Node::start(Setup {
            policy,
            ..Setup::default()
        });
        node.account("alice", json!({}));
        let keys = [guest(&node), guest(&node), guest(&node)];
        for key in &keys[..2] {
            node.clock.advance_ms(1_000);
            complete(&log_in(&node, key, "alice", PASSWORD));
        }
        node.clock.advance_ms(1_000);
        ok(&user(&node, &keys[0]));
        let third = log_in(&node, &keys[2], "alice", PASSWORD);
        let there = || [0, 1, 2].map(|n| who(&node, &keys[n]).is_some());
        match when_full {
            WhenFull::Deny => {
                refused(&third, 409, 60_006);
                assert_eq!(there(), [true, true, false]);
            }
            _ => {
                complete(&third);
                assert_eq!(there(), [true, false, true]);
            }
        }
    }
}

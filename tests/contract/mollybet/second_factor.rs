//! Login to an account with a second factor.

use totp_rs::{Builder, Secret};

use super::*;
use crate::support::START_MS;

const STEP_MS: u64 = 30_000;

/// An account with a second factor, and its seed in base32.
fn enrolled(node: &Node, name: &str) -> String {
    node.account(name, json!({}));
    let path = format!("/admin/v1/accounts/{name}/totp");
    let enrolled = node.administer("POST", &path, Value::Null);
    enrolled["totp_secret"].as_str().unwrap().to_owned()
}

/// The code for this many steps after the start of the clock.
fn code(seed: &str, step: i64) -> String {
    let secret = Secret::try_from_base32(seed).unwrap();
    let at_s = START_MS.saturating_add_signed(step * 30_000) / 1_000;
    Builder::new()
        .with_secret(secret)
        .build_noncompliant()
        .generate(at_s)
        .to_string()
}

fn log_in_with(node: &Node, name: &str, password: &str, otp: Value) -> Answer {
    let body = json!({"username": name, "password": password, "otp": otp});
    node.send("POST", LOGIN, &[JSON], &body.to_string())
}

#[test]
fn the_right_password_alone_is_asked_for_more() {
    rows!("M-45");
    let node = node(&["alice"]);
    let seed = enrolled(&node, "otto");
    let wrong = log_in(&node, "alice", "wrong");
    same(&log_in(&node, "otto", "wrong"), &wrong);
    refused(
        &log_in(&node, "otto", PASSWORD),
        403,
        "second_factor_required",
    );
    // The password is checked first: a right code beside a wrong one says nothing, and is not used up.
    let right = code(&seed, 0);
    same(&log_in_with(&node, "otto", "wrong", json!(right)), &wrong);
    let session = text(&log_in_with(&node, "otto", PASSWORD, json!(right)));
    assert_eq!(ok(&get(&node, &session))["username"], "otto");
    node.administer("PATCH", "/admin/v1/accounts/otto", json!({"locked": true}));
    refused(&log_in(&node, "otto", PASSWORD), 403, "account_locked");
}

#[test]
fn a_code_is_good_one_step_either_way_and_once() {
    rows!("M-46");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let otto = |step| log_in_with(&node, "otto", PASSWORD, json!(code(&seed, step)));
    let wrong = log_in(&node, "otto", "wrong");
    same(&otto(-2), &wrong);
    same(&otto(2), &wrong);
    text(&otto(-1));
    same(&otto(-1), &wrong);
    text(&otto(0));
    same(&otto(0), &wrong);
    same(&otto(-1), &wrong);
    text(&otto(1));
    // The step of the clock is older than the one that was used.
    same(&otto(0), &wrong);
    node.clock.advance_ms(STEP_MS);
    same(&otto(1), &wrong);
    text(&otto(2));
}

#[test]
fn a_code_sent_many_times_at_once_opens_one_session() {
    rows!("M-46");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let right = json!(code(&seed, 0));
    let answers = at_once(4, |_| log_in_with(&node, "otto", PASSWORD, right.clone()));
    let opened = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(opened, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        refused(answer, 401, "login_failed");
    }
}

#[test]
fn what_is_no_code_is_a_wrong_one() {
    rows!("M-46");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let wrong = log_in(&node, "otto", "wrong");
    let spoilt: [fn(&str) -> String; 5] = [
        |_| String::new(),
        |code| code.chars().take(5).collect(),
        |code| format!(" {code}"),
        |code| format!("{code}0"),
        |code| code.replace(|c: char| c.is_ascii_digit(), "x"),
    ];
    for (step, spoil) in (0..).zip(spoilt) {
        let right = code(&seed, step);
        let answer = log_in_with(&node, "otto", PASSWORD, json!(spoil(&right)));
        same(&answer, &wrong);
        text(&log_in_with(&node, "otto", PASSWORD, json!(right)));
        node.clock.advance_ms(STEP_MS);
    }
}

#[test]
fn a_code_is_a_string_and_ignored_where_none_is_asked_for() {
    rows!("M-47");
    let node = node(&["alice"]);
    let seed = enrolled(&node, "otto");
    for bad in [
        json!(123_456),
        json!(null),
        json!([code(&seed, 0)]),
        json!({}),
    ] {
        invalid(&log_in_with(&node, "otto", PASSWORD, bad.clone()), &["otp"]);
        invalid(&log_in_with(&node, "alice", PASSWORD, bad), &["otp"]);
    }
    for ignored in ["", "000000", "nonsense"] {
        text(&log_in_with(&node, "alice", PASSWORD, json!(ignored)));
    }
    let form = format!("username=otto&password={PASSWORD}&otp={}", code(&seed, 0));
    text(&node.send("POST", LOGIN, &[FORM], &form));
}

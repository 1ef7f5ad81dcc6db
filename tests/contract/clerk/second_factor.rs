//! The second step of a sign-in.

use super::factors::{code, enrolled, half_way};
use super::*;

const STEP_MS: u64 = 30_000;

fn incorrect(answer: &Answer) {
    wrong_field(answer, "form_code_incorrect", "code");
}

#[test]
fn the_password_alone_opens_nothing_and_the_client_shows_what_is_pending() {
    rows!("C-48", "C-24");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let mut browser = Browser::new(&node);
    let id = browser.client()["id"].clone();
    let anonymous = browser.secret();
    let answer = ok(&browser.try_sign_in("otto", PASSWORD));
    let pending = answer["response"].clone();
    assert_ne!(browser.secret(), anonymous);
    assert_eq!(
        pending["supported_second_factors"],
        json!([{"strategy": "totp"}])
    );
    assert_eq!(pending["first_factor_verification"]["status"], "verified");
    assert_eq!(pending["created_session_id"], Value::Null);
    assert_eq!(answer["client"]["sign_in"], pending);
    let client = browser.client();
    assert_eq!((&client["sign_in"], &client["id"]), (&pending, &id));
    assert_eq!(client["sessions"], json!([]));
    let path = format!("{SIGN_INS}/{}", text(&pending["id"]));
    assert_eq!(ok(&browser.get(&path))["response"], pending);
    let half = browser.secret();
    let form = format!("strategy=totp&code={}", code(&seed, 0));
    let done = ok(&browser.post(&format!("{path}/attempt_second_factor"), &form));
    assert_ne!(browser.secret(), half);
    assert_eq!(done["response"]["status"], "complete");
    assert_eq!(done["response"]["id"], pending["id"]);
    assert_eq!(
        done["response"]["second_factor_verification"]["status"],
        "verified"
    );
    let session = text(&done["response"]["created_session_id"]);
    assert_eq!(done["client"]["sign_in"], Value::Null);
    assert_eq!(
        done["client"]["sessions"][0]["factor_verification_age"],
        json!([0, 0])
    );
    assert_eq!(browser.status(&session), "active");
    refused(&browser.get(&path), 404, "resource_not_found");
    // What was held half way is worth nothing after it.
    refused(
        &Browser::with(&node, &half).call(&session, "/tokens"),
        401,
        "signed_out",
    );
}

#[test]
fn a_code_is_good_once_and_none_that_is_older() {
    rows!("C-49", "C-45");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let right = |step| format!("code={}", code(&seed, step));
    let (mut browser, path) = half_way(&node, "otto");
    for wrong in [
        "code=000000",
        "code=x",
        "code=12345",
        "strategy=totp&code=1234567",
    ] {
        incorrect(&browser.post(&path, wrong));
    }
    wrong_field(
        &browser.post(&path, "strategy=totp"),
        "form_param_missing",
        "code",
    );
    let backup = browser.post(&path, "strategy=backup_code&code=1");
    wrong_field(&backup, "form_param_value_invalid", "strategy");
    ok(&browser.post(&path, &right(0)));
    for (step, good) in [(0, false), (-1, false), (-2, false), (2, false), (1, true)] {
        let (mut browser, path) = half_way(&node, "otto");
        let answer = browser.post(&path, &right(step));
        if good {
            ok(&answer);
        } else {
            incorrect(&answer);
        }
    }
    // What was spent elsewhere is spent here.
    node.clock.advance_ms(3 * STEP_MS);
    let json = ("content-type", "application/json");
    let body = json!({"username": "otto", "password": PASSWORD, "otp": code(&seed, 3)});
    assert_eq!(
        node.send("POST", "/v1/sessions/", &[json], &body.to_string())
            .status,
        200
    );
    let (mut browser, path) = half_way(&node, "otto");
    incorrect(&browser.post(&path, &right(3)));
    ok(&browser.post(&path, &right(4)));
}

#[test]
fn a_pending_sign_in_takes_five_codes() {
    rows!("C-50");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let (mut browser, path) = half_way(&node, "otto");
    for _ in 0..5 {
        incorrect(&browser.post(&path, "code=000000"));
    }
    let right = format!("code={}", code(&seed, 0));
    refused(&browser.post(&path, &right), 404, "resource_not_found");
    let shown = path.strip_suffix("/attempt_second_factor").unwrap();
    refused(&browser.get(shown), 404, "resource_not_found");
    assert_eq!(browser.client()["sign_in"], Value::Null);
    assert_eq!(browser.statuses(), []);
    // Wrong codes count for the name, too.
    let answer = browser.try_sign_in("otto", PASSWORD);
    refused(&answer, 429, "too_many_requests");
    node.clock.advance_ms(1_000);
    let (mut browser, path) = half_way(&node, "otto");
    ok(&browser.post(&path, &right));
}

#[test]
fn a_pending_sign_in_lasts_five_minutes() {
    rows!("C-50");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let (mut early, early_path) = half_way(&node, "otto");
    node.clock.advance_ms(1);
    let (mut late, late_path) = half_way(&node, "otto");
    node.clock.advance_ms(299_999);
    let form = format!("code={}", code(&seed, 10));
    refused(&early.post(&early_path, &form), 404, "resource_not_found");
    assert_eq!(early.client()["sign_in"], Value::Null);
    assert_ne!(late.client()["sign_in"], Value::Null);
    ok(&late.post(&late_path, &form));
}

#[test]
fn a_code_sent_many_times_at_once_completes_one_sign_in() {
    rows!("C-51", "C-49");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let form = format!("code={}", code(&seed, 0));
    let (browser, path) = half_way(&node, "otto");
    let mut answers = at_once(64, |_| {
        let mut browser = browser.clone();
        let answer = browser.post(&path, &form);
        (answer, browser)
    });
    answers.retain(|(answer, _)| match answer.status {
        200 => true,
        401 => {
            refused(answer, 401, "signed_out");
            false
        }
        404 => {
            refused(answer, 404, "resource_not_found");
            false
        }
        429 => {
            refused(answer, 429, "too_many_requests");
            false
        }
        _ => {
            incorrect(answer);
            false
        }
    });
    assert_eq!(answers.len(), 1);
    let (_, mut winner) = answers.remove(0);
    assert_eq!(winner.statuses().len(), 1);
    let sessions = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn one_code_on_many_pending_sign_ins_at_once_completes_one() {
    rows!("C-51", "C-49");
    let node = Node::start(Setup::default());
    let seed = enrolled(&node, "otto");
    let form = format!("code={}", code(&seed, 0));
    let pending: Vec<_> = (0..4).map(|_| half_way(&node, "otto")).collect();
    let answers = at_once(pending.len(), |n| {
        let (browser, path) = &pending[n];
        browser.clone().post(path, &form)
    });
    let complete = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(complete, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        incorrect(answer);
    }
}

#[test]
fn what_changes_the_account_between_the_steps_ends_the_sign_in() {
    rows!("C-52");
    let node = Node::start(Setup::default());
    let seeds = ["password", "totp", "revoke", "disable", "delete"]
        .map(|name| (name, enrolled(&node, name)));
    for (name, seed) in seeds {
        let (mut browser, path) = half_way(&node, name);
        let account = format!("/admin/v1/accounts/{name}");
        let mut seed = seed;
        match name {
            "password" => {
                let body = json!({"password": "password-2"});
                node.administer("PUT", &format!("{account}/password"), body);
            }
            "totp" => {
                let path = format!("{account}/totp");
                seed = text(&node.administer("POST", &path, Value::Null)["totp_secret"]);
            }
            "revoke" => {
                node.administer("POST", &format!("{account}/revoke"), Value::Null);
            }
            "disable" => {
                change(&node, name, json!({"enabled": false}));
            }
            _ => {
                node.administer("DELETE", &account, Value::Null);
            }
        }
        let form = format!("code={}", code(&seed, 0));
        refused(&browser.post(&path, &form), 404, "resource_not_found");
        assert_eq!(browser.client()["sign_in"], Value::Null, "{name}");
        assert_eq!(browser.statuses(), [], "{name}");
    }
    let seed = enrolled(&node, "lock");
    let (mut browser, path) = half_way(&node, "lock");
    change(&node, "lock", json!({"locked": true}));
    let form = format!("code={}", code(&seed, 0));
    refused(&browser.post(&path, &form), 403, "user_locked");
    change(&node, "lock", json!({"locked": false}));
    ok(&browser.post(&path, &form));
}

#[test]
fn a_pending_sign_in_is_its_clients_alone_and_the_last_one_counts() {
    rows!("C-53");
    let node = node(&["alice"]);
    let seed = enrolled(&node, "otto");
    let (mut otto, path) = half_way(&node, "otto");
    let form = format!("code={}", code(&seed, 0));
    let shown = path.strip_suffix("/attempt_second_factor").unwrap();
    let (mut alice, _) = Browser::signed_in(&node, "alice");
    let (mut thief, _) = half_way(&node, "otto");
    for _ in 0..6 {
        for other in [&mut alice, &mut thief, &mut Browser::new(&node)] {
            refused(&other.post(&path, &form), 404, "resource_not_found");
            refused(&other.post(&path, "code=000000"), 404, "resource_not_found");
            refused(&other.get(shown), 404, "resource_not_found");
        }
    }
    // Another one on the same client: the first is over, and so is what came with it.
    let held = otto.clone();
    let again = text(&ok(&otto.try_sign_in("otto", PASSWORD))["response"]["id"]);
    refused(&otto.post(&path, &form), 404, "resource_not_found");
    let next = format!("{SIGN_INS}/{again}/attempt_second_factor");
    refused(&held.clone().post(&next, &form), 404, "resource_not_found");
    ok(&otto.post(&next, &form));
    // Somebody else signing in drops it, too.
    let (mut browser, path) = half_way(&node, "otto");
    browser.sign_in("alice");
    let form = format!("code={}", code(&seed, 1));
    refused(&browser.post(&path, &form), 404, "resource_not_found");
    assert_eq!(browser.statuses().len(), 1);
}

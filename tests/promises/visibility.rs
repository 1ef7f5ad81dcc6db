//! Nothing is seen, and no answer leaves, before the journal reported the record (R2, I2).

use serde_json::json;

use crate::commands::{Case, cases};
use crate::hold::{Pump, until};
use crate::scene::{Request, Scene, changed};

/// Holds the record of every third command, and looks from all sides before and after.
fn show(nth: usize) {
    for case in cases().into_iter().skip(nth).step_by(3) {
        let Case {
            name,
            request,
            changes,
            ..
        } = case;
        let scene = Scene::set();
        let journal = &scene.node.journal;
        let before = scene.views();
        let pending = scene.begin(request(&scene));
        until(name, || journal.waiting() == 1);
        assert_eq!(
            changed(&before, &scene.views()),
            "",
            "{name}: seen before it was durable"
        );
        assert!(
            pending.is_silent(),
            "{name}: answered before it was durable"
        );
        assert_eq!(journal.release(1), 1);
        let answer = pending.answer();
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        assert_eq!(
            changed(&before, &scene.views()),
            changes,
            "{name}: seen when it was answered"
        );
    }
}

#[test]
fn no_reader_sees_a_command_before_its_record_is_durable_part_1() {
    show(0);
}

#[test]
fn no_reader_sees_a_command_before_its_record_is_durable_part_2() {
    show(1);
}

#[test]
fn no_reader_sees_a_command_before_its_record_is_durable_part_3() {
    show(2);
}

#[test]
fn a_login_behind_a_change_of_its_account_goes_by_what_is_durable_and_is_dead_on_arrival() {
    let ending = [
        "password change",
        "disabling",
        "revoke-all",
        "enrolment of a second factor",
        "deletion of an account",
    ];
    for case in cases().iter().filter(|case| ending.contains(&case.name)) {
        let scene = Scene::set();
        let journal = &scene.node.journal;
        let change = scene.begin((case.request)(&scene));
        until(case.name, || journal.waiting() == 1);
        let login = scene.begin(Request::login("alice", "password-1"));
        until("the login behind it", || journal.waiting() == 2);
        assert!(change.is_silent() && login.is_silent(), "{}", case.name);
        journal.release(1);
        assert_eq!(change.answer().status, 200, "{}", case.name);
        assert!(login.is_silent(), "{}", case.name);
        journal.release(1);
        let login = login.answer();
        assert_eq!(login.status, 200, "{}: {}", case.name, login.text());
        let secret = login.json()["data"].as_str().unwrap().to_owned();
        let seen = scene
            .node
            .send("GET", "/auth/verify", &[("session", &secret)], "");
        assert_eq!(seen.status, 401, "{}", case.name);
    }
}

#[test]
fn a_login_depends_on_an_account_or_a_password_only_once_it_is_durable() {
    let scene = Scene::set();
    let journal = &scene.node.journal;
    let changes = [
        (
            "bob",
            "password-1",
            "POST",
            "accounts",
            json!({"username": "bob", "password": "password-1"}),
        ),
        (
            "bob",
            "password-3",
            "PUT",
            "accounts/bob/password",
            json!({"password": "password-3"}),
        ),
    ];
    for (name, password, method, path, body) in changes {
        let change = scene.begin(Request::owner(method, path, body));
        until(path, || journal.waiting() == 1);
        let early = scene.begin(Request::login(name, password));
        // Judged by what is durable; told once its failure is.
        until("the failure", || journal.waiting() == 2);
        assert!(change.is_silent() && early.is_silent(), "{path}");
        let pump = Pump::on(journal);
        assert_eq!(change.answer().status, 200, "{path}");
        assert_eq!(early.answer().status, 401, "{path}");
        assert_eq!(
            scene.begin(Request::login(name, password)).answer().status,
            200,
            "{path}"
        );
        drop(pump);
    }
}

#[test]
fn an_account_made_by_trusted_issue_is_durable_before_its_session_is_asked_for() {
    let scene = Scene::set();
    let journal = &scene.node.journal;
    let before = scene.views();
    let body = json!({"subject": "idp|7", "username": "bob", "surface": "mollybet"});
    let issue = scene.begin(Request::owner("POST", "sessions", body));
    until("the account", || journal.waiting() == 1);
    assert_eq!(changed(&before, &scene.views()), "");
    journal.release(1);
    until("the session", || journal.waiting() == 1);
    assert_eq!(changed(&before, &scene.views()), "accounts bob digest");
    assert!(issue.is_silent());
    journal.release(1);
    assert_eq!(issue.answer().status, 200);
    assert_eq!(
        changed(&before, &scene.views()),
        "accounts bob digest records sessions"
    );
}

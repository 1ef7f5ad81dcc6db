//! Login: a new session for the right name and password.

use super::*;

#[test]
fn name_and_password_open_a_session_by_json_and_by_form() {
    rows!("M-40");
    let node = node(&["alice"]);
    let by_json = text(&log_in(&node, "alice", PASSWORD));
    let form = format!("username=alice&password={PASSWORD}");
    let by_form = text(&node.send("POST", LOGIN, &[FORM], &form));
    for session in [by_json, by_form] {
        assert_eq!(
            ok(&get(&node, &session)),
            json!({"username": "alice", "client_type": "direct"})
        );
    }
}

#[test]
fn names_and_passwords_of_every_alphabet_work() {
    rows!("M-40");
    let node = Node::start(Setup::default());
    let (name, password) = ("Zo\u{eb} \u{6f22}\"\\/", "p\u{e4}ss w\u{f6}rd=&1\u{1f511}");
    let account = json!({"username": name, "password": password});
    node.administer("POST", "/admin/v1/accounts", account);
    let session = text(&log_in(&node, name, password));
    assert_eq!(ok(&get(&node, &session))["username"], name);
    // Decomposed, the name is another one.
    refused(
        &log_in(&node, "Zoe\u{308} \u{6f22}\"\\/", password),
        401,
        "login_failed",
    );
}

#[test]
fn each_login_is_a_session_of_its_own() {
    rows!("M-41");
    let node = node(&["alice"]);
    let sessions: Vec<_> = (0..4)
        .map(|_| text(&log_in(&node, "alice", PASSWORD)))
        .collect();
    assert!(sessions.iter().all(|session| alive(&node, session)));
    ok(&delete(&node, &sessions[1]));
    let living: Vec<_> = sessions.iter().map(|s| alive(&node, s)).collect();
    assert_eq!(living, [true, false, true, true]);
}

#[test]
fn every_wrong_login_is_the_same_answer() {
    rows!("M-42", "M-43");
    let node = node(&["alice"]);
    let no_password = json!({"username": "ghost"});
    node.administer("POST", "/admin/v1/accounts", no_password);
    let first = log_in(&node, "nobody", "x");
    refused(&first, 401, "login_failed");
    let (long, longest) = ("x".repeat(1_025), "x".repeat(60_000));
    for (name, password) in [
        ("alice", "password-2"),
        ("alice", "Password-1"),
        ("alice", "password-1 "),
        ("Alice", PASSWORD),
        ("ALICE", PASSWORD),
        (" alice", PASSWORD),
        ("alice\u{0}", PASSWORD),
        ("\u{430}lice", PASSWORD),
        ("ghost", PASSWORD),
        ("ghost", "null"),
        ("bob", &long),
        (&longest, "x"),
        ("carl", "\u{0}"),
        ("carl'--", "' or '1'='1"),
    ] {
        same(&log_in(&node, name, password), &first);
    }
    let node = self::node(&["dan"]);
    same(&log_in(&node, "dan", &long), &first);
    same(&log_in(&node, "dan", &longest), &first);
}

#[test]
fn no_password_is_cut_or_folded() {
    rows!("M-42");
    let node = Node::start(Setup::default());
    let longest = format!("{}1", "x".repeat(1_023));
    let account = json!({"username": "long", "password": longest});
    node.administer("POST", "/admin/v1/accounts", account);
    text(&log_in(&node, "long", &longest));
    let (shorter, _) = longest.split_at(1_023);
    for wrong in [
        shorter.to_owned(),
        format!("{longest}1"),
        longest.to_uppercase(),
    ] {
        refused(&log_in(&node, "long", &wrong), 401, "login_failed");
    }
}

#[test]
fn a_locked_expired_or_disabled_account_shows_only_to_its_password() {
    rows!("M-44");
    let node = node(&["alice"]);
    let expires = crate::support::START_MS + 1_000;
    node.account("locked", json!({"locked": true}));
    node.account("disabled", json!({"enabled": false}));
    node.account("expiring", json!({"expires_at_ms": expires}));
    node.clock.advance_ms(999);
    text(&log_in(&node, "expiring", PASSWORD));
    node.clock.advance_ms(1);
    let wrong = log_in(&node, "alice", "wrong");
    let told = log_in(&node, "locked", PASSWORD);
    refused(&told, 403, "account_locked");
    for name in ["locked", "disabled", "expiring"] {
        same(&log_in(&node, name, PASSWORD), &told);
        same(&log_in(&node, name, "wrong"), &wrong);
    }
    let body = json!({"locked": false});
    node.administer("PATCH", "/admin/v1/accounts/locked", body);
    text(&log_in(&node, "locked", PASSWORD));
}

#[test]
fn the_client_type_is_that_of_the_account() {
    rows!("M-48");
    let node = node(&["alice"]);
    node.account("shop", json!({"client_type": "website"}));
    for (name, client_type) in [("alice", "direct"), ("shop", "website")] {
        let session = text(&log_in(&node, name, PASSWORD));
        let wanted = json!({"username": name, "client_type": client_type});
        assert_eq!(ok(&get(&node, &session)), wanted);
    }
    // It is fixed when the session is opened.
    let session = text(&log_in(&node, "shop", PASSWORD));
    let patch = json!({"client_type": "direct"});
    node.administer("PATCH", "/admin/v1/accounts/shop", patch);
    assert_eq!(ok(&get(&node, &session))["client_type"], "website");
}

#[test]
fn a_password_that_administration_sets_keeps_the_rule() {
    rows!("M-95");
    let node = node(&["alice"]);
    for bad in ["", "abc1", "abcdefg", "abcdefgh", "12345678", "!!!!!!!!"] {
        for (method, path, body) in [
            (
                "POST",
                "/admin/v1/accounts",
                json!({"username": "new", "password": bad}),
            ),
            (
                "PUT",
                "/admin/v1/accounts/alice/password",
                json!({"password": bad}),
            ),
        ] {
            let answer = node.admin_as(crate::support::OWNER, method, path, body);
            assert_eq!(answer.status, 422, "{bad}: {}", answer.text());
        }
    }
    let body = json!({"password": "abcdefg8"});
    node.administer("PUT", "/admin/v1/accounts/alice/password", body);
    text(&log_in(&node, "alice", "abcdefg8"));
}

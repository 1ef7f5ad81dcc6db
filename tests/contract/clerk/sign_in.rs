//! Signing in with a password, at once or in two steps.

use super::*;

#[test]
fn a_password_makes_a_session_that_the_client_has_chosen() {
    rows!("C-41");
    let node = node(&["alice"]);
    for strategy in ["strategy=password&", "strategy=&", ""] {
        let mut browser = Browser::new(&node);
        let form = format!("{strategy}identifier=alice&password={PASSWORD}");
        let answer = ok(&browser.post(SIGN_INS, &form));
        let sign_in = &answer["response"];
        assert_eq!(sign_in["status"], "complete");
        assert_eq!(sign_in["identifier"], "alice");
        let session = sign_in["created_session_id"].clone();
        let client = &answer["client"];
        assert_eq!(client["last_active_session_id"], session);
        assert_eq!(client["sign_in"], Value::Null);
        let listed = client["sessions"].as_array().unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (&listed[0]["id"], &listed[0]["status"]),
            (&session, &json!("active"))
        );
        assert_eq!(listed[0]["user"]["username"], "alice");
        assert_eq!(browser.client()["last_active_session_id"], session);
    }
}

#[test]
fn without_a_password_it_waits_whoever_is_meant() {
    rows!("C-42");
    let node = node(&["alice", "dora"]);
    change(&node, "dora", json!({"enabled": false}));
    let before = effects(&node);
    let shown = |name: &str| {
        let mut browser = Browser::new(&node);
        let answer = ok(&browser.post(SIGN_INS, &format!("identifier={name}")));
        let sign_in = answer["response"].clone();
        assert_eq!(answer["client"]["sign_in"], sign_in);
        assert_eq!(sign_in["status"], "needs_first_factor");
        assert_eq!(sign_in["identifier"], name);
        let offered = json!([{"strategy": "password"}]);
        assert_eq!(sign_in["supported_first_factors"], offered);
        let path = format!("{SIGN_INS}/{}", text(&sign_in["id"]));
        assert_eq!(ok(&browser.get(&path))["response"], sign_in);
        let mut sign_in = sign_in;
        sign_in["id"] = json!(text(&sign_in["id"]).len());
        sign_in["identifier"] = Value::Null;
        sign_in
    };
    let alice = shown("alice");
    assert_eq!(shown("dora"), {
        let mut dora = alice.clone();
        dora["id"] = shown("nono")["id"].clone();
        dora
    });
    assert_eq!(shown("bobby"), alice);
    assert_eq!(effects(&node), before);
}

/// The path of the first step of a sign-in that waits for it.
fn first_step(browser: &mut Browser<'_>, name: &str) -> String {
    let answer = ok(&browser.post(SIGN_INS, &format!("identifier={name}")));
    let id = text(&answer["response"]["id"]);
    format!("{SIGN_INS}/{id}/attempt_first_factor")
}

#[test]
fn the_first_factor_completes_what_waits_for_it() {
    rows!("C-43");
    const LIFETIME_MS: u64 = 300_000;
    let node = node(&["alice", "bob"]);
    let form = format!("strategy=password&password={PASSWORD}");
    let mut browser = Browser::new(&node);
    let path = first_step(&mut browser, "alice");
    let wrong = browser.post(&path, "password=wrong");
    wrong_field(&wrong, "form_password_incorrect", "password");
    // A client that never signed in, one that did, and one that came just in time.
    node.clock.advance_ms(LIFETIME_MS - 1);
    let answer = ok(&browser.post(&path, &form));
    assert_eq!(answer["response"]["status"], "complete");
    assert_eq!(browser.statuses().len(), 1);
    let path = first_step(&mut browser, "bob");
    ok(&browser.post(&path, &form));
    assert_eq!(browser.statuses().len(), 2);

    let path = first_step(&mut browser, "alice");
    let unknown = |browser: &mut Browser<'_>, path: &str| {
        refused(&browser.post(path, &form), 404, "resource_not_found");
        let shown = path.strip_suffix("/attempt_first_factor").unwrap();
        refused(&browser.get(shown), 404, "resource_not_found");
    };
    let mut other = Browser::new(&node);
    unknown(&mut other, &path);
    other.client();
    unknown(&mut other, &path);
    let (start, id) = path.split_at(SIGN_INS.len() + 5);
    let id = id.strip_suffix("/attempt_first_factor").unwrap();
    for at in [0, 7, 8, 20, 29, 30, id.len() - 2] {
        let mut changed = id.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        unknown(
            &mut browser,
            &format!("{start}{changed}/attempt_first_factor"),
        );
    }
    for id in ["", "A", "!", &"A".repeat(29), &"A".repeat(900)] {
        unknown(&mut browser, &format!("{start}{id}/attempt_first_factor"));
    }
    node.clock.advance_ms(LIFETIME_MS);
    unknown(&mut browser, &path);
}

#[test]
fn whatever_is_wrong_is_one_answer() {
    rows!("C-44");
    let node = node(&["alice", "dora"]);
    node.administer(
        "POST",
        "/admin/v1/accounts",
        json!({"username": "elsewhere", "external_subject": "x"}),
    );
    change(&node, "dora", json!({"enabled": false}));
    let before = effects(&node);
    let ask = |name: &str, password: &str| Browser::new(&node).try_sign_in(name, password);
    let wrong = ask("alice", "wrong");
    wrong_field(&wrong, "form_password_incorrect", "password");
    for name in [
        "dora",
        "elsewhere",
        "nobody",
        "ALICE",
        "alice%20",
        "%00",
        "%F0%9F%A6%80",
    ] {
        same(&ask(name, "wrong"), &wrong);
    }
    same(&ask("Alice", PASSWORD), &wrong);
    same(&ask("bobby", &"x".repeat(2_000)), &wrong);
    assert_eq!(effects(&node), before);
}

#[test]
fn fields_that_are_missing_or_odd_are_named() {
    rows!("C-45");
    let node = node(&["alice"]);
    let mut browser = Browser::new(&node);
    let first = first_step(&mut browser, "alice");
    let long = format!("identifier={}&password=x", "x".repeat(129));
    let oauth = format!("strategy=oauth_google&identifier=alice&password={PASSWORD}");
    let totp = format!("strategy=totp&password={PASSWORD}");
    for (path, form, code, field) in [
        (SIGN_INS, "password=x", "form_param_missing", "identifier"),
        (SIGN_INS, "", "form_param_missing", "identifier"),
        (
            &first,
            "strategy=password",
            "form_param_missing",
            "password",
        ),
        (SIGN_INS, &long, "form_param_value_invalid", "identifier"),
        (SIGN_INS, &oauth, "form_param_value_invalid", "strategy"),
        (&first, &totp, "form_param_value_invalid", "strategy"),
    ] {
        wrong_field(&browser.post(path, form), code, field);
    }
    // Characters count, not bytes.
    let long = format!("identifier={}&password=x", "%C3%A5".repeat(128));
    wrong_field(
        &browser.post(SIGN_INS, &long),
        "form_password_incorrect",
        "password",
    );
    assert_eq!(browser.statuses(), []);
}

#[test]
fn what_is_wrong_with_an_account_shows_to_its_password_only() {
    rows!("C-46");
    let node = node(&["dora", "lock", "past", "alice"]);
    change(&node, "dora", json!({"enabled": false}));
    change(&node, "lock", json!({"locked": true}));
    change(
        &node,
        "past",
        json!({"expires_at_ms": crate::support::START_MS}),
    );
    let wrong = Browser::new(&node).try_sign_in("alice", "wrong");
    for (name, code) in [
        ("dora", "user_banned"),
        ("lock", "user_locked"),
        ("past", "user_locked"),
    ] {
        same(&Browser::new(&node).try_sign_in(name, "wrong"), &wrong);
        let mut browser = Browser::new(&node);
        refused(&browser.try_sign_in(name, PASSWORD), 403, code);
        let path = first_step(&mut browser, name);
        refused(
            &browser.post(&path, &format!("password={PASSWORD}")),
            403,
            code,
        );
        assert_eq!(browser.statuses(), []);
    }
}

#[test]
fn a_user_signs_in_once_per_client_and_others_beside_him() {
    rows!("C-47");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let again = browser.try_sign_in("alice", PASSWORD);
    refused(&again, 400, "identifier_already_signed_in");
    // Only the right password tells.
    same(
        &browser.try_sign_in("alice", "wrong"),
        &browser.try_sign_in("bob", "wrong"),
    );
    let bob = browser.sign_in("bob");
    assert_eq!(browser.client()["last_active_session_id"], bob);
    let active = |id: &str| (id.to_owned(), "active".to_owned());
    assert_eq!(browser.statuses(), [active(&alice), active(&bob)]);
    ok(&browser.call(&alice, "/end"));
    let next = browser.sign_in("alice");
    assert_ne!(next, alice);
    // On another client he is not in the way.
    Browser::new(&node).sign_in("alice");
}

#[test]
fn failures_are_counted_by_name_together_with_the_other_surfaces() {
    rows!("C-54");
    let node = node(&["alice"]);
    let json = ("content-type", "application/json");
    for n in 0..5 {
        let wrong = match n % 2 {
            0 => Browser::new(&node).try_sign_in("alice", "wrong"),
            _ => Browser::new(&node).try_sign_in("ALICE", "wrong"),
        };
        wrong_field(&wrong, "form_password_incorrect", "password");
    }
    for (password, name) in [(PASSWORD, "alice"), ("wrong", "alice"), (PASSWORD, "Alice")] {
        let answer = Browser::new(&node).try_sign_in(name, password);
        refused(&answer, 429, "too_many_requests");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    assert_eq!(
        node.send("POST", "/v1/sessions/", &[json], &body).status,
        429
    );
    node.clock.advance_ms(1_000);
    Browser::new(&node).sign_in("alice");
    // A success forgets the failures; a name that nobody has is counted alike.
    for _ in 0..5 {
        Browser::new(&node).try_sign_in("nobody", "wrong");
    }
    let answer = Browser::new(&node).try_sign_in("nobody", "wrong");
    refused(&answer, 429, "too_many_requests");
    wrong_field(
        &Browser::new(&node).try_sign_in("alice", "wrong"),
        "form_password_incorrect",
        "password",
    );
}

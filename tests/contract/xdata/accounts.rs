//! What happens to an account or a key pair, as its holder sees it.

use serde_json::{Value, json};

use super::{Desk, JSON, UNAUTHORIZED, code, request};

impl Desk {
    fn administer(&self, method: &str, path: &str, body: Value) {
        self.node.administer(method, path, body);
    }

    /// Alice's pair and this session of hers are dead: the pair is 401 and the session is 401, and
    /// not live at the gateway.
    fn assert_dead(&self, token: &str, what: &str) {
        for body in [
            request("session.open_session", ""),
            request("session.verify_session_token", &json!([token]).to_string()),
        ] {
            let answer = self.say(&body);
            assert_eq!(
                (answer.status, answer.text()),
                (401, UNAUTHORIZED.into()),
                "{what}"
            );
        }
        let answer = self.say_by_token(token, &request("session.open_session", ""));
        assert_eq!(
            (answer.status, answer.text()),
            (401, UNAUTHORIZED.into()),
            "{what}"
        );
        let headers = [("xdata-session-token", token)];
        assert_eq!(
            self.node.send("GET", "/auth/verify", &headers, "").status,
            401,
            "{what}"
        );
    }
}

const ALICE: &str = "/admin/v1/accounts/alice";

#[test]
fn a_locked_or_expired_account_opens_nothing_and_keeps_what_it_has() {
    rows!("X-67", "X-73");
    let refused = r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"Unauthorized"},"id":1}"#;
    let expiry = crate::support::START_MS + 1_000;
    for (change, undo) in [
        (json!({"locked": true}), json!({"locked": false})),
        (
            json!({"expires_at_ms": expiry}),
            json!({"expires_at_ms": null}),
        ),
    ] {
        let desk = Desk::open();
        let (token, other) = (desk.opened(""), desk.opened(""));
        desk.administer("PATCH", ALICE, change.clone());
        if change.get("locked").is_none() {
            desk.node.clock.advance_ms(999);
            assert_eq!(code(&desk.call("session.open_session", "")), 0, "not yet");
            desk.node.clock.advance_ms(1);
        }
        assert_eq!(
            desk.text(&request("session.open_session", "")),
            refused,
            "{change}"
        );
        let by_token = desk.say_by_token(&token, &request("session.open_session", ""));
        assert_eq!(
            (by_token.status, by_token.text()),
            (200, refused.into()),
            "{change}"
        );
        assert!(desk.is_active(&token) && desk.is_active(&other), "{change}");
        desk.close_for(&desk.alice, &other);
        assert!(!desk.is_active(&other), "{change}");
        let bobs = desk.call_for(&desk.bob, "session.open_session", "");
        assert_eq!(code(&bobs), 0, "{change}: bob is not concerned");
        desk.administer("PATCH", ALICE, undo);
        assert_eq!(
            code(&desk.call("session.open_session", "")),
            0,
            "{change} undone"
        );
    }
}

#[test]
fn a_disabled_accounts_pair_is_dead_for_good() {
    rows!("X-74");
    let desk = Desk::open();
    let token = desk.opened("");
    desk.administer("PATCH", ALICE, json!({"enabled": false}));
    desk.assert_dead(&token, "disabled");
    desk.administer("PATCH", ALICE, json!({"enabled": true}));
    desk.assert_dead(&token, "enabled again");
    let pair = desk.node.key_pair("alice");
    let fresh = desk.opened_for(&pair, "");
    assert!(desk.is_active_for(&pair, &fresh), "a new pair works");
    assert!(!desk.is_active_for(&pair, &token));
}

#[test]
fn a_withdrawn_pair_takes_its_sessions_with_it_and_no_others() {
    rows!("X-75");
    let desk = Desk::open();
    let sister = desk.node.key_pair("alice");
    let (token, hers) = (desk.opened(""), desk.opened_for(&sister, ""));
    let child = desk
        .say_by_token(&token, &request("session.open_session", ""))
        .json();
    let child = child["result"]["access_token"].as_str().unwrap();
    let mollybet = desk.node.session("alice");
    desk.administer(
        "DELETE",
        &format!("/admin/v1/keys/{}", desk.alice.0),
        Value::Null,
    );
    desk.assert_dead(&token, "withdrawn");
    desk.assert_dead(child, "opened by a session of it");
    assert!(desk.is_active_for(&sister, &hers));
    assert!(!desk.is_active_for(&sister, &token));
    let path = format!("/v1/sessions/{mollybet}/");
    assert_eq!(
        desk.node
            .send("GET", &path, &[("session", &mollybet)], "")
            .status,
        200
    );
}

#[test]
fn whatever_ends_all_sessions_of_an_account_ends_its_pairs() {
    rows!("X-76");
    for (method, path, body) in [
        ("POST", format!("{ALICE}/revoke"), json!({})),
        (
            "PUT",
            format!("{ALICE}/password"),
            json!({"password": "password-2"}),
        ),
        (
            "PUT",
            format!("{ALICE}/password"),
            json!({"password": null}),
        ),
        ("POST", format!("{ALICE}/totp"), Value::Null),
        ("DELETE", ALICE.to_owned(), Value::Null),
    ] {
        let desk = Desk::open();
        let token = desk.opened("");
        let bobs = desk.opened_for(&desk.bob, "");
        desk.administer(method, &path, body.clone());
        desk.assert_dead(&token, &format!("{method} {path} {body}"));
        assert!(
            desk.is_active_for(&desk.bob, &bobs),
            "{method} {path}: bob is not concerned"
        );
    }
}

#[test]
fn a_second_factor_taken_away_ends_pairs_too() {
    rows!("X-76");
    let desk = Desk::open();
    desk.administer("POST", &format!("{ALICE}/totp"), Value::Null);
    let pair = desk.node.key_pair("alice");
    let token = desk.opened_for(&pair, "");
    desk.administer("DELETE", &format!("{ALICE}/totp"), Value::Null);
    let body = request("session.verify_session_token", &json!([token]).to_string());
    assert_eq!(desk.post_for(&pair, &[JSON], body.as_bytes()).status, 401);
    desk.assert_dead(&token, "factor removed");
}

#[test]
fn what_ends_no_session_leaves_pairs_alone() {
    rows!("X-76");
    let desk = Desk::open();
    let token = desk.opened("");
    for change in [
        json!({}),
        json!({"client_type": "website", "group": "demo", "managed_groups": ["a"]}),
        json!({"external_subject": "idp|1", "may_sudo": true, "max_sessions": 5}),
        json!({"enabled": true}),
    ] {
        desk.administer("PATCH", ALICE, change.clone());
        assert!(desk.is_active(&token), "{change}");
    }
    let other = desk.opened("");
    let id = desk.node.session("alice");
    let headers = [("session", id.as_str())];
    assert_eq!(
        desk.node
            .send("DELETE", &format!("/v1/sessions/{id}/"), &headers, "")
            .status,
        200
    );
    assert!(
        desk.is_active(&token) && desk.is_active(&other),
        "a log-out elsewhere"
    );
}

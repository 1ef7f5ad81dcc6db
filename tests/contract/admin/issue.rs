//! Trusted issue: whose sessions are opened, how many, and when not.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sessile::session::policy::{Policy, WhenFull};

use super::{ACCOUNTS, ALICE, SESSIONS, node};
use crate::support::{Node, Setup};

#[test]
fn a_session_is_opened_by_user_name_and_is_good_on_its_surface() {
    let node = node();
    let (api_key, secret) = node.key_pair("alice");
    let (id, mollybet) = node.issued(json!({"username": "alice", "surface": "mollybet"}));
    assert_eq!(mollybet.len(), 32);
    let path = format!("/v1/sessions/{mollybet}/");
    let metadata = node
        .send("GET", &path, &[("session", &mollybet)], "")
        .json();
    assert_eq!(metadata["data"]["username"], "alice");
    let shown = node.look(&format!("{SESSIONS}/{id}"));
    assert_eq!(
        (&shown["id"], &shown["surface"]),
        (&json!(id), &json!("mollybet"))
    );
    assert_eq!(
        (&shown["address"], &shown["user_agent"]),
        (&Value::Null, &Value::Null)
    );
    for more in [json!({}), json!({"username": "alice"})] {
        let mut body = json!({"surface": "xdata", "api_key": api_key});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (_, token) = node.issued(body);
        assert_eq!(token.len(), 36);
        let verify = json!({"jsonrpc": "2.0", "method": "session.verify_session_token", "params": [token], "id": 1});
        let headers = [("apikey", api_key.as_str()), ("secret", secret.as_str())];
        let answer = node.send(
            "POST",
            "/api/v2/session/jsonrpc",
            &headers,
            &verify.to_string(),
        );
        assert_eq!(answer.json()["result"]["active"], true, "{more}");
    }
}

#[test]
fn an_account_is_found_by_its_subject_or_made_if_a_name_comes_along() {
    let node = node();
    let subject = |more: Value| {
        let mut body = json!({"subject": "idp|4711", "surface": "mollybet"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    node.refuses(("POST", SESSIONS, subject(json!({}))), (404, "not_found"));
    node.refuses(
        ("GET", "/admin/v1/accounts/dave", Value::Null),
        (404, "not_found"),
    );
    let (_, first) = node.issued(subject(json!({"username": "dave"})));
    let made = node.look("/admin/v1/accounts/dave");
    for (name, value) in [
        ("external_subject", json!("idp|4711")),
        ("has_password", json!(false)),
        ("may_sudo", json!(false)),
        ("enabled", json!(true)),
        ("group", Value::Null),
        ("client_type", json!("direct")),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    // From now on the subject is enough, and a name beside it is not looked at.
    let (_, second) = node.issued(subject(json!({})));
    let (_, third) = node.issued(subject(json!({"username": "alice"})));
    let (_, fourth) = node.issued(subject(json!({"username": "erin"})));
    for secret in [&first, &second, &third, &fourth] {
        let answer = node.send("GET", "/auth/verify", &[("session", secret)], "");
        assert_eq!(answer.header("x-sessile-user"), Some("dave"));
    }
    assert_eq!(node.look(ACCOUNTS)["accounts"].as_array().unwrap().len(), 2);
    for word in ["", "password-1"] {
        assert!(!node.logs_in("dave", word), "it has no password");
    }
}

#[test]
fn an_account_that_would_have_to_be_made_keeps_the_rules_of_accounts() {
    let node = node();
    let ask = |subject: &str, username: &str| json!({"subject": subject, "username": username, "surface": "mollybet"});
    for (body, refusal) in [
        (ask("idp|1", "alice"), (409, "name_taken")),
        (ask("idp|1", "ALICE"), (409, "name_taken")),
        (ask("idp|1", " dave"), (422, "invalid")),
        (ask("idp|1", ""), (422, "invalid")),
        (ask("", "dave"), (422, "invalid")),
        (ask("a\nb", "dave"), (422, "invalid")),
        (ask(&"x".repeat(257), "dave"), (422, "invalid")),
    ] {
        node.refuses(("POST", SESSIONS, body), refusal);
    }
    assert_eq!(node.look(ACCOUNTS)["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(node.look(SESSIONS)["sessions"], json!([]));
}

#[test]
fn an_account_that_is_unknown_disabled_or_locked_gets_none() {
    let node = node();
    let by_name = json!({"username": "alice", "surface": "mollybet"});
    for unknown in ["nobody", "ALICE", ""] {
        let body = json!({"username": unknown, "surface": "mollybet"});
        node.refuses(("POST", SESSIONS, body), (404, "not_found"));
    }
    let (_, kept) = node.issued(by_name.clone());
    node.administer("PATCH", ALICE, json!({"locked": true}));
    node.refuses(("POST", SESSIONS, by_name.clone()), (409, "account_locked"));
    node.administer("PATCH", ALICE, json!({"locked": false, "expires_at_ms": 1}));
    node.refuses(("POST", SESSIONS, by_name.clone()), (409, "account_locked"));
    assert!(node.is_live(&kept), "what was open stays");
    node.administer(
        "PATCH",
        ALICE,
        json!({"expires_at_ms": null, "enabled": false}),
    );
    node.refuses(
        ("POST", SESSIONS, by_name.clone()),
        (409, "account_disabled"),
    );
    node.administer("PATCH", ALICE, json!({"locked": true}));
    node.refuses(
        ("POST", SESSIONS, by_name.clone()),
        (409, "account_disabled"),
    );
    node.administer("PATCH", ALICE, json!({"locked": false, "enabled": true}));
    node.issued(by_name);
}

#[test]
fn an_xdata_session_belongs_to_a_live_key_pair_of_the_account() {
    let node = node();
    node.account("bob", json!({}));
    let (alices, bobs) = (node.key_pair("alice").0, node.key_pair("bob").0);
    for (body, refusal) in [
        (
            json!({"surface": "xdata", "username": "alice"}),
            (422, "invalid"),
        ),
        (
            json!({"surface": "mollybet", "username": "alice", "api_key": alices}),
            (422, "invalid"),
        ),
        (
            json!({"surface": "mollybet", "api_key": alices}),
            (422, "invalid"),
        ),
        (
            json!({"surface": "xdata", "username": "alice", "api_key": bobs}),
            (404, "not_found"),
        ),
        (
            json!({"surface": "xdata", "username": "alice", "api_key": "x"}),
            (404, "not_found"),
        ),
        (
            json!({"surface": "xdata", "api_key": "x"}),
            (404, "not_found"),
        ),
        (json!({"surface": "xdata"}), (422, "invalid")),
        (json!({"surface": "mollybet"}), (422, "invalid")),
    ] {
        node.refuses(("POST", SESSIONS, body), refusal);
    }
    let good = json!({"surface": "xdata", "api_key": alices});
    node.issued(good.clone());
    node.administer("POST", &format!("{ALICE}/revoke"), json!({}));
    node.refuses(("POST", SESSIONS, good.clone()), (404, "not_found"));
    node.administer("DELETE", &format!("/admin/v1/keys/{alices}"), Value::Null);
    node.refuses(("POST", SESSIONS, good), (404, "not_found"));
    assert_eq!(node.look(SESSIONS)["sessions"], json!([]));
}

fn issued(node: &Node, body: Value) -> Vec<(String, String)> {
    let issued = node.administer("POST", SESSIONS, body);
    let text = |session: &Value, name: &str| session[name].as_str().unwrap().to_owned();
    let sessions = issued["sessions"].as_array().unwrap();
    sessions
        .iter()
        .map(|s| (text(s, "id"), text(s, "secret")))
        .collect()
}

#[test]
fn many_are_opened_at_once_each_with_its_own_secret() {
    let node = node();
    let (api_key, _) = node.key_pair("alice");
    node.account("carol", json!({"max_sessions": 0}));
    for (body, count) in [
        (json!({"surface": "mollybet", "username": "alice"}), 1),
        (json!({"surface": "mollybet", "username": "alice"}), 100),
        (json!({"surface": "mollybet", "username": "carol"}), 257),
        (json!({"surface": "xdata", "api_key": api_key}), 10_000),
    ] {
        let mut body = body;
        body["count"] = json!(count);
        let sessions = issued(&node, body.clone());
        assert_eq!(sessions.len(), count);
        let ids: BTreeSet<_> = sessions.iter().map(|(id, _)| id).collect();
        let secrets: BTreeSet<_> = sessions.iter().map(|(_, secret)| secret).collect();
        assert_eq!((ids.len(), secrets.len()), (count, count));
        for (id, secret) in sessions.iter().step_by(97) {
            assert!(node.is_live(secret), "{body}");
            assert_eq!(node.look(&format!("{SESSIONS}/{id}"))["id"], id.as_str());
        }
    }
}

#[test]
fn a_limit_holds_for_trusted_issue_and_is_all_or_nothing() {
    let mut policy = Policy::default();
    policy.mollybet.per_account = Some(5);
    policy.mollybet.when_full = WhenFull::Deny;
    let node = Node::start(Setup {
        policy,
        ..Setup::default()
    });
    node.account("alice", json!({}));
    let ask = |count: usize| json!({"username": "alice", "surface": "mollybet", "count": count});
    node.refuses(("POST", SESSIONS, ask(6)), (409, "limit_reached"));
    assert_eq!(node.look(SESSIONS)["sessions"], json!([]));
    let three = issued(&node, ask(3));
    node.refuses(("POST", SESSIONS, ask(3)), (409, "limit_reached"));
    issued(&node, ask(2));
    node.refuses(("POST", SESSIONS, ask(1)), (409, "limit_reached"));
    node.administer("DELETE", &format!("{SESSIONS}/{}", three[0].0), Value::Null);
    issued(&node, ask(1));
    node.refuses(("POST", SESSIONS, ask(1)), (409, "limit_reached"));
    // The account's own limit counts instead of the surface's.
    node.administer("PATCH", ALICE, json!({"max_sessions": 256}));
    issued(&node, ask(251));
    node.refuses(("POST", SESSIONS, ask(1)), (409, "limit_reached"));
    node.refuses(("POST", SESSIONS, ask(257)), (422, "invalid"));
    node.administer("PATCH", ALICE, json!({"max_sessions": 0}));
    issued(&node, ask(300));
}

#[test]
fn at_the_default_limit_the_sessions_idle_for_longest_make_room() {
    let node = node();
    let ask = |count: usize| json!({"username": "alice", "surface": "mollybet", "count": count});
    let first = issued(&node, ask(60));
    node.clock.advance_ms(1_000);
    let second = issued(&node, ask(40));
    node.clock.advance_ms(1_000);
    // Used, and so no longer among those idle for longest.
    let used = &first[7].1;
    assert_eq!(
        node.send("GET", "/auth/verify", &[("session", used)], "")
            .status,
        200
    );
    issued(&node, ask(59));
    let live = first
        .iter()
        .filter(|(_, secret)| node.is_live(secret))
        .count();
    assert_eq!(live, 1);
    assert!(node.is_live(used));
    assert!(second.iter().all(|(_, secret)| node.is_live(secret)));
}

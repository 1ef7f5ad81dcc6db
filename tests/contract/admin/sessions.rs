//! Listing, showing and ending sessions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{ALICE, SESSIONS, node};
use crate::support::{Node, START_MS};

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_session_is_shown_whole_and_without_its_secret() {
    let node = node();
    node.administer("PATCH", ALICE, json!({"client_type": "website"}));
    let body = json!({"username": "alice", "password": "password-1"}).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("user-agent", "a test/1.0"),
    ];
    let opened = node.send("POST", "/v1/sessions/", &headers, &body).json();
    let secret = opened["data"].as_str().unwrap();
    let list = node.look(SESSIONS);
    let id = list["sessions"][0]["id"].as_str().unwrap().to_owned();
    let wanted = json!({
        "id": id, "username": "alice", "user_id": 1, "surface": "mollybet",
        "client_type": "website", "factors": ["password"], "created_at_ms": START_MS,
        "last_active_at_ms": START_MS, "expires_at_ms": START_MS + DAY_MS, "parent": null,
        "actor_user_ids": [], "address": "127.0.0.1", "user_agent": "a test/1.0",
        "attributes": null,
    });
    assert_eq!(list, json!({"sessions": [wanted], "next": null}));
    let path = format!("{SESSIONS}/{id}");
    assert_eq!(node.look(&path), wanted);
    assert!(!list.to_string().contains(secret));
    // A touch shows; looking is none.
    node.clock.advance_ms(1_000);
    assert_eq!(node.look(&path), wanted);
    assert_eq!(
        node.send("GET", "/auth/verify", &[("session", secret)], "")
            .status,
        200
    );
    let touched = node.look(&path);
    assert_eq!(touched["last_active_at_ms"], START_MS + 1_000);
    assert_eq!(touched["expires_at_ms"], START_MS + 1_000 + DAY_MS);
    for _ in 0..3 {
        node.clock.advance_ms(DAY_MS / 3);
        node.admin_as(crate::support::OWNER, "GET", &path, Value::Null);
    }
    assert!(!node.is_live(secret), "looking did not prolong it");
    node.refuses(("GET", &path, Value::Null), (404, "not_found"));
    assert_eq!(node.look(SESSIONS)["sessions"], json!([]));
}

#[test]
fn an_impersonation_tells_whose_it_really_is() {
    let node = node();
    node.administer("PATCH", ALICE, json!({"group": "demo"}));
    node.account(
        "root",
        json!({"may_sudo": true, "managed_groups": ["demo"]}),
    );
    let (parent, secret) = node.issued(json!({"username": "root", "surface": "mollybet"}));
    let path = format!("/v1/sessions/{secret}/sudo/");
    let headers = [
        ("session", secret.as_str()),
        ("content-type", "application/json"),
    ];
    let answer = node.send("POST", &path, &headers, r#"{"target":"alice"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let list = node.look(&format!("{SESSIONS}?username=alice"));
    let child = &list["sessions"][0];
    assert_eq!(child["username"], "alice");
    assert_eq!(child["parent"], parent.as_str());
    assert_eq!(child["actor_user_ids"], json!([2]));
    assert_eq!(child["factors"], json!(["vouched", "sudo"]));
}

#[test]
fn a_session_is_ended_by_its_public_id() {
    let node = node();
    let body = json!({"username": "alice", "surface": "mollybet"});
    let (id, secret) = node.issued(body.clone());
    let (_, other) = node.issued(body);
    let path = format!("{SESSIONS}/{id}");
    assert_eq!(
        node.administer("DELETE", &path, Value::Null),
        json!({"revoked": id})
    );
    assert!(!node.is_live(&secret) && node.is_live(&other));
    for method in ["DELETE", "GET"] {
        node.refuses((method, &path, Value::Null), (404, "not_found"));
        // A secret names nothing here.
        for unknown in [other.as_str(), "sess_", "sess_0000000000000000000000", "x"] {
            let path = format!("{SESSIONS}/{unknown}");
            node.refuses((method, &path, Value::Null), (404, "not_found"));
        }
    }
    assert!(node.is_live(&other));
}

fn ids(sessions: &[Value]) -> Vec<String> {
    let id = |session: &Value| session["id"].as_str().unwrap().to_owned();
    sessions.iter().map(id).collect()
}

fn issue(node: &Node, username: &str, count: usize) -> BTreeSet<String> {
    let body = json!({"username": username, "surface": "mollybet", "count": count});
    let issued = node.administer("POST", SESSIONS, body);
    ids(issued["sessions"].as_array().unwrap())
        .into_iter()
        .collect()
}

#[test]
fn sessions_are_listed_in_the_order_of_their_ids_each_exactly_once() {
    let node = node();
    node.account("bob", json!({}));
    let (alices, bobs) = (issue(&node, "alice", 60), issue(&node, "bob", 40));
    let all: BTreeSet<_> = alices.union(&bobs).cloned().collect();
    for (path, wanted) in [
        (SESSIONS.to_owned(), &all),
        (format!("{SESSIONS}?username=alice"), &alices),
        (format!("{SESSIONS}?username=bob"), &bobs),
    ] {
        for limit in [1, 7, 20, 100, 1_000] {
            let (sessions, sizes) = node.pages(&path, "sessions", limit);
            let listed = ids(&sessions);
            assert!(listed.is_sorted(), "{path} {limit}");
            assert_eq!(listed.len(), wanted.len(), "{path} {limit}");
            assert_eq!(&listed.into_iter().collect::<BTreeSet<_>>(), wanted);
            let (_, full) = sizes.split_last().unwrap();
            assert!(
                full.iter().all(|size| *size == limit),
                "{path} {limit}: {sizes:?}"
            );
        }
    }
    // The page after one that has ended meanwhile goes on behind it.
    let middle = all.iter().nth(50).unwrap();
    node.administer("DELETE", &format!("{SESSIONS}/{middle}"), Value::Null);
    let rest = node.look(&format!("{SESSIONS}?limit=1000&after={middle}"));
    assert_eq!(ids(rest["sessions"].as_array().unwrap()).len(), 49);
    let nobody = format!("{SESSIONS}?username=nobody");
    node.refuses(("GET", &nobody, Value::Null), (404, "not_found"));
    let folded = format!("{SESSIONS}?username=ALICE");
    node.refuses(("GET", &folded, Value::Null), (404, "not_found"));
}

#[test]
fn only_live_sessions_are_listed() {
    let node = node();
    node.account("bob", json!({}));
    issue(&node, "alice", 20);
    let bobs = issue(&node, "bob", 20);
    node.administer("POST", &format!("{ALICE}/revoke"), json!({}));
    let (sessions, _) = node.pages(SESSIONS, "sessions", 7);
    assert_eq!(ids(&sessions).into_iter().collect::<BTreeSet<_>>(), bobs);
    node.clock.advance_ms(DAY_MS);
    assert_eq!(node.pages(SESSIONS, "sessions", 7).0, Vec::<Value>::new());
}

#[test]
fn names_in_a_query_are_percent_encoded() {
    let node = node();
    node.account("a&b=c 日", json!({}));
    let wanted = issue(&node, "a&b=c 日", 2);
    issue(&node, "alice", 1);
    for name in ["a%26b%3Dc%20%E6%97%A5", "a%26b%3Dc+%E6%97%A5"] {
        let list = node.look(&format!("{SESSIONS}?username={name}"));
        let listed = ids(list["sessions"].as_array().unwrap());
        assert_eq!(
            listed.into_iter().collect::<BTreeSet<_>>(),
            wanted,
            "{name}"
        );
    }
}

//! Making, showing, changing and listing accounts.

use serde_json::{Value, json};

use super::{ACCOUNTS, ALICE, node};
use crate::support::{Node, OWNER, START_MS, Setup};

#[test]
fn an_account_is_shown_whole_and_without_its_secrets() {
    let node = Node::start(Setup::default());
    let body = json!({"username": "alice", "password": "password-1"});
    let made = node.administer("POST", ACCOUNTS, body);
    let mut wanted = json!({
        "username": "alice", "user_id": 1, "external_subject": null,
        "has_password": true, "has_totp": false, "client_type": "direct",
        "group": null, "managed_groups": [], "agent": null, "may_sudo": false,
        "enabled": true, "locked": false, "expires_at_ms": null,
        "max_sessions": null, "created_at_ms": START_MS, "profile": {
            "email": "", "email_verified": false, "first_name": "", "last_name": "", "gender": "",
            "phone": "", "image_url": "", "access_level": 10, "trial_until": null,
            "public_metadata": {}, "unsafe_metadata": {}, "details": null, "billing": null,
        },
    });
    assert_eq!(made, wanted);
    assert_eq!(node.look(ALICE), wanted);
    node.clock.advance_ms(5);
    let everything = json!({
        "username": "bob", "external_subject": "idp|4711", "client_type": "website",
        "group": "demo", "managed_groups": ["a", "b"], "agent": "alice", "may_sudo": true,
        "enabled": false, "locked": true, "expires_at_ms": 7, "max_sessions": 10_000,
    });
    let made = node.administer("POST", ACCOUNTS, everything.clone());
    let profile = wanted["profile"].clone();
    wanted = everything;
    wanted["profile"] = profile;
    for (name, value) in [
        ("user_id", json!(2)),
        ("has_password", json!(false)),
        ("has_totp", json!(false)),
        ("created_at_ms", json!(START_MS + 5)),
    ] {
        wanted[name] = value;
    }
    assert_eq!(made, wanted);
    assert_eq!(node.look("/admin/v1/accounts/bob"), wanted);
    assert_eq!(node.look(ACCOUNTS)["accounts"][1], wanted);
}

#[test]
fn a_change_leaves_alone_what_it_does_not_name() {
    let node = node();
    let mut wanted = node.look(ALICE);
    node.account("bob", json!({}));
    for (name, value) in [
        ("external_subject", json!("idp|1")),
        ("client_type", json!("website")),
        ("group", json!("demo")),
        ("managed_groups", json!(["demo", "x y"])),
        ("agent", json!("bob")),
        ("may_sudo", json!(true)),
        ("locked", json!(true)),
        ("expires_at_ms", json!(START_MS)),
        ("max_sessions", json!(0)),
        ("enabled", json!(false)),
        ("enabled", json!(true)),
        ("external_subject", Value::Null),
        ("group", Value::Null),
        ("managed_groups", json!([])),
        ("agent", Value::Null),
        ("may_sudo", json!(false)),
        ("locked", json!(false)),
        ("expires_at_ms", Value::Null),
        ("max_sessions", Value::Null),
    ] {
        wanted[name] = value.clone();
        let changed = node.administer("PATCH", ALICE, json!({name: value}));
        assert_eq!(changed, wanted, "{name}");
        assert_eq!(node.look(ALICE), wanted, "{name}");
    }
    assert_eq!(node.administer("PATCH", ALICE, json!({})), wanted);
    assert!(node.logs_in("alice", "password-1"), "the password stayed");
}

#[test]
fn every_field_keeps_its_rule() {
    let node = node();
    let long = |n| "x".repeat(n);
    let groups = |n: usize| Value::from((0..n).map(|g| json!(format!("g{g}"))).collect::<Vec<_>>());
    let good = [
        ("external_subject", json!(long(256))),
        ("client_type", json!(long(32))),
        ("client_type", json!("a-z_09")),
        ("group", json!("é".repeat(128))),
        ("managed_groups", groups(64)),
        ("max_sessions", json!(10_000)),
        ("expires_at_ms", json!(0)),
        ("agent", json!("alice")),
    ];
    for (name, value) in good {
        node.administer("PATCH", ALICE, json!({name: value}));
    }
    let bad = [
        ("external_subject", json!("")),
        ("external_subject", json!(long(257))),
        ("external_subject", json!("a\nb")),
        ("external_subject", json!(1)),
        ("client_type", json!("")),
        ("client_type", json!(long(33))),
        ("client_type", json!("Website")),
        ("client_type", json!("a b")),
        ("client_type", json!("é")),
        ("group", json!("")),
        ("group", json!("é".repeat(129))),
        ("group", json!("a\u{0}")),
        ("managed_groups", groups(65)),
        ("managed_groups", json!([""])),
        ("managed_groups", json!("demo")),
        ("managed_groups", json!([1])),
        ("agent", json!("nobody")),
        ("agent", json!("ALICE")),
        ("may_sudo", json!("true")),
        ("enabled", json!(1)),
        ("locked", json!("no")),
        ("expires_at_ms", json!(-1)),
        ("expires_at_ms", json!("2026-01-01")),
        ("expires_at_ms", json!(1.5)),
        ("max_sessions", json!(10_001)),
        ("max_sessions", json!(-1)),
    ];
    let before = node.look("/admin/v1/digest");
    for (name, value) in bad {
        node.refuses(("PATCH", ALICE, json!({name: value})), (422, "invalid"));
        let new = json!({"username": "carol", name: value});
        node.refuses(("POST", ACCOUNTS, new), (422, "invalid"));
    }
    assert_eq!(node.look("/admin/v1/digest"), before);
}

#[test]
fn a_user_name_keeps_its_rule_and_is_unique_whatever_its_case() {
    let node = Node::start(Setup::default());
    let make = |name: &str| node.admin_as(OWNER, "POST", ACCOUNTS, json!({"username": name}));
    for good in [
        "a",
        "Ålice",
        "a b",
        "日本語",
        "a/b",
        "a%2Fb",
        "-",
        "sess_x",
        &"é".repeat(128),
    ] {
        assert_eq!(make(good).status, 200, "{good}");
    }
    for bad in [
        "",
        " ",
        " a",
        "a ",
        "\u{a0}a",
        "a\nb",
        "a\tb",
        "a\u{0}",
        "a\u{7f}",
        "a\u{200b}b",
        "a\u{202e}b",
        "\u{feff}a",
        &"é".repeat(129),
    ] {
        node.refuses(
            ("POST", ACCOUNTS, json!({"username": bad})),
            (422, "invalid"),
        );
    }
    node.account("Carol", json!({}));
    for taken in ["Carol", "carol", "CAROL", "cAROL"] {
        node.refuses(
            ("POST", ACCOUNTS, json!({"username": taken})),
            (409, "name_taken"),
        );
    }
    // Only letters of ASCII fold.
    assert_eq!(make("ålice").status, 200);
    // Names are compared exactly, once they exist.
    assert_eq!(node.look("/admin/v1/accounts/Carol")["username"], "Carol");
    node.refuses(
        ("GET", "/admin/v1/accounts/carol", Value::Null),
        (404, "not_found"),
    );
    node.refuses(
        ("DELETE", "/admin/v1/accounts/CAROL", Value::Null),
        (404, "not_found"),
    );
    for (path, name) in [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%E6%97%A5%E6%9C%AC%E8%AA%9E", "日本語"),
        ("a%20b", "a b"),
    ] {
        assert_eq!(node.look(&format!("{ACCOUNTS}/{path}"))["username"], name);
    }
}

#[test]
fn a_name_is_free_again_once_its_account_is_deleted_and_a_user_id_is_not() {
    let node = node();
    let session = node.session("alice");
    assert_eq!(
        node.administer("DELETE", ALICE, Value::Null),
        json!({"deleted": "alice"})
    );
    for (method, path) in [
        ("GET", ALICE),
        ("DELETE", ALICE),
        ("PATCH", ALICE),
        ("POST", "/admin/v1/accounts/alice/totp"),
        ("DELETE", "/admin/v1/accounts/alice/totp"),
        ("POST", "/admin/v1/accounts/alice/revoke"),
    ] {
        node.refuses((method, path, Value::Null), (404, "not_found"));
    }
    assert!(!node.logs_in("alice", "password-1"));
    let body = json!({"username": "ALICE", "password": "password-9"});
    let again = node.administer("POST", ACCOUNTS, body);
    assert_eq!(
        (&again["user_id"], &again["username"]),
        (&json!(2), &json!("ALICE"))
    );
    assert!(!node.is_live(&session), "nothing of the old one comes back");
    assert!(node.logs_in("ALICE", "password-9") && !node.logs_in("ALICE", "password-1"));
}

#[test]
fn an_external_subject_belongs_to_one_account() {
    let node = node();
    let bob = "/admin/v1/accounts/bob";
    node.account("bob", json!({"external_subject": "idp|1"}));
    let taken = json!({"external_subject": "idp|1"});
    node.refuses(("PATCH", ALICE, taken.clone()), (409, "subject_taken"));
    let new = json!({"username": "carol", "external_subject": "idp|1"});
    node.refuses(("POST", ACCOUNTS, new), (409, "subject_taken"));
    node.administer("PATCH", bob, taken.clone());
    node.administer("PATCH", bob, json!({"external_subject": "idp|2"}));
    node.administer("PATCH", ALICE, taken.clone());
    node.refuses(("PATCH", bob, taken.clone()), (409, "subject_taken"));
    node.administer("DELETE", ALICE, Value::Null);
    node.administer("PATCH", bob, taken);
}

#[test]
fn accounts_are_listed_in_the_order_of_their_ids_page_by_page() {
    let node = Node::start(Setup::default());
    let names: Vec<_> = (0..23).map(|n| format!("user{}", 23 - n)).collect();
    for name in &names {
        node.administer("POST", ACCOUNTS, json!({"username": name}));
    }
    for gone in ["user23", "user10", "user1"] {
        node.administer("DELETE", &format!("{ACCOUNTS}/{gone}"), Value::Null);
    }
    let left: Vec<_> = names
        .iter()
        .filter(|name| !["user23", "user10", "user1"].contains(&name.as_str()))
        .collect();
    for (limit, sizes) in [(1_000, vec![20]), (7, vec![7, 7, 6]), (10, vec![10, 10, 0])] {
        let (listed, found) = node.pages(ACCOUNTS, "accounts", limit);
        let listed: Vec<_> = listed
            .iter()
            .map(|a| a["username"].as_str().unwrap())
            .collect();
        assert_eq!(listed, left, "{limit}");
        assert_eq!(found, sizes, "{limit}");
    }
    assert_eq!(node.look(ACCOUNTS)["next"], Value::Null);
}

//! What holds for every body, and that no error repeats a secret.

use serde_json::{Value, json};

use super::{ACCOUNTS, ALICE, KEYS, SESSIONS, node, told};
use crate::support::client::{Answer, Client};
use crate::support::{Node, OWNER};

/// Every call that reads a body, with one that it would take.
const BODIES: [(&str, &str, &str); 6] = [
    ("POST", ACCOUNTS, r#"{"username":"carol"}"#),
    ("PATCH", ALICE, r#"{"group":"demo"}"#),
    (
        "PUT",
        "/admin/v1/accounts/alice/password",
        r#"{"password":"password-2"}"#,
    ),
    (
        "POST",
        "/admin/v1/accounts/alice/revoke",
        r#"{"keep":null}"#,
    ),
    ("POST", KEYS, r#"{"kind":"xdata","username":"alice"}"#),
    (
        "POST",
        SESSIONS,
        r#"{"username":"alice","surface":"mollybet"}"#,
    ),
];

/// Sends bytes as they are, for an owner.
pub(super) fn send(node: &Node, method: &str, path: &str, body: &[u8]) -> Answer {
    let bearer = format!("Bearer {OWNER}");
    let headers = [("authorization", bearer.as_str())];
    Client::connect(node.admin).send(method, path, &headers, body)
}

#[test]
fn a_body_is_one_json_object_without_repeated_or_unknown_members() {
    let node = node();
    let before = node.look("/admin/v1/digest");
    for (method, path, good) in BODIES {
        let inside = good.trim_matches(['{', '}']);
        let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
        for bad in [
            "[]".to_owned(),
            // Members without their names.
            r#"["carol"]"#.into(),
            r#"["password-2"]"#.into(),
            r#"["xdata","alice"]"#.into(),
            "[null]".into(),
            "1".into(),
            "null".into(),
            r#""x""#.into(),
            "{".into(),
            format!("{good},"),
            format!("{good} {good}"),
            format!("\u{feff}{good}"),
            format!("{{{inside},}}"),
            // Sent twice, on the outside or deeper, however it is spelled.
            format!("{{{inside},{inside}}}"),
            format!(r#"{{{inside},"x":{{"a":1,"a":1}}}}"#),
            format!(r#"{{{inside},"attributes":{{"a":[{{"b":1,"\u0062":1}}]}}}}"#),
            // Not known.
            format!(r#"{{{inside},"x":1}}"#),
            format!(r#"{{{inside},"":null}}"#),
            format!(r#"{{{inside},"Enabled":true}}"#),
            format!(r#"{{{inside},"generation":1}}"#),
            format!(r#"{{{inside},"user_id":7}}"#),
            format!(r#"{{{inside},"x":{deep}}}"#),
        ] {
            let answer = send(&node, method, path, bad.as_bytes());
            assert_eq!(
                answer.status,
                422,
                "{method} {path} {bad}: {}",
                answer.text()
            );
            told(&answer, 422, "invalid");
        }
        told(&send(&node, method, path, b"\xff"), 422, "invalid");
    }
    assert_eq!(
        node.look("/admin/v1/digest"),
        before,
        "nothing of it changed anything"
    );
    for (method, path, good) in BODIES {
        let answer = send(&node, method, path, good.as_bytes());
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.only_headers(&[]);
    }
}

#[test]
fn the_type_of_a_body_does_not_matter_and_no_body_is_an_empty_object() {
    let node = node();
    let bearer = format!("Bearer {OWNER}");
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
        "application/json",
    ] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let body = br#"{"group":"demo"}"#;
        let answer = Client::connect(node.admin).send("PATCH", ALICE, &headers, body);
        assert_eq!(answer.status, 200, "{kind}");
    }
    assert_eq!(send(&node, "PATCH", ALICE, b"").status, 200);
    assert_eq!(
        send(&node, "POST", "/admin/v1/accounts/alice/revoke", b"").status,
        200
    );
    told(&send(&node, "POST", ACCOUNTS, b""), 422, "invalid");
    told(&send(&node, "POST", SESSIONS, b""), 422, "invalid");
}

#[test]
fn a_body_of_more_than_64_kib_is_too_large() {
    let node = node();
    for (method, path, good) in BODIES {
        let mut body = good.as_bytes().to_vec();
        body.resize(64 * 1024 + 1, b' ');
        told(&send(&node, method, path, &body), 413, "too_large");
        body.pop();
        assert_eq!(
            send(&node, method, path, &body).status,
            200,
            "{method} {path}"
        );
    }
}

#[test]
fn no_error_repeats_a_secret() {
    let node = node();
    for (method, path, body) in [
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"carol","password":"canary"}"#,
        ),
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"carol","password":["canary-7"]}"#,
        ),
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"carol","password":{"canary-7":1}}"#,
        ),
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"alice","password":"canary-7"}"#,
        ),
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"carol","password":"canary-7","agent":"nobody"}"#,
        ),
        (
            "POST",
            ACCOUNTS,
            r#"{"username":"carol","password":"canary-7""#,
        ),
        (
            "PUT",
            "/admin/v1/accounts/alice/password",
            r#"{"password":"canary"}"#,
        ),
        (
            "PUT",
            "/admin/v1/accounts/nobody/password",
            r#"{"password":"canary-7"}"#,
        ),
        (
            "PUT",
            "/admin/v1/accounts/alice/password",
            r#"{"password":"canary-7","x":1}"#,
        ),
    ] {
        let answer = send(&node, method, path, body.as_bytes());
        assert!(answer.status >= 400, "{method} {path} {body}");
        assert!(
            !answer.text().contains("canary"),
            "{body}: {}",
            answer.text()
        );
    }
}

#[test]
fn a_password_of_the_wrong_type_is_not_repeated_either() {
    let node = node();
    for password in ["8675309001", "-8675309001", "8675309001.5"] {
        for (method, path, body) in [
            (
                "POST",
                ACCOUNTS,
                format!(r#"{{"username":"carol","password":{password}}}"#),
            ),
            (
                "PUT",
                "/admin/v1/accounts/alice/password",
                format!(r#"{{"password":{password}}}"#),
            ),
        ] {
            let answer = send(&node, method, path, body.as_bytes());
            let message = told(&answer, 422, "invalid");
            assert!(!message.contains("8675309001"), "{message}");
        }
    }
}

#[test]
fn a_password_that_is_not_said_is_not_taken_away() {
    let node = node();
    let path = "/admin/v1/accounts/alice/password";
    for body in ["", "{}"] {
        told(&send(&node, "PUT", path, body.as_bytes()), 422, "invalid");
    }
    assert!(node.logs_in("alice", "password-1"));
}

#[test]
fn a_journal_that_takes_no_records_is_503_and_what_takes_away_holds() {
    let node = node();
    let session = node.session("alice");
    node.journal.refuse(true);
    let body = json!({"username": "alice", "surface": "mollybet"});
    for (method, path, body) in [
        ("POST", SESSIONS, body.clone()),
        ("POST", ACCOUNTS, json!({"username": "carol"})),
        ("POST", KEYS, json!({"kind": "xdata", "username": "alice"})),
        ("POST", "/admin/v1/accounts/alice/revoke", json!({})),
    ] {
        let answer = node.admin_as(OWNER, method, path, body);
        told(&answer, 503, "unavailable");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
    }
    assert!(!node.is_live(&session), "the revocation holds");
    node.journal.refuse(false);
    node.hold_in_images();
    node.refuses(
        ("GET", "/admin/v1/accounts/carol", Value::Null),
        (404, "not_found"),
    );
    assert_eq!(node.look(KEYS)["keys"], json!([]));
    node.administer("POST", SESSIONS, body);
}

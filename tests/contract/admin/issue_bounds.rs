//! Trusted issue: what may be said of a session, and how it then lives.

use serde_json::{Value, json};

use super::{ALICE, SESSIONS, node};
use crate::support::START_MS;

const DAY_MS: u64 = 86_400_000;
const IDLE_MAX_MS: u64 = 49 * DAY_MS;
const ABSOLUTE_MAX_MS: u64 = 365 * DAY_MS;

/// A request with one member more.
fn with(name: &str, value: Value) -> Value {
    let mut body = json!({"username": "alice", "surface": "mollybet"});
    body[name] = value;
    body
}

/// Attributes that take so many bytes as JSON.
fn attributes(bytes: usize) -> Value {
    json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())})
}

#[test]
fn every_member_keeps_its_rule() {
    let node = node();
    let before = node.look("/admin/v1/digest");
    for (name, value) in [
        ("surface", json!("Clerk")),
        ("surface", json!("Mollybet")),
        ("surface", json!("")),
        ("surface", Value::Null),
        ("surface", json!(1)),
        ("username", json!(1)),
        ("subject", json!(["idp|1"])),
        ("count", json!(0)),
        ("count", json!(-1)),
        ("count", json!(10_001)),
        ("count", json!(257)),
        ("count", json!(1.5)),
        ("count", json!("1")),
        ("count", Value::Null),
        ("client_type", json!("")),
        ("client_type", json!("Website")),
        ("client_type", json!("x".repeat(33))),
        ("factors", json!("password")),
        ("factors", json!([""])),
        ("factors", json!(["otp"])),
        ("factors", json!(["password", "sudo"])),
        ("factors", json!(["api_key"])),
        ("factors", json!([1])),
        ("idle_timeout_ms", json!(IDLE_MAX_MS + 1)),
        ("idle_timeout_ms", json!(u64::from(u32::MAX) + 1)),
        ("idle_timeout_ms", json!(-1)),
        ("idle_timeout_ms", json!("1h")),
        ("absolute_ms", json!(0)),
        ("absolute_ms", json!(ABSOLUTE_MAX_MS + 1)),
        ("absolute_ms", json!(u64::MAX)),
        ("absolute_ms", json!(-1)),
        ("absolute_ms", json!(1.5)),
        ("attributes", attributes(4_097)),
        ("attributes", json!([])),
        ("attributes", json!("x")),
        ("attributes", json!(1)),
    ] {
        let message = node.refuses(
            ("POST", SESSIONS, with(name, value.clone())),
            (422, "invalid"),
        );
        // What can be told from the type alone does not always name the member.
        let own_rule = !message.contains("expected");
        assert!(
            !own_rule || message.contains(name),
            "{name} {value}: {message}"
        );
    }
    assert_eq!(node.look("/admin/v1/digest"), before, "nothing was opened");
}

#[test]
fn lifetimes_are_those_that_were_asked_for() {
    let node = node();
    let day = |n: u64| n * DAY_MS;
    // (idle timeout, absolute lifetime, when it ends if nothing touches it)
    for (idle, absolute, end) in [
        (None, None, day(1)),
        (Some(0), None, day(30)),
        (Some(1), None, 1),
        (Some(5_000), Some(4_000), 4_000),
        (Some(4_000), Some(5_000), 4_000),
        (None, Some(1), 1),
        (None, Some(ABSOLUTE_MAX_MS), day(1)),
        (Some(0), Some(ABSOLUTE_MAX_MS), ABSOLUTE_MAX_MS),
        (Some(IDLE_MAX_MS), Some(ABSOLUTE_MAX_MS), IDLE_MAX_MS),
        (Some(IDLE_MAX_MS), None, day(30)),
    ] {
        let mut body = json!({"username": "alice", "surface": "mollybet"});
        for (name, value) in [("idle_timeout_ms", idle), ("absolute_ms", absolute)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        let issued = node.administer("POST", SESSIONS, body.clone());
        let session = &issued["sessions"][0];
        assert_eq!(session["expires_at_ms"], START_MS + end, "{body}");
        let shown = node.look(&format!("{SESSIONS}/{}", session["id"].as_str().unwrap()));
        assert_eq!(shown["expires_at_ms"], START_MS + end, "{body}");
        assert_eq!(issued["sessions"].as_array().unwrap().len(), 1);
        assert_eq!(session.as_object().unwrap().len(), 3, "{session}");
    }
}

#[test]
fn a_session_ends_when_it_said_it_would() {
    let node = node();
    let body = json!({
        "username": "alice", "surface": "mollybet", "idle_timeout_ms": 1_000, "absolute_ms": 2_500,
    });
    let (_, secret) = node.issued(body);
    let touch = || {
        node.send("GET", "/auth/verify", &[("session", &secret)], "")
            .status
    };
    for _ in 0..2 {
        node.clock.advance_ms(999);
        assert_eq!(touch(), 200);
    }
    node.clock.advance_ms(501);
    assert!(node.is_live(&secret), "2,499 ms");
    node.clock.advance_ms(1);
    assert!(!node.is_live(&secret), "2,500 ms");
    let (_, idle) = node.issued(with("idle_timeout_ms", json!(1_000)));
    node.clock.advance_ms(999);
    assert!(node.is_live(&idle));
    node.clock.advance_ms(1);
    assert!(!node.is_live(&idle));
}

#[test]
fn factors_client_type_and_attributes_are_kept() {
    let node = node();
    node.administer("PATCH", ALICE, json!({"client_type": "website"}));
    let look = |body: Value| {
        let (id, secret) = node.issued(body);
        let shown = node.look(&format!("{SESSIONS}/{id}"));
        let path = format!("/v1/sessions/{secret}/");
        let metadata = node.send("GET", &path, &[("session", &secret)], "").json();
        assert_eq!(metadata["data"]["client_type"], shown["client_type"]);
        shown
    };
    for (asked, kept) in [
        (json!([]), json!(["vouched"])),
        (json!(["vouched"]), json!(["vouched"])),
        (json!(["password"]), json!(["password", "vouched"])),
        (
            json!(["totp", "password", "totp"]),
            json!(["password", "totp", "vouched"]),
        ),
    ] {
        assert_eq!(look(with("factors", asked))["factors"], kept);
    }
    assert_eq!(look(with("count", json!(1)))["client_type"], "website");
    assert_eq!(
        look(with("client_type", Value::Null))["client_type"],
        "website"
    );
    assert_eq!(
        look(with("client_type", json!("kiosk-7")))["client_type"],
        "kiosk-7"
    );
    for kept in [
        json!({}),
        json!({"team": "blue", "n": [1, 2.5, null, {"deep": true}], "日本": "語"}),
        attributes(4_096),
    ] {
        assert_eq!(look(with("attributes", kept.clone()))["attributes"], kept);
    }
    assert_eq!(
        look(with("attributes", Value::Null))["attributes"],
        Value::Null
    );
    // White space does not count: it is not kept.
    let spaced = format!(
        r#"{{"username":"alice","surface":"mollybet","attributes":{}{}}}"#,
        " ".repeat(5_000),
        attributes(4_096)
    );
    let bearer = format!("Bearer {}", crate::support::OWNER);
    let headers = [("authorization", bearer.as_str())];
    let mut client = crate::support::client::Client::connect(node.admin);
    assert_eq!(
        client
            .send("POST", SESSIONS, &headers, spaced.as_bytes())
            .status,
        200
    );
}

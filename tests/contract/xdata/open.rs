//! Opening: what `expires_in` may be, what comes back, how long it lives, how many there may be.

use serde_json::json;
use sessile::session::policy::{Policy, WhenFull};

use super::{Desk, code, request};
use crate::support::Setup;

const OPEN: &str = "session.open_session";
const DEFAULT_S: u64 = 2_592_000;
const MAX_S: u64 = 31_536_000;

#[test]
fn open_gives_a_new_version_4_uuid_and_the_granted_seconds() {
    rows!("X-18", "X-20", "X-21");
    let desk = Desk::open();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..32 {
        let text = desk.text(&request(OPEN, r#"{"expires_in":60}"#));
        let token = text
            .strip_prefix(r#"{"result":{"access_token":""#)
            .and_then(|rest| rest.strip_suffix(r#"","expires_in":60},"id":1,"jsonrpc":"2.0"}"#))
            .unwrap_or_else(|| panic!("{text}"));
        assert_eq!(token.len(), 36);
        for (at, byte) in token.bytes().enumerate() {
            let fits = match at {
                8 | 13 | 18 | 23 => byte == b'-',
                14 => byte == b'4',
                19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            };
            assert!(fits, "{token} at {at}");
        }
        assert!(seen.insert(token.to_owned()), "{token} came twice");
    }
}

#[test]
fn expires_in_is_a_whole_number_of_seconds_up_to_a_year() {
    rows!("X-22", "X-23", "X-24", "X-25");
    let desk = Desk::open();
    let granted = |params: &str| match desk.call(OPEN, params) {
        answer if code(&answer) == 0 => Ok(answer["result"]["expires_in"].as_u64().unwrap()),
        answer => Err(code(&answer)),
    };
    for params in [
        "",
        "{}",
        "[]",
        "[null]",
        r#"{"expires_in":null}"#,
        r#"{ "expires_in" : null }"#,
    ] {
        assert_eq!(granted(params), Ok(DEFAULT_S), "{params}");
    }
    let refused = Err(-32602);
    for (value, wanted) in [
        ("1", Ok(1)),
        ("60", Ok(60)),
        ("31535999", Ok(MAX_S - 1)),
        ("31536000", Ok(MAX_S)),
        ("2592000.0", Ok(DEFAULT_S)),
        ("31536000.000", Ok(MAX_S)),
        ("1e3", Ok(1_000)),
        ("1E+3", Ok(1_000)),
        ("6000e-2", Ok(60)),
        ("0.6e2", Ok(60)),
        ("0", refused),
        ("-0", refused),
        ("0.0", refused),
        ("-1", refused),
        ("-60", refused),
        ("31536001", refused),
        ("31536000.5", refused),
        ("3.1536001e7", refused),
        ("18446744073709551616", refused),
        ("18446744073709551615", refused),
        ("9223372036854775807", refused),
        ("1e400", refused),
        ("1e-400", refused),
        ("1.5", refused),
        ("0.5", refused),
        ("59.99999999999999999999", refused),
        (r#""60""#, refused),
        (r#""""#, refused),
        (r#""abc""#, refused),
        ("true", refused),
        ("false", refused),
        ("[60]", refused),
        ("[]", refused),
        ("{}", refused),
    ] {
        assert_eq!(
            granted(&format!(r#"{{"expires_in":{value}}}"#)),
            wanted,
            "{value}"
        );
        assert_eq!(granted(&format!("[{value}]")), wanted, "[{value}]");
    }
}

#[test]
fn a_session_lives_to_the_millisecond_and_nothing_prolongs_it() {
    rows!("X-22", "X-23", "X-26", "X-27");
    let desk = Desk::open();
    for (params, life_ms) in [
        ("[1]", 1_000),
        ("[60]", 60_000),
        ("", DEFAULT_S * 1_000),
        ("[31536000]", MAX_S * 1_000),
    ] {
        let token = desk.opened(params);
        assert!(desk.is_active(&token));
        desk.node.clock.advance_ms(life_ms / 2);
        // Uses of every kind: none moves the end.
        assert!(desk.is_active(&token));
        let by_token = desk.say_by_token(&token, &request(OPEN, "[1]"));
        assert_eq!(by_token.status, 200);
        let gateway = desk.node.send(
            "GET",
            "/auth/verify",
            &[("xdata-session-token", &token)],
            "",
        );
        assert_eq!(gateway.status, 200);
        desk.node.clock.advance_ms(life_ms - life_ms / 2 - 1);
        assert!(desk.is_active(&token), "{params}: its last millisecond");
        desk.node.clock.advance_ms(1);
        assert!(!desk.is_active(&token), "{params}: over");
        assert!(!desk.is_active(&token), "{params}: and stays so");
    }
}

#[test]
fn the_default_lifetime_is_the_configured_one() {
    rows!("X-20", "X-22");
    let mut policy = Policy::default();
    policy.xdata.life.absolute_ms = 90_500;
    let desk = Desk::with(Setup {
        policy,
        ..Setup::default()
    });
    let answer = desk.call(OPEN, "");
    assert_eq!(
        answer["result"]["expires_in"], 90,
        "whole seconds that are granted in full"
    );
    assert_eq!(
        desk.call(OPEN, "[91]")["result"]["expires_in"],
        91,
        "a default is no limit"
    );
}

fn limited(when_full: WhenFull) -> Desk {
    let mut policy = Policy::default();
    policy.xdata.per_account = Some(2);
    policy.xdata.when_full = when_full;
    Desk::with(Setup {
        policy,
        ..Setup::default()
    })
}

#[test]
fn without_a_limit_there_is_none() {
    rows!("X-43");
    let desk = Desk::open();
    let tokens: Vec<_> = (0..150).map(|_| desk.opened("")).collect();
    assert!(tokens.iter().all(|token| desk.is_active(token)));
}

#[test]
fn a_limit_counts_the_live_sessions_of_an_account() {
    rows!("X-43");
    let desk = limited(WhenFull::Deny);
    let sister = desk.node.key_pair("alice");
    let too_many =
        r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"Too many sessions"},"id":1}"#;
    let (first, second) = (desk.opened(""), desk.opened_for(&sister, "[60]"));
    assert_eq!(desk.text(&request(OPEN, "")), too_many);
    assert_eq!(code(&desk.call_for(&sister, OPEN, "")), -32000);
    assert_eq!(
        code(&desk.call_for(&desk.bob, OPEN, "")),
        0,
        "others have their own"
    );
    assert!(desk.is_active(&first) && desk.is_active_for(&sister, &second));
    desk.close_for(&desk.alice, &first);
    let third = desk.opened("");
    assert_eq!(
        desk.text(&request(OPEN, "")),
        too_many,
        "a closed one made room for one"
    );
    desk.node.clock.advance_ms(60_000);
    assert_eq!(code(&desk.call(OPEN, "")), 0, "an expired one, too");
    assert!(desk.is_active(&third));
    let path = "/admin/v1/accounts/alice";
    desk.node
        .administer("PATCH", path, json!({"max_sessions": 3}));
    assert_eq!(
        code(&desk.call(OPEN, "")),
        0,
        "the account's own limit counts"
    );
    assert_eq!(code(&desk.call(OPEN, "")), -32000);
    desk.node
        .administer("PATCH", path, json!({"max_sessions": 0}));
    assert_eq!(code(&desk.call(OPEN, "")), 0, "0 is none");
}

#[test]
fn what_was_opened_without_a_limit_stays_beside_it() {
    rows!("X-43");
    let desk = Desk::open();
    let before: Vec<_> = (0..3).map(|_| desk.opened("")).collect();
    let path = "/admin/v1/accounts/alice";
    desk.node
        .administer("PATCH", path, json!({"max_sessions": 2}));
    let counted = [desk.opened(""), desk.opened("")];
    assert_eq!(code(&desk.call(OPEN, "")), -32000);
    desk.close_for(&desk.alice, &before[0]);
    assert_eq!(code(&desk.call(OPEN, "")), -32000, "it did not count");
    desk.close_for(&desk.alice, &counted[0]);
    assert_eq!(code(&desk.call(OPEN, "")), 0);
    assert!(before[1..].iter().all(|token| desk.is_active(token)));
}

#[test]
fn a_limit_may_end_another_session_instead() {
    rows!("X-44");
    for when_full in [WhenFull::EvictOldest, WhenFull::EvictIdle] {
        let desk = limited(when_full);
        let mut tokens = Vec::new();
        for _ in 0..3 {
            tokens.push(desk.opened(""));
            desk.node.clock.advance_ms(10);
        }
        let active: Vec<_> = tokens.iter().map(|token| desk.is_active(token)).collect();
        assert_eq!(active, [false, true, true], "{when_full:?}");
    }
}

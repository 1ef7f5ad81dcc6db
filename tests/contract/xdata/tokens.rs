//! Verifying and closing, and how their one parameter is given.

use serde_json::json;
use sessile::door::Engine;

use super::{Desk, NEVER, code, request};

const VERIFY: &str = "session.verify_session_token";
const CLOSE: &str = "session.close_session";
const ACTIVE: &str = r#"{"result":{"active":true},"id":1,"jsonrpc":"2.0"}"#;
const INACTIVE: &str = r#"{"result":{"active":false},"id":1,"jsonrpc":"2.0"}"#;
const CLOSED: &str = r#"{"result":true,"id":1,"jsonrpc":"2.0"}"#;

#[test]
fn what_is_not_a_live_session_of_the_callers_is_not_active() {
    rows!("X-18", "X-28", "X-29", "X-30");
    let desk = Desk::open();
    let token = desk.opened("");
    let ask = |token: &str| desk.text(&request(VERIFY, &json!({"token": token}).to_string()));
    assert_eq!(ask(&token), ACTIVE);
    let public_id = desk
        .node
        .engine
        .session_id(token.as_bytes())
        .unwrap()
        .to_string();
    for other in [
        NEVER,
        "",
        " ",
        "x",
        "null",
        "日本語",
        "\u{0}",
        "../../etc/passwd",
        "' OR 1=1 --",
        &token.to_ascii_uppercase(),
        &format!(" {token}"),
        &format!("{token}\n"),
        &token.replace('-', ""),
        &format!("{{{token}}}"),
        &format!("urn:uuid:{token}"),
        &public_id,
    ] {
        assert_eq!(ask(other), INACTIVE, "{other:?}");
    }
    assert_eq!(
        desk.text(&request(CLOSE, &json!([token]).to_string())),
        CLOSED
    );
    assert_eq!(ask(&token), INACTIVE);
}

#[test]
fn closing_ends_one_session_and_can_be_repeated() {
    rows!("X-30", "X-31");
    let desk = Desk::open();
    let (token, other) = (desk.opened(""), desk.opened(""));
    let close = |token: &str| desk.text(&request(CLOSE, &json!({"token": token}).to_string()));
    for _ in 0..3 {
        assert_eq!(close(&token), CLOSED);
        assert!(!desk.is_active(&token));
    }
    for never in [NEVER, "", "x", "日本語", &"é".repeat(256)] {
        assert_eq!(close(never), CLOSED, "{never:?}");
    }
    assert!(desk.is_active(&other), "the other one stays");
    let expired = desk.opened("[1]");
    desk.node.clock.advance_ms(1_000);
    assert_eq!(close(&expired), CLOSED);
}

#[test]
fn parameters_come_by_name_or_by_position_and_as_the_table_says() {
    rows!("X-37", "X-38", "X-39", "X-40", "X-41");
    let desk = Desk::open();
    let token = desk.opened("");
    // `T` stands for a live token; 0 for an answer without an error.
    for (method, params, wanted) in [
        ("session.open_session", "[60]", 0),
        ("session.open_session", "[60,1]", -32602),
        ("session.open_session", "[null,null]", -32602),
        ("session.open_session", r#"{"expires":60}"#, -32602),
        (
            "session.open_session",
            r#"{"expires_in":60,"x":null}"#,
            -32602,
        ),
        ("session.open_session", r#"{"Expires_in":60}"#, -32602),
        (
            "session.open_session",
            r#"{"expires_in":60,"expires_in":60}"#,
            -32602,
        ),
        (
            "session.open_session",
            r#"{"expires_in":60,"expires\u005fin":60}"#,
            -32602,
        ),
        (VERIFY, r#"{"token":"T"}"#, 0),
        (VERIFY, r#"{"t\u006fken":"T"}"#, 0),
        (VERIFY, r#"["T"]"#, 0),
        (VERIFY, "", -32602),
        (VERIFY, "{}", -32602),
        (VERIFY, "[]", -32602),
        (VERIFY, "[null]", -32602),
        (VERIFY, "[1]", -32602),
        (VERIFY, "[true]", -32602),
        (VERIFY, r#"[["T"]]"#, -32602),
        (VERIFY, r#"[{"token":"T"}]"#, -32602),
        (VERIFY, r#"["T","T"]"#, -32602),
        (VERIFY, r#"["T",null]"#, -32602),
        (VERIFY, r#"{"token":null}"#, -32602),
        (VERIFY, r#"{"token":1}"#, -32602),
        (VERIFY, r#"{"token":false}"#, -32602),
        (VERIFY, r#"{"token":["T"]}"#, -32602),
        (VERIFY, r#"{"token":{"a":1,"a":2}}"#, -32602),
        (VERIFY, r#"{"access_token":"T"}"#, -32602),
        (VERIFY, r#"{"token":"T","expires_in":60}"#, -32602),
        (VERIFY, r#"{"token":"T","token":"T"}"#, -32602),
        (VERIFY, r#"{"token":"T","\u0074oken":"T"}"#, -32602),
        (VERIFY, r#"{"token":"T","":1}"#, -32602),
        (CLOSE, "", -32602),
        (CLOSE, "{}", -32602),
        (CLOSE, "[]", -32602),
        (CLOSE, "[7]", -32602),
        (CLOSE, r#"{"token":null}"#, -32602),
        (CLOSE, r#"{"token":"T","x":1}"#, -32602),
        (CLOSE, r#"{"token":"T","token":"T"}"#, -32602),
        (CLOSE, r#"["T",1]"#, -32602),
    ] {
        let answer = desk.call(method, &params.replace('T', &token));
        assert_eq!(code(&answer), wanted, "{method} {params}: {answer}");
        let right = method != VERIFY || wanted != 0 || answer["result"]["active"] == true;
        assert!(right, "{method} {params}: {answer}");
        assert!(desk.is_active(&token), "{method} {params} closed it");
    }
    assert_eq!(code(&desk.call(CLOSE, &json!([token]).to_string())), 0);
    assert!(!desk.is_active(&token));
}

#[test]
fn a_token_of_more_than_256_characters_is_not_looked_at() {
    rows!("X-42");
    let desk = Desk::open();
    for character in ["a", "é", "語", "🂡", r"\u00e9", r"\ud83c\udca1"] {
        for (count, wanted) in [(256, 0), (257, -32602)] {
            for method in [VERIFY, CLOSE] {
                let params = format!(r#"["{}"]"#, character.repeat(count));
                let answer = desk.call(method, &params);
                assert_eq!(code(&answer), wanted, "{method} {count} {character}");
            }
        }
    }
}

#[test]
fn there_are_three_methods_and_no_fourth() {
    rows!("X-19", "X-49", "X-58");
    let desk = Desk::open();
    for method in [
        "",
        "session",
        "session.",
        "open_session",
        "Session.open_session",
        "session.Open_session",
        "session.open_session ",
        " session.open_session",
        "session.open",
        "session.list_sessions",
        "session.verify",
        "session.open_session\\u0000",
        "system.listMethods",
        "rpc.",
        "rpc.discover",
        "rpc.session.open_session",
    ] {
        for params in ["", "{}", "[1,2,3]", r#"{"a":1,"a":2}"#] {
            let answer = desk.call(method, params);
            assert_eq!(code(&answer), -32601, "{method:?}");
            assert_eq!(answer["error"]["message"], "Method not found");
        }
    }
    // A name is its text, however it is spelled.
    assert_eq!(code(&desk.call(r"session\u002eopen_session", "")), 0);
}

//! The JSON-RPC envelope over HTTP: requests, ids, notifications, errors.

use serde_json::json;

use super::{Desk, INVALID, JSON, NOT_JSON, code, request};

const OPEN: &str = "session.open_session";

#[test]
fn what_is_no_request_is_minus_32600_with_id_null() {
    rows!("X-45", "X-46", "X-47", "X-48", "X-57", "X-58", "X-67");
    let desk = Desk::open();
    for body in [
        // Not an object.
        "1",
        "null",
        "true",
        r#""session.open_session""#,
        // `jsonrpc`
        r#"{}"#,
        r#"{"method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":"1.0","method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":"2","method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":"2.00","method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":2.0,"method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":2,"method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":null,"method":"session.open_session","id":1}"#,
        r#"{"JSONRPC":"2.0","method":"session.open_session","id":1}"#,
        // `method`
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","method":1,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":null,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":["session.open_session"],"id":1}"#,
        r#"{"jsonrpc":"2.0","Method":"session.open_session","id":1}"#,
        // `params`
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":null,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":60,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":"60","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":false,"id":1}"#,
        // `id`
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":true}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":false}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":{}}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":{"a":1}}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":[]}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":[1]}"#,
        // A member twice, known or not, however it is spelled.
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"session.open_session","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","method":"x","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":{},"params":{},"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":1,"id":2}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":1,"\u0069d":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":1,"x":1,"x":1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":1,"x":{"y":1,"y":1}}"#,
    ] {
        assert_eq!(desk.text(body), INVALID, "{body}");
    }
    let events = desk.node.journal.records().len();
    assert_eq!(desk.text("{}"), INVALID);
    assert_eq!(
        desk.node.journal.records().len(),
        events,
        "nothing was opened"
    );
}

#[test]
fn members_that_the_specification_does_not_name_are_ignored() {
    rows!("X-57");
    let desk = Desk::open();
    let body = r#"{"auth":"x","jsonrpc":"2.0","x":{"y":[1]},"method":"session.verify_session_token","params":["x"],"id":1}"#;
    assert_eq!(
        desk.text(body),
        r#"{"result":{"active":false},"id":1,"jsonrpc":"2.0"}"#
    );
}

#[test]
fn what_is_not_json_is_minus_32700_with_id_null() {
    rows!("X-54", "X-55", "X-67");
    let desk = Desk::open();
    let good = request("session.verify_session_token", r#"["x"]"#);
    let cut = good.strip_suffix('}').unwrap();
    let sample = "{\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"session.open_session\",\n  \"params\": {\n    \
                  \"expires_in\": null,\n  },\n  \"id\": \"jsonrpc_id\"\n}";
    let texts: [&str; 16] = [
        "",
        " ",
        "\n",
        "{",
        cut,
        &format!("{good} {good}"),
        &format!("{good},"),
        &format!("{good}x"),
        &format!("\u{feff}{good}"),
        sample,
        r#"{"jsonrpc":"2.0","method":"foobar, "params": "bar", "baz]"#,
        r#"{'jsonrpc':'2.0','method':'session.open_session','id':1}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":01}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":NaN}"#,
        r#"{"jsonrpc":"2.0","method":"session.open_session","id":"\ud800"}"#,
        "{\"jsonrpc\":\"2.0\",\"method\":\"session.open_session\",\"id\":\"\u{1}\"}",
    ];
    for body in texts {
        assert_eq!(desk.text(body), NOT_JSON, "{body}");
    }
    let fixed = sample.replace("null,", "null");
    assert_eq!(
        code(&desk.say(&fixed).json()),
        0,
        "the comma alone is in its way"
    );
    for bytes in [
        &b"\xff"[..],
        b"{\"jsonrpc\":\"2.0\",\"method\":\"session.open_session\",\"id\":\"\xc3\x28\"}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"session.open_session\",\"id\":\"\xed\xa0\x80\"}",
        b"\xfe\xff\x00{\x00}",
        b"{\x00}",
    ] {
        let answer = desk.post_for(&desk.alice, &[JSON], bytes);
        assert_eq!((answer.status, answer.text()), (200, NOT_JSON.into()));
    }
}

#[test]
fn sixteen_levels_are_read_and_seventeen_are_not() {
    rows!("X-56");
    let desk = Desk::open();
    // The envelope is the first level, `params` the second.
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let ask = |levels| desk.say(&request("session.verify_session_token", &nested(levels)));
    assert_eq!(code(&ask(15).json()), -32602);
    assert_eq!(ask(16).text(), NOT_JSON);
    assert_eq!(desk.text(&nested(100_000)), NOT_JSON);
    assert_eq!(desk.text(&"[".repeat(1 << 20)), NOT_JSON);
    assert_eq!(desk.text(&r#"{"a":"#.repeat(100_000)), NOT_JSON);
}

#[test]
fn an_id_comes_back_byte_for_byte() {
    rows!("X-50", "X-52", "X-58");
    let desk = Desk::open();
    for id in [
        "0",
        "-0",
        "1",
        "-1",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551616",
        "123456789012345678901234567890",
        "1.5",
        "1.0",
        "1.50",
        "1e2",
        "1E+2",
        "1e400",
        "0.1000000000000000055511151231257827",
        r#""""#,
        r#""x""#,
        r#""1""#,
        r#"" ""#,
        r#""jsonrpc_id""#,
        r#""日本語 🂡""#,
        r#""\u65e5\u672c""#,
        r#""\u00e9\/\"\\\b\f\n\r\t""#,
        r#""\uD83C\uDCA1""#,
        r#""5c2a7ff0-0f57-4d2f-a8b2-2e7f2b2b9f11""#,
        "null",
    ] {
        for (method, rest) in [
            (
                "session.verify_session_token",
                r#""result":{"active":false}"#,
            ),
            ("session.close_session", r#""result":true"#),
        ] {
            let body =
                format!(r#"{{"id": {id} ,"params":["x"],"method":"{method}","jsonrpc":"2.0"}}"#);
            assert_eq!(
                desk.text(&body),
                format!(r#"{{{rest},"id":{id},"jsonrpc":"2.0"}}"#)
            );
        }
        for (method, error) in [
            ("nothing", r#"{"code":-32601,"message":"Method not found"}"#),
            (
                "session.close_session",
                r#"{"code":-32602,"message":"Invalid params"}"#,
            ),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#);
            assert_eq!(
                desk.text(&body),
                format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
            );
        }
    }
    let long = format!(r#""{}""#, "i".repeat(100_000));
    let body = format!(r#"{{"jsonrpc":"2.0","method":"{OPEN}","id":{long}}}"#);
    assert!(desk.text(&body).contains(&format!(r#","id":{long},"#)));
}

#[test]
fn a_notification_is_carried_out_and_answered_with_nothing() {
    rows!("X-51", "X-68");
    let desk = Desk::open();
    let token = desk.opened("");
    let records = || desk.node.journal.records().len();
    let silent = |body: &str| {
        let answer = desk.say(body);
        assert_eq!(
            (answer.status, answer.text()),
            (200, String::new()),
            "{body}"
        );
        assert_eq!(answer.header("content-length"), Some("0"));
    };
    let before = records();
    for body in [
        // Errors are not told, either.
        r#"{"jsonrpc":"2.0","method":"nothing"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"rpc.nothing","params":[1]}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"session.close_session"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":["x"]}"#.to_owned(),
        format!(
            r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","params":["{token}"]}}"#
        ),
    ] {
        silent(&body);
    }
    assert_eq!(records(), before);
    silent(r#"{"jsonrpc":"2.0","method":"session.open_session"}"#);
    assert_eq!(
        records(),
        before + 1,
        "a session that nobody can name was opened"
    );
    silent(
        &json!({"jsonrpc": "2.0", "method": "session.close_session", "params": [token]})
            .to_string(),
    );
    assert!(!desk.is_active(&token));
}

//! The examples that the JSON-RPC specification ends with, through HTTP.

use super::{Desk, INVALID, NOT_JSON};

#[test]
fn the_examples_of_the_specification_are_answered_as_it_prints_them() {
    rows!("X-51", "X-53", "X-66");
    let desk = Desk::open();
    let missing = |id: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","error":{{"code":-32601,"message":"Method not found"}},"id":{id}}}"#
        )
    };
    let verified =
        |id: &str| format!(r#"{{"result":{{"active":false}},"id":{id},"jsonrpc":"2.0"}}"#);
    let verify = r#""method": "session.verify_session_token", "params""#;
    // Its "subtract" and "sum" are our verify; everything else is its own text.
    for (sent, answered) in [
        (format!(r#"{{"jsonrpc": "2.0", {verify}: ["x"], "id": 1}}"#), verified("1")),
        (format!(r#"{{"jsonrpc": "2.0", {verify}: {{"token": "x"}}, "id": 3}}"#), verified("3")),
        (r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#.into(), String::new()),
        (r#"{"jsonrpc": "2.0", "method": "foobar"}"#.into(), String::new()),
        (r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#.into(), missing(r#""1""#)),
        (r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#.into(), NOT_JSON.into()),
        (r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#.into(), INVALID.into()),
        (
            r#"[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]"#.into(),
            NOT_JSON.into(),
        ),
        ("[]".into(), INVALID.into()),
        ("[1]".into(), format!("[{INVALID}]")),
        ("[1,2,3]".into(), format!("[{INVALID},{INVALID},{INVALID}]")),
        (
            format!(
                r#"[ {{"jsonrpc": "2.0", {verify}: ["x"], "id": "1"}},
                    {{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}},
                    {{"jsonrpc": "2.0", {verify}: ["y"], "id": "2"}},
                    {{"foo": "boo"}},
                    {{"jsonrpc": "2.0", "method": "foo.get", "params": {{"name": "myself"}}, "id": "5"}},
                    {{"jsonrpc": "2.0", {verify}: ["z"], "id": "9"}} ]"#
            ),
            format!(
                "[{},{},{INVALID},{},{}]",
                verified(r#""1""#),
                verified(r#""2""#),
                missing(r#""5""#),
                verified(r#""9""#)
            ),
        ),
        (
            r#"[ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
                {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ]"#
                .into(),
            String::new(),
        ),
    ] {
        assert_eq!(desk.text(&sent), answered, "{sent}");
    }
}

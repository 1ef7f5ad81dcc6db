//! Tests of the envelope: the contract's duties.

use futures_util::FutureExt;
use serde_json::Value;

use super::super::json::DEPTH_MAX;
use super::*;

#[path = "jsonrpc_examples.rs"]
mod examples;
#[path = "jsonrpc_unmeant.rs"]
mod unmeant;

const BATCH_MAX: usize = 100;
const OUT_OF_STOCK: Fault = Fault::new(-32000, "Out of \"stock\"");

/// The server the specification's examples imagine, and a few methods more.
async fn example(call: &Call<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let number = |value: Option<Raw<'_>>| value.and_then(Raw::integer).ok_or(Fault::INVALID_PARAMS);
    match &*call.method {
        "subtract" => {
            let [minuend, subtrahend] = call.params.bind(["minuend", "subtrahend"])?;
            json::write_int(out, number(minuend)? - number(subtrahend)?);
        }
        "sum" => {
            let [a, b, c] = call.params.bind(["a", "b", "c"])?;
            json::write_int(out, number(a)? + number(b)? + number(c)?);
        }
        "get_data" => {
            let [] = call.params.bind([])?;
            out.extend_from_slice(b"[\"hello\",5]");
        }
        "update" | "notify_hello" | "notify_sum" => out.extend_from_slice(b"true"),
        "echo" => {
            let [value] = call.params.bind(["value"])?;
            out.extend_from_slice(value.map_or("", Raw::text).as_bytes());
        }
        "half" => {
            out.extend_from_slice(b"{\"half\":");
            return Err(OUT_OF_STOCK);
        }
        _ => return Err(Fault::METHOD_NOT_FOUND),
    }
    Ok(())
}

fn answered(body: impl AsRef<[u8]>) -> String {
    let mut out = b"kept".to_vec();
    answer(body.as_ref(), BATCH_MAX, &mut out, example)
        .now_or_never()
        .expect("the example never waits");
    let out = String::from_utf8(out).expect("answers are UTF-8");
    out.strip_prefix("kept")
        .expect("earlier bytes stay")
        .to_owned()
}

fn fault(code: i32, message: &str, id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"id":{id}}}"#)
}

fn result(result: &str, id: &str) -> String {
    format!(r#"{{"result":{result},"id":{id},"jsonrpc":"2.0"}}"#)
}

fn parse_error() -> String {
    fault(-32700, "Parse error", "null")
}

fn invalid_request() -> String {
    fault(-32600, "Invalid Request", "null")
}

/// Source: JSON-RPC 2.0 §4 to §6.
#[test]
fn bodies_that_are_no_request_are_answered_with_id_null() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","method":"echo","params":{}{},"id":1}}"#,
        "[".repeat(DEPTH_MAX),
        "]".repeat(DEPTH_MAX)
    );
    let broken: &[&[u8]] = &[
        b"",
        b" \n",
        b"{\"jsonrpc\":\"2.0\"",
        b"\xEF\xBB\xBF{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1} x",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1}{}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"params\":[\"\xFF\"],\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"session.open_session\",\"params\":{\"expires_in\":null,},\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":\"\\ud800\"}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"\\udc00\",\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":01}",
        b"[{\"jsonrpc\":\"2.0\",\"method\":\"echo\",\"id\":1},]",
        deep.as_bytes(),
    ];
    for body in broken {
        assert_eq!(
            answered(body),
            parse_error(),
            "{}",
            String::from_utf8_lossy(body)
        );
    }
    let invalid = [
        "null",
        "true",
        "1",
        "\"x\"",
        "{}",
        r#"{"method":"echo","id":1}"#,
        r#"{"jsonrpc":2.0,"method":"echo","id":1}"#,
        r#"{"jsonrpc":"2","method":"echo","id":1}"#,
        r#"{"jsonrpc":"1.0","method":"echo","id":1}"#,
        r#"{"jsonrpc":"2.0 ","method":"echo","id":1}"#,
        r#"{"jsonrpc":null,"method":"echo","id":1}"#,
        r#"{"JSONRPC":"2.0","method":"echo","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","method":null,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":["echo"],"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":true}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":{}}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":[1]}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":null,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":"x","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":1}"#,
        r#"{"jsonrpc":"2.0","result":1,"id":1}"#,
        // Repeated names, plain, escaped, equal in value, unknown, and inside an unknown member.
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","method":"echo","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","method":"half","id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":1,"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":1,"\u0069d":2}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":[],"params":{},"id":1}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":1,"x":1,"y":2,"x":3}"#,
        r#"{"jsonrpc":"2.0","method":"echo","id":1,"x":[{"a":1,"a":1}]}"#,
    ];
    for body in invalid {
        assert_eq!(answered(body), invalid_request(), "{body}");
        let listed = format!("[{body},{body}]");
        assert_eq!(
            answered(&listed),
            format!("[{0},{0}]", invalid_request()),
            "{listed}"
        );
    }
    for nested in [
        "[[]]",
        "[[1]]",
        r#"[[{"jsonrpc":"2.0","method":"echo","id":1}]]"#,
    ] {
        assert_eq!(
            answered(nested),
            format!("[{}]", invalid_request()),
            "{nested}"
        );
    }
}

#[test]
fn an_id_is_echoed_byte_for_byte() {
    let ids = [
        "null",
        "0",
        "-0",
        "1",
        "1.5",
        "1.50",
        "-1e-7",
        "1e400",
        "9223372036854775808",
        "18446744073709551616",
        "0.10000000000000000000000000000000001",
        "\"\"",
        "\"1\"",
        "\"jsonrpc_id\"",
        "\"\\u0041\\/\\n\"",
        "\"é\u{1F980}\"",
        "\"\\ud83e\\udd80\"",
        "\"}],\\\"\"",
    ];
    for id in ids {
        let request =
            |method: &str| format!(r#"{{"jsonrpc":"2.0","method":"{method}","id": {id} }}"#);
        assert_eq!(answered(request("get_data")), result("[\"hello\",5]", id));
        assert_eq!(
            answered(request("foobar")),
            fault(-32601, "Method not found", id)
        );
        assert_eq!(
            answered(request("half")),
            fault(-32000, "Out of \\\"stock\\\"", id)
        );
    }
}

#[test]
fn names_and_unknown_members_are_read_as_json_means_them() {
    let cases = [
        r#"{"id":7,"params":[],"method":"get_data","jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2\u002e0","method":"get\u005fdata","id":7}"#,
        r#"{"\u006asonrpc":"2.0","metho\u0064":"get_data","id":7}"#,
        r#"{"jsonrpc":"2.0","method":"get_data","id":7,"meta":{"a":[1]},"Id":8,"":null}"#,
        "\r\n{ \"jsonrpc\" : \"2.0\" ,\t\"method\" : \"get_data\" , \"params\" : { } , \"id\" : 7 }\n",
    ];
    for body in cases {
        assert_eq!(answered(body), result("[\"hello\",5]", "7"), "{body}");
    }
}

#[test]
fn reserved_names_are_not_found_and_never_reach_the_handler() {
    let body = r#"[{"jsonrpc":"2.0","method":"rpc.discover","id":"a"},
        {"jsonrpc":"2.0","method":"rpc\u002e","params":{"a":1,"a":2},"id":2},
        {"jsonrpc":"2.0","method":"rpc.silent"},
        {"jsonrpc":"2.0","method":"rpcx","id":3}]"#;
    let mut seen = Vec::new();
    let mut out = Vec::new();
    answer(body.as_bytes(), BATCH_MAX, &mut out, async |call, _| {
        seen.push(call.method.to_string());
        Ok(())
    })
    .now_or_never()
    .expect("never waits");
    let missing = |id: &str| fault(-32601, "Method not found", id);
    let expected = format!(
        "[{},{},{}]",
        missing("\"a\""),
        missing("2"),
        result("null", "3")
    );
    assert_eq!(String::from_utf8_lossy(&out), expected);
    assert_eq!(seen, ["rpcx"]);
}

#[test]
fn notifications_run_and_stay_silent_whatever_happens() {
    let bodies = [
        r#"{"jsonrpc":"2.0","method":"get_data"}"#,
        r#"{"jsonrpc":"2.0","method":"half"}"#,
        r#"{"jsonrpc":"2.0","method":"subtract","params":["x"]}"#,
        r#"{"jsonrpc":"2.0","method":"echo","params":{"value":1,"value":2}}"#,
        r#"{"jsonrpc":"2.0","method":"rpc.x"}"#,
    ];
    for body in bodies {
        assert_eq!(answered(body), "", "{body}");
    }
    assert_eq!(answered(format!("[{}]", bodies.join(","))), "");
    let mut runs = 0;
    let mut out = Vec::new();
    let batch = r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]"#;
    answer(batch.as_bytes(), BATCH_MAX, &mut out, async |call, _| {
        assert_eq!(call.id, None);
        runs += 1;
        Ok(())
    })
    .now_or_never()
    .expect("never waits");
    assert_eq!((runs, out.len()), (2, 0));
}

#[test]
fn a_batch_is_answered_in_order_and_commas_skip_the_silent() {
    let quiet = r#"{"jsonrpc":"2.0","method":"update"}"#;
    let loud = r#"{"jsonrpc":"2.0","method":"echo","params":[[1, 2]],"id":5}"#;
    let spoken = result("[1, 2]", "5");
    let cases: &[(&[&str], &[&str])] = &[
        (&[loud], &[&spoken]),
        (&[quiet, loud], &[&spoken]),
        (&[loud, quiet], &[&spoken]),
        // Equal ids are the client's affair.
        (&[quiet, loud, quiet, loud, quiet], &[&spoken, &spoken]),
        (&["1", quiet, loud], &[&invalid_request(), &spoken]),
    ];
    for (members, expected) in cases {
        let body = format!("[{}]", members.join(" , "));
        assert_eq!(
            answered(&body),
            format!("[{}]", expected.join(",")),
            "{body}"
        );
    }
}

#[test]
fn a_batch_beyond_its_bound_is_one_invalid_request() {
    let batch = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert_eq!(
        answered(batch(BATCH_MAX)).matches("-32600").count(),
        BATCH_MAX
    );
    assert_eq!(answered(batch(BATCH_MAX + 1)), invalid_request());
    assert!(matches!(parse(b"[1]", 0), Err(Fault::INVALID_REQUEST)));
    assert!(matches!(parse(b"[1]", usize::MAX), Ok(Parsed::Batch(_))));
    assert!(
        matches!(
            parse(b"{\"jsonrpc\":\"2.0\",\"method\":\"a\"}", 0),
            Ok(Parsed::One(_))
        ),
        "the bound is on batches"
    );
}

#[test]
fn params_bind_by_name_and_by_position_alike() {
    type Bound<'e> = Option<[Option<&'e str>; 2]>;
    let cases: &[(&str, Bound<'_>)] = &[
        ("", Some([None, None])),
        (r#","params":{}"#, Some([None, None])),
        (r#","params":[]"#, Some([None, None])),
        (r#","params":{"token":"t"}"#, Some([Some("\"t\""), None])),
        (r#","params":["t"]"#, Some([Some("\"t\""), None])),
        (
            r#","params":{"n":null,"token":{"a":1}}"#,
            Some([Some("{\"a\":1}"), Some("null")]),
        ),
        (
            r#","params":[{"a":1},null]"#,
            Some([Some("{\"a\":1}"), Some("null")]),
        ),
        (r#","params":{"\u0074oken":1}"#, Some([Some("1"), None])),
        (r#","params":{"token":1,"other":2}"#, None),
        (r#","params":{"Token":1}"#, None),
        (r#","params":{"":1}"#, None),
        (r#","params":{"token":1,"token":1}"#, None),
        (r#","params":{"token":1,"\u0074oken":1}"#, None),
        (r#","params":{"token":{"a":[{"b":1,"b":1}]}}"#, None),
        (r#","params":[1,{"a":1,"a":1}]"#, None),
        (r#","params":[1,2,3]"#, None),
    ];
    for (params, expected) in cases {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"m"{params},"id":1}}"#);
        let Ok(Parsed::One(call)) = parse(body.as_bytes(), BATCH_MAX) else {
            panic!("{body}");
        };
        let bound = call.params.bind(["token", "n"]);
        let expected = expected.ok_or(Fault::INVALID_PARAMS);
        assert_eq!(
            bound.map(|values| values.map(|value| value.map(Raw::text))),
            expected,
            "{body}"
        );
    }
    assert_eq!(
        answered(r#"{"jsonrpc":"2.0","method":"echo","params":{"value":1,"value":1},"id":"x"}"#),
        fault(-32602, "Invalid params", "\"x\"")
    );
    assert_eq!(
        answered(r#"{"jsonrpc":"2.0","method":"foobar","params":{"value":1,"value":1},"id":1}"#),
        fault(-32601, "Method not found", "1"),
        "params are not looked into before the method is known"
    );
}

#[test]
fn the_usual_request_is_borrowed_from_the_body() {
    let body =
        br#"{"jsonrpc":"2.0","method":"session.verify_session_token","params":{"token":"00890640"},"id":1}"#;
    let Ok(Parsed::One(call)) = parse(body, BATCH_MAX) else {
        panic!("a valid request");
    };
    assert!(matches!(
        call.method,
        Cow::Borrowed("session.verify_session_token")
    ));
    let [token] = call.params.bind(["token"]).expect("one parameter");
    assert!(matches!(
        token.and_then(Raw::string),
        Some(Cow::Borrowed("00890640"))
    ));
    assert!(
        !format!("{call:?}").contains("00890640"),
        "Debug shows no parameter"
    );
}

#[test]
fn writers_keep_the_published_order_of_members() {
    let id = json::parse(b"\"jsonrpc_id\"").expect("a string");
    let mut out = Vec::new();
    write_result(&mut out, id, |out| {
        out.extend_from_slice(b"{\"active\":true}")
    });
    write_result(&mut out, id, |_| {});
    write_fault(&mut out, None, &Fault::new(-32001, "Unauthorized"));
    let expected = [
        r#"{"result":{"active":true},"id":"jsonrpc_id","jsonrpc":"2.0"}"#,
        r#"{"result":null,"id":"jsonrpc_id","jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32001,"message":"Unauthorized"},"id":null}"#,
    ];
    assert_eq!(String::from_utf8_lossy(&out), expected.concat());
    let fault = Fault::INTERNAL_ERROR;
    assert_eq!((fault.code(), fault.message()), (-32603, "Internal error"));
}

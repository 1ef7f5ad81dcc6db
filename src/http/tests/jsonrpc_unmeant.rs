//! Tests of the envelope on bodies that nobody meant to send: every answer is legal, and comes soon.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Panics unless `text` is nothing, a response object or an array of at least one.
fn assert_legal(text: &str) {
    if text.is_empty() {
        return;
    }
    let responses = match serde_json::from_str(text).expect("an answer is JSON") {
        Value::Array(responses) => responses,
        single => vec![single],
    };
    assert!(!responses.is_empty(), "{text}");
    for response in responses {
        let members = response.as_object().expect("a response is an object");
        assert_eq!(members.len(), 3, "{text}");
        assert_eq!(members.get("jsonrpc"), Some(&Value::from("2.0")), "{text}");
        let id = members.get("id").expect("a response has an id");
        assert!(id.is_null() || id.is_string() || id.is_number(), "{text}");
        match members.get("error") {
            None => assert!(members.contains_key("result"), "{text}"),
            Some(error) => {
                assert!(error.get("code").is_some_and(Value::is_i64), "{text}");
                assert!(error.get("message").is_some_and(Value::is_string), "{text}");
            }
        }
    }
}

#[test]
fn no_prefix_and_no_flipped_bit_of_a_body_gets_an_illegal_answer() {
    let one =
        r#"{"jsonrpc":"2.0","method":"echo","params":{"value":[{"a":"\u00e9"},1.5]},"id":"a\n"}"#;
    let body = format!(r#"[{one},{{"jsonrpc":"2.0","method":"update"}},{one}]"#);
    for end in 0..body.len() {
        assert_eq!(
            answered(body.as_bytes().get(..end).expect("in range")),
            parse_error(),
            "{end}"
        );
    }
    for at in 0..body.len() {
        for bit in 0..8 {
            let mut flipped = body.clone().into_bytes();
            *flipped.get_mut(at).expect("in range") ^= 1 << bit;
            assert_legal(&answered(&flipped));
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "measures the code under test, not session time"
)]
fn a_hundred_thousand_brackets_are_refused_soon() {
    let begun = Instant::now();
    for opening in ["[", "{\"params\":", "[{\"id\":"] {
        assert_eq!(answered(opening.repeat(100_000)), parse_error());
    }
    assert_eq!(
        answered(format!("[{}1]", "[],".repeat(100_000))),
        invalid_request()
    );
    let extras: Vec<String> = (0..100_000).map(|at| format!("\"{at}\":0")).collect();
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"get_data",{},"id":1}}"#,
        extras.join(",")
    );
    assert_eq!(answered(body), result("[\"hello\",5]", "1"));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

/// Members that are valid, invalid and everything between.
fn members() -> impl Strategy<Value = String> {
    let text = |texts: &[&'static str]| prop::sample::select(texts.to_vec());
    let version = text(&[
        r#""jsonrpc":"2.0","#,
        r#""jsonrpc":"2.0","#,
        r#""jsonrpc":2,"#,
        "",
    ]);
    let method = text(&[
        r#""method":"subtract""#,
        r#""method":"get_data""#,
        r#""method":"half""#,
        r#""method":"rpc.x""#,
        r#""method":"nope""#,
        r#""method":null"#,
    ]);
    let params = text(&[
        "",
        r#","params":[2,1]"#,
        r#","params":{"minuend":1,"minuend":1}"#,
        r#","params":0"#,
    ]);
    let id = text(&[
        "",
        r#","id":1"#,
        r#","id":null"#,
        r#","id":"\ud83e\udd80""#,
        r#","id":1e9"#,
        r#","id":[]"#,
    ]);
    (version, method, params, id)
        .prop_map(|(version, method, params, id)| format!("{{{version}{method}{params}{id}}}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_is_answered_as_its_members_would_be(members in prop::collection::vec(members(), 1..8)) {
        let singly: Vec<String> = members.iter().map(answered).filter(|answer| !answer.is_empty()).collect();
        for answer in &singly {
            assert_legal(answer);
        }
        let expected = if singly.is_empty() { String::new() } else { format!("[{}]", singly.join(",")) };
        prop_assert_eq!(answered(format!("[{}]", members.join(","))), expected);
    }

    #[test]
    fn any_number_and_any_string_is_an_id(number in any::<f64>(), integer in any::<u64>(), text in any::<String>()) {
        let quoted = serde_json::to_string(&text).expect("a string");
        for id in [number.to_string(), integer.to_string(), quoted] {
            prop_assume!(!id.contains("NaN") && !id.contains("inf"));
            let body = format!(r#"{{"jsonrpc":"2.0","method":"get_data","id":{id}}}"#);
            prop_assert_eq!(answered(body), result("[\"hello\",5]", &id));
        }
    }

    #[test]
    fn arbitrary_bytes_get_a_legal_answer(body in prop::collection::vec(any::<u8>(), 0..64)) {
        assert_legal(&answered(&body));
    }
}

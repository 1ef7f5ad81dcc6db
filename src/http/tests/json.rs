//! Tests of the body reader: tables of what is refused and why.

use std::time::{Duration, Instant};

use super::*;

/// Generous: each of these inputs takes milliseconds, but a quadratic reader would need minutes.
const SOON: Duration = Duration::from_secs(20);

fn raw(text: &str) -> Raw<'_> {
    parse(text.as_bytes()).expect("the test's own JSON")
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn what_is_not_json_is_refused() {
    let cases: &[&[u8]] = &[
        b"",
        b" ",
        b"\xEF\xBB\xBF{}",
        b"{} {}",
        b"{}x",
        b"{}\0",
        b"{",
        b"}",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1:2]",
        b"{\"a\":1,}",
        b"{\"a\" 1}",
        b"{\"a\":}",
        b"{\"a\"}",
        b"{a:1}",
        b"{'a':1}",
        b"{1:1}",
        b"[1}",
        b"{\"a\":1]",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"1e",
        b"0x1",
        b"NaN",
        b"Infinity",
        b"nul",
        b"True",
        b"\"",
        b"\"a",
        b"\"\\\"",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\u12g4\"",
        b"\"\n\"",
        b"\"\0\"",
        b"\x0C1",
        b"\xC2\xA01",
        b"// no comments\n1",
        b"\"\xFF\"",
        b"\"\xC0\xAF\"",
        b"\"\xED\xA0\x80\"",
        b"{\"a\":\"\xC3\"}",
        // Half of a surrogate pair, as value and as name, and two halves that are no pair.
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800x\"",
        b"\"\\ud800\\n\"",
        b"\"\\ud800\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"{\"\\uDFFF\":1}",
        b"[{\"a\":[\"\\uD83d\"]}]",
    ];
    for &body in cases {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(parse(body), Err(BodyError::NotJson), "{shown}");
        assert_eq!(object(body).err(), Some(BodyError::NotJson), "{shown}");
    }
}

#[test]
fn text_is_kept_byte_for_byte_without_outer_space() {
    let cases = [
        ("null", Kind::Null),
        ("true", Kind::Bool),
        ("false", Kind::Bool),
        ("0", Kind::Number),
        ("-0", Kind::Number),
        ("-1.50e+007", Kind::Number),
        ("1e400", Kind::Number),
        ("123456789012345678901234567890", Kind::Number),
        ("\"\\u0041\\/\\\"é\u{1F980}\"", Kind::String),
        ("\"\\ud83e\\udd80 \\\\ud800\"", Kind::String),
        ("[ 1 , [ ] ]", Kind::Array),
        ("{ \"a\" : { } }", Kind::Object),
    ];
    for (text, kind) in cases {
        assert_eq!((raw(text).text(), raw(text).kind()), (text, kind));
        assert_eq!(raw(&format!(" \t\r\n{text}\n")).text(), text);
    }
}

#[test]
fn depth_is_counted_across_arrays_and_objects_and_outside_strings() {
    assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(
        parse(nested(DEPTH_MAX + 1).as_bytes()),
        Err(BodyError::TooDeep)
    );
    let mixed = |levels: usize| format!("{}1{}", "{\"a\":[".repeat(levels), "]}".repeat(levels));
    assert!(object(mixed(DEPTH_MAX / 2).as_bytes()).is_ok());
    assert_eq!(
        object(mixed(DEPTH_MAX / 2 + 1).as_bytes()).err(),
        Some(BodyError::TooDeep)
    );
    let wide = format!("[{}]", vec!["[[[]]]"; 100].join(","));
    assert!(
        parse(wide.as_bytes()).is_ok(),
        "closed brackets no longer count"
    );
    let quoted = format!("\"{}\\\"[\"", "[{".repeat(100));
    assert!(
        parse(quoted.as_bytes()).is_ok(),
        "brackets in strings do not count"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "measures the code under test, not session time"
)]
fn hostile_bodies_are_refused_soon() {
    let begun = Instant::now();
    for opening in ["[", "{", "{\"a\":", "[{\"\":", "[[],"] {
        assert_eq!(
            parse(opening.repeat(100_000).as_bytes()),
            Err(BodyError::TooDeep)
        );
        assert!(object(opening.repeat(100_000).as_bytes()).is_err());
    }
    assert_eq!(
        parse("]".repeat(1 << 20).as_bytes()),
        Err(BodyError::NotJson)
    );
    assert_eq!(
        parse("\"\\".repeat(1 << 19).as_bytes()),
        Err(BodyError::NotJson)
    );
    let distinct: Vec<String> = (0..100_000).map(|at| format!("\"{at}\":0")).collect();
    let many = format!("{{{}}}", distinct.join(","));
    assert_eq!(
        object(many.as_bytes()).map(|members| members.len()),
        Ok(100_000)
    );
    let inner = format!("{{\"a\":[{many}]}}");
    assert!(object(inner.as_bytes()).is_ok());
    let empties = format!("{{\"a\":[{}[]]}}", "{},[],".repeat(100_000));
    assert!(object(empties.as_bytes()).is_ok());
    let fields: Vec<String> = (0..100_000).map(|at| at.to_string()).collect();
    assert_eq!(
        form(fields.join("&").as_bytes()).map(|members| members.len()),
        Ok(100_000)
    );
    assert!(begun.elapsed() < SOON);
}

#[test]
fn repeated_names_are_found_at_every_depth_and_named_decoded() {
    let cases = [
        (r#"{"a":1,"a":1}"#, Some("a")),
        (r#"{"a":1,"b":2,"c":3,"b":4}"#, Some("b")),
        (r#"{"a":1,"\u0061":2}"#, Some("a")),
        (r#"{"":1,"":2}"#, Some("")),
        (r#"{"é":1,"\u00e9":2}"#, Some("é")),
        (r#"{"a":{"b":1,"b":2}}"#, Some("b")),
        (r#"{"a":[0,{"b":{},"c":[],"b":2}]}"#, Some("b")),
        (r#"{"a":{"b":[{"c":1}],"d":0,"b":1}}"#, Some("b")),
        (r#"{"a":[[[{"b":0},{"b":0,"x":"b","b":0}]]]}"#, Some("b")),
        (r#"{"a":1,"A":2,"a ":3}"#, None),
        (r#"{"a":{"a":{"a":[{"a":1},{"a":2}]}},"b":{"a":1}}"#, None),
        (r#"{"a":"a","b":["a","a","b","b"]}"#, None),
        // The same letter composed in two ways is two names.
        (r#"{"\u00e9":1,"e\u0301":2}"#, None),
    ];
    for (text, name) in cases {
        let expected = name.map(|name| BodyError::Repeated(name.into()));
        assert_eq!(object(text.as_bytes()).err(), expected, "{text}");
        assert_eq!(raw(text).unique().err(), expected, "{text}");
        let listed = format!("[1,{text}]");
        assert_eq!(raw(&listed).unique().err(), expected, "{listed}");
    }
}

#[test]
fn only_an_object_is_an_object() {
    for text in ["null", "true", "1", "\"{}\"", "[]", "[{}]"] {
        assert_eq!(
            object(text.as_bytes()).err(),
            Some(BodyError::NotObject),
            "{text}"
        );
    }
    assert!(object(b" {} ").expect("an object").is_empty());
}

#[test]
fn members_are_looked_up_by_decoded_name() {
    let body = br#"{"user":"j\u00f6","n":[1, 2],"\u0070w":"x y","nil":null,"":0}"#;
    let members = object(body).expect("an object");
    assert_eq!(members.len(), 5);
    assert_eq!(members.string("user"), Ok(Some("jö".into())));
    assert!(matches!(members.string("user"), Ok(Some(Cow::Owned(_)))));
    assert!(matches!(
        members.string("pw"),
        Ok(Some(Cow::Borrowed("x y")))
    ));
    assert_eq!(members.string("absent"), Ok(None));
    assert_eq!(members.string("n"), Err(WrongType("n")));
    assert_eq!(members.string("nil"), Err(WrongType("nil")));
    assert!(matches!(members.get("n"), Some(Value::Json(value)) if value.text() == "[1, 2]"));
    assert!(members.get("").is_some() && members.get("use").is_none());
    let names: Vec<&str> = members.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["", "n", "nil", "pw", "user"]);
}

#[test]
fn elements_and_members_are_for_their_own_type() {
    let array = raw(r#"[ 1,"a,]" ,[2, [3]],{"a":[ ]} , null]"#);
    let elements: Vec<&str> = array.elements().map(Raw::text).collect();
    assert_eq!(
        elements,
        ["1", "\"a,]\"", "[2, [3]]", "{\"a\":[ ]}", "null"]
    );
    assert_eq!(array.members().count(), 0);
    let object = raw(r#"{"a":1,"a":"b:c" , "d" : {"e":[]}}"#);
    let members: Vec<(Cow<'_, str>, &str)> = object
        .members()
        .map(|(name, value)| (name, value.text()))
        .collect();
    assert_eq!(
        members,
        [
            ("a".into(), "1"),
            ("a".into(), "\"b:c\""),
            ("d".into(), "{\"e\":[]}")
        ]
    );
    assert_eq!(object.elements().count(), 0);
    assert_eq!(raw("\"[1]\"").elements().count(), 0);
}

#[test]
fn a_number_is_an_integer_if_its_value_is() {
    let cases = [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-0.0", Some(0)),
        ("0e99", Some(0)),
        ("60", Some(60)),
        ("2592000.0", Some(2_592_000)),
        ("6e1", Some(60)),
        ("6.05E+2", Some(605)),
        ("600e-1", Some(60)),
        ("0.5e1", Some(5)),
        ("-1.20e1", Some(-12)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("-9223372036854775808.000", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("9223372036854775808.0", None),
        ("1e19", None),
        ("1e400", None),
        ("1e99999999999999999999", None),
        ("1.5", None),
        ("1e-1", None),
        ("605e-1", None),
        ("1e-9223372036854775808", None),
        ("0.1e-9223372036854775808", None),
        ("59.99999999999999999999", None),
        ("\"60\"", None),
        ("true", None),
        ("null", None),
        ("[60]", None),
    ];
    for (text, integer) in cases {
        assert_eq!(raw(text).integer(), integer, "{text}");
    }
}

#[test]
fn decode_borrows_and_reports() {
    assert_eq!(
        raw("[\"a\",\"b\"]").decode::<Vec<&str>>().expect("strings"),
        ["a", "b"]
    );
    assert!(raw("[1]").decode::<Vec<&str>>().is_err());
    assert_eq!(raw("1").string(), None);
}

#[test]
fn written_scalars_are_json() {
    let mut out = Vec::new();
    write_str(&mut out, "a\"\\/\n\u{1}é\u{1F980}");
    write_int(&mut out, i64::MIN);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "\"a\\\"\\\\/\\n\\u0001é\u{1F980}\"-9223372036854775808"
    );
}

#[test]
fn debug_and_error_texts_show_no_value() {
    let members = object(br#"{"password":"hunter2","list":["hunter2"]}"#).expect("an object");
    let fields = form(b"password=hunter2&hunter2").expect("a form");
    let shown = format!(
        "{members:?} {:?} {fields:?} {:?} {:?}",
        members.get("password"),
        fields.get("password"),
        raw("[\"hunter2\"]").elements()
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        shown.contains("Raw(String, 9 bytes)") && shown.contains("Text(7 bytes)"),
        "{shown}"
    );
    assert_eq!(
        object(b"{\"a\":1,\"a\":2}")
            .expect_err("repeated")
            .to_string(),
        "repeated key \"a\""
    );
    assert_eq!(WrongType("a").to_string(), "wrong type of \"a\"");
}

#[test]
fn no_prefix_and_no_flipped_bit_of_a_body_makes_the_reader_panic() {
    let body =
        r#" {"a\u00e9":[1,-2.5e3,{"b":"\ud83e\udd80 é"},[]],"c":{"d":null,"e":true},"f":"x\\\""} "#;
    assert!(object(body.as_bytes()).is_ok());
    for end in 0..body.len() - 2 {
        let prefix = body.as_bytes().get(..end).expect("in range");
        assert_eq!(parse(prefix), Err(BodyError::NotJson), "{end}");
        let _ = form(prefix);
    }
    for at in 0..body.len() {
        for bit in 0..8 {
            let mut flipped = body.as_bytes().to_vec();
            *flipped.get_mut(at).expect("in range") ^= 1 << bit;
            let _ = object(&flipped);
            let _ = form(&flipped);
        }
    }
}

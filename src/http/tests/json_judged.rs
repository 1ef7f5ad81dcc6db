//! Tests of the body reader on text that nobody wrote, with `serde_json` as the judge.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Text that is JSON more often than chance would have it, and broken in ways that matter when it is not.
fn scraps() -> impl Strategy<Value = String> {
    let scrap = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "\n",
        "1",
        "-",
        "0",
        ".",
        "e",
        "null",
        "true",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\\ud800\"",
        "\"\\ud83e\\udd80\"",
        "\"a\":",
        "\"b\":1",
        "\"a\":[",
        "{\"a\":",
        "é",
        "\u{1}",
        "%41",
        "&",
        "=",
        "+",
    ]);
    prop::collection::vec(scrap, 0..24).prop_map(|scraps| scraps.concat())
}

fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Rebuilds a value from what the walk finds; only scalars are left to `serde_json`.
fn rebuilt(value: Raw<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Array => value.elements().map(rebuilt).collect::<Vec<_>>().into(),
        Kind::Object => value
            .members()
            .map(|(name, member)| (name.into_owned(), rebuilt(member)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => serde_json::from_str(value.text()).expect("a scalar"),
    }
}

/// Whether `value` repeats a name, found the slow way.
fn repeats(value: Raw<'_>) -> bool {
    let mut names = BTreeMap::new();
    value
        .members()
        .any(|(name, _)| names.insert(name, ()).is_some())
        || value.members().any(|(_, member)| repeats(member))
        || value.elements().any(repeats)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_read_back_through_the_walk(value in values(), is_pretty in any::<bool>()) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.expect("a value");
        let read = parse(text.as_bytes()).expect("valid and shallow");
        prop_assert_eq!(read.unique(), Ok(()));
        let expected: serde_json::Value = serde_json::from_str(&text).expect("valid");
        prop_assert_eq!(rebuilt(read), expected);
    }

    #[test]
    fn scraps_are_judged_as_serde_json_judges_them(text in scraps()) {
        let judged: Result<serde_json::Value, _> = serde_json::from_str(&text);
        match parse(text.as_bytes()) {
            Ok(read) => {
                // Numbers too large for an `f64` are the one thing read here that a `Value` cannot hold.
                if let Ok(judged) = judged {
                    prop_assert_eq!(rebuilt(read), judged);
                }
                prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok());
                prop_assert_eq!(read.unique().is_err(), repeats(read));
                let members = object(text.as_bytes());
                prop_assert_eq!(members.is_ok(), read.kind() == Kind::Object && !repeats(read));
            }
            Err(BodyError::TooDeep) => prop_assert!(text.len() > DEPTH_MAX),
            Err(error) => {
                prop_assert_eq!(error, BodyError::NotJson);
                prop_assert!(judged.is_err());
            }
        }
        let _ = form(text.as_bytes());
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = object(&body);
        let _ = form(&body);
    }

    #[test]
    fn written_strings_are_read_back(text in prop::collection::vec(any::<char>(), 0..64)) {
        // Control characters are among these, and not in `any::<String>()`.
        let text: String = text.into_iter().collect();
        let mut out = Vec::new();
        write_str(&mut out, &text);
        prop_assert_eq!(parse(&out).expect("a string").string(), Some(text.into()));
    }
}

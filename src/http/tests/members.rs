//! Tests of forms: tables of what is decoded and what is refused.

use proptest::prelude::*;

use super::*;

#[test]
fn forms_are_decoded() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&&", &[]),
        ("a=1&b=2", &[("a", "1"), ("b", "2")]),
        ("&a=1&", &[("a", "1")]),
        ("a", &[("a", "")]),
        ("a=", &[("a", "")]),
        ("=", &[("", "")]),
        ("a=b=c", &[("a", "b=c")]),
        ("b=x+y%20z%2B&a+b=%26%3d", &[("a b", "&="), ("b", "x y z+")]),
        ("p=%C3%A9&q=é", &[("p", "é"), ("q", "é")]),
        ("user%5Bname%5D=%00", &[("user[name]", "\0")]),
        ("a=\"b\"", &[("a", "\"b\"")]),
    ];
    for (body, expected) in cases {
        let members = form(body.as_bytes()).expect("a form");
        let found: Vec<(&str, &str)> = members
            .iter()
            .filter_map(|(name, value)| match value {
                Value::Text(text) => Some((name, &**text)),
                Value::Json(_) => None,
            })
            .collect();
        assert_eq!(&found, expected, "{body}");
        for (name, value) in *expected {
            assert_eq!(members.string(name), Ok(Some((*value).into())), "{body}");
        }
    }
}

#[test]
fn broken_forms_are_refused() {
    let broken: &[&[u8]] = &[
        b"a=%",
        b"a=%4",
        b"a=%4g",
        b"a=%%41",
        b"%zz=1",
        b"a=%u0041",
        b"a=%ff",
        b"a=%C3",
        b"a=\xff",
        b"\xC3=1",
        b"a=%+1",
        b"a=%C3%28",
        b"a=%ED%A0%80",
        b"a=1&b=%4&c=2",
    ];
    for &body in broken {
        let shown = String::from_utf8_lossy(body);
        assert_eq!(form(body).err(), Some(BodyError::NotForm), "{shown}");
    }
    for (body, name) in [
        ("a=1&a=1", "a"),
        ("a=1&b&%61", "a"),
        ("a+b=1&a%20b=2", "a b"),
        ("=1&=2", ""),
    ] {
        assert_eq!(
            form(body.as_bytes()).err(),
            Some(BodyError::Repeated(name.into())),
            "{body}"
        );
    }
}

proptest! {
    #[test]
    fn percent_encoded_fields_are_read_back(fields in prop::collection::btree_map(any::<String>(), any::<String>(), 0..8)) {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let body = body.join("&");
        let members = form(body.as_bytes()).expect("a form");
        prop_assert_eq!(members.len(), fields.len());
        for (name, value) in &fields {
            prop_assert_eq!(members.string(name), Ok(Some(value.into())));
        }
    }
}

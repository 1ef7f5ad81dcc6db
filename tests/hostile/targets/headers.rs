//! Cookies and media types: one reading, the same as a plain one's; what is sent twice is nobody's choice.

use actix_web::http::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue};
use sessile::http::headers::{MediaType, Single, accepts_json, cookies, media_type, single};

use super::Fate;

pub(crate) const WORDS: &[&str] = &[
    "__client=",
    "__session=",
    " __client=a;",
    "; ",
    "__client",
    "=__client=",
    "application/json",
    ";charset=",
    "*/*;q=0",
    ",application/*;q=1",
    "\n",
];
const NAME: &str = "__client";

/// Each line is a header of its own: first cookies, which are also read as media types and ranges.
pub(crate) fn run(bytes: &[u8]) -> Fate {
    let values = bytes.split(|byte| *byte == b'\n').take(8);
    let values: Vec<_> = values
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    if values.is_empty() {
        return Fate::Idle;
    }
    let map = |name: HeaderName| {
        let mut map = HeaderMap::new();
        for value in &values {
            map.append(name.clone(), value.clone());
        }
        map
    };
    let sent = map(COOKIE);
    let mut plain = Vec::new();
    for pair in values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
    {
        if let Some((name, value)) = split(pair.trim_ascii())
            && name == NAME.as_bytes()
        {
            plain.push(value.to_vec());
        }
    }
    let found = cookies(&sent, NAME);
    match plain.as_slice() {
        [] => assert_eq!(found, Single::Absent),
        [one] => assert_eq!(found, Single::One(one)),
        _ => assert_eq!(found, Single::Repeated),
    }
    assert_eq!(
        matches!(single(&sent, &COOKIE), Single::Repeated),
        values.len() > 1
    );
    let typed = media_type(&map(CONTENT_TYPE));
    match &typed {
        MediaType::Named(name) => {
            assert_eq!(values.len(), 1, "of two types none is taken");
            assert!(!name.contains(';') && *name == name.to_ascii_lowercase());
        }
        MediaType::Unusable => {}
        MediaType::Absent => panic!("one was sent"),
    }
    // It is asked for its panics only: what it should say, the contract tests know.
    let _ = accepts_json(&map(HeaderName::from_static("accept")));
    Fate::of(matches!(found, Single::One(_)))
}

fn split(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    Some((pair.get(..at)?, pair.get(at + 1..)?))
}

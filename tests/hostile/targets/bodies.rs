//! JSON bodies and forms: what is taken has unique names, is UTF-8, and is within the limits; what other
//! readers make of it is the same.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Value;
use sessile::http::json::{self, BodyError, DEPTH_MAX};

use super::Fate;

pub(crate) const WORDS: &[&str] = &[
    "{\"username\":\"alice\",\"password\":\"x\"}",
    "\"username\":",
    "\"\\u0075sername\":",
    "\\ud800",
    "\\u0000",
    "[[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "1e999",
    "-0",
    "\u{feff}",
    "username=alice&password=x",
    "%75sername=",
    "%ff",
    "%",
    "+",
];

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let object = object(bytes);
    let form = form(bytes);
    Fate::of(object || form)
}

fn object(bytes: &[u8]) -> bool {
    let read = json::object(bytes);
    // What stands inside may be a number that nobody can hold; that it is JSON is all that is asked.
    let is_json = serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    let shape = Shape::of(bytes);
    let members = match read {
        Ok(members) => members,
        Err(error) => {
            let reason = match error {
                BodyError::NotJson => {
                    assert!(
                        serde_json::from_slice::<Value>(bytes).is_err(),
                        "JSON was refused as none"
                    );
                    return false;
                }
                BodyError::TooDeep => shape.depth > DEPTH_MAX || !is_json,
                BodyError::NotObject => is_json && !shape.object,
                BodyError::Repeated(_) => is_json && shape.repeats,
                BodyError::NotForm => false,
            };
            assert!(reason, "refused without that reason");
            return false;
        }
    };
    assert!(std::str::from_utf8(bytes).is_ok(), "taken, and no UTF-8");
    assert!(is_json && shape.object, "taken, and no JSON object");
    assert!(shape.depth <= DEPTH_MAX, "taken, and {} deep", shape.depth);
    assert!(!shape.repeats, "taken, and a name stands twice");
    let names: Vec<_> = members.iter().map(|(name, _)| name.to_owned()).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "names are not in order");
    if let Ok(Value::Object(whole)) = serde_json::from_slice(bytes) {
        assert_eq!(whole.len(), members.len());
        for (name, value) in whole {
            let text = members.string(&name);
            match value {
                Value::String(said) => assert_eq!(text, Ok(Some(said.into()))),
                _ => assert!(text.is_err(), "{name} is no text"),
            }
        }
    }
    true
}

fn form(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    let broken = text.is_err() || breaks_an_escape(bytes);
    // The other reader lets what is not UTF-8 pass, with a mark in its place.
    let pairs: Vec<_> = form_urlencoded::parse(bytes)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let marked = pairs
        .iter()
        .any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    let mut theirs = BTreeMap::new();
    let mut repeats = false;
    for (name, value) in pairs {
        repeats |= theirs.insert(name, value).is_some();
    }
    match json::form(bytes) {
        Ok(members) => {
            assert!(!broken && !repeats, "taken, and broken or ambiguous");
            assert_eq!(members.len(), theirs.len());
            for (name, value) in theirs {
                assert_eq!(members.string(&name), Ok(Some(value.into())));
            }
            true
        }
        Err(BodyError::NotForm) => {
            assert!(broken || marked, "a form was refused as none");
            false
        }
        Err(BodyError::Repeated(_)) => {
            assert!(repeats, "no name stands twice");
            false
        }
        Err(other) => panic!("{other} is no answer to a form"),
    }
}

/// Whether a `%` stands without two hexadecimal digits behind it.
fn breaks_an_escape(bytes: &[u8]) -> bool {
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    places.any(|(at, _)| {
        let digits = bytes.get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// What another reader sees of JSON: it knows no limits, and no names twice.
#[derive(Default)]
struct Shape {
    object: bool,
    depth: usize,
    repeats: bool,
}

impl Shape {
    fn of(bytes: &[u8]) -> Self {
        let mut shape = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        // Where this breaks off, the body is no JSON, and nothing is asked of it.
        let _ = serde::de::DeserializeSeed::deserialize(
            Looking {
                shape: &mut shape,
                depth: 0,
            },
            &mut reader,
        );
        shape
    }
}

struct Looking<'a> {
    shape: &'a mut Shape,
    depth: usize,
}

impl Looking<'_> {
    fn enter(&mut self) -> usize {
        self.shape.depth = self.shape.depth.max(self.depth + 1);
        self.depth + 1
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Looking<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        if self.depth > 4 * DEPTH_MAX {
            return Err(serde::de::Error::custom("deep enough"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Looking<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let depth = self.enter();
        while list
            .next_element_seed(Looking {
                shape: self.shape,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            self.shape.object = true;
        }
        let depth = self.enter();
        let mut names = std::collections::BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            self.shape.repeats |= !names.insert(name);
            map.next_value_seed(Looking {
                shape: self.shape,
                depth,
            })?;
        }
        Ok(())
    }
}

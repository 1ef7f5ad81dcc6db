//! Templates and what is known of a user, whatever is written in either: the server's claims stay the server's,
//! the token can be read with the published key, is not too long, and is never a session's own.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Map, Value, json};
use sessile::session::jwt::{RESERVED_CLAIMS, SigningAlgorithm, Template};
use sessile::tokens::bare::{Ring, Said};

use super::Fate;

pub(crate) const WORDS: &[&str] = &[
    "{{user.id}}",
    "{{user.public_metadata.a || 'x' || 7}}",
    "{{user.missing || user.name}}",
    "{{",
    "}}",
    "{{user",
    "'",
    "||",
    "{{user.all}}{{user.all}}",
    "{{user.public_metadata}}",
];
pub(super) static RING: LazyLock<Ring> = LazyLock::new(|| Ring::new().expect("there is chance"));
pub(super) static KEYS: LazyLock<JwkSet> =
    LazyLock::new(|| serde_json::from_value(RING.jwks()).expect("somebody else reads the keys"));
pub(super) const SAID: Said<'static> = Said {
    issuer: "https://auth.example",
    subject: "user_7",
    party: Some("https://app.example"),
    now_s: 1_767_225_600,
    lifetime_max_s: 90_000,
};
/// Bytes that the claims of a token may have. Source: ARCHITECTURE, Bounds.
const CLAIMS_BYTES_MAX: usize = 16 * 1024;

/// What a token says, its signature checked by somebody else's library, and by which algorithm.
pub(super) fn read(jwt: &str) -> Option<(Algorithm, Map<String, Value>)> {
    let header = jsonwebtoken::decode_header(jwt).ok()?;
    let key = KEYS.find(header.kid.as_deref()?)?;
    let mut validation = Validation::new(header.alg);
    // The time is judged by whoever calls: here it stands still.
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let key = DecodingKey::from_jwk(key).ok()?;
    let token = decode::<Map<String, Value>>(jwt, &key, &validation).ok()?;
    Some((header.alg, token.claims))
}

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let mut input = Unstructured::new(bytes);
    match made(&mut input) {
        Ok(fate) => fate,
        Err(_) => Fate::Idle,
    }
}

fn made(input: &mut Unstructured<'_>) -> arbitrary::Result<Fate> {
    let algorithms = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256];
    let algorithm = *input.choose(&algorithms)?;
    let lifetime_s = input.int_in_range(0..=400_000_000)?;
    let skew_s = input.int_in_range(0..=400)?;
    let lifetime_max_s = input.int_in_range(1..=100_000)?;
    let facts = json!({"user": value(input, 0)?, "session": {"id": "sess_x"}});
    let claims = match value(input, 0)? {
        Value::Object(claims) => claims,
        other => Map::from_iter([("claim".to_owned(), other)]),
    };
    let Ok(template) = Template::new("name", &claims, lifetime_s, skew_s, algorithm) else {
        return Ok(Fate::Refused);
    };
    let Some(jwt) = RING.template_token(&template, &SAID, &facts, lifetime_max_s) else {
        return Ok(Fate::Refused);
    };
    let (_, said) = read(&jwt).expect("somebody else reads the token");
    let text = Value::Object(said.clone()).to_string();
    assert!(text.len() <= CLAIMS_BYTES_MAX, "{} bytes", text.len());
    let lifetime_s = u64::from(lifetime_s.min(lifetime_max_s)).min(SAID.lifetime_max_s);
    let own = json!({
        "exp": SAID.now_s + lifetime_s, "iat": SAID.now_s, "iss": SAID.issuer,
        "nbf": SAID.now_s - u64::from(skew_s), "sub": SAID.subject, "azp": SAID.party,
    });
    for name in RESERVED_CLAIMS.iter().filter(|name| **name != "jti") {
        assert_eq!(said.get(*name), own.get(*name), "{name}");
    }
    for name in said.keys() {
        let known = claims.contains_key(name) || RESERVED_CLAIMS.contains(&name.as_str());
        assert!(known, "{name} is nobody's claim");
    }
    let session = RING.session_of(jwt.as_bytes(), SAID.issuer, SAID.now_s);
    assert_eq!(session, None, "a template's token is a session's");
    Ok(Fate::Taken)
}

/// Any JSON, of few things, with names that mean something.
fn value(input: &mut Unstructured<'_>, depth: usize) -> arbitrary::Result<Value> {
    let deep = if depth < 20 { 7 } else { 4 };
    Ok(match input.int_in_range(0..=deep)? {
        0 => Value::Null,
        1 => input.arbitrary::<bool>()?.into(),
        2 => input.arbitrary::<i64>()?.into(),
        3 | 4 => text(input)?.into(),
        5 => {
            let length = input.int_in_range(0..=4)?;
            let list = (0..length).map(|_| value(input, depth + 1));
            Value::Array(list.collect::<Result<_, _>>()?)
        }
        _ => {
            let mut map = Map::new();
            for _ in 0..input.int_in_range(0..=4)? {
                let name = match input.int_in_range(0..=5)? {
                    0 => (*input.choose(&RESERVED_CLAIMS)?).to_owned(),
                    1..=3 => {
                        let names = ["id", "name", "all", "public_metadata", "a"];
                        (*input.choose(&names)?).to_owned()
                    }
                    _ => text(input)?,
                };
                map.insert(name, value(input, depth + 1)?);
            }
            Value::Object(map)
        }
    })
}

fn text(input: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    let mut text = String::new();
    for _ in 0..input.int_in_range(0..=4)? {
        if input.arbitrary()? {
            text.push_str(input.choose(WORDS)?);
        } else {
            let length = input.int_in_range(0..=input.len().min(40))?;
            text.push_str(&String::from_utf8_lossy(input.bytes(length)?));
        }
    }
    // Long ones, too, and seldom.
    if input.ratio(1, 40)? {
        text = text.repeat(100);
    }
    Ok(text)
}

//! JWTs that claim to be a session's: one that is taken was signed by a published key by that key's own
//! algorithm, is of now, and says so in the right types, by somebody else's reading, too.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use sessile::session::id::SessionId;
use sessile::session::jwt::SigningAlgorithm;
use sessile::tokens::bare::Ring;

use super::Fate;
use super::templates::{RING, SAID, read};

pub(crate) const WORDS: &[&str] = &[
    "none", "HS256", "RS256", "ES256", "EdDSA", "jku", "jwk", "x5u", "crit", "exp", "nbf", "sid",
    "kid", "alg", ".", "eyJ",
];
/// Keys that were never published.
static STRANGERS: LazyLock<Ring> = LazyLock::new(|| Ring::new().expect("there is chance"));
const CATEGORY: &str = "cl_B7d4PD111AAA";

pub(crate) fn run(bytes: &[u8]) -> Fate {
    match made(&mut Unstructured::new(bytes)) {
        Ok(jwt) => judge(&jwt),
        Err(_) => Fate::Idle,
    }
}

fn judge(jwt: &[u8]) -> Fate {
    let Some(session) = RING.session_of(jwt, SAID.issuer, SAID.now_s) else {
        return Fate::Refused;
    };
    let jwt = std::str::from_utf8(jwt).expect("taken, and no text");
    let (algorithm, claims) = read(jwt).expect("taken, and somebody else refuses it");
    let header = jwt.split('.').next().and_then(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let header = header.expect("it has a header");
    let keys = SigningAlgorithm::ALL;
    let own = keys
        .iter()
        .find(|key| RING.kid(**key) == header["kid"].as_str());
    let own = own.expect("the key is published").name();
    assert_eq!(header["alg"], own, "not the algorithm of that key");
    assert_eq!(
        format!("{algorithm:?}").to_ascii_uppercase(),
        own.to_ascii_uppercase()
    );
    let members = header.as_object().map(|header| header.len());
    assert_eq!(members, Some(4), "the header says more");
    assert_eq!(
        (&header["typ"], &header["cat"]),
        (&json!("JWT"), &json!(CATEGORY))
    );
    let number = |name: &str| claims.get(name).and_then(Value::as_u64);
    let (expires, begins) = (number("exp"), number("nbf"));
    assert!(expires.is_some_and(|at| SAID.now_s < at && at <= SAID.now_s + 65));
    assert!(begins.is_some_and(|at| at <= SAID.now_s + 5));
    assert_eq!(claims["iss"], SAID.issuer);
    assert_eq!(claims["sid"], session.to_string());
    Fate::Taken
}

/// Who signs.
#[derive(Clone, Copy)]
enum Hand {
    Ours(SigningAlgorithm),
    /// Ours, under the name of another of our keys.
    Crossed(SigningAlgorithm, SigningAlgorithm),
    Stranger(SigningAlgorithm),
    /// A public half as the secret of a keyed digest.
    Public,
    Nobody,
}

fn made(input: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    if input.ratio(1, 6)? {
        return Ok(input.bytes(input.len())?.to_vec());
    }
    let fast = [SigningAlgorithm::EdDsa, SigningAlgorithm::Es256];
    let (one, other) = (
        *input.choose(&fast)?,
        *input.choose(&SigningAlgorithm::ALL)?,
    );
    let hand = match input.int_in_range(0..=7)? {
        0..=3 => Hand::Ours(one),
        4 => Hand::Crossed(one, other),
        5 => Hand::Stranger(one),
        6 => Hand::Public,
        _ => Hand::Nobody,
    };
    let session = SessionId::from_bytes(input.arbitrary()?);
    let named = match hand {
        Hand::Crossed(_, named) => named,
        Hand::Ours(own) | Hand::Stranger(own) => own,
        Hand::Public | Hand::Nobody => SigningAlgorithm::Rs256,
    };
    let mut header = json!({
        "alg": named.name(), "cat": CATEGORY, "kid": RING.kid(named), "typ": "JWT",
    });
    let now = SAID.now_s;
    let mut claims = json!({
        "azp": "https://app.example", "exp": now + 60, "fva": [0, -1], "iat": now,
        "iss": SAID.issuer, "jti": "x", "nbf": now - 10, "sid": session.to_string(),
        "sts": "active", "sub": "user_7", "v": 2,
    });
    for _ in 0..input.int_in_range(0..=2)? {
        let whole = if input.arbitrary()? {
            &mut header
        } else {
            &mut claims
        };
        let Some(members) = whole.as_object_mut() else {
            break;
        };
        let names: Vec<_> = members.keys().cloned().collect();
        let name = match input.int_in_range(0..=4)? {
            0 => (*input.choose(WORDS)?).to_owned(),
            _ => input.choose(&names)?.clone(),
        };
        match input.int_in_range(0..=7)? {
            0 => drop(members.remove(&name)),
            1 => drop(members.insert(name, json!(input.choose(WORDS)?))),
            2 => drop(members.insert(name, Value::Null)),
            3 => {
                let near = input.int_in_range(now - 100..=now + 100)?;
                members.insert(name, json!(near));
            }
            4 => {
                let text = members.get(&name).map(Value::to_string);
                members.insert(name, json!(text));
            }
            5 => {
                let list = json!([members.get(&name)]);
                members.insert(name, list);
            }
            6 => drop(members.insert(name, json!(input.arbitrary::<i64>()?))),
            _ => drop(members.insert(name, json!(1.5))),
        }
    }
    let mut texts = [header.to_string(), claims.to_string()];
    if input.ratio(1, 12)? {
        // The same name twice: two readings, so none.
        let [_, claims] = &mut texts;
        *claims = claims.replacen('{', "{\"sid\":\"sess_0123456789abcdefABCDEF\",", 1);
    }
    let [header, claims] = texts.map(|text| URL_SAFE_NO_PAD.encode(text));
    let message = format!("{header}.{claims}");
    let signature = match hand {
        Hand::Ours(own) | Hand::Crossed(own, _) => RING.sign(own, message.as_bytes()),
        Hand::Stranger(own) => STRANGERS.sign(own, message.as_bytes()),
        Hand::Public => Some(keyed(&message)),
        Hand::Nobody => Some(Vec::new()),
    };
    let signature = URL_SAFE_NO_PAD.encode(signature.unwrap_or_default());
    let mut jwt = format!("{message}.{signature}").into_bytes();
    for _ in 0..input.int_in_range(0..=1)? {
        let at = input.choose_index(jwt.len())?;
        if let Some(byte) = jwt.get_mut(at) {
            *byte = input.arbitrary()?;
        }
    }
    Ok(jwt)
}

fn keyed(message: &str) -> Vec<u8> {
    let public = RING.jwks()["keys"][0]["n"].to_string();
    let key = EncodingKey::from_secret(public.as_bytes());
    let hmac = Header::new(jsonwebtoken::Algorithm::HS256);
    let signed = jsonwebtoken::crypto::sign(message.as_bytes(), &key, hmac.alg);
    let signature = signed.unwrap_or_default();
    URL_SAFE_NO_PAD.decode(signature).unwrap_or_default()
}

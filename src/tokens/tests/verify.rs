//! What the verifier takes for a session's token, and above all what it does not.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::session::id::SessionId;
use crate::tokens::mint;
use crate::tokens::verify::{JWT_BYTES_MAX, session_of};

/// The session of a token at a time, by the published keys.
fn at(jwt: &[u8], now_s: u64) -> Option<SessionId> {
    session_of(jwt, ISSUER, now_s, |kid| {
        SIGNERS.iter().find(|signer| *signer.kid == *kid).cloned()
    })
}

fn accepted(jwt: &str) -> bool {
    at(jwt.as_bytes(), NOW_S).is_some()
}

fn rs256() -> &'static Signer {
    signer(SigningAlgorithm::Rs256)
}

/// A header as the minter writes it.
fn header(signer: &Signer) -> Value {
    json!({
        "alg": signer.algorithm.name(), "cat": mint::SESSION_CATEGORY, "kid": &*signer.kid,
        "typ": "JWT",
    })
}

fn claims() -> Value {
    json!({
        "azp": "https://app.example", "exp": NOW_S + 60, "fva": [0, -1], "iat": NOW_S,
        "iss": ISSUER, "jti": "x", "nbf": NOW_S - 10, "sid": SESSION, "sts": "active",
        "sub": "user_7", "v": 2,
    })
}

/// A token of these texts, signed rightly by the published key.
fn token(header: &str, claims: &str) -> String {
    signed(rs256(), message(header, claims))
}

/// The value with a member set, or without it.
fn with(value: &Value, name: &str, member: Option<Value>) -> String {
    let mut value = value.clone();
    let members = value.as_object_mut().unwrap();
    match member {
        Some(member) => members.insert(name.into(), member),
        None => members.remove(name),
    };
    value.to_string()
}

#[test]
fn what_the_minter_writes_is_taken_by_every_algorithm() {
    for signer in SIGNERS.iter() {
        for azp in [Some("https://app.example"), None] {
            let common = Common { azp, ..COMMON };
            let jwt = signed(signer, mint::session(signer, &common, SESSION, [0, 5]));
            let id = at(jwt.as_bytes(), NOW_S).map(|id| id.to_string());
            assert_eq!(id.as_deref(), Some(SESSION));
        }
    }
    assert!(accepted(&token(
        &header(rs256()).to_string(),
        &claims().to_string()
    )));
}

#[test]
fn a_header_that_says_anything_else_is_refused() {
    let good = header(rs256());
    let claims = claims().to_string();
    let es256 = signer(SigningAlgorithm::Es256);
    let jwk = rs256().jwk.clone();
    for (name, member) in [
        ("alg", Some(json!("none"))),
        ("alg", Some(json!("None"))),
        ("alg", Some(json!("HS256"))),
        ("alg", Some(json!("RS512"))),
        ("alg", Some(json!("PS256"))),
        ("alg", Some(json!("ES256"))),
        ("alg", Some(json!("rs256"))),
        ("alg", Some(json!(["RS256"]))),
        ("alg", Some(json!(null))),
        ("alg", None),
        ("kid", Some(json!("unknown"))),
        ("kid", Some(json!(""))),
        ("kid", Some(json!("../../etc/passwd"))),
        ("kid", Some(json!(&*es256.kid))),
        ("kid", Some(json!(0))),
        ("kid", None),
        ("typ", Some(json!("jwt"))),
        ("typ", Some(json!("at+jwt"))),
        ("typ", None),
        ("cat", Some(json!(mint::TEMPLATE_CATEGORY))),
        ("cat", Some(json!("cl_B7d4PD333AAA"))),
        ("cat", Some(json!(""))),
        ("cat", None),
        ("crit", Some(json!(["exp"]))),
        ("crit", Some(json!([]))),
        ("b64", Some(json!(false))),
        ("jku", Some(json!("https://evil.example/jwks.json"))),
        ("jwk", Some(jwk)),
        ("x5u", Some(json!("https://evil.example/x.pem"))),
        ("x5c", Some(json!(["AAAA"]))),
        ("zip", Some(json!("DEF"))),
        ("enc", Some(json!("A256GCM"))),
        ("x", Some(json!(1))),
    ] {
        let header = with(&good, name, member);
        assert!(!accepted(&token(&header, &claims)), "{header}");
    }
    let good = good.to_string();
    for odd in [
        good.replacen('{', r#"{"alg":"RS256","#, 1),
        good.replacen('{', r#"{"\u0061lg":"none","#, 1),
        good.replacen('{', r#"{"typ":"JWT","#, 1),
        format!("[{good}]"),
        format!("{good}x"),
        format!("{good}{good}"),
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
    ] {
        assert!(!accepted(&token(&odd, &claims)), "{odd}");
    }
}

#[test]
fn claims_that_say_anything_else_are_refused() {
    let header = header(rs256()).to_string();
    let good = claims();
    let sid = SESSION.replace("sess_", "");
    for (name, member) in [
        // Times: texts, fractions and what is no number are errors, not absent.
        ("exp", Some(json!((NOW_S + 60).to_string()))),
        ("exp", Some(json!(1_767_225_660.5))),
        ("exp", Some(json!(-1))),
        ("exp", Some(json!(null))),
        ("exp", Some(json!([NOW_S + 60]))),
        ("exp", None),
        ("exp", Some(json!(NOW_S))),
        ("exp", Some(json!(NOW_S - 1))),
        ("exp", Some(json!(0))),
        // Longer than ours ever live.
        ("exp", Some(json!(NOW_S + 61))),
        ("exp", Some(json!(u64::MAX))),
        ("nbf", Some(json!((NOW_S - 10).to_string()))),
        ("nbf", Some(json!(NOW_S + 6))),
        ("nbf", Some(json!(null))),
        ("nbf", None),
        ("iat", Some(json!(NOW_S.to_string()))),
        ("iat", Some(json!(NOW_S + 6))),
        ("iat", Some(json!(u64::MAX))),
        ("iat", None),
        ("iss", Some(json!("https://evil.example"))),
        ("iss", Some(json!("https://auth.example/"))),
        ("iss", Some(json!("HTTPS://auth.example"))),
        ("iss", Some(json!([ISSUER]))),
        ("iss", None),
        ("sid", Some(json!(sid))),
        ("sid", Some(json!("sess_"))),
        ("sid", Some(json!("client_0123456789abcdefABCDEF"))),
        ("sid", Some(json!("sess_zzzzzzzzzzzzzzzzzzzzzz"))),
        ("sid", Some(json!(format!("{SESSION}0")))),
        ("sid", Some(json!(format!(" {SESSION}")))),
        ("sid", Some(json!(7))),
        ("sid", None),
        ("sts", Some(json!("pending"))),
        ("sts", Some(json!(""))),
        ("sts", None),
        ("v", Some(json!(1))),
        ("v", Some(json!("2"))),
        ("v", Some(json!(258))),
        ("v", None),
        ("fva", Some(json!([0]))),
        ("fva", Some(json!("0,-1"))),
        ("fva", None),
        ("sub", Some(json!(7))),
        ("sub", None),
        ("jti", None),
        ("azp", Some(json!(7))),
        ("aud", Some(json!("x"))),
        ("act", Some(json!({"sub": "user_1", "x": 1}))),
        ("act", Some(json!("user_1"))),
    ] {
        let claims = with(&good, name, member);
        assert!(!accepted(&token(&header, &claims)), "{claims}");
    }
    let good = good.to_string();
    for odd in [
        good.replacen('{', &format!(r#"{{"exp":{},"#, NOW_S + 60), 1),
        good.replacen('{', r#"{"sid":"sess_x","#, 1),
        good.replacen('{', r#"{"azp":"https://app.example","#, 1),
        format!("{good} x"),
        format!("[{good}]"),
        String::new(),
        "{}".to_owned(),
    ] {
        assert!(!accepted(&token(&header, &odd)), "{odd}");
    }
}

#[test]
fn a_token_is_good_from_its_beginning_to_its_end() {
    let jwt = signed(rs256(), mint::session(rs256(), &COMMON, SESSION, [0, -1]));
    for (now_s, good) in [
        (NOW_S - 6, false),
        (NOW_S - 5, true),
        (NOW_S, true),
        (NOW_S + 59, true),
        (NOW_S + 60, false),
        (NOW_S + 61, false),
        (0, false),
        (u64::MAX, false),
    ] {
        assert_eq!(at(jwt.as_bytes(), now_s).is_some(), good, "{now_s}");
    }
}

#[test]
fn no_signature_but_the_keys_own_counts() {
    let good = header(rs256());
    let message = message(&good.to_string(), &claims().to_string());
    let hmac = |secret: &[u8], kid: &str| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(kid.to_owned());
        header.extras.insert("cat", mint::SESSION_CATEGORY);
        encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
    };
    let modulus = rs256().jwk["n"].as_str().unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    let kid = &*rs256().kid;
    let jwk = rs256().jwk.to_string();
    for secret in [
        modulus.as_bytes(),
        &bytes,
        jwk.as_bytes(),
        kid.as_bytes(),
        b"",
    ] {
        assert!(!accepted(&hmac(secret, kid)));
    }
    // Under its own header, too.
    let mut claimed = hmac(&bytes, kid);
    let signature = claimed.split_off(claimed.rfind('.').unwrap());
    assert!(!accepted(&format!("{message}{signature}")));
    // A stranger's key, and another of ours, under this key's name.
    assert!(!accepted(&signed(&STRANGER, message.clone())));
    for other in SIGNERS.iter().filter(|other| *other.kid != *kid) {
        assert!(!accepted(&signed(other, message.clone())));
        // Another one's name under this key's signature.
        let named = super::message(&header(other).to_string(), &claims().to_string());
        assert!(!accepted(&signed(rs256(), named)));
    }
    assert!(!accepted(&format!("{message}.")));
    assert!(!accepted(&message));
    assert!(!accepted(&sealed(message.clone(), &[0; 256])));
    assert!(!accepted(&sealed(message, &[0; 64])));
}

#[test]
fn one_bit_of_any_byte_makes_another_token() {
    for signer in SIGNERS.iter() {
        let jwt = signed(signer, mint::session(signer, &COMMON, SESSION, [0, -1]));
        assert!(accepted(&jwt));
        for place in 0..jwt.len() {
            for bit in 0..8 {
                let mut changed = jwt.clone().into_bytes();
                if let Some(byte) = changed.get_mut(place) {
                    *byte ^= 1 << bit;
                }
                assert_eq!(at(&changed, NOW_S), None, "byte {place}, bit {bit}");
            }
        }
        for cut in 0..jwt.len() {
            assert!(!accepted(jwt.get(..cut).unwrap()), "cut at {cut}");
        }
    }
}

#[test]
fn there_is_one_spelling_of_a_token() {
    let jwt = signed(rs256(), mint::session(rs256(), &COMMON, SESSION, [0, -1]));
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let padded = |part: &str| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
    let standard = |part: &str| part.replace('-', "+").replace('_', "/");
    for odd in [
        format!("{jwt}="),
        format!("{head}.{body}.{}", padded(signature)),
        format!("{}=.{body}.{signature}", head),
        format!("{head}.{body}=.{signature}"),
        format!("{head}.{body}.{}", standard(signature)),
        format!("{head}.{body}.{signature}\n"),
        format!(" {jwt}"),
        format!("{head}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{head}.{body}.{body}.{signature}"),
        format!("{jwt}.{signature}"),
    ] {
        // A signature may happen to have neither of the two characters.
        assert!(odd == jwt || !accepted(&odd), "{odd}");
    }
    // Signed rightly over a padded head: of three lengths in a row two need padding.
    let mut refused = 0;
    for blanks in ["", " ", "  "] {
        let head = padded(&URL_SAFE_NO_PAD.encode(header(rs256()).to_string() + blanks));
        if head.contains('=') {
            assert!(!accepted(&signed(rs256(), format!("{head}.{body}"))));
            refused += 1;
        }
    }
    assert_eq!(refused, 2);
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let long = |bytes: usize| {
        let claims = with(&claims(), "azp", Some(json!("x".repeat(bytes))));
        token(&header(rs256()).to_string(), &claims)
    };
    let fitting = (0..8_000).rev().find(|n| long(*n).len() <= JWT_BYTES_MAX);
    let fitting = fitting.unwrap();
    assert!(accepted(&long(fitting)));
    assert!(!accepted(&long(fitting + 3)));
    assert_eq!(at(&vec![b'a'; 1 << 20], NOW_S), None);
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd_to_refuse(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(at(&bytes, NOW_S), None);
    }

    #[test]
    fn no_text_that_is_signed_is_too_odd_to_judge(header in ".{0,60}", claims in ".{0,60}") {
        let signer = signer(SigningAlgorithm::EdDsa);
        let jwt = signed(signer, message(&header, &claims));
        prop_assert_eq!(at(jwt.as_bytes(), NOW_S), None);
    }
}

//! What the minter writes, as somebody else reads it.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, TokenData, Validation, decode};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::session::jwt::{RESERVED_CLAIMS, Template};
use crate::tokens::mint::{self, SESSION_CATEGORY, TEMPLATE_CATEGORY};

/// Reads a token by a public key, its signature checked.
fn read(jwt: &str, signer: &Signer) -> jsonwebtoken::errors::Result<TokenData<Value>> {
    let jwk: Jwk = serde_json::from_value(signer.jwk.clone()).unwrap();
    let algorithm = match signer.algorithm {
        SigningAlgorithm::Rs256 => Algorithm::RS256,
        SigningAlgorithm::Es256 => Algorithm::ES256,
        SigningAlgorithm::EdDsa => Algorithm::EdDSA,
    };
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    // The clock of these tests is their own; times are compared below.
    validation.validate_exp = false;
    decode(jwt, &DecodingKey::from_jwk(&jwk).unwrap(), &validation)
}

fn category(token: &TokenData<Value>) -> String {
    let category: Option<String> = token.header.extras.get("cat").unwrap();
    category.unwrap()
}

fn template(claims: Value, lifetime_s: u32, algorithm: SigningAlgorithm) -> Option<Template> {
    Template::new("t", claims.as_object()?, lifetime_s, 5, algorithm).ok()
}

#[test]
fn another_library_reads_a_sessions_token() {
    for signer in SIGNERS.iter() {
        for azp in [Some("https://app.example"), None] {
            let common = Common { azp, ..COMMON };
            let message = mint::session(signer, &common, SESSION, [3, -1]);
            let token = read(&signed(signer, message), signer).unwrap();
            assert_eq!(token.header.kid.as_deref(), Some(&*signer.kid));
            assert_eq!(token.header.typ.as_deref(), Some("JWT"));
            assert_eq!(category(&token), SESSION_CATEGORY);
            let mut wanted = json!({
                "exp": NOW_S + 60, "fva": [3, -1], "iat": NOW_S, "iss": ISSUER,
                "jti": COMMON.jti, "nbf": NOW_S - 10, "sid": SESSION, "sts": "active",
                "sub": "user_7", "v": 2,
            });
            if let Some(azp) = azp {
                wanted["azp"] = azp.into();
            }
            assert_eq!(token.claims, wanted);
        }
    }
}

#[test]
fn whoever_acts_for_the_user_stands_in_both_kinds_of_token_the_real_actor_innermost() {
    let signer = signer(SigningAlgorithm::Rs256);
    let facts = json!({});
    let plain = template(json!({"x": 1}), 60, signer.algorithm).unwrap();
    for (actors, wanted) in [
        (&[][..], Value::Null),
        (&["user_1"], json!({"sub": "user_1"})),
        (
            &["user_1", "user_2", "user_3"],
            json!({"sub": "user_3", "act": {"sub": "user_2", "act": {"sub": "user_1"}}}),
        ),
    ] {
        let actors: Vec<_> = actors.iter().map(|user| (*user).to_owned()).collect();
        let common = || Common {
            act: mint::Act::of(&actors),
            ..COMMON
        };
        let own = mint::session(signer, &common(), SESSION, [3, -1]);
        let by_template = mint::by_template(signer, &common(), &plain, &facts, 60).unwrap();
        for message in [own, by_template] {
            let token = read(&signed(signer, message), signer).unwrap();
            assert_eq!(token.claims.get("act").cloned().unwrap_or_default(), wanted);
            assert_eq!(token.claims["sub"], "user_7");
        }
    }
    // No template says so by itself.
    assert!(template(json!({"act": {"sub": "user_1"}}), 60, signer.algorithm).is_none());
}

#[test]
fn another_library_reads_a_templates_token_and_its_own_algorithm_only() {
    let facts = json!({"user": {"id": "user_7"}});
    for signer in SIGNERS.iter() {
        let template = template(json!({"id": "{{user.id}}"}), 3_600, signer.algorithm).unwrap();
        let message = mint::by_template(signer, &COMMON, &template, &facts, 86_400).unwrap();
        let jwt = signed(signer, message.clone());
        let token = read(&jwt, signer).unwrap();
        assert_eq!(category(&token), TEMPLATE_CATEGORY);
        let wanted = json!({
            "azp": "https://app.example", "exp": NOW_S + 3_600, "iat": NOW_S, "id": "user_7",
            "iss": ISSUER, "jti": COMMON.jti, "nbf": NOW_S - 5, "sub": "user_7",
        });
        assert_eq!(token.claims, wanted);
        // By no other key, and under no other one's signature.
        for other in SIGNERS.iter().filter(|other| other.kid != signer.kid) {
            assert!(read(&jwt, other).is_err());
            assert!(read(&signed(other, message.clone()), signer).is_err());
        }
    }
    let jwt = signed(
        &STRANGER,
        mint::session(&STRANGER, &COMMON, SESSION, [0, -1]),
    );
    assert!(read(&jwt, signer(SigningAlgorithm::Rs256)).is_err());
}

#[test]
fn the_lifetime_of_a_template_is_capped() {
    let signer = signer(SigningAlgorithm::EdDsa);
    for (wanted_s, max_s, lived_s) in [(30, 86_400, 30), (86_401, 86_400, 86_400), (60, 1, 1)] {
        let template = template(json!({}), wanted_s, SigningAlgorithm::EdDsa).unwrap();
        let message = mint::by_template(signer, &COMMON, &template, &json!({}), max_s).unwrap();
        let claims = read(&signed(signer, message), signer).unwrap().claims;
        assert_eq!(claims["exp"], NOW_S + lived_s);
    }
}

#[test]
fn claims_have_a_bound() {
    let signer = signer(SigningAlgorithm::EdDsa);
    let facts = |bytes: usize| json!({"user": {"public_metadata": "x".repeat(bytes)}});
    let claims = json!({"a": "{{user.public_metadata}}", "b": "{{user.public_metadata}}"});
    let template = template(claims, 60, SigningAlgorithm::EdDsa).unwrap();
    assert!(mint::by_template(signer, &COMMON, &template, &facts(8_000), 60).is_ok());
    assert!(mint::by_template(signer, &COMMON, &template, &facts(8_200), 60).is_err());
}

/// A text with pieces of shortcodes in it.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{".to_owned()),
        Just("}}".to_owned()),
        Just("{{user.public_metadata}}".to_owned()),
        Just("{{user.public_metadata.exp || session.id}}".to_owned()),
        Just("\",\"exp\":1,\"x\":\"".to_owned()),
        prop::sample::select(RESERVED_CLAIMS.to_vec()).prop_map(str::to_owned),
        ".{0,6}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Any JSON a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let members = prop::collection::vec((text(), inner), 0..4);
    members.prop_map(|list| Value::Object(list.into_iter().collect::<Map<_, _>>()))
}

proptest! {
    #[test]
    fn no_template_touches_what_the_server_says(
        claims in object(any_json()),
        metadata in object(any_json()),
    ) {
        let signer = signer(SigningAlgorithm::EdDsa);
        let facts = json!({"user": {"public_metadata": metadata}, "session": {"id": SESSION}});
        let reserved = claims.as_object().unwrap().keys();
        let reserved = reserved.filter(|name| RESERVED_CLAIMS.contains(&name.as_str())).count();
        let template = template(claims.clone(), 60, SigningAlgorithm::EdDsa);
        prop_assert_eq!(template.is_none(), reserved > 0);
        let Some(template) = template else { return Ok(()); };
        let message = mint::by_template(signer, &COMMON, &template, &facts, 86_400).unwrap();
        let jwt = signed(signer, message);
        let token = read(&jwt, signer).unwrap();
        prop_assert_eq!(category(&token), TEMPLATE_CATEGORY);
        let mut said = token.claims.as_object().unwrap().clone();
        for (name, value) in [
            ("azp", json!("https://app.example")),
            ("exp", json!(NOW_S + 60)),
            ("iat", json!(NOW_S)),
            ("iss", json!(ISSUER)),
            ("jti", json!(COMMON.jti)),
            ("nbf", json!(NOW_S - 5)),
            ("sub", json!("user_7")),
        ] {
            prop_assert_eq!(said.remove(name), Some(value), "{}", name);
        }
        // What is left has the template's names, and so none of a session's.
        let names: Vec<_> = said.keys().collect();
        let wanted: Vec<_> = claims.as_object().unwrap().keys().collect();
        prop_assert_eq!(names, wanted);
        let found = crate::tokens::verify::session_of(jwt.as_bytes(), ISSUER, NOW_S, |_| Some(signer.clone()));
        prop_assert_eq!(found, None);
    }
}

//! Tokens by templates.

use std::sync::Arc;

use sessile::session::jwt::{RESERVED_CLAIMS, SigningAlgorithm, Template};
use sessile::session::profile::Profile;

use super::keys::read;
use super::*;
use crate::support::START_MS;

const NOW_S: u64 = START_MS / 1_000;

/// Makes a template, or changes it.
pub(super) fn put(
    node: &Node,
    name: &str,
    claims: Value,
    lifetime_s: u32,
    skew_s: u32,
    algorithm: &str,
) {
    let algorithm = SigningAlgorithm::parse(algorithm).unwrap();
    let claims = claims.as_object().unwrap();
    let template = Template::new(name, claims, lifetime_s, skew_s, algorithm).unwrap();
    tell(node, Command::PutTemplate(template)).unwrap();
}

/// The claims of a token by the template `t` with these claims, without the server's own.
fn rendered(browser: &mut Browser<'_>, session: &str, claims: Value) -> Value {
    put(browser.node, "t", claims, 60, 5, "EdDSA");
    let token = minted(&browser.call(session, "/tokens/t"));
    let mut claims = read(browser.node, &token).claims;
    let members = claims.as_object_mut().unwrap();
    for own in ["azp", "exp", "iat", "iss", "jti", "nbf", "sub"] {
        members.remove(own).unwrap();
    }
    claims
}

#[test]
fn a_templates_token_has_its_claims_and_never_a_sessions() {
    rows!("C-79");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    put(
        &node,
        "hasura",
        json!({"role": "{{user.username}}", "n": 7}),
        60,
        5,
        "RS256",
    );
    let token = read(&node, &minted(&alice.call(&session, "/tokens/hasura")));
    let cat: Option<String> = token.header.extras.get("cat").unwrap();
    assert_eq!(cat.as_deref(), Some("cl_B7d4PD222AAA"));
    let mut claims = token.claims.as_object().unwrap().clone();
    assert_eq!(text(&claims.remove("jti").unwrap()).len(), 22);
    let wanted = json!({
        "azp": PAGE,
        "exp": NOW_S + 60,
        "iat": NOW_S,
        "iss": format!("http://{}", node.public),
        "n": 7,
        "nbf": NOW_S - 5,
        "role": "alice",
        "sub": "user_1",
    });
    assert_eq!(Value::Object(claims), wanted);
    for claim in RESERVED_CLAIMS {
        let claims = json!({claim: "x"});
        let claims = claims.as_object().unwrap();
        let made = Template::new("t", claims, 60, 5, SigningAlgorithm::Rs256);
        assert!(made.is_err(), "{claim}");
    }
    // Each call is a token of its own, and the body does not count.
    let again = alice.post(
        &format!("{SESSIONS}/{session}/tokens/hasura"),
        "{\"exp\":1}",
    );
    let again = read(&node, &minted(&again)).claims;
    assert_ne!(again["jti"], token.claims["jti"]);
    assert_eq!(again["exp"], token.claims["exp"]);
}

#[test]
fn a_template_has_its_own_time_and_algorithm() {
    rows!("C-80");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        for (lifetime_s, skew_s, lived_s) in [
            (30, 0, 30),
            (3_600, 300, 3_600),
            (86_400, 5, 86_400),
            (86_401, 5, 86_400),
            (315_360_000, 5, 86_400),
        ] {
            put(&node, "t", json!({}), lifetime_s, skew_s, algorithm);
            let token = read(&node, &minted(&alice.call(&session, "/tokens/t")));
            assert_eq!(
                format!("{:?}", token.header.alg).to_uppercase(),
                algorithm.to_uppercase()
            );
            assert_eq!(token.claims["exp"], NOW_S + lived_s);
            assert_eq!(token.claims["nbf"], NOW_S - u64::from(skew_s));
        }
    }
}

#[test]
fn an_unknown_template_is_not_found() {
    rows!("C-81");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    put(&node, "gone", json!({}), 60, 5, "RS256");
    minted(&alice.call(&session, "/tokens/gone"));
    tell(&node, Command::DeleteTemplate("gone".into())).unwrap();
    for name in [
        "gone",
        "none",
        "GONE",
        "%00",
        "%2F",
        "a%20b",
        &"x".repeat(300),
    ] {
        let answer = alice.call(&session, &format!("/tokens/{name}"));
        refused(&answer, 404, "resource_not_found");
        assert_eq!(
            answer.json()["errors"][0]["message"],
            "JWT template not found"
        );
    }
}

#[test]
fn shortcodes_take_values_or_their_text() {
    rows!("C-82");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let profile = Profile {
        first_name: "Ada".into(),
        public_metadata: r#"{"plan":{"name":"pro","seats":3},"on":true,"tags":["a"]}"#.into(),
        ..Profile::default()
    };
    let patch = AccountPatch {
        profile: Some(Arc::new(profile)),
        ..AccountPatch::default()
    };
    describe(&node, "alice", patch);
    let claims = json!({
        "text": "{{user.first_name}}",
        "number": "{{user.public_metadata.plan.seats}}",
        "bool": "{{user.public_metadata.on}}",
        "object": "{{ user.public_metadata.plan }}",
        "null": "{{user.last_name}}",
        "unknown": "{{user.shoe_size}}",
        "deep": "{{user.public_metadata.plan.name.x.y}}",
        "mixed": "{{user.first_name}} has {{user.public_metadata.plan.seats}}, {{user.nothing}}",
        "blanks": " {{user.first_name}} ",
        "objects": "x{{user.public_metadata.plan}}",
        "list": ["{{user.first_name}}", {"in": "{{user.public_metadata.tags}}"}, 1, null],
        "{{user.first_name}}": "name",
        "open": "{{user.first_name",
        "two": "{{user.first_name}}{{user.first_name}}",
    });
    let wanted = json!({
        "text": "Ada",
        "number": 3,
        "bool": true,
        "object": {"name": "pro", "seats": 3},
        "null": null,
        "unknown": null,
        "deep": null,
        "mixed": "Ada has 3, null",
        "blanks": " Ada ",
        "objects": "x{\"name\":\"pro\",\"seats\":3}",
        "list": ["Ada", {"in": ["a"]}, 1, null],
        "{{user.first_name}}": "name",
        "open": "{{user.first_name",
        "two": "AdaAda",
    });
    assert_eq!(rendered(&mut alice, &session, claims), wanted);
}

#[test]
fn operands_stand_in_for_one_another() {
    rows!("C-83");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let claims = json!({
        "second": "{{user.last_name || user.username}}",
        "text": "{{user.last_name || 'no || one'}}",
        "number": "{{user.last_name || 30}}",
        "bool": "{{user.last_name || true}}",
        "false": "{{user.email_verified || 'x'}}",
        "last": "{{user.last_name || user.email_verified}}",
        "none": "{{user.last_name || user.first_name}}",
        "first": "{{user.username || 'x'}}",
        "within": "Hi {{user.first_name || 'you'}}!",
    });
    let wanted = json!({
        "second": "alice",
        "text": "no || one",
        "number": 30,
        "bool": true,
        "false": "x",
        "last": false,
        "none": null,
        "first": "alice",
        "within": "Hi you!",
    });
    assert_eq!(rendered(&mut alice, &session, claims), wanted);
}

#[test]
fn every_shortcode_is_known() {
    rows!("C-84");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let profile = Profile {
        email: "a@example.org".into(),
        email_verified: true,
        first_name: "Ada".into(),
        last_name: "Löv".into(),
        phone: "+4670".into(),
        image_url: "https://i".into(),
        public_metadata: r#"{"a":1}"#.into(),
        unsafe_metadata: r#"{"b":2}"#.into(),
        ..Profile::default()
    };
    let patch = AccountPatch {
        profile: Some(Arc::new(profile)),
        external_subject: Some(Some("ext|1".into())),
        ..AccountPatch::default()
    };
    node.clock.advance_ms(5);
    describe(&node, "alice", patch);
    let wanted = json!({
        "user.id": "user_1",
        "user.username": "alice",
        "user.first_name": "Ada",
        "user.last_name": "Löv",
        "user.full_name": "Ada Löv",
        "user.primary_email_address": "a@example.org",
        "user.primary_phone_address": "+4670",
        "user.primary_phone_number": "+4670",
        "user.image_url": "https://i",
        "user.created_at": START_MS,
        "user.updated_at": START_MS + 5,
        "user.external_id": "ext|1",
        "user.email_verified": true,
        "user.phone_number_verified": false,
        "user.public_metadata": {"a": 1},
        "user.public_metadata.a": 1,
        "user.unsafe_metadata": {"b": 2},
        "user.unsafe_metadata.b": 2,
        "session.id": session,
        "session.actor": null,
        "org.name": null,
        "org.id": null,
        "user.password": null,
        "user.totp": null,
    });
    let names = wanted.as_object().unwrap().keys();
    let claims = names.map(|name| (name.clone(), json!(format!("{{{{{name}}}}}"))));
    let claims = Value::Object(claims.collect());
    assert_eq!(rendered(&mut alice, &session, claims), wanted);
}

#[test]
fn claims_that_are_too_long_make_no_token() {
    rows!("C-85");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let profile = Profile {
        public_metadata: format!("{{\"x\":\"{}\"}}", "y".repeat(8_000)).into_boxed_str(),
        ..Profile::default()
    };
    let patch = AccountPatch {
        profile: Some(Arc::new(profile)),
        ..AccountPatch::default()
    };
    describe(&node, "alice", patch);
    put(
        &node,
        "one",
        json!({"x": "{{user.public_metadata}}"}),
        60,
        5,
        "EdDSA",
    );
    minted(&alice.call(&session, "/tokens/one"));
    let twice = json!({"x": "{{user.public_metadata}}", "y": "{{user.public_metadata.x}}", "z": "y".repeat(600)});
    put(&node, "two", twice, 60, 5, "EdDSA");
    refused(
        &alice.call(&session, "/tokens/two"),
        503,
        "service_unavailable",
    );
}

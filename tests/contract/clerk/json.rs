//! The shapes of the answers, member by member.

use std::collections::BTreeSet;
use std::sync::Arc;

use sessile::session::profile::Profile;

use super::*;
use crate::support::START_MS;

/// The members of an object.
fn members(value: &Value) -> BTreeSet<&str> {
    let object = value.as_object();
    let object = object.unwrap_or_else(|| panic!("{value} is no object"));
    object.keys().map(String::as_str).collect()
}

fn list(names: &'static str) -> BTreeSet<&'static str> {
    names.split_whitespace().collect()
}

const SESSION: &str = "id object status expire_at abandon_at last_active_at last_active_token actor \
    tasks last_active_organization_id user public_user_data factor_verification_age created_at \
    updated_at";
const CLIENT_MEMBERS: &str = "object id sessions sign_in sign_up last_active_session_id \
    last_authentication_strategy cookie_expires_at captcha_bypass created_at updated_at";
const SIGN_IN: &str = "object id status supported_identifiers supported_first_factors \
    supported_second_factors first_factor_verification second_factor_verification identifier \
    user_data created_session_id abandon_at";
const USER: &str = "id object username first_name last_name image_url has_image \
    primary_email_address_id primary_phone_number_id primary_web3_wallet_id password_enabled \
    two_factor_enabled totp_enabled backup_code_enabled email_addresses phone_numbers web3_wallets \
    passkeys external_accounts saml_accounts organization_memberships public_metadata \
    unsafe_metadata external_id last_sign_in_at banned locked lockout_expires_in_seconds \
    verification_attempts_remaining created_at updated_at delete_self_enabled \
    create_organization_enabled last_active_at mfa_enabled_at mfa_disabled_at legal_accepted_at";
const PUBLIC_USER: &str = "first_name last_name image_url has_image identifier user_id username";

#[test]
fn a_session_and_its_client_have_every_member() {
    rows!("C-33", "C-34", "C-37", "C-32");
    let node = node(&["alice"]);
    node.clock.advance_ms(1_234);
    let (mut alice, id) = Browser::signed_in(&node, "alice");
    node.clock.advance_ms(119_999);
    let shown = ok(&alice.call(&id, "/touch"));
    assert_eq!(members(&shown), list("response client"));
    let (session, client) = (&shown["response"], &shown["client"]);
    assert_eq!(members(session), list(SESSION));
    assert_eq!(members(client), list(CLIENT_MEMBERS));
    assert_eq!(client["sessions"][0], *session);
    let opened = START_MS + 1_234;
    for (member, value) in [
        ("object", json!("session")),
        ("status", json!("active")),
        ("created_at", json!(opened)),
        ("last_active_at", json!(opened + 119_999)),
        ("updated_at", json!(opened + 119_999)),
        ("expire_at", json!(opened + 7 * 86_400_000)),
        ("abandon_at", json!(opened + 30 * 86_400_000)),
        ("actor", Value::Null),
        ("tasks", Value::Null),
        ("last_active_organization_id", Value::Null),
        ("factor_verification_age", json!([1, -1])),
    ] {
        assert_eq!(session[member], value, "{member}");
    }
    let token = &session["last_active_token"];
    assert_eq!(members(token), list("object jwt"));
    assert_eq!(token["object"], "token");
    assert_eq!(members(&session["public_user_data"]), list(PUBLIC_USER));
    assert_eq!(
        session["public_user_data"]["user_id"],
        session["user"]["id"]
    );
    assert_eq!(session["public_user_data"]["identifier"], "alice");
    for (member, value) in [
        ("object", json!("client")),
        ("sign_in", Value::Null),
        ("sign_up", Value::Null),
        ("captcha_bypass", json!(false)),
        ("created_at", json!(opened)),
        ("updated_at", json!(opened)),
        ("cookie_expires_at", Value::Null),
        ("last_authentication_strategy", Value::Null),
    ] {
        assert_eq!(client[member], value, "{member}");
    }
    assert!(text(&client["id"]).starts_with("client_"));
    node.clock.advance_ms(1);
    let shown = ok(&alice.call(&id, ""));
    assert_eq!(shown["response"]["factor_verification_age"], json!([2, -1]));
    let empty = ok(&Browser::new(&node).get(CLIENT));
    assert_eq!(empty["client"], Value::Null);
    assert_eq!(members(&empty["response"]), list(CLIENT_MEMBERS));
    let mut ended = ok(&alice.call(&id, "/end"));
    assert_eq!(members(&ended["response"]), list(SESSION));
    assert_eq!(ended["response"]["last_active_token"].take(), Value::Null);
}

#[test]
fn a_user_has_every_member_and_says_what_is_known() {
    rows!("C-35");
    let node = node(&["alice"]);
    let (mut alice, id) = Browser::signed_in(&node, "alice");
    let user = |alice: &mut Browser<'_>| ok(&alice.call(&id, ""))["response"]["user"].clone();
    let plain = user(&mut alice);
    assert_eq!(members(&plain), list(USER));
    for (member, value) in [
        ("object", json!("user")),
        ("id", json!("user_1")),
        ("username", json!("alice")),
        ("first_name", Value::Null),
        ("has_image", json!(false)),
        ("primary_email_address_id", Value::Null),
        ("email_addresses", json!([])),
        ("phone_numbers", json!([])),
        ("passkeys", json!([])),
        ("password_enabled", json!(true)),
        ("totp_enabled", json!(false)),
        ("two_factor_enabled", json!(false)),
        ("public_metadata", json!({})),
        ("unsafe_metadata", json!({})),
        ("banned", json!(false)),
        ("locked", json!(false)),
        ("external_id", Value::Null),
        ("created_at", json!(START_MS)),
    ] {
        assert_eq!(plain[member], value, "{member}");
    }
    let profile = Profile {
        email: "a@example.org".into(),
        email_verified: true,
        first_name: "Ada".into(),
        last_name: "Löv".into(),
        phone: "+4670".into(),
        image_url: "https://i".into(),
        public_metadata: r#"{"plan":{"seats":3}}"#.into(),
        ..Profile::default()
    };
    let patch = AccountPatch {
        profile: Some(Arc::new(profile)),
        external_subject: Some(Some("ext|1".into())),
        ..AccountPatch::default()
    };
    describe(&node, "alice", patch);
    let full = user(&mut alice);
    assert_eq!(members(&full), list(USER));
    assert_eq!(full["first_name"], "Ada");
    assert_eq!(full["last_name"], "Löv");
    assert_eq!(
        (&full["image_url"], &full["has_image"]),
        (&json!("https://i"), &json!(true))
    );
    assert_eq!(full["external_id"], "ext|1");
    assert_eq!(full["public_metadata"], json!({"plan": {"seats": 3}}));
    let email = &full["email_addresses"][0];
    assert_eq!(email["email_address"], "a@example.org");
    assert_eq!(email["id"], full["primary_email_address_id"]);
    assert_eq!(email["verification"]["status"], "verified");
    let phone = &full["phone_numbers"][0];
    assert_eq!(phone["phone_number"], "+4670");
    assert_eq!(phone["id"], full["primary_phone_number_id"]);
    assert_eq!(phone["verification"], Value::Null);
    let public = ok(&alice.call(&id, ""))["response"]["public_user_data"].clone();
    assert_eq!(
        (&public["first_name"], &public["has_image"]),
        (&json!("Ada"), &json!(true))
    );
}

#[test]
fn a_sign_in_has_every_member_at_every_step() {
    rows!("C-36", "C-37", "C-32");
    let node = node(&["alice"]);
    let seed = factors::enrolled(&node, "otto");
    let mut browser = Browser::new(&node);
    let waiting = ok(&browser.post(SIGN_INS, "identifier=otto"));
    let pending = ok(&browser.try_sign_in("otto", PASSWORD));
    let id = text(&pending["response"]["id"]);
    let path = format!("{SIGN_INS}/{id}/attempt_second_factor");
    let code = factors::code(&seed, 0);
    let complete = ok(&browser.post(&path, &format!("code={code}")));
    let steps = ["needs_first_factor", "needs_second_factor", "complete"];
    for (answer, status) in [waiting, pending, complete].iter().zip(steps) {
        let sign_in = &answer["response"];
        assert_eq!(members(answer), list("response client"), "{status}");
        assert_eq!(members(&answer["client"]), list(CLIENT_MEMBERS), "{status}");
        assert_eq!(members(sign_in), list(SIGN_IN), "{status}");
        assert_eq!(sign_in["object"], "sign_in_attempt");
        assert_eq!(sign_in["status"], status);
        assert!(text(&sign_in["id"]).starts_with("sia_"));
        assert_eq!(sign_in["supported_identifiers"], json!(["username"]));
        assert_eq!(sign_in["identifier"], "otto");
        assert_eq!(sign_in["abandon_at"], START_MS + 300_000);
    }
}

//! Helpers for second factors, and the list of all ways in.

use totp_rs::{Builder, Secret};

use super::*;
use crate::support::START_MS;

/// An account with a second factor, and its seed in base32.
pub(super) fn enrolled(node: &Node, name: &str) -> String {
    node.account(name, json!({}));
    let path = format!("/admin/v1/accounts/{name}/totp");
    let enrolled = node.administer("POST", &path, Value::Null);
    text(&enrolled["totp_secret"])
}

/// The code for this many steps after the start of the clock.
pub(super) fn code(seed: &str, step: i64) -> String {
    let secret = Secret::try_from_base32(seed).unwrap();
    let at_s = START_MS.saturating_add_signed(step * 30_000) / 1_000;
    let generator = Builder::new().with_secret(secret).build_noncompliant();
    generator.generate(at_s).to_string()
}

/// A browser in which the password of `name` was proven, and the path of the step to come.
pub(super) fn half_way<'n>(node: &'n Node, name: &str) -> (Browser<'n>, String) {
    let mut browser = Browser::new(node);
    let answer = ok(&browser.try_sign_in(name, PASSWORD));
    assert_eq!(answer["response"]["status"], "needs_second_factor");
    let id = text(&answer["response"]["id"]);
    (browser, format!("{SIGN_INS}/{id}/attempt_second_factor"))
}

const I3D: &str = "i3d";

/// Every call of every surface that takes a password, each with the right one, and what it answers.
/// xData takes key pairs only; sudo, hand-off and trusted issue stand on somebody else's session or role.
fn ways_in(node: &Node, name: &str) -> Vec<(&'static str, Answer)> {
    let json = ("content-type", "application/json");
    let body = json!({"username": name, "password": PASSWORD}).to_string();
    let form = format!("username={name}&password={PASSWORD}");
    let mut waiting = Browser::new(node);
    let begun = ok(&waiting.post(SIGN_INS, &format!("identifier={name}")));
    let first = format!(
        "{SIGN_INS}/{}/attempt_first_factor",
        text(&begun["response"]["id"])
    );
    let native = [FORM, ("authorization", "")];
    let password = format!("identifier={name}&password={PASSWORD}");
    let guest = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    let guest = text(&guest["secret"]);
    let i3d = json!({"userName": name, "password": PASSWORD}).to_string();
    let login = [json, ("private-token", guest.as_str())];
    vec![
        (I3D, node.send("POST", "/v3/session/login", &login, &i3d)),
        (
            "gateway, behind the i3d login",
            node.send("GET", "/auth/verify", &[("private-token", &guest)], ""),
        ),
        (
            "mollybet, JSON",
            node.send("POST", "/v1/sessions/", &[json], &body),
        ),
        (
            "mollybet, form",
            node.send("POST", "/v1/sessions", &[FORM], &form),
        ),
        ("clerk", Browser::new(node).try_sign_in(name, PASSWORD)),
        (
            "clerk, two steps",
            waiting.post(&first, &format!("password={PASSWORD}")),
        ),
        (
            "clerk, native",
            node.send("POST", SIGN_INS, &native, &password),
        ),
    ]
}

#[test]
fn no_way_in_opens_a_session_on_one_factor() {
    rows!("C-55", "V-47");
    let node = node(&["alice"]);
    enrolled(&node, "otto");
    let sessions = || node.administer("GET", "/admin/v1/sessions", Value::Null);
    let before = sessions();
    for (way, answer) in ways_in(&node, "otto") {
        if answer.status == 401 {
            assert_eq!(way, "gateway, behind the i3d login");
            continue;
        }
        let body = answer.json();
        match answer.status {
            200 if way == I3D => assert_eq!(body["requiresOtp"], true, "{way}"),
            200 => {
                assert_eq!(body["response"]["status"], "needs_second_factor", "{way}");
                assert_eq!(body["response"]["created_session_id"], Value::Null, "{way}");
                assert_eq!(body["client"]["sessions"], json!([]), "{way}");
            }
            403 => assert_eq!(body["code"], "second_factor_required", "{way}"),
            status => panic!("{way}: {status} {body}"),
        }
        assert!(!answer.text().contains("eyJ"), "{way} carries a token");
    }
    assert_eq!(sessions(), before);
    // The same calls open sessions where nothing more is asked for.
    for (way, answer) in ways_in(&node, "alice") {
        assert_eq!(answer.status, 200, "{way}");
    }
    let opened = sessions()["sessions"].as_array().unwrap().len();
    assert_eq!(opened, 6);
}

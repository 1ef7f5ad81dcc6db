//! Who calls: a key pair, or a session that one opened; and whose a session is.

use serde_json::json;

use super::{Desk, JSON, NEVER, UNAUTHORIZED, code, request};

/// A call that any caller may make.
fn verify() -> String {
    request("session.verify_session_token", r#"["x"]"#)
}

#[test]
fn a_pair_is_two_headers_in_upper_or_lower_case() {
    rows!("X-10");
    let desk = Desk::open();
    let (key, secret) = desk.alice.clone();
    for (name, proof) in [
        ("APIKey", "Secret"),
        ("apikey", "secret"),
        ("ApiKey", "SECRET"),
        ("APIKEY", "sEcReT"),
    ] {
        let headers = [(name, key.as_str()), (proof, secret.as_str()), JSON];
        let answer = desk.post(&headers, verify().as_bytes());
        assert_eq!(answer.status, 200, "{name}");
    }
}

#[test]
fn a_pair_that_is_not_whole_and_right_is_one_and_the_same_401() {
    rows!("X-11", "X-72");
    let desk = Desk::open();
    let (key, secret) = (desk.alice.0.as_str(), desk.alice.1.as_str());
    let (other_key, other_secret) = (desk.bob.0.as_str(), desk.bob.1.as_str());
    let padded = format!("{secret}x");
    let shouted = key.to_ascii_uppercase();
    let endless = "s".repeat(257);
    let cases: [&[(&str, &str)]; 19] = [
        &[],
        &[("apikey", key)],
        &[("secret", secret)],
        &[("apikey", key), ("secret", "")],
        &[("apikey", ""), ("secret", secret)],
        &[("apikey", key), ("secret", "wrong")],
        &[("apikey", key), ("secret", &padded)],
        &[("apikey", key), ("secret", &endless)],
        &[("apikey", &endless), ("secret", secret)],
        &[("apikey", key), ("secret", other_secret)],
        &[("apikey", other_key), ("secret", secret)],
        &[("apikey", &shouted), ("secret", secret)],
        &[("apikey", NEVER), ("secret", secret)],
        &[("apikey", secret), ("secret", key)],
        &[("apikey", key), ("apikey", key), ("secret", secret)],
        &[("apikey", key), ("secret", secret), ("secret", secret)],
        &[("authorization", "Basic YTpi")],
        &[("x-api-key", key), ("x-secret", secret)],
        &[("session", secret)],
    ];
    for headers in cases {
        for body in [verify(), request("session.open_session", "")] {
            let mut all = headers.to_vec();
            all.push(JSON);
            let answer = desk.post(&all, body.as_bytes());
            let shown = (answer.status, answer.text());
            assert_eq!(shown, (401, UNAUTHORIZED.into()), "{headers:?}");
        }
    }
}

#[test]
fn a_session_stands_in_for_its_pair() {
    rows!("X-13");
    let desk = Desk::open();
    let (badge, token) = (desk.opened(""), desk.opened(""));
    let foreign = desk.opened_for(&desk.bob, "");
    let is_active = |token: &str| {
        let params = json!([token]).to_string();
        let body = request("session.verify_session_token", &params);
        desk.say_by_token(&badge, &body).json()["result"]["active"] == true
    };
    assert!(is_active(&token));
    assert!(is_active(&badge), "it knows itself");
    assert!(!is_active(&foreign), "it sees no more than its pair");
    for token in [&token, &foreign] {
        let body = request("session.close_session", &json!([token]).to_string());
        assert_eq!(desk.say_by_token(&badge, &body).json()["result"], true);
    }
    assert!(!desk.is_active(&token));
    assert!(desk.is_active_for(&desk.bob, &foreign));
    let body = request("session.close_session", &json!([badge]).to_string());
    assert_eq!(desk.say_by_token(&badge, &body).json()["result"], true);
    let answer = desk.say_by_token(&badge, &body);
    assert_eq!((answer.status, answer.text()), (401, UNAUTHORIZED.into()));
}

#[test]
fn the_session_token_decides_beside_a_pair() {
    rows!("X-14", "X-15");
    let desk = Desk::open();
    let (badge, token) = (desk.opened(""), desk.opened(""));
    let body = request("session.verify_session_token", &json!([token]).to_string());
    let ask = |pair: (&str, &str), tokens: &[&str]| {
        let mut headers = vec![("apikey", pair.0), ("secret", pair.1), JSON];
        headers.extend(tokens.iter().map(|t| ("Xdata-Session-Token", *t)));
        let answer = desk.post(&headers, body.as_bytes());
        (answer.status, answer.text())
    };
    let seen = |active: bool| {
        (
            200,
            format!(r#"{{"result":{{"active":{active}}},"id":1,"jsonrpc":"2.0"}}"#),
        )
    };
    let refused = (401, UNAUTHORIZED.to_owned());
    let alice = (desk.alice.0.as_str(), desk.alice.1.as_str());
    let bob = (desk.bob.0.as_str(), desk.bob.1.as_str());
    let bobs = desk.opened_for(&desk.bob, "");
    assert_eq!(ask(alice, &[&badge]), seen(true));
    assert_eq!(ask((alice.0, "wrong"), &[&badge]), seen(true));
    assert_eq!(ask(bob, &[&badge]), seen(true), "the token's pair counts");
    assert_eq!(ask(alice, &[&bobs]), seen(false), "the token's pair counts");
    assert_eq!(ask(alice, &[NEVER]), refused);
    assert_eq!(ask(alice, &[""]), refused);
    assert_eq!(ask(alice, &["not a token"]), refused);
    assert_eq!(ask(alice, &[&"t".repeat(257)]), refused);
    assert_eq!(ask(alice, &[&badge, &badge]), refused, "sent twice");
    desk.close_for(&desk.alice, &badge);
    assert_eq!(ask(alice, &[&badge]), refused, "closed");
    let short = desk.opened("[1]");
    desk.node.clock.advance_ms(999);
    assert_eq!(ask(alice, &[&short]), seen(true));
    desk.node.clock.advance_ms(1);
    assert_eq!(ask(alice, &[&short]), refused, "expired");
}

#[test]
fn a_session_of_another_surface_opens_no_door_here() {
    rows!("X-16", "X-36");
    let desk = Desk::open();
    let secret = desk.node.session("alice");
    let answer = desk.say_by_token(&secret, &verify());
    assert_eq!((answer.status, answer.text()), (401, UNAUTHORIZED.into()));
    assert!(!desk.is_active(&secret));
    desk.close_for(&desk.alice, &secret);
    let path = format!("/v1/sessions/{secret}/");
    let still = desk.node.send("GET", &path, &[("session", &secret)], "");
    assert_eq!(still.status, 200, "its close had no effect");
}

#[test]
fn a_session_opened_by_a_session_belongs_to_the_pair_and_outlives_it() {
    rows!("X-35");
    let desk = Desk::open();
    let badge = desk.opened("[60]");
    let answer = desk.say_by_token(&badge, &request("session.open_session", "[600]"));
    let answer = answer.json();
    assert_eq!(
        answer["result"]["expires_in"], 600,
        "longer than its opener"
    );
    let token = answer["result"]["access_token"].as_str().unwrap();
    assert!(desk.is_active(token));
    assert!(!desk.is_active_for(&desk.bob, token));
    desk.node.clock.advance_ms(60_000);
    assert!(!desk.is_active(&badge));
    assert!(desk.is_active(token));
    let again = desk.say_by_token(token, &request("session.open_session", ""));
    assert_eq!(code(&again.json()), 0);
    desk.close_for(&desk.alice, token);
    assert!(!desk.is_active(token));
}

#[test]
fn a_token_belongs_to_the_pair_that_opened_it() {
    rows!("X-32", "X-33", "X-34");
    let desk = Desk::open();
    let token = desk.opened("");
    let sister = desk.node.key_pair("alice");
    for (stranger, who) in [
        (&desk.bob, "another account"),
        (&sister, "another pair of alice's"),
    ] {
        assert!(!desk.is_active_for(stranger, &token), "{who}");
        desk.close_for(stranger, &token);
        assert!(desk.is_active(&token), "{who}: its close had no effect");
    }
    let body = request("session.close_session", &json!([token]).to_string());
    let badge = desk.opened_for(&sister, "");
    assert_eq!(desk.say_by_token(&badge, &body).json()["result"], true);
    assert!(desk.is_active(&token), "nor had that of its session");
    desk.close_for(&desk.alice, &token);
    assert!(!desk.is_active(&token));
}

//! A session's own tokens.

use std::sync::Arc;

use sessile::engine::command::{Open, SignIn};
use sessile::engine::event::Grant;
use sessile::http::settings::ClerkSettings;
use sessile::session::account::ClientType;
use sessile::session::id::{AccountId, SessionId};
use sessile::session::policy::WhenFull;
use sessile::session::state::{Factors, Surface};

use super::keys::read;
use super::*;
use crate::support::{OWNER, START_MS};

const NOW_S: u64 = START_MS / 1_000;

#[test]
fn a_session_token_says_what_the_contract_says() {
    rows!("C-76");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    node.clock.advance_ms(60_500);
    let token = read(&node, &alice.token(&session));
    let cat: Option<String> = token.header.extras.get("cat").unwrap();
    assert_eq!(cat.as_deref(), Some("cl_B7d4PD111AAA"));
    let mut claims = token.claims.as_object().unwrap().clone();
    let jti = text(&claims.remove("jti").unwrap());
    assert_eq!(jti.len(), 22);
    let now = NOW_S + 60;
    let wanted = json!({
        "azp": PAGE,
        "exp": now + 60,
        "fva": [1, -1],
        "iat": now,
        "iss": format!("http://{}", node.public),
        "nbf": now - 10,
        "sid": session,
        "sts": "active",
        "sub": "user_1",
        "v": 2,
    });
    assert_eq!(Value::Object(claims), wanted);
    // Without a page there is no `azp`.
    let cookie = format!("__client={}", alice.secret());
    let path = format!("{SESSIONS}/{session}/tokens");
    let native = minted(&node.send("POST", &path, &[("cookie", &cookie)], ""));
    let claims = read(&node, &native).claims;
    assert!(claims.get("azp").is_none());
    assert_ne!(claims["jti"], jti);
}

#[test]
fn the_issuer_is_configured_and_never_taken_from_a_request() {
    rows!("C-76");
    let node = Node::start(with_clerk(ClerkSettings {
        issuer: "https://auth.example/base".into(),
        ..ClerkSettings::default()
    }));
    node.account("alice", json!({}));
    let form = format!("identifier=alice&password={PASSWORD}");
    let headers = [
        FORM,
        ("authorization", ""),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example"),
    ];
    let answer = ok(&node.send("POST", SIGN_INS, &headers, &form));
    let jwt = text(&answer["client"]["sessions"][0]["last_active_token"]["jwt"]);
    let id = node
        .engine
        .session_of_token(jwt.as_bytes(), "https://auth.example/base");
    let id = id.map(|id| id.to_string());
    assert_eq!(
        id.as_deref(),
        answer["response"]["created_session_id"].as_str()
    );
    for other in [
        "http://test",
        "https://auth.example/base/",
        "https://auth.example",
        "",
    ] {
        assert_eq!(node.engine.session_of_token(jwt.as_bytes(), other), None);
    }
}

#[test]
fn within_a_second_a_session_has_one_token_for_a_page() {
    rows!("C-77");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let bob = browser.sign_in("bob");
    node.clock.advance_ms(1_000);
    let first = browser.token(&alice);
    node.clock.advance_ms(999);
    assert_eq!(browser.token(&alice), first);
    assert_ne!(browser.token(&bob), first);
    let cookie = format!("__client={}", browser.secret());
    let path = format!("{SESSIONS}/{alice}/tokens");
    for headers in [
        vec![("cookie", cookie.as_str())],
        vec![
            ("cookie", cookie.as_str()),
            ("origin", "http://localhost:3000"),
        ],
    ] {
        assert_ne!(minted(&node.send("POST", &path, &headers, "")), first);
    }
    node.clock.advance_ms(1);
    assert_ne!(browser.token(&alice), first);
}

#[test]
fn the_last_token_is_shown_while_it_is_young_and_the_session_lives() {
    rows!("C-78");
    let node = node(&["alice", "bob"]);
    let mut browser = Browser::new(&node);
    let shown = |session: &Value| session["last_active_token"]["jwt"].clone();
    let answer = ok(&browser.try_sign_in("alice", PASSWORD));
    let fresh = shown(&answer["client"]["sessions"][0]);
    let session = text(&answer["response"]["created_session_id"]);
    assert_eq!(read(&node, &text(&fresh)).claims["iat"], NOW_S);
    assert_eq!(shown(&browser.client()["sessions"][0]), fresh);
    node.clock.advance_ms(29_999);
    assert_eq!(shown(&browser.client()["sessions"][0]), fresh);
    assert_eq!(shown(&ok(&browser.call(&session, ""))["response"]), fresh);
    // Another page is not shown this one's.
    let cookie = format!("__client={}", browser.secret());
    let other = [
        ("cookie", cookie.as_str()),
        ("origin", "http://localhost:3000"),
    ];
    let client = ok(&node.send("GET", CLIENT, &other, ""))["response"].clone();
    assert_eq!(client["sessions"][0]["last_active_token"], Value::Null);
    node.clock.advance_ms(1);
    let aged = browser.client();
    assert_eq!(aged["sessions"][0]["last_active_token"], Value::Null);
    let aged = ok(&browser.call(&session, ""));
    assert_eq!(aged["response"]["last_active_token"], Value::Null);
    let touched = ok(&browser.call(&session, "/touch"));
    let next = shown(&touched["response"]);
    assert_eq!(read(&node, &text(&next)).claims["iat"], NOW_S + 30);
    assert_eq!(shown(&touched["client"]["sessions"][0]), next);
    // One that was asked for is shown as well.
    node.clock.advance_ms(1_000);
    let minted = browser.token(&session);
    assert_eq!(shown(&browser.client()["sessions"][0]), minted);
    let bob = browser.sign_in("bob");
    let dead = ok(&browser.call(&session, "/end"));
    assert_eq!(dead["response"]["last_active_token"], Value::Null);
    for answer in [browser.call(&session, ""), browser.call(&bob, "/touch")] {
        for listed in ok(&answer)["client"]["sessions"].as_array().unwrap() {
            if listed["id"] == session {
                assert_eq!(listed["last_active_token"], Value::Null);
            }
        }
    }
}

/// No call opens such a session on this surface; whoever opens one by the door has it told by every token.
#[test]
fn a_token_of_an_impersonation_tells_who_acts_the_real_actor_innermost() {
    rows!("C-76", "C-79");
    let node = node(&["root", "boss", "alice"]);
    let (mut browser, own) = Browser::signed_in(&node, "boss");
    let claims = read(&node, &browser.token(&own)).claims;
    assert!(claims.get("act").is_none());
    let session = impersonated(&node, &own);
    let act = json!({"sub": "user_2", "act": {"sub": "user_1"}});
    let jwt = browser.token(&session);
    let claims = read(&node, &jwt).claims;
    assert_eq!((&claims["sub"], &claims["act"]), (&json!("user_3"), &act));
    let bearer = format!("Bearer {jwt}");
    let verified = node.send("GET", "/auth/verify", &[("authorization", &bearer)], "");
    assert_eq!(verified.header("x-sessile-user"), Some("alice"));
    let body = json!({"claims": {"by": "{{session.actor.sub}}"}});
    node.administer("PUT", "/admin/v1/templates/t", body);
    let minted = minted(&browser.call(&session, "/tokens/t"));
    let claims = read(&node, &minted).claims;
    assert_eq!((&claims["by"], &claims["act"]), (&json!("user_2"), &act));
    let refused = json!({"claims": {"act": {"sub": "user_9"}}});
    let refused = node.admin_as(OWNER, "PUT", "/admin/v1/templates/u", refused);
    assert_eq!(refused.status, 422);
}

/// A session of alice in the browser of this one, opened by root as boss.
fn impersonated(node: &Node, beside: &str) -> String {
    use sessile::door::Answer;
    use sessile::session::activity::Touch;
    let beside = SessionId::parse(beside).unwrap();
    let Answer::Now(client) = node
        .engine
        .with_session(beside, Touch::No, |view| view.unwrap().client().unwrap())
    else {
        panic!("it is here");
    };
    let Answer::Now(secret) = node
        .engine
        .with_client(client, |view| view.unwrap().record.secret)
    else {
        panic!("it is here");
    };
    let id = SessionId::behind(client.family(), [9; 12]);
    let grant = Grant {
        account: AccountId(2),
        generation: 0,
        surface: Surface::Clerk,
        lifetime: node
            .engine
            .policy()
            .lifetime(Surface::Clerk, node.engine.now()),
        factors: Factors::PASSWORD.and(Factors::SUDO),
        client_type: ClientType::direct(),
        key: None,
        client: Some(client),
        parent: None,
        chain: vec![AccountId(0), AccountId(1)],
        address: None,
        user_agent: None,
        attributes: None,
    };
    let open = Open {
        ids: vec![id],
        grant: Arc::new(grant),
        per_account: None,
        when_full: WhenFull::Deny,
        otp_step: None,
    };
    let sign_in = SignIn {
        open,
        presented: secret,
        secret,
        step: None,
    };
    tell(node, Command::SignIn(sign_in)).unwrap();
    id.to_string()
}

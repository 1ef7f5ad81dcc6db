//! The published keys, tokens read with them by somebody else's library, and what is no token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation, decode, decode_header,
    encode,
};

use super::templates::put;
use super::*;
use crate::support::START_MS;

/// The public keys of a node.
pub(super) fn published(node: &Node) -> JwkSet {
    serde_json::from_value(listed(node)).unwrap()
}

/// The same as it is sent: for anybody, who may keep it for a while.
pub(super) fn listed(node: &Node) -> Value {
    listed_to(node, "/.well-known/jwks.json", &[])
}

fn listed_to(node: &Node, path: &str, headers: &[(&str, &str)]) -> Value {
    of(&node.send("GET", path, headers, ""))
}

fn of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    kept(answer, KEYS_KEPT);
    answer.json()
}

/// A token as somebody else reads it, its signature checked. Times are for the caller to judge: the
/// clock of a test node is its own.
pub(super) fn read(node: &Node, jwt: &str) -> TokenData<Value> {
    let header = decode_header(jwt).unwrap();
    let keys = published(node);
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.set_issuer(&[format!("http://{}", node.public)]);
    decode(jwt, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap()
}

/// The session of a token, if the node takes it for one.
pub(super) fn session_of(node: &Node, jwt: &str) -> Option<String> {
    let issuer = format!("http://{}", node.public);
    let id = node.engine.session_of_token(jwt.as_bytes(), &issuer)?;
    Some(id.to_string())
}

#[test]
fn the_keys_are_published_before_the_first_token_and_hold_no_private_half() {
    rows!("C-86", "C-93");
    let node = node(&["alice"]);
    let first = listed(&node);
    let keys = first["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let key = &keys[0];
    let members: Vec<_> = key
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(
        (&key["alg"], &key["kty"], &key["use"]),
        (&json!("RS256"), &json!("RSA"), &json!("sig"))
    );
    assert_eq!(key["e"], "AQAB");
    let modulus = URL_SAFE_NO_PAD.decode(text(&key["n"])).unwrap();
    assert_eq!(modulus.len(), 256);
    for authorization in ["Bearer sk_live_x", "Bearer", "Basic eDp4", "x"] {
        let headers = [("authorization", authorization)];
        assert_eq!(listed_to(&node, "/v1/jwks", &headers), first);
    }
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let header = decode_header(alice.token(&session)).unwrap();
    assert_eq!(header.kid.as_deref(), key["kid"].as_str());
    // Each algorithm that is needed has one; the first stays.
    for algorithm in ["ES256", "EdDSA"] {
        put(&node, algorithm, json!({}), 60, 5, algorithm);
        minted(&alice.call(&session, &format!("/tokens/{algorithm}")));
    }
    let all = listed(&node);
    let all = all["keys"].as_array().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0], keys[0]);
    for (key, kty, crv) in [(&all[1], "EC", "P-256"), (&all[2], "OKP", "Ed25519")] {
        assert_eq!((&key["kty"], &key["crv"]), (&json!(kty), &json!(crv)));
        assert!(key.get("d").is_none());
    }
}

#[test]
fn first_tokens_at_the_same_instant_share_one_key() {
    rows!("C-86");
    let node = node(&["alice"]);
    // More than may wait for a signature.
    let answers = at_once(100, |n| match n % 20 {
        0 => Browser::new(&node).try_sign_in("alice", PASSWORD),
        _ => node.send("GET", "/v1/jwks", &[], ""),
    });
    for (n, answer) in answers.iter().enumerate() {
        match n % 20 {
            0 => ok(answer),
            _ => of(answer),
        };
    }
    assert_eq!(published(&node).keys.len(), 1);
}

/// Header and claims of a token, joined as they are signed.
fn joined(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

#[test]
fn a_session_is_asked_for_by_its_own_token_only() {
    rows!("C-87");
    let node = node(&["alice"]);
    put(&node, "plain", json!({"role": "admin"}), 3_600, 5, "RS256");
    put(&node, "es", json!({}), 3_600, 5, "ES256");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let token = alice.token(&session);
    assert_eq!(session_of(&node, &token), Some(session.clone()));
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let value = |part: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let (header, claims) = (value(head), value(body));

    // No signature, or somebody else's.
    let mut none = header.clone();
    none["alg"] = json!("none");
    let mut forged = vec![
        format!("{}.", joined(&none, &claims)),
        format!("{}.{signature}", joined(&none, &claims)),
        format!("{message}."),
        message.to_owned(),
        token.replace('.', " "),
        format!("{token}."),
        format!("{token}="),
        format!(" {token}"),
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{head}.{body}.{}", "A".repeat(9_000)),
    ];
    let keys = listed(&node);
    let key = &keys["keys"][0];
    let kid = text(&key["kid"]);
    let mut hmac = Header::new(Algorithm::HS256);
    hmac.kid = Some(kid.clone());
    hmac.extras.insert("cat", "cl_B7d4PD111AAA");
    let modulus = URL_SAFE_NO_PAD.decode(text(&key["n"])).unwrap();
    for secret in [
        text(&key["n"]).into_bytes(),
        modulus,
        key.to_string().into_bytes(),
        vec![],
    ] {
        let key = EncodingKey::from_secret(&secret);
        forged.push(encode(&hmac, &claims, &key).unwrap());
    }
    // Signed rightly, but for something else.
    let template = minted(&alice.call(&session, "/tokens/plain"));
    let es = minted(&alice.call(&session, "/tokens/es"));
    forged.extend([template.clone(), es.clone()]);
    // The signature of one under the claims of another.
    let template_signature = template.rsplit_once('.').unwrap().1;
    forged.push(format!("{message}.{template_signature}"));
    for (name, changed) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999_u64)),
        ("nbf", json!("0")),
        ("sid", json!(NEVER)),
        ("sub", json!("user_2")),
        ("iss", json!("https://evil.example")),
    ] {
        let mut claims = claims.clone();
        claims[name] = changed;
        forged.push(format!("{}.{signature}", joined(&header, &claims)));
    }
    // Another node's, which has the same claims and another key.
    let other = super::node(&["alice"]);
    let (mut theirs, id) = Browser::signed_in(&other, "alice");
    let foreign = theirs.token(&id);
    forged.push(foreign.clone());
    let issuer = format!("http://{}", other.public);
    assert_eq!(
        node.engine.session_of_token(foreign.as_bytes(), &issuer),
        None
    );
    for forged in &forged {
        assert_eq!(session_of(&node, forged), None, "{forged}");
    }
    // Of another issuer.
    let id = node
        .engine
        .session_of_token(token.as_bytes(), "https://auth.example");
    assert_eq!(id, None);
    // One bit of every byte.
    for at in 0..token.len() {
        for bit in [1, 4, 32] {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= bit;
            let issuer = format!("http://{}", node.public);
            let id = node.engine.session_of_token(&changed, &issuer);
            assert_eq!(id, None, "byte {at}, bit {bit}");
        }
    }
    // Its time.
    node.clock.advance_ms(59_999);
    assert_eq!(session_of(&node, &token), Some(session));
    node.clock.advance_ms(1);
    assert_eq!(session_of(&node, &token), None);
}

#[test]
fn nothing_half_done_and_nothing_of_another_kind_is_a_session() {
    rows!("C-88", "C-25");
    let node = node(&["alice", "agent"]);
    factors::enrolled(&node, "otto");
    put(&node, "plain", json!({}), 60, 5, "RS256");
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let (otto, path) = factors::half_way(&node, "otto");
    let mut waiting = Browser::new(&node);
    let begun = ok(&waiting.post(SIGN_INS, "identifier=alice"));
    let mollybet = node.session("alice");
    let handoff = node.send(
        "POST",
        &format!("/v1/sessions/{mollybet}/tokenize/"),
        &[("session", &mollybet)],
        "",
    );
    let artefacts = [
        text(&begun["response"]["id"]),
        path.split('/').nth(4).unwrap().to_owned(),
        text(&handoff.json()["data"]),
        minted(&alice.call(&session, "/tokens/plain")),
        alice.token(&session),
        alice.secret(),
        otto.secret(),
        waiting.secret(),
        session.clone(),
        mollybet.clone(),
    ];
    let browsers = [alice.secret(), otto.secret(), waiting.secret()];
    for artefact in &artefacts {
        // As a session of MollyBet's or xData's.
        if *artefact != mollybet {
            let headers = [("session", artefact.as_str())];
            let answer = node.send("GET", &format!("/v1/sessions/{artefact}/"), &headers, "");
            assert_eq!(answer.status, 401, "{artefact}");
        }
        let answer = node.send("DELETE", &format!("/v1/sessions/{artefact}/"), &[], "");
        assert_eq!(answer.status == 200, *artefact == mollybet, "{artefact}");
        // As a client, natively or by cookie.
        let path = format!("{SESSIONS}/{session}/tokens");
        let cookie = format!("__client={artefact}");
        for header in [("authorization", artefact.as_str()), ("cookie", &cookie)] {
            let answer = node.send("POST", &path, &[header], "");
            let own = *artefact == alice.secret();
            assert_eq!(answer.status, if own { 200 } else { 401 }, "{artefact}");
        }
        // As a session in the path.
        if *artefact != session {
            let answer = alice.call(artefact, "/tokens");
            refused(&answer, 404, "resource_not_found");
        }
        // As a token.
        let token = session_of(&node, artefact);
        assert_eq!(token.is_some(), *artefact == artefacts[4], "{artefact}");
    }
    assert_eq!(browsers.len(), 3);
    // Nobody became anything by it.
    assert_eq!(otto.clone().statuses(), []);
    assert_eq!(waiting.statuses(), []);
    let sessions = node.administer("GET", "/admin/v1/sessions", Value::Null);
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn somebody_elses_library_reads_the_tokens() {
    rows!("C-76", "C-86");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let token = read(&node, &alice.token(&session));
    assert_eq!(token.header.typ.as_deref(), Some("JWT"));
    assert_eq!(token.header.alg, Algorithm::RS256);
    let now = Duration::from_millis(START_MS).as_secs();
    assert_eq!(token.claims["iat"], now);
}

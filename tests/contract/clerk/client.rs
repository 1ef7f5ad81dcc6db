//! Who is the client: cookies, native callers, development browsers.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sessile::http::settings::ClerkSettings;
use sessile::session::token::InstallKey;

use super::*;

/// Asks as a native caller: `authorization` as it is, if any.
fn native(
    node: &Node,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    form: &str,
) -> Answer {
    let join = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{join}_is_native=1");
    let mut headers = vec![FORM];
    headers.extend(authorization.map(|value| ("authorization", value)));
    let answer = node.send(method, &path, &headers, form);
    assert_eq!(answer.header("set-cookie"), None);
    answer
}

#[test]
fn the_cookie_is_for_this_server_and_no_script() {
    rows!("C-20");
    for (issuer, secure) in [("http", false), ("https", true)] {
        let node = Node::start(with_clerk(ClerkSettings {
            issuer: format!("{issuer}://auth.example"),
            allowed_origins: vec![PAGE.into()],
            ..ClerkSettings::default()
        }));
        let answer = Browser::new(&node).get(CLIENT);
        let cookie = answer.header("set-cookie").unwrap();
        let mut parts: Vec<_> = cookie.split("; ").skip(1).collect();
        parts.sort_unstable();
        let mut wanted = vec!["HttpOnly", "Max-Age=34560000", "Path=/", "SameSite=Lax"];
        wanted.extend(secure.then_some("Secure"));
        assert_eq!(parts, wanted);
        assert!(cookie.len() < 4_096);
        assert_eq!(handed_out(&answer).unwrap().len(), 54);
    }
}

/// Callers that are only counted; each costs the server an answer and nothing else.
const ANONYMOUS: usize = 100_000;

#[test]
fn nothing_is_kept_of_those_who_never_signed_in() {
    rows!("C-21", "C-22");
    let node = node(&["alice"]);
    let (mut alice, _) = Browser::signed_in(&node, "alice");
    let figures = || match node.engine.figures() {
        sessile::door::Answer::Now(figures) => (figures.sessions, figures.events, figures.commands),
        sessile::door::Answer::Later(_) => unreachable!(),
    };
    let digest = || match node.engine.state_digest() {
        sessile::door::Answer::Now(digest) => digest,
        sessile::door::Answer::Later(_) => unreachable!(),
    };
    let before = (effects(&node), figures(), digest());
    let mut ids = BTreeSet::new();
    let mut connection = node.client();
    for n in 0..ANONYMOUS {
        let answer = connection.send("GET", CLIENT, &[], b"");
        let client = ok(&answer)["response"].clone();
        assert!(ids.insert(text(&client["id"])));
        assert_eq!(client["sessions"], json!([]));
        if n % 16 > 0 {
            continue;
        }
        // The cookie keeps showing the same client, and is not renewed.
        let cookie = format!("__client={}", handed_out(&answer).unwrap());
        let again = connection.send("GET", CLIENT, &[("cookie", &cookie)], b"");
        assert_eq!(again.header("set-cookie"), None);
        assert_eq!(ok(&again)["response"]["id"], client["id"]);
    }
    println!("{ANONYMOUS} anonymous clients");
    assert_eq!((effects(&node), figures(), digest()), before);
    assert_eq!(alice.client()["sessions"].as_array().unwrap().len(), 1);
}

#[test]
fn a_native_caller_is_shown_its_secret_in_a_header() {
    rows!("C-23");
    let node = node(&["alice"]);
    for first in [None, Some("")] {
        let answer = native(&node, "GET", CLIENT, first, "");
        let anonymous = answer.header("authorization").unwrap().to_owned();
        let id = ok(&answer)["response"]["id"].clone();
        let again = native(&node, "GET", CLIENT, Some(&anonymous), "");
        assert_eq!(ok(&again)["response"]["id"], id);
        assert_eq!(again.header("authorization"), None);
        let form = format!("identifier=alice&password={PASSWORD}");
        let answer = native(&node, "POST", SIGN_INS, Some(&anonymous), &form);
        let signed_in = ok(&answer);
        assert_eq!(signed_in["client"]["id"], id);
        let session = text(&signed_in["response"]["created_session_id"]);
        let secret = answer.header("authorization").unwrap();
        assert_ne!(secret, anonymous);
        let path = format!("{SESSIONS}/{session}/tokens");
        for spelt in [
            secret.to_owned(),
            format!("Bearer {secret}"),
            format!("bearer  {secret}"),
        ] {
            minted(&native(&node, "POST", &path, Some(&spelt), ""));
            // The header alone says as much.
            minted(&node.send("POST", &path, &[("authorization", &spelt)], ""));
        }
        for other in [
            format!("Basic {secret}"),
            format!("Bearer{secret}"),
            "Bearer".to_owned(),
        ] {
            refused(
                &native(&node, "POST", &path, Some(&other), ""),
                401,
                "signed_out",
            );
        }
        // A cookie beside it is not looked at.
        let cookie = format!("__client={secret}");
        let headers = [("cookie", cookie.as_str()), ("authorization", &anonymous)];
        refused(&node.send("POST", &path, &headers, ""), 401, "signed_out");
        let native = format!("{path}?_is_native=1");
        refused(
            &node.send("POST", &native, &headers[..1], ""),
            401,
            "signed_out",
        );
        minted(&node.send("POST", &path, &headers[..1], ""));
    }
}

#[test]
fn each_step_of_a_sign_in_changes_the_secret_and_not_the_client() {
    rows!("C-24");
    let node = node(&["alice", "bob"]);
    let mut browser = Browser::new(&node);
    let id = browser.client()["id"].clone();
    let mut secrets = vec![browser.secret()];
    for name in ["alice", "bob"] {
        browser.sign_in(name);
        secrets.push(browser.secret());
        assert_eq!(browser.client()["id"], id);
    }
    let distinct: BTreeSet<_> = secrets.iter().collect();
    assert_eq!(distinct.len(), 3);
    // A step that fails changes nothing.
    let before = browser.secret();
    browser.try_sign_in("alice", "wrong");
    browser.post(SIGN_INS, "identifier=alice");
    assert_eq!(browser.secret(), before);
}

#[test]
fn what_was_held_before_or_made_up_is_never_signed_in() {
    rows!("C-25", "C-26");
    let node = node(&["alice", "bob"]);
    let mut alice = Browser::new(&node);
    let id = alice.client()["id"].clone();
    let planted = alice.secret();
    let session = alice.sign_in("alice");
    let first = alice.secret();
    alice.sign_in("bob");
    let now = alice.secret();
    let mollybet = node.session("alice");
    let (of_bob, _) = Browser::signed_in(&node, "bob");
    // The id of one client and the secret of another.
    let bytes = |secret: &str| URL_SAFE_NO_PAD.decode(secret).unwrap();
    let mut spliced = bytes(&now);
    spliced.truncate(16);
    spliced.extend(bytes(&of_bob.secret()).drain(16..));
    let spliced = URL_SAFE_NO_PAD.encode(spliced);
    let replaced = [planted.clone(), first.clone(), spliced];
    let shorter = now.split_at(53).0.to_owned();
    let made_up = [
        String::new(),
        "x".repeat(54),
        "A".repeat(54),
        shorter,
        format!("{now}A"),
        format!("{now}="),
        format!("\"{now}\""),
        now.to_ascii_lowercase(),
        "x".repeat(4_000),
        mollybet,
        session.clone(),
        text(&id),
        alice.token(&session),
    ];
    for secret in replaced.iter().chain(&made_up) {
        let mut other = Browser::with(&node, secret);
        for call in ["/touch", "/tokens", "/tokens/plain"] {
            refused(&other.call(&session, call), 401, "signed_out");
        }
        for call in ["/end", "/remove"] {
            refused(&other.call(&session, call), 400, "client_not_found");
        }
        refused(&other.call(&session, ""), 404, "resource_not_found");
        refused(
            &other.get(&format!("/v1/me?_clerk_session_id={session}")),
            401,
            "signed_out",
        );
        ok(&other.ask("DELETE", SESSIONS, ""));
        let mut seen = Browser::with(&node, secret);
        let answer = seen.get(CLIENT);
        let client = ok(&answer)["response"].clone();
        assert_eq!(client["sessions"], json!([]));
        // A browser whose request crossed its own sign-in keeps its new cookie.
        let named = |secret: &str| InstallKey::client_id(secret.as_bytes());
        let known = named(secret) == named(&now);
        assert_eq!(answer.header("set-cookie").is_some(), !known, "{secret}");
        assert_ne!(client["id"], id);
        ok(&Browser::with(&node, secret).ask("DELETE", CLIENT, ""));
    }
    // One bit of every character.
    for at in 0..now.len() {
        let mut changed = now.clone().into_bytes();
        changed[at] ^= 1;
        let changed = String::from_utf8(changed).unwrap();
        let answer = Browser::with(&node, &changed).call(&session, "/tokens");
        refused(&answer, 401, "signed_out");
    }
    // Whoever held what came before signs in on a client of his own.
    let mut planter = Browser::with(&node, &planted);
    let own = planter.sign_in("bob");
    assert_ne!(planter.client()["id"], id);
    assert_eq!(planter.statuses(), [(own, "active".to_owned())]);
    assert_eq!(alice.statuses().len(), 2);
    assert_eq!(alice.status(&session), "active");
}

#[test]
fn a_credential_that_is_sent_twice_is_refused() {
    rows!("C-27");
    let node = node(&["alice"]);
    let (alice, session) = Browser::signed_in(&node, "alice");
    let secret = alice.secret();
    let path = format!("{SESSIONS}/{session}/tokens");
    let (one, two) = (
        format!("__client={secret}"),
        format!("__client={secret}; __client=x"),
    );
    let twice: [&[(&str, &str)]; 4] = [
        &[("cookie", &two)],
        &[("cookie", &one), ("cookie", &one)],
        &[("authorization", &secret), ("authorization", &secret)],
        &[("authorization", ""), ("authorization", &secret)],
    ];
    for headers in twice {
        refused(
            &node.send("POST", &path, headers, ""),
            400,
            "request_body_invalid",
        );
        refused(
            &node.send("GET", CLIENT, headers, ""),
            400,
            "request_body_invalid",
        );
    }
    let native = format!("{path}?_is_native=1&_is_native=1");
    refused(
        &node.send("POST", &native, &[], ""),
        400,
        "request_body_invalid",
    );
    let among = format!("__session=eyJ; __client_uat=1; {one}; __client_uat_x=2; a=b=c");
    minted(&node.send("POST", &path, &[("cookie", &among)], ""));
    let beside = [("cookie", "__session=eyJ; x__client=1"), ("cookie", &one)];
    minted(&node.send("POST", &path, &beside, ""));
}

#[test]
fn a_client_on_which_nothing_happens_is_kept_for_thirty_days() {
    rows!("C-31");
    const DAY_MS: u64 = 86_400_000;
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    ok(&alice.call(&session, "/end"));
    let id = alice.client()["id"].clone();
    node.clock.advance_ms(30 * DAY_MS - 1);
    assert_eq!(alice.client()["id"], id);
}

//! Which pages may call, and what pages cannot make their visitors do.

use sessile::http::settings::ClerkSettings;

use super::*;
use crate::support::START_MS;

const FOREIGN: (&str, &str) = ("origin", "https://evil.example");
const CORS: [&str; 3] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
];

/// A node that is no development instance.
fn production() -> Node {
    let node = Node::start(with_clerk(ClerkSettings {
        allowed_origins: vec![PAGE.into()],
        token_lifetime_max_s: 86_400,
        ..ClerkSettings::default()
    }));
    node.account("alice", json!({}));
    node
}

/// What an answer lets pages see.
fn cors(answer: &Answer) -> [Option<&str>; 3] {
    CORS.map(|name| answer.header(name))
}

#[test]
fn listed_origins_are_echoed_and_no_others_on_errors_too() {
    rows!("C-14", "C-15");
    let node = production();
    let allowed = [
        Some(PAGE),
        Some("true"),
        Some("Authorization, clerk-db-jwt, x-country"),
    ];
    for (path, status) in [
        (CLIENT, 200),
        ("/v1/client/nothing", 404),
        (SESSIONS, 405),
        ("/v1/environment", 200),
        ("/v1/me", 401),
        ("/.well-known/jwks.json", 200),
    ] {
        let answer = node.send("GET", path, &[("origin", PAGE)], "");
        assert_eq!(answer.status, status);
        assert_eq!(cors(&answer), allowed, "{path}");
        for origin in [
            "https://app.example:443",
            "http://app.example",
            "https://app.example.evil",
            "https://APP.example",
            "https://app.example/",
            "https://a.app.example",
            "http://localhost:3000",
            "http://127.0.0.1",
            "null",
            "*",
        ] {
            let answer = node.send("GET", path, &[("origin", origin)], "");
            assert_eq!(answer.status, status);
            assert_eq!(cors(&answer), [None; 3], "{origin} {path}");
            match path {
                "/.well-known/jwks.json" => kept(&answer, KEYS_KEPT),
                _ => usual(&answer),
            }
        }
        assert_eq!(cors(&node.send("GET", path, &[], "")), [None; 3]);
    }
    let twice = [("origin", PAGE), ("origin", PAGE)];
    refused(
        &node.send("GET", CLIENT, &twice, ""),
        400,
        "request_body_invalid",
    );
}

#[test]
fn in_development_any_loopback_page_may_call() {
    rows!("C-15");
    let node = node(&[]);
    for (origin, allowed) in [
        ("http://localhost:3000", true),
        ("https://localhost", true),
        ("http://127.0.0.1:8080", true),
        ("http://[::1]:5173", true),
        ("http://localhost.evil:80", false),
        ("http://127.0.0.1.evil", false),
        ("http://localhost:80@evil", false),
        ("http://localhost:80.evil", false),
        ("ftp://localhost", false),
        ("null", false),
    ] {
        let answer = node.send("GET", CLIENT, &[("origin", origin)], "");
        let echoed = answer.header("access-control-allow-origin");
        assert_eq!(echoed, allowed.then_some(origin));
    }
}

#[test]
fn the_question_of_a_browser_is_answered_on_every_path() {
    rows!("C-16");
    let node = node(&[]);
    for path in [
        CLIENT,
        SIGN_INS,
        "/v1/client/nothing",
        "/v1/environment",
        "/v1/dev_browser",
        "/v1/me",
    ] {
        let asked = [("origin", PAGE), ("access-control-request-method", "POST")];
        let answer = node.send("OPTIONS", path, &asked, "");
        assert_eq!((answer.status, answer.text().as_str()), (204, ""), "{path}");
        let methods = answer.header("access-control-allow-methods");
        assert_eq!(methods, Some("DELETE, GET, HEAD, PATCH, POST"));
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("Authorization, Content-Type"));
        assert_eq!(cors(&answer)[0], Some(PAGE));
        let answer = node.send("OPTIONS", path, &[FOREIGN], "");
        assert_eq!((answer.status, cors(&answer)), (204, [None; 3]));
    }
}

/// Everything that a page could make a visitor's browser send.
fn deeds(session: &str) -> Vec<(&'static str, String, String)> {
    let post = |path: String| ("POST", path, String::new());
    let sign_in = format!("identifier=alice&password={PASSWORD}");
    let mut deeds = vec![
        post(format!("{CLIENT}?_method=DELETE")),
        ("DELETE", CLIENT.to_owned(), String::new()),
        post(format!("{SESSIONS}?_method=DELETE")),
        ("DELETE", SESSIONS.to_owned(), String::new()),
        ("POST", SIGN_INS.to_owned(), sign_in),
        ("POST", SIGN_INS.to_owned(), "identifier=alice".to_owned()),
        post(format!("{SIGN_INS}/sia_x/attempt_first_factor")),
        post(format!("{SIGN_INS}/sia_x/attempt_second_factor")),
        post("/v1/environment?_method=PATCH".to_owned()),
        post("/v1/dev_browser".to_owned()),
    ];
    deeds.extend(CALLS.map(|call| post(format!("{SESSIONS}/{session}{call}"))));
    deeds
}

#[test]
fn a_page_that_is_not_listed_changes_nothing_with_a_cookie_or_without() {
    rows!("C-17");
    let node = production();
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let cookie = format!("__client={}", alice.secret());
    for (method, path, form) in deeds(&session) {
        for origin in ["https://evil.example", "http://localhost:3000", "null"] {
            for sent in [
                &[][..],
                &[("cookie", cookie.as_str())],
                &[("cookie", "x=1")],
            ] {
                let headers = [&[("origin", origin), FORM], sent].concat();
                // A browser that withholds the cookie would take another one all the same: to be
                // signed in as somebody else, or out.
                let answer = node.send(method, &path, &headers, &form);
                refused(&answer, 403, "origin_invalid");
                assert_eq!(cors(&answer), [None; 3]);
            }
        }
        let headers = [("origin", PAGE), ("origin", PAGE), FORM];
        refused(
            &node.send(method, &path, &headers, &form),
            403,
            "origin_invalid",
        );
    }
    assert_eq!(effects(&node), before);
    assert_eq!(alice.status(&session), "active");
    // Reading is no change, and the page does not get to see the answer.
    let answer = node.send("GET", CLIENT, &[FOREIGN, ("cookie", &cookie)], "");
    ok(&answer);
    assert_eq!(cors(&answer), [None; 3]);
}

#[test]
fn without_an_origin_a_browser_says_where_a_request_comes_from() {
    rows!("C-18");
    let node = production();
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let cookie = format!("__client={}", alice.secret());
    for (method, path, form) in deeds(&session) {
        for site in ["cross-site", "nonsense", ""] {
            for sent in [&[][..], &[("cookie", cookie.as_str())]] {
                let headers = [&[("sec-fetch-site", site), FORM], sent].concat();
                let answer = node.send(method, &path, &headers, &form);
                refused(&answer, 403, "origin_invalid");
            }
        }
    }
    let twice = [("sec-fetch-site", "none"), ("sec-fetch-site", "none")];
    let touch = format!("{SESSIONS}/{session}/touch");
    refused(
        &node.send("POST", &touch, &twice, ""),
        403,
        "origin_invalid",
    );
    assert_eq!(effects(&node), before);
    for site in ["same-origin", "same-site", "none"] {
        let headers = [("sec-fetch-site", site), ("cookie", &cookie)];
        ok(&node.send("POST", &touch, &headers, ""));
    }
    // A listed origin decides, wherever its page is.
    let headers = [
        ("origin", PAGE),
        ("sec-fetch-site", "cross-site"),
        ("cookie", &cookie),
    ];
    ok(&node.send("POST", &touch, &headers, ""));
    assert_eq!(alice.status(&session), "active");
    assert_eq!(
        ok(&alice.call(&session, ""))["response"]["last_active_at"],
        START_MS
    );
}

#[test]
fn a_page_does_not_carry_a_native_clients_header() {
    rows!("C-19");
    let node = node(&["alice"]);
    let (alice, session) = Browser::signed_in(&node, "alice");
    let secret = alice.secret();
    for value in [secret.as_str(), "", "Bearer x"] {
        let headers = [("origin", PAGE), ("authorization", value)];
        for (method, path) in [
            ("GET", CLIENT.to_owned()),
            ("POST", format!("{SESSIONS}/{session}/touch")),
            ("GET", "/v1/me".to_owned()),
        ] {
            let answer = node.send(method, &path, &headers, "");
            refused(&answer, 400, "origin_authorization_headers_conflict");
        }
    }
}

//! Paths, methods, the query, and the order of the checks.

use super::*;

/// Every path of the surface, with a session and a sign-in in place, and what `Allow` says of it.
fn paths(session: &str) -> Vec<(String, &'static str)> {
    let mut paths = vec![
        (CLIENT.to_owned(), "DELETE, GET, HEAD"),
        (SESSIONS.to_owned(), "DELETE"),
        (format!("{SESSIONS}/{session}"), "GET, HEAD"),
        (SIGN_INS.to_owned(), "POST"),
        (format!("{SIGN_INS}/sia_x"), "GET, HEAD"),
        (format!("{SIGN_INS}/sia_x/attempt_first_factor"), "POST"),
        (format!("{SIGN_INS}/sia_x/attempt_second_factor"), "POST"),
        ("/v1/environment".to_owned(), "GET, HEAD, PATCH"),
        ("/v1/dev_browser".to_owned(), "POST"),
        ("/v1/me".to_owned(), "GET, HEAD"),
        ("/v1/me/sessions/active".to_owned(), "GET, HEAD"),
        ("/v1/jwks".to_owned(), "GET, HEAD"),
        ("/.well-known/jwks.json".to_owned(), "GET, HEAD"),
    ];
    paths.extend(CALLS.map(|call| (format!("{SESSIONS}/{session}{call}"), "POST")));
    paths
}

#[test]
fn paths_that_are_not_listed_are_not_found() {
    rows!("C-1");
    let node = node(&[]);
    for path in [
        "/v1/client/",
        "/v1/client/sessions/",
        "/v1/client/session",
        "/v1/client/sign_ups",
        "/v1/client/sessions/a/b",
        "/v1/client/sessions/a/tokens/b/c",
        "/v1/client/sign_ins/a/attempt_third_factor",
        "/v1/client/sign_ins/a/attempt_first_factor/",
        "/v1/client/Sessions",
        "/v1/client/%2e%2e/sessions",
    ] {
        for method in ["GET", "POST", "DELETE", "PUT"] {
            let answer = Browser::new(&node).ask(method, path, "");
            refused(&answer, 404, "resource_not_found");
        }
    }
}

#[test]
fn methods_that_a_path_does_not_know_are_told_which_ones_it_does() {
    rows!("C-4", "C-3");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    for (path, allow) in paths(&session) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO"] {
            if allow.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = alice.ask(method, &path, "");
            refused(&answer, 405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }
    assert_eq!(effects(&node), before);
    assert_eq!(alice.status(&session), "active");
}

#[test]
fn a_method_in_the_query_counts_where_the_path_lists_it_and_nowhere_else() {
    rows!("C-2", "C-3");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "delete", "POST%20", "", "OPTIONS",
    ] {
        for (path, allow) in paths(&session) {
            let listed = allow.split(", ").any(|known| known == method);
            if listed && matches!(method, "PATCH" | "DELETE") {
                continue;
            }
            let answer = alice.post(&format!("{path}?_method={method}"), "");
            refused(&answer, 405, "method_not_allowed");
        }
    }
    for query in [
        "_method=DELETE&_method=DELETE",
        "_method=POST&_method=DELETE",
        "%5fmethod=DELETE",
        "_METHOD=DELETE",
    ] {
        let answer = alice.post(&format!("{SESSIONS}?{query}"), "");
        refused(&answer, 405, "method_not_allowed");
    }
    // In the body, or on another method, it is nothing.
    refused(
        &alice.post(SESSIONS, "_method=DELETE"),
        405,
        "method_not_allowed",
    );
    ok(&alice.get(&format!("{CLIENT}?_method=DELETE")));
    assert_eq!(effects(&node), before);
    assert_eq!(alice.status(&session), "active");
    // Beside its own name it changes nothing.
    ok(&alice.post(&format!("{SESSIONS}/{session}/touch?_method=POST"), ""));

    for (method, query) in [("POST", "?_method=DELETE"), ("DELETE", "")] {
        let (mut alice, session) = Browser::signed_in(&node, "alice");
        ok(&alice.ask(method, &format!("{SESSIONS}{query}"), ""));
        refused(&alice.call(&session, ""), 404, "resource_not_found");
        let (mut alice, _) = Browser::signed_in(&node, "alice");
        ok(&alice.ask(method, &format!("{CLIENT}{query}"), ""));
        assert_eq!(alice.cookie, None);
    }
    for (method, query) in [("POST", "?_method=PATCH"), ("PATCH", "")] {
        ok(&alice.ask(method, &format!("/v1/environment{query}"), ""));
    }
}

#[test]
fn head_is_get_without_the_body_and_neither_changes_anything() {
    rows!("C-5");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let active_at = ok(&alice.call(&session, ""))["response"]["last_active_at"].clone();
    node.clock.advance_ms(60_000);
    for (path, allow) in paths(&session) {
        if !allow.contains("HEAD") {
            continue;
        }
        let (head, get) = (alice.ask("HEAD", &path, ""), alice.get(&path));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.body, b"");
    }
    let session = ok(&alice.call(&session, ""))["response"].clone();
    assert_eq!(session["last_active_at"], active_at);
    assert_eq!(effects(&node), before);
}

#[test]
fn no_version_and_no_unknown_parameter_is_a_reason_to_refuse() {
    rows!("C-6");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    for query in [
        "__clerk_api_version=2026-08-20&_clerk_js_version=6.40.0",
        "__clerk_api_version=1970-01-01&_clerk_js_version=nonsense",
        "_clerk_session_id=sess_x&_clerk_retry_attempt=3&rotating_token_nonce=1",
        "expired_token=eyJ&debug=skip_cache&debug=x",
        "%zz&&=&a",
        "_is_native=0&_is_native_=1",
    ] {
        ok(&alice.get(&format!("{CLIENT}?{query}")));
        ok(&alice.post(&format!("{SESSIONS}/{session}/tokens?{query}"), ""));
    }
}

#[test]
fn the_first_check_that_fails_answers() {
    rows!("C-13");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    ok(&alice.call(&session, "/end"));
    let mut alice_again = alice.clone();
    let live = alice_again.sign_in("alice");
    let dead = session;
    let cookie = format!("__client={}", alice_again.secret());
    let (foreign, listed) = (("origin", "https://evil.example"), ("origin", PAGE));
    let (cookie, json) = (
        ("cookie", cookie.as_str()),
        ("content-type", "application/json"),
    );
    let ask = |method, path: &str, headers: &[(&str, &str)]| {
        node.send(method, path, headers, "{\"intent\":\"x\"}")
    };
    let touch = |id: &str| format!("{SESSIONS}/{id}/touch");
    // Path, method, page, client, session, body: each with everything after it wrong, too.
    let answer = ask("PUT", "/v1/client/nothing", &[listed, json]);
    refused(&answer, 404, "resource_not_found");
    let answer = ask("PUT", &touch(NEVER), &[listed, json]);
    refused(&answer, 405, "method_not_allowed");
    let answer = ask("POST", &touch(NEVER), &[foreign, json]);
    refused(&answer, 403, "origin_invalid");
    let answer = ask("POST", &touch(NEVER), &[listed, json]);
    refused(&answer, 401, "signed_out");
    let answer = ask("POST", &touch(NEVER), &[listed, cookie, json]);
    refused(&answer, 404, "resource_not_found");
    let answer = ask("POST", &touch(&dead), &[listed, cookie, json]);
    refused(&answer, 401, "authentication_invalid");
    let answer = ask("POST", &touch(&live), &[listed, cookie, json]);
    refused(&answer, 415, "unsupported_content_type");
    let answer = node.send("POST", &touch(&live), &[listed, cookie, FORM], "intent=x");
    wrong_field(&answer, "form_param_value_invalid", "intent");
}

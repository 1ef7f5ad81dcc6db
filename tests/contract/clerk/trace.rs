//! What the published browser client sends, request by request, as it was recorded.

use super::templates::put;
use super::*;

/// What stands in the query of every request.
const VERSIONS: &str = "__clerk_api_version=2026-08-20&_clerk_js_version=6.40.0";

/// A request as it was recorded.
fn recorded(browser: &mut Browser<'_>, method: &str, path: &str, form: &str) -> Value {
    let join = if path.contains('?') { '&' } else { '?' };
    ok(&browser.ask(method, &format!("{path}{join}{VERSIONS}"), form))
}

#[test]
fn the_recorded_trace_is_answered_as_the_client_expects() {
    rows!("C-92", "C-41", "C-58", "C-64", "C-66", "C-67");
    let node = node(&["jane", "june"]);
    put(
        &node,
        "hasura",
        json!({"role": "{{user.username}}"}),
        60,
        5,
        "RS256",
    );
    let mut page = Browser::new(&node);
    // Clerk.load(): both at once, no cookie yet.
    let environment = recorded(&mut page.clone(), "GET", "/v1/environment", "");
    assert_eq!(environment["object"], "environment");
    let client = recorded(&mut page, "GET", CLIENT, "")["response"].clone();
    assert_eq!(client["sessions"], json!([]));
    // signIn.create()
    let form =
        format!("strategy=password&identifier=jane&password={PASSWORD}&locale=en-US&timezone=UTC");
    let answer = recorded(&mut page, "POST", SIGN_INS, &form);
    assert_eq!(answer["response"]["status"], "complete");
    assert_eq!(answer["client"]["id"], client["id"]);
    let id = text(&answer["response"]["created_session_id"]);
    let path = |rest: &str| format!("{SESSIONS}/{id}{rest}");
    let fresh = &answer["client"]["sessions"][0]["last_active_token"]["jwt"];
    assert!(fresh.is_string());
    // setActive()
    let form = "active_organization_id=&intent=select_session";
    let touched = recorded(&mut page, "POST", &path("/touch"), form);
    assert_eq!(touched["response"]["status"], "active");
    assert_eq!(touched["client"]["last_active_session_id"], id);
    // getToken(), getToken({skipCache: true}), getToken({template})
    for (path, form) in [
        (path("/tokens"), "organization_id=&tab_state=focused"),
        (
            path("/tokens?debug=skip_cache"),
            "organization_id=&tab_state=focused",
        ),
        (path("/tokens/hasura"), ""),
    ] {
        let answer = recorded(&mut page, "POST", &path, form);
        assert!(answer["jwt"].is_string(), "{path}");
    }
    // session.touch(), the window's focus
    for form in [
        "active_organization_id=",
        "active_organization_id=&intent=focus",
    ] {
        let answer = recorded(&mut page, "POST", &path("/touch"), form);
        assert_eq!(answer["response"]["id"], id);
    }
    // session.reload(), a reload of the page
    let answer = recorded(&mut page, "GET", &path(""), "");
    assert_eq!(answer["response"]["status"], "active");
    let mut reloaded = Browser::with(&node, &page.secret());
    recorded(&mut reloaded, "GET", "/v1/environment", "");
    let client = recorded(&mut reloaded, "GET", CLIENT, "")["response"].clone();
    assert_eq!(client["last_active_session_id"], id);
    assert_eq!(client["sessions"][0]["id"], id);
    // session.end()
    let answer = recorded(&mut page, "POST", &path("/end"), "");
    assert_eq!(answer["response"]["status"], "ended");
    assert_eq!(answer["client"]["last_active_session_id"], Value::Null);
    // session.remove()
    let answer = recorded(&mut page, "POST", &path("/remove"), "");
    assert_eq!(answer["response"]["status"], "removed");
    assert_eq!(answer["client"]["sessions"], json!([]));
    // signOut()
    page.sign_in("june");
    let answer = recorded(&mut page, "POST", &format!("{SESSIONS}?_method=DELETE"), "");
    assert_eq!(answer["response"]["sessions"], json!([]));
    assert_eq!(answer["client"], Value::Null);
    // A development instance begins like this.
    let made = recorded(&mut page, "POST", "/v1/dev_browser", "");
    let browser = text(&made["id"]);
    let path = format!("/v1/environment?_method=PATCH&__clerk_db_jwt={browser}");
    recorded(&mut page, "POST", &path, "");
    recorded(
        &mut page,
        "GET",
        &format!("{CLIENT}?__clerk_db_jwt={browser}"),
        "",
    );
}

#[test]
fn the_recorded_native_trace_is_answered_as_the_client_expects() {
    rows!("C-92", "C-23");
    let node = node(&["jane"]);
    put(&node, "hasura", json!({}), 60, 5, "RS256");
    let mut secret = String::new();
    let mut ask = |method: &str, path: &str, form: &str| {
        let path = format!("{path}?_is_native=1");
        let headers = [
            ("authorization", secret.as_str()),
            ("x-mobile", "1"),
            ("x-no-origin", "1"),
            FORM,
        ];
        let answer = node.send(method, &path, &headers, form);
        assert_eq!(answer.header("set-cookie"), None);
        if let Some(handed_out) = answer.header("authorization") {
            secret = handed_out.to_owned();
        }
        ok(&answer)
    };
    ask("GET", "/v1/environment", "");
    ask("GET", CLIENT, "");
    let form = format!("strategy=password&password={PASSWORD}&identifier=jane");
    let answer = ask("POST", SIGN_INS, &form);
    let id = text(&answer["response"]["created_session_id"]);
    let path = |rest: &str| format!("{SESSIONS}/{id}{rest}");
    for rest in ["/tokens", "/tokens/hasura"] {
        assert!(ask("POST", &path(rest), "")["jwt"].is_string());
    }
    assert_eq!(ask("GET", &path(""), "")["response"]["id"], id);
    for (rest, status) in [
        ("/touch", "active"),
        ("/end", "ended"),
        ("/remove", "removed"),
    ] {
        let answer = ask("POST", &path(rest), "");
        assert_eq!(answer["response"]["status"], status);
        assert!(answer["client"].is_object());
    }
}

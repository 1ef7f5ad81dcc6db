//! The instance: its environment, development browsers, and the user's own calls.

use sessile::http::settings::ClerkSettings;

use super::*;
use crate::support::START_MS;

#[test]
fn the_environment_is_for_everybody() {
    rows!("C-89");
    let node = node(&[]);
    let wanted = json!({"object": "environment", "id": "env_1"});
    for (method, path) in [
        ("GET", "/v1/environment"),
        ("GET", "/v1/environment?_is_native=1&__clerk_db_jwt=x"),
        ("PATCH", "/v1/environment"),
        ("POST", "/v1/environment?_method=PATCH"),
    ] {
        for headers in [&[][..], &[("origin", PAGE)], &[("cookie", "__client=x")]] {
            let answer = node.send(method, path, headers, "");
            assert_eq!(ok(&answer), wanted, "{method} {path}");
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
}

#[test]
fn a_development_browser_is_one_that_this_server_made() {
    rows!("C-29");
    let node = node(&["alice"]);
    let made = ok(&node.send("POST", "/v1/dev_browser", &[("origin", PAGE)], ""));
    assert_eq!(made["object"], "dev_browser");
    let id = text(&made["id"]);
    let bare = id.strip_prefix("dvb_").unwrap();
    let shorter = id.split_at(id.len() - 1).0;
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    for name in ["__clerk_db_jwt", "__dev_session"] {
        ok(&alice.get(&format!("{CLIENT}?{name}={id}")));
        ok(&alice.get(&format!("{CLIENT}?{name}=")));
        alice.post(&format!("{SESSIONS}/{session}/tokens?{name}={id}"), "");
        for unknown in ["dvb_", "dvb_x", "x", shorter, &format!("{id}0"), bare] {
            for path in [
                CLIENT.to_owned(),
                format!("{SESSIONS}/{session}"),
                "/v1/me".to_owned(),
            ] {
                let answer = alice.get(&format!("{path}?{name}={unknown}"));
                refused(&answer, 401, "dev_browser_unauthenticated");
            }
        }
        for at in [5, 25, 26, id.len() - 1] {
            let mut changed = id.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            let answer = alice.get(&format!("{CLIENT}?{name}={changed}"));
            refused(&answer, 401, "dev_browser_unauthenticated");
        }
        let twice = alice.get(&format!("{CLIENT}?{name}={id}&{name}={id}"));
        refused(&twice, 400, "request_body_invalid");
    }
    // It is no credential: without a cookie nobody is signed in by it.
    let path = format!("{SESSIONS}/{session}/tokens?__clerk_db_jwt={id}");
    refused(&node.send("POST", &path, &[], ""), 401, "signed_out");
}

#[test]
fn elsewhere_there_are_no_development_browsers() {
    rows!("C-30");
    let node = Node::start(with_clerk(ClerkSettings::default()));
    refused(
        &node.send("POST", "/v1/dev_browser", &[], ""),
        404,
        "resource_not_found",
    );
    for query in ["__clerk_db_jwt=x", "__dev_session=x&__dev_session=y"] {
        ok(&node.send("GET", &format!("{CLIENT}?{query}"), &[], ""));
    }
}

#[test]
fn a_live_session_shows_its_user() {
    rows!("C-90", "C-61", "C-62");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let me = |browser: &mut Browser<'_>, id: &str| {
        browser.get(&format!("/v1/me?_clerk_session_id={id}"))
    };
    let shown = ok(&me(&mut browser, &alice));
    assert_eq!(shown["response"]["object"], "user");
    assert_eq!(shown["response"]["username"], "alice");
    assert_eq!(shown["client"]["sessions"][0]["id"], alice);
    refused(&me(&mut Browser::new(&node), &alice), 401, "signed_out");
    for path in [
        "/v1/me",
        "/v1/me?_clerk_session_id=",
        "/v1/me?_clerk_session_id=x",
    ] {
        refused(&browser.get(path), 404, "resource_not_found");
    }
    let twice = browser.get(&format!(
        "/v1/me?_clerk_session_id={alice}&_clerk_session_id={alice}"
    ));
    refused(&twice, 400, "request_body_invalid");
    let bob = browser.sign_in("bob");
    ok(&browser.call(&alice, "/end"));
    refused(&me(&mut browser, &alice), 401, "authentication_invalid");
    assert_eq!(ok(&me(&mut browser, &bob))["response"]["username"], "bob");
    // Looking is no activity.
    node.clock.advance_ms(1_000);
    me(&mut browser, &bob);
    assert_eq!(browser.client()["sessions"][0]["last_active_at"], START_MS);
}

#[test]
fn a_user_sees_his_sessions_on_this_client() {
    rows!("C-91");
    let node = node(&["alice", "bob"]);
    let (mut browser, alice) = Browser::signed_in(&node, "alice");
    let bob = browser.sign_in("bob");
    let (_, elsewhere) = Browser::signed_in(&node, "alice");
    assert_ne!(elsewhere, alice);
    let path = |id: &str| format!("/v1/me/sessions/active?_clerk_session_id={id}");
    for id in [&alice, &bob] {
        let list = ok(&browser.get(&path(id)));
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["id"], **id);
        assert_eq!(list[0]["object"], "session");
        assert_eq!(list[0]["status"], "active");
        assert_eq!(list[0]["latest_activity"]["object"], "session_activity");
    }
    refused(&browser.get(&path(&elsewhere)), 404, "resource_not_found");
    refused(&Browser::new(&node).get(&path(&alice)), 401, "signed_out");
    ok(&browser.call(&alice, "/end"));
    refused(&browser.get(&path(&alice)), 401, "authentication_invalid");
}

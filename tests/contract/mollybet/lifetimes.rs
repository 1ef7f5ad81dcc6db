//! How long a session lives, and what keeps it alive.

use super::*;

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_session_ends_after_a_day_without_activity() {
    rows!("M-89");
    let node = node(&["alice"]);
    let by_login = text(&log_in(&node, "alice", PASSWORD));
    let issued = node.session("alice");
    node.clock.advance_ms(DAY_MS - 1);
    assert!(alive(&node, &by_login) && alive(&node, &issued));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &by_login) && !alive(&node, &issued));
    assert_eq!(
        node.send("GET", "/auth/verify", &[("session", &issued)], "")
            .status,
        401
    );
}

/// A call by the holder of a session.
type Deed<'a> = &'a dyn Fn(&Node, &str) -> Answer;

/// Whether a session that was left alone for all but a millisecond of a day is alive a millisecond
/// after `deed`, which is activity if it is.
fn prolonged(node: &Node, session: &str, deed: impl FnOnce()) -> bool {
    node.clock.advance_ms(DAY_MS - 1);
    assert!(alive(node, session));
    deed();
    node.clock.advance_ms(1);
    alive(node, session)
}

#[test]
fn every_call_that_is_answered_200_is_activity() {
    rows!("M-90");
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    let session = node.session("root");
    let own = [("session", session.as_str())];
    let calls: [&dyn Fn() -> Answer; 7] = [
        &|| get(&node, &session),
        &|| node.send("HEAD", &path(&session, ""), &own, ""),
        &|| node.send("GET", "/v1/xrates/", &own, ""),
        &|| call(&node, "POST", &session, "tokenize/"),
        &|| sudo(&node, &session, "root"),
        &|| node.send("GET", &path(&node.session("root"), ""), &own, ""),
        &|| {
            // The token is another session's: making it is not this one's activity.
            let handoff = token(&node, &node.session("root"));
            detokenize(&node, &session, &handoff)
        },
    ];
    for (number, deed) in calls.iter().enumerate() {
        let kept = prolonged(&node, &session, || assert_eq!(deed().status, 200));
        assert!(kept, "call {number}");
        // Up to the full day after that activity, and no longer.
        node.clock.advance_ms(DAY_MS - 2);
        assert!(alive(&node, &session), "call {number}");
        ok(&get(&node, &session));
    }
    node.clock.advance_ms(DAY_MS);
    assert!(!alive(&node, &session));
}

#[test]
fn a_call_that_is_refused_is_no_activity() {
    rows!("M-90");
    let calls: [Deed<'_>; 8] = [
        &|node, s| sudo(node, s, "alice"),
        &|node, s| detokenize(node, s, "x"),
        &|node, s| post(node, s, "detokenize/", &json!({})),
        &|node, s| node.send("GET", &path(NEVER, ""), &[("session", s)], ""),
        &|node, s| node.send("DELETE", &path(NEVER, ""), &[("session", s)], ""),
        &|node, s| node.send("POST", &path(NEVER, "sudo/"), &[("session", s)], ""),
        &|node, s| node.send("PUT", &path(s, ""), &[("session", s)], ""),
        &|node, s| {
            let headers = [("session", s), ("accept", "text/html")];
            node.send("GET", &path(s, ""), &headers, "")
        },
    ];
    let node = node(&["alice"]);
    for (number, deed) in calls.iter().enumerate() {
        let session = node.session("alice");
        let kept = prolonged(&node, &session, || {
            assert!(deed(&node, &session).status >= 400, "call {number}");
        });
        assert!(!kept, "call {number}");
    }
}

#[test]
fn activity_is_the_callers_only() {
    rows!("M-90");
    let node = node(&["agent"]);
    node.account("alice", json!({"agent": "agent"}));
    let customer = node.session("alice");
    node.clock.advance_ms(DAY_MS - 30_000);
    let agent = node.session("agent");
    // Looked at by his agent, and handed over: neither is the customer's doing.
    let headers = [("session", &*customer), ("x-sessile-touch", "no")];
    let handoff = text(&node.send("POST", &path(&customer, "tokenize/"), &headers, ""));
    node.clock.advance_ms(29_999);
    ok(&node.send("GET", &path(&customer, ""), &[("session", &agent)], ""));
    ok(&detokenize(&node, &agent, &handoff));
    assert!(alive(&node, &customer));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &customer));
    assert!(alive(&node, &agent));
}

#[test]
fn a_session_of_another_surface_is_not_kept_alive_here() {
    rows!("M-90", "M-34");
    let node = node(&["alice"]);
    let (key, _) = node.key_pair("alice");
    for (method, path) in [
        ("GET", None),
        ("GET", Some("/v1/xrates/")),
        ("POST", Some("/v1/sessions/x/tokenize/")),
    ] {
        let wanted = json!({
            "username": "alice", "surface": "xdata", "api_key": key, "idle_timeout_ms": 1_000,
        });
        let issued = node.administer("POST", "/admin/v1/sessions", wanted);
        let secret = issued["sessions"][0]["secret"].as_str().unwrap();
        let shown = format!(
            "/admin/v1/sessions/{}",
            issued["sessions"][0]["id"].as_str().unwrap()
        );
        let before = node.administer("GET", &shown, Value::Null);
        node.clock.advance_ms(999);
        let path = path.map_or_else(|| self::path(secret, ""), str::to_owned);
        let answer = node.send(method, &path, &[("session", secret)], "");
        refused(&answer, 401, "session_invalid");
        assert_eq!(
            node.administer("GET", &shown, Value::Null),
            before,
            "{path}"
        );
    }
}

#[test]
fn a_call_may_ask_not_to_count() {
    rows!("M-91");
    let node = node(&["alice"]);
    for (value, counts) in [("no", false), ("NO", false), ("yes", true), ("", true)] {
        for rest in ["", "tokenize/"] {
            let session = node.session("alice");
            let method = if rest.is_empty() { "GET" } else { "POST" };
            let headers = [("session", &*session), ("X-Sessile-Touch", value)];
            let kept = prolonged(&node, &session, || {
                ok(&node.send(method, &path(&session, rest), &headers, ""));
            });
            assert_eq!(kept, counts, "{value:?} {rest}");
        }
        let session = node.session("alice");
        let headers = [("session", &*session), ("x-sessile-touch", value)];
        let kept = prolonged(&node, &session, || {
            ok(&node.send("GET", "/v1/xrates/", &headers, ""));
        });
        assert_eq!(kept, counts, "{value:?}");
    }
}

#[test]
fn a_session_ends_thirty_days_after_it_was_opened() {
    rows!("M-92");
    let node = node(&["alice"]);
    let session = text(&log_in(&node, "alice", PASSWORD));
    for _ in 0..59 {
        node.clock.advance_ms(DAY_MS / 2);
        ok(&get(&node, &session));
    }
    node.clock.advance_ms(DAY_MS / 2 - 1);
    ok(&get(&node, &session));
    node.clock.advance_ms(1);
    assert!(!alive(&node, &session));
}

//! The header `Session`: how it is read, and what is no session id.

use super::*;

/// Every call that asks for a session, on this path id.
fn calls(id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("GET", path(id, "")),
        ("HEAD", path(id, "")),
        ("DELETE", path(id, "")),
        ("POST", path(id, "sudo/")),
        ("POST", path(id, "tokenize/")),
        ("POST", path(id, "detokenize/")),
        ("GET", "/v1/xrates/".into()),
    ]
}

#[test]
fn the_name_of_the_header_may_be_written_in_any_case() {
    rows!("M-28");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for name in ["Session", "session", "SESSION", "sEsSiOn"] {
        ok(&node.send("GET", &path(&session, ""), &[(name, &session)], ""));
    }
    let padded = format!("  {session}\t ");
    ok(&node.send("GET", &path(&session, ""), &[("Session", &padded)], ""));
}

#[test]
fn login_looks_at_no_session() {
    rows!("M-29");
    let node = node(&["alice", "bob"]);
    let other = node.session("bob");
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    for headers in [
        vec![JSON],
        vec![JSON, ("session", NEVER)],
        vec![JSON, ("session", &other)],
        vec![JSON, ("session", &other), ("session", NEVER)],
        vec![JSON, ("session", "")],
    ] {
        let session = text(&node.send("POST", LOGIN, &headers, &body));
        assert_eq!(ok(&get(&node, &session))["username"], "alice");
    }
    assert!(alive(&node, &other));
}

#[test]
fn an_id_is_32_lower_case_hexadecimal_digits_and_new_each_time() {
    rows!("M-30", "M-71");
    let node = Node::start(Setup::default());
    node.account("root", json!({"may_sudo": true}));
    let first = text(&log_in(&node, "root", PASSWORD));
    let mut ids: Vec<_> = (0..20)
        .map(|_| text(&log_in(&node, "root", PASSWORD)))
        .collect();
    ids.push(text(&sudo(&node, &first, "root")));
    ids.push(first);
    for id in &ids {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        assert!(id.len() == 32 && id.bytes().all(digit), "{id}");
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn every_call_but_login_and_one_logout_needs_the_header() {
    rows!("M-31");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for id in [session.as_str(), NEVER, "x"] {
        for (method, path) in calls(id) {
            let answer = node.send(method, &path, &[JSON], "");
            match method {
                "DELETE" => {}
                "HEAD" => assert_eq!(answer.status, 401),
                _ => refused(&answer, 401, "session_required"),
            }
        }
    }
}

#[test]
fn whatever_is_no_live_session_gets_the_same_answer() {
    rows!("M-32", "M-35");
    let node = node(&["alice"]);
    let live = node.session("alice");
    let ended = node.session("alice");
    ok(&delete(&node, &ended));
    let expired = node.session("alice");
    node.clock.advance_ms(86_400_000 - 1);
    ok(&get(&node, &live));
    node.clock.advance_ms(1);
    let upper = live.to_uppercase();
    let doubled = format!("{live}{live}");
    let listed = format!("{live}, {live}");
    let quoted = format!("\"{live}\"");
    let (short, _) = live.split_at(31);
    let (longest, longer, enormous) = ("a".repeat(256), "a".repeat(257), "a".repeat(9_000));
    let never = node.send("GET", &path(NEVER, ""), &[("session", NEVER)], "");
    refused(&never, 401, "session_invalid");
    for bad in [
        &*ended,
        &*expired,
        "",
        "x",
        &*upper,
        &*doubled,
        &*listed,
        &*quoted,
        short,
        &*longest,
        &*longer,
        &*enormous,
        "null",
        "%00",
        "\u{e9}",
        "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    ] {
        for id in [&*live, NEVER] {
            for (method, path) in calls(id) {
                let answer = node.send(method, &path, &[("session", bad), JSON], "");
                match method {
                    "HEAD" => assert_eq!(answer.status, 401),
                    _ => same(&answer, &never),
                }
            }
        }
    }
    assert!(alive(&node, &live));
}

#[test]
fn a_header_sent_twice_is_none() {
    rows!("M-33");
    let node = node(&["alice", "bob"]);
    let (one, two) = (node.session("alice"), node.session("bob"));
    for headers in [
        [("session", &*one), ("session", &*one)],
        [("session", &*one), ("Session", &*two)],
        [("SESSION", &*two), ("session", &*one)],
        [("session", &*one), ("session", "")],
    ] {
        for (method, path) in calls(&one) {
            let answer = node.send(method, &path, &headers, "");
            match method {
                "HEAD" => assert_eq!(answer.status, 401),
                _ => refused(&answer, 401, "session_invalid"),
            }
        }
    }
    assert!(alive(&node, &one) && alive(&node, &two));
}

#[test]
fn a_credential_of_another_surface_is_unknown() {
    rows!("M-34", "M-67");
    let node = node(&["alice"]);
    let live = node.session("alice");
    let (key, secret) = node.key_pair("alice");
    let wanted = json!({"username": "alice", "surface": "xdata", "api_key": key});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let foreign = issued["sessions"][0]["secret"].as_str().unwrap();
    let public = issued["sessions"][0]["id"].as_str().unwrap();
    let never = get(&node, NEVER);
    for bad in [foreign, public, key.as_str(), secret.as_str()] {
        for (method, path) in calls(bad).into_iter().chain(calls(&live)) {
            let answer = node.send(method, &path, &[("session", bad)], "");
            match method {
                "HEAD" => assert_eq!(answer.status, 401),
                _ => same(&answer, &never),
            }
        }
    }
    let unknown = node.send("GET", &path(NEVER, ""), &[("session", &live)], "");
    same(
        &node.send("GET", &path(foreign, ""), &[("session", &live)], ""),
        &unknown,
    );
    same(
        &node.send("DELETE", &path(foreign, ""), &[], ""),
        &node.send("DELETE", &path(NEVER, ""), &[], ""),
    );
    node.administer("GET", &format!("/admin/v1/sessions/{public}"), Value::Null);
}

//! Paths, methods, foreign headers, and what every answer has in common.

use super::*;

/// Every path of the surface with its methods, for this session.
fn paths(session: &str) -> Vec<(String, &'static str)> {
    vec![
        ("/v1/sessions/".into(), "POST"),
        (path(session, ""), "DELETE, GET, HEAD"),
        (path(session, "sudo/"), "POST"),
        (path(session, "tokenize/"), "POST"),
        (path(session, "detokenize/"), "POST"),
        ("/v1/xrates/".into(), "GET, HEAD"),
    ]
}

#[test]
fn the_last_slash_may_be_left_out_and_nothing_is_redirected() {
    rows!("M-1");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for (with, methods) in paths(&session) {
        let without = with.trim_end_matches('/');
        let methods = methods.split(", ").chain(["PUT"]);
        for method in methods.filter(|m| !matches!(*m, "DELETE" | "HEAD")) {
            let headers = [("session", session.as_str()), JSON];
            let there = node.send(method, &with, &headers, "{}");
            let here = node.send(method, without, &headers, "{}");
            assert!(!(300..400).contains(&here.status), "{method} {without}");
            if with.ends_with("/tokenize/") && method == "POST" {
                assert_ne!(text(&there), text(&here));
            } else {
                same(&there, &here);
            }
        }
    }
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    text(&node.send("POST", "/v1/sessions", &[JSON], &body));
    let bare = format!("/v1/sessions/{session}");
    ok(&node.send("DELETE", &bare, &[("session", &session)], ""));
    assert!(!alive(&node, &session));
}

#[test]
fn other_paths_are_not_found_whatever_the_method() {
    rows!("M-2");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let id = path(&session, "");
    for other in [
        "/v1".to_owned(),
        "/v1/".into(),
        "/v1/session/".into(),
        "/v1/sessions//".into(),
        "/v1/sessionsx/".into(),
        "/v1/xrates/x/".into(),
        format!("{id}x"),
        format!("{id}sudo/x"),
        format!("{id}sudo//"),
        format!("{id}retokenize/"),
    ] {
        for method in ["GET", "POST", "DELETE", "PUT", "OPTIONS", "BREW"] {
            let answer = node.send(method, &other, &[("session", &session)], "");
            refused(&answer, 404, "not_found");
        }
    }
    assert!(alive(&node, &session));
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    rows!("M-3");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for (path, allow) in paths(&session) {
        let known: Vec<_> = allow.split(", ").collect();
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get", "Post",
        ] {
            if known.contains(&method) {
                continue;
            }
            for bare in [path.as_str(), path.trim_end_matches('/')] {
                let answer = node.send(method, bare, &[("session", &session)], "");
                refused(&answer, 405, "method_not_allowed");
                assert_eq!(answer.header("allow"), Some(allow), "{method} {bare}");
            }
        }
    }
    assert!(alive(&node, &session));
}

#[test]
fn head_is_get_without_the_body() {
    rows!("M-4");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for (path, methods) in paths(&session) {
        let headers = [("session", session.as_str())];
        let get = node.send("GET", &path, &headers, "");
        // The client reads no body after a head; a second request finds one that came all the same.
        let mut connection = node.client();
        for _ in 0..2 {
            let head = connection.send("HEAD", &path, &headers, b"");
            let sorted = |answer: &Answer| {
                let mut headers = answer.headers.clone();
                headers.retain(|(name, _)| name != "date");
                headers.sort();
                headers
            };
            assert_eq!(head.status, get.status, "{path}");
            assert_eq!(sorted(&head), sorted(&get), "{path}");
            let expected = if methods.contains("HEAD") { 200 } else { 405 };
            assert_eq!(head.status, expected, "{path}");
        }
    }
}

#[test]
fn a_path_has_one_reading() {
    rows!("M-5");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let (first, rest) = session.split_at(1);
    let first = first.as_bytes()[0];
    for good in [
        format!("/v1/%73essions/{session}/"),
        format!("/v1/sessions/%{first:02x}{rest}/"),
        format!("/v1/sessions/%{first:02X}{rest}"),
    ] {
        let answer = node.send("GET", &good, &[("session", &session)], "");
        assert_eq!(ok(&answer)["username"], "alice", "{good}");
    }
    for bad in [
        format!("/v1/sessions%2F{session}/"),
        format!("/v1/sessions/{session}%2F"),
        format!("/v1/sessions/{session}%2Fsudo"),
        format!("/v1/sessions/%25{first:02x}{rest}/"),
        format!("/v1//sessions/{session}/"),
        format!("/v1/./sessions/{session}/"),
        format!("/v1/x/../sessions/{session}/"),
        format!("/v1/sessions/{session}/."),
        format!("/v1/sessions/{session}%20/"),
        format!("/v1/sessions/{session};x/"),
        format!("/v1/Sessions/{session}/"),
        "/v1/sessions/%ff/".into(),
        "/v1/sessions/%zz/".into(),
        "/v1/sessions/%00/".into(),
    ] {
        let answer = node.send("GET", &bad, &[("session", &session)], "");
        refused(&answer, 404, "not_found");
    }
}

#[test]
fn a_query_is_no_place_for_anything() {
    rows!("M-6");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let query = format!("?session={session}&Session={session}");
    let with_query = format!("{}{query}", path(&session, ""));
    refused(
        &node.send("GET", &with_query, &[], ""),
        401,
        "session_required",
    );
    ok(&node.send("GET", &with_query, &[("session", &session)], ""));
    let answer = node.send(
        "POST",
        "/v1/sessions/?username=alice&password=password-1",
        &[JSON],
        "{}",
    );
    invalid(&answer, &["username", "password"]);
}

#[test]
fn every_success_is_200_in_json_that_is_not_cached() {
    rows!("M-22", "M-24", "M-36");
    let node = node(&["alice"]);
    node.account("root", json!({"may_sudo": true}));
    let session = text(&log_in(&node, "root", PASSWORD));
    assert!(ok(&get(&node, &session)).is_object());
    assert!(ok(&call(&node, "POST", &session, "tokenize/")).is_string());
    let child = ok(&sudo(&node, &session, "root"));
    assert!(child.is_string());
    let handoff = token(&node, &session);
    assert!(ok(&detokenize(&node, &session, &handoff)).is_object());
    let rates = node.send("GET", "/v1/xrates/", &[("session", &session)], "");
    assert_eq!(ok(&rates), json!([]));
    let ended = delete(&node, &session);
    assert_eq!(ended.text(), r#"{"status":"ok","data":null}"#);
    assert_eq!(ok(&ended), Value::Null);
}

#[test]
fn headers_of_other_schemes_are_ignored() {
    rows!("M-25");
    let node = node(&["alice"]);
    let body = json!({"username": "alice", "password": PASSWORD}).to_string();
    let strange = [
        ("authorization", "Basic Ym9iOnBhc3N3b3Jk"),
        (
            "cookie",
            "__session=x; session=0123456789abcdef0123456789abcdef",
        ),
        ("x-molly-client-name", "sonic"),
        ("x-molly-client-version", "1.5.0"),
        ("origin", "https://example.org"),
        ("x-http-method-override", "DELETE"),
        ("x-forwarded-for", "203.0.113.9"),
    ];
    let with = |more: &[(&'static str, &str)]| {
        let own = more.iter().map(|(n, v)| (*n, (*v).to_owned()));
        let strange = strange.iter().map(|(n, v)| (*n, (*v).to_owned()));
        own.chain(strange).collect::<Vec<_>>()
    };
    let send = |method: &str, path: &str, more: &[(&'static str, &str)], body: &str| {
        let headers = with(more);
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        node.send(method, path, &headers, body)
    };
    let session = text(&send("POST", LOGIN, &[JSON], &body));
    let own = path(&session, "");
    ok(&send("GET", &own, &[("session", &session)], ""));
    refused(&send("GET", &own, &[], ""), 401, "session_required");
    assert!(alive(&node, &session));
    ok(&send("DELETE", &own, &[("session", &session)], ""));
}

#[test]
fn reading_changes_nothing() {
    rows!("M-26");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let records = node.journal.records().len();
    let digest = node.administer("GET", "/admin/v1/digest", Value::Null);
    for method in ["GET", "HEAD"] {
        for path in [path(&session, ""), path(NEVER, ""), "/v1/xrates/".into()] {
            node.send(method, &path, &[("session", &session)], "{}");
            node.send(method, &path, &[("session", NEVER)], "{}");
            node.send(method, &path, &[], "{}");
        }
    }
    assert_eq!(node.journal.records().len(), records);
    assert_eq!(
        node.administer("GET", "/admin/v1/digest", Value::Null),
        digest
    );
    assert!(alive(&node, &session));
}

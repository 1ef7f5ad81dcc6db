//! Paths, methods, and what all answers have in common.

use super::*;

#[test]
fn other_paths_are_not_found() {
    rows!("V-1", "V-13");
    let node = node(&["alice"]);
    let key = guest(&node);
    for path in [
        "/v3",
        "/v3/",
        "/v3/session",
        "/v3/session/",
        "/v3/session/users",
        "/v3/session/user/",
        "/v3/session/User",
        "/V3/../v3/session/nothing",
        "/v3/session/login/",
        "/v3/session/login/otp/",
        "/v3/session/login/sms",
        "/v3/session/logout/now",
        "/v3/session//user",
        "/v3/account/apiKey",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = node.send(method, path, &[(TOKEN, &key)], "");
            match path.starts_with("/v3") {
                true => assert!(refused(&answer, 404, 10_001).is_empty(), "{path}"),
                false => assert_eq!(answer.status, 404, "{path}"),
            }
        }
    }
}

#[test]
fn other_methods_are_told_which_there_are() {
    rows!("V-2", "V-13");
    let node = node(&[]);
    for ((_, path), allow) in CALLS.into_iter().zip(["GET, HEAD", "POST", "POST", "POST"]) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FETCH"] {
            if allow.contains(method) {
                continue;
            }
            // Whether there is a key does not matter: the method comes first.
            let answer = node.send(method, path, &[], "");
            assert!(refused(&answer, 405, 60_010).is_empty());
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    }
}

#[test]
fn head_is_get_without_the_body() {
    rows!("V-3");
    let node = node(&["alice"]);
    let key = guest(&node);
    complete(&log_in(&node, &key, "alice", PASSWORD));
    let shown = user(&node, &key);
    let head = call(&node, &key, ("HEAD", USER));
    assert_eq!((head.status, head.text().as_str()), (200, ""));
    assert_eq!(head.header("content-type"), shown.header("content-type"));
    assert_eq!(
        head.header("content-length"),
        shown.header("content-length")
    );
    for path in [LOGIN, OTP, LOGOUT] {
        let head = call(&node, &key, ("HEAD", path));
        assert_eq!((head.status, head.header("allow")), (405, Some("POST")));
    }
    done(&log_out(&node, &key));
    assert_eq!(call(&node, &key, ("HEAD", USER)).status, 404);
}

#[test]
fn nothing_is_stored_and_a_query_is_ignored() {
    rows!("V-4");
    let node = node(&["alice"]);
    let key = guest(&node);
    // `complete`, `done` and `refused` look at the headers of each answer.
    let body = json!({"userName": "alice", "password": PASSWORD});
    complete(&post(&node, &key, "/v3/session/login?userName=bob", &body));
    let path = "/v3/session/user?expand=1";
    assert_eq!(ok(&call(&node, &key, ("GET", path)))["userName"], "alice");
    let query = format!("{USER}?PRIVATE-TOKEN={key}&private_token={key}");
    refused(&node.send("GET", &query, &[], ""), 401, 60_003);
    done(&call(&node, &key, ("POST", "/v3/session/logout?all=1")));
    refused(&user(&node, &key), 404, 10_001);
}

#[test]
fn one_connection_carries_a_whole_visit() {
    rows!("V-4");
    let node = node(&["alice"]);
    let key = guest(&node);
    let headers = [(TOKEN, key.as_str()), JSON];
    let body = json!({"userName": "alice", "password": PASSWORD}).to_string();
    let mut client = node.client();
    for _ in 0..3 {
        complete(&client.send("POST", LOGIN, &headers, body.as_bytes()));
        ok(&client.send("GET", USER, &headers, b""));
        done(&client.send("POST", LOGOUT, &headers, b""));
        refused(&client.send("GET", USER, &headers, b""), 404, 10_001);
    }
}

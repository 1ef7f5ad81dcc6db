//! What a body may be.

use super::*;

fn good() -> String {
    json!({"userName": "alice", "password": PASSWORD}).to_string()
}

fn sent(node: &Node, key: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: Vec<_> = [(TOKEN, key)]
        .into_iter()
        .chain(headers.iter().copied())
        .collect();
    node.send("POST", path, &headers, body)
}

#[test]
fn a_body_is_json_and_says_so() {
    rows!("V-27", "V-28");
    let node = node(&["alice"]);
    let key = guest(&node);
    for headers in [
        &[JSON][..],
        &[("content-type", "application/json; charset=utf-8")],
        &[("Content-Type", "Application/JSON")],
        &[JSON, ("content-encoding", "identity")],
        &[],
    ] {
        complete(&sent(&node, &key, LOGIN, headers, &good()));
        done(&sent(&node, &key, LOGOUT, headers, "{}"));
    }
    for headers in [
        &[("content-type", "text/plain")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/json5")],
        &[("content-type", "application/problem+json")],
        &[("content-type", "")],
        &[JSON, JSON],
        &[JSON, ("content-encoding", "gzip")],
    ] {
        for path in [LOGIN, OTP, LOGOUT] {
            refused(&sent(&node, &key, path, headers, &good()), 415, 60_007);
        }
    }
    assert_eq!(who(&node, &key), None);
}

#[test]
fn no_body_needs_no_type() {
    rows!("V-28", "V-29", "V-34");
    let node = node(&["alice"]);
    let key = guest(&node);
    for headers in [&[][..], &[JSON], &[("content-type", "text/plain")]] {
        let answer = sent(&node, &key, LOGIN, headers, "");
        invalid(&answer, &["userName", "password"]);
        invalid(&sent(&node, &key, OTP, headers, ""), &["otp"]);
        done(&sent(&node, &key, LOGOUT, headers, ""));
    }
}

#[test]
fn name_and_password_are_strings_and_required() {
    rows!("V-29", "V-13");
    let node = node(&["alice"]);
    let key = guest(&node);
    for (body, faults) in [
        (json!({}), &["userName", "password"][..]),
        (json!({"userName": "alice"}), &["password"]),
        (json!({"password": "x"}), &["userName"]),
        (
            json!({"userName": null, "password": null}),
            &["userName", "password"],
        ),
        (json!({"userName": 1, "password": "x"}), &["userName"]),
        (
            json!({"userName": ["alice"], "password": true}),
            &["userName", "password"],
        ),
        (
            json!({"username": "alice", "password": "x"}),
            &["userName", "username"],
        ),
    ] {
        invalid(&post(&node, &key, LOGIN, &body), faults);
    }
    // Empty strings are strings: they are just wrong.
    refused(&log_in(&node, &key, "", ""), 401, 60_001);
}

#[test]
fn remember_me_is_nought_or_one() {
    rows!("V-30");
    let node = node(&["alice"]);
    let key = guest(&node);
    let with = |text: &str| {
        let body = format!(r#"{{"userName":"alice","password":"{PASSWORD}","rememberMe":{text}}}"#);
        sent(&node, &key, LOGIN, &[JSON], &body)
    };
    for good in ["0", "1", "1.0", "0e3", "-0"] {
        complete(&with(good));
        done(&log_out(&node, &key));
    }
    for bad in [
        "2", "-1", "0.5", "true", "false", "null", "\"1\"", "[1]", "{}",
    ] {
        invalid(&with(bad), &["rememberMe"]);
    }
    assert_eq!(who(&node, &key), None);
}

#[test]
fn a_property_that_is_not_known_is_named() {
    rows!("V-31", "V-35");
    let node = node(&["alice"]);
    let key = guest(&node);
    let login = json!({"userName": "alice", "password": PASSWORD, "otp": "1", "x": {"y": 1}});
    invalid(&post(&node, &key, LOGIN, &login), &["otp", "x"]);
    let both = json!({"otp": "123456", "userName": "alice"});
    invalid(&post(&node, &key, OTP, &both), &["userName"]);
    invalid(&post(&node, &key, LOGOUT, &json!({"all": true})), &["all"]);
    // Neither names nor lists of them are said back without end.
    let many: serde_json::Map<_, _> = (0..200).map(|n| (format!("p{n}"), json!(n))).collect();
    assert_eq!(
        refused(&post(&node, &key, LOGOUT, &json!(many)), 422, 60_008).len(),
        16
    );
    let long = json!({"x".repeat(1_000): 1});
    invalid(&post(&node, &key, LOGOUT, &long), &[&"x".repeat(64)]);
    assert_eq!(who(&node, &key), None);
}

#[test]
fn a_body_is_one_object_without_repetition() {
    rows!("V-32");
    let node = node(&["alice"]);
    let key = guest(&node);
    for body in [
        format!(r#"{{"userName":"alice","userName":"alice","password":"{PASSWORD}"}}"#),
        format!(r#"{{"userName":"alice","user\u004eame":"bob","password":"{PASSWORD}"}}"#),
    ] {
        invalid(&sent(&node, &key, LOGIN, &[JSON], &body), &["userName"]);
    }
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    for body in [
        "{",
        "null",
        "[]",
        "\"x\"",
        "1",
        "{}{}",
        "{\"userName\":}",
        "userName=alice",
        "\u{feff}{}",
        "\"\\ud800\"",
        &deep,
    ] {
        for path in [LOGIN, OTP, LOGOUT] {
            invalid(&sent(&node, &key, path, &[JSON], body), &[""]);
        }
    }
}

#[test]
fn a_large_body_is_refused() {
    rows!("V-33");
    let node = node(&["alice"]);
    let key = guest(&node);
    let filled = |to: usize| {
        let body = json!({"userName": "alice", "password": ""}).to_string();
        let password = "x".repeat(to - body.len());
        json!({"userName": "alice", "password": password}).to_string()
    };
    let fits = filled(64 * 1_024);
    assert_eq!(fits.len(), 65_536);
    refused(&sent(&node, &key, LOGIN, &[JSON], &fits), 401, 60_001);
    let over = filled(64 * 1_024 + 1);
    for path in [LOGIN, OTP, LOGOUT] {
        refused(&sent(&node, &key, path, &[JSON], &over), 413, 60_011);
    }
}

#[test]
fn a_code_is_a_string_and_required() {
    rows!("V-34");
    let node = node(&["otto"]);
    let seed = enrol(&node, "otto");
    let key = guest(&node);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    for body in [
        json!({}),
        json!({"otp": null}),
        json!({"otp": 123_456}),
        json!({"otp": ["123456"]}),
    ] {
        invalid(&post(&node, &key, OTP, &body), &["otp"]);
    }
    // None of them was counted as a guess.
    for _ in 0..4 {
        refused(&otp(&node, &key, &wrong_code(&seed)), 401, 60_002);
    }
    done(&otp(&node, &key, &code(&seed, 0)));
}

#[test]
fn logout_needs_no_body() {
    rows!("V-35");
    let node = node(&["alice"]);
    let key = guest(&node);
    for (headers, body) in [
        (&[][..], ""),
        (&[JSON], ""),
        (&[], "{}"),
        (&[JSON], "{}"),
        (&[JSON], " { } "),
        (&[("content-length", "0")], ""),
        (&[("content-type", "application/x-www-form-urlencoded")], ""),
    ] {
        complete(&log_in(&node, &key, "alice", PASSWORD));
        done(&sent(&node, &key, LOGOUT, headers, body));
        assert_eq!(who(&node, &key), None);
    }
}

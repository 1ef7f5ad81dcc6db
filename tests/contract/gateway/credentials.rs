//! Which credential decides, and what is none.

use sessile::door::Engine;

use super::{PATH, ask, node};
use crate::support::OWNER;

fn auth(value: &str) -> (&str, &str) {
    ("authorization", value)
}

fn session(value: &str) -> (&str, &str) {
    ("session", value)
}

fn xdata(value: &str) -> (&str, &str) {
    ("xdata-session-token", value)
}

#[test]
fn the_first_credential_that_is_present_decides() {
    rows!("G-3", "G-4", "G-5");
    let node = node();
    let good = node.session("alice");
    let bearer = format!("Bearer {good}");
    let (bad, bad_bearer) = ("0".repeat(32), "Bearer 0".to_owned());
    let cases: [(&[(&str, &str)], u16); 22] = [
        (&[], 401),
        (&[auth(&bearer), session(&bad), xdata(&bad)], 200),
        (&[xdata(&bad), session(&bad), auth(&bearer)], 200),
        (&[auth(&bad_bearer), session(&good), xdata(&good)], 401),
        (&[session(&good), xdata(&bad)], 200),
        (&[session(&bad), xdata(&good)], 401),
        (&[xdata(&good)], 200),
        (&[xdata(&bad)], 401),
        (&[session(""), xdata(&good)], 401),
        (&[auth(""), session(&good)], 401),
        (&[auth("Bearer"), session(&good)], 401),
        (&[auth("Bearer "), session(&good)], 401),
        (&[auth(&good)], 401),
        (
            &[auth("Basic YWxpY2U6cGFzc3dvcmQtMQ=="), session(&good)],
            401,
        ),
        (&[auth("Digest x"), session(&good)], 401),
        (&[auth("Negotiate"), session(&good)], 401),
        (&[auth(&bearer), auth(&bearer)], 401),
        (&[session(&good), session(&good)], 401),
        (&[session(&good), session(&bad), xdata(&good)], 401),
        (&[xdata(&good), xdata(&good)], 401),
        (&[auth(&bearer), session(&good), session(&good)], 200),
        (&[session(&good), xdata(&bad), xdata(&bad)], 200),
    ];
    for (headers, status) in cases {
        assert_eq!(ask(&node, headers), status, "{headers:?}");
    }
}

#[test]
fn nothing_but_a_secret_is_a_credential() {
    rows!("G-6", "G-8");
    let node = node();
    let session = node.session("alice");
    let (api_key, secret) = node.key_pair("alice");
    let path = format!("/v1/sessions/{session}/tokenize/");
    let handed = node
        .send("POST", &path, &[("session", &session)], "")
        .json();
    let handoff = handed["data"].as_str().unwrap();
    let public_id = node
        .engine
        .session_id(session.as_bytes())
        .unwrap()
        .to_string();
    let spelled = [
        session.to_ascii_uppercase(),
        format!("{session}0"),
        "s".repeat(257),
    ];
    for other in [
        &*public_id,
        handoff,
        &api_key,
        &secret,
        "password-1",
        OWNER,
        "alice",
        "1",
    ]
    .into_iter()
    .chain(spelled.iter().map(String::as_str))
    {
        let bearer = format!("Bearer {other}");
        for header in [
            ("authorization", &*bearer),
            ("session", other),
            ("xdata-session-token", other),
        ] {
            assert_eq!(ask(&node, &[header]), 401, "{header:?}");
        }
    }
    assert_eq!(
        ask(&node, &[("apikey", &api_key), ("secret", &secret)]),
        401
    );
    assert_eq!(
        ask(&node, &[("cookie", &format!("session={session}"))]),
        401
    );
    let query = format!("{PATH}?session={session}");
    assert_eq!(node.send("GET", &query, &[], "").status, 401);
    assert_eq!(ask(&node, &[("session", &session)]), 200);
}

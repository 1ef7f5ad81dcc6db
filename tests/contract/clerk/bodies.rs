//! Forms, and what is none.

use super::*;
use crate::support::client::Client;

/// The paths that read a form, for a signed-in browser.
fn readers(session: &str) -> [String; 4] {
    [
        SIGN_INS.to_owned(),
        format!("{SIGN_INS}/sia_x/attempt_first_factor"),
        format!("{SESSIONS}/{session}/touch"),
        format!("{SESSIONS}/{session}/tokens"),
    ]
}

#[test]
fn no_body_at_all_is_an_empty_form() {
    rows!("C-7");
    let node = node(&["alice"]);
    let (alice, session) = Browser::signed_in(&node, "alice");
    let cookie = format!("cookie: __client={}\r\n", alice.secret());
    for call in ["touch", "tokens"] {
        let path = format!("{SESSIONS}/{session}/{call}");
        // Neither a length nor a type.
        let mut client = node.client();
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\n{cookie}\r\n");
        client.send_raw(head.as_bytes());
        ok(&client.read_answer(false));
        for kind in ["application/json", "text/plain", "nonsense", ""] {
            let cookie = format!("__client={}", alice.secret());
            let headers = [("cookie", cookie.as_str()), ("content-type", kind)];
            ok(&node.send("POST", &path, &headers, ""));
        }
    }
}

#[test]
fn an_empty_field_counts_as_not_sent_and_unknown_ones_are_ignored() {
    rows!("C-8");
    let node = node(&["alice"]);
    let mut alice = Browser::new(&node);
    let form = "strategy=&identifier=alice&password=password-1&locale=en-US&timezone=UTC&x";
    let signed_in = ok(&alice.post(SIGN_INS, form));
    let session = text(&signed_in["response"]["created_session_id"]);
    let touch = format!("{SESSIONS}/{session}/touch");
    ok(&alice.post(&touch, "active_organization_id=&intent=&tab_state=focused"));
    let tokens = format!("{SESSIONS}/{session}/tokens");
    ok(&alice.post(&tokens, "organization_id=&tab_state=focused&debug=1"));
    let empty = alice.post(SIGN_INS, "identifier=&password=x");
    wrong_field(&empty, "form_param_missing", "identifier");
    let waiting = ok(&Browser::new(&node).post(SIGN_INS, "identifier=alice&password="));
    assert_eq!(waiting["response"]["status"], "needs_first_factor");
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    rows!("C-9");
    let node = node(&["alice"]);
    let (mut alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let path = |call: &str| format!("{SESSIONS}/{session}/{call}");
    for (path, form, field) in [
        (
            SIGN_INS.to_owned(),
            "identifier=a&password=b&password=b",
            "password",
        ),
        (
            SIGN_INS.to_owned(),
            "identifier=a&%69dentifier=alice&password=b",
            "identifier",
        ),
        (path("touch"), "intent=focus&intent=focus", "intent"),
        (
            path("tokens"),
            "organization_id=&organization_id=",
            "organization_id",
        ),
    ] {
        wrong_field(&alice.post(&path, form), "form_param_value_invalid", field);
    }
    let answer = alice.post(&path("touch"), "intent=focus&x=1&x=2");
    refused(&answer, 400, "request_body_invalid");
    assert_eq!(effects(&node), before);
}

#[test]
fn bodies_of_other_types_are_refused() {
    rows!("C-10");
    let node = node(&["alice"]);
    let (alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let cookie = format!("__client={}", alice.secret());
    let cookie = ("cookie", cookie.as_str());
    let json = ("content-type", "application/json");
    let cases: [&[(&str, &str)]; 5] = [
        &[cookie, json],
        &[cookie, ("content-type", "multipart/form-data; boundary=x")],
        &[cookie, FORM, FORM],
        &[cookie, FORM, ("content-encoding", "gzip")],
        &[cookie, ("content-type", "")],
    ];
    for headers in cases {
        for call in ["touch", "tokens"] {
            let path = format!("{SESSIONS}/{session}/{call}");
            let answer = node.send("POST", &path, headers, "intent=focus");
            refused(&answer, 415, "unsupported_content_type");
        }
        let form = format!("identifier=alice&password={PASSWORD}");
        let answer = node.send("POST", SIGN_INS, headers, &form);
        refused(&answer, 415, "unsupported_content_type");
    }
    let typed = [
        cookie,
        (
            "content-type",
            "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        ),
    ];
    let path = format!("{SESSIONS}/{session}/touch");
    ok(&node.send("POST", &path, &typed, "intent=focus"));
    assert_eq!(effects(&node), before);
}

#[test]
fn no_body_of_any_kind_is_answered_5xx_or_has_an_effect() {
    rows!("C-11");
    let node = node(&["alice"]);
    let (alice, session) = Browser::signed_in(&node, "alice");
    let before = effects(&node);
    let cookie = format!("__client={}", alice.secret());
    let headers = [("cookie", cookie.as_str()), FORM];
    let long = vec![b'a'; 65_537];
    let cases: [(&[u8], u16); 9] = [
        (b"intent=%", 400),
        (b"intent=%4", 400),
        (b"identifier=%zz&password=x", 400),
        (b"identifier=\xff&password=x", 400),
        (b"identifier=%ff&password=x", 400),
        (b"intent=%ed%a0%80", 400),
        (b"%c0%ae=x", 400),
        (b"\x00%01\xfe", 400),
        (&long, 413),
    ];
    for (body, status) in cases {
        for path in readers(&session) {
            let answer = node.client().send("POST", &path, &headers, body);
            let known = if path.contains("sia_x") { 404 } else { status };
            assert_eq!(answer.status, known, "{path}: {}", answer.text());
            usual(&answer);
        }
    }
    // As long as may be, and one byte more of a length that is a lie.
    let padded = format!("intent=focus&x={}", "a".repeat(65_536 - 15));
    let path = format!("{SESSIONS}/{session}/touch");
    ok(&node.send("POST", &path, &headers, &padded));
    for chunks in ["x\r\n", "5\r\nintent", "ffffffffffffffffffff\r\n"] {
        let headers = [headers[0], FORM, ("transfer-encoding", "chunked")];
        let mut client: Client = node.client();
        let answer = client.send(
            "POST",
            &path,
            &headers,
            format!("{chunks}\r\n0\r\n\r\n").as_bytes(),
        );
        assert_eq!(answer.status, 400, "{chunks}: {}", answer.text());
    }
    assert_eq!(effects(&node), before);
}

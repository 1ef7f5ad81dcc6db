//! How bodies are read: types, encodings, sizes, chunks.

use super::*;

const GOOD_JSON: &str = r#"{"username":"alice","password":"password-1"}"#;
const GOOD_FORM: &str = "username=alice&password=password-1";

fn send(node: &Node, headers: &[(&str, &str)], body: &str) -> Answer {
    node.send("POST", LOGIN, headers, body)
}

#[test]
fn json_and_forms_are_read_whatever_case_and_parameters() {
    rows!("M-7", "M-40");
    let node = node(&["alice"]);
    for (content_type, body) in [
        ("application/json", GOOD_JSON),
        ("Application/JSON", GOOD_JSON),
        ("application/json; charset=utf-8", GOOD_JSON),
        ("application/json;charset=UTF-8;x=\"y\"", GOOD_JSON),
        ("  application/json  ", GOOD_JSON),
        ("application/x-www-form-urlencoded", GOOD_FORM),
        ("APPLICATION/X-WWW-FORM-URLENCODED", GOOD_FORM),
        (
            "application/x-www-form-urlencoded; charset=utf-8",
            GOOD_FORM,
        ),
    ] {
        text(&send(&node, &[("content-type", content_type)], body));
    }
}

#[test]
fn a_body_of_another_type_is_refused() {
    rows!("M-8");
    let node = node(&["alice"]);
    for content_type in [
        "text/plain",
        "text/json",
        "application/jsonx",
        "application/xml",
        "multipart/form-data; boundary=x",
        "json",
        "application",
        "",
    ] {
        for body in [GOOD_JSON, GOOD_FORM] {
            let answer = send(&node, &[("content-type", content_type)], body);
            refused(&answer, 415, "unsupported_media_type");
        }
    }
    let twice = send(&node, &[JSON, JSON], GOOD_JSON);
    refused(&twice, 415, "unsupported_media_type");
    let both = send(&node, &[JSON, FORM], GOOD_JSON);
    refused(&both, 415, "unsupported_media_type");
    let session = node.session("alice");
    for rest in ["sudo/", "detokenize/"] {
        let headers = [("session", &*session), ("content-type", "text/plain")];
        let answer = node.send("POST", &path(&session, rest), &headers, "target=alice");
        refused(&answer, 415, "unsupported_media_type");
    }
}

#[test]
fn an_encoded_body_is_refused_and_identity_is_none() {
    rows!("M-9");
    let node = node(&["alice"]);
    for encoding in ["gzip", "deflate", "br", "identity, gzip", "x"] {
        let answer = send(&node, &[JSON, ("content-encoding", encoding)], GOOD_JSON);
        refused(&answer, 415, "unsupported_media_type");
    }
    for encoding in ["identity", "Identity"] {
        text(&send(
            &node,
            &[JSON, ("content-encoding", encoding)],
            GOOD_JSON,
        ));
    }
}

#[test]
fn an_empty_body_lacks_fields_whatever_its_type() {
    rows!("M-10");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for headers in [
        &[][..],
        &[JSON],
        &[FORM],
        &[("content-type", "text/plain")],
        &[("content-length", "0")],
        &[JSON, JSON],
    ] {
        invalid(&send(&node, headers, ""), &["username", "password"]);
        let own = |rest| {
            let mut headers = headers.to_vec();
            headers.push(("session", &session));
            node.send("POST", &path(&session, rest), &headers, "")
        };
        invalid(&own("sudo/"), &["target"]);
        invalid(&own("detokenize/"), &["token"]);
        text(&own("tokenize/"));
    }
    // Neither length nor body at all.
    let mut connection = node.client();
    connection.send_raw(
        format!("POST /v1/sessions/{session}/tokenize/ HTTP/1.1\r\nhost: t\r\nsession: {session}\r\n\r\n")
            .as_bytes(),
    );
    text(&connection.read_answer(false));
}

#[test]
fn a_body_without_a_type_is_a_form() {
    rows!("M-11");
    let node = node(&["alice"]);
    text(&send(&node, &[], GOOD_FORM));
    invalid(&send(&node, &[], GOOD_JSON), &["username", "password"]);
}

#[test]
fn a_body_has_at_most_64_kib() {
    rows!("M-18");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let padded = |bytes: usize| {
        let frame = GOOD_JSON.len() + r#","x":"""#.len();
        let padding = "x".repeat(bytes - frame);
        GOOD_JSON.replace('}', &format!(r#","x":"{padding}"}}"#))
    };
    let most = padded(65_536);
    assert_eq!(most.len(), 65_536);
    text(&send(&node, &[JSON], &most));
    for size in [65_537, 65_600, 400_000] {
        let body = padded(size);
        refused(&send(&node, &[JSON], &body), 413, "request_too_large");
        refused(&send(&node, &[], &body), 413, "request_too_large");
        let plain = send(&node, &[("content-type", "text/plain")], &body);
        refused(&plain, 413, "request_too_large");
        for rest in ["sudo/", "detokenize/"] {
            let headers = [("session", &*session), JSON];
            let answer = node.send("POST", &path(&session, rest), &headers, &body);
            refused(&answer, 413, "request_too_large");
        }
    }
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 65_537, padded(65_537));
    let headers = [JSON, ("transfer-encoding", "chunked")];
    refused(&send(&node, &headers, &chunk), 413, "request_too_large");
}

#[test]
fn chunks_are_put_together_and_broken_ones_refused() {
    rows!("M-19");
    let node = node(&["alice"]);
    let headers = [JSON, ("transfer-encoding", "chunked")];
    let (one, two) = GOOD_JSON.split_at(11);
    let chunks = [one, two].map(|piece| format!("{:x};ext=1\r\n{piece}\r\n", piece.len()));
    text(&send(
        &node,
        &headers,
        &format!("{}0\r\n\r\n", chunks.concat()),
    ));
    invalid(
        &send(&node, &headers, "0\r\n\r\n"),
        &["username", "password"],
    );
    for broken in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ] {
        let answer = send(&node, &headers, broken);
        refused(&answer, 400, "bad_request");
    }
}

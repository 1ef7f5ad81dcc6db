//! What callers take: JSON, unless they say otherwise.

use super::*;

#[test]
fn json_is_answered_to_whoever_takes_it() {
    rows!("M-21");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for accept in [
        &[][..],
        &["*/*"],
        &["application/*"],
        &["application/json"],
        &["APPLICATION/JSON"],
        &["application/json, */*;q=0.5"],
        &["application/json, text/plain, */*"],
        &["text/html, application/json;q=0.001"],
        &["text/html", "application/json"],
        &["application/json; charset=utf-8"],
        &["text/html;q=1.0,*/*;q=0.1"],
        &["*/*;q=0, application/json"],
        &["application/*;q=0, application/json;q=0.2"],
    ] {
        let accepts = accept.iter().map(|a| ("accept", *a));
        let headers: Vec<_> = accepts.chain([("session", session.as_str())]).collect();
        ok(&node.send("GET", &path(&session, ""), &headers, ""));
    }
}

#[test]
fn whoever_does_not_take_json_is_told_so_on_every_call() {
    rows!("M-21");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for accept in [
        &["text/html"][..],
        &["text/*"],
        &["application/xml"],
        &["application/jsonp"],
        &["application/json;q=0"],
        &["application/json;q=0.0, text/html"],
        &["application/json;q=0, */*"],
        &["application/*;q=0, */*;q=1"],
        &["*/*;q=0"],
        &["application/json;q=x"],
        &[""],
        &["text/html", "text/plain"],
    ] {
        let accepts = accept.iter().map(|a| ("accept", *a));
        let headers: Vec<_> = accepts
            .chain([("session", session.as_str()), JSON])
            .collect();
        for (method, path) in [
            ("POST", LOGIN.to_owned()),
            ("GET", path(&session, "")),
            ("DELETE", path(&session, "")),
            ("POST", path(&session, "sudo/")),
            ("POST", path(&session, "tokenize/")),
            ("POST", path(&session, "detokenize/")),
            ("GET", "/v1/xrates/".into()),
        ] {
            let answer = node.send(method, &path, &headers, "{}");
            refused(&answer, 406, "not_acceptable");
        }
    }
    assert!(alive(&node, &session));
}

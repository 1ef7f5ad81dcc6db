//! The OpenAPI document against what is served.

use std::collections::BTreeSet;

use sessile::http::openapi::DOCUMENT;

use super::*;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Follows references.
fn resolved<'d>(document: &'d Value, mut at: &'d Value) -> &'d Value {
    while let Some(path) = at["$ref"].as_str() {
        at = document.pointer(path.trim_start_matches('#')).unwrap();
    }
    at
}

/// What of JSON Schema the document makes use of, judged on a value: the faults.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    let schema = resolved(document, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &&Value| {
            let mut own = Vec::new();
            faults(document, choice, value, at, &mut own);
            own.is_empty()
        };
        if choices.iter().filter(fits).count() != 1 {
            out.push(format!("{at}: fits not exactly one of its forms"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|allowed| allowed == kind),
        allowed => allowed == kind,
    };
    if !allowed {
        return out.push(format!("{at}: is {kind}"));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|e| !e.contains(value))
    {
        out.push(format!("{at}: {value} is not listed"));
    }
    if let Some(members) = value.as_object() {
        let known = schema["properties"].as_object().unwrap();
        let required = schema["required"].as_array().unwrap();
        for name in required.iter().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                out.push(format!("{at}.{name}: is missing"));
            }
        }
        for (name, member) in members {
            match known.get(name) {
                Some(schema) => faults(document, schema, member, &format!("{at}.{name}"), out),
                None => out.push(format!("{at}.{name}: is not known")),
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        faults(document, &schema["items"], item, &format!("{at}[]"), out);
    }
}

/// Checks an answer against what the document says of its call, and gives the status.
fn conforms(document: &Value, (method, path): (&str, &str), answer: &Answer) -> String {
    let operation = &document["paths"][path][method.to_ascii_lowercase()];
    let status = answer.status.to_string();
    let response = &operation["responses"][&status];
    assert!(
        response.is_object(),
        "{method} {path}: {status} is not listed"
    );
    let response = resolved(document, response);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let sent = answer.header(&name.to_ascii_lowercase());
        assert!(sent.is_some() || header["required"] != true, "{name}");
    }
    match response["content"].as_object() {
        None => assert_eq!(answer.text(), ""),
        Some(content) => {
            let (kind, media) = content.iter().next().unwrap();
            assert_eq!(answer.header("content-type"), Some(kind.as_str()));
            let mut found = Vec::new();
            faults(document, &media["schema"], &answer.json(), "$", &mut found);
            assert!(found.is_empty(), "{method} {path} {status}: {found:?}");
        }
    }
    status
}

#[test]
fn the_document_is_served_as_it_is_written() {
    rows!("V-72");
    let node = node(&[]);
    let served = node.send("GET", "/openapi.json", &[], "");
    assert_eq!(served.status, 200);
    assert_eq!(served.text(), DOCUMENT);
    assert_eq!(served.header("content-type"), Some("application/json"));
    served.only_headers(&[]);
    assert_eq!(node.send("HEAD", "/openapi.json", &[], "").status, 200);
    let refused = node.send("POST", "/openapi.json", &[], "");
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn the_document_lists_the_four_calls_and_the_key_they_need() {
    rows!("V-72", "V-1", "V-5");
    let document = document();
    let mut listed = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            listed.push((method.to_ascii_uppercase(), path.clone()));
        }
    }
    listed.sort();
    let mut wanted = CALLS.map(|(method, path)| (method.to_owned(), path.to_owned()));
    wanted.sort();
    assert_eq!(listed, wanted);
    assert_eq!(document["security"], json!([{"PrivateToken": []}]));
    let scheme = &document["components"]["securitySchemes"]["PrivateToken"];
    assert_eq!(
        (&scheme["in"], &scheme["name"]),
        (&json!("header"), &json!("PRIVATE-TOKEN"))
    );
}

#[test]
fn every_status_of_a_call_is_listed_and_every_listed_one_can_be_had() {
    rows!("V-72", "V-13", "V-17");
    let document = document();
    let node = node(&["alice", "otto", "carol"]);
    let profile = json!({"profile": {"details": {"unconfirmed_email": "x@example.test"}}});
    node.administer("PATCH", "/admin/v1/accounts/alice", profile);
    let seed = enrol(&node, "otto");
    let (key, other) = (guest(&node), guest(&node));
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    let mut saw = |call: (&'static str, &'static str), answer: Answer| {
        seen.insert((call.1, conforms(&document, call, &answer)));
    };
    let [user_call, login_call, otp_call, logout_call] = CALLS;
    for call @ (method, path) in CALLS {
        saw(call, node.send(method, path, &[], ""));
        saw(call, self::call(&node, "unknown", call));
        if call != user_call {
            let text = [(TOKEN, key.as_str()), ("content-type", "text/plain")];
            saw(call, node.send(method, path, &text, "x"));
            saw(call, post(&node, &key, path, &json!({"x": 1})));
            saw(call, post(&node, &key, path, &json!("x".repeat(70_000))));
        }
    }
    saw(user_call, user(&node, &key));
    saw(login_call, log_in(&node, &key, "alice", "wrong"));
    saw(login_call, log_in(&node, &key, "alice", PASSWORD));
    saw(login_call, log_in(&node, &key, "alice", PASSWORD));
    saw(user_call, user(&node, &key));
    saw(logout_call, log_out(&node, &key));
    saw(otp_call, otp(&node, &key, "x"));
    saw(login_call, log_in(&node, &key, "otto", PASSWORD));
    node.journal.refuse(true);
    saw(otp_call, otp(&node, &key, "x"));
    saw(logout_call, log_out(&node, &other));
    node.journal.refuse(false);
    node.hold_in_images();
    saw(otp_call, otp(&node, &key, "x"));
    saw(otp_call, otp(&node, &key, &code(&seed, 0)));
    saw(user_call, user(&node, &key));
    saw(user_call, user(&node, &account_key(&node, "alice")));
    saw(logout_call, log_out(&node, &key));
    node.journal.refuse(true);
    saw(login_call, log_in(&node, &key, "alice", PASSWORD));
    node.journal.refuse(false);
    node.hold_in_images();
    complete(&log_in(&node, &other, "alice", PASSWORD));
    node.journal.refuse(true);
    saw(logout_call, log_out(&node, &other));
    node.journal.refuse(false);
    node.hold_in_images();
    node.clock.advance_ms(60_000);
    pending(&log_in(&node, &key, "otto", PASSWORD));
    for _ in 0..5 {
        refused(&log_in(&node, &other, "otto", "wrong"), 401, 60_001);
    }
    saw(otp_call, otp(&node, &key, "x"));
    saw(login_call, log_in(&node, &other, "otto", "wrong"));
    // Of what is listed, only faults of our own and a read that finds no room cannot be had here.
    let (mut unseen, paths) = (Vec::new(), document["paths"].as_object().unwrap());
    for (path, item) in paths {
        let operation = item.as_object().unwrap().values().next().unwrap();
        for status in operation["responses"].as_object().unwrap().keys() {
            if !seen.contains(&(path.as_str(), status.clone())) {
                unseen.push(format!("{path} {status}"));
            }
        }
    }
    let wanted = [
        "/v3/session/login 500",
        "/v3/session/login/otp 500",
        "/v3/session/logout 500",
        "/v3/session/user 500",
        "/v3/session/user 503",
    ];
    unseen.sort();
    assert_eq!(unseen, wanted);
}

#[test]
fn what_the_document_says_of_bodies_is_what_is_asked_for() {
    rows!("V-72", "V-29", "V-31", "V-34");
    let document = document();
    let node = node(&[]);
    let key = guest(&node);
    for (path, name) in [(LOGIN, "SessionLogin"), (OTP, "SessionLoginOtp")] {
        let schema = &document["components"]["schemas"][name];
        let media = &document["paths"][path]["post"]["requestBody"]["content"];
        let reference = format!("#/components/schemas/{name}");
        assert_eq!(media["application/json"]["schema"]["$ref"], reference);
        assert_eq!(schema["additionalProperties"], false);
        let required = schema["required"].as_array().unwrap();
        let names: Vec<_> = required.iter().filter_map(Value::as_str).collect();
        invalid(&post(&node, &key, path, &json!({})), &names);
    }
    assert!(document["paths"][LOGOUT]["post"]["requestBody"].is_null());
}

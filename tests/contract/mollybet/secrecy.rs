//! No answer repeats what was sent.

use super::*;

/// A value that no answer may show.
const CANARY: &str = "c4nary-pa55word";

fn silent(answer: &Answer) {
    let shown = format!("{:?} {}", answer.headers, answer.text());
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(answer.status >= 400, "{shown}");
    assert!(answer.text().contains(r#""status":"error""#), "{shown}");
}

#[test]
fn no_refusal_repeats_a_value_that_was_sent() {
    rows!("M-37");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for body in [
        json!({"username": "alice", "password": CANARY}).to_string(),
        json!({"username": CANARY, "password": CANARY}).to_string(),
        json!({"username": "alice", "password": [CANARY]}).to_string(),
        json!({"username": {CANARY: 1}, "password": ""}).to_string(),
        json!({"username": "", "password": CANARY, "otp": [CANARY]}).to_string(),
        format!(r#"{{"username":"alice","password":"{CANARY}""#),
        format!(r#"{{"username":"alice","password":"{CANARY}","password":"{CANARY}"}}"#),
        format!(r#"["{CANARY}"]"#),
        format!(r#""{CANARY}"#),
        CANARY.to_owned(),
    ] {
        for content_type in [
            JSON,
            FORM,
            ("content-type", "text/plain"),
            ("content-type", CANARY),
        ] {
            silent(&node.send("POST", LOGIN, &[content_type], &body));
            for rest in ["sudo/", "detokenize/"] {
                let headers = [("session", &*session), content_type];
                silent(&node.send("POST", &path(&session, rest), &headers, &body));
            }
        }
    }
    for form in [
        format!("username=alice&password={CANARY}"),
        format!("username={CANARY}&password={CANARY}&password={CANARY}"),
        format!("password={CANARY}%zz"),
    ] {
        silent(&node.send("POST", LOGIN, &[FORM], &form));
    }
    for (method, rest) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", "sudo/"),
        ("PUT", CANARY),
    ] {
        let path = path(CANARY, rest);
        silent(&node.send(method, &path, &[], ""));
        silent(&node.send(method, &path, &[("session", CANARY)], ""));
        silent(&node.send(method, &path, &[("accept", CANARY)], ""));
        silent(&node.send(method, &path, &[("session", &session)], ""));
    }
    silent(&sudo(&node, &session, CANARY));
    silent(&detokenize(&node, &session, CANARY));
    silent(&node.send(CANARY, LOGIN, &[], ""));
}

#[test]
fn a_repeated_name_that_nobody_knows_is_not_repeated_in_the_answer() {
    rows!("M-37");
    let node = node(&["alice"]);
    // A password with `&` in it that a careless client did not encode.
    let form = format!("username=alice&password=x&{CANARY}&{CANARY}");
    silent(&node.send("POST", LOGIN, &[FORM], &form));
    silent(&node.send("POST", LOGIN, &[], &format!("{CANARY}&{CANARY}")));
    let object = format!(r#"{{"{CANARY}":1,"{CANARY}":2}}"#);
    silent(&node.send("POST", LOGIN, &[JSON], &object));
}

#[test]
fn an_account_that_is_told_about_shows_its_name_and_nothing_else() {
    rows!("M-37", "M-59");
    let node = node(&["alice"]);
    let session = node.session("alice");
    let answer = get(&node, &session);
    let wanted = r#"{"status":"ok","data":{"username":"alice","client_type":"direct"}}"#;
    assert_eq!(answer.text(), wanted);
}

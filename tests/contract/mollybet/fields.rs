//! Fields of a body: objects and forms, names, types.

use super::*;

fn json_login(node: &Node, body: &[u8]) -> Answer {
    node.client().send("POST", LOGIN, &[JSON], body)
}

fn form_login(node: &Node, body: &[u8]) -> Answer {
    node.client().send("POST", LOGIN, &[FORM], body)
}

#[test]
fn a_json_body_is_one_object() {
    rows!("M-12");
    let node = node(&["alice"]);
    let deep = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"username":"alice","password":"password-1","x":{open}{close}}}"#)
    };
    let too_deep = deep(16);
    for bad in [
        &b"{"[..],
        b"}",
        b"nonsense",
        b"null",
        b"true",
        b"17",
        b"\"alice\"",
        b"[]",
        br#"["alice","password-1"]"#,
        br#"[{"username":"alice","password":"password-1"}]"#,
        br#"{"username":"alice","password":"password-1"} x"#,
        br#"{"username":"alice","password":"password-1"}{}"#,
        br#"{"username":"alice","password":"password-1",}"#,
        br#"{'username':'alice','password':'password-1'}"#,
        br#"{username:"alice",password:"password-1"}"#,
        br#"{"username":"alice" "password":"password-1"}"#,
        b"{\"username\":\"ali\nce\",\"password\":\"password-1\"}",
        b"{\"username\":\"alice\xff\",\"password\":\"password-1\"}",
        b"\xef\xbb\xbf{\"username\":\"alice\",\"password\":\"password-1\"}",
        br#"{"username":"\ud800","password":"password-1"}"#,
        br#"{"username":"alice","password":"password-1","x":"\udc00\ud800"}"#,
        br#"{"username":"alice","password":"password-1","x":01}"#,
        br#"{"username":"alice","password":"password-1","x":NaN}"#,
        b"\0",
        b" ",
        too_deep.as_bytes(),
    ] {
        let answer = json_login(&node, bad);
        refused(&answer, 400, "bad_request");
    }
    text(&json_login(&node, deep(15).as_bytes()));
    let spaced =
        b" \r\n\t{ \"username\" : \"al\\u0069ce\" , \"password\" : \"password\\u002d1\" } \n";
    text(&json_login(&node, spaced));
}

#[test]
fn a_name_stands_once_in_an_object() {
    rows!("M-13");
    let node = node(&["alice"]);
    for (bad, name) in [
        (
            r#"{"username":"alice","password":"password-1","password":"password-1"}"#,
            "password",
        ),
        (
            r#"{"username":"alice","username":"bob","password":"password-1"}"#,
            "username",
        ),
        (
            r#"{"username":"alice","passw\u006frd":"x","password":"password-1"}"#,
            "password",
        ),
        (
            r#"{"username":"alice","password":"password-1","otp":"1","otp":"1"}"#,
            "otp",
        ),
    ] {
        invalid(&json_login(&node, bad.as_bytes()), &[name]);
    }
    for nested in [
        r#"{"username":"alice","password":"password-1","x":{"a":1,"a":1}}"#,
        r#"{"username":"alice","password":"password-1","x":[[{"a":1,"\u0061":2}]]}"#,
        r#"{"username":"alice","password":"password-1","x":1,"x":1}"#,
    ] {
        let answer = json_login(&node, nested.as_bytes());
        refused(&answer, 400, "validation_error");
    }
    let session = node.session("alice");
    let headers = [("session", session.as_str()), JSON];
    let body = r#"{"target":"alice","target":"alice"}"#;
    invalid(
        &node.send("POST", &path(&session, "sudo/"), &headers, body),
        &["target"],
    );
}

#[test]
fn unknown_fields_are_ignored() {
    rows!("M-14");
    let node = node(&["alice"]);
    let body = br#"{"client":"x","password":"password-1","Username":"bob","username":"alice","deep":{"a":[1,null]}}"#;
    text(&json_login(&node, body));
    text(&form_login(
        &node,
        b"x=1&username=alice&y&password=password-1&=z",
    ));
}

#[test]
fn forms_are_decoded_and_broken_ones_refused() {
    rows!("M-15");
    let node = Node::start(Setup::default());
    node.account("ann a+b&c=\u{e9}", json!({}));
    let name = "ann+a%2Bb%26c%3d%C3%A9";
    for good in [
        format!("username={name}&password=password-1"),
        format!("password=password%2d1&username={name}"),
        format!("&&username={name}&&password=password-1&"),
        format!("user%6eame={name}&password=password-1"),
        "username=ann+a%2Bb%26c=é&password=password-1".into(),
    ] {
        text(&form_login(&node, good.as_bytes()));
    }
    for bad in [
        &b"username=ann%&password=password-1"[..],
        b"username=ann%2&password=password-1",
        b"username=ann%zz&password=password-1",
        b"username=ann%+1&password=password-1",
        b"username=%ff&password=password-1",
        b"username=%C3&password=password-1",
        b"username=ann\xff&password=password-1",
        b"username=ann&password=password-1&%=x",
    ] {
        refused(&form_login(&node, bad), 400, "bad_request");
    }
}

#[test]
fn a_field_stands_once_in_a_form() {
    rows!("M-16");
    let node = node(&["alice"]);
    for (bad, name) in [
        (
            "username=alice&password=password-1&username=alice",
            "username",
        ),
        ("username=alice&password=&password=password-1", "password"),
        (
            "username=alice&pass%77ord=password-1&password=x",
            "password",
        ),
    ] {
        invalid(&form_login(&node, bad.as_bytes()), &[name]);
    }
    let other = form_login(&node, b"username=alice&password=password-1&x=1&x=1");
    refused(&other, 400, "validation_error");
}

#[test]
fn every_field_that_is_wrong_is_named() {
    rows!("M-17", "M-36");
    let node = node(&["alice"]);
    let session = node.session("alice");
    for (body, wrong) in [
        (r#"{}"#, &["username", "password"][..]),
        (r#"{"username":"alice"}"#, &["password"]),
        (r#"{"password":"password-1"}"#, &["username"]),
        (r#"{"username":"","password":"password-1"}"#, &["username"]),
        (r#"{"username":"alice","password":""}"#, &["password"]),
        (
            r#"{"username":"","password":""}"#,
            &["username", "password"],
        ),
        (
            r#"{"username":null,"password":17}"#,
            &["username", "password"],
        ),
        (
            r#"{"username":["alice"],"password":"password-1"}"#,
            &["username"],
        ),
        (
            r#"{"username":{"a":"b"},"password":true}"#,
            &["username", "password"],
        ),
        (
            r#"{"USERNAME":"alice","password":"password-1"}"#,
            &["username"],
        ),
    ] {
        invalid(&json_login(&node, body.as_bytes()), wrong);
    }
    for (body, wrong) in [
        ("username=alice", &["password"][..]),
        ("username=&password=", &["username", "password"]),
        ("username&password=password-1", &["username"]),
        ("alice", &["username", "password"]),
    ] {
        invalid(&form_login(&node, body.as_bytes()), wrong);
    }
    for (rest, field) in [("sudo/", "target"), ("detokenize/", "token")] {
        for value in [json!(""), json!(null), json!(1), json!(["x"]), json!({})] {
            invalid(
                &post(&node, &session, rest, &json!({field: value})),
                &[field],
            );
        }
        invalid(&post(&node, &session, rest, &json!({})), &[field]);
        let headers = [("session", &*session), FORM];
        let form = node.send("POST", &path(&session, rest), &headers, "x=y");
        invalid(&form, &[field]);
    }
}

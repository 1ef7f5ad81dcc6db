//! wip
use crate::support::{Node, Setup};
use serde_json::json;

#[test]
fn wip() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    let s = node.session("alice");
    let a = node.send("GET", &format!("/v1/sessions/{s}/"), &[("session", &s)], "");
    assert_eq!(a.status, 200, "{}", a.text());
    a.only_headers(&[]);
    let a = node.send(
        "POST",
        "/v1/sessions/",
        &[("content-type", "application/json")],
        r#"{"username":"alice","password":"password-1"}"#,
    );
    assert_eq!(a.status, 200, "{}", a.text());
}

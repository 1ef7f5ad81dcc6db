//! The order of checks: of two things that are wrong, the earlier one is told.

use super::*;

/// A request in which everything from some check on is wrong.
struct Wrong<'a> {
    path: String,
    method: &'a str,
    accept: &'a str,
    session: Option<&'a str>,
    content_type: &'a str,
    body: &'a str,
}

impl Wrong<'_> {
    fn send(&self, node: &Node) -> Answer {
        let mut headers = vec![("accept", self.accept), ("content-type", self.content_type)];
        headers.extend(self.session.map(|s| ("session", s)));
        node.send(self.method, &self.path, &headers, self.body)
    }
}

#[test]
fn the_first_check_that_fails_answers() {
    rows!("M-27");
    let node = node(&["alice", "bob"]);
    node.account("root", json!({"may_sudo": true}));
    let (plain, root) = (node.session("alice"), node.session("root"));
    let huge = "x".repeat(65_537);
    // Everything is wrong at first; each step puts the next thing right.
    let mut wrong = Wrong {
        path: "/v1/session/".into(),
        method: "PUT",
        accept: "text/html",
        session: None,
        content_type: "text/plain",
        body: &huge,
    };
    refused(&wrong.send(&node), 404, "not_found");
    wrong.path = path(&root, "sudo/");
    refused(&wrong.send(&node), 405, "method_not_allowed");
    wrong.method = "POST";
    refused(&wrong.send(&node), 406, "not_acceptable");
    wrong.accept = "application/json";
    refused(&wrong.send(&node), 401, "session_required");
    wrong.session = Some(NEVER);
    refused(&wrong.send(&node), 401, "session_invalid");
    wrong.session = Some(&plain);
    refused(&wrong.send(&node), 404, "not_found");
    wrong.path = path(&plain, "sudo/");
    refused(&wrong.send(&node), 413, "request_too_large");
    wrong.body = r#"{"target":"nobody","target":1}"#;
    refused(&wrong.send(&node), 415, "unsupported_media_type");
    wrong.content_type = "application/json";
    refused(&wrong.send(&node), 400, "validation_error");
    wrong.body = r#"{"target":"nobody"}"#;
    refused(&wrong.send(&node), 403, "permission_denied");
    wrong.path = path(&root, "sudo/");
    wrong.session = Some(&root);
    refused(&wrong.send(&node), 404, "not_found");
    wrong.body = r#"{"target":"root"}"#;
    text(&wrong.send(&node));
}

#[test]
fn login_checks_the_body_before_the_password_and_the_delay() {
    rows!("M-27");
    let node = node(&["alice"]);
    for _ in 0..5 {
        refused(&log_in(&node, "alice", "wrong"), 401, "login_failed");
    }
    let send = |headers: &[(&str, &str)], body: &str| node.send("POST", LOGIN, headers, body);
    let refused_type = send(&[("content-type", "text/plain")], "x");
    refused(&refused_type, 415, "unsupported_media_type");
    invalid(&send(&[JSON], r#"{"username":"alice"}"#), &["password"]);
    let accept = send(&[JSON, ("accept", "text/html")], "{}");
    refused(&accept, 406, "not_acceptable");
    refused(&log_in(&node, "alice", PASSWORD), 429, "rate_limited");
}

//! How long a head and a path may be. Source: O8.

use super::*;

/// A verification whose head has so many bytes.
fn of_bytes(session: &str, bytes: usize) -> String {
    let short = verification(session);
    let (head, end) = short.split_at(short.len() - 4);
    let filler = "\r\nx-filler: ";
    let missing = bytes - short.len() - filler.len();
    format!("{head}{filler}{}{end}", "x".repeat(missing))
}

#[test]
fn a_head_has_at_most_16_kib() {
    let (node, session) = node(Limits::default());
    let mut client = node.client();
    for bytes in [1_000, 16 << 10] {
        client.send_raw(of_bytes(&session, bytes).as_bytes());
        assert_eq!(client.read_answer(false).status, 200, "{bytes}");
    }
    for bytes in [(16 << 10) + 1, 100_000, 1_000_000] {
        let said = said_to(
            &node,
            &format!("{}{}", of_bytes(&session, bytes), logout(&session)),
        );
        one_answer(&said, 431, "too long");
        assert!(said.contains("x-content-type-options: nosniff"), "{said}");
    }
    // Before its end has come.
    let said = said_to(
        &node,
        &format!("GET / HTTP/1.1\r\nhost: {}", "x".repeat(17_000)),
    );
    one_answer(&said, 431, "without an end");
    let many = "x: y\r\n".repeat(97);
    let said = said_to(
        &node,
        &format!(
            "GET / HTTP/1.1\r\nhost: t\r\n{many}\r\n{}",
            logout(&session)
        ),
    );
    one_answer(&said, 431, "97 headers");
    assert!(is_alive(&node, &session));
}

#[test]
fn a_path_has_at_most_1_kib() {
    let (node, session) = node(Limits::default());
    let path = |bytes: usize| format!("/v1/{}", "x".repeat(bytes - 4));
    let mut client = node.client();
    let query = format!("{}?{}", path(1_024), "y".repeat(8_000));
    for fitting in [path(1_024), query] {
        let answer = client.send("GET", &fitting, &[], b"");
        assert_eq!(answer.status, 404);
    }
    let at_admin = Client::connect(node.admin).send("GET", &path(1_025), &[], b"");
    assert_eq!(
        (at_admin.status, at_admin.header("connection")),
        (414, Some("close"))
    );
    for bytes in [1_025, 8_000, 20_000, 200_000] {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: t\r\n\r\n{}",
            path(bytes),
            logout(&session)
        );
        one_answer(&said_to(&node, &request), 414, "too long");
    }
    assert!(is_alive(&node, &session));
}

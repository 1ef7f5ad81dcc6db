//! What every answer has, and which names administration has. Source: OWASP ASVS 3.4.4, 3.4.5, 4.1.1, 13.4.6, 14.3.2.

use super::*;

/// Method, path, headers, status.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

/// Answers of every kind, with and without somebody logged in.
#[test]
fn every_answer_is_what_it_says_and_tells_nobody_where_it_came_from() {
    let (node, session) = node(Limits::default());
    let held = [("session", session.as_str())];
    let json = [("content-type", "application/json")];
    let cases: &[Case<'_>] = &[
        ("GET", "/auth/verify", &held, 200),
        ("GET", "/auth/verify", &[], 401),
        ("PUT", "/auth/verify", &held, 405),
        ("GET", &format!("/v1/sessions/{session}/"), &held, 200),
        ("GET", &format!("/v1/sessions/{session}/"), &[], 401),
        ("POST", "/v1/sessions/", &json, 400),
        ("PUT", "/v1/sessions/", &[], 405),
        ("GET", "/v3/session/user", &[], 401),
        ("PUT", "/v3/session/user", &[], 405),
        ("GET", "/v1/client", &[], 200),
        ("PUT", "/v1/client/sign_ins", &[], 405),
        ("GET", "/v1/client/sessions/sess_x", &[], 404),
        ("POST", "/api/v2/session/jsonrpc", &json, 401),
        ("GET", "/api/v2/session/jsonrpc", &[], 405),
        ("GET", "/.well-known/jwks.json", &[], 200),
        ("GET", "/openapi.json", &[], 200),
        ("PUT", "/openapi.json", &[], 405),
        ("GET", "/nowhere", &[], 404),
    ];
    for (method, path, headers, status) in cases {
        let answer = node.send(method, path, headers, "");
        let shown = format!("{method} {path}: {:?} {}", answer.headers, answer.text());
        assert_eq!(answer.status, *status, "{shown}");
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{shown}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{shown}"
        );
        assert_eq!(answer.header("server"), None, "{shown}");
        assert_eq!(answer.header("x-powered-by"), None, "{shown}");
        assert_eq!(answer.header("strict-transport-security"), None, "{shown}");
        let is_public = matches!(*path, "/.well-known/jwks.json" | "/openapi.json");
        if !is_public {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{shown}");
        }
        if *status == 405 {
            assert!(answer.header("allow").is_some(), "{shown}");
        }
    }
}

#[test]
fn administration_answers_to_its_own_names_only() {
    let (node, _) = node(Limits::default());
    let ask = |host: &str, path: &str| {
        let mut client = Client::connect(node.admin);
        client.send_raw(format!("GET {path} HTTP/1.1\r\n{host}\r\n\r\n").as_bytes());
        client.read_answer(false)
    };
    for path in ["/health/live", "/metrics", "/admin/v1/accounts"] {
        let port = node.admin.port();
        for host in [
            format!("host: {}", node.admin),
            format!("host: localhost:{port}"),
            "host: localhost:9000".to_owned(),
            format!("host: [::1]:{port}"),
        ] {
            assert_ne!(ask(&host, path).status, 421, "{host} {path}");
        }
        for host in [
            "evil.example",
            &format!("evil.example:{port}"),
            "localhost.evil.example",
            "192.0.2.1",
            "",
        ] {
            let answer = ask(&format!("host: {host}"), path);
            assert_eq!(answer.status, 421, "{host} {path}");
            assert_eq!(answer.json()["error"], "misdirected");
            assert_eq!(answer.header("connection"), Some("close"));
        }
    }
    // The surfaces have whatever name their proxy gives them.
    let mut client = node.client();
    client.send_raw(b"GET /auth/verify HTTP/1.1\r\nhost: evil.example\r\n\r\n");
    assert_eq!(client.read_answer(false).status, 401);
}

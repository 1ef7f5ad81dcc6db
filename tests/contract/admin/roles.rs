//! Who may do what: every route with every role, with none, and on the wrong listener.

use serde_json::{Value, json};
use sessile::http::admin::Role;

use super::listener::{Served, TOKENS};
use super::{KEYS, SESSIONS, told};
use crate::support::client::Client;

const READERS: &[Role] = &[Role::Read, Role::Operate, Role::Own];
const OPERATORS: &[Role] = &[Role::Operate, Role::Own];
const ISSUERS: &[Role] = &[Role::Issue, Role::Own];
const OWNERS: &[Role] = &[Role::Own];

/// Every route: method, path, who may, and what it answers to a body that says nothing.
const ROUTES: [(&str, &str, &[Role], u16); 29] = [
    ("GET", "/admin/v1/accounts", READERS, 200),
    ("POST", "/admin/v1/accounts", OWNERS, 422),
    ("GET", "/admin/v1/accounts/alice", READERS, 200),
    ("PATCH", "/admin/v1/accounts/alice", OWNERS, 200),
    ("DELETE", "/admin/v1/accounts/nobody", OWNERS, 404),
    ("PUT", "/admin/v1/accounts/nobody/password", OWNERS, 404),
    ("POST", "/admin/v1/accounts/nobody/totp", OWNERS, 404),
    ("DELETE", "/admin/v1/accounts/nobody/totp", OWNERS, 404),
    ("POST", "/admin/v1/accounts/nobody/revoke", OPERATORS, 404),
    ("GET", "/admin/v1/accounts/nobody/failures", READERS, 404),
    (
        "DELETE",
        "/admin/v1/accounts/nobody/failures",
        OPERATORS,
        404,
    ),
    ("GET", "/admin/v1/keys", READERS, 200),
    ("POST", "/admin/v1/keys", OWNERS, 422),
    ("DELETE", "/admin/v1/keys/nothing", OWNERS, 404),
    ("GET", "/admin/v1/signing-keys", READERS, 200),
    ("POST", "/admin/v1/signing-keys/rotate", OWNERS, 422),
    ("GET", "/admin/v1/sessions", READERS, 200),
    ("POST", "/admin/v1/sessions", ISSUERS, 422),
    ("GET", "/admin/v1/sessions/nothing", READERS, 404),
    ("DELETE", "/admin/v1/sessions/nothing", OPERATORS, 404),
    ("GET", "/admin/v1/sessions?username=nobody", READERS, 404),
    ("GET", "/admin/v1/templates", READERS, 200),
    ("GET", "/admin/v1/templates/nothing", READERS, 404),
    ("PUT", "/admin/v1/templates/nothing", OWNERS, 422),
    ("DELETE", "/admin/v1/templates/nothing", OWNERS, 404),
    ("GET", "/admin/v1/digest", READERS, 200),
    // A node of these tests keeps nothing on disk.
    ("POST", "/admin/v1/snapshot", OPERATORS, 409),
    ("GET", "/admin/v1/sealing-keys", READERS, 409),
    ("POST", "/admin/v1/sealing-keys/rotate", OWNERS, 409),
];

/// The body of a route that wants one to get as far as its own answer.
fn body_of(path: &str) -> &'static str {
    match path.rsplit('/').next() {
        Some("password") => r#"{"password":null}"#,
        Some("rotate") => r#"{"algorithm":"none"}"#,
        _ => "",
    }
}

fn served() -> Served {
    let served = Served::start(std::sync::Arc::new(sessile::entropy::SystemEntropy));
    served.administer("POST", "/admin/v1/accounts", json!({"username": "alice"}));
    served
}

/// Whether a path is one of those that a route's pattern describes.
fn is_of(path: &str, pattern: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (here, there) = (path.split('/'), pattern.split('/'));
    here.clone().count() == there.clone().count()
        && here
            .zip(there)
            .all(|(here, there)| here == there || there.starts_with('{'))
}

#[test]
fn the_table_has_every_route_that_is_mounted() {
    let source = include_str!("../../../src/http/admin/mod.rs");
    let mut mounted = 0;
    for resource in source.split("resource(\"").skip(1) {
        let (pattern, routes) = resource.split_once('"').unwrap();
        let methods = routes.split("web::").skip(1);
        for (method, _) in methods.filter_map(|route| route.split_once("().to(")) {
            let listed = ROUTES.iter().any(|(listed, path, _, _)| {
                listed.eq_ignore_ascii_case(method) && is_of(path, pattern)
            });
            assert!(listed, "{method} {pattern} is not in the table");
            mounted += 1;
        }
    }
    let listed = ROUTES.iter().filter(|(_, path, _, _)| !path.contains('?'));
    assert_eq!(listed.count(), mounted);
}

#[test]
fn each_route_answers_the_roles_that_reach_and_no_others() {
    let served = served();
    let before = served.administer("GET", "/admin/v1/digest", Value::Null);
    for (method, path, allowed, status) in ROUTES {
        for (_, role) in TOKENS {
            let answer = served.send_as(role, method, path, body_of(path));
            if allowed.contains(&role) {
                let text = answer.text();
                assert_eq!(answer.status, status, "{method} {path} {role:?}: {text}");
            } else {
                told(&answer, 403, "forbidden");
                // Before the body is looked at, and before it is told what exists.
                for body in ["{", "[]", r#"{"x":1}"#] {
                    let answer = served.send_as(role, method, path, body);
                    told(&answer, 403, "forbidden");
                }
            }
        }
    }
    let after = served.administer("GET", "/admin/v1/digest", Value::Null);
    assert_eq!(before, after, "nothing of it changed anything");
}

#[test]
fn without_a_known_token_there_is_one_answer() {
    let served = served();
    let own = format!("Bearer {}", TOKENS[3].0);
    let (cut, longer) = (own.trim_end_matches('-'), format!("{own}x"));
    let cases: [&[(&str, &str)]; 9] = [
        &[],
        &[("authorization", "")],
        &[("authorization", "Bearer ")],
        &[("authorization", cut)],
        &[("authorization", &longer)],
        &[("authorization", TOKENS[3].0)],
        &[("authorization", "Basic YWRtaW46YWRtaW4=")],
        &[("authorization", &own), ("authorization", &own)],
        &[("x-admin-token", TOKENS[3].0)],
    ];
    for (method, path, _, _) in ROUTES {
        for headers in cases {
            let answer = Client::connect(served.admin).send(method, path, headers, b"{");
            told(&answer, 401, "unauthorized");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert!(!answer.text().contains(TOKENS[3].0));
        }
    }
}

#[test]
fn a_method_that_a_route_does_not_have_is_told_those_it_has() {
    let served = served();
    let mut allowed = std::collections::BTreeMap::<&str, Vec<&str>>::new();
    for (method, path, _, _) in ROUTES {
        let path = path.split('?').next().unwrap();
        let path = path.replace("/alice", "/nobody");
        let path = Box::leak(path.into_boxed_str());
        allowed.entry(path).or_default().push(method);
    }
    for (path, mut methods) in allowed {
        methods.sort_unstable();
        methods.dedup();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            if methods.contains(&method) {
                continue;
            }
            let answer = served.send_as(Role::Own, method, path, "");
            told(&answer, 405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(&*methods.join(", ")), "{path}");
        }
    }
}

#[test]
fn nothing_of_it_is_on_the_public_listener_and_no_surface_is_on_this_one() {
    let served = served();
    let own = format!("Bearer {}", TOKENS[3].0);
    let headers = [("authorization", own.as_str())];
    let ops = [
        "/health/live",
        "/health/ready",
        "/metrics",
        "/admin/v1",
        "/admin",
        "/",
    ];
    let paths = ops.map(|path| ("GET", path)).into_iter();
    for (method, path) in paths.chain(ROUTES.map(|(method, path, _, _)| (method, path))) {
        let answer = Client::connect(served.public).send(method, path, &headers, b"");
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
    }
    for path in [
        "/v1/sessions/",
        "/v1/xrates/",
        "/api/v2/session/jsonrpc",
        "/auth/verify",
        "/admin/v1",
        "/admin/v1/",
        "/admin/v2/accounts",
        "/",
    ] {
        for method in ["GET", "POST"] {
            let answer = Client::connect(served.admin).send(method, path, &headers, b"");
            told(&answer, 404, "not_found");
        }
    }
}

#[test]
fn an_issuer_opens_sessions_and_sees_nothing() {
    let served = served();
    let wanted = json!({"username": "alice", "surface": "mollybet"}).to_string();
    let answer = served.send_as(Role::Issue, "POST", SESSIONS, &wanted);
    assert_eq!(answer.status, 200);
    let id = answer.json()["sessions"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{SESSIONS}/{id}");
    for method in ["GET", "DELETE"] {
        told(
            &served.send_as(Role::Issue, method, &path, ""),
            403,
            "forbidden",
        );
    }
    told(
        &served.send_as(Role::Operate, "POST", SESSIONS, &wanted),
        403,
        "forbidden",
    );
    told(
        &served.send_as(Role::Read, "DELETE", &path, ""),
        403,
        "forbidden",
    );
    assert_eq!(served.send_as(Role::Read, "GET", &path, "").status, 200);
    assert_eq!(
        served.send_as(Role::Operate, "DELETE", &path, "").status,
        200
    );
    let key = json!({"kind": "xdata", "username": "alice"}).to_string();
    told(
        &served.send_as(Role::Issue, "POST", KEYS, &key),
        403,
        "forbidden",
    );
}

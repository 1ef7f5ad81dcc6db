//! Health and metrics.

use serde_json::{Value, json};
use sessile::http::server::{self, Listening};

use super::{ALICE, node};
use crate::support::Node;
use crate::support::client::{Answer, Client};

/// One request to the admin listener without a token.
fn open(node: &Node, method: &str, path: &str) -> Answer {
    Client::connect(node.admin).send(method, path, &[], b"")
}

/// The samples of the metrics, by name, with their types checked on the way.
fn samples(node: &Node) -> std::collections::BTreeMap<String, u64> {
    let answer = open(node, "GET", "/metrics");
    assert_eq!(answer.status, 200);
    answer.only_headers(&[]);
    let kind = answer.header("content-type").unwrap();
    assert!(
        kind.starts_with("application/openmetrics-text; version=1.0.0"),
        "{kind}"
    );
    let text = answer.text();
    let lines = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    let mut samples = std::collections::BTreeMap::new();
    // The family under way: its name, its type, whether help came before its samples.
    let (mut family, mut is_counter, mut has_help) = (String::new(), false, false);
    for line in lines.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !help.ends_with('.'), "{line}");
            (family, has_help) = (name.to_owned(), true);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(has_help && name == family, "{line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            is_counter = kind == "counter";
        } else {
            let (name, value) = line.split_once(' ').unwrap();
            let total = format!("{family}_total");
            assert_eq!(name, if is_counter { &total } else { &family }, "{line}");
            assert!(name.starts_with("sessile_"), "{line}");
            let is_plain = |b: u8| b.is_ascii_lowercase() || b == b'_';
            assert!(name.bytes().all(is_plain), "{line}");
            let before = samples.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(before, None, "{line}");
        }
    }
    samples
}

#[test]
fn health_is_open_and_says_what_the_node_holds() {
    let node = node();
    let live = open(&node, "GET", "/health/live");
    assert_eq!((live.status, live.json()), (200, json!({"status": "live"})));
    live.only_headers(&[]);
    let ready = || {
        let answer = open(&node, "GET", "/health/ready");
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        answer.json()
    };
    assert_eq!(ready(), json!({"status": "ready", "sessions": 0}));
    node.session("alice");
    assert_eq!(ready(), json!({"status": "ready", "sessions": 1}));
}

#[test]
fn metrics_are_in_the_text_format_and_count() {
    let node = node();
    let before = samples(&node);
    let names: Vec<_> = before.keys().map(String::as_str).collect();
    let wanted = [
        "sessile_accounts",
        "sessile_audit_blocked",
        "sessile_audit_dropped_total",
        "sessile_audit_lines_total",
        "sessile_commands_overloaded_total",
        "sessile_commands_total",
        "sessile_connections",
        "sessile_connections_crowded_total",
        "sessile_connections_full_total",
        "sessile_connections_handshakes_failed_total",
        "sessile_connections_malformed_total",
        "sessile_connections_replaced_total",
        "sessile_connections_slow_total",
        "sessile_events_applied_total",
        "sessile_logins_checked_total",
        "sessile_logins_delayed_total",
        "sessile_sessions",
    ];
    assert_eq!(names, wanted);
    assert_eq!(
        (before["sessile_accounts"], before["sessile_sessions"]),
        (1, 0)
    );
    node.account("bob", json!({}));
    let session = node.session("alice");
    let opened = samples(&node);
    assert_eq!(
        (opened["sessile_accounts"], opened["sessile_sessions"]),
        (2, 1)
    );
    let path = format!("/v1/sessions/{session}/");
    assert_eq!(
        node.send("DELETE", &path, &[("session", &session)], "")
            .status,
        200
    );
    let ended = samples(&node);
    assert_eq!(
        (ended["sessile_accounts"], ended["sessile_sessions"]),
        (2, 0)
    );
    for name in ["sessile_commands_total", "sessile_events_applied_total"] {
        assert!(
            before[name] < opened[name] && opened[name] < ended[name],
            "{name}"
        );
    }
    assert_eq!(ended["sessile_commands_overloaded_total"], 0);
}

#[test]
fn metrics_tell_nobodys_name_and_no_secret() {
    let node = node();
    let (api_key, _) = node.key_pair("alice");
    let session = node.session("alice");
    node.administer("DELETE", ALICE, Value::Null);
    for path in ["/metrics", "/health/ready", "/health/live"] {
        let text = open(&node, "GET", path).text();
        for told in ["alice", &session, &api_key, "sess_", "password"] {
            assert!(!text.contains(told), "{told} in {path}");
        }
    }
}

#[test]
fn head_is_get_without_a_body() {
    let node = node();
    for path in ["/health/live", "/health/ready", "/metrics"] {
        let answer = open(&node, "HEAD", path);
        assert_eq!(
            (answer.status, answer.text()),
            (200, String::new()),
            "{path}"
        );
    }
}

#[test]
fn any_other_method_is_told_those_there_are() {
    let node = node();
    for path in ["/health/live", "/health/ready", "/metrics"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let answer = open(&node, method, path);
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{method} {path}");
        }
    }
}

#[test]
fn nothing_of_it_is_on_the_public_listener() {
    let node = node();
    for path in [
        "/health/live",
        "/health/ready",
        "/metrics",
        "/health",
        "/metrics/",
    ] {
        assert_eq!(node.send("GET", path, &[], "").status, 404, "{path}");
    }
}

/// While a node recovers, its admin listener says so, and how far it is; nothing else is answered yet.
#[test]
fn a_node_that_is_starting_is_alive_and_not_ready_and_says_how_far_it_is() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        actix::System::new().block_on(async move {
            let socket = sessile::edge::serve::Socket::Tcp(listener);
            let starting = server::starting(socket, Listening::default(), || (4_096, 17));
            let starting = starting.unwrap();
            let handle = starting.handle();
            actix::spawn(starting);
            assert!(stopped.await.is_ok());
            handle.stop(false).await;
        });
    });
    let mut client = Client::connect(address);
    let live = client.send("GET", "/health/live", &[], b"");
    assert_eq!((live.status, live.json()), (200, json!({"status": "live"})));
    let far = json!({"status": "starting", "image_bytes_read": 4_096, "records_replayed": 17});
    for path in ["/health/ready", "/metrics", "/admin/v1/accounts"] {
        let answer = client.send("GET", path, &[], b"");
        assert_eq!((answer.status, answer.json()), (503, far.clone()), "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"), "{path}");
    }
    stop.send(()).unwrap();
    thread.join().unwrap();
}

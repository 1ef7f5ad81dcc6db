//! What is answered on the fast path is answered as the application would.
//!
//! A path with an escaped letter is the same path, but only the application reads it: so each
//! request is sent in both spellings, and all that comes back must be the same.

use std::io::Read;
use std::net::Shutdown;

use actix_web::http::Method;
use futures_util::FutureExt;
use httparse::Header;
use serde_json::{Value, json};
use sessile::door::Engine;
use sessile::edge::connection::Peer;
use sessile::edge::fast::Request;
use sessile::http::surroundings::Surroundings;

use crate::support::client::Client;
use crate::support::{Node, Setup};

const VERIFY: [&str; 2] = ["/auth/verify", "/auth/%76erify"];
const NEVER: &str = "00000000000000000000000000000000";
/// A session may be idle for a day. Source: M-92.
const IDLE_MS: u64 = 86_400_000;

/// Sends the bytes on a connection of their own and shows all that came back until it was closed:
/// each head with its lines in order of the alphabet, since their order means nothing, and no date.
fn exchange(node: &Node, sent: &str) -> Vec<Vec<String>> {
    let mut client = Client::connect(node.public);
    client.send_raw(sent.as_bytes());
    let mut stream = client.into_stream();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    let head = |block: &str| {
        let lines = block.split("\r\n").filter(|l| !l.starts_with("date: "));
        let mut lines: Vec<_> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    text.split("\r\n\r\n").map(head).collect()
}

/// Sends what `render` makes of each spelling; the answers must be the same. Gives the answer.
fn same<'a>(node: &Node, spelled: &'a [String; 2], render: impl Fn(&'a str) -> String) -> String {
    let [fast, application] = spelled.each_ref().map(|path| {
        let sent = render(path);
        (exchange(node, &sent), sent)
    });
    assert_eq!(fast.0, application.0, "{}", fast.1);
    assert!(fast.0.len() > 1, "no answer to {}", fast.1);
    format!("{:?}", fast.0)
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: test\r\n{headers}connection: close\r\n\r\n")
}

fn owned(paths: [&str; 2]) -> [String; 2] {
    paths.map(str::to_owned)
}

/// A node with alice and bob, and a session of each.
fn node() -> (Node, String, String) {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    node.account("bob", json!({}));
    let (alice, bob) = (node.session("alice"), node.session("bob"));
    (node, alice, bob)
}

fn public_id(node: &Node, secret: &str) -> String {
    node.engine
        .session_id(secret.as_bytes())
        .unwrap()
        .to_string()
}

/// Header lines that name a credential in every way the hot routes know.
fn credentials(node: &Node, live: &str, other: &str) -> Vec<String> {
    let id = public_id(node, live);
    vec![
        String::new(),
        format!("session: {live}\r\n"),
        format!("SESSION: {live}\r\n"),
        format!("session: {NEVER}\r\n"),
        "session: \r\n".into(),
        format!("session: {}\r\n", "s".repeat(257)),
        format!("session: {id}\r\n"),
        format!("session: {live}\r\nsession: {live}\r\n"),
        format!("session: {other}\r\nsession: {live}\r\n"),
        format!("xdata-session-token: {live}\r\n"),
        format!("authorization: Bearer {live}\r\n"),
        format!("authorization: bearer  {live} \r\nsession: {NEVER}\r\n"),
        format!("authorization: Basic {live}\r\nsession: {live}\r\n"),
        format!("authorization: Bearer {live}\r\nauthorization: Bearer {live}\r\n"),
        format!("session: {live}\r\nx-sessile-touch: no\r\n"),
        format!("session: {live}\r\nx-sessile-touch: maybe\r\n"),
        format!("session: {live}\r\naccept: text/html\r\n"),
        format!("session: {live}\r\naccept: application/json;q=0, */*\r\n"),
        format!("session: {live}\r\naccept: text/html\r\naccept: APPLICATION/*\r\n"),
        format!("session: {live}\r\nexpect: 100-continue\r\n"),
        format!("session: {live}\r\nconnection: upgrade\r\nupgrade: x\r\n"),
    ]
}

#[test]
fn verification_is_the_same_on_the_fast_path_and_in_the_application() {
    let (node, alice, bob) = node();
    let mut seen = String::new();
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "get"] {
        for headers in credentials(&node, &alice, &bob) {
            seen += &same(&node, &owned(VERIFY), |path| {
                request(method, path, &headers)
            });
        }
    }
    let query = VERIFY.map(|path| format!("{path}?session={alice}"));
    seen += &same(&node, &query, |path| request("GET", path, ""));
    seen += &same(&node, &query, |path| {
        request("GET", path, &format!("session: {alice}\r\n"))
    });
    for status in ["200 OK", "401 Unauthorized", "405 Method", "100 Continue"] {
        assert!(seen.contains(status), "{status} was not seen");
    }
}

#[test]
fn metadata_is_the_same_on_the_fast_path_and_in_the_application() {
    let (node, alice, bob) = node();
    let named = [
        alice.clone(),
        public_id(&node, &alice),
        public_id(&node, &bob),
        bob.clone(),
        NEVER.into(),
        "sess_".into(),
        ".".into(),
        "s".repeat(257),
    ];
    let mut seen = String::new();
    for id in named {
        for end in ["", "/"] {
            let spelled =
                ["/v1/sessions", "/v1/%73essions"].map(|path| format!("{path}/{id}{end}"));
            for headers in credentials(&node, &alice, &bob) {
                for method in ["GET", "HEAD", "POST"] {
                    seen += &same(&node, &spelled, |path| request(method, path, &headers));
                }
            }
        }
    }
    for status in [
        "200 OK",
        "401 Unauthorized",
        "404 Not",
        "405 Method",
        "406 Not",
    ] {
        assert!(seen.contains(status), "{status} was not seen");
    }
}

#[test]
fn a_body_is_never_taken_for_the_next_request() {
    let (node, alice, _) = node();
    let own = ["/v1/sessions", "/v1/%73essions"].map(|path| format!("{path}/{alice}/"));
    let inner = "DELETE /v1/xrates/ HTTP/1.1\r\nhost: test\r\n\r\n";
    for spelled in [owned(VERIFY), own] {
        let last = |path: &str| request("GET", path, "");
        let sized = same(&node, &spelled, |path| {
            let length = inner.len();
            let head = format!("GET {path} HTTP/1.1\r\nsession: {alice}\r\nhost: test\r\n");
            format!(
                "{head}content-length: {length}\r\n\r\n{inner}{}",
                last(path)
            )
        });
        let chunked = same(&node, &spelled, |path| {
            let length = inner.len();
            let head = format!("GET {path} HTTP/1.1\r\nsession: {alice}\r\nhost: test\r\n");
            let chunks = format!("{length:x}\r\n{inner}\r\n0\r\n\r\n");
            format!(
                "{head}transfer-encoding: chunked\r\n\r\n{chunks}{}",
                last(path)
            )
        });
        for seen in [sized, chunked] {
            assert!(seen.contains("200 OK"), "{seen}");
            assert!(!seen.contains("405 Method"), "{seen}");
        }
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order_by_whichever_answers() {
    let (node, alice, bob) = node();
    let ask = |method: &str, path: &str, secret: &str| {
        format!("{method} {path} HTTP/1.1\r\nhost: test\r\nsession: {secret}\r\n\r\n")
    };
    let mut client = node.client();
    let mut sent = String::new();
    for _ in 0..20 {
        sent += &ask("GET", VERIFY[0], &alice);
        sent += &ask("GET", VERIFY[1], &bob);
        sent += &ask("GET", &format!("/v1/sessions/{alice}"), &alice);
        sent += &ask("HEAD", VERIFY[0], &bob);
        sent += &ask("PUT", VERIFY[0], &bob);
        sent += &ask("GET", VERIFY[0], NEVER);
    }
    client.send_raw(sent.as_bytes());
    for _ in 0..20 {
        let user = |client: &mut Client, without_body: bool| {
            let answer = client.read_answer(without_body);
            (
                answer.status,
                answer.header("x-sessile-user").map(str::to_owned),
            )
        };
        assert_eq!(user(&mut client, false), (200, Some("alice".into())));
        assert_eq!(user(&mut client, false), (200, Some("bob".into())));
        let metadata = client.read_answer(false);
        assert_eq!(metadata.json()["data"]["username"], "alice");
        assert_eq!(user(&mut client, true), (200, Some("bob".into())));
        assert_eq!(user(&mut client, false), (405, None));
        assert_eq!(user(&mut client, false), (401, None));
    }
}

#[test]
fn either_way_counts_as_activity_unless_it_says_no() {
    for (touch, status) in [("yes", 200), ("no", 401)] {
        let (node, alice, bob) = node();
        node.clock.advance_ms(IDLE_MS - 1);
        for (path, session) in VERIFY.into_iter().zip([&alice, &bob]) {
            let headers = [("session", session.as_str()), ("x-sessile-touch", touch)];
            assert_eq!(node.send("GET", path, &headers, "").status, 200);
        }
        node.clock.advance_ms(IDLE_MS - 1);
        for session in [&alice, &bob] {
            let answer = node.send("GET", VERIFY[0], &[("session", session)], "");
            assert_eq!(answer.status, status, "touch: {touch}");
        }
    }
}

#[test]
fn the_user_of_a_key_is_the_same_on_the_fast_path_and_in_the_application() {
    let (node, alice, _) = node();
    let key = node.guest_key("alice");
    let mut seen = String::new();
    let paths = owned(["/v3/session/user", "/v3/session/%75ser"]);
    for headers in [
        String::new(),
        format!("private-token: {key}\r\n"),
        format!("PRIVATE-TOKEN: {key}\r\nx-forwarded-for: 192.0.2.1\r\n"),
        format!("private-token: {key}\r\nprivate-token: {key}\r\n"),
        format!("private-token: {key}x\r\n"),
        format!("private-token: {alice}\r\n"),
        format!("private-token: {key}\r\nx-sessile-touch: no\r\n"),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            seen += &same(&node, &paths, |path| request(method, path, &headers));
        }
    }
    for status in ["200 OK", "401 Unauthorized", "403 Forbidden", "405 Method"] {
        assert!(seen.contains(status), "{status} was not seen");
    }
}

/// Signs in at Clerk's surface; the secret of the client, and the session.
fn clerk(node: &Node) -> (String, String) {
    let form = "identifier=alice&password=password-1";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = node.send("POST", "/v1/client/sign_ins", &headers, form);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie").unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let session = &answer.json()["response"]["created_session_id"];
    (cookie, session.as_str().unwrap().to_owned())
}

#[test]
fn a_session_of_a_client_is_the_same_on_the_fast_path_and_in_the_application() {
    let (node, _, _) = node();
    let (cookie, session) = clerk(&node);
    let mut seen = String::new();
    for id in [session.as_str(), "sess_0123456789abcdefABCDEF", "x", ""] {
        for end in ["", "?", "?_is_native=1", "?__dev_session=x", "/"] {
            let paths =
                ["/v1/client/sessions", "/v1/client/%73essions"].map(|p| format!("{p}/{id}{end}"));
            for headers in [
                String::new(),
                format!("cookie: {cookie}\r\n"),
                format!("cookie: a=b; {cookie}\r\n"),
                format!("cookie: {cookie}\r\ncookie: {cookie}\r\n"),
                format!("cookie: {cookie}\r\norigin: https://app.example\r\n"),
                format!("cookie: {cookie}\r\norigin: https://evil.example\r\n"),
                format!("cookie: {cookie}\r\nauthorization: x\r\n"),
            ] {
                for method in ["GET", "HEAD", "POST"] {
                    seen += &same(&node, &paths, |path| request(method, path, &headers));
                }
            }
        }
    }
    for status in ["200 OK", "404 Not", "405 Method"] {
        assert!(seen.contains(status), "{status} was not seen");
    }
}

#[test]
fn a_token_is_verified_the_same_on_the_fast_path_and_in_the_application() {
    let (node, alice, _) = node();
    let (name, secret) = node.key_pair("alice");
    let keys = format!("apikey: {name}\r\nsecret: {secret}\r\n");
    let typed = format!("{keys}content-type: application/json\r\n");
    let wanted = json!({"surface": "xdata", "api_key": name});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let token = issued["sessions"][0]["secret"].as_str().unwrap();
    let call = |params: Value| {
        let method = "session.verify_session_token";
        json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).to_string()
    };
    let good = call(json!({"token": token}));
    let bodies = [
        good.clone(),
        call(json!([token])),
        call(json!({"token": alice})),
        call(json!({"token": "x".repeat(257)})),
        call(json!({"token": 7})),
        call(json!({"token": token, "more": 1})),
        call(Value::Null),
        good.replace("verify_", "veri\\u0066y_"),
        good.replace("\"id\":1", "\"id\":null"),
        good.replace("\"id\":1", "\"id\":\"a\\u0062\""),
        good.replace(",\"id\":1", ""),
        good.replace("\"2.0\"", "\"1.0\""),
        format!("[{good}]"),
        format!("{good} "),
        format!("{good}{good}"),
        "{".into(),
        String::new(),
    ];
    let mut seen = String::new();
    for headers in [
        typed.clone(),
        keys.clone(),
        format!("{keys}content-type: text/plain\r\n"),
        format!("{typed}content-type: application/json\r\n"),
        format!("{typed}content-encoding: gzip\r\n"),
        format!("content-type: application/json\r\nxdata-session-token: {token}\r\n"),
        format!("{typed}xdata-session-token: {NEVER}\r\n"),
        "content-type: application/json\r\n".into(),
        typed.replace("secret: ", "secret: x"),
    ] {
        for body in &bodies {
            for version in [1, 2] {
                let paths =
                    ["jsonrpc", "%6asonrpc"].map(|end| format!("/api/v{version}/session/{end}"));
                seen += &same(&node, &paths, |path| {
                    let length = body.len();
                    let head = format!("{headers}content-length: {length}\r\n");
                    format!("{}{body}", request("POST", path, &head))
                });
            }
        }
    }
    for text in [
        "{\\\"active\\\":true}",
        "{\\\"active\\\":false}",
        "415 Unsupported",
        "401 Unauth",
    ] {
        assert!(seen.contains(text), "{text} was not seen");
    }
}

/// Five wrong guesses at this name, on the long way.
fn throttle(node: &Node, name: &str) {
    let login = json!({"username": name, "password": "wrong"}).to_string();
    let headers = [("content-type", "application/json")];
    for _ in 0..5 {
        let told = node.send("POST", "/v1/%73essions/", &headers, &login);
        assert_eq!(told.status, 401, "{}", told.text());
    }
}

#[test]
fn a_login_that_is_not_looked_at_is_the_same_on_the_fast_path_and_in_the_application() {
    let (node, ..) = node();
    for name in ["alice", "nobody"] {
        throttle(&node, name);
    }
    let json = |name: &str| json!({"username": name, "password": "password-1"}).to_string();
    let bodies = [
        json("alice"),
        json("ALICE"),
        json("nobody"),
        json("alice").replace("ali", "\\u0061li"),
        json("alice").replace('}', ",\"otp\":\"000000\"}"),
        json("alice").replace('}', ",\"otp\":null}"),
        json("alice").replace('}', ",\"otp\":7}"),
        json("alice").replace('}', ",\"more\":1}"),
        json("alice").replace('}', ",\"username\":\"alice\"}"),
        json(""),
        json!({"username": "alice"}).to_string(),
        "username=alice&password=password-1".into(),
        "username=al%69ce&password=x".into(),
        "username=alice&username=alice&password=x".into(),
        "[]".into(),
        "{".into(),
        String::new(),
    ];
    let mut seen = String::new();
    for headers in [
        "content-type: application/json\r\n",
        "content-type: application/json; charset=utf-8\r\naccept: application/json\r\n",
        "content-type: application/json\r\naccept: text/html\r\n",
        "content-type: application/json\r\ncontent-type: application/json\r\n",
        "content-type: application/json\r\ncontent-encoding: gzip\r\n",
        "content-type: application/json\r\nexpect: 100-continue\r\n",
        "content-type: application/x-www-form-urlencoded\r\n",
        "content-type: text/plain\r\n",
        "",
    ] {
        for body in &bodies {
            for end in ["", "/", "?x"] {
                let paths = ["/v1/sessions", "/v1/%73essions"].map(|path| format!("{path}{end}"));
                seen += &same(&node, &paths, |path| {
                    let length = body.len();
                    let head = format!("{headers}content-length: {length}\r\n");
                    format!("{}{body}", request("POST", path, &head))
                });
            }
        }
    }
    for text in [
        "429 Too Many",
        "retry-after: 1\"",
        "400 Bad",
        "406 Not",
        "415 Unsupported",
    ] {
        assert!(seen.contains(text), "{text} was not seen");
    }
    assert!(!seen.contains("401 "), "something was looked at");
}

/// What the stream is told of logins, and how many were not looked at.
#[test]
fn a_login_that_is_not_looked_at_counts_the_same_either_way() {
    let (node, ..) = node();
    throttle(&node, "alice");
    let delayed = || node.engine.figures().get().now_or_never().unwrap().delayed;
    let login = json!({"username": "alice", "password": "password-1"}).to_string();
    let headers = [("content-type", "application/json")];
    for (n, path) in (1..).zip(["/v1/sessions/", "/v1/%73essions/", "/v1/sessions"]) {
        assert_eq!(node.send("POST", path, &headers, &login).status, 429);
        assert_eq!(delayed(), n, "{path}");
    }
    node.clock.advance_ms(1_000);
    for path in ["/v1/sessions/", "/v1/%73essions/"] {
        assert_eq!(node.send("POST", path, &headers, &login).status, 200);
    }
    assert_eq!(delayed(), 3);
}

/// Whether a request is answered on the fast path.
fn is_fast(node: &Node, method: Method, target: &str, fields: &[(&str, &str)]) -> bool {
    is_fast_with(node, method, target, fields, "")
}

fn is_fast_with(
    node: &Node,
    method: Method,
    target: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> bool {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        })
        .collect();
    let request = Request {
        method: &method,
        target,
        fields: &fields,
        body: body.as_bytes(),
        peer: Peer::Owner,
    };
    let surroundings = Surroundings::default();
    let answer = sessile::http::fast(&request, &node.engine, &surroundings);
    answer.now_or_never().flatten().is_some()
}

/// Without this the cases above might compare the application with itself.
#[test]
fn only_the_exact_spelling_of_a_verification_is_answered_on_the_fast_path() {
    let (node, alice, _) = node();
    let fast = |method, path: &str| is_fast(&node, method, path, &[("session", &alice)]);
    for end in ["", "/"] {
        assert!(fast(Method::GET, &format!("/v1/sessions/{alice}{end}")));
        assert!(fast(Method::HEAD, &format!("/v1/sessions/{alice}{end}")));
        assert!(!fast(Method::POST, &format!("/v1/sessions/{alice}{end}")));
        assert!(!fast(Method::GET, &format!("/v1/%73essions/{alice}{end}")));
    }
    for method in [Method::GET, Method::HEAD, Method::POST] {
        assert!(fast(method, VERIFY[0]));
    }
    let key = node.guest_key("alice");
    let (cookie, session) = clerk(&node);
    let asked = format!("/v1/client/sessions/{session}");
    for (path, field) in [
        ("/v3/session/user", ("private-token", &*key)),
        (&asked, ("cookie", &*cookie)),
    ] {
        assert!(is_fast(&node, Method::GET, path, &[field]), "{path}");
        assert!(!is_fast(&node, Method::POST, path, &[field]), "{path}");
        assert!(!is_fast(&node, Method::GET, path, &[]), "{path}");
    }
    for other in [
        VERIFY[1].into(),
        "/auth/verify/".into(),
        "/auth/verify?x".into(),
        format!("/v1/sessions/{NEVER}/"),
        format!("/v1/sessions/{alice}//"),
        format!("/v1/sessions/{alice}?x"),
        format!("/v1/sessions//{alice}"),
        format!("/v1/sessions/{alice}/sudo"),
        format!("/v1/sessions/{alice}%20"),
        "/v1/sessions/".into(),
        "/v1/sessions".into(),
        "/v1/xrates/".into(),
    ] {
        assert!(!fast(Method::GET, &other), "{other}");
    }
}

#[test]
fn only_a_login_that_is_not_looked_at_is_refused_on_the_fast_path() {
    let (node, ..) = node();
    throttle(&node, "bob");
    let fields = [("content-type", "application/json")];
    let fast = |path: &str, name: &str| {
        let login = json!({"username": name, "password": "password-1"}).to_string();
        is_fast_with(&node, Method::POST, path, &fields, &login)
    };
    for path in ["/v1/sessions", "/v1/sessions/"] {
        assert!(fast(path, "bob"), "{path}");
        assert!(!fast(path, "alice"), "{path}");
    }
    for path in [
        "/v1/%73essions",
        "/v1/sessions?x",
        "/v1/sessions//",
        "/v1/session",
    ] {
        assert!(!fast(path, "bob"), "{path}");
    }
    node.clock.advance_ms(1_000);
    assert!(!fast("/v1/sessions", "bob"), "it is looked at again");
}

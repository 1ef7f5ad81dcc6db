//! Requests that come together are answered as each would be alone.

use actix_web::http::Method;
use actix_web::web::Data;
use httparse::Header;
use serde_json::{Value, json};
use sessile::edge::connection::Peer;
use sessile::edge::fast::{Asked, FastPath, Frame, Request, TOGETHER_MAX};
use sessile::http::fast::Surfaces;
use sessile::http::surroundings::Surroundings;

use crate::support::{Node, Setup};

/// A request of one connection.
struct Sent {
    method: Method,
    target: String,
    fields: Vec<(&'static str, String)>,
    body: String,
}

fn get(target: &str, field: &'static str, value: &str) -> Sent {
    Sent {
        method: Method::GET,
        target: target.to_owned(),
        fields: vec![(field, value.to_owned())],
        body: String::new(),
    }
}

/// What the path makes of these requests, each of another connection; nothing of what it leaves.
fn answers(path: &impl FastPath, sent: &[&Sent]) -> Vec<Option<String>> {
    let mut headers = Vec::new();
    for sent in sent {
        let fields = sent.fields.iter().map(|(name, value)| Header {
            name,
            value: value.as_bytes(),
        });
        headers.push(fields.collect::<Vec<_>>());
    }
    let mut rooms = vec![Vec::new(); sent.len()];
    let asked = sent.iter().zip(&headers).zip(&mut rooms);
    let mut asked: Vec<_> = asked
        .map(|((sent, fields), out)| Asked {
            request: Request {
                method: &sent.method,
                target: &sent.target,
                fields,
                body: sent.body.as_bytes(),
                peer: Peer::Address([127, 0, 0, 1].into()),
            },
            frame: Frame {
                date: b"Thu, 01 Jan 1970 00:00:00 GMT",
                closes: false,
                without_body: false,
            },
            out,
            answered: false,
        })
        .collect();
    path.answer(&mut asked);
    let found = asked.iter().map(|asked| {
        assert_eq!(asked.answered, !asked.out.is_empty());
        let text = String::from_utf8_lossy(asked.out).into_owned();
        asked.answered.then_some(text)
    });
    found.collect()
}

#[test]
fn what_comes_together_is_answered_as_it_would_be_alone() {
    let node = Node::start(Setup::default());
    let mut all = Vec::new();
    for name in ["alice", "bob", "carol"] {
        node.account(name, json!({}));
        let secret = node.session(name);
        let key = node.guest_key(name);
        let (api_key, api_secret) = node.key_pair(name);
        let wanted = json!({"surface": "xdata", "api_key": api_key});
        let issued = node.administer("POST", "/admin/v1/sessions", wanted);
        let token = issued["sessions"][0]["secret"].as_str().unwrap().to_owned();
        let method = "session.verify_session_token";
        let call = |id: Value| json!({"jsonrpc": "2.0", "method": method, "params": {"token": token}, "id": id});
        let post = |body: Value| Sent {
            method: Method::POST,
            target: "/api/v2/session/jsonrpc".into(),
            fields: vec![
                ("apikey", api_key.clone()),
                ("secret", api_secret.clone()),
                ("content-type", "application/json".into()),
            ],
            body: body.to_string(),
        };
        all.extend([
            get("/auth/verify", "session", &secret),
            get("/auth/verify", "xdata-session-token", &token),
            get("/auth/verify", "private-token", &key),
            get("/auth/verify", "session", &format!("{secret}x")),
            get(&format!("/v1/sessions/{secret}/"), "session", &secret),
            get("/v3/session/user", "private-token", &key),
            post(call(name.into())),
            // Left to the routes.
            post(json!([call(1.into())])),
            get("/v1/xrates/", "session", &secret),
        ]);
    }
    let path = Surfaces::new(
        node.engine.clone(),
        Data::new(Surroundings::default()),
        false,
    );
    let alone: Vec<_> = all
        .iter()
        .flat_map(|sent| answers(&path, &[sent]))
        .collect();
    for name in ["alice", "bob", "carol"] {
        let named = alone.iter().flatten().filter(|text| text.contains(name));
        assert!(named.count() >= 5, "{name}: {alone:?}");
    }
    let left = alone.iter().filter(|answer| answer.is_none()).count();
    assert_eq!(left, 6);
    for together in 2..=TOGETHER_MAX + 1 {
        for first in 0..all.len() {
            let places: Vec<_> = (first..first + together).map(|n| n % all.len()).collect();
            let some: Vec<_> = places.iter().map(|place| &all[*place]).collect();
            let wanted: Vec<_> = places.iter().map(|place| alone[*place].clone()).collect();
            assert_eq!(answers(&path, &some), wanted, "{together} from {first}");
        }
    }
    // Whether it lives is asked anew each time.
    let ended = get("/auth/verify", "session", &all[0].fields[0].1);
    let gone = node.send(
        "DELETE",
        &all[4].target,
        &[("session", &all[0].fields[0].1)],
        "",
    );
    assert_eq!(gone.status, 200);
    let both = answers(&path, &[&ended, &all[9]]);
    assert!(both[0].as_ref().unwrap().starts_with("HTTP/1.1 401 "));
    assert_eq!(both[1], alone[9]);
}

//! What a verification may cost: so many calls of the allocator, exactly, for all that the surfaces answer on the fast
//! path.
//!
//! The requests go through the very object that a worker of the public listener answers with, from the parsed head to
//! the answer's bytes, on this thread, and only this thread is counted. What the runtime asks for, to read and to write,
//! is not in it. A number here that has to grow is a decision, and so is one that can shrink.

use actix_web::http::Method;
use actix_web::web::Data;
use httparse::Header;
use serde_json::{Value, json};
use sessile::door::Engine;
use sessile::edge::connection::Peer;
use sessile::edge::fast::{Asked, FastPath, Frame, Request, TOGETHER_MAX};
use sessile::http::fast::Surfaces;
use sessile::http::surroundings::Surroundings;

use crate::counting::calls;
use crate::support::{Node, Setup};

/// How often each is asked; whatever happens once in so many calls is not a cost of the call.
const TIMES: usize = 1_000;
/// Calls before the first one that counts: pools fill, tables get their size.
const WARM_UP: usize = 64;

const NEVER: &str = "00000000000000000000000000000000";

/// A verification, and what it may ask for.
struct Row {
    what: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    status: u16,
    /// Calls of the allocator.
    calls: usize,
}

#[rustfmt::skip]
fn rows(node: &Node) -> Vec<Row> {
    let secret = node.session("alice");
    let id = node.engine.session_id(secret.as_bytes()).unwrap();
    let (api_key, api_secret) = node.key_pair("alice");
    let wanted = json!({"surface": "xdata", "api_key": api_key});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let xdata = issued["sessions"][0]["secret"].as_str().unwrap();
    let key = node.guest_key("alice");
    let get = |what, path: &str, header: Option<(&'static str, &str)>, status, calls| Row {
        what,
        method: Method::GET,
        path: path.to_owned(),
        headers: header.map(|(name, value)| (name, value.to_owned())).into_iter().collect(),
        body: String::new(),
        status,
        calls,
    };
    let method = "session.verify_session_token";
    let call = json!({"jsonrpc": "2.0", "method": method, "params": {"token": xdata}, "id": 1});
    let verify = "/auth/verify";
    let bearer = format!("Bearer {secret}");
    let by_secret = format!("/v1/sessions/{secret}/");
    let by_id = format!("/v1/sessions/{id}/");
    vec![
        get("gateway, MollyBet", verify, Some(("session", &secret)), 200, 1),
        get("gateway, xData", verify, Some(("xdata-session-token", xdata)), 200, 1),
        get("gateway, bearer", verify, Some(("authorization", &bearer)), 200, 1),
        get("gateway, i3D", verify, Some(("private-token", &key)), 200, 1),
        get("gateway, unknown", verify, Some(("session", NEVER)), 401, 0),
        get("gateway, nothing", verify, None, 401, 0),
        get("metadata, by secret", &by_secret, Some(("session", &secret)), 200, 1),
        get("metadata, by id", &by_id, Some(("session", &secret)), 200, 1),
        get("i3D's user", "/v3/session/user", Some(("private-token", &key)), 200, 1),
        Row {
            what: "xData's verify",
            method: Method::POST,
            path: "/api/v2/session/jsonrpc".into(),
            headers: vec![
                ("content-type", "application/json".into()),
                ("apikey", api_key),
                ("secret", api_secret),
            ],
            body: call.to_string(),
            status: 200,
            calls: 3,
        },
    ]
}

impl Row {
    fn fields(&self) -> Vec<Header<'_>> {
        self.headers
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect()
    }

    /// What so many of these calls, made together, ask for; they must be answered on the spot and as they should. `rooms`
    /// hold the answers.
    fn ask(&self, path: &impl FastPath, rooms: &mut [Vec<u8>]) -> usize {
        let fields = self.fields();
        let frame = Frame {
            date: b"Thu, 01 Jan 1970 00:00:00 GMT",
            closes: false,
            without_body: false,
        };
        let asked = rooms.iter_mut().map(|out| {
            out.clear();
            Asked {
                request: Request {
                    method: &self.method,
                    target: &self.path,
                    fields: &fields,
                    body: self.body.as_bytes(),
                    peer: Peer::Address([127, 0, 0, 1].into()),
                },
                frame,
                out,
                answered: false,
            }
        });
        let mut asked: Vec<_> = asked.collect();
        let (calls, ()) = calls(|| path.answer(&mut asked));
        let status = format!("HTTP/1.1 {} ", self.status);
        for asked in asked {
            assert!(asked.answered, "{}: left to the routes", self.what);
            assert!(asked.out.starts_with(status.as_bytes()), "{}", self.what);
        }
        calls
    }
}

#[test]
fn a_verification_asks_for_memory_as_often_as_is_written_here() {
    let node = Node::start(Setup::default());
    node.account("alice", Value::Null);
    let rows = rows(&node);
    let surroundings = Data::new(Surroundings::default());
    let path = Surfaces::new(node.engine.clone(), surroundings, false);
    let written: Vec<_> = rows.iter().map(|row| (row.what, row.calls)).collect();
    // Alone, and together with others.
    for together in [1, TOGETHER_MAX] {
        let mut rooms = vec![Vec::new(); together];
        let mut found = Vec::new();
        for row in &rows {
            for _ in 0..WARM_UP {
                row.ask(&path, &mut rooms);
            }
            let all: usize = (0..TIMES).map(|_| row.ask(&path, &mut rooms)).sum();
            found.push((row.what, all / TIMES / together));
        }
        assert_eq!(found, written, "{together} together");
    }
}

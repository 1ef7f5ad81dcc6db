//! What a verification may cost: so many calls of the allocator, exactly, for all that the surfaces call hot.
//!
//! The requests go through the very service that a worker of the public listener runs, from the parsed head to the
//! answer's head and body, on this thread, and only this thread is counted. What the framework itself asks for, to
//! read and to write, is not in it. A number here that has to grow is a decision, and so is one that can shrink.

use actix_http::body::MessageBody;
use actix_http::{Request, Response};
use actix_service::{Service, ServiceFactory};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Uri};
use actix_web::web::Data;
use futures_util::FutureExt;
use serde_json::{Value, json};
use sessile::door::Engine;
use sessile::http::entry::Rules;
use sessile::http::surroundings::Surroundings;
use sessile::http::{hot, server};

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
    path: String,
    header: Option<(&'static str, String)>,
    status: StatusCode,
    /// Calls of the allocator.
    calls: usize,
}

#[rustfmt::skip]
fn rows(node: &Node) -> Vec<Row> {
    let secret = node.session("alice");
    let id = node.engine.session_id(secret.as_bytes()).unwrap();
    let (api_key, _) = node.key_pair("alice");
    let wanted = json!({"surface": "xdata", "api_key": api_key});
    let issued = node.administer("POST", "/admin/v1/sessions", wanted);
    let xdata = issued["sessions"][0]["secret"].as_str().unwrap();
    let row = |what, path: &str, header: Option<(&'static str, &str)>, status, calls| Row {
        what,
        path: path.to_owned(),
        header: header.map(|(name, value)| (name, value.to_owned())),
        status,
        calls,
    };
    let (ok, unauthorized) = (StatusCode::OK, StatusCode::UNAUTHORIZED);
    let verify = "/auth/verify";
    let bearer = format!("Bearer {secret}");
    let by_secret = format!("/v1/sessions/{secret}/");
    let by_id = format!("/v1/sessions/{id}/");
    let unknown = format!("/v1/sessions/{NEVER}/");
    vec![
        row("gateway, MollyBet", verify, Some(("session", &secret)), ok, 2),
        row("gateway, xData", verify, Some(("xdata-session-token", xdata)), ok, 2),
        row("gateway, bearer", verify, Some(("authorization", &bearer)), ok, 2),
        row("gateway, unknown", verify, Some(("session", NEVER)), unauthorized, 0),
        row("gateway, nothing", verify, None, unauthorized, 0),
        row("metadata, by secret", &by_secret, Some(("session", &secret)), ok, 2),
        row("metadata, by id", &by_id, Some(("session", &secret)), ok, 2),
        row("metadata, unknown", &unknown, Some(("session", NEVER)), unauthorized, 2),
    ]
}

impl Row {
    /// As the framework parses it: without a payload, which a request of its test module has.
    fn request(&self) -> Request {
        let mut request = Request::new();
        let head = request.head_mut();
        head.method = Method::GET;
        head.uri = Uri::try_from(&self.path).unwrap();
        if let Some((name, value)) = &self.header {
            let value = HeaderValue::try_from(value).unwrap();
            head.headers.insert(HeaderName::from_static(name), value);
        }
        request
    }

    /// What one call asks for, which must be answered at once and as it should.
    fn ask<S, B>(&self, service: &S) -> usize
    where
        S: Service<Request, Response = Response<B>, Error = Response<B>>,
        B: MessageBody,
    {
        let request = self.request();
        let (calls, answer) = calls(|| service.call(request).now_or_never());
        let answer = answer.unwrap_or_else(|| panic!("{}: not answered at once", self.what));
        let status = answer.map(|answer| answer.status()).ok();
        assert_eq!(status, Some(self.status), "{}", self.what);
        calls
    }
}

#[test]
fn a_verification_asks_for_memory_as_often_as_is_written_here() {
    let node = Node::start(Setup::default());
    node.account("alice", Value::Null);
    let rows = rows(&node);
    let engine = node.engine.clone();
    actix::System::new().block_on(async {
        let surroundings = Data::new(Surroundings::default());
        let making = server::surfaces(engine.clone(), surroundings, Rules::default());
        let service = making.new_service(()).await.unwrap();
        let mut found = Vec::new();
        for row in &rows {
            let answered = hot(row.request().head(), &engine);
            assert!(answered.is_some(), "{}: left to the routes", row.what);
            for _ in 0..WARM_UP {
                row.ask(&service);
            }
            let all: usize = (0..TIMES).map(|_| row.ask(&service)).sum();
            found.push((row.what, all / TIMES));
        }
        let written: Vec<_> = rows.iter().map(|row| (row.what, row.calls)).collect();
        assert_eq!(found, written);
    });
}

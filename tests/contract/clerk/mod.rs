//! Clerk sessions, case by case. The rows are in `docs/surfaces/clerk.md`.

mod bodies;
mod client;
mod crossing;
mod factors;
mod instance;
mod json;
mod keys;
mod lifetimes;
mod limits;
mod ownership;
mod pages;
mod refusals;
mod requests;
mod rotation;
mod second_factor;
mod sessions;
mod sign_in;
mod templates;
mod tokens;
mod trace;

use serde_json::{Value, json};
use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{AccountChange, AccountPatch, Command, Reply};
use sessile::engine::event::Part;
use sessile::session::origin::Origin;

use crate::at_once::at_once;
use crate::support::client::Answer;
use crate::support::{Node, Setup};

/// The page of a browser, which is on the list.
const PAGE: &str = "https://app.example";
/// The password that `Node::account` gives.
const PASSWORD: &str = "password-1";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const CLIENT: &str = "/v1/client";
const SIGN_INS: &str = "/v1/client/sign_ins";
const SESSIONS: &str = "/v1/client/sessions";
/// An id in the form of one, which was never given.
const NEVER: &str = "sess_0123456789abcdefABCDEF";
/// The calls on a session that change something, or mint.
const CALLS: [&str; 5] = ["/touch", "/end", "/remove", "/tokens", "/tokens/plain"];

/// A node with these accounts.
fn node(accounts: &[&str]) -> Node {
    let node = Node::start(Setup::default());
    for name in accounts {
        node.account(name, json!({}));
    }
    node
}

/// A page in a browser that keeps its cookie.
#[derive(Clone)]
struct Browser<'n> {
    node: &'n Node,
    cookie: Option<String>,
}

impl<'n> Browser<'n> {
    /// A browser that was never here.
    fn new(node: &'n Node) -> Self {
        Self { node, cookie: None }
    }

    /// A browser that holds this secret.
    fn with(node: &'n Node, secret: &str) -> Self {
        Self {
            node,
            cookie: Some(secret.to_owned()),
        }
    }

    /// A browser in which this user is signed in, and his session.
    fn signed_in(node: &'n Node, username: &str) -> (Self, String) {
        let mut browser = Self::new(node);
        let session = browser.sign_in(username);
        (browser, session)
    }

    /// One request of the page; a cookie in the answer is kept.
    fn ask(&mut self, method: &str, path: &str, form: &str) -> Answer {
        let cookie = self.cookie.as_ref().map(|c| format!("__client={c}"));
        let mut headers = vec![("origin", PAGE)];
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        if method != "GET" {
            headers.push(FORM);
        }
        let answer = self.node.send(method, path, &headers, form);
        if answer.status == 200 && path.contains("/jwks") {
            kept(&answer, KEYS_KEPT);
        } else {
            usual(&answer);
        }
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        if let Some(secret) = handed_out(&answer) {
            self.cookie = Some(secret).filter(|secret| !secret.is_empty());
        }
        answer
    }

    fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    fn post(&mut self, path: &str, form: &str) -> Answer {
        self.ask("POST", path, form)
    }

    /// A call on a session: `rest` is empty for a look at it, or one of [`CALLS`].
    fn call(&mut self, session: &str, rest: &str) -> Answer {
        let method = if rest.is_empty() { "GET" } else { "POST" };
        self.ask(method, &format!("{SESSIONS}/{session}{rest}"), "")
    }

    /// Signs in with a password; whatever comes of it.
    fn try_sign_in(&mut self, username: &str, password: &str) -> Answer {
        let form = format!("strategy=password&identifier={username}&password={password}");
        self.post(SIGN_INS, &form)
    }

    /// Signs in: the new session.
    fn sign_in(&mut self, username: &str) -> String {
        let signed_in = ok(&self.try_sign_in(username, PASSWORD));
        assert_eq!(signed_in["response"]["status"], "complete");
        text(&signed_in["response"]["created_session_id"])
    }

    /// The client as it is shown.
    fn client(&mut self) -> Value {
        ok(&self.get(CLIENT))["response"].clone()
    }

    /// How its sessions stand, in the order in which they are listed.
    fn statuses(&mut self) -> Vec<(String, String)> {
        let client = self.client();
        let sessions = client["sessions"].as_array().unwrap();
        let one = |session: &Value| (text(&session["id"]), text(&session["status"]));
        sessions.iter().map(one).collect()
    }

    /// The status of a session that is listed.
    fn status(&mut self, session: &str) -> String {
        text(&ok(&self.call(session, ""))["response"]["status"])
    }

    /// A session token.
    fn token(&mut self, session: &str) -> String {
        minted(&self.call(session, "/tokens"))
    }

    /// The secret that it holds.
    fn secret(&self) -> String {
        self.cookie.clone().unwrap()
    }
}

/// The secret that an answer hands out in its cookie.
fn handed_out(answer: &Answer) -> Option<String> {
    let cookie = answer.header("set-cookie")?;
    let value = cookie.strip_prefix("__client=").unwrap();
    Some(value.split(';').next().unwrap().to_owned())
}

/// What a command to the engine comes to.
fn tell(node: &Node, command: Command) -> Result<Reply, ServiceError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime
        .unwrap()
        .block_on(node.engine.ask(Origin::node(), command))
}

/// Changes the description of an account.
fn describe(node: &Node, username: &str, patch: AccountPatch) {
    let found = node.engine.account_by_name(username);
    let sessile::door::Answer::Now(Some((id, _))) = found else {
        panic!("there is no {username}");
    };
    let change = AccountChange::Describe(Box::new(patch));
    tell(node, Command::ChangeAccount(id, change, None)).unwrap();
}

fn change(node: &Node, username: &str, patch: Value) {
    node.administer("PATCH", &format!("/admin/v1/accounts/{username}"), patch);
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Checks that an answer is a success, and gives its body.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    usual(answer);
    answer.json()
}

/// The token that an answer carries.
fn minted(answer: &Answer) -> String {
    let body = ok(answer);
    assert_eq!(body["object"], "token");
    assert_eq!(body.as_object().unwrap().len(), 2);
    text(&body["jwt"])
}

/// Checks that an answer is this refusal, in the shape of one. Source: C-38.
fn refused(answer: &Answer, status: u16, code: &str) {
    let shown = answer.text();
    assert_eq!(answer.status, status, "{shown}");
    usual(answer);
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 2, "{shown}");
    assert!(body["clerk_trace_id"].is_string(), "{shown}");
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{shown}");
    assert_eq!(errors[0]["code"], code, "{shown}");
    for said in ["message", "long_message"] {
        assert!(!text(&errors[0][said]).is_empty(), "{shown}");
    }
    assert_eq!(answer.header("set-cookie"), None, "{shown}");
    assert_eq!(answer.header("authorization"), None, "{shown}");
    assert_eq!(answer.header("allow").is_some(), status == 405, "{shown}");
    let again = matches!(status, 429 | 503);
    assert_eq!(answer.header("retry-after").is_some(), again, "{shown}");
}

/// Checks that an answer calls this field of a form wrong.
fn wrong_field(answer: &Answer, code: &str, field: &str) {
    refused(answer, 422, code);
    let meta = &answer.json()["errors"][0]["meta"];
    assert_eq!(*meta, json!({"param_name": field}));
}

/// What every answer has in common. Source: C-12.
fn usual(answer: &Answer) {
    kept(answer, "no-store");
}

/// How long the published keys may be kept.
const KEYS_KEPT: &str = "public, max-age=300";

/// The same of an answer that may be kept as long as `cache_control` says.
fn kept(answer: &Answer, cache_control: &str) {
    answer.only_headers(&[
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "allow",
        "authorization",
        "retry-after",
        "set-cookie",
        "vary",
    ]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some(cache_control));
    assert_eq!(answer.header("vary"), Some("Origin"));
}

/// Checks that two answers cannot be told apart.
fn same(one: &Answer, other: &Answer) {
    assert_eq!(one.status, other.status, "{}", other.text());
    assert_eq!(one.text(), other.text());
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| name != "date");
        headers.sort();
        headers
    };
    assert_eq!(headers(one), headers(other));
}

/// Everything that events made so far, counts of failures aside: to show that a request had no effect.
fn effects(node: &Node) -> usize {
    let records = node.journal.records();
    let changes = |parts: &&Vec<Part>| !parts.iter().all(Part::is_count);
    records.iter().filter(changes).count()
}

/// The usual set-up, with a clerk surface of its own.
fn with_clerk(clerk: sessile::http::settings::ClerkSettings) -> Setup {
    let usual = Setup::default();
    Setup {
        surroundings: sessile::http::surroundings::Surroundings {
            clerk,
            ..usual.surroundings
        },
        ..usual
    }
}

//! Administration, health and metrics as `docs/ADMIN.md` describes them: one file per heading
//! there, and what they share.

mod accounts;
mod digest;
mod endings;
mod input;
mod issue;
mod issue_bounds;
mod issue_clerk;
mod keys;
pub(crate) mod listener;
mod ops;
mod query;
mod roles;
mod second_factor;
mod sessions;
mod signing_keys;
mod templates;

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::{Node, OWNER, Setup};

const ACCOUNTS: &str = "/admin/v1/accounts";
const KEYS: &str = "/admin/v1/keys";
const SESSIONS: &str = "/admin/v1/sessions";
/// The path of the account that most cases are about.
const ALICE: &str = "/admin/v1/accounts/alice";

/// A node with one account, alice.
fn node() -> Node {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    node
}

/// Checks an error: its status, its code, and the shape that all errors have. Gives its message.
fn told(answer: &Answer, status: u16, code: &str) -> String {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    answer.only_headers(match status {
        401 => &["www-authenticate"],
        405 => &["allow"],
        503 => &["retry-after"],
        _ => &[],
    });
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "{text}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{text}");
    let body = answer.json();
    assert_eq!(body["error"], code, "{text}");
    assert_eq!(body.as_object().unwrap().len(), 2, "{text}");
    let message = body["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{text}");
    message.to_owned()
}

impl Node {
    /// One request of an owner that must be refused so; gives the message.
    fn refuses(
        &self,
        (method, path, body): (&str, &str, Value),
        (status, code): (u16, &str),
    ) -> String {
        let answer = self.admin_as(OWNER, method, path, body.clone());
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {body}: {}",
            answer.text()
        );
        told(&answer, status, code)
    }

    /// What an owner sees there.
    fn look(&self, path: &str) -> Value {
        self.administer("GET", path, Value::Null)
    }

    /// Every item of a list, page by page, and the sizes of the pages.
    fn pages(&self, path: &str, list: &str, limit: usize) -> (Vec<Value>, Vec<usize>) {
        let (mut items, mut sizes) = (Vec::new(), Vec::new());
        let mut after = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.look(&format!("{path}{separator}limit={limit}{after}"));
            let found = page[list].as_array().unwrap();
            assert!(found.len() <= limit);
            sizes.push(found.len());
            items.extend(found.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return (items, sizes),
            }
            assert!(sizes.len() < 1_000, "the list does not end");
        }
    }

    /// Whether the secret of a session is good at the gateway, without touching it.
    fn is_live(&self, secret: &str) -> bool {
        let headers = [("session", secret), ("x-sessile-touch", "no")];
        self.send("GET", "/auth/verify", &headers, "").status == 200
    }

    /// Trusted issue of one session: its public id and its secret.
    fn issued(&self, body: Value) -> (String, String) {
        let issued = self.administer("POST", SESSIONS, body);
        let session = &issued["sessions"][0];
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// A log-in on the mollybet surface.
    fn log_in(&self, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send("POST", "/v1/sessions/", &headers, &body.to_string())
    }

    /// Whether a password is right, on an account without a second factor.
    fn logs_in(&self, username: &str, password: &str) -> bool {
        let body = json!({"username": username, "password": password});
        self.log_in(&body).status == 200
    }
}

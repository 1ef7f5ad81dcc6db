//! Without randomness nothing is issued, on any surface, and no weaker source stands in (F28).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sessile::entropy::{Entropy, EntropyFailed, SystemEntropy};

use crate::support::client::Answer;
use crate::support::{Node, OWNER, Setup};

/// The system's source, until it is switched off.
#[derive(Default)]
struct Switched(AtomicBool);

impl Entropy for Switched {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        if self.0.load(Ordering::Acquire) {
            return Err(EntropyFailed);
        }
        SystemEntropy.fill(bytes)
    }
}

/// Everything that hands out a secret, one call each.
struct Calls<'n> {
    node: &'n Node,
    session: String,
    pair: (String, String),
    guests: [String; 2],
    browser: String,
    clerk_session: String,
}

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

impl<'n> Calls<'n> {
    fn prepare(node: &'n Node) -> Self {
        node.account("alice", json!({"may_sudo": true}));
        node.account("otto", json!({}));
        node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
        let guest = || {
            let made = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
            made["secret"].as_str().unwrap().to_owned()
        };
        node.administer("PUT", "/admin/v1/templates/plain", json!({"claims": {}}));
        let signed = node.send(
            "POST",
            "/v1/client/sign_ins?_is_native=1",
            &[FORM],
            "strategy=password&identifier=alice&password=password-1",
        );
        let body = signed.json();
        Self {
            session: node.session("alice"),
            pair: node.key_pair("alice"),
            guests: [guest(), guest()],
            browser: signed.header("authorization").unwrap().to_owned(),
            clerk_session: body["response"]["created_session_id"]
                .as_str()
                .unwrap()
                .to_owned(),
            node,
        }
    }

    fn all(&self) -> Vec<(&'static str, Answer)> {
        let node = self.node;
        let own = [("session", self.session.as_str()), JSON];
        let pair = [
            ("apikey", self.pair.0.as_str()),
            ("secret", self.pair.1.as_str()),
            JSON,
        ];
        let browser = [("authorization", self.browser.as_str()), FORM];
        let mollybet = |rest: &str| format!("/v1/sessions/{}/{rest}/", self.session);
        let tokens = |rest: &str| {
            format!(
                "/v1/client/sessions/{}/tokens{rest}?_is_native=1",
                self.clerk_session
            )
        };
        let login = |name: &str| json!({"username": name, "password": "password-1"}).to_string();
        let user = |name: &str| json!({"userName": name, "password": "password-1"}).to_string();
        let sign_in =
            |name: &str| format!("strategy=password&identifier={name}&password=password-1");
        let opening =
            json!({"jsonrpc": "2.0", "id": 1, "method": "session.open_session"}).to_string();
        let key = |n: usize| [("private-token", self.guests[n].as_str()), JSON];
        let issue = |surface: &str| {
            let body = match surface {
                "xdata" => json!({"surface": surface, "api_key": self.pair.0}),
                _ => json!({"username": "alice", "surface": surface}),
            };
            node.admin_as(OWNER, "POST", "/admin/v1/sessions", body)
        };
        let sign_ins = "/v1/client/sign_ins?_is_native=1";
        let admin =
            |method: &str, path: &str, body: Value| node.admin_as(OWNER, method, path, body);
        vec![
            (
                "login",
                node.send("POST", "/v1/sessions/", &[JSON], &login("alice")),
            ),
            (
                "sudo",
                node.send("POST", &mollybet("sudo"), &own, r#"{"target":"alice"}"#),
            ),
            (
                "tokenize",
                node.send("POST", &mollybet("tokenize"), &own, ""),
            ),
            (
                "i3D login",
                node.send("POST", "/v3/session/login", &key(0), &user("alice")),
            ),
            (
                "i3D first step",
                node.send("POST", "/v3/session/login", &key(1), &user("otto")),
            ),
            (
                "anonymous client",
                node.send("GET", "/v1/client?_is_native=1", &[], ""),
            ),
            (
                "sign-in",
                node.send("POST", sign_ins, &[FORM], &sign_in("alice")),
            ),
            (
                "first step",
                node.send("POST", sign_ins, &[FORM], &sign_in("otto")),
            ),
            ("token", node.send("POST", &tokens(""), &browser, "")),
            (
                "template",
                node.send("POST", &tokens("/plain"), &browser, ""),
            ),
            (
                "xData",
                node.send("POST", "/api/v2/session/jsonrpc", &pair, &opening),
            ),
            ("issue, mollybet", issue("mollybet")),
            ("issue, i3d", issue("i3d")),
            ("issue, clerk", issue("clerk")),
            ("issue, xdata", issue("xdata")),
            (
                "account",
                admin(
                    "POST",
                    "/admin/v1/accounts",
                    json!({"username": "new", "password": "password-1"}),
                ),
            ),
            (
                "password",
                admin(
                    "PUT",
                    "/admin/v1/accounts/alice/password",
                    json!({"password": "password-2"}),
                ),
            ),
            (
                "seed",
                admin("POST", "/admin/v1/accounts/otto/totp", Value::Null),
            ),
            (
                "guest key",
                admin("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"})),
            ),
            (
                "account key",
                admin(
                    "POST",
                    "/admin/v1/keys",
                    json!({"kind": "i3d", "username": "alice"}),
                ),
            ),
            (
                "key pair",
                admin(
                    "POST",
                    "/admin/v1/keys",
                    json!({"kind": "xdata", "username": "alice"}),
                ),
            ),
        ]
    }
}

/// Whether an answer gave what was asked for.
fn gave(answer: &Answer) -> bool {
    answer.status < 300 && answer.json().get("error").is_none()
}

#[test]
fn a_random_source_that_fails_issues_nothing_on_any_surface() {
    let entropy = Arc::new(Switched::default());
    let node = Node::start(Setup {
        entropy: entropy.clone(),
        ..Setup::default()
    });
    let calls = Calls::prepare(&node);
    // A token of the last half minute is shown again, which issues nothing.
    node.clock.advance_ms(31_000);
    entropy.0.store(true, Ordering::Release);
    let records = node.journal.records().len();
    let refused = calls.all();
    let issued: Vec<_> = refused
        .iter()
        .filter(|(_, answer)| gave(answer))
        .map(|(name, _)| *name)
        .collect();
    println!(
        "{} calls without randomness: {} issued",
        refused.len(),
        issued.len()
    );
    assert_eq!(issued, [""; 0]);
    for (name, answer) in &refused {
        let given = ["authorization", "set-cookie"].map(|header| answer.header(header));
        assert_eq!(given, [None, None], "{name}: {}", answer.text());
    }
    assert_eq!(node.journal.records().len(), records, "nothing came to be");

    // The same calls give what they should once there is randomness again.
    entropy.0.store(false, Ordering::Release);
    let silent: Vec<_> = calls
        .all()
        .into_iter()
        .filter(|(_, answer)| !gave(answer))
        .collect();
    let silent: Vec<_> = silent
        .iter()
        .map(|(name, answer)| format!("{name}: {} {}", answer.status, answer.text()))
        .collect();
    assert_eq!(silent, [""; 0]);
}

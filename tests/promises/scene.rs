//! A node on which everything is ready, requests to it, and all that readers see of it.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value, json};
use sessile::journal::memory::Pace;

use crate::hold::{Pump, fence};
use crate::support::client::{Answer, Client};
use crate::support::{Node, OWNER, READER, Setup};

/// A request.
pub(crate) struct Request {
    /// Whether it goes to the admin listener, and with which token.
    admin: Option<&'static str>,
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// A node with everything a command can name: `alice`, her agent `ann`, their sessions and keys.
pub(crate) struct Scene {
    /// Two MollyBet sessions of alice, and one of ann.
    pub(crate) alice: [String; 2],
    pub(crate) ann: String,
    /// The ids of alice's sessions.
    pub(crate) ids: [String; 2],
    pub(crate) pair: (String, String),
    pub(crate) xdata: String,
    pub(crate) handoff: String,
    pub(crate) node: Node,
}

/// A request to the surfaces.
pub(crate) fn public(
    method: &'static str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Request {
    let headers = headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect();
    Request {
        admin: None,
        method,
        path: path.into(),
        headers,
        body: body.into(),
    }
}

/// A request to the admin listener with this token.
pub(crate) fn admin(token: &'static str, method: &'static str, path: &str, body: Value) -> Request {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers = vec![("authorization", format!("Bearer {token}"))];
    Request {
        admin: Some(token),
        method,
        path: format!("/admin/v1/{path}"),
        headers,
        body,
    }
}

impl Scene {
    /// A node whose journal is held, and on which everything is ready.
    pub(crate) fn set() -> Self {
        let setup = Setup {
            shards: 3,
            workers: 1,
            pace: Pace::Held,
            ..Setup::default()
        };
        let node = Node::start(setup);
        let pump = Pump::on(&node.journal);
        node.account("ann", json!({"may_sudo": true, "max_sessions": 0}));
        node.account("alice", json!({"agent": "ann"}));
        let issue = |body| {
            let issued = node.administer("POST", "/admin/v1/sessions", body);
            let text = |of: &str| issued["sessions"][0][of].as_str().unwrap().to_owned();
            (text("id"), text("secret"))
        };
        let alice = [0; 2].map(|_| issue(json!({"username": "alice", "surface": "mollybet"})));
        let pair = node.key_pair("alice");
        let (_, xdata) = issue(json!({"api_key": pair.0, "surface": "xdata"}));
        let secrets = alice.each_ref().map(|(_, secret)| secret.clone());
        let path = format!("/v1/sessions/{}/tokenize/", secrets[0]);
        let handoff = node
            .send("POST", &path, &[("session", &secrets[0])], "")
            .json();
        let ann = node.session("ann");
        // Both are known from here by now, so that another login leaves the record of its session alone.
        for name in ["alice", "ann"] {
            let login = Request::login(name, "password-1").send(&mut node.client());
            let secret = login.json()["data"].as_str().unwrap().to_owned();
            let path = format!("/v1/sessions/{secret}/");
            let ended = node.send("DELETE", &path, &[("session", &secret)], "");
            assert_eq!(ended.status, 200, "{name}");
        }
        drop(pump);
        Self {
            ids: alice.map(|(id, _)| id),
            alice: secrets,
            ann,
            pair,
            xdata,
            handoff: handoff["data"].as_str().unwrap().into(),
            node,
        }
    }

    /// The logout of alice's first session.
    pub(crate) fn logout(&self) -> Request {
        let secret = &self.alice[0];
        public(
            "DELETE",
            &format!("/v1/sessions/{secret}/"),
            &[("session", secret)],
            "",
        )
    }

    /// An xData call of alice's key pair.
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Request {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": format!("session.{method}"), "params": params,
        });
        let headers = [
            ("apikey", self.pair.0.as_str()),
            ("secret", self.pair.1.as_str()),
        ];
        public(
            "POST",
            "/api/v2/session/jsonrpc",
            &headers,
            &call.to_string(),
        )
    }

    /// Sends a request on a connection of its own and does not wait for its answer.
    pub(crate) fn begin(&self, request: Request) -> Pending {
        let to = if request.admin.is_some() {
            self.node.admin
        } else {
            self.node.public
        };
        let (answered, answer) = channel();
        std::thread::spawn(move || {
            let answer = request.send(&mut Client::connect(to));
            // Whoever asked may have failed meanwhile.
            let _nobody = answered.send(answer);
        });
        Pending(answer)
    }

    /// What readers see on every path there is, by name.
    pub(crate) fn views(&self) -> BTreeMap<&'static str, String> {
        fence(&self.node.engine);
        let (mut surfaces, mut administration) =
            (self.node.client(), Client::connect(self.node.admin));
        let mut ask = |request: Request| {
            let client = if request.admin.is_some() {
                &mut administration
            } else {
                &mut surfaces
            };
            let answer = request.send(client);
            // A call that is refused before its body was read ends the connection.
            if answer.header("connection") == Some("close") {
                *client = Client::connect(if request.admin.is_some() {
                    self.node.admin
                } else {
                    self.node.public
                });
            }
            answer.only_headers(&[
                "www-authenticate",
                "x-sessile-user",
                "x-sessile-user-id",
                "x-sessile-session",
                "x-sessile-surface",
            ]);
            format!("{} {}", answer.status, answer.text())
        };
        let [alice, _] = &self.alice;
        let metadata = format!("/v1/sessions/{alice}");
        let by_agent = [("session", self.ann.as_str())];
        let token = json!({"token": self.xdata});
        let mut with_token = self.rpc("verify_session_token", token.clone());
        with_token.headers = vec![("xdata-session-token", self.xdata.clone())];
        let look = |path: &str| admin(READER, "GET", path, Value::Null);
        let metrics = ask(Request {
            path: "/metrics".into(),
            ..look("")
        });
        let records = metrics
            .lines()
            .find(|line| line.starts_with("sessile_sessions "));
        BTreeMap::from([
            (
                "metadata",
                ask(public("GET", &metadata, &[("session", alice)], "")),
            ),
            ("agent", ask(public("GET", &metadata, &by_agent, ""))),
            (
                "verify",
                ask(public("GET", "/auth/verify", &[("session", alice)], "")),
            ),
            ("xdata", ask(self.rpc("verify_session_token", token))),
            ("xdata-token", ask(with_token)),
            ("sessions", ask(look("sessions?limit=1000"))),
            ("show", ask(look(&format!("sessions/{}", self.ids[0])))),
            ("accounts", ask(look("accounts"))),
            ("keys", ask(look("keys"))),
            ("digest", ask(look("digest"))),
            ("records", records.unwrap().to_owned()),
            ("bob", ask(look("accounts/bob"))),
        ])
    }
}

/// The names of the views that differ, in order.
pub(crate) fn changed(
    before: &BTreeMap<&'static str, String>,
    after: &BTreeMap<&'static str, String>,
) -> String {
    let differ = before
        .iter()
        .filter(|(name, view)| after.get(*name) != Some(view));
    differ.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

impl Request {
    /// A MollyBet login.
    pub(crate) fn login(username: &str, password: &str) -> Self {
        let body = json!({"username": username, "password": password}).to_string();
        public(
            "POST",
            "/v1/sessions/",
            &[("content-type", "application/json")],
            &body,
        )
    }

    /// A call of the administrator who may do everything.
    pub(crate) fn owner(method: &'static str, path: &str, body: Value) -> Self {
        admin(OWNER, method, path, body)
    }

    fn send(&self, client: &mut Client) -> Answer {
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        client.send(self.method, &self.path, &headers, self.body.as_bytes())
    }
}

/// An answer that is still to come.
pub(crate) struct Pending(Receiver<Answer>);

impl Pending {
    /// The answer, if it is there now.
    pub(crate) fn poll(&self) -> Option<Answer> {
        self.0.try_recv().ok()
    }

    /// Whether nothing comes for a moment.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.recv_timeout(Duration::from_millis(20)).is_err()
    }

    /// The answer; `None` if it was taken already.
    pub(crate) fn settle(self) -> Option<Answer> {
        match self.0.recv_timeout(Duration::from_secs(30)) {
            Ok(answer) => Some(answer),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("a request has no answer"),
        }
    }

    /// The answer.
    pub(crate) fn answer(self) -> Answer {
        self.settle().unwrap()
    }
}

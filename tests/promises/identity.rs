//! No answer carries another's identity, on shared connections either (I12, C21).

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::support::client::{Answer, Client};
use crate::support::{Node, Setup};

const CLIENTS: usize = 32;
/// Rounds of each client; a round makes ten calls, with four of them in somebody else's name.
const ROUNDS: usize = 63;

/// One of the clients, and all that tells it from the others.
struct Identity {
    name: String,
    client_type: String,
    user_id: String,
    session: String,
    public_id: String,
    pair: (String, String),
    token: String,
}

impl Identity {
    fn make(node: &Node, n: usize) -> Self {
        let (name, client_type) = (format!("user-{n}"), format!("type-{n}"));
        node.account(&name, json!({"client_type": client_type}));
        let issue = |body: Value| {
            let issued = node.administer("POST", "/admin/v1/sessions", body);
            let text = |of: &str| issued["sessions"][0][of].as_str().unwrap().to_owned();
            (text("id"), text("secret"))
        };
        let (public_id, session) = issue(json!({"username": name, "surface": "mollybet"}));
        let pair = node.key_pair(&name);
        let (_, token) = issue(json!({"api_key": pair.0, "surface": "xdata"}));
        let shown = node.administer("GET", &format!("/admin/v1/accounts/{name}"), Value::Null);
        let user_id = shown["user_id"].to_string();
        Self {
            name,
            client_type,
            user_id,
            session,
            public_id,
            pair,
            token,
        }
    }

    /// Checks that a verification tells of this one and of nobody else.
    fn recognise(&self, answer: &Answer, surface: &str) {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-sessile-user"), Some(self.name.as_str()));
        assert_eq!(
            answer.header("x-sessile-user-id"),
            Some(self.user_id.as_str())
        );
        assert_eq!(answer.header("x-sessile-surface"), Some(surface));
    }

    /// Asks whose session this is, twice.
    fn verify(&self, client: &mut Client) {
        let answer = client.send("GET", "/auth/verify", &[("session", &self.session)], b"");
        self.recognise(&answer, "mollybet");
        assert_eq!(
            answer.header("x-sessile-session"),
            Some(self.public_id.as_str())
        );
        let token = [("xdata-session-token", self.token.as_str())];
        self.recognise(&client.send("POST", "/auth/verify", &token, b""), "xdata");
    }

    fn read_metadata(&self, client: &mut Client, secret: &str) {
        let path = format!("/v1/sessions/{secret}");
        let answer = client.send("GET", &path, &[("session", secret)], b"");
        let expected = json!({"username": self.name, "client_type": self.client_type});
        assert_eq!(answer.json()["data"], expected);
    }

    /// Asks with this one's key pair whether a token is good.
    fn verify_token(&self, client: &mut Client, token: &str, active: bool) {
        let id = format!("{}/{token}", self.name);
        let call = json!({
            "jsonrpc": "2.0", "id": id, "method": "session.verify_session_token", "params": [token],
        });
        let pair = [
            ("apikey", self.pair.0.as_str()),
            ("secret", self.pair.1.as_str()),
        ];
        let body = call.to_string();
        let answer = client
            .send("POST", "/api/v2/session/jsonrpc", &pair, body.as_bytes())
            .json();
        assert_eq!(
            (&answer["id"], &answer["result"]["active"]),
            (&json!(id), &json!(active))
        );
    }

    /// Logs in, looks, logs out.
    fn come_and_go(&self, client: &mut Client) {
        let login = json!({"username": self.name, "password": "password-1"}).to_string();
        let json = ("content-type", "application/json");
        let answer = client.send("POST", "/v1/sessions/", &[json], login.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let secret = answer.json()["data"].as_str().unwrap().to_owned();
        self.read_metadata(client, &secret);
        let path = format!("/v1/sessions/{secret}");
        assert_eq!(
            client
                .send("DELETE", &path, &[("session", &secret)], b"")
                .status,
            200
        );
    }
}

#[test]
fn of_20_000_calls_by_32_identities_no_answer_carries_anothers() {
    let node = Node::start(Setup::default());
    let all: Vec<_> = (0..CLIENTS).map(|n| Identity::make(&node, n)).collect();
    let start = Barrier::new(CLIENTS);
    std::thread::scope(|threads| {
        for (n, own) in all.iter().enumerate() {
            let (node, all, start) = (&node, &all, &start);
            threads.spawn(move || {
                let mut client = node.client();
                start.wait();
                for round in 0..ROUNDS {
                    // As behind a proxy, a connection serves somebody else, too.
                    let other = &all[(n + 1 + round % (CLIENTS - 1)) % CLIENTS];
                    own.verify(&mut client);
                    other.verify(&mut client);
                    own.read_metadata(&mut client, &own.session);
                    own.verify_token(&mut client, &own.token, true);
                    own.verify_token(&mut client, &other.token, false);
                    own.come_and_go(&mut client);
                }
            });
        }
    });
}

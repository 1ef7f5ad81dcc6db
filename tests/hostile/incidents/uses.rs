//! Every place where a credential can be put, tried with one.

use serde_json::{Value, json};

use super::{FORM, JSON, RPC};
use crate::support::Node;
use crate::support::client::Answer;

/// One use: where, and what came back.
pub(super) struct Use {
    pub(super) place: String,
    pub(super) answer: Answer,
}

impl Use {
    /// Whether the answer tells of somebody, or gives something, that this name stands for.
    pub(super) fn tells_of(&self, name: &str) -> bool {
        let body = self.answer.text();
        let headers = &self.answer.headers;
        let identity = headers
            .iter()
            .any(|(header, _)| header.starts_with("x-sessile-"));
        let active = body.contains("\"active\":true");
        // A browser is shown a session that is over as one that is over, and whose it was.
        let over = body.contains("\"status\":\"ended\"") || body.contains("\"status\":\"removed\"");
        let over = over && !body.contains("\"status\":\"active\"");
        identity || active || (body.contains(name) && !over) || body.contains("\"jwt\"")
    }
}

/// Puts `credential` into every place of every call of every surface that takes one, and `session`, a public
/// id or none, into the paths that name a session. `pair` is a key pair that is good.
///
/// Calls that take something away come last, so that what they end has been seen by the others.
pub(super) fn everywhere(
    node: &Node,
    credential: &str,
    session: &str,
    pair: &(String, String),
) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut note = |place: String, answer: Answer| uses.push(Use { place, answer });
    gateway(node, credential, &mut note);
    xdata(node, credential, pair, &mut note);
    let takes = [false, true];
    for take in takes {
        mollybet(node, credential, session, take, &mut note);
        i3d(node, credential, take, &mut note);
        clerk(node, credential, session, take, &mut note);
    }
    uses
}

fn gateway(node: &Node, credential: &str, note: &mut impl FnMut(String, Answer)) {
    let bearer = format!("Bearer {credential}");
    let cookies = ["__session", "__client"].map(|name| format!("{name}={credential}"));
    let places = [
        ("authorization", bearer.as_str()),
        ("session", credential),
        ("private-token", credential),
        ("xdata-session-token", credential),
        ("cookie", &cookies[0]),
        ("cookie", &cookies[1]),
    ];
    for (header, value) in places {
        for method in ["GET", "POST", "HEAD"] {
            let answer = node.send(method, "/auth/verify", &[(header, value)], "");
            note(
                format!("{method} /auth/verify, {header}: {value:.12}"),
                answer,
            );
        }
    }
}

fn xdata(
    node: &Node,
    credential: &str,
    (key, secret): &(String, String),
    note: &mut impl FnMut(String, Answer),
) {
    let call = |params: Value, method: &str| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    for path in [RPC, "/api/v1/session/jsonrpc"] {
        for params in [json!([credential]), json!({"token": credential})] {
            let body = call(params, "session.verify_session_token");
            let headers = [("apikey", key.as_str()), ("secret", secret), JSON];
            let answer = node.send("POST", path, &headers, &body);
            note(format!("{path} verify"), answer);
        }
        let body = call(json!({}), "session.open_session");
        for (key, secret) in [(credential, secret.as_str()), (key, credential)] {
            let answer = node.send(
                "POST",
                path,
                &[("apikey", key), ("secret", secret), JSON],
                &body,
            );
            note(format!("{path} as a key"), answer);
        }
    }
}

fn mollybet(
    node: &Node,
    credential: &str,
    session: &str,
    take: bool,
    note: &mut impl FnMut(String, Answer),
) {
    let target = json!({"target": "bob"}).to_string();
    let token = json!({"token": credential}).to_string();
    for named in [credential, session] {
        let path = |rest: &str| format!("/v1/sessions/{named}/{rest}");
        let gives = [
            ("GET", path(""), ""),
            ("HEAD", path(""), ""),
            ("POST", path("sudo/"), target.as_str()),
            ("POST", path("tokenize/"), ""),
            ("POST", path("detokenize/"), token.as_str()),
            ("GET", "/v1/xrates/".to_owned(), ""),
        ];
        let takes = [("DELETE", path(""), "")];
        let calls = if take { &takes[..] } else { &gives[..] };
        for (method, path, body) in calls {
            let mut headers = vec![("session", credential)];
            if !body.is_empty() {
                headers.push(JSON);
            }
            let answer = node.send(method, path, &headers, body);
            note(format!("{method} {path:.30}, session"), answer);
            let answer = node.send(method, path, &headers[1..], body);
            note(format!("{method} {path:.30} alone"), answer);
        }
    }
}

fn i3d(node: &Node, credential: &str, take: bool, note: &mut impl FnMut(String, Answer)) {
    let gives = [
        ("GET", "/v3/session/user", ""),
        ("POST", "/v3/session/login/otp", r#"{"otp":"000000"}"#),
    ];
    let takes = [("POST", "/v3/session/logout", "")];
    for (method, path, body) in if take { &takes[..] } else { &gives[..] } {
        let mut headers = vec![("private-token", credential)];
        if !body.is_empty() {
            headers.push(JSON);
        }
        note(
            format!("{method} {path}"),
            node.send(method, path, &headers, body),
        );
    }
}

fn clerk(
    node: &Node,
    credential: &str,
    session: &str,
    take: bool,
    note: &mut impl FnMut(String, Answer),
) {
    let of = |rest: &str| format!("/v1/client/sessions/{session}{rest}");
    let gives = [
        ("GET", "/v1/client".to_owned(), ""),
        ("GET", "/v1/me".to_owned(), ""),
        ("GET", "/v1/me/sessions/active".to_owned(), ""),
        ("GET", of(""), ""),
        ("POST", of("/touch"), ""),
        ("POST", of("/tokens"), ""),
        ("POST", of("/tokens/plain"), ""),
        (
            "POST",
            "/v1/client/sign_ins/sia_0123456789abcdefABCDEF/attempt_second_factor".to_owned(),
            "strategy=totp&code=000000",
        ),
    ];
    let takes = [
        ("POST", of("/end"), ""),
        ("POST", of("/remove"), ""),
        ("DELETE", "/v1/client/sessions".to_owned(), ""),
        ("DELETE", "/v1/client".to_owned(), ""),
    ];
    let cookie = format!("__client={credential}");
    for (method, path, form) in if take { &takes[..] } else { &gives[..] } {
        let mut by_cookie = vec![("cookie", cookie.as_str())];
        let mut by_header = vec![("authorization", credential)];
        if *method == "POST" {
            by_cookie.push(FORM);
            by_header.push(FORM);
        }
        let answer = node.send(method, path, &by_cookie, form);
        note(format!("{method} {path:.60}, cookie"), answer);
        let answer = node.send(method, &format!("{path}?_is_native=1"), &by_header, form);
        note(format!("{method} {path:.60}, native"), answer);
    }
}

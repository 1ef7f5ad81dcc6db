//! What happened to other servers, tried here over real sockets. `docs/SECURITY.md` says which test is which
//! case; those that belong to one surface stand with its contract.

mod factors;
mod fixation;
mod listings;
mod logout;
mod methods;
mod starts;
mod uses;

use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::support::client::Answer;
use crate::support::{Node, START_MS, Setup};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// The password that `Node::account` gives.
const PASSWORD: &str = "password-1";
const RPC: &str = "/api/v2/session/jsonrpc";
const SIGN_INS: &str = "/v1/client/sign_ins?_is_native=1";
const GUEST_LOGIN: &str = "/v3/session/login";

/// The usual set-up, under an address that stays the same over a restart.
fn setup() -> Setup {
    let mut setup = Setup::default();
    setup.surroundings.clerk.issuer = "http://auth.test".into();
    setup
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

fn done(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Logs in at mollybet; `more` is what is sent besides.
fn mollybet(node: &Node, name: &str, more: Value) -> Answer {
    let mut body = json!({"username": name, "password": PASSWORD});
    if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
        body.extend(more.clone());
    }
    node.send("POST", "/v1/sessions/", &[JSON], &body.to_string())
}

/// A new guest key.
fn guest(node: &Node) -> String {
    let made = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    text(&made["secret"])
}

/// Logs in on a guest key.
fn i3d(node: &Node, key: &str, name: &str) -> Answer {
    let body = json!({"userName": name, "password": PASSWORD}).to_string();
    node.send("POST", GUEST_LOGIN, &[("private-token", key), JSON], &body)
}

fn i3d_code(node: &Node, key: &str, code: &str) -> Answer {
    let body = json!({"otp": code}).to_string();
    let headers = [("private-token", key), JSON];
    node.send("POST", "/v3/session/login/otp", &headers, &body)
}

/// Signs in as a native client that holds this secret, or none: the answer, and the secret it then holds.
fn clerk(node: &Node, client: &str, name: &str) -> (Answer, String) {
    let form = format!("identifier={name}&password={PASSWORD}");
    let headers = [FORM, ("authorization", client)];
    let answer = node.send("POST", SIGN_INS, &headers, &form);
    let secret = answer.header("authorization").unwrap_or(client).to_owned();
    (answer, secret)
}

/// The call of a native client.
fn native(node: &Node, client: &str, method: &str, path: &str, form: &str) -> Answer {
    let headers = [("authorization", client), FORM];
    let headers = if method == "GET" {
        &headers[..1]
    } else {
        &headers
    };
    node.send(method, &format!("{path}?_is_native=1"), headers, form)
}

/// A call of the xData surface with a key pair.
fn rpc(node: &Node, pair: &(String, String), method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let headers = [("apikey", &*pair.0), ("secret", &*pair.1), JSON];
    node.send("POST", RPC, &headers, &body.to_string()).json()
}

/// Gives an account a second factor: its seed in base32.
fn enrol(node: &Node, name: &str) -> String {
    let path = format!("/admin/v1/accounts/{name}/totp");
    let enrolled = node.administer("POST", &path, Value::Null);
    text(&enrolled["totp_secret"])
}

/// The code of a seed for this many steps after the start of the clock.
fn code(seed: &str, step: i64) -> String {
    let secret = Secret::try_from_base32(seed).unwrap();
    let at_s = START_MS.saturating_add_signed(step * 30_000) / 1_000;
    let generator = Builder::new().with_secret(secret).build_noncompliant();
    generator.generate(at_s).to_string()
}

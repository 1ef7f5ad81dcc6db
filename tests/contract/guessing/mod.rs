//! Guessing as a whole: over all surfaces, from many addresses, at the same instant, and with whom it is
//! not about. What one surface answers is with its own cases. Source: R19, R24, R26.

mod equal;
mod floods;
mod stop;
mod victim;

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};
use sessile::http::address::TrustedProxies;
use sessile::session::policy::Policy;

use crate::at_once::at_once;
use crate::support::client::{Answer, Client};
use crate::support::{Node, Setup};

const PASSWORD: &str = "password-1";
const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Surfaces on which a password is taken.
const SURFACES: [Surface; 3] = [Surface::Mollybet, Surface::I3d, Surface::Clerk];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Surface {
    Mollybet,
    I3d,
    Clerk,
}

/// What somebody who tried was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    In,
    Wrong,
    /// Not looked at, for so many seconds.
    Wait(u64),
    /// Refused in another way: the status.
    Other(u16),
}

/// A node behind a proxy on loopback, with these accounts; `bound` changes what failures cost.
fn behind_a_proxy(accounts: &[&str], bound: impl FnOnce(&mut Policy)) -> Node {
    let mut setup = Setup::default();
    bound(&mut setup.policy);
    let loopback = vec!["127.0.0.0/8".parse().unwrap()];
    setup.surroundings.proxies = TrustedProxies::new(loopback);
    let node = Node::start(setup);
    for name in accounts {
        node.account(name, json!({}));
    }
    node
}

/// A guest key of a node.
fn guest(node: &Node) -> String {
    let made = node.administer("POST", "/admin/v1/keys", json!({"kind": "i3d-guest"}));
    made["secret"].as_str().unwrap().to_owned()
}

/// Tries a name and a password on a surface, over this connection and with these headers.
fn attempt(
    client: &mut Client,
    surface: Surface,
    more: &[(&str, &str)],
    (name, password): (&str, &str),
) -> Answer {
    let mut headers = more.to_vec();
    let (path, body) = match surface {
        Surface::Mollybet => {
            headers.push(JSON);
            let body = json!({"username": name, "password": password});
            ("/v1/sessions/", body.to_string())
        }
        Surface::I3d => {
            headers.push(JSON);
            let body = json!({"userName": name, "password": password});
            ("/v3/session/login", body.to_string())
        }
        Surface::Clerk => {
            headers.push(FORM);
            let escape = |text: &str| {
                let byte = |b: u8| format!("%{b:02X}");
                text.bytes().map(byte).collect::<String>()
            };
            let (name, password) = (escape(name), escape(password));
            let form = format!("strategy=password&identifier={name}&password={password}");
            ("/v1/client/sign_ins", form)
        }
    };
    client.send("POST", path, &headers, body.as_bytes())
}

/// What an answer told, in whatever contract's words.
fn told(answer: &Answer) -> Told {
    match answer.status {
        200 => Told::In,
        401 | 422 => Told::Wrong,
        429 => Told::Wait(answer.header("retry-after").unwrap().parse().unwrap()),
        other => Told::Other(other),
    }
}

/// Tries from an address that the proxy saw.
fn try_from(node: &Node, surface: Surface, from: &str, name: &str, password: &str) -> Told {
    let key = match surface {
        Surface::I3d => guest(node),
        Surface::Mollybet | Surface::Clerk => String::new(),
    };
    let mut headers = vec![("x-forwarded-for", from)];
    if surface == Surface::I3d {
        headers.push(("private-token", key.as_str()));
    }
    let answer = attempt(&mut node.client(), surface, &headers, (name, password));
    told(&answer)
}

/// Tries on mollybet.
fn tries(node: &Node, from: &str, name: &str, password: &str) -> Told {
    try_from(node, Surface::Mollybet, from, name, password)
}

/// A connection from this address of loopback.
fn local(node: &Node, [a, b, c]: [u8; 3]) -> Client {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    let stream = runtime.unwrap().block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        let from = IpAddr::from([127, a, b, c]);
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let stream = socket.connect(node.public).await.unwrap();
        stream.into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    Client::over(stream)
}

/// A sample of the metrics.
fn metric(node: &Node, name: &str) -> u64 {
    let answer = Client::connect(node.admin).send("GET", "/metrics", &[], b"");
    let text = answer.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// Logins that were looked at.
fn looked_at(node: &Node) -> u64 {
    metric(node, "sessile_logins_checked_total ")
}

/// What an operator sees of an account's failures.
fn failures(node: &Node, name: &str) -> Value {
    let path = format!("/admin/v1/accounts/{name}/failures");
    node.administer("GET", &path, Value::Null)
}

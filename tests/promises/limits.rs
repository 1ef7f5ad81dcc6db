//! A limit of N per account and surface is N: under any number of logins and opens at once, at any
//! number of shards, whatever happens at the limit, and while other sessions run out (design §2, R4).

use std::sync::Barrier;

use serde_json::json;
use sessile::journal::memory::Pace;
use sessile::session::policy::{Policy, WhenFull};

use crate::support::client::Client;
use crate::support::{Node, Setup};

const LIMIT: usize = 5;
/// Clients that log in and open at the same instant.
const CLIENTS: usize = 64;
const IDLE_MS: u32 = 60_000;

/// A node with a limit of five on both surfaces, one account, and everything it was handed out.
struct Crowd {
    clients: Vec<Client>,
    pair: (String, String),
    mollybet: Vec<String>,
    xdata: Vec<String>,
    node: Node,
}

/// One way of asking: login or open; the secret, or `None` for "as many as you may have".
type Way = fn(&mut Client, &(String, String)) -> Option<String>;

fn log_in(client: &mut Client, _: &(String, String)) -> Option<String> {
    let body = br#"{"username":"alice","password":"password-1"}"#;
    let json = ("content-type", "application/json");
    let answer = client.send("POST", "/v1/sessions/", &[json], body);
    let said = answer.json();
    match answer.status {
        200 => said["data"].as_str().map(Into::into),
        status => {
            assert_eq!(
                (status, said["code"].as_str()),
                (403, Some("session_limit_reached"))
            );
            None
        }
    }
}

fn open(client: &mut Client, (name, secret): &(String, String)) -> Option<String> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "session.open_session"}).to_string();
    let headers = [("apikey", name.as_str()), ("secret", secret.as_str())];
    let answer = client.send("POST", "/api/v1/session/jsonrpc", &headers, body.as_bytes());
    let said = answer.json();
    let token = said["result"]["access_token"].as_str();
    assert!(token.is_some() || said["error"]["code"] == -32000, "{said}");
    token.map(Into::into)
}

impl Crowd {
    fn gather(shards: u16, when_full: WhenFull) -> Self {
        let mut policy = Policy::default();
        for surface in [&mut policy.mollybet, &mut policy.xdata] {
            surface.per_account = Some(5);
            surface.when_full = when_full;
        }
        policy.mollybet.life.idle_timeout_ms = IDLE_MS;
        policy.xdata.life.absolute_ms = u64::from(IDLE_MS);
        let node = Node::start(Setup {
            shards,
            policy,
            workers: 2,
            pace: Pace::Prompt,
            ..Setup::default()
        });
        node.account("alice", json!({}));
        Self {
            clients: (0..CLIENTS).map(|_| node.client()).collect(),
            pair: node.key_pair("alice"),
            mollybet: Vec::new(),
            xdata: Vec::new(),
            node,
        }
    }

    /// Every client asks on both surfaces at once; returns how many got in on each.
    fn rush(&mut self) -> (usize, usize) {
        let (barrier, pair) = (Barrier::new(CLIENTS), &self.pair);
        let handed_out: Vec<_> = std::thread::scope(|threads| {
            let asking = self.clients.iter_mut().enumerate().map(|(n, client)| {
                let barrier = &barrier;
                threads.spawn(move || {
                    let ways: [Way; 2] = if n % 2 == 0 {
                        [log_in, open]
                    } else {
                        [open, log_in]
                    };
                    barrier.wait();
                    let mut secrets = ways.map(|way| way(client, pair));
                    secrets.rotate_left(n % 2);
                    secrets
                })
            });
            let asking: Vec<_> = asking.collect();
            asking
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        let (mollybet, xdata): (Vec<_>, Vec<_>) = handed_out
            .into_iter()
            .map(|[login, open]| (login, open))
            .unzip();
        let before = (self.mollybet.len(), self.xdata.len());
        self.mollybet.extend(mollybet.into_iter().flatten());
        self.xdata.extend(xdata.into_iter().flatten());
        (self.mollybet.len() - before.0, self.xdata.len() - before.1)
    }

    /// How many of all secrets ever handed out are good, by surface.
    fn live(&mut self) -> (usize, usize) {
        let client = &mut self.clients[0];
        let mut good = |secrets: &[String], header: &str| {
            let seen = secrets.iter().map(|secret| {
                let headers = [(header, secret.as_str()), ("x-sessile-touch", "no")];
                client.send("GET", "/auth/verify", &headers, b"").status
            });
            seen.filter(|status| *status == 200).count()
        };
        (
            good(&self.mollybet, "session"),
            good(&self.xdata, "xdata-session-token"),
        )
    }

    /// Uses two of the live MollyBet sessions.
    fn use_two(&mut self) {
        let client = &mut self.clients[0];
        let mut used = 0;
        for secret in &self.mollybet {
            let no = [("session", secret.as_str()), ("x-sessile-touch", "no")];
            if used < 2 && client.send("GET", "/auth/verify", &no, b"").status == 200 {
                client.send("GET", "/auth/verify", &no[..1], b"");
                used += 1;
            }
        }
        assert_eq!(used, 2);
    }
}

fn hold(when_full: WhenFull) {
    let denies = when_full == WhenFull::Deny;
    let admitted = |free: usize| if denies { free } else { CLIENTS };
    for shards in [1, 2, 7] {
        let mut crowd = Crowd::gather(shards, when_full);
        let at = format!("{when_full:?}, {shards} shards");
        assert_eq!(crowd.rush(), (admitted(LIMIT), admitted(LIMIT)), "{at}");
        assert_eq!(crowd.live(), (LIMIT, LIMIT), "{at}");
        // Two sessions are used, the others run out: three and five places are free.
        crowd.node.clock.advance_ms(u64::from(IDLE_MS) - 1_000);
        crowd.use_two();
        assert_eq!(crowd.live(), (LIMIT, LIMIT), "{at}");
        crowd.node.clock.advance_ms(1_000);
        assert_eq!(crowd.live(), (2, 0), "{at}");
        assert_eq!(crowd.rush(), (admitted(3), admitted(5)), "{at}");
        assert_eq!(crowd.live(), (LIMIT, LIMIT), "{at}");
        // The two run out while everybody asks: none or two places become free.
        crowd.node.clock.advance_ms(u64::from(IDLE_MS) - 1_500);
        let clock = crowd.node.clock.clone();
        let moving = std::thread::spawn(move || {
            for _ in 0..900 {
                clock.advance_ms(1);
                std::thread::yield_now();
            }
        });
        crowd.rush();
        moving.join().unwrap();
        let (mollybet, xdata) = crowd.live();
        assert!(
            mollybet <= LIMIT && xdata == LIMIT,
            "{at}: {mollybet}, {xdata}"
        );
        crowd.rush();
        assert_eq!(crowd.live(), (LIMIT, LIMIT), "{at}");
    }
}

#[test]
fn of_64_logins_and_opens_at_once_exactly_the_limit_gets_in_and_the_rest_is_denied() {
    hold(WhenFull::Deny);
}

#[test]
fn of_64_logins_and_opens_at_once_exactly_the_limit_stays_if_the_oldest_makes_room() {
    hold(WhenFull::EvictOldest);
}

#[test]
fn of_64_logins_and_opens_at_once_exactly_the_limit_stays_if_the_idlest_makes_room() {
    hold(WhenFull::EvictIdle);
}

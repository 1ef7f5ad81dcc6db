//! Signing keys that follow each other on the real binary: under load, and killed between the steps.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::book::machine_ms;
use crate::server::{How, Place, Server};
use crate::wire::{Line, request};

const SIGNING: &str = "/admin/v1/signing-keys";
/// How long a key is listed before it signs, on these nodes.
const LEAD_MS: u64 = 2_000;
/// Who makes and verifies tokens at the same time.
const WRITERS: usize = 6;
/// Tokens that a writer keeps to verify them again.
const KEPT: usize = 32;

/// A place whose nodes have a short lead, and an account.
fn place() -> (Place, Server) {
    let place = Place::new();
    let mut config = OpenOptions::new()
        .append(true)
        .open(place.beside("sessile.toml"))
        .unwrap();
    write!(config, "\n[tokens]\npublish_lead = \"{LEAD_MS}ms\"\n").unwrap();
    let server = place.start(How::default());
    let alice = json!({"username": "alice", "password": "password-1"});
    server.administer("POST", "/admin/v1/accounts", &alice);
    (place, server)
}

/// A browser's client with a session in it.
struct Visitor {
    line: Line,
    secret: String,
    session: String,
}

impl Visitor {
    fn new(server: &Server) -> Self {
        let body = json!({"username": "alice", "surface": "clerk"});
        let opened = server.administer("POST", "/admin/v1/sessions", &body);
        let text = |member: &str| opened["sessions"][0][member].as_str().unwrap().to_owned();
        Self {
            line: Line::to(server.public),
            secret: text("secret"),
            session: text("id"),
        }
    }

    /// A token of its session.
    fn token(&mut self) -> String {
        let path = format!("/v1/client/sessions/{}/tokens?_is_native=1", self.session);
        let headers = [("authorization", self.secret.as_str())];
        let answer = self
            .line
            .call(&request("POST", &path, &headers, ""))
            .whole();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["jwt"].as_str().unwrap().to_owned()
    }

    /// Whether the gateway takes a token.
    fn takes(&mut self, jwt: &str) -> bool {
        let bearer = format!("Bearer {jwt}");
        let asked = request("GET", "/auth/verify", &[("authorization", &bearer)], "");
        match self.line.call(&asked).whole().status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    fn published(&mut self) -> JwkSet {
        let asked = request("GET", "/.well-known/jwks.json", &[], "");
        serde_json::from_value(self.line.call(&asked).whole().json()).unwrap()
    }
}

fn kid_of(jwt: &str) -> String {
    decode_header(jwt).unwrap().kid.unwrap()
}

/// The same token under another key's name.
fn renamed(jwt: &str, kid: &str) -> String {
    let (head, rest) = jwt.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    header["kid"] = kid.into();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// Whether the time of a token is over.
fn is_over(jwt: &str) -> bool {
    let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap());
    let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    sessile::clock::wall().ms() / 1_000 >= claims["exp"].as_u64().unwrap()
}

/// Whether a list of keys verifies a token.
fn verifies(keys: &JwkSet, jwt: &str) -> bool {
    let header = decode_header(jwt).unwrap();
    let Some(key) = keys.find(header.kid.as_deref().unwrap()) else {
        return false;
    };
    let validation = Validation::new(header.alg);
    decode::<Value>(jwt, &DecodingKey::from_jwk(key).unwrap(), &validation).is_ok()
}

fn keys(server: &Server) -> Vec<Value> {
    let shown = server.administer("GET", SIGNING, &Value::Null);
    shown["keys"].as_array().unwrap().clone()
}

fn kids(keys: &[Value]) -> Vec<String> {
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

fn rotate(server: &Server, compromised: bool) -> Vec<Value> {
    let body = json!({"algorithm": "RS256", "compromised": compromised});
    let shown = server.administer("POST", "/admin/v1/signing-keys/rotate", &body);
    shown["keys"].as_array().unwrap().clone()
}

/// Waits until the youngest key signs.
fn until_it_signs(server: &Server) {
    for _ in 0..3_000 {
        if keys(server).last().unwrap()["state"] == "signing" {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("the new key never signs");
}

const CALM: u8 = 0;
/// A withdrawal is under way: whatever is seen now may be of before or after.
const IN_DOUBT: u8 = 1;

#[derive(Default)]
struct Figures {
    made: AtomicU64,
    taken: AtomicU64,
    by_list: AtomicU64,
    refused: AtomicU64,
    wrongly_refused: AtomicU64,
    wrongly_taken: AtomicU64,
}

/// What all writers look at.
struct Shared {
    figures: Figures,
    /// [`CALM`] or [`IN_DOUBT`]; changes only by those who withdraw keys.
    phase: AtomicU8,
    over: AtomicBool,
    withdrawn: parking_lot::Mutex<BTreeSet<String>>,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Makes tokens and verifies them, at the gateway and by a list of keys that it does not ask for again
/// because of an unknown key: only because the list is as old as a list may be.
fn write(mut visitor: Visitor, shared: &Shared) {
    let figures = &shared.figures;
    let mut kept: Vec<String> = Vec::new();
    let (mut list_at, mut list) = (machine_ms(), visitor.published());
    let mut rounds = 0_usize;
    while !shared.over.load(Ordering::Acquire) {
        rounds += 1;
        let before = shared.phase.load(Ordering::Acquire);
        let gone = shared.withdrawn.lock().clone();
        let jwt = visitor.token();
        let fresh = visitor.takes(&jwt);
        let old = kept.get(rounds % KEPT.min(kept.len().max(1))).cloned();
        let again = old.map(|jwt| (visitor.takes(&jwt), jwt));
        let again = again.filter(|(_, jwt)| !is_over(jwt));
        let by_list = verifies(&list, &jwt);
        let list_is_young = machine_ms().saturating_sub(list_at) < LEAD_MS;
        if before == IN_DOUBT || shared.phase.load(Ordering::Acquire) == IN_DOUBT {
            continue;
        }
        // A withdrawal that came and went meanwhile.
        if *shared.withdrawn.lock() != gone {
            continue;
        }
        count(&figures.made);
        let judge = |taken: bool, jwt: &str| match (taken, gone.contains(&kid_of(jwt))) {
            (true, false) => count(&figures.taken),
            (false, true) => count(&figures.refused),
            (false, false) => count(&figures.wrongly_refused),
            (true, true) => count(&figures.wrongly_taken),
        };
        judge(fresh, &jwt);
        if let Some((taken, old)) = &again {
            judge(*taken, old);
            if *old != jwt && kid_of(old) != kid_of(&jwt) {
                for forged in [renamed(old, &kid_of(&jwt)), renamed(&jwt, &kid_of(old))] {
                    match visitor.takes(&forged) {
                        true => count(&figures.wrongly_taken),
                        false => count(&figures.refused),
                    }
                }
            }
        }
        let by_withdrawal = !gone.is_empty();
        if list_is_young && !by_withdrawal {
            match by_list {
                true => count(&figures.by_list),
                false => count(&figures.wrongly_refused),
            }
        } else {
            (list_at, list) = (machine_ms(), visitor.published());
            assert!(gone.iter().all(|kid| list.find(kid).is_none()));
        }
        if kept.len() < KEPT {
            kept.push(jwt);
        } else {
            kept[rounds % KEPT] = jwt;
        }
    }
}

#[test]
fn keys_follow_each_other_under_load_and_no_token_is_judged_wrongly() {
    let (_place, server) = place();
    let visitors: Vec<_> = (0..WRITERS).map(|_| Visitor::new(&server)).collect();
    let shared = Shared {
        figures: Figures::default(),
        phase: AtomicU8::new(CALM),
        over: AtomicBool::new(false),
        withdrawn: parking_lot::Mutex::default(),
    };
    std::thread::scope(|scope| {
        for visitor in visitors {
            scope.spawn(|| write(visitor, &shared));
        }
        let until = |made: u64| {
            let wanted = shared.figures.made.load(Ordering::Relaxed) + made;
            while shared.figures.made.load(Ordering::Relaxed) < wanted {
                std::thread::park_timeout(Duration::from_millis(5));
            }
        };
        until(60);
        for _ in 0..3 {
            rotate(&server, false);
            until_it_signs(&server);
            until(60);
        }
        let before = kids(&keys(&server));
        shared.phase.store(IN_DOUBT, Ordering::Release);
        let after = kids(&rotate(&server, true));
        shared.withdrawn.lock().extend(before);
        shared.phase.store(CALM, Ordering::Release);
        assert_eq!(after.len(), 1);
        until(150);
        shared.over.store(true, Ordering::Release);
    });
    let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let figures = &shared.figures;
    println!(
        "4 rotations under {WRITERS} writers: {} tokens made, {} taken, {} verified by a list younger than \
         the lead, {} of withdrawn keys or under another's name refused; {} refused that were good, {} taken \
         that were not",
        of(&figures.made),
        of(&figures.taken),
        of(&figures.by_list),
        of(&figures.refused),
        of(&figures.wrongly_refused),
        of(&figures.wrongly_taken),
    );
    for counter in [&figures.taken, &figures.by_list, &figures.refused] {
        assert!(of(counter) > 0);
    }
    assert_eq!(of(&figures.wrongly_refused), 0);
    assert_eq!(of(&figures.wrongly_taken), 0);
    server.stop();
}

/// What says how far a key is, without the state, which time changes.
fn records(keys: &[Value]) -> Vec<Value> {
    let mut keys = keys.to_vec();
    for key in &mut keys {
        key.as_object_mut().unwrap().remove("state");
    }
    keys
}

#[test]
fn killed_between_the_steps_of_a_rotation_it_goes_on_where_it_was() {
    let (place, server) = place();
    let mut visitor = Visitor::new(&server);
    let first = kid_of(&visitor.token());
    let published = rotate(&server, false);
    assert_eq!(published[1]["state"], "published");
    server.kill();

    // Published: the same two keys, and the second signs in its time.
    let server = place.start(How::default());
    assert_eq!(records(&keys(&server)), records(&published));
    let again = |visitor: &Visitor, server: &Server| Visitor {
        line: Line::to(server.public),
        secret: visitor.secret.clone(),
        session: visitor.session.clone(),
    };
    visitor = again(&visitor, &server);
    assert_eq!(visitor.published().keys.len(), 2);
    until_it_signs(&server);
    let second = kid_of(&visitor.token());
    assert_ne!(second, first);
    server.administer("POST", "/admin/v1/snapshot", &Value::Null);
    server.kill();

    // Signing, out of an image; with another number of shards.
    let server = place.start(How {
        shards: 3,
        ..How::default()
    });
    assert_eq!(records(&keys(&server)), records(&published));
    visitor = again(&visitor, &server);
    let stolen = visitor.token();
    assert_eq!(kid_of(&stolen), second);
    let after = rotate(&server, true);
    server.kill();

    // Withdrawn: not even the restart lets it in again.
    let server = place.start(How::default());
    visitor = again(&visitor, &server);
    assert_eq!(records(&keys(&server)), records(&after));
    assert!(!visitor.takes(&stolen));
    let fresh = visitor.token();
    assert!(visitor.takes(&fresh));
    assert_eq!(kids(&after), [kid_of(&fresh)]);

    // Killed while it is asked for: wholly done, or not at all.
    let mut server = server;
    for round in 0..6_u64 {
        let before = keys(&server);
        let compromised = round % 2 == 1;
        let body = json!({"algorithm": "RS256", "compromised": compromised}).to_string();
        let admin = server.admin;
        let asked = std::thread::spawn(move || {
            let bearer = format!("Bearer {}", crate::server::TOKEN);
            let headers = [("authorization", bearer.as_str())];
            let path = "/admin/v1/signing-keys/rotate";
            let asked = request("POST", path, &headers, &body);
            matches!(
                Line::to(admin).call(&asked),
                crate::wire::Outcome::Answered(answer) if answer.status == 200
            )
        });
        for _ in 0..12 * round {
            server.digest();
        }
        server.kill();
        let answered = asked.join().unwrap();
        server = place.start(How::default());
        let now = keys(&server);
        let undone = records(&now) == records(&before);
        let done = if compromised {
            now.len() == 1 && !kids(&before).contains(&kids(&now)[0])
        } else {
            now.len() == before.len() + 1 && kids(&now).starts_with(&kids(&before))
        };
        assert!(done || undone && !answered, "{before:?}, then {now:?}");
        visitor = again(&visitor, &server);
        let token = visitor.token();
        assert!(visitor.takes(&token));
    }
    server.stop();
}

//! Many names, many addresses, all at once: what one address, one network and the node may try.

use std::sync::Mutex;

use totp_rs::{Builder, Secret};

use super::*;
use crate::support::START_MS;

#[test]
fn one_address_tries_thirty_names_then_waits() {
    rows!("M-98");
    let node = behind_a_proxy(&["alice", "bob"], |_| {});
    let (thief, neighbour) = ("203.0.113.5", "203.0.113.6");
    assert_eq!(tries(&node, thief, "bob", PASSWORD), Told::In);
    for n in 0..30 {
        let name = format!("name-{n}");
        let surface = SURFACES[n % SURFACES.len()];
        let tried = try_from(&node, surface, thief, &name, "guess");
        assert_eq!(tried, Told::Wrong, "{n}");
    }
    for seconds in [1, 2, 4, 8, 16, 30, 30] {
        for surface in SURFACES {
            let tried = try_from(&node, surface, thief, "alice", PASSWORD);
            assert_eq!(tried, Told::Wait(seconds), "{surface:?}");
        }
        node.clock.advance_ms(seconds * 1_000);
        assert_eq!(tries(&node, thief, "one-more", "guess"), Told::Wrong);
        // The name has had its own failures: they are not to be in the way.
        node.administer(
            "POST",
            "/admin/v1/accounts",
            json!({"username": "one-more"}),
        );
        let path = "/admin/v1/accounts/one-more/failures";
        node.administer("DELETE", path, Value::Null);
        node.administer("DELETE", "/admin/v1/accounts/one-more", Value::Null);
    }
    // Neither those next door, nor those who are known from here, pay for it.
    assert_eq!(tries(&node, neighbour, "alice", PASSWORD), Told::In);
    assert_eq!(tries(&node, thief, "bob", PASSWORD), Told::In);
    node.clock.advance_ms(15 * 60_000);
    assert_eq!(tries(&node, thief, "alice", PASSWORD), Told::In);
}

#[test]
fn one_network_tries_so_many_names_then_waits() {
    rows!("M-98");
    let bound = |policy: &mut Policy| policy.guessing.per_network = 40;
    let node = behind_a_proxy(&["alice"], bound);
    for n in 0..40 {
        let (from, name) = (format!("203.0.113.{n}"), format!("name-{n}"));
        assert_eq!(tries(&node, &from, &name, "guess"), Told::Wrong, "{n}");
    }
    assert_eq!(
        tries(&node, "203.0.113.99", "alice", PASSWORD),
        Told::Wait(1)
    );
    assert_eq!(tries(&node, "203.0.114.99", "alice", PASSWORD), Told::In);
}

#[test]
fn backends_and_loopback_call_for_many() {
    rows!("M-98");
    let node = behind_a_proxy(&["alice"], |policy| {
        policy.guessing.per_address = 3;
        policy.guessing.backends = vec!["10.0.0.0/8".parse().unwrap()];
    });
    for from in ["10.1.2.3", "127.0.0.1"] {
        for n in 0..10 {
            let name = format!("{from}-{n}");
            assert_eq!(tries(&node, from, &name, "guess"), Told::Wrong);
        }
        assert_eq!(tries(&node, from, "alice", PASSWORD), Told::In);
    }
    for n in 0..3 {
        let name = format!("name-{n}");
        assert_eq!(tries(&node, "192.0.2.1", &name, "guess"), Told::Wrong);
    }
    assert_eq!(tries(&node, "192.0.2.1", "nobody", "x"), Told::Wait(1));
}

#[test]
fn the_node_looks_at_so_many_strangers_a_minute_and_at_whom_it_knows() {
    rows!("M-99");
    let bound = |policy: &mut Policy| policy.guessing.per_minute = 20;
    let node = behind_a_proxy(&["alice", "bob"], bound);
    assert_eq!(tries(&node, "192.0.2.1", "alice", PASSWORD), Told::In);
    node.clock.advance_ms(60_000);
    for n in 0..20 {
        let (from, name) = (format!("203.{n}.113.1"), format!("name-{n}"));
        let surface = SURFACES[n % SURFACES.len()];
        let tried = try_from(&node, surface, &from, &name, "guess");
        assert_eq!(tried, Told::Wrong, "{n}");
    }
    for surface in SURFACES {
        let stranger = try_from(&node, surface, "198.51.100.1", "bob", PASSWORD);
        assert_eq!(stranger, Told::Wait(60), "{surface:?}");
        let known = try_from(&node, surface, "192.0.2.9", "alice", PASSWORD);
        assert_eq!(known, Told::In, "{surface:?}");
    }
    node.clock.advance_ms(60_000);
    assert_eq!(tries(&node, "198.51.100.1", "bob", PASSWORD), Told::In);
}

/// C6 of the reliability goals: sessions, addresses and spellings share one count.
#[test]
fn one_account_has_one_count_whatever_is_varied() {
    rows!("M-55", "V-64", "C-54");
    let node = behind_a_proxy(&["alice"], |_| {});
    let spellings = ["alice", "ALICE", "Alice", "aLiCe", "alicE"];
    for (n, name) in spellings.into_iter().enumerate() {
        let surface = SURFACES[n % SURFACES.len()];
        let from = format!("203.{n}.113.1");
        assert_eq!(try_from(&node, surface, &from, name, "guess"), Told::Wrong);
    }
    let before = looked_at(&node);
    for name in spellings {
        for surface in SURFACES {
            let tried = try_from(&node, surface, "198.51.100.1", name, PASSWORD);
            assert_eq!(tried, Told::Wait(1), "{surface:?} {name}");
        }
    }
    assert_eq!(looked_at(&node), before);
    // Spellings that are no spelling of it are somebody else's names: they reach no password.
    for name in [
        "alice ",
        " alice",
        "ａｌｉｃｅ",
        "alic\u{65}\u{301}",
        "alice\u{200b}",
        "alıce",
    ] {
        for surface in SURFACES {
            let tried = try_from(&node, surface, "198.51.100.2", name, PASSWORD);
            assert_eq!(tried, Told::Wrong, "{surface:?} {name:?}");
        }
    }
}

#[test]
fn codes_count_with_passwords_over_all_surfaces() {
    rows!("M-56", "V-56", "C-54");
    let node = behind_a_proxy(&["otto"], |_| {});
    let enrolled = node.administer("POST", "/admin/v1/accounts/otto/totp", Value::Null);
    let seed = Secret::try_from_base32(enrolled["totp_secret"].as_str().unwrap()).unwrap();
    let with_code = |from: &str, code: &str| {
        let body = json!({"username": "otto", "password": PASSWORD, "otp": code}).to_string();
        let headers = [("x-forwarded-for", from), JSON];
        told(&node.send("POST", "/v1/sessions/", &headers, &body))
    };
    let wrong = |n: usize| with_code(&format!("203.{n}.113.1"), "x");
    assert_eq!([wrong(0), wrong(1)], [Told::Wrong; 2]);
    let tried = try_from(&node, Surface::Clerk, "203.3.113.1", "otto", "guess");
    assert_eq!(tried, Told::Wrong);
    let tried = try_from(&node, Surface::I3d, "203.4.113.1", "otto", "guess");
    assert_eq!(tried, Told::Wrong);
    assert_eq!(wrong(5), Told::Wrong);
    let right = Builder::new().with_secret(seed).build_noncompliant();
    let right = right.generate(START_MS / 1_000).to_string();
    assert_eq!(with_code("198.51.100.1", &right), Told::Wait(1));
    node.clock.advance_ms(1_000);
    assert_eq!(with_code("198.51.100.1", &right), Told::In);
}

/// C7 of the reliability goals: 200 at the same instant, over three surfaces and from 200 addresses.
#[test]
fn of_two_hundred_guesses_at_once_no_more_are_looked_at_than_in_a_row() {
    rows!("M-57", "V-63", "C-54");
    let node = behind_a_proxy(&["alice"], |_| {});
    let keys: Vec<_> = (0..67).map(|_| guest(&node)).collect();
    for (name, forwarded) in [("alice", false), ("alicia", true), ("nobody", false)] {
        let connect = |n: usize| {
            let [a, b] = [n / 200, n % 200].map(|n| u8::try_from(n).unwrap());
            Mutex::new(local(&node, [1 + a, b, 1]))
        };
        let connections: Vec<_> = (0..200).map(connect).collect();
        let before = looked_at(&node);
        let answers = at_once(connections.len(), |n| {
            let surface = SURFACES[n % SURFACES.len()];
            let from = format!("203.{n}.113.1");
            let mut headers = Vec::new();
            if forwarded {
                headers.push(("x-forwarded-for", from.as_str()));
            }
            if surface == Surface::I3d {
                headers.push(("private-token", keys[n / SURFACES.len()].as_str()));
            }
            let mut connection = connections[n].lock().unwrap();
            told(&attempt(
                &mut connection,
                surface,
                &headers,
                (name, "guess"),
            ))
        });
        let wrong = answers.iter().filter(|told| **told == Told::Wrong).count();
        let waits = answers.iter().filter(|told| matches!(told, Told::Wait(_)));
        assert_eq!((wrong, wrong + waits.count()), (5, 200), "{name}");
        assert_eq!(looked_at(&node) - before, 5, "{name}");
    }
}

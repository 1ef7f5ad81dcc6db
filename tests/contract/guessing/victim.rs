//! Whoever is attacked logs in all the same, from where he is known.

use super::*;

const HOME: &str = "192.0.2.7";
/// Another address of the same network.
const NEIGHBOUR: &str = "192.0.2.200";
const NEW: &str = "198.51.100.1";

/// Guesses from ever new networks, as often as anybody may.
fn attack(node: &Node, name: &str, guesses: usize) {
    for n in 0..guesses {
        let from = format!("203.{}.{}.9", n / 200, n % 200);
        assert_eq!(tries(node, &from, name, "wrong"), Told::Wrong, "guess {n}");
        node.clock.advance_ms(30_000);
    }
}

#[test]
fn whoever_is_attacked_logs_in_from_where_he_is_known_on_every_surface() {
    rows!("M-97", "V-60", "C-54");
    let node = behind_a_proxy(&["alice"], |_| {});
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    attack(&node, "alice", 20);
    assert_eq!(tries(&node, "203.0.113.1", "alice", "wrong"), Told::Wrong);
    for surface in SURFACES {
        for from in [HOME, NEIGHBOUR] {
            let known = try_from(&node, surface, from, "alice", PASSWORD);
            assert_eq!(known, Told::In, "{surface:?} from {from}");
        }
        let stranger = try_from(&node, surface, NEW, "alice", PASSWORD);
        assert_eq!(stranger, Told::Wait(30), "{surface:?}");
    }
    // He who is let in from elsewhere is known there, too.
    node.clock.advance_ms(30_000);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
    attack(&node, "alice", 10);
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
}

#[test]
fn his_own_failures_delay_him_and_nobody_else() {
    rows!("M-97");
    let node = behind_a_proxy(&["alice"], |_| {});
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    for _ in 0..5 {
        assert_eq!(tries(&node, HOME, "alice", "wrong"), Told::Wrong);
    }
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::Wait(1));
    assert_eq!(tries(&node, NEIGHBOUR, "alice", PASSWORD), Told::Wait(1));
    assert_eq!(tries(&node, NEW, "alice", PASSWORD), Told::In);
    node.clock.advance_ms(1_000);
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
}

#[test]
fn another_account_is_not_known_because_somebody_else_is() {
    rows!("M-97");
    let node = behind_a_proxy(&["alice", "bob"], |_| {});
    assert_eq!(tries(&node, HOME, "alice", PASSWORD), Told::In);
    for _ in 0..5 {
        assert_eq!(tries(&node, NEW, "bob", "wrong"), Told::Wrong);
    }
    assert_eq!(tries(&node, HOME, "bob", PASSWORD), Told::Wait(1));
}

#[test]
fn an_account_is_known_from_eight_networks_and_for_ninety_days() {
    rows!("M-97");
    const DAY_MS: u64 = 86_400_000;
    let node = behind_a_proxy(&["alice"], |_| {});
    let network = |n: usize| format!("198.51.{n}.1");
    for n in 0..9 {
        assert_eq!(tries(&node, &network(n), "alice", PASSWORD), Told::In);
    }
    let known = |node: &Node| failures(node, "alice")["known_networks"].clone();
    assert_eq!(known(&node).as_array().unwrap().len(), 8);
    attack(&node, "alice", 10);
    assert_eq!(tries(&node, "203.0.113.1", "alice", "wrong"), Told::Wrong);
    assert_eq!(tries(&node, &network(0), "alice", PASSWORD), Told::Wait(30));
    assert_eq!(tries(&node, &network(1), "alice", PASSWORD), Told::In);
    node.clock.advance_ms(89 * DAY_MS);
    assert_eq!(tries(&node, &network(8), "alice", PASSWORD), Told::In);
    node.clock.advance_ms(DAY_MS);
    assert_eq!(known(&node).as_array().unwrap().len(), 1);
    // Another password is another proof: from where the old one was known says nothing.
    let path = "/admin/v1/accounts/alice/password";
    node.administer("PUT", path, json!({"password": "password-2"}));
    assert_eq!(known(&node), json!([]));
}

/// Addresses of loopback, which clients may choose: no proxy is needed to have many.
#[test]
fn the_same_holds_without_a_proxy() {
    rows!("M-97");
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    let tries = |from: [u8; 3], password: &str| {
        let mut client = local(&node, from);
        told(&attempt(
            &mut client,
            Surface::Mollybet,
            &[],
            ("alice", password),
        ))
    };
    assert_eq!(tries([0, 1, 1], PASSWORD), Told::In);
    for n in 0..5 {
        assert_eq!(tries([1, n, 1], "wrong"), Told::Wrong);
    }
    assert_eq!(tries([2, 0, 1], PASSWORD), Told::Wait(1));
    assert_eq!(tries([0, 1, 9], PASSWORD), Told::In);
}

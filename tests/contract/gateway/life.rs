//! What ends a session, and what keeps it going.

use serde_json::{Value, json};
use sessile::door::Engine;

use super::{PATH, ask, node};
use crate::support::client::Client;

const IDLE_MS: u64 = 86_400_000;
const ABSOLUTE_MS: u64 = 30 * IDLE_MS;

/// A way to end a session: its name, and the deed on a secret.
type Ending<'n> = (&'n str, &'n dyn Fn(&str));

#[test]
fn whatever_ends_a_session_is_seen_by_the_next_call() {
    rows!("G-7", "G-20");
    let node = node();
    let alice = "/admin/v1/accounts/alice";
    let session_path = |id: &str| {
        let id = node.engine.session_id(id.as_bytes()).unwrap();
        format!("/admin/v1/sessions/{id}")
    };
    // Connections that stay open over all of it, on whichever worker they are.
    let mut clients: Vec<_> = (0..4).map(|_| node.client()).collect();
    let mut seen = |secret: &str| -> Vec<(u16, Vec<(String, String)>)> {
        let ask = |client: &mut Client| {
            let answer = client.send("GET", PATH, &[("session", secret)], b"");
            (
                answer.status,
                answer
                    .headers
                    .into_iter()
                    .filter(|(n, _)| n != "date")
                    .collect(),
            )
        };
        clients.iter_mut().map(ask).collect()
    };
    let unknown = seen(&"0".repeat(32));
    assert!(unknown.iter().all(|(status, _)| *status == 401));
    let endings: [Ending<'_>; 7] = [
        ("log-out", &|id| {
            let path = format!("/v1/sessions/{id}/");
            assert_eq!(
                node.send("DELETE", &path, &[("session", id)], "").status,
                200
            );
        }),
        ("revocation", &|id| {
            node.administer("DELETE", &session_path(id), Value::Null);
        }),
        ("revoke-all", &|_| {
            node.administer("POST", &format!("{alice}/revoke"), json!({}));
        }),
        ("password", &|_| {
            node.administer(
                "PUT",
                &format!("{alice}/password"),
                json!({"password": "password-2"}),
            );
        }),
        ("idle", &|_| node.clock.advance_ms(IDLE_MS)),
        ("disabled", &|_| {
            node.administer("PATCH", alice, json!({"enabled": false}));
            node.administer("PATCH", alice, json!({"enabled": true}));
        }),
        ("deleted", &|_| {
            node.administer("DELETE", alice, Value::Null);
        }),
    ];
    for (what, end) in endings {
        let secret = node.session("alice");
        assert!(
            seen(&secret).iter().all(|(status, _)| *status == 200),
            "{what}"
        );
        end(&secret);
        assert_eq!(seen(&secret), unknown, "{what}");
    }
}

#[test]
fn a_locked_account_keeps_the_sessions_it_has() {
    rows!("G-7");
    let node = node();
    let session = node.session("alice");
    node.administer("PATCH", "/admin/v1/accounts/alice", json!({"locked": true}));
    assert_eq!(ask(&node, &[("session", &session)]), 200);
}

#[test]
fn the_call_counts_as_activity_unless_it_says_not_to() {
    rows!("G-14", "G-15", "G-16");
    let node = node();
    let touching: [&[(&str, &str)]; 5] = [
        &[],
        &[("x-sessile-touch", "yes")],
        &[("x-sessile-touch", "")],
        &[("x-sessile-touch", "0")],
        &[("x-sessile-touch", "false")],
    ];
    let leaving: [&[(&str, &str)]; 2] =
        [&[("x-sessile-touch", "no")], &[("X-Sessile-Touch", "NO")]];
    let cases = touching
        .map(|more| (more, true))
        .into_iter()
        .chain(leaving.map(|more| (more, false)));
    for (more, touches) in cases {
        let session = node.session("alice");
        let headers: Vec<_> = [("session", session.as_str())]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        node.clock.advance_ms(IDLE_MS - 1);
        assert_eq!(ask(&node, &headers), 200, "{more:?}: its last millisecond");
        node.clock.advance_ms(1);
        assert_eq!(
            ask(&node, &headers),
            if touches { 200 } else { 401 },
            "{more:?}"
        );
        node.clock.advance_ms(IDLE_MS);
        // Over: asking, in whatever way, revives nothing.
        for _ in 0..2 {
            assert_eq!(ask(&node, &[("session", &session)]), 401, "{more:?}");
        }
    }
    // Touched over and over, to the end of its absolute lifetime and no further.
    let session = node.session("alice");
    for day in 1..60 {
        node.clock.advance_ms(IDLE_MS / 2);
        assert_eq!(ask(&node, &[("session", &session)]), 200, "half day {day}");
    }
    node.clock.advance_ms(ABSOLUTE_MS - 59 * (IDLE_MS / 2) - 1);
    assert_eq!(ask(&node, &[("session", &session)]), 200);
    node.clock.advance_ms(1);
    assert_eq!(ask(&node, &[("session", &session)]), 401);
}

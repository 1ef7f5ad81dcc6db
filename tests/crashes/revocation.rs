//! Revoke-all of very many sessions, and the process killed in the middle of it: none of them is alive
//! afterwards, and nobody else's is dead (R3, I1, I3).
//!
//! `REVOKE_SESSIONS` says of how many, for `tests/campaigns/revoke-million`.

use std::thread;

use serde_json::{Value, json};

use crate::server::{How, Place, Server, TOKEN};
use crate::wire::{Line, Outcome, request};

/// Sessions of one call.
const CALL: usize = 10_000;
/// Threads that look.
const LOOKERS: usize = 8;

/// Opens so many sessions of an account that has no limit: their secrets.
fn open(server: &Server, username: &str, count: usize) -> Vec<String> {
    let mut secrets = Vec::with_capacity(count);
    while secrets.len() < count {
        let body = json!({"username": username, "surface": "mollybet",
            "count": CALL.min(count - secrets.len())});
        let opened = server.administer("POST", "/admin/v1/sessions", &body);
        let opened = opened["sessions"].as_array().unwrap();
        let texts = opened.iter().map(|session| session["secret"].as_str());
        secrets.extend(texts.map(|secret| secret.unwrap().to_owned()));
    }
    secrets
}

/// How many of these are alive.
pub(crate) fn alive(server: &Server, secrets: &[String]) -> usize {
    let look = |line: &mut Line, secret: &str| {
        let request = request("GET", "/auth/verify", &[("session", secret)], "");
        let status = line.call(&request).whole().status;
        assert!(matches!(status, 200 | 401), "{status}");
        status
    };
    at_once(server, secrets, look, 200)
}

/// Does something with each of these secrets, on several threads: how often the status is the one looked for.
pub(crate) fn at_once(
    server: &Server,
    secrets: &[String],
    deed: impl Fn(&mut Line, &str) -> u16 + Sync,
    wanted: u16,
) -> usize {
    let each = secrets.len().div_ceil(LOOKERS).max(1);
    let some = |secrets: &[String]| {
        let mut line = Line::to(server.public);
        let statuses = secrets.iter().map(|secret| deed(&mut line, secret));
        statuses.filter(|status| *status == wanted).count()
    };
    thread::scope(|scope| {
        let some = &some;
        let doing: Vec<_> = secrets
            .chunks(each)
            .map(|secrets| scope.spawn(move || some(secrets)))
            .collect();
        doing.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

/// Sessions that the node holds, dead ones that are not swept yet among them.
fn held(server: &Server) -> u64 {
    let ready = server.administer("GET", "/health/ready", &Value::Null);
    ready["sessions"].as_u64().unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Right after the call was sent.
    Sent,
    /// Right after it was answered.
    Answered,
    /// When a third of the sessions have been swept.
    Sweeping,
}

#[test]
fn a_revocation_of_very_many_sessions_is_whole_whenever_the_process_is_killed() {
    let sessions: usize =
        std::env::var("REVOKE_SESSIONS").map_or(20_000, |text| text.parse().unwrap());
    let place = Place::new();
    let mut server = place.start(How::default());
    for name in ["crowd", "bystander"] {
        let body = json!({"username": name, "max_sessions": 0});
        server.administer("POST", "/admin/v1/accounts", &body);
    }
    let others = open(&server, "bystander", 100);
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let revoke = request("POST", "/admin/v1/accounts/crowd/revoke", &headers, "{}");
    for moment in [Moment::Sweeping, Moment::Answered, Moment::Sent] {
        let secrets = open(&server, "crowd", sessions);
        let before = held(&server);
        let mut line = Line::to(server.admin);
        assert!(line.send(&revoke));
        let left = match moment {
            Moment::Sent => before,
            Moment::Answered => {
                assert_eq!(line.answer().whole().status, 200);
                before
            }
            Moment::Sweeping => {
                assert_eq!(line.answer().whole().status, 200);
                let mut left = before;
                // Each question takes a moment, in which some more are swept.
                while left > before - (sessions / 3) as u64 {
                    left = held(&server);
                }
                left
            }
        };
        server.kill();
        let answered =
            !matches!(moment, Moment::Sent) || matches!(line.answer(), Outcome::Answered(_));
        server = place.start(How::default());
        let (after, living) = (held(&server), alive(&server, &secrets));
        println!(
            "{moment:?}: {sessions} sessions of one account revoked, killed with {left} of {before} held; \
             after the restart {after} held, {living} alive"
        );
        assert!(
            living == 0 || (!answered && living == sessions),
            "{living} alive"
        );
        assert_eq!(alive(&server, &others), others.len());
        if living > 0 {
            server.administer("POST", "/admin/v1/accounts/crowd/revoke", &json!({}));
            assert_eq!(alive(&server, &secrets), 0);
        }
        let listed = server.administer("GET", "/admin/v1/sessions?username=crowd", &Value::Null);
        assert_eq!(listed["sessions"], json!([]));
    }
    server.kill();
}

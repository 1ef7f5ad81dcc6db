//! The same as in `visibility`, with a slow journal and many clients at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hashbrown::HashSet;
use parking_lot::Mutex;
use sessile::door::ServiceError;
use sessile::engine::command::{Command, Open};
use sessile::engine::error::Refusal;
use sessile::engine::event::{Part, SlotEvent};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::SessionId;
use sessile::session::policy::WhenFull;

use crate::hold::{Moment, Witness};
use crate::rig::{Rig, end, open};
use crate::support::{Node, Setup};

/// Sessions that each client opens and ends.
const SESSIONS: usize = 300;
/// Clients of an account without a limit, and clients of one with a limit.
const CLIENTS: usize = 4;
const LIMIT: u32 = 3;

/// The ids whose records the journal reported, or was about to report.
#[derive(Default)]
struct Durable {
    opened: HashSet<SessionId>,
    ended: HashSet<SessionId>,
}

impl Durable {
    fn note(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Slot(_, SlotEvent::SessionOpened(opened)) => {
                    self.opened.insert(opened.id);
                }
                Part::Slot(_, SlotEvent::SessionEnded(id, ..)) => {
                    self.ended.insert(*id);
                }
                _ => {}
            }
        }
    }
}

/// What one client asks: opens its sessions one after another and ends every second one.
fn work(
    rig: &Rig,
    durable: &Mutex<Durable>,
    ids: &[SessionId],
    open: impl Fn(SessionId) -> Command,
) {
    for (n, &id) in ids.iter().enumerate() {
        assert!(rig.ask(open(id)).is_ok());
        assert!(
            durable.lock().opened.contains(&id),
            "answered before it was durable"
        );
        if n % 2 == 0 {
            // It may have made room for another one meanwhile, in a record that is not durable yet.
            let gone = Err(ServiceError::Refused(Refusal::SessionNotFound));
            let said = rig.ask(end(id));
            assert!(said.is_ok() || said == gone, "{said:?}");
            assert!(
                durable.lock().ended.contains(&id),
                "answered before it was durable"
            );
            assert!(!rig.live(id), "ended, answered, and alive");
        }
    }
}

/// Looks at all sessions until it is told to stop: what it sees must be durable.
fn watch(rig: &Rig, durable: &Mutex<Durable>, ids: &[SessionId], stop: &AtomicBool) -> usize {
    let (mut looks, mut was_live) = (0, HashSet::new());
    while !stop.load(Ordering::Acquire) {
        for id in ids {
            looks += 1;
            if rig.live(*id) {
                assert!(
                    durable.lock().opened.contains(id),
                    "seen before it was durable"
                );
                was_live.insert(*id);
            } else if was_live.remove(id) {
                assert!(
                    durable.lock().ended.contains(id),
                    "missed before its end was durable"
                );
            }
        }
    }
    looks
}

#[test]
fn under_load_readers_and_answers_go_by_what_a_slow_journal_reported() {
    let durable = Arc::new(Mutex::new(Durable::default()));
    let noted = durable.clone();
    let slow = MemoryJournal::new(Pace::Delayed(Duration::from_millis(1)), Keep::Nothing);
    let witness = Witness::of(slow, move |moment, parts| {
        if moment == Moment::Durable {
            noted.lock().note(parts);
        }
    });
    let rig = Rig::start(witness, 3);
    let (free, bounded) = (rig.account("free", 0), rig.account("bounded", LIMIT));
    let ids: Vec<_> = (0..2 * CLIENTS * SESSIONS).map(|n| rig.id(n)).collect();
    let (stop, looks) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for half in ids.chunks(ids.len() / 2) {
            threads
                .spawn(|| looks.fetch_add(watch(&rig, &durable, half, &stop), Ordering::Relaxed));
        }
        let clients: Vec<_> = ids
            .chunks(SESSIONS)
            .enumerate()
            .map(|(n, own)| {
                let (rig, durable) = (&rig, &durable);
                threads.spawn(move || match n % 2 {
                    0 => work(rig, durable, own, |id| open(free, vec![id])),
                    _ => work(rig, durable, own, |id| match open(bounded, vec![id]) {
                        Command::Open(open) => Command::Open(Open {
                            when_full: WhenFull::EvictOldest,
                            ..open
                        }),
                        other => other,
                    }),
                })
            })
            .collect();
        let failed = clients
            .into_iter()
            .filter_map(|client| client.join().err())
            .count();
        stop.store(true, Ordering::Release);
        assert_eq!(failed, 0);
    });
    let live = |of: usize| {
        let own = ids.chunks(SESSIONS).skip(of).step_by(2).flatten();
        own.filter(|id| rig.live(**id)).count()
    };
    assert_eq!(live(0), CLIENTS * SESSIONS / 2);
    assert!(live(1) <= LIMIT as usize);
    assert!(looks.load(Ordering::Relaxed) > 0);
}

#[test]
fn with_a_slow_journal_an_answer_is_true_as_soon_as_it_is_read() {
    let pace = Pace::Delayed(Duration::from_millis(1));
    let node = Node::start(Setup {
        pace,
        ..Setup::default()
    });
    node.account("alice", serde_json::json!({"max_sessions": 0}));
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let (mut client, mut other) = (node.client(), node.client());
                for _ in 0..25 {
                    let login = br#"{"username":"alice","password":"password-1"}"#;
                    let json = ("content-type", "application/json");
                    let answer = client.send("POST", "/v1/sessions/", &[json], login);
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    let secret = answer.json()["data"].as_str().unwrap().to_owned();
                    let own = [("session", secret.as_str())];
                    assert_eq!(other.send("GET", "/auth/verify", &own, b"").status, 200);
                    let path = format!("/v1/sessions/{secret}/");
                    assert_eq!(client.send("DELETE", &path, &own, b"").status, 200);
                    assert_eq!(other.send("GET", "/auth/verify", &own, b"").status, 401);
                }
            });
        }
    });
}

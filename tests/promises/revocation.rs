//! Revoke-all is one event, final for the next reader at any number of sessions; then the dead are
//! ended one by one (R3). Nothing that used the old credential is alive after it (R5, C22).

use std::sync::{Arc, Barrier};

use parking_lot::Mutex;
use serde_json::json;
use sessile::door::Engine;
use sessile::engine::command::{AccountChange, Command, OPEN_BATCH_MAX, Reply};
use sessile::engine::event::{AccountCause, DirectoryEvent, Part, SlotEvent};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::state::EndReason;

use crate::hold::{Moment, Witness, until, wait};
use crate::rig::{Rig, open};
use crate::support::{Node, Setup};

const SESSIONS: usize = 1_000_000;

/// What the journal was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    /// Records that change an account, and the parts in them.
    changes: usize,
    parts_of_changes: usize,
    opened: usize,
    ended_for_account: usize,
    other: usize,
}

impl Given {
    fn note(&mut self, parts: &[Part]) {
        let revokes = |part: &Part| {
            let Part::Directory(DirectoryEvent::AccountPut(_, _, cause)) = part else {
                return false;
            };
            *cause == AccountCause::SessionsRevoked
        };
        if parts.iter().any(revokes) {
            self.changes += 1;
            self.parts_of_changes += parts.len();
            return;
        }
        for part in parts {
            match part {
                Part::Slot(_, SlotEvent::SessionOpened(_)) => self.opened += 1,
                Part::Slot(_, SlotEvent::SessionEnded(_, _, EndReason::Account)) => {
                    self.ended_for_account += 1;
                }
                _ => self.other += 1,
            }
        }
    }
}

#[test]
fn revoke_all_is_one_part_of_one_record_and_final_at_any_number_of_sessions() {
    let given = Arc::new(Mutex::new(Given::default()));
    let noted = given.clone();
    let prompt = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
    let witness = Witness::of(prompt, move |moment, parts| {
        if moment == Moment::Appended {
            noted.lock().note(parts);
        }
    });
    let rig = Rig::start(witness, 16);
    let account = rig.account("alice", 0);
    let other = rig.account("bob", 0);
    let ids: Vec<_> = (0..SESSIONS).map(|n| rig.id(n)).collect();
    for batch in ids.chunks(OPEN_BATCH_MAX) {
        let mut batch = batch.to_vec();
        // In the order of ids a record has few stages.
        batch.sort_unstable();
        assert_eq!(rig.ask(open(account, batch)), Ok(Reply::Done));
    }
    let bystander = rig.id(SESSIONS);
    assert_eq!(rig.ask(open(other, vec![bystander])), Ok(Reply::Done));
    let in_memory = || wait(rig.engine.figures().get()).sessions;
    assert_eq!(in_memory(), SESSIONS + 1);
    let spread: Vec<_> = ids.iter().step_by(997).copied().collect();
    assert!(spread.iter().all(|id| rig.live(*id)));

    let revoke = Command::ChangeAccount(account, AccountChange::RevokeSessions, None);
    assert_eq!(rig.ask(revoke), Ok(Reply::Done));
    assert!(
        !spread.iter().any(|id| rig.live(*id)),
        "alive after revoke-all had answered"
    );
    assert!(rig.live(bystander));
    let late = rig.ask(open(account, vec![rig.id(SESSIONS + 1)]));
    assert!(
        late.is_err(),
        "a proof of before opened a session: {late:?}"
    );

    until("the last of them was ended", || in_memory() == 1);
    let expected = Given {
        changes: 1,
        parts_of_changes: 1,
        opened: SESSIONS + 1,
        ended_for_account: SESSIONS,
        // The two accounts.
        other: 2,
    };
    assert_eq!(*given.lock(), expected);
    assert!(rig.live(bystander));
}

#[test]
fn of_50_logins_that_race_a_password_change_nothing_stays_alive() {
    const LOGINS: usize = 50;
    let node = Node::start(Setup::default());
    let mut clients: Vec<_> = (0..LOGINS).map(|_| node.client()).collect();
    for round in 0..20 {
        let name = format!("alice-{round}");
        node.account(&name, json!({}));
        let held = node.session(&name);
        let barrier = Barrier::new(LOGINS + 1);
        let secrets: Vec<_> = std::thread::scope(|threads| {
            let logins = clients.iter_mut().map(|client| {
                let (barrier, name) = (&barrier, &name);
                threads.spawn(move || {
                    let body = json!({"username": name, "password": "password-1"}).to_string();
                    let json = ("content-type", "application/json");
                    barrier.wait();
                    let answer = client.send("POST", "/v1/sessions/", &[json], body.as_bytes());
                    match answer.status {
                        200 => answer.json()["data"].as_str().map(str::to_owned),
                        // The new password is in force; wrong ones are counted.
                        401 | 429 => None,
                        other => panic!("{other}: {}", answer.text()),
                    }
                })
            });
            let logins: Vec<_> = logins.collect();
            barrier.wait();
            let path = format!("/admin/v1/accounts/{name}/password");
            node.administer("PUT", &path, json!({"password": "password-2"}));
            logins
                .into_iter()
                .filter_map(|login| login.join().unwrap())
                .collect()
        });
        for secret in secrets.iter().chain([&held]) {
            let seen = node.send("GET", "/auth/verify", &[("session", secret)], "");
            assert_eq!(
                seen.status, 401,
                "round {round}: the old password left a session"
            );
        }
        let path = format!("/admin/v1/sessions?username={name}");
        let left = node.administer("GET", &path, serde_json::Value::Null);
        assert_eq!(left["sessions"], json!([]), "round {round}");
    }
}

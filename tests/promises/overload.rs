//! Every queue has a bound, and every question gets its one answer (O1, O5, I13, R16).

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{AccountChange, Command, Reply};
use sessile::engine::error::Refusal;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::activity::Touch;
use sessile::session::policy::{Policy, WhenFull};

use crate::hold::{Moment, Pump, Sent, Witness, fence, send, until, wait};
use crate::rig::{Rig, Said, account, end, open};
use crate::support::{Node, Setup};

/// Records of one owner that may wait for the journal before grants are turned away.
const IN_FLIGHT_MAX: usize = 8_192;
/// Commands that a mailbox holds.
const MAILBOX_MAX: usize = 4_096;
/// Grants among them.
const GRANTS_MAX: usize = 3_072;

fn held() -> (Arc<MemoryJournal>, Rig) {
    let journal = MemoryJournal::new(Pace::Held, Keep::Nothing);
    let rig = Rig::start(journal.clone(), 1);
    (journal, rig)
}

#[test]
fn with_8192_records_under_way_grants_are_turned_away_and_restrictions_are_not() {
    let (journal, rig) = held();
    let pump = Pump::on(&journal);
    let account = rig.account("alice", 0);
    let existing: Vec<_> = (0..100).map(|n| rig.id(n)).collect();
    assert_eq!(rig.ask(open(account, existing.clone())), Ok(Reply::Done));
    drop(pump);
    let grant = |n: usize| send(&rig.engine, open(account, vec![rig.id(100 + n)]));
    let mut opens: Vec<Sent<'_>> = Vec::new();
    while opens.len() < IN_FLIGHT_MAX {
        // Less than a mailbox holds, so that none of them is turned away there.
        opens.extend((opens.len()..opens.len() + 1_024).map(grant));
        until("they were appended", || journal.waiting() == opens.len());
    }
    for surplus in IN_FLIGHT_MAX..IN_FLIGHT_MAX + 100 {
        assert_eq!(grant(surplus).answer(), Err(ServiceError::Overloaded));
    }
    let ends: Vec<_> = existing
        .iter()
        .map(|id| send(&rig.engine, end(*id)))
        .collect();
    until("the restrictions", || {
        journal.waiting() == IN_FLIGHT_MAX + ends.len()
    });
    assert!(
        !opens.iter_mut().any(Sent::is_answered),
        "answered before it was durable"
    );
    assert_eq!(wait(rig.engine.figures().get()).overloaded, 100);

    journal.release(usize::MAX);
    assert!(
        opens
            .into_iter()
            .chain(ends)
            .all(|sent| sent.answer() == Ok(Reply::Done))
    );
    assert!((100..100 + IN_FLIGHT_MAX).all(|n| rig.live(rig.id(n))));
    assert!(!existing.iter().any(|id| rig.live(*id)));
    assert!(!(0..100).any(|n| rig.live(rig.id(100 + IN_FLIGHT_MAX + n))));
    let _pump = Pump::on(&journal);
    assert_eq!(
        grant(IN_FLIGHT_MAX).answer(),
        Ok(Reply::Done),
        "nothing is left of it"
    );
}

#[test]
fn a_full_mailbox_turns_away_at_once_and_what_it_took_is_answered() {
    let (started, starts) = channel();
    let prompt = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
    let started = Mutex::new(started);
    let witness = Witness::of(prompt, move |moment, _| {
        if moment == Moment::Durable {
            started.lock().send(()).unwrap();
        }
    });
    let rig = Rig::start(witness, 1);
    let account = rig.account("alice", 0);
    let ids: Vec<_> = (0..6_000).map(|n| rig.id(n)).collect();
    for batch in ids.chunks(250) {
        assert_eq!(rig.ask(open(account, batch.to_vec())), Ok(Reply::Done));
    }
    while starts.try_recv().is_ok() {}
    // A reader that looks at a session keeps its owner from ending it, and so from all else.
    let ((looking, looks), (go_on, goes_on)) = (channel(), channel::<()>());
    let (door, first) = (rig.engine.clone(), ids[0]);
    let reader = std::thread::spawn(move || {
        door.with_session(first, Touch::No, move |_| {
            looking.send(()).unwrap();
            goes_on.recv()
        });
    });
    looks.recv().unwrap();
    let busy = send(&rig.engine, end(first));
    starts.recv().unwrap();
    let (taken, turned_away): (Vec<_>, Vec<_>) = ids[1..]
        .iter()
        .map(|id| send(&rig.engine, end(*id)))
        .map(|mut sent| (sent.is_answered(), sent))
        .partition(|(answered, _)| !answered);
    // One more than its bound may be on its way in.
    assert!(
        (MAILBOX_MAX..=MAILBOX_MAX + 1).contains(&taken.len()),
        "{}",
        taken.len()
    );
    let overloaded = |(_, sent): (bool, Sent<'_>)| sent.answer() == Err(ServiceError::Overloaded);
    assert!(turned_away.into_iter().all(overloaded));
    drop(go_on);
    reader.join().unwrap();
    assert_eq!(busy.answer(), Ok(Reply::Done));
    let ended = taken.len();
    assert!(
        taken
            .into_iter()
            .all(|(_, sent)| sent.answer() == Ok(Reply::Done))
    );
    assert_eq!(
        ids.iter().filter(|id| rig.live(**id)).count(),
        ids.len() - 1 - ended
    );
}

#[test]
fn a_mailbox_that_is_flooded_with_grants_still_takes_restrictions() {
    let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), 1);
    let account = rig.account("alice", 0);
    let existing: Vec<_> = (0..501).map(|n| rig.id(n)).collect();
    for batch in existing.chunks(250) {
        assert_eq!(rig.ask(open(account, batch.to_vec())), Ok(Reply::Done));
    }
    // A reader that looks at a session keeps its owner from ending it, and so from all else.
    let ((looking, looks), (go_on, goes_on)) = (channel(), channel::<()>());
    let (door, first) = (rig.engine.clone(), existing[0]);
    let reader = std::thread::spawn(move || {
        door.with_session(first, Touch::No, move |_| {
            looking.send(()).unwrap();
            goes_on.recv()
        });
    });
    looks.recv().unwrap();
    let busy = send(&rig.engine, end(first));
    let grant = |n: usize| send(&rig.engine, open(account, vec![rig.id(1_000 + n)]));
    let (taken, turned_away): (Vec<_>, Vec<_>) = (0..MAILBOX_MAX)
        .map(grant)
        .map(|mut sent| (sent.is_answered(), sent))
        .partition(|(answered, _)| !answered);
    assert_eq!(taken.len(), GRANTS_MAX);
    let overloaded = |(_, sent): (bool, Sent<'_>)| sent.answer() == Err(ServiceError::Overloaded);
    assert!(turned_away.into_iter().all(overloaded));
    let ends: Vec<_> = existing[1..]
        .iter()
        .map(|id| send(&rig.engine, end(*id)))
        .collect();
    drop(go_on);
    reader.join().unwrap();
    assert_eq!(busy.answer(), Ok(Reply::Done));
    let done = |sent: Sent<'_>| sent.answer() == Ok(Reply::Done);
    assert!(ends.into_iter().all(done), "a logout was kept out");
    assert!(taken.into_iter().all(|(_, sent)| done(sent)));
    assert_eq!(
        grant(GRANTS_MAX).answer(),
        Ok(Reply::Done),
        "their places are free again"
    );
}

#[test]
fn a_grant_that_waited_longer_than_its_client_is_not_done_and_a_restriction_is() {
    let (journal, rig) = held();
    let pump = Pump::on(&journal);
    let account = rig.account("alice", 1);
    drop(pump);
    let opens: [Sent<'_>; 2] = [1, 2].map(|n| send(&rig.engine, open(account, vec![rig.id(n)])));
    let revoke = || Command::ChangeAccount(account, AccountChange::RevokeSessions, None);
    let revokes: [Sent<'_>; 2] = [0; 2].map(|_| send(&rig.engine, revoke()));
    until("one of each", || journal.waiting() == 2);
    rig.clock.advance_ms(1_001);
    journal.release(2);
    until("the second restriction", || journal.waiting() == 1);
    journal.release(1);
    let said: Vec<Said> = opens.into_iter().chain(revokes).map(Sent::answer).collect();
    let (done, late) = (Ok(Reply::Done), Err(ServiceError::Overloaded));
    assert_eq!(said, [done.clone(), late, done.clone(), done]);
}

#[test]
fn a_command_under_way_when_the_engine_stops_is_told_so() {
    let (journal, rig) = held();
    let engine = rig.engine.clone();
    let mut under_way = send(
        &engine,
        Command::CreateAccount(Box::new(account("alice", 0))),
    );
    until("it was appended", || journal.waiting() == 1);
    assert!(!under_way.is_answered());
    drop(rig);
    assert_eq!(under_way.answer(), Err(ServiceError::Unavailable));
    let late = send(&engine, Command::CreateAccount(Box::new(account("bob", 0))));
    assert_eq!(late.answer(), Err(ServiceError::Unavailable));
}

#[test]
fn a_grant_that_waited_a_second_is_done() {
    let (journal, rig) = held();
    let pump = Pump::on(&journal);
    let account = rig.account("alice", 1);
    drop(pump);
    let opens: [Sent<'_>; 2] = [1, 2].map(|n| send(&rig.engine, open(account, vec![rig.id(n)])));
    until("the first", || journal.waiting() == 1);
    rig.clock.advance_ms(1_000);
    let _pump = Pump::on(&journal);
    let said = opens.map(Sent::answer);
    let full = Err(ServiceError::Refused(Refusal::LimitReached));
    assert_eq!(said, [Ok(Reply::Done), full]);
    fence(&rig.engine);
}

#[test]
fn of_200_opens_that_wait_for_one_list_65_are_taken_and_every_one_is_answered_once() {
    let mut policy = Policy::default();
    policy.xdata.per_account = Some(5);
    policy.xdata.when_full = WhenFull::EvictOldest;
    let node = Node::start(Setup {
        policy,
        pace: Pace::Held,
        ..Setup::default()
    });
    let pump = Pump::on(&node.journal);
    node.account("alice", json!({}));
    let (name, secret) = node.key_pair("alice");
    let session = node.session("alice");
    drop(pump);
    let (answered, answers) = channel();
    std::thread::scope(|threads| {
        for n in 0..200 {
            let (node, name, secret, answered) = (&node, &name, &secret, answered.clone());
            threads.spawn(move || {
                let call = json!({"jsonrpc": "2.0", "id": n, "method": "session.open_session"});
                let headers = [("apikey", name.as_str()), ("secret", secret.as_str())];
                let answer = node.send(
                    "POST",
                    "/api/v1/session/jsonrpc",
                    &headers,
                    &call.to_string(),
                );
                answered.send((n, answer)).unwrap();
            });
        }
        let wait_for_one = || answers.recv_timeout(Duration::from_secs(30));
        for _ in 0..135 {
            let (_, answer) = wait_for_one().unwrap();
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        // The 65 others are still there, and a restriction is taken all the same.
        let logout = {
            let (node, session) = (&node, &session);
            let path = format!("/v1/sessions/{session}/");
            threads.spawn(move || {
                node.send("DELETE", &path, &[("session", session)], "")
                    .status
            })
        };
        until("the restriction", || node.journal.waiting() == 2);
        assert!(answers.try_recv().is_err());
        let pump = Pump::on(&node.journal);
        assert_eq!(logout.join().unwrap(), 200);
        let mut tokens: Vec<_> = (0..65)
            .map(|_| {
                let (n, answer) = wait_for_one().unwrap();
                assert_eq!(answer.status, 200, "{}", answer.text());
                assert_eq!(answer.json()["id"], n);
                answer.json()["result"]["access_token"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        drop((pump, answered));
        assert_eq!(wait_for_one().unwrap_err(), RecvTimeoutError::Disconnected);
        tokens.retain(|token| {
            let seen = node.send("GET", "/auth/verify", &[("xdata-session-token", token)], "");
            seen.status == 200
        });
        assert_eq!(tokens.len(), 5);
    });
}

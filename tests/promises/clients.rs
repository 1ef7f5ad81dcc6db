//! Logins on clients at the same instant: what completes once completes once, codes are counted before
//! they are looked at, and nothing outlives the end of what it was opened on (I4, I5, R7, R8, R18).

use std::sync::{Arc, Barrier};

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{Command, NewKey, Open};
use sessile::engine::error::Refusal;
use sessile::engine::event::{Part, SlotEvent};
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::{AccountId, ClientId, SessionId, SignInId};
use sessile::session::key::KeyKind;
use sessile::session::policy::WhenFull;
use sessile::session::state::{EndReason, Surface};

use crate::hold::send;
use crate::rig::{Rig, Said, guest_client, otto, sign_in, start_sign_in};

const ASKERS: usize = 8;
const EACH: usize = 8;

/// Asks all of it at the same instant: eight threads, each with as many questions under way at once.
fn together(rig: &Rig, commands: Vec<Command>) -> Vec<Said> {
    let each = commands.len().div_ceil(ASKERS).max(1);
    let batches: Vec<_> = commands.chunks(each).map(<[Command]>::to_vec).collect();
    let barrier = Barrier::new(batches.len());
    std::thread::scope(|threads| {
        let asking = batches.into_iter().map(|batch| {
            let (engine, barrier) = (rig.engine.clone(), &barrier);
            threads.spawn(move || {
                barrier.wait();
                let sent = batch.into_iter().map(|command| send(&engine, command));
                let sent: Vec<_> = sent.collect();
                sent.into_iter().map(|sent| sent.answer()).collect()
            })
        });
        let asking: Vec<std::thread::ScopedJoinHandle<'_, Vec<Said>>> = asking.collect();
        let said = asking.into_iter().map(|thread| thread.join().unwrap());
        said.flatten().collect()
    })
}

fn refused(refusal: Refusal) -> Said {
    Err(ServiceError::Refused(refusal))
}

/// The `n`th browser.
fn browser(n: usize) -> ClientId {
    let [a, b] = u16::try_from(n * 61 % 65_536).unwrap().to_be_bytes();
    let mut bytes = [7; 16];
    (bytes[0], bytes[1]) = (a, b);
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ClientId::from_bytes(bytes)
}

fn session(client: ClientId, n: usize) -> SessionId {
    let mut random = [9; 12];
    random[4..].copy_from_slice(&n.to_be_bytes());
    SessionId::behind(client.family(), random)
}

fn step(n: usize) -> SignInId {
    let mut bytes = [3; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    SignInId::from_bytes(bytes)
}

/// A completion of a pending login with this step of a one-time password.
fn complete(rig: &Rig, on: ClientId, n: usize, pending: SignInId, otp_step: u64) -> Command {
    let mut asked = sign_in(rig, AccountId(0), on, session(on, n));
    asked.step = Some(pending);
    asked.open.otp_step = Some(otp_step);
    Command::SignIn(asked)
}

#[test]
fn of_64_that_complete_one_pending_login_with_one_code_one_gets_in() {
    for shards in [1, 2, 7] {
        let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), shards);
        otto(&rig);
        for round in 0..200 {
            let (client, pending) = (browser(round), step(round));
            let start = start_sign_in(&rig, AccountId(0), client, pending);
            assert!(rig.ask(start).is_ok());
            let asked =
                (0..ASKERS * EACH).map(|n| complete(&rig, client, n, pending, 1 + round as u64));
            let said = together(&rig, asked.collect());
            let done = said.iter().filter(|said| said.is_ok()).count();
            // The one that got in gave the client another secret.
            let over = refused(Refusal::ClientChanged);
            let late = said.iter().filter(|said| **said == over).count();
            assert_eq!(
                (done, late),
                (1, ASKERS * EACH - 1),
                "round {round}, {shards} shards"
            );
            let all = (0..ASKERS * EACH).map(|n| session(client, n));
            assert_eq!(all.filter(|id| rig.live(*id)).count(), 1, "round {round}");
        }
    }
}

/// The same code at 64 doors: each has a pending login of its own, and the step is the account's.
#[test]
fn of_64_that_complete_pending_logins_of_one_account_with_one_code_one_gets_in() {
    for shards in [1, 2, 7] {
        let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), shards);
        otto(&rig);
        for round in 0..10 {
            let doors: Vec<_> = (0..ASKERS * EACH).map(|n| 64 * round + n).collect();
            for n in &doors {
                let start = start_sign_in(&rig, AccountId(0), browser(*n), step(*n));
                assert!(rig.ask(start).is_ok());
            }
            let asked = doors.iter().map(|n| {
                let otp_step = 1 + round as u64;
                complete(&rig, browser(*n), *n, step(*n), otp_step)
            });
            let said = together(&rig, asked.collect());
            let done = said.iter().filter(|said| said.is_ok()).count();
            let spent = refused(Refusal::StepSpent);
            let late = said.iter().filter(|said| **said == spent).count();
            assert_eq!(
                (done, late),
                (1, ASKERS * EACH - 1),
                "round {round}, {shards} shards"
            );
        }
    }
}

#[test]
fn of_64_codes_that_are_tried_at_once_five_are_looked_at() {
    for shards in [1, 2, 7] {
        let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), shards);
        otto(&rig);
        for round in 0..100 {
            let (client, pending) = (browser(round), step(round));
            let start = start_sign_in(&rig, AccountId(0), client, pending);
            assert!(rig.ask(start).is_ok());
            let guess = Command::GuessSignIn(client, pending);
            let said = together(&rig, vec![guess; ASKERS * EACH]);
            let counted = said.iter().filter(|said| said.is_ok()).count();
            let over = refused(Refusal::SignInNotFound);
            let late = said.iter().filter(|said| **said == over).count();
            assert_eq!((counted, late), (5, ASKERS * EACH - 5), "round {round}");
        }
    }
}

/// The journal tells who came first: what was opened before the end is dead, what after it lives.
#[test]
fn a_login_that_meets_the_end_of_its_client_is_wholly_before_or_wholly_after_it() {
    const ROUNDS: usize = 100;
    const LOGINS: usize = 7;
    type Ending = fn(ClientId) -> Command;
    let endings: [Ending; 2] = [
        |client| Command::ClearClient(client, EndReason::Revoked),
        Command::DestroyClient,
    ];
    for (shards, ending) in [1, 2, 7].into_iter().flat_map(|n| endings.map(|e| (n, e))) {
        let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
        let rig = Rig::start(journal.clone(), shards);
        let names = (0..=LOGINS).map(|n| format!("user-{n}"));
        let accounts: Vec<_> = names.map(|name| rig.account(&name, 0)).collect();
        let mut got_in = 0;
        for client in (0..ROUNDS).map(browser) {
            let login = |account: &AccountId, n| {
                Command::SignIn(sign_in(&rig, *account, client, session(client, n)))
            };
            // The first is there from the beginning, so that there is something to end.
            assert!(rig.ask(login(&accounts[0], 0)).is_ok());
            let others = accounts.iter().zip(0..).skip(1);
            let mut logins: Vec<_> = others.map(|(account, n)| login(account, n)).collect();
            logins.insert(3, ending(client));
            let said = together(&rig, logins);
            // Each that gets in gives the client another secret, and an end takes it away.
            let late = [Refusal::ClientChanged, Refusal::SessionNotFound].map(refused);
            assert!(
                said.iter().all(|said| said.is_ok() || late.contains(said)),
                "{said:?}"
            );
            // The end itself always gets through.
            got_in += said.iter().filter(|said| said.is_ok()).count() - 1;
        }
        let (mut ended, mut opened) = (Vec::new(), Vec::new());
        for (at, part) in journal.records().into_iter().flatten().enumerate() {
            match part {
                Part::Slot(_, SlotEvent::SessionOpened(session)) => {
                    opened.push((session.id, session.grant.client, at));
                }
                Part::Slot(_, SlotEvent::SessionEnded(id, _, reason)) => {
                    assert!(matches!(reason, EndReason::Revoked | EndReason::Parent));
                    ended.push((id, at));
                }
                _ => {}
            }
        }
        assert_eq!(opened.len(), ROUNDS + got_in);
        let mut after = 0;
        for (id, client, at) in opened {
            let client = client.unwrap();
            let family = |(id, _): &&(SessionId, usize)| id.family() == client.family();
            let end = ended
                .iter()
                .filter(family)
                .map(|(_, at)| *at)
                .min()
                .unwrap();
            assert_eq!(rig.live(id), at > end, "{shards} shards");
            after += usize::from(at > end);
        }
        // A client that is destroyed has no secret that anybody could present.
        let destroyed = matches!(ending(browser(0)), Command::DestroyClient(_));
        assert_eq!(after > 0, !destroyed, "{after} logins came after the end");
    }
}

#[test]
fn a_limit_holds_on_each_surface_under_logins_on_browsers_guest_keys_and_without_a_client() {
    const LIMIT: usize = 5;
    for shards in [1, 2, 7] {
        for when_full in [WhenFull::Deny, WhenFull::EvictOldest, WhenFull::EvictIdle] {
            let rig = Rig::start(MemoryJournal::new(Pace::Prompt, Keep::Nothing), shards);
            let who = rig.account("alice", 5);
            let mut asked = Vec::new();
            let mut opened: Vec<(Surface, SessionId)> = Vec::new();
            for n in 0..ASKERS * EACH {
                let guest = guest_key(&rig, n);
                for (surface, client) in [(Surface::Clerk, browser(n)), (Surface::I3d, guest)] {
                    let id = session(client, n);
                    let mut login = sign_in(&rig, who, client, id);
                    login.open.when_full = when_full;
                    Arc::make_mut(&mut login.open.grant).surface = surface;
                    login.secret = login.secret.filter(|_| surface == Surface::Clerk);
                    asked.push(Command::SignIn(login));
                    opened.push((surface, id));
                }
                let Command::Open(open) = crate::rig::open(who, vec![rig.id(n)]) else {
                    unreachable!("an open");
                };
                asked.push(Command::Open(Open { when_full, ..open }));
                opened.push((Surface::Mollybet, rig.id(n)));
            }
            let said = together(&rig, asked);
            for surface in [Surface::Clerk, Surface::I3d, Surface::Mollybet] {
                let own = || {
                    opened
                        .iter()
                        .zip(&said)
                        .filter(|((at, _), _)| *at == surface)
                };
                let let_in = own().filter(|(_, said)| said.is_ok()).count();
                let full = refused(Refusal::LimitReached);
                let denied = own().filter(|(_, said)| **said == full).count();
                let live = own().filter(|((_, id), _)| rig.live(*id)).count();
                let expected = if when_full == WhenFull::Deny {
                    (LIMIT, ASKERS * EACH - LIMIT, LIMIT)
                } else {
                    (ASKERS * EACH, 0, LIMIT)
                };
                let told = format!("{surface}, {when_full:?}, {shards} shards");
                assert_eq!((let_in, denied, live), expected, "{told}");
            }
        }
    }
}

/// Makes the `n`th guest key; says which client stands behind it.
fn guest_key(rig: &Rig, n: usize) -> ClientId {
    let secret = rig.engine.digest(format!("guest-{n}").as_bytes());
    let made = rig.ask(Command::CreateKey(NewKey {
        kind: KeyKind::I3dGuest,
        name: format!("guest-{n}").as_str().into(),
        secret,
        account: None,
        expires_at: None,
        networks: Vec::new(),
    }));
    assert!(made.is_ok());
    guest_client(secret)
}

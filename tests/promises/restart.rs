//! An engine made of its own events is the engine it was, at any number of shards: the same digest,
//! the living live, the dead dead, what is spent stays spent, limits hold (I4, I14, R11).

use std::sync::Arc;

use sessile::door::{Engine, ServiceError};
use sessile::engine::command::{Command, Open, Reply};
use sessile::engine::error::Refusal;
use sessile::engine::event::Part;
use sessile::journal::memory::{Keep, MemoryJournal, Pace};
use sessile::session::id::{AccountId, ClientId, SessionId, SignInId};
use sessile::session::lifetime::Lifetime;
use sessile::session::token::Secret;

use crate::hold::wait;
use crate::life::{BOUNDED, FREE, LIMIT, Life};
use crate::rig::{Rig, open, opening, otto, sign_in, start_sign_in};

/// The engine that a history tells of.
fn resume(life: &Life, shards: u16, history: &[Vec<Part>]) -> Rig {
    let journal = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
    Rig::resume(journal, shards, life.rig.clock.clone(), history.to_vec())
}

#[test]
fn a_history_gives_the_same_engine_at_any_number_of_shards() {
    for seed in 1..=5 {
        let mut life = Life::begin(seed);
        for _ in 0..900 {
            life.step();
        }
        let (digest, alive) = life.settle();
        assert!(
            !alive.is_empty() && alive.len() < life.sessions.len(),
            "seed {seed}"
        );
        let history = life.journal.records();
        for shards in [1, 2, 3, 7, 16] {
            let again = resume(&life, shards, &history);
            assert_eq!(again.digest(), digest, "seed {seed}, {shards} shards");
            let living = life.sessions.iter().copied().filter(|id| again.live(*id));
            assert!(
                living.eq(alive.iter().copied()),
                "seed {seed}, {shards} shards"
            );
        }
    }
}

#[test]
fn what_was_spent_before_a_restart_is_spent_after_it() {
    let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
    let rig = Rig::start(journal.clone(), 3);
    let account = rig.account("alice", 0);
    let sessions: Vec<_> = (0..20).map(|n| rig.id(n)).collect();
    assert_eq!(rig.ask(open(account, sessions.clone())), Ok(Reply::Done));
    let tokens: Vec<_> = sessions
        .iter()
        .map(|id| Secret::handoff(*id, [9; 32]))
        .map(|token| rig.engine.handoff_id(token.reveal().as_bytes()).unwrap())
        .collect();
    for (session, token) in sessions.iter().zip(&tokens) {
        let issue = Command::IssueHandoff(*session, *token, 60_000);
        assert_eq!(rig.ask(issue), Ok(Reply::Done));
    }
    let redeem = |rig: &Rig, nth: usize| rig.ask(Command::RedeemHandoff(tokens[nth], sessions[0]));
    let log_in = |rig: &Rig, nth: usize, step: u64| match open(account, vec![rig.id(nth)]) {
        Command::Open(open) => rig.ask(Command::Open(Open {
            otp_step: Some(step),
            ..open
        })),
        _ => unreachable!("an open"),
    };
    for nth in 0..10 {
        assert!(redeem(&rig, nth).is_ok());
    }
    assert!(log_in(&rig, 100, 1_000).is_ok());
    let clock = rig.clock.clone();
    drop(rig);

    let history = journal.records();
    for shards in [1, 2, 7] {
        let unlogged = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
        let rig = Rig::resume(unlogged, shards, clock.clone(), history.clone());
        for nth in 0..10 {
            let refused = ServiceError::Refused(Refusal::HandoffNotFound);
            assert_eq!(redeem(&rig, nth), Err(refused), "{nth}, {shards} shards");
        }
        for nth in 10..20 {
            assert!(redeem(&rig, nth).is_ok(), "{nth}, {shards} shards");
        }
        for step in [999, 1_000] {
            let refused = ServiceError::Refused(Refusal::StepSpent);
            assert_eq!(
                log_in(&rig, 200, step),
                Err(refused),
                "{step}, {shards} shards"
            );
        }
        assert_eq!(log_in(&rig, 200, 1_001), Ok(Reply::Done));
    }
}

/// A login that was half done stays as it was: its codes are counted, its completion is once.
#[test]
fn a_login_of_two_steps_goes_on_over_a_restart_where_it_was() {
    let journal = MemoryJournal::new(Pace::Prompt, Keep::Everything);
    let rig = Rig::start(journal.clone(), 3);
    otto(&rig);
    let who = AccountId(0);
    let names = |n: u8| (ClientId::from_bytes([n; 16]), SignInId::from_bytes([n; 16]));
    let complete = |rig: &Rig, n: u8, nth: u8, otp_step| {
        let (client, step) = names(n);
        let id = SessionId::behind(client.family(), [nth; 12]);
        let mut asked = sign_in(rig, who, client, id);
        (asked.step, asked.open.otp_step) = (Some(step), Some(otp_step));
        (id, rig.ask(Command::SignIn(asked)))
    };
    // The first is completed, the second tried five times, the third twice, the fourth not at all.
    for n in 1..=4 {
        let (client, step) = names(n);
        assert!(rig.ask(start_sign_in(&rig, who, client, step)).is_ok());
    }
    let (first, said) = complete(&rig, 1, 1, 1_000);
    assert_eq!(said, Ok(Reply::Done));
    for (n, tries) in [(2, 5), (3, 2)] {
        let (client, step) = names(n);
        for _ in 0..tries {
            assert!(rig.ask(Command::GuessSignIn(client, step)).is_ok());
        }
    }
    let (clock, digest) = (rig.clock.clone(), rig.digest());
    drop(rig);

    let history = journal.records();
    for shards in [1, 2, 7] {
        let unlogged = MemoryJournal::new(Pace::Prompt, Keep::Nothing);
        let rig = Rig::resume(unlogged, shards, clock.clone(), history.clone());
        assert_eq!(rig.digest(), digest, "{shards} shards");
        assert!(rig.live(first), "{shards} shards");
        let over = Err(ServiceError::Refused(Refusal::SignInNotFound));
        let spent = Err(ServiceError::Refused(Refusal::StepSpent));
        assert_eq!(complete(&rig, 1, 2, 1_001).1, over, "{shards} shards");
        for (n, left) in [(1, 0), (2, 0), (3, 3), (4, 5)] {
            let (client, step) = names(n);
            for _ in 0..left {
                assert!(rig.ask(Command::GuessSignIn(client, step)).is_ok());
            }
            let more = rig.ask(Command::GuessSignIn(client, step));
            assert_eq!(more, over, "{n}, {shards} shards");
        }
        // The code that completed the first is spent at every other door.
        for step in [999, 1_000] {
            assert_eq!(complete(&rig, 4, 3, step).1, spent, "{shards} shards");
        }
        let (last, said) = complete(&rig, 4, 4, 1_001);
        assert_eq!(said, Ok(Reply::Done), "{shards} shards");
        assert!(rig.live(last), "{shards} shards");
    }
}

#[test]
fn a_limit_counts_the_sessions_of_before_the_restart() {
    let mut life = Life::begin(7);
    for _ in 0..300 {
        life.step();
    }
    life.settle();
    let history = life.journal.records();
    for shards in [1, 2, 7] {
        let again = resume(&life, shards, &history);
        for n in 0..BOUNDED {
            let account = AccountId(FREE + n);
            let generation = wait(again.engine.account(account).get())
                .unwrap()
                .generation;
            let own = |of: &Rig| {
                wait(of.engine.sessions(None, Some(account), 1_000).get())
                    .0
                    .len()
            };
            let (before, mut admitted) = (own(&again), 0);
            for fresh in 0..LIMIT as usize + 1 {
                let lifetime = Lifetime {
                    idle_timeout_ms: 0,
                    absolute: again.engine.now().plus_ms(1_000),
                };
                let id = again.id(10_000 + 100 * n as usize + fresh);
                let mut open = opening(account, vec![id], lifetime);
                Arc::make_mut(&mut open.grant).generation = generation;
                let said = again.ask(Command::Open(open));
                admitted += usize::from(said.is_ok());
                assert_eq!(again.live(id), said.is_ok());
            }
            assert_eq!(
                (before + admitted, own(&again)),
                (LIMIT as usize, LIMIT as usize)
            );
        }
    }
}

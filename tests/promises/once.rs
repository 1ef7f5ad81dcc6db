//! What is good once is good once, however many ask for it at the same instant (I4, ASVS 2.3.4).

use std::sync::Barrier;
use std::thread::ScopedJoinHandle;

use serde_json::json;
use totp_rs::{Builder, Secret};

use crate::support::client::{Answer, Client};
use crate::support::{Node, START_MS, Setup};

const CLIENTS: usize = 64;

/// Lets every client ask `rounds` times, all at the same instant, and hands the answers of each
/// round to `judge`; `prepare` says before each round what is asked.
fn together<T: Sync>(
    node: &Node,
    rounds: usize,
    prepare: impl Fn(usize) -> T,
    ask: impl Fn(&mut Client, &T) -> Answer + Sync,
    judge: impl Fn(usize, Vec<Answer>),
) {
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| node.client()).collect();
    for round in 0..rounds {
        let (what, barrier) = (prepare(round), Barrier::new(CLIENTS));
        let answers = std::thread::scope(|threads| {
            let asking: Vec<_> = clients
                .iter_mut()
                .map(|client| {
                    threads.spawn(|| {
                        barrier.wait();
                        ask(client, &what)
                    })
                })
                .collect();
            let join = |thread: ScopedJoinHandle<'_, Answer>| thread.join().unwrap();
            asking.into_iter().map(join).collect()
        });
        judge(round, answers);
    }
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    answers
        .iter()
        .filter(|answer| answer.status == status)
        .count()
}

#[test]
fn of_64_that_redeem_a_hand_off_token_at_once_one_gets_it() {
    let node = Node::start(Setup::default());
    node.account("agent", json!({}));
    node.account("alice", json!({"agent": "agent"}));
    let (alice, agent) = (node.session("alice"), node.session("agent"));
    let path = format!("/v1/sessions/{agent}/detokenize/");
    together(
        &node,
        200,
        |_| {
            let path = format!("/v1/sessions/{alice}/tokenize/");
            let made = node.send("POST", &path, &[("session", &alice)], "");
            format!("token={}", made.json()["data"].as_str().unwrap())
        },
        |client, token| client.send("POST", &path, &[("session", &agent)], token.as_bytes()),
        |round, answers| {
            assert_eq!(with_status(&answers, 200), 1, "round {round}");
            assert_eq!(with_status(&answers, 404), CLIENTS - 1, "round {round}");
            let got = answers.iter().find(|answer| answer.status == 200).unwrap();
            assert_eq!(got.json()["data"]["username"], "alice");
        },
    );
}

#[test]
fn of_64_logins_with_one_step_of_a_one_time_password_one_gets_in() {
    let node = Node::start(Setup::default());
    node.account("otto", json!({}));
    let enrolled = node.administer("POST", "/admin/v1/accounts/otto/totp", json!({}));
    let seed = Secret::try_from_base32(enrolled["totp_secret"].as_str().unwrap()).unwrap();
    let codes = Builder::new()
        .with_secret(seed)
        .with_account_name("otto")
        .build()
        .unwrap();
    together(
        &node,
        20,
        |round| {
            // The next step; by then nobody has to wait for his wrong ones any more.
            node.clock.advance_ms(30_000);
            let at_s = START_MS / 1_000 + 30 * (round as u64 + 1);
            let code = codes.generate(at_s).to_string();
            json!({"username": "otto", "password": "password-1", "otp": code}).to_string()
        },
        |client, login| {
            let json = ("content-type", "application/json");
            client.send("POST", "/v1/sessions/", &[json], login.as_bytes())
        },
        |round, answers| {
            let refused = with_status(&answers, 401) + with_status(&answers, 429);
            assert_eq!(
                (with_status(&answers, 200), refused),
                (1, CLIENTS - 1),
                "round {round}"
            );
        },
    );
    let left = node.administer("GET", "/admin/v1/sessions?username=otto", json!(null));
    assert_eq!(left["sessions"].as_array().unwrap().len(), 20);
}

#[test]
fn of_64_logouts_of_one_session_one_ended_it() {
    let node = Node::start(Setup::default());
    node.account("alice", json!({}));
    together(
        &node,
        50,
        |_| node.session("alice"),
        |client, secret| {
            let path = format!("/v1/sessions/{secret}/");
            client.send("DELETE", &path, &[("session", secret)], b"")
        },
        |round, answers| {
            assert_eq!(with_status(&answers, 200), 1, "round {round}");
            assert_eq!(with_status(&answers, 401), CLIENTS - 1, "round {round}");
        },
    );
}

//! Logins, far more than can be hashed: right and wrong passwords, names that exist and names that do not, from
//! addresses all over 127.0.0.0/8 (O2).
//!
//! Attackers compute elsewhere, but here their client has to compute beside the server. It does so under the scheduler's
//! idle policy, so that verification waits for what the server does about the flood and not for the flood's client. Such a
//! client might send less, or later: the run fails if it did not begin 99 % of the logins that were due, and says how late they were.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;
use sessile::priority::stand_back;
use tokio::task::spawn_local;

use crate::Size;
use crate::desk::{Desk, USUAL_MS, secrets};
use crate::report::{head, in_turns, table, verdict};
use crate::wire::{Load, connect, exchange};

/// Logins a second that are begun, whatever becomes of those before.
const RATE: u32 = 1_000;
/// Logins under way at most: a bound for this program, not met by a server that refuses at once.
const UNDER_WAY_MAX: usize = 4_096;
/// Accounts that there are; each login in eight is one of theirs, right or wrong.
const ACCOUNTS: u32 = 64;
/// How soon a login that finds no room is to be refused.
const REFUSED_WITHIN: Duration = Duration::from_millis(50);

/// What became of the logins of a window.
#[derive(Debug, Default)]
struct Logins {
    /// Whether the client stood back.
    aside: bool,
    /// How long logins were begun.
    lasted: Duration,
    /// How long after it was due each was begun.
    late: Vec<Duration>,
    opened: usize,
    wrong: usize,
    throttled: usize,
    /// 503: of these those without `Retry-After`, and how long each took.
    bare: usize,
    refused: Vec<Duration>,
    other: usize,
    failed: usize,
}

pub(crate) fn run(size: Size) -> Result<bool> {
    head("login-flood", size);
    let desk = Desk::open(&[])?;
    for n in 0..ACCOUNTS {
        let account = json!({"username": format!("user-{n}"), "password": "password-1"});
        desk.post("accounts", &account)?;
    }
    let sessions = secrets(&desk.issue(size.sessions, USUAL_MS)?);
    let to = desk.public();
    table();
    let begin = || Load::begin(move |stop| flood(to, stop));
    let (compared, said) = in_turns("flood", to, &sessions, size, begin)?;
    let sum = |of: fn(&Logins) -> usize| said.iter().map(of).sum::<usize>();
    let refused: Vec<Duration> = said
        .iter()
        .flat_map(|logins| logins.refused.clone())
        .collect();
    let soon = refused
        .iter()
        .filter(|took| **took < REFUSED_WITHIN)
        .count();
    let share = soon as f64 / refused.len().max(1) as f64;
    println!(
        "{RATE} logins a second: {} opened a session, {} wrong, {} throttled (429), {} refused (503), {} else, {} without an answer",
        sum(|l| l.opened),
        sum(|l| l.wrong),
        sum(|l| l.throttled),
        refused.len(),
        sum(|l| l.other),
        sum(|l| l.failed)
    );
    let mut late: Vec<Duration> = said.iter().flat_map(|l| l.late.clone()).collect();
    late.sort_unstable();
    let due = said.iter().map(|l| l.lasted.as_secs_f64()).sum::<f64>() * f64::from(RATE);
    let begun = late.len() as f64 / due.max(1.0);
    let late_by = |part: usize| {
        let at = late.get(late.len() * part / 1_000);
        at.map_or(0, Duration::as_micros)
    };
    println!(
        "begun: {:.1} % of those due; late by {} µs in the middle, p99 {}, p99.9 {} (its clock has ticks of 1 ms)",
        begun * 100.0,
        late_by(500),
        late_by(990),
        late_by(999)
    );
    println!(
        "refused within 50 ms: {:.2} %; without Retry-After: {}; the slowest after {} ms",
        share * 100.0,
        sum(|l| l.bare),
        refused.iter().max().map_or(0, Duration::as_millis)
    );
    let mut holds = verdict(
        "verify p99 at most twice the idle one",
        compared.ratio <= 2.0,
    );
    holds &= verdict("no verification errors", compared.errors == 0);
    holds &= verdict(
        "99 % of the logins were begun, by a client that stood back",
        begun >= 0.99 && said.iter().all(|l| l.aside),
    );
    holds &= verdict(
        "99 % of the surplus refused within 50 ms, all with Retry-After",
        share >= 0.99 && sum(|l| l.bare) == 0,
    );
    holds &= verdict(
        "logins were evaluated and surplus ones refused",
        sum(|l| l.opened + l.wrong) > 0 && !refused.is_empty(),
    );
    Ok(holds)
}

async fn flood(to: SocketAddr, stop: Arc<AtomicBool>) -> Logins {
    let logins = Rc::new(RefCell::new(Logins {
        aside: stand_back(),
        ..Logins::default()
    }));
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    let mut n = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let due = ticks.tick().await.into_std();
        n = n.wrapping_add(1);
        if Rc::strong_count(&logins) > UNDER_WAY_MAX {
            logins.borrow_mut().failed += 1;
            continue;
        }
        logins.borrow_mut().late.push(due.elapsed());
        let logins = logins.clone();
        spawn_local(async move {
            let began = Instant::now();
            let outcome = log_in(to, n).await;
            let mut logins = logins.borrow_mut();
            match outcome {
                Ok(heard) => match heard.status {
                    200 => logins.opened += 1,
                    401 => logins.wrong += 1,
                    429 => logins.throttled += 1,
                    503 => {
                        logins.bare += usize::from(!heard.retry_after);
                        logins.refused.push(began.elapsed());
                    }
                    _ => logins.other += 1,
                },
                Err(_) => logins.failed += 1,
            }
        });
    }
    // What is under way is not waited for: it counts for nothing.
    let mut said = logins.borrow_mut();
    said.lasted = began.elapsed();
    std::mem::take(&mut *said)
}

async fn log_in(to: SocketAddr, n: u32) -> Result<crate::wire::Heard> {
    let spread = n.wrapping_mul(2_654_435_761).to_be_bytes();
    let from = Ipv4Addr::new(127, spread[0], spread[1], spread[2].clamp(1, 254));
    let mut stream = connect(to, Some(SocketAddr::from((from, 0)))).await?;
    let (name, password) = match n % 16 {
        0 => (format!("user-{}", n / 16 % ACCOUNTS), "password-1"),
        8 => (format!("user-{}", n / 16 % ACCOUNTS), "password-2"),
        _ => (format!("nobody-{n}"), "password-1"),
    };
    let body = json!({"username": name, "password": password}).to_string();
    let request = format!(
        "POST /v1/sessions/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(&mut stream, request.as_bytes()).await
}

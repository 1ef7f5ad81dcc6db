//! Very many sessions: a snapshot of them, a flood on one shard, revocation under full load, all of them expiring at
//! one instant, and a restart (O10, O11, O14, O15, F30).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sessile::session::id::SessionId;
use tokio::task::spawn_local;

use crate::Size;
use crate::common::probe::{self, Times};
use crate::desk::{Desk, Issued, USUAL_MS, secrets};
use crate::report::{compare, head, in_turns, table, verdict};
use crate::wire::{Load, connect, exchange};

/// Sessions that are verified, and stay.
const VERIFIED: usize = 20_000;
/// Connections that load, each as fast as it is answered.
const CONNECTIONS: usize = 64;
/// Revocations under load.
const REVOCATIONS: usize = 50;
/// How long before they expire the first of a million sessions is opened; the last is when there is time left to
/// verify.
const BEFORE_STORM: Duration = Duration::from_secs(45);
/// The longest that is verified before they expire.
const IDLE_S_MAX: u64 = 8;
/// How long a storm is watched at most.
const STORM_MAX: Duration = Duration::from_secs(60);
const SHARDS: [&str; 2] = ["--shards", "2"];

pub(crate) fn run(size: Size) -> Result<bool> {
    head("storms", size);
    let desk = Desk::open(&SHARDS)?;
    let staying = desk.issue(VERIFIED, USUAL_MS)?;
    let began = Instant::now();
    let rest = size.sessions.saturating_sub(VERIFIED);
    desk.issue(rest, USUAL_MS)?;
    println!(
        "{} sessions opened in {:.1} s",
        size.sessions,
        began.elapsed().as_secs_f64()
    );
    let mut holds = snapshot(&desk, &secrets(&staying), size)?;
    holds &= one_shard(&desk, &staying, size)?;
    holds &= revocation(&desk, size)?;
    let (desk, took) = desk.killed(&SHARDS)?;
    println!(
        "killed: another process was ready after {:.2} s, {} sessions",
        took.as_secs_f64(),
        desk.ready()?["sessions"]
    );
    holds &= expiry(&desk, &secrets(&staying), rest)?;
    Ok(holds)
}

fn snapshot(desk: &Desk, sessions: &[String], size: Size) -> Result<bool> {
    println!("\nsnapshot of {} sessions", size.sessions);
    table();
    let to = desk.public();
    probe::window(to, sessions, 2)?;
    let (mut idle, mut under, mut longest) = (Vec::new(), Vec::new(), Duration::ZERO);
    let (mut before, mut peak, mut count) = (0, 0, 0);
    for _ in 0..size.rounds {
        idle.push(probe::window(to, sessions, size.seconds)?);
        before = before.max(desk.resident()?);
        let written = AtomicBool::new(false);
        thread::scope(|scope| {
            let writing = scope.spawn(|| {
                // One after the other: there are never two at a time.
                let (window, mut longest) = (Instant::now(), Duration::ZERO);
                let mut outcome = Ok(());
                while outcome.is_ok() && window.elapsed().as_secs() < size.seconds {
                    let began = Instant::now();
                    outcome = desk.post("snapshot", &json!({})).map(|_| ());
                    longest = longest.max(began.elapsed());
                    count += 1;
                }
                written.store(true, Ordering::Relaxed);
                outcome.map(|()| longest)
            });
            let watching = scope.spawn(|| {
                let mut peak = 0;
                while !written.load(Ordering::Relaxed) {
                    peak = peak.max(desk.resident()?);
                    thread::sleep(Duration::from_millis(50));
                }
                anyhow::Ok(peak)
            });
            under.push(probe::until(to, sessions, &written)?);
            longest = longest.max(writing.join().ok().context("panicked")??);
            peak = peak.max(watching.join().ok().context("panicked")??);
            anyhow::Ok(())
        })?;
    }
    let compared = compare("snapshot", &Times::join(idle), &Times::join(under));
    let more = (peak.max(before) - before) as f64 / before.max(1) as f64 * 100.0;
    println!(
        "{count} snapshots, the longest took {:.2} s; resident {} MiB before, {} MiB at most meanwhile: {more:.1} % more",
        longest.as_secs_f64(),
        before >> 20,
        peak >> 20
    );
    let mut holds = verdict(
        "O11: verify p99 at most 1.5 times the idle one",
        compared.ratio <= 1.5,
    );
    holds &= verdict("O11: no verification errors", compared.errors == 0);
    holds &= verdict("O11: at most 20 % more memory", more <= 20.0);
    Ok(holds)
}

/// Sends these requests over and over, on many connections, each as fast as it is answered.
async fn hammer(to: SocketAddr, requests: Arc<Vec<Vec<u8>>>, stop: Arc<AtomicBool>) -> usize {
    let answered = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::new();
    for n in 0..CONNECTIONS {
        let (requests, stop, answered) = (requests.clone(), stop.clone(), answered.clone());
        all.push(spawn_local(async move {
            let mut stream = connect(to, None).await?;
            for request in requests.iter().cycle().skip(n * 37) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                exchange(&mut stream, request).await?;
                answered.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        }));
    }
    for one in all {
        // Whoever failed loaded less, which the count shows.
        let _ = one.await;
    }
    answered.load(Ordering::Relaxed)
}

fn one_shard(desk: &Desk, issued: &[Issued], size: Size) -> Result<bool> {
    println!("\nhand-off tokens for sessions of one shard of two, the other one verified");
    let first_half = |issued: &&Issued| {
        let id = SessionId::parse(&issued.id);
        id.is_some_and(|id| id.as_bytes().first().is_some_and(|byte| *byte < 0x80))
    };
    let (busy, others): (Vec<&Issued>, Vec<&Issued>) = issued.iter().partition(first_half);
    let tokenize = |issued: &&Issued| {
        let secret = &issued.secret;
        format!("POST /v1/sessions/{secret}/tokenize/ HTTP/1.1\r\nHost: localhost\r\nSession: {secret}\r\nContent-Length: 0\r\n\r\n").into_bytes()
    };
    let requests = Arc::new(busy.iter().map(tokenize).collect::<Vec<_>>());
    let others: Vec<String> = others.iter().map(|issued| issued.secret.clone()).collect();
    let to = desk.public();
    table();
    let begin = || {
        let requests = requests.clone();
        Load::begin(move |stop| hammer(to, requests, stop))
    };
    let (compared, said) = in_turns("one shard busy", to, &others, size, begin)?;
    println!(
        "{} tokens in {} windows of {} s",
        said.iter().sum::<usize>(),
        said.len(),
        size.seconds + 2
    );
    let mut holds = verdict(
        "F30: verify p99 of the other shard at most twice the idle one",
        compared.ratio <= 2.0,
    );
    holds &= verdict("F30: no verification errors", compared.errors == 0);
    Ok(holds)
}

fn revocation(desk: &Desk, size: Size) -> Result<bool> {
    println!(
        "\n{REVOCATIONS} revocations while {CONNECTIONS} connections open sessions and look at them as fast as they can"
    );
    for n in 0..REVOCATIONS {
        let account = json!({"username": format!("revoked-{n}"), "password": null});
        desk.post("accounts", &account)?;
    }
    let credentials = desk.credentials()?;
    let pair = &credentials["xdata"]["keys"][0];
    let (key, secret) = (
        pair["api_key"].as_str().context("no key")?,
        pair["secret"].as_str().context("no key")?,
    );
    let body =
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":{"expires_in":5},"id":1}"#;
    let open = format!(
        "POST /api/v2/session/jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAPIKey: {key}\r\nSecret: {secret}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let requests = Arc::new(vec![open.into_bytes()]);
    let to = desk.public();
    let load = Load::begin(move |stop| hammer(to, requests, stop));
    thread::sleep(Duration::from_secs(2));
    let mut took = Vec::new();
    for n in 0..REVOCATIONS {
        let began = Instant::now();
        desk.post(&format!("accounts/revoked-{n}/revoke"), &json!({}))?;
        took.push(began.elapsed());
        thread::sleep(Duration::from_millis(size.seconds * 10));
    }
    let opened = load.end()?;
    took.sort_unstable();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .map_or(0, Duration::as_millis)
    };
    let most = took.last().map_or(0, Duration::as_millis);
    println!(
        "{opened} opens meanwhile; revocations took {} ms in the middle, {most} ms at most",
        at(50)
    );
    Ok(verdict("O15: each within 100 ms", most < 100))
}

fn expiry(desk: &Desk, sessions: &[String], count: usize) -> Result<bool> {
    println!("\n{count} sessions expire at one instant");
    // What was opened under load is over by then.
    thread::sleep(Duration::from_secs(8));
    // Opening them takes a while; all of them are to end together.
    let at = Instant::now()
        + BEFORE_STORM
            .mul_f64(count as f64 / 1e6)
            .max(BEFORE_STORM / 4);
    let held = || {
        desk.ready()
            .map(|ready| ready["sessions"].as_u64().unwrap_or(0))
    };
    let before = held()?;
    for _ in 0..count / 10_000 {
        let left = at.saturating_duration_since(Instant::now()).as_millis();
        ensure!(left > 0, "opening took too long: the storm is over");
        desk.issue(10_000, u64::try_from(left)?)?;
    }
    let to = desk.public();
    table();
    probe::window(to, sessions, 2)?;
    let left = at.saturating_duration_since(Instant::now()).as_secs();
    let idle = probe::window(to, sessions, left.saturating_sub(2).clamp(2, IDLE_S_MAX))?;
    let most = held()?;
    thread::sleep(at.saturating_duration_since(Instant::now()));
    let swept = AtomicBool::new(false);
    let (under, took) = thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let began = Instant::now();
            while began.elapsed() < STORM_MAX && held()? > before {
                thread::sleep(Duration::from_millis(20));
            }
            swept.store(true, Ordering::Relaxed);
            anyhow::Ok(began.elapsed())
        });
        let under = probe::until(to, sessions, &swept)?;
        anyhow::Ok((under, watching.join().ok().context("panicked")??))
    })?;
    let compared = compare("storm", &idle, &under);
    println!(
        "{most} sessions before, {} after; swept in {:.1} s",
        held()?,
        took.as_secs_f64()
    );
    let mut holds = verdict(
        "O10: verify p99 at most twice the idle one",
        compared.ratio <= 2.0,
    );
    holds &= verdict(
        "O10: no verification errors, all swept",
        compared.errors == 0 && took < STORM_MAX,
    );
    Ok(holds)
}

//! What durability costs: xData opens and gateway verifications in each mode, against the one in memory.
//!
//! `cargo bench --bench writes -- [--rounds N] [--connections N]` starts one Sessile per mode, each on a data
//! directory of its own on the same disk, and rotates load over them in short windows; each ratio is taken inside
//! one round. In mode `snapshot` an open is in memory and nowhere else: that is the journal in memory. Verifications
//! are measured after the opens, with the sessions that those left.
//!
//! Invariants: traffic goes to loopback only; every server lives no longer than its value; a window with a single
//! answer that is no 2xx is an error. Exit codes: 0 measured, 1 something failed, 2 bad arguments or no `wrk`.
//!
//! Source: docs/BENCHMARKS.md.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads clocks, sleeps and touches files outside the server's ports for them"
)]

#[expect(dead_code, reason = "each measurement uses a part")]
#[path = "../common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use common::answer::Asker;
use common::servers::{self, Server};
use common::stats::Spread;
use common::wrk::{self, Load};

/// Compared with the last.
const MODES: [&str; 3] = ["sync", "balanced", "snapshot"];
/// Length of a window, in seconds.
const WINDOW_S: u64 = 2;

/// One mode's server, and what is asked of it.
struct Candidate {
    mode: &'static str,
    server: Server,
    open: Question,
    verify: Question,
}

/// A request that is sent over and over.
struct Question {
    load: Load,
    answer_bytes: u64,
    rates: Vec<f64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("writes: nothing measured; run `cargo bench --bench writes`");
        return ExitCode::SUCCESS;
    }
    let number = |name: &str, default: usize| match arguments.iter().position(|a| a == name) {
        Some(at) => arguments.get(at + 1).and_then(|text| text.parse().ok()),
        None => Some(default),
    };
    let (Some(rounds @ 1..=1_000), Some(connections @ 2..=10_000)) =
        (number("--rounds", 8), number("--connections", 64))
    else {
        eprintln!("writes: --rounds N and --connections N take whole numbers");
        return ExitCode::from(2);
    };
    if !wrk::is_installed() {
        eprintln!("writes: wrk is missing: apt-get install wrk");
        return ExitCode::from(2);
    }
    match measure(rounds, connections) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("writes: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(rounds: usize, connections: usize) -> Result<()> {
    // Below `target/`, so that the log lies on a disk. Declared first: removed last.
    let room = tempfile::Builder::new()
        .prefix("writes-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let candidate = |mode| Candidate::start(mode, room.path().join(mode), connections);
    let mut candidates: Vec<_> = MODES.into_iter().map(candidate).collect::<Result<_>>()?;
    println!(
        "{connections} connections, {rounds} rounds of {WINDOW_S} s windows, after one that is not counted"
    );
    for (name, pick) in [
        ("xData open", open_of as fn(&mut Candidate) -> &mut Question),
        ("GET /auth/verify", verify_of),
    ] {
        for round in 0..=rounds {
            let mut order: Vec<_> = candidates.iter_mut().collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for candidate in order {
                let address = candidate.server.listen;
                let question = pick(candidate);
                let window = question
                    .load
                    .apply(address, WINDOW_S, question.answer_bytes);
                let window = window.with_context(|| format!("{name}, round {round}"))?;
                if round > 0 {
                    question.rates.push(window.requests / window.seconds);
                }
            }
        }
        let base = candidates.last_mut().map(|last| pick(last).rates.clone());
        let base = base.unwrap_or_default();
        for candidate in &mut candidates {
            let mode = candidate.mode;
            let ratios = pick(candidate).rates.iter().zip(&base).map(|(a, b)| a / b);
            let spread = Spread::of(ratios).context("no rounds")?;
            let (low, middle, high) = (spread.lower_quartile, spread.median, spread.upper_quartile);
            println!(
                "{name}: {mode} has {middle:.3} ({low:.3}–{high:.3}) of the requests/s in memory"
            );
        }
    }
    Ok(())
}

fn open_of(candidate: &mut Candidate) -> &mut Question {
    &mut candidate.open
}

fn verify_of(candidate: &mut Candidate) -> &mut Question {
    &mut candidate.verify
}

impl Candidate {
    fn start(mode: &'static str, room: PathBuf, connections: usize) -> Result<Self> {
        std::fs::create_dir_all(&room)?;
        let workers = std::thread::available_parallelism()?.get();
        let server = Server::sessile(&room, workers, &["--durability", mode])?;
        let file = servers::data_dir(&room).join("dev-credentials.json");
        let credentials: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let text = |at: &str| {
            let value = credentials.pointer(at).and_then(Value::as_str);
            value.with_context(|| format!("dev-credentials.json has no {at}"))
        };
        let fields = format!(
            "Content-Type: application/json\r\nAPIKey: {}\r\nSecret: {}\r\n",
            text("/xdata/keys/0/api_key")?,
            text("/xdata/keys/0/secret")?
        );
        let body = r#"{"jsonrpc":"2.0","method":"session.open_session","params":{"expires_in":86400},"id":1}"#;
        let open = format!(
            "POST /api/v2/session/jsonrpc HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut asker = Asker::connect(server.listen)?;
        let answer = asker.ask(open.as_bytes())?;
        let opened: Value = serde_json::from_slice(&answer.body)?;
        let token = opened
            .pointer("/result/access_token")
            .and_then(Value::as_str);
        let token = token.context("the answer has no token")?;
        let verify = format!(
            "GET /auth/verify HTTP/1.1\r\nHost: localhost\r\nXdata-Session-Token: {token}\r\n\r\n"
        );
        let mut question = |name: &str, request: String| {
            let answer = asker.ask(request.as_bytes())?;
            ensure!(answer.status == 200, "{name}: status {}", answer.status);
            let requests = vec![request.into_bytes(); wrk::THREADS];
            Ok(Question {
                load: Load::prepare(&room, name, &requests, connections, 1)?,
                answer_bytes: answer.wire_bytes,
                rates: Vec::new(),
            })
        };
        Ok(Self {
            mode,
            open: question("open", open)?,
            verify: question("verify", verify)?,
            server,
        })
    }
}

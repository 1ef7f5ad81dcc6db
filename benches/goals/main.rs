//! Figures against the goals that are about size, batches, mixes, signatures, restarts and snapshots.
//!
//! `cargo bench --bench goals -- SCENARIO [--sessions A,B] [--rounds N] [--plots]`:
//!
//! | scenario | goals | takes, on two cores |
//! |---|---|---|
//! | `mix` | G8 verifying, opening and closing at once | 2 minutes |
//! | `growth` | G10 rate, G11 memory, G12 restart; from ten thousand to ten million sessions | 8 minutes |
//! | `batches` | G9 many tokens in one call | 2 minutes |
//! | `tokens` | G16 Clerk's token call against bare signatures | 2 minutes |
//! | `replay` | G13 the log alone | 1 minute |
//! | `snapshot` | G14 what a snapshot does to verification | 4 minutes |
//! | `start` | G17 an empty directory, the size of the binary | 20 seconds |
//!
//! With `--plots` the curves and bars in `docs/plots/` are drawn anew. What concerns Redis is measured if `redis-server` is there, in the same run, and is `not run` otherwise. `growth` needs
//! 8 GiB of memory and 10 GiB of disk for ten million sessions. G1 to G4 are in `benches/ceiling`, G5 to G7 in
//! `benches/compare`.
//!
//! Exit codes: 0 measured, whatever was met; 1 something failed; 2 bad arguments or no `wrk`.
//!
//! Source: docs/BENCHMARKS.md.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads clocks, sleeps and touches files outside the server's ports for them"
)]

mod batches;
#[expect(dead_code, reason = "each measurement uses a part")]
#[path = "../common/mod.rs"]
mod common;
mod growth;
mod mix;
mod replay;
mod snapshot;
mod start;
mod tokens;

use std::process::ExitCode;

use anyhow::{Context, Result};
use tempfile::TempDir;

use common::admin::KeyPair;
use common::goals::{self, Row};
use common::noop;

/// The allocator of the server: a replay allocates as it does.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: cargo bench --bench goals -- growth|batches|mix|tokens|replay|snapshot|start [--sessions A,B] [--rounds N] [--plots]";
/// Length of a window, in seconds.
pub(crate) const WINDOW_S: u64 = 2;
/// Connections of a window.
pub(crate) const CONNECTIONS: usize = 64;
/// The route of JSON-RPC.
pub(crate) const JSONRPC: &str = "/api/v2/session/jsonrpc";
/// Bounds of what can be asked for.
const SESSIONS_MAX: u64 = 50_000_000;
const ROUNDS_MAX: usize = 1_000;

/// How much is measured; what was not said is the scenario's own.
pub(crate) struct Size {
    sessions: Option<Vec<u64>>,
    rounds: Option<usize>,
    /// Whether the plots of the documents are drawn anew.
    pub(crate) plots: bool,
}

impl Size {
    /// Numbers of sessions, the smallest first.
    pub(crate) fn sessions(&self, usual: &[u64]) -> Vec<u64> {
        let mut sessions = self.sessions.clone().unwrap_or_else(|| usual.to_vec());
        sessions.sort_unstable();
        sessions
    }

    /// The one number of sessions.
    pub(crate) fn count(&self, usual: u64) -> u64 {
        self.sessions(&[usual]).last().copied().unwrap_or(usual)
    }

    pub(crate) fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(usual)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "noop") {
        return noop::main(&arguments);
    }
    goals::measure("goals", USAGE, parse, |(run, size)| run(&size))
}

type Scenario = fn(&Size) -> Result<Vec<Row>>;

fn parse(arguments: &[String]) -> Option<(Scenario, Size)> {
    let mut given = arguments.iter().filter(|argument| *argument != "--bench");
    let run: Scenario = match given.next()?.as_str() {
        "growth" => growth::run,
        "batches" => batches::run,
        "mix" => mix::run,
        "tokens" => tokens::run,
        "replay" => replay::run,
        "snapshot" => snapshot::run,
        "start" => start::run,
        _ => return None,
    };
    let mut size = Size {
        sessions: None,
        rounds: None,
        plots: false,
    };
    while let Some(name) = given.next() {
        if name == "--plots" {
            size.plots = true;
            continue;
        }
        let value = given.next()?;
        match name.as_str() {
            "--sessions" => {
                let numbers = value.split(',').map(|part| part.trim().parse().ok());
                let numbers: Vec<u64> = numbers.collect::<Option<_>>()?;
                let in_range = numbers.iter().all(|n| (1_000..=SESSIONS_MAX).contains(n));
                size.sessions = Some(numbers).filter(|_| in_range);
                size.sessions.as_ref()?;
            }
            "--rounds" => {
                size.rounds = value.parse().ok().filter(|n| (1..=ROUNDS_MAX).contains(n));
                size.rounds?;
            }
            _ => return None,
        }
    }
    Some((run, size))
}

/// A directory for the files of a scenario, below `target/`, so that they lie on a disk.
pub(crate) fn room() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("goals-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .context("no temporary directory")
}

/// A JSON-RPC call by this key pair, as it goes over the wire.
pub(crate) fn post(key: &KeyPair, body: &str) -> Vec<u8> {
    let fields = format!(
        "Content-Type: application/json\r\nAPIKey: {}\r\nSecret: {}\r\nContent-Length: {}\r\n",
        key.api_key,
        key.secret,
        body.len()
    );
    format!("POST {JSONRPC} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}").into_bytes()
}

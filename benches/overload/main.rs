//! Overload: what verification feels of it, measured on a server of the release profile.
//!
//! `cargo bench --bench overload -- SCENARIO [--sessions N] [--rounds N] [--seconds N]` starts one Sessile, verifies at a
//! fixed rate, and compares windows without the load with windows under it; `./campaign login-flood`, `slow-clients`
//! and `storms` call it.
//!
//! | file | subject |
//! |---|---|
//! | `wire.rs` | requests and answers of those who load, many on one thread |
//! | `desk.rs` | the server, its accounts and sessions |
//! | `flood.rs` | logins, far more than can be hashed (O2) |
//! | `slow.rs` | clients that take their time (O7) |
//! | `storms.rs` | a snapshot, a flood on one shard, revocation under load, an expiry storm, a restart |
//! | `report.rs` | windows, ratios and the verdict |
//! | `../common/probe.rs` | verification at a fixed rate: each answer's time, and what was wrong |
//!
//! Invariants: traffic goes to loopback only; every load has a bound and an end; the server lives no longer than its
//! value. Exit codes: 0 the promise holds, 1 it does not, or something failed, 2 bad arguments.
//!
//! Source: docs/RELIABILITY.md.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a measurement reads clocks, sleeps and touches files outside the server's ports for them; JSON that is not there is null"
)]

#[expect(dead_code, reason = "each measurement uses a part")]
#[path = "../common/mod.rs"]
mod common;
mod desk;
mod flood;
mod report;
mod slow;
mod storms;
mod wire;

use std::process::ExitCode;

use anyhow::Result;

const USAGE: &str = "usage: cargo bench --bench overload -- login-flood|slow-clients|storms [--sessions N] [--rounds N] [--seconds N]";

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Sessions in memory.
    pub(crate) sessions: usize,
    /// Pairs of a window without and a window under the load.
    pub(crate) rounds: usize,
    /// Length of a window.
    pub(crate) seconds: u64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("overload: nothing measured; run `cargo bench --bench overload`");
        return ExitCode::SUCCESS;
    }
    let number = |name: &str, default: usize| match arguments.iter().position(|a| a == name) {
        Some(at) => arguments.get(at + 1).and_then(|text| text.parse().ok()),
        None => Some(default),
    };
    let scenario = arguments.iter().find(|argument| !argument.starts_with('-'));
    let sessions = match scenario.map(String::as_str) {
        Some("storms") => 1_000_000,
        _ => 20_000,
    };
    let (Some(sessions @ 1_000..=5_000_000), Some(rounds @ 1..=100), Some(seconds @ 2..=600)) = (
        number("--sessions", sessions),
        number("--rounds", 3),
        number("--seconds", 8),
    ) else {
        eprintln!("overload: {USAGE}");
        return ExitCode::from(2);
    };
    let size = Size {
        sessions,
        rounds,
        seconds: seconds as u64,
    };
    let run: fn(Size) -> Result<bool> = match scenario.map(String::as_str) {
        Some("login-flood") => flood::run,
        Some("slow-clients") => slow::run,
        Some("storms") => storms::run,
        _ => {
            eprintln!("overload: {USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(size) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("overload: {error:#}");
            ExitCode::FAILURE
        }
    }
}

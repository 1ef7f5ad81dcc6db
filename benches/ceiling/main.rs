//! The ceiling: Sessile measured against a framework handler that does nothing.
//!
//! `cargo bench --bench ceiling` starts one Sessile and, per case, one **no-op**: an actix-web server of the same
//! build profile, allocator, worker count and socket options whose handler answers with the status, the headers and
//! the body bytes that one real Sessile answer had. Load from `wrk` rotates over both in short windows while all of
//! them are up, and each ratio is taken inside one round, so that a host whose speed drifts does not decide it.
//!
//! | file | subject |
//! |---|---|
//! | `options.rs` | the command line |
//! | `cases.rs` | what is asked: the requests, byte for byte, and the goals |
//! | `seed.rs` | sessions of every kind |
//! | `cells.rs` | preparing the cells and rotating over them |
//! | `report.rs` | the tables and the JSON file |
//! | `../common/` | what it shares with the other measurements |
//!
//! It takes 20 s and, for each cell, 4 s a round: six minutes as it comes. G1, G3 and G4 come of the defaults, G2 of
//! `--pipeline 16 --only verify --only mollybet-metadata`.
//!
//! Invariants: traffic goes to loopback only; every wait and every loop has a bound; every server started here is
//! stopped when its value is dropped, also on failure; a case with a single wrong answer has no result.
//!
//! Exit codes: 0 measured, 1 a case or a server failed, 2 bad arguments or no `wrk`.
//!
//! Source: docs/BENCHMARKS.md.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement reads clocks, sleeps and touches files outside the server's ports for them"
)]

mod cases;
mod cells;
#[expect(dead_code, reason = "each measurement uses a part")]
#[path = "../common/mod.rs"]
mod common;
mod options;
mod report;
mod seed;

use std::process::ExitCode;

use anyhow::{Context, Result};

use cases::Case;
use common::servers::Server;
use common::{noop, wrk};
use options::Options;

/// The no-op allocates as the server does.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `--help` prints.
const USAGE: &str = "\
cargo bench --bench ceiling -- [OPTIONS]
  --rounds N             rounds to measure (default 8; fewer are not worth recording)
  --window-ms MS         length of one window, whole seconds (default 2000)
  --connections A,B      connections, one cell each (default 64,256)
  --pipeline A,B         requests in flight per connection, one cell each (default 1)
  --sessions N           MollyBet sessions to open; a quarter as many xData ones (default 1000000)
  --workers N            workers of either server (default: cores)
  --only CASE            verify, mollybet-metadata, i3d-user, clerk-session or xdata-verify; may be repeated
  --plots                draw the plot in docs/plots/ anew
  --json FILE            also write set-up, windows and ratios to FILE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "noop") {
        return noop::main(&arguments);
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --all-targets` starts bench targets too, without this argument that `cargo bench` adds.
        println!("ceiling: nothing measured; run `cargo bench --bench ceiling`");
        return ExitCode::SUCCESS;
    }
    let options = match options::parse(&arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("ceiling: {error:#}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if !wrk::is_installed() {
        eprintln!("ceiling: wrk is missing: apt-get install wrk");
        return ExitCode::from(2);
    }
    finish(measure(&options))
}

/// The exit code of a run; prints the error of one that could not go on.
fn finish(outcome: Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ceiling: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the whole measurement; `false` if a case failed.
fn measure(options: &Options) -> Result<bool> {
    let setup = report::Setup::read(options);
    print!("{setup}");
    // Below `target/`, so that the server's files lie on the disk and not in memory. Declared first: removed last.
    let room = tempfile::Builder::new()
        .prefix("ceiling-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .context("no temporary directory")?;
    let sessile = Server::sessile(room.path(), options.workers, &[])?;
    let supply = seed::seed(&sessile, room.path(), options)?;
    println!("{supply}");

    let mut cells = Vec::new();
    for case in Case::ALL.into_iter().filter(|case| options.wants(*case)) {
        cells.extend(cells::prepare(
            case,
            &sessile,
            &supply,
            room.path(),
            options,
        )?);
    }
    cells::rotate(&mut cells, &sessile, options);

    println!();
    print!("{}", report::table(&cells));
    println!();
    print!("{}", report::against_goals(&cells));
    if options.plots {
        report::draw(&cells)?;
    }
    if let Some(file) = &options.json {
        report::write_json(file, &setup, &cells)?;
    }
    let failed: Vec<_> = cells.iter().filter(|cell| cell.failure.is_some()).collect();
    if !failed.is_empty() {
        sessile.print_last_words();
    }
    Ok(failed.is_empty())
}

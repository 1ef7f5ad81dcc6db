//! The command line of the measurement.
//!
//! Knows nothing of servers or load: text in, checked values out.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::cases::Case;
use crate::common::{machine, wrk};

/// What to measure, checked.
#[derive(Debug)]
pub(crate) struct Options {
    /// Rounds to measure, after one that is not counted.
    pub(crate) rounds: usize,
    /// Length of one window in seconds.
    pub(crate) window_seconds: u64,
    /// Numbers of connections, one cell each.
    pub(crate) connections: Vec<usize>,
    /// Numbers of requests in flight per connection, one cell each.
    pub(crate) pipeline: Vec<usize>,
    /// MollyBet sessions to open; a quarter as many xData sessions come along.
    pub(crate) sessions: u64,
    /// Worker threads of either server.
    pub(crate) workers: usize,
    /// Cases to measure; empty means all.
    only: Vec<Case>,
    /// Whether the plot of the documents is drawn anew.
    pub(crate) plots: bool,
    /// Where to write the result for machines.
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// Whether `case` is to be measured.
    pub(crate) fn wants(&self, case: Case) -> bool {
        self.only.is_empty() || self.only.contains(&case)
    }
}

/// Reads the arguments; `None` if help was asked for.
///
/// Errors: an unknown option, a missing or malformed value, or one out of its bounds.
pub(crate) fn parse(arguments: &[String]) -> Result<Option<Options>> {
    let given: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--bench")
        .collect();
    let mut options = Options {
        rounds: 8,
        window_seconds: 2,
        connections: vec![64, 256],
        pipeline: vec![1],
        sessions: 1_000_000,
        workers: machine::cores(),
        only: Vec::new(),
        plots: false,
        json: None,
    };
    let mut rest = given.iter().copied();
    while let Some(name) = rest.next() {
        if matches!(name, "-h" | "--help") {
            return Ok(None);
        }
        if name == "--plots" {
            options.plots = true;
            continue;
        }
        let mut value = || rest.next().with_context(|| format!("{name} needs a value"));
        match name {
            "--rounds" => options.rounds = number(name, value()?, 1, 10_000)?,
            "--window-ms" => options.window_seconds = window(value()?)?,
            "--connections" => options.connections = numbers(name, value()?, wrk::THREADS, 8_192)?,
            "--pipeline" => options.pipeline = numbers(name, value()?, 1, 256)?,
            "--sessions" => options.sessions = number(name, value()?, 4, 100_000_000)?,
            "--workers" => options.workers = number(name, value()?, 1, 1_024)?,
            "--only" => options.only.push(Case::named(value()?)?),
            "--json" => options.json = Some(PathBuf::from(value()?)),
            other => bail!("unknown option {other}"),
        }
    }
    let uneven = options
        .connections
        .iter()
        .find(|connections| !connections.is_multiple_of(wrk::THREADS));
    if let Some(connections) = uneven {
        bail!(
            "--connections {connections} does not divide by the {} threads of wrk",
            wrk::THREADS
        );
    }
    Ok(Some(options))
}

/// A window in seconds from one in milliseconds; `wrk` counts whole seconds.
fn window(text: &str) -> Result<u64> {
    let milliseconds: u64 = number("--window-ms", text, 1_000, 600_000)?;
    ensure!(
        milliseconds.is_multiple_of(1_000),
        "--window-ms {text}: wrk counts whole seconds"
    );
    Ok(milliseconds / 1_000)
}

/// Several numbers with commas between them.
fn numbers(name: &str, text: &str, least: usize, most: usize) -> Result<Vec<usize>> {
    text.split(',')
        .map(|part| number(name, part.trim(), least, most))
        .collect()
}

/// One number within its bounds.
fn number<N>(name: &str, text: &str, least: N, most: N) -> Result<N>
where
    N: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse() {
        Ok(value) if value >= least && value <= most => Ok(value),
        _ => bail!("{name} {text}: not a number from {least} to {most}"),
    }
}

//! What is said of a run: its set-up, the table for people, the file for machines.

use std::fmt::{self, Write};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cells::{Cell, Round, Sample};
use crate::options::Options;
use crate::seed;
use crate::stats::Spread;
use crate::wrk;

/// The circumstances of a run, as they belong beside its figures.
#[derive(Debug, Serialize)]
pub(crate) struct Setup {
    commit: String,
    date: String,
    command: String,
    cores: usize,
    workers: usize,
    wrk_threads: usize,
    rounds: usize,
    window_seconds: u64,
    sessions: u64,
    requests_prepared: u64,
    load_average: String,
}

impl Setup {
    /// Reads the circumstances now; what cannot be read is `unknown`.
    pub(crate) fn read(options: &Options) -> Self {
        let mut commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
        let changes = output("git", &["status", "--porcelain", "--untracked-files=no"]);
        if !matches!(changes.as_str(), "" | "unknown") {
            commit.push_str(" with changes");
        }
        Self {
            commit,
            date: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            command: options.command.clone(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            workers: options.workers,
            wrk_threads: wrk::THREADS,
            rounds: options.rounds,
            window_seconds: options.window_seconds,
            sessions: options.sessions,
            requests_prepared: seed::DRAWN,
            load_average: std::fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split_whitespace().next().map(str::to_owned))
                .unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "command: {}", self.command)?;
        writeln!(out, "commit:  {}", self.commit)?;
        writeln!(out, "date:    {}", self.date)?;
        writeln!(
            out,
            "host:    {} cores, load average {} at the start",
            self.cores, self.load_average
        )?;
        writeln!(
            out,
            "servers: {} workers each, all up at once; {} sessions",
            self.workers, self.sessions
        )?;
        write!(
            out,
            "load:    wrk, {} threads, {} requests prepared, ",
            self.wrk_threads, self.requests_prepared
        )?;
        writeln!(
            out,
            "{} rounds of {} s windows, after one that is not counted",
            self.rounds, self.window_seconds
        )
    }
}

/// One line of what a command prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The table for people: median and quartiles of the ratios, medians of the raw figures.
///
/// Requests per second are good when high, processor time per request is good when low.
pub(crate) fn table(cells: &[Cell]) -> String {
    let mut out = format!(
        "{:<18} {:>5} {:>5}  {:<20} {:<20} {:>11} {:>11} {:>9} {:>9}\n",
        "case",
        "conns",
        "depth",
        "req/s of no-op",
        "CPU/req of no-op",
        "req/s",
        "no-op",
        "us/req",
        "no-op"
    );
    for cell in cells {
        // Writing to a string cannot fail.
        let _ = match (&cell.failure, Summary::of(cell)) {
            (None, Some(summary)) => writeln!(out, "{}", row(cell, &summary)),
            (Some(failure), _) => writeln!(out, "{} FAILED: {failure}", label(cell)),
            (None, None) => writeln!(out, "{} not measured", label(cell)),
        };
    }
    out
}

/// The first columns of a row.
fn label(cell: &Cell) -> String {
    let (connections, depth) = match &cell.load {
        Some(load) => (load.connections.to_string(), load.pipeline.to_string()),
        None => ("-".to_owned(), "-".to_owned()),
    };
    format!("{:<18} {connections:>5} {depth:>5} ", cell.case.name())
}

fn row(cell: &Cell, summary: &Summary) -> String {
    let ratio = |spread: &Spread| {
        format!(
            "{:.3} ({:.3}-{:.3})",
            spread.median, spread.lower_quartile, spread.upper_quartile
        )
    };
    format!(
        "{} {:<20} {:<20} {:>11.0} {:>11.0} {:>9.2} {:>9.2}",
        label(cell),
        ratio(&summary.request_ratio),
        ratio(&summary.cpu_ratio),
        summary.sessile_requests.median,
        summary.noop_requests.median,
        summary.sessile_cpu.median,
        summary.noop_cpu.median
    )
}

/// The figures of a cell.
#[derive(Serialize)]
struct Summary {
    /// Sessile's requests per second over the no-op's, inside each round. Higher is better.
    request_ratio: Spread,
    /// Sessile's processor time per request over the no-op's, inside each round. Lower is better.
    cpu_ratio: Spread,
    sessile_requests: Spread,
    noop_requests: Spread,
    sessile_cpu: Spread,
    noop_cpu: Spread,
}

impl Summary {
    fn of(cell: &Cell) -> Option<Self> {
        let spread = |figure: fn(&Round) -> f64| Spread::of(cell.rounds.iter().map(figure));
        Some(Self {
            request_ratio: spread(|round| {
                round.sessile.requests_per_second / round.noop.requests_per_second
            })?,
            cpu_ratio: spread(|round| {
                round.sessile.cpu_us_per_request / round.noop.cpu_us_per_request
            })?,
            sessile_requests: spread(|round| round.sessile.requests_per_second)?,
            noop_requests: spread(|round| round.noop.requests_per_second)?,
            sessile_cpu: spread(|round| round.sessile.cpu_us_per_request)?,
            noop_cpu: spread(|round| round.noop.cpu_us_per_request)?,
        })
    }
}

/// Writes the file for machines: set-up, summaries and every window.
///
/// Errors: the file cannot be written.
pub(crate) fn write_json(file: &Path, setup: &Setup, cells: &[Cell]) -> Result<()> {
    let sample = |sample: &Sample| -> Value {
        json!({"requests_per_second": sample.requests_per_second, "cpu_us_per_request": sample.cpu_us_per_request})
    };
    let cells: Vec<Value> = cells
        .iter()
        .map(|cell| {
            let rounds = cell.rounds.iter();
            let rounds: Vec<Value> = rounds
                .map(
                    |round| json!({"sessile": sample(&round.sessile), "noop": sample(&round.noop)}),
                )
                .collect();
            json!({
                "case": cell.case.name(),
                "connections": cell.load.as_ref().map(|load| load.connections),
                "pipeline": cell.load.as_ref().map(|load| load.pipeline),
                "failure": cell.failure,
                "summary": Summary::of(cell),
                "rounds": rounds,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({"setup": setup, "cells": cells}))?;
    std::fs::write(file, text + "\n")
        .with_context(|| format!("{} cannot be written", file.display()))
}

//! What is said of a run: its set-up, the table for people, the file for machines.

use std::fmt::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sessile::bench::plot::Plot;

use crate::cells::{Cell, Round};
use crate::common::goals::{self, Row};
use crate::common::machine::Machine;
use crate::common::plots;
use crate::common::rotation::Sample;
use crate::common::stats::Spread;
use crate::common::wrk;
use crate::options::Options;
use crate::seed;

/// The circumstances of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Setup {
    #[serde(flatten)]
    machine: Machine,
    workers: usize,
    wrk_threads: usize,
    rounds: usize,
    window_seconds: u64,
    sessions: u64,
    requests_prepared: u64,
}

impl Setup {
    /// Reads the circumstances now.
    pub(crate) fn read(options: &Options) -> Self {
        Self {
            machine: Machine::read("ceiling"),
            workers: options.workers,
            wrk_threads: wrk::THREADS,
            rounds: options.rounds,
            window_seconds: options.window_seconds,
            sessions: options.sessions,
            requests_prepared: seed::DRAWN,
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.machine)?;
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

/// The cells that a goal is about, as rows in Markdown.
pub(crate) fn against_goals(cells: &[Cell]) -> String {
    let mut rows = Vec::new();
    for cell in cells {
        let Some((goal, rate, cpu)) = cell
            .load
            .as_ref()
            .and_then(|load| cell.case.goal(load.pipeline))
        else {
            continue;
        };
        let connections = cell.load.as_ref().map_or(0, |load| load.connections);
        let what = format!("{}, {connections} connections", cell.case.name());
        let (Some(summary), None) = (Summary::of(cell), &cell.failure) else {
            let why = cell.failure.clone().unwrap_or("not measured".to_owned());
            rows.push(Row::not_run(goal, what, why));
            continue;
        };
        let of_noop = format!("{what}: requests/s of the no-op");
        rows.push(Row::ratio_at_least(
            goal,
            of_noop,
            summary.request_ratio,
            rate,
        ));
        let of_noop = format!("{what}: CPU per request of the no-op");
        rows.push(match cpu {
            Some(most) => Row::ratio_at_most(goal, of_noop, summary.cpu_ratio, most),
            None => Row::beside(goal, of_noop, summary.cpu_ratio.to_string()),
        });
    }
    goals::table(&rows)
}

/// Draws the ratios of all cells: as `ceiling`, and as `ceiling-pipelined` where requests were.
///
/// Errors: it cannot be drawn or written.
pub(crate) fn draw(cells: &[Cell]) -> Result<()> {
    for (name, pipelined) in [("ceiling", false), ("ceiling-pipelined", true)] {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for cell in cells.iter().filter(|cell| cell.failure.is_none()) {
            let (Some(load), Some(summary)) = (&cell.load, Summary::of(cell)) else {
                continue;
            };
            let depth = (load.connections, load.pipeline);
            let one = (cell.case.name(), summary);
            match groups.iter_mut().find(|group| group.depth == depth) {
                Some(group) => group.cells.push(one),
                None if (load.pipeline > 1) == pipelined => groups.push(Group {
                    depth,
                    cells: vec![one],
                }),
                None => {}
            }
        }
        let plots: Vec<_> = groups.iter().flat_map(Group::plots).collect();
        if !plots.is_empty() {
            plots::save(name, &plots)?;
        }
    }
    Ok(())
}

/// Cells that were asked alike: on so many connections, with so many requests in flight on each.
struct Group<'a> {
    depth: (usize, usize),
    cells: Vec<(&'a str, Summary)>,
}

impl Group<'_> {
    /// Their two ratios.
    fn plots(&self) -> [Plot; 2] {
        let bars = |figure: fn(&Summary) -> Spread| {
            let cells = self.cells.iter();
            cells
                .map(|(name, summary)| plots::spread(*name, figure(summary)))
                .collect()
        };
        let (connections, pipeline) = self.depth;
        let how = format!("{connections} connections, {pipeline} in flight on each");
        let rates = format!("requests per second, {how}: higher is better");
        let cpu = format!("processor time per request, {how}: lower is better");
        let of = "of the no-op";
        [
            Plot::bars(&rates, of, bars(|summary| summary.request_ratio)),
            Plot::bars(&cpu, of, bars(|summary| summary.cpu_ratio)),
        ]
    }
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

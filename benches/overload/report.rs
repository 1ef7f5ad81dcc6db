//! Windows without and under the load, in turns, their ratio, and whether it is what was promised.

use std::net::SocketAddr;

use anyhow::Result;

use crate::Size;
use crate::common::probe::{self, Times};
use crate::wire::Load;

/// How the machine and the code are called.
pub(crate) fn head(scenario: &str, size: Size) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{scenario}: {size:?}, {processors} processors, verification at 2,000 a second on 8 connections"
    );
}

/// A row of the table.
pub(crate) fn row(name: &str, times: &Times) {
    println!(
        "| {name} | {} | {} | {} | {} | {} |",
        times.count(),
        times.errors,
        times.per_mille(500),
        times.per_mille(990),
        times.per_mille(999),
    );
}

pub(crate) fn table() {
    println!("| window | verifications | errors | p50 µs | p99 µs | p99.9 µs |");
    println!("|---|---|---|---|---|---|");
}

/// What windows of both kinds showed.
pub(crate) struct Compared {
    pub(crate) ratio: f64,
    pub(crate) errors: usize,
}

/// The same for windows that were measured already.
pub(crate) fn compare(name: &str, idle: &Times, under: &Times) -> Compared {
    row("idle", idle);
    row(name, under);
    let ratio = f64::from(under.per_mille(990)) / f64::from(idle.per_mille(990).max(1));
    println!(
        "p99 {name} / idle: {ratio:.2}; {} verification errors",
        under.errors
    );
    Compared {
        ratio,
        errors: idle.errors + under.errors,
    }
}

/// Measures in turns: without the load, under it. Gives what the load said, too.
pub(crate) fn in_turns<T: Send + 'static>(
    name: &str,
    to: SocketAddr,
    secrets: &[String],
    size: Size,
    begin: impl Fn() -> Load<T>,
) -> Result<(Compared, Vec<T>)> {
    let (mut idle, mut under, mut said) = (Vec::new(), Vec::new(), Vec::new());
    // One that is not counted: connections, caches, tables.
    probe::window(to, secrets, 2)?;
    for _ in 0..size.rounds {
        idle.push(probe::window(to, secrets, size.seconds)?);
        let load = begin();
        // Until the load is what it is to be.
        probe::window(to, secrets, 2)?;
        under.push(probe::window(to, secrets, size.seconds)?);
        said.push(load.end()?);
    }
    Ok((compare(name, &Times::join(idle), &Times::join(under)), said))
}

/// Whether what was promised holds; says so.
pub(crate) fn verdict(what: &str, holds: bool) -> bool {
    println!("{}: {what}", if holds { "holds" } else { "MISSED" });
    holds
}

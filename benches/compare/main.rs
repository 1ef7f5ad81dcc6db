//! Sessile beside what it replaces: the same question asked of other servers, in the same run.
//!
//! `cargo bench --bench compare -- [--rounds N] [--sessions N] [--only verify|writes] [--plots]` starts every peer that can be had
//! here, asks each what it says of a session that lives and of one that does not, and then rotates load over all of them
//! in windows of 2 s. It takes about seven minutes on two cores, the first run as much again to build two of the peers.
//!
//! | peer | what it is | needs |
//! |---|---|---|
//! | Redis | raw `GET` by `redis-benchmark`, without HTTP (G5); `SET` with `appendfsync always` (G7) | `redis-server` |
//! | actix-web + Redis | `actix-redis/`: a handler that asks Redis over one connection per worker (G6) | `redis-server` |
//! | Webdis + Redis | Redis behind HTTP (G6) | `webdis`, `redis-server` |
//! | Fastify | `node/fastify.js`: its session plug-in, sessions in the process (G6) | Node, npm |
//! | Express | `node/express.js`: `express-session` and `connect-redis` (G6) | Node, npm, `redis-server` |
//!
//! What is missing is `not run`, with what to install. The load is `wrk` with 2 threads and 64 connections over prepared
//! requests, and `redis-benchmark` with 64 connections for Redis itself. A Node peer is one process, since its sessions
//! are; processor time per request counts all the processes that answer: a peer's own and its Redis.
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

#[expect(dead_code, reason = "each measurement uses a part")]
#[path = "../common/mod.rs"]
mod common;
mod node;
mod peers;
mod verify;
mod writes;

use std::process::ExitCode;

use anyhow::Result;

use common::goals::{self, Row};

const USAGE: &str = "usage: cargo bench --bench compare -- [--rounds N] [--sessions N] [--only verify|writes] [--plots]";
/// Length of a window, in seconds.
pub(crate) const WINDOW_S: u64 = 2;
/// Connections of a window.
pub(crate) const CONNECTIONS: usize = 64;

/// How much is measured.
pub(crate) struct Size {
    pub(crate) rounds: usize,
    /// Sessions of Sessile and of Redis.
    pub(crate) sessions: u64,
    /// Whether the plot of the documents is drawn anew.
    pub(crate) plots: bool,
}

type Part = fn(&Size) -> Result<Vec<Row>>;

fn main() -> ExitCode {
    goals::measure("compare", USAGE, parse, |(size, parts)| {
        let mut rows = Vec::new();
        for part in parts {
            rows.extend(part(&size)?);
        }
        Ok(rows)
    })
}

fn parse(arguments: &[String]) -> Option<(Size, Vec<Part>)> {
    let mut given = arguments.iter().filter(|argument| *argument != "--bench");
    let mut size = Size {
        rounds: 8,
        sessions: 1_000_000,
        plots: false,
    };
    let mut parts: Vec<Part> = vec![verify::run, writes::run];
    while let Some(name) = given.next() {
        if name == "--plots" {
            size.plots = true;
            continue;
        }
        let value = given.next()?;
        match name.as_str() {
            "--rounds" => size.rounds = value.parse().ok().filter(|n| (1..=1_000).contains(n))?,
            "--sessions" => {
                let in_range = |n: &u64| (1_000..=50_000_000).contains(n);
                size.sessions = value.parse().ok().filter(in_range)?;
            }
            "--only" => {
                parts = match value.as_str() {
                    "verify" => vec![verify::run],
                    "writes" => vec![writes::run],
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some((size, parts))
}

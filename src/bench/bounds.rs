//! What may be asked of the load generator: everything has a bound, and every run an end.

use std::time::Duration;

use anyhow::ensure;
use rustix::process::{Resource, getrlimit};

use super::plan::Stream;
use crate::cli::bench::Scenario;

/// Requests a second.
const RATE_MAX: f64 = 1_000_000.0;
const DURATION_MIN: Duration = Duration::from_millis(100);
const DURATION_MAX: Duration = Duration::from_secs(24 * 3_600);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Requests of a run.
const REQUESTS_MAX: u64 = 100_000_000_000;
const CONNECTIONS_MAX: usize = 16_384;
const THREADS_MAX: usize = 64;
const PIPELINE_MAX: usize = 64;
/// Sessions that are opened before, and that end at once.
const SESSIONS_MAX: usize = 10_000_000;
const ACCOUNTS_MAX: usize = 1_024;
const NAME_CHARS_MAX: usize = 64;
/// Files that this program needs beside its connections.
const FILES: u64 = 32;

/// Refuses what is out of bounds, and says what the bound is.
pub(super) fn check(scenario: &Scenario) -> anyhow::Result<()> {
    let load = scenario.load();
    rate("--rate", load.rate)?;
    let range = DURATION_MIN..=DURATION_MAX;
    ensure!(range.contains(&load.duration), "--duration: 100ms to 24h");
    ensure!(load.warmup <= DURATION_MAX, "--warmup: at most 24h");
    let range = Duration::from_millis(1)..=TIMEOUT_MAX;
    ensure!(range.contains(&load.timeout), "--timeout: 1ms to 60s");
    number("--requests", load.requests, REQUESTS_MAX)?;
    let count = |flag, count: usize, most| number(flag, count as u64, most as u64);
    count("--connections", load.connections, CONNECTIONS_MAX)?;
    count("--threads", load.threads.unwrap_or(1), THREADS_MAX)?;
    count("--pipeline", scenario.pace().pipeline, PIPELINE_MAX)?;
    count("--sessions", load.sessions.unwrap_or(1), SESSIONS_MAX)?;
    count("--accounts", load.accounts, ACCOUNTS_MAX)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fine = (1..=NAME_CHARS_MAX).contains(&load.name.len()) && load.name.chars().all(plain);
    ensure!(
        fine,
        "--name: 1 to {NAME_CHARS_MAX} letters, digits, - and _"
    );
    let mut connections = load.connections;
    match scenario {
        Scenario::LoginStorm {
            logins,
            login_connections,
            login_accounts,
            wrong,
            ..
        } => {
            rate("--logins", *logins)?;
            count("--login-connections", *login_connections, CONNECTIONS_MAX)?;
            count("--login-accounts", *login_accounts, ACCOUNTS_MAX)?;
            ensure!(*wrong <= 100, "--wrong: 0 to 100 out of a hundred");
            connections += login_connections;
        }
        Scenario::ExpiryWave { wave, .. } => count("--wave", *wave, SESSIONS_MAX)?,
        Scenario::Verify { .. }
        | Scenario::Open { .. }
        | Scenario::Mix { .. }
        | Scenario::ReconnectStorm { .. }
        | Scenario::Bulk { .. } => {}
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    ensure!(
        connections as u64 + FILES <= files,
        "--connections: this process may have {files} files open, too few for {connections} connections (ulimit -n)"
    );
    Ok(())
}

fn rate(flag: &str, rate: f64) -> anyhow::Result<()> {
    let fine = rate.is_finite() && rate > 0.0 && rate <= RATE_MAX;
    ensure!(fine, "{flag}: more than 0 and at most {RATE_MAX} a second");
    Ok(())
}

fn number(flag: &str, number: u64, most: u64) -> anyhow::Result<()> {
    ensure!((1..=most).contains(&number), "{flag}: 1 to {most}");
    Ok(())
}

/// Threads for these streams: as many as were asked for, or one for every two processors, the other one being for the
/// server; each has a connection of every stream.
pub(super) fn threads(asked: Option<usize>, streams: &[Stream]) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let fewest = streams.iter().map(|stream| stream.connections).min();
    let wanted = asked.unwrap_or(processors / 2);
    wanted.min(fewest.unwrap_or(1)).max(1)
}

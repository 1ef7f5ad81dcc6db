//! Requests at a fixed rate, and how long each answer took.
//!
//! An answer's time counts from when its request was due, if the one before was late: a server that stalls is not
//! asked less. It does not count how late this program woke up by itself.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::answer::Asker;

/// Connections, each with a thread.
const CONNECTIONS: usize = 8;
/// Verifications a second, on all of them, where no other rate is asked for.
const RATE: u32 = 2_000;

/// A connection on which one request after another is answered.
pub(crate) trait Line {
    /// Sends one and reads the answer: whether it is the right one.
    ///
    /// Errors: the connection is of no more use.
    fn ask(&mut self, request: &[u8]) -> Result<bool>;
}

impl Line for Asker {
    fn ask(&mut self, request: &[u8]) -> Result<bool> {
        Ok(Asker::ask(self, request)?.status == 200)
    }
}

/// What a window of verifications showed.
#[derive(Debug, Default)]
pub(crate) struct Times {
    /// Microseconds, sorted.
    micros: Vec<u32>,
    /// Answers that were not 200, or did not come.
    pub(crate) errors: usize,
}

impl Times {
    /// So many of a thousand are not above this, in microseconds.
    pub(crate) fn per_mille(&self, part: usize) -> u32 {
        let at = (self.micros.len() * part / 1_000).min(self.micros.len().saturating_sub(1));
        self.micros.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self) -> usize {
        self.micros.len()
    }

    /// All windows as one.
    pub(crate) fn join(windows: Vec<Self>) -> Self {
        let mut all = Self::default();
        for window in windows {
            all.micros.extend(window.micros);
            all.errors += window.errors;
        }
        all.micros.sort_unstable();
        all
    }
}

/// A request that asks whether the session of this MollyBet secret lives.
pub(crate) fn verify(secret: &str) -> Vec<u8> {
    format!("GET /auth/verify HTTP/1.1\r\nHost: localhost\r\nSession: {secret}\r\n\r\n")
        .into_bytes()
}

/// Verifies these for so long.
pub(crate) fn window(to: SocketAddr, secrets: &[String], seconds: u64) -> Result<Times> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(seconds));
            stop.store(true, Ordering::Relaxed);
        });
        until(to, secrets, &stop)
    })
}

/// Verifies these until it is told to stop.
pub(crate) fn until(to: SocketAddr, secrets: &[String], stop: &AtomicBool) -> Result<Times> {
    let requests: Vec<_> = secrets.iter().map(|secret| verify(secret)).collect();
    at_rate(&|| Asker::connect(to), &requests, RATE, stop)
}

/// Asks all of this, over and over, so many times a second, until it is told to stop.
pub(crate) fn at_rate<L: Line>(
    connect: &(dyn Fn() -> Result<L> + Sync),
    requests: &[Vec<u8>],
    rate: u32,
    stop: &AtomicBool,
) -> Result<Times> {
    let start = Instant::now() + Duration::from_millis(20);
    let pause = Duration::from_secs(1) / rate * u32::try_from(CONNECTIONS)?;
    let part = requests.len().div_ceil(CONNECTIONS).max(1);
    thread::scope(|scope| {
        let one = |(nth, requests): (u32, &'_ [Vec<u8>])| {
            let first = start + pause / u32::try_from(CONNECTIONS).unwrap_or(1) * nth;
            let requests = requests.to_vec();
            scope.spawn(move || ask(connect, &requests, first, pause, stop))
        };
        let asking: Vec<_> = (0..).zip(requests.chunks(part)).map(one).collect();
        let windows = asking
            .into_iter()
            .map(|one| one.join().ok().context("a probe panicked")?);
        Ok(Times::join(windows.collect::<Result<_>>()?))
    })
}

fn ask<L: Line>(
    connect: &dyn Fn() -> Result<L>,
    requests: &[Vec<u8>],
    first: Instant,
    pause: Duration,
    stop: &AtomicBool,
) -> Result<Times> {
    let mut line = connect()?;
    let mut times = Times::default();
    let mut due = first;
    for request in requests.iter().cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let now = Instant::now();
        let late = now > due;
        if !late {
            thread::sleep(due - now);
        }
        let from = if late { due } else { Instant::now() };
        match line.ask(request) {
            Ok(true) => {
                let micros = from.elapsed().as_micros();
                times.micros.push(u32::try_from(micros).unwrap_or(u32::MAX));
            }
            outcome => {
                times.errors += 1;
                if outcome.is_err() {
                    line = connect()?;
                }
            }
        }
        due += pause;
    }
    Ok(times)
}

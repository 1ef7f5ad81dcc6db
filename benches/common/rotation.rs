//! Windows of several servers in turns, and their ratios inside a round.
//!
//! Invariants: all servers are up while any is measured; a round holds one window of each, one right after the other,
//! and each round begins with another one; one round more goes before and is not counted; a server with a bad window is
//! left out from then on, and says why.

use anyhow::{Context, Result};

use super::servers::Server;
use super::stats::Spread;
use super::wrk::Window;

/// One window of one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    /// Requests answered per second.
    pub(crate) requests_per_second: f64,
    /// User and system time of the server per request answered, in microseconds.
    pub(crate) cpu_us_per_request: f64,
}

impl Sample {
    /// Applies a load and looks at what it cost these processes.
    ///
    /// Errors: those of the load; a process has ended.
    pub(crate) fn of(servers: &[&Server], load: impl FnOnce() -> Result<Window>) -> Result<Self> {
        let cpu = || -> Result<f64> { servers.iter().map(|server| server.cpu_seconds()).sum() };
        let before = cpu()?;
        let window = load()?;
        let spent = cpu()? - before;
        Ok(Self {
            requests_per_second: window.requests / window.seconds,
            cpu_us_per_request: spent * 1e6 / window.requests,
        })
    }
}

/// Who is measured, and how.
pub(crate) struct Candidate<'a> {
    /// Its name in messages.
    pub(crate) name: String,
    /// The processes whose time counts as its own.
    servers: Vec<&'a Server>,
    /// Applies its load for so many seconds.
    load: Box<dyn FnMut(u64) -> Result<Window> + 'a>,
    samples: Vec<Sample>,
    /// Why there is no result.
    pub(crate) failure: Option<String>,
}

impl<'a> Candidate<'a> {
    /// A candidate without windows yet.
    pub(crate) fn new(
        name: impl Into<String>,
        servers: Vec<&'a Server>,
        load: impl FnMut(u64) -> Result<Window> + 'a,
    ) -> Self {
        Self {
            name: name.into(),
            servers,
            load: Box::new(load),
            samples: Vec::new(),
            failure: None,
        }
    }

    fn measure(&mut self, seconds: u64) -> Result<Sample> {
        Sample::of(&self.servers, || (self.load)(seconds))
    }

    /// Requests per second.
    pub(crate) fn rate(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|s| s.requests_per_second))
    }

    /// Processor time per request, in microseconds.
    pub(crate) fn cpu(&self) -> Option<Spread> {
        Spread::of(self.samples.iter().map(|s| s.cpu_us_per_request))
    }

    /// Requests per second over those of another one, inside each round.
    pub(crate) fn rate_over(&self, other: &Self) -> Result<Spread> {
        self.over(other, |sample| sample.requests_per_second)
    }

    /// Processor time per request over that of another one, inside each round.
    pub(crate) fn cpu_over(&self, other: &Self) -> Result<Spread> {
        self.over(other, |sample| sample.cpu_us_per_request)
    }

    fn over(&self, other: &Self, figure: fn(&Sample) -> f64) -> Result<Spread> {
        for candidate in [self, other] {
            if let Some(failure) = &candidate.failure {
                anyhow::bail!("{}: {failure}", candidate.name);
            }
        }
        let pairs = self.samples.iter().zip(&other.samples);
        Spread::of(pairs.map(|(own, other)| figure(own) / figure(other))).context("no rounds")
    }
}

/// Measures all of them in rounds.
pub(crate) fn rotate(candidates: &mut [Candidate<'_>], rounds: usize, seconds: u64) {
    let count = candidates.len();
    for round in 0..=rounds {
        for turn in 0..count {
            let Some(candidate) = candidates.get_mut((round + turn) % count) else {
                continue;
            };
            if candidate.failure.is_some() {
                continue;
            }
            match candidate.measure(seconds) {
                Ok(sample) if round > 0 => candidate.samples.push(sample),
                Ok(_) => {}
                Err(error) => {
                    eprintln!("{}: {error:#}", candidate.name);
                    candidate.failure = Some(format!("{error:#}"));
                }
            }
        }
        let counted = if round == 0 { " (not counted)" } else { "" };
        eprintln!("round {round} of {rounds}{counted}");
    }
}

/// What each had: requests per second and processor time per request.
pub(crate) fn print(candidates: &[Candidate<'_>]) {
    for candidate in candidates {
        let name = &candidate.name;
        match (&candidate.failure, candidate.rate(), candidate.cpu()) {
            (Some(why), ..) => println!("{name}: FAILED: {why}"),
            (None, Some(rate), Some(cpu)) => println!(
                "{name}: {:.0} requests/s, {:.2} µs of processor time each",
                rate.median, cpu.median
            ),
            (None, ..) => println!("{name}: not measured"),
        }
    }
}

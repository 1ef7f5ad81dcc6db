//! Flags of `bench`: what is loaded, how much, for how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::args::NodeArguments;
use crate::config::limits::duration_ms;

/// `bench …`
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What is done to the node.
    #[command(subcommand)]
    pub scenario: Scenario,
}

/// What can be done to a node.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// Verify sessions.
    Verify {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// At which pace.
        #[command(flatten)]
        pace: PaceArguments,
    },
    /// Open sessions: by the contract on xdata, elsewhere by trusted issue.
    Open {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// At which pace.
        #[command(flatten)]
        pace: PaceArguments,
    },
    /// Verify, open and end sessions at once.
    Mix {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// At which pace.
        #[command(flatten)]
        pace: PaceArguments,
        /// Out of a hundred requests, how many verify, open and end a session.
        #[arg(long, value_name = "N,N,N", default_value = "90,5,5", value_parser = shares)]
        shares: [u8; 3],
    },
    /// Verify, and from a third of the time on log in with passwords as well.
    LoginStorm {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// Logins a second.
        #[arg(long, value_name = "RATE", default_value_t = 200.0)]
        logins: f64,
        /// Connections for them.
        #[arg(long, value_name = "N", default_value_t = 64)]
        login_connections: usize,
        /// Accounts that log in.
        #[arg(long, value_name = "N", default_value_t = 16)]
        login_accounts: usize,
        /// Out of a hundred logins, how many have a wrong password.
        #[arg(long, value_name = "N", default_value_t = 0)]
        wrong: u8,
    },
    /// Verify while many sessions reach one deadline: a third of the time before it, one behind it, one afterwards.
    ExpiryWave {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// Sessions that end at once.
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        wave: usize,
    },
    /// Verify while all connections are closed and opened again now and then.
    ReconnectStorm {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// At which pace.
        #[command(flatten)]
        pace: PaceArguments,
        /// How often.
        #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
        every: Duration,
    },
    /// Verify many sessions by one call: JSON-RPC batches of xdata.
    Bulk {
        /// How much.
        #[command(flatten)]
        load: LoadArguments,
        /// At which pace.
        #[command(flatten)]
        pace: PaceArguments,
        /// Sessions of a call, 1 to 100.
        #[arg(long, value_name = "N", default_value_t = 100)]
        batch: usize,
    },
}

/// Which API is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchSurface {
    /// `GET /auth/verify`, with mollybet sessions.
    Gateway,
    /// Metadata of a session by itself.
    Mollybet,
    /// The user behind a guest key.
    I3d,
    /// A session of a native client.
    Clerk,
    /// `session.verify_session_token`.
    Xdata,
}

/// How much, for how long, on what.
#[derive(Debug, Args)]
pub struct LoadArguments {
    /// The public listener: http://HOST:PORT, or https:// with --ca
    /// [default: that of ./snapshots/live/dev-credentials.json].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Certificates in PEM by which an https:// listener is known.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Load a listener that is not on this machine. It must be yours.
    #[arg(long)]
    pub allow_remote: bool,
    /// Where accounts and sessions for the run are made: a token of role own is needed.
    #[command(flatten)]
    pub node: NodeArguments,
    /// Which API is spoken.
    #[arg(long, value_enum, default_value = "gateway")]
    pub surface: BenchSurface,
    /// Requests a second, sent when they are due whatever becomes of those before.
    #[arg(long, value_name = "RATE", default_value_t = 1_000.0)]
    pub rate: f64,
    /// How long, at most 24h.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// How long the same is done before, without being counted.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub warmup: Duration,
    /// How long an answer may take, at most 60s.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
    /// Requests, at most.
    #[arg(long, value_name = "N", default_value_t = 1_000_000_000)]
    pub requests: u64,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub connections: usize,
    /// Threads of this program [default: one for every two processors].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Sessions that are opened before, and asked for in no order
    /// [default: 10000; 2000 on i3d and clerk, where each needs a key or a client of its own].
    #[arg(long, value_name = "N")]
    pub sessions: Option<usize>,
    /// Accounts that own them.
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub accounts: usize,
    /// What the names of these accounts begin with; runs at the same time need different ones.
    #[arg(long, value_name = "NAME", default_value = "bench")]
    pub name: String,
    /// Leave the accounts and their sessions behind; they are deleted otherwise.
    #[arg(long)]
    pub keep: bool,
    /// Write the figures to this file, as JSON (`-`: standard output, instead of the table).
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write curves to this file, as SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// At which pace requests are sent.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct PaceArguments {
    /// As fast as answers come, instead of at a rate. Tells what is possible, and nothing about latency at less.
    #[arg(long)]
    pub closed: bool,
    /// Requests under way on each connection.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub pipeline: usize,
}

/// `30s`, `2m`; `0s` is nothing.
fn duration(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") {
        return Ok(Duration::ZERO);
    }
    let ms = duration_ms("the duration", text).map_err(|error| error.to_string())?;
    Ok(Duration::from_millis(ms))
}

/// `90,5,5`.
fn shares(text: &str) -> Result<[u8; 3], String> {
    let read: Option<Vec<u8>> = text
        .split(',')
        .map(|share| share.trim().parse().ok())
        .collect();
    let read: Option<[u8; 3]> = read.and_then(|shares| shares.try_into().ok());
    read.filter(|shares| shares.iter().map(|share| u32::from(*share)).sum::<u32>() == 100)
        .ok_or_else(|| "three numbers that make a hundred, such as 90,5,5".into())
}

impl Scenario {
    /// Its name on the command line.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Verify { .. } => "verify",
            Self::Open { .. } => "open",
            Self::Mix { .. } => "mix",
            Self::LoginStorm { .. } => "login-storm",
            Self::ExpiryWave { .. } => "expiry-wave",
            Self::ReconnectStorm { .. } => "reconnect-storm",
            Self::Bulk { .. } => "bulk",
        }
    }

    /// How much.
    #[must_use]
    pub fn load(&self) -> &LoadArguments {
        match self {
            Self::Verify { load, .. }
            | Self::Open { load, .. }
            | Self::Mix { load, .. }
            | Self::LoginStorm { load, .. }
            | Self::ExpiryWave { load, .. }
            | Self::ReconnectStorm { load, .. }
            | Self::Bulk { load, .. } => load,
        }
    }

    /// At which pace; by a rate where nothing can be said.
    #[must_use]
    pub fn pace(&self) -> PaceArguments {
        match self {
            Self::Verify { pace, .. }
            | Self::Open { pace, .. }
            | Self::Mix { pace, .. }
            | Self::ReconnectStorm { pace, .. }
            | Self::Bulk { pace, .. } => *pace,
            Self::LoginStorm { .. } | Self::ExpiryWave { .. } => PaceArguments {
                closed: false,
                pipeline: 1,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_shares_are_read() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert!(duration("soon").is_err());
        assert_eq!(shares("90,5,5"), Ok([90, 5, 5]));
        assert_eq!(shares("100, 0, 0"), Ok([100, 0, 0]));
        for wrong in ["", "90,5", "90,5,6", "90,5,5,0", "-1,50,51", "300,1,1"] {
            assert!(shares(wrong).is_err(), "{wrong}");
        }
    }
}

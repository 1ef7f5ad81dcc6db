//! Log set-up. It decides nothing: what is logged, and how secrets stay out of it, is said in
//! `docs/LOGGING.md`.

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// What is logged if nothing else is asked for. What the framework says of requests that it cannot parse is left out:
/// any client can make it say so, and the edge counts them.
fn usual() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("actix_server", LevelFilter::WARN)
        .with_target("actix_http", LevelFilter::OFF)
}

/// Sends log lines to standard error, filtered by `SESSILE_LOG` (default `info`).
///
/// A second call changes nothing: the first one stays.
pub fn start(format: LogFormat) {
    let asked = std::env::var("SESSILE_LOG").ok();
    let filter = asked.and_then(|asked| asked.parse().ok());
    let filter = filter.unwrap_or_else(usual);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry();
    // A logger that is there already is the one that was wanted.
    let _ = match format {
        LogFormat::Text => registry
            .with(lines.with_ansi(false).with_filter(filter))
            .try_init(),
        LogFormat::Json => registry.with(lines.json().with_filter(filter)).try_init(),
    };
}

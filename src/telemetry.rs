//! Log set-up. It decides nothing: what is logged, and how secrets stay out of it, is said in
//! `docs/LOGGING.md`.

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged if nothing else is asked for. What the framework says of requests that it cannot parse is left out:
/// any client can make it say so, and the edge counts them.
const FILTER: &str = "info,actix_server=warn,actix_http=off";

/// Sends log lines to standard error, filtered by `SESSILE_LOG` (default `info`).
///
/// A second call changes nothing: the first one stays.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("SESSILE_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A logger that is there already is the one that was wanted.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    };
}

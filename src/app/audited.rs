//! The audit stream of a node: its first line and its last.

use std::sync::Arc;

use super::Failure;
use crate::audit::entry::{Entry, Outcome};
use crate::audit::sink::{Audit, Settings};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::durability::directory::DirectoryError;
use crate::durability::storage::os::OsStorage;

/// Goes on with the stream of the data directory, and tells that the node starts.
pub(super) fn start(config: &Config, clock: SharedClock) -> Result<Audit, Failure> {
    let refused = |what: String| DirectoryError::Refused {
        path: config.data_dir.clone(),
        what,
    };
    let settings = Settings {
        required: config.audit.required,
        keep_days: config.audit.keep_days,
    };
    let storage = OsStorage::open(&config.data_dir).map_err(|error| refused(error.to_string()))?;
    let started = Audit::start(Arc::new(storage), settings, clock);
    let (audit, found) = started.map_err(|error| refused(error.to_string()))?;
    if let Some((file, torn)) = &found.torn {
        tracing::warn!(
            "{file}: {} bytes with {} whole lines at its end were cut: a crash left them",
            torn.bytes,
            torn.lines
        );
    }
    if let Some((file, flaw)) = &found.damage {
        let what = format!("{file}, line {}: {}", flaw.line, flaw.what);
        if settings.required {
            return Err(refused(format!(
                "{what}: the audit stream is required and is not as it was written: keep audit/ elsewhere as it is, \
                 find out who could write it, and start without it"
            ))
            .into());
        }
        tracing::error!(
            "the audit stream is not as it was written, and goes on in a new file: {what}"
        );
    }
    let durability = format!("{:?}", config.durability).to_lowercase();
    let entry = Entry::of_node("node.start")
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("durability", durability)
        .with("development", config.dev)
        .with("audit_required", settings.required);
    audit.tell(entry);
    Ok(audit)
}

/// Tells that the node stops, and writes what waits.
pub(super) async fn stop(audit: Audit, failed: Option<&'static str>) {
    let mut entry = Entry::of_node("node.stop");
    if let Some(reason) = failed {
        entry.outcome = Outcome::Failed;
        entry.reason = Some(reason);
    }
    audit.tell(entry);
    // Nobody is left who could be told that a thread was not to be had.
    let _ = tokio::task::spawn_blocking(move || audit.finish()).await;
}

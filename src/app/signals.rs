//! What the process is told by signals: stop, and read files again.

use std::io;
use std::path::Path;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::geo::{Countries, DATABASE_BYTES_MAX};

/// SIGTERM and SIGINT.
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Reads the country database.
pub(super) fn load_countries(countries: &Countries, file: &Path) -> anyhow::Result<()> {
    let named = || file.display().to_string();
    let bytes = std::fs::metadata(file).with_context(named)?.len();
    anyhow::ensure!(
        bytes <= DATABASE_BYTES_MAX,
        "{}: {bytes} bytes are too many for a country database",
        named()
    );
    let bytes = std::fs::read(file).with_context(named)?;
    countries.load(bytes).with_context(named)
}

/// Reads something again whenever the process is told so by SIGHUP. What cannot be read leaves the one before in place.
pub(super) fn reload_on_hangup(
    what: &'static str,
    again: impl Fn() -> anyhow::Result<()> + Clone + Send + 'static,
) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangup.recv().await.is_some() {
            match tokio::task::spawn_blocking(again.clone()).await {
                Ok(Ok(())) => tracing::info!("the {what} was read again"),
                Ok(Err(error)) => tracing::error!("the {what} stays as it was: {error:#}"),
                Err(_) => tracing::error!("the {what} stays as it was: reading failed"),
            }
        }
    });
    Ok(())
}

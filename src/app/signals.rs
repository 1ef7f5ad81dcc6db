//! What the process is told by signals: stop, and read the country database again.

use std::io;
use std::path::{Path, PathBuf};

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

/// Reads the country database again whenever the process is told so by SIGHUP. What cannot be read
/// leaves the one before in place.
pub(super) fn reload_on_hangup(countries: Countries, file: PathBuf) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangup.recv().await.is_some() {
            let (countries, file) = (countries.clone(), file.clone());
            let read = move || load_countries(&countries, &file);
            match tokio::task::spawn_blocking(read).await {
                Ok(Ok(())) => tracing::info!("the country database was read again"),
                Ok(Err(error)) => {
                    tracing::error!("the country database stays as it was: {error:#}")
                }
                Err(_) => tracing::error!("the country database stays as it was: reading failed"),
            }
        }
    });
    Ok(())
}

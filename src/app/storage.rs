//! The data directory of a node: who may serve it, by which key, and how it starts and stops.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Failure;
use super::progress::drawn;
use crate::actors::handle::EngineHandle;
use crate::clock::{self, SharedClock, SystemClock};
use crate::config::{Config, Durability};
use crate::door::{self, Archive, ArchiveBusy, Archived, Archiving, SealingSummary};
use crate::durability::directory::DirectoryError;
use crate::durability::keeper::{Keeper, Outcome};
use crate::durability::log::{LogSettings, Mode};
use crate::durability::recovery::Progress;
use crate::durability::sealing::{SealingError, SealingKey, SealingKeys};
use crate::durability::storage::os::OsStorage;
use crate::durability::store::{Found, Sealing, Store, StoreError, StoreSettings, summary};
use crate::engine::state::State;
use crate::entropy::SharedEntropy;

/// What the service manager hands over.
const CREDENTIAL: &str = "sessile-sealing-key";

/// A data directory that is served, before there is an engine.
pub struct Opened {
    /// The directory.
    pub store: Arc<Store>,
    /// What it holds.
    pub state: State,
    /// Engine time.
    pub clock: SharedClock,
    /// Whether there was nothing in it.
    pub fresh: bool,
    /// The file of the sealing keys.
    pub keys_file: PathBuf,
    /// Told why, if the log fails.
    pub failed: oneshot::Receiver<String>,
}

/// Reads the data directory, which must be locked, and goes on with it. Blocks.
pub fn open(
    config: &Config,
    entropy: &SharedEntropy,
    progress: &Arc<Progress>,
) -> Result<Opened, Failure> {
    let (keys, keys_file) = sealing_keys(config, entropy)?;
    let refused = |error: StoreError| DirectoryError::Refused {
        path: config.data_dir.clone(),
        what: error.to_string(),
    };
    let settings = StoreSettings {
        log: LogSettings::new(match config.durability {
            Durability::Sync => Mode::Sync,
            Durability::Balanced => Mode::Balanced,
            Durability::Snapshot => Mode::Snapshot,
        }),
        development: config.dev,
        accept_clock: config.accept_clock,
        revive: config.revive_sessions_after_crash,
        rows: config.shards,
    };
    let storage = OsStorage::open(&config.data_dir).map_err(StoreError::from);
    let storage = storage.map_err(refused)?;
    let (began, shown) = (clock::wall(), drawn(progress.clone()));
    let found = Found::read(
        Arc::new(storage),
        &settings,
        keys,
        entropy.clone(),
        clock::wall(),
        progress,
    );
    drop(shown);
    let found = found.map_err(refused)?;
    let loopback = config.listen.ip().is_loopback() && config.admin_listen.is_local();
    if found.is_development() && !loopback {
        return Err(Failure::Configuration(
            "development mode filled this data directory, whose credentials are in a file: serve another one, or \
             listen on loopback"
                .into(),
        ));
    }
    if settings.revive {
        tracing::warn!(
            "sessions of the last snapshot live on after a crash, those that ended since included: \
             revive_sessions_after_crash"
        );
    }
    let recovered = &found.recovered;
    for why in &recovered.passed_over {
        tracing::error!(
            "a generation of images cannot be read, an older one stands in for it: {why}"
        );
    }
    if recovered.ended_all {
        tracing::warn!(
            "what became of the sessions is not in the log (mode snapshot): all of them have ended"
        );
    }
    if !found.fresh {
        let summary = summary(&recovered.log, recovered.generation);
        tracing::info!(
            "recovered in {} ms: {summary}",
            clock::wall().since_ms(began)
        );
    }
    let clock: SharedClock = Arc::new(SystemClock::start(recovered.clock_floor));
    let fresh = found.fresh;
    let (fail, failed) = oneshot::channel();
    let on_failure = Box::new(move |why| {
        // Whoever waits for it is gone only when the process is about to end.
        let _ = fail.send(why);
    });
    let served = found.serve(&settings, clock.clone(), on_failure);
    let (store, state) = served.map_err(refused)?;
    Ok(Opened {
        store: Arc::new(store),
        state,
        clock,
        fresh,
        keys_file,
        failed,
    })
}

/// The keys that `serve` was told of, or the service manager's, or those of this user's development mode, and
/// their file.
fn sealing_keys(
    config: &Config,
    entropy: &SharedEntropy,
) -> Result<(SealingKeys, PathBuf), Failure> {
    let wrong = |error: SealingError| Failure::Configuration(error.to_string());
    let handed = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|directory| Path::new(&directory).join(CREDENTIAL))
        .filter(|path| path.exists());
    if let Some(path) = config.sealing_key_file.clone().or(handed) {
        let keys = SealingKeys::read(&path).map_err(wrong)?;
        return Ok((keys, path));
    }
    if !config.dev {
        return Err(Failure::Configuration(
            "no sealing key: seeds and private keys are kept encrypted. Make one with `sessile keys new-sealing-key \
             FILE`, keep it apart from the data directory, and name it by --sealing-key-file"
                .into(),
        ));
    }
    let path = development_key()?;
    if !path.exists() {
        SealingKey::create(&path, &**entropy).map_err(wrong)?;
    }
    let keys = SealingKeys::read(&path).map_err(wrong)?;
    Ok((keys, path))
}

fn development_key() -> Result<PathBuf, Failure> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(Path::new(&std::env::var_os("HOME")?).join(".local/state"));
    let state = state.filter(|path| path.is_absolute()).or_else(home);
    let directory = state.map(|state| state.join("sessile")).ok_or_else(|| {
        Failure::Configuration(
            "neither XDG_STATE_HOME nor HOME is set: name a --sealing-key-file".into(),
        )
    })?;
    std::fs::create_dir_all(&directory)
        .map_err(|error| Failure::Configuration(format!("{}: {error}", directory.display())))?;
    Ok(directory.join("sealing-key"))
}

/// The images of a node, as the admin listener asks for them.
pub struct Images {
    keeper: Keeper,
    store: Arc<Store>,
    keys_file: PathBuf,
}

impl Images {
    /// Starts the thread that writes them.
    pub fn start(
        opened: &Arc<Store>,
        keys_file: PathBuf,
        engine: EngineHandle,
        clock: SharedClock,
        every_ms: u64,
    ) -> std::io::Result<Arc<Self>> {
        let keeper = Keeper::start(
            opened.clone(),
            Arc::new(engine),
            clock,
            every_ms,
            Box::new(tell),
        )?;
        Ok(Arc::new(Self {
            keeper,
            store: opened.clone(),
            keys_file,
        }))
    }

    /// Writes a last generation and ends the thread. False if that one was not written. Blocks.
    pub fn finish(&self) -> bool {
        let (wrote, outcome) = std::sync::mpsc::sync_channel(1);
        self.keeper.finish(Box::new(move |outcome: Outcome| {
            // There is room for one.
            let _ = wrote.send(outcome.is_ok());
        }));
        outcome.recv().unwrap_or(false)
    }
}

fn tell(outcome: &Outcome) {
    match outcome {
        Ok(written) => {
            tracing::info!(
                generation = written.generation,
                position = written.position,
                bytes = written.bytes,
                longest_hold_us = written.longest_hold_us,
                segments_trimmed = written.trimmed,
                "a generation of images was written"
            );
            for key in &written.needless_keys {
                tracing::info!(
                    %key,
                    "nothing on disk is sealed by this key any more: take it out of the sealing key file"
                );
            }
        }
        Err(error) => {
            tracing::error!("no generation of images was written, the last one stays: {error}")
        }
    }
}

/// Reads the sealing key file again. Blocks. What cannot be used leaves everything as it was.
fn replace_keys(store: &Store, file: &Path) -> Result<Sealing, String> {
    let keys = SealingKeys::read(file).map_err(|error| error.to_string());
    let replaced = keys.and_then(|keys| {
        let replaced = store.replace_keys(keys);
        replaced.map_err(|error| error.to_string())
    });
    match &replaced {
        Ok(sealing) => {
            let seals = sealing.keys.first().map(|(id, _)| id.to_string());
            tracing::info!(
                seals,
                keys = sealing.keys.len(),
                generations_to_write = sealing.generations_to_write,
                "the sealing key file was read again"
            );
        }
        Err(why) => tracing::error!("the sealing keys stay as they were: {why}"),
    }
    replaced
}

fn summary_of(sealing: &Sealing) -> SealingSummary {
    let keys = sealing.keys.iter();
    SealingSummary {
        keys: keys.map(|(id, needed)| (id.to_string(), *needed)).collect(),
        generations_to_write: sealing.generations_to_write,
    }
}

impl Images {
    /// What comes of something about sealing, which may wait for a snapshot that is being written.
    fn about_sealing(
        &self,
        ask: impl FnOnce(&Store, &Path) -> Result<Sealing, String> + Send + 'static,
    ) -> door::Sealing {
        let (store, file) = (self.store.clone(), self.keys_file.clone());
        Box::pin(async move {
            let asked = tokio::task::spawn_blocking(move || ask(&store, &file)).await;
            let asked = asked.unwrap_or_else(|_| Err("the node is stopping".into()));
            asked.map(|sealing| summary_of(&sealing))
        })
    }
}

/// Reads the sealing keys again whenever the process is told so by SIGHUP. What came of it is in the log.
pub fn reread_keys_on_hangup(images: Arc<Images>) -> std::io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    actix::spawn(async move {
        while hangup.recv().await.is_some() {
            let _said = images.replace_sealing_keys().await;
        }
    });
    Ok(())
}

impl Archive for Images {
    fn sealing(&self) -> door::Sealing {
        self.about_sealing(|store, _| Ok(store.sealing()))
    }

    fn replace_sealing_keys(&self) -> door::Sealing {
        self.about_sealing(replace_keys)
    }

    fn write(&self) -> Archiving {
        let (wrote, outcome) = oneshot::channel();
        let asked = self.keeper.ask(Box::new(move |outcome: Outcome| {
            let archived = outcome.map(|written| Archived {
                generation: written.generation,
                position: written.position,
                bytes: written.bytes,
                longest_hold_us: written.longest_hold_us,
            });
            // Whoever hung up does not want to know.
            let _ = wrote.send(archived.map_err(|error| error.to_string()));
        }));
        Box::pin(async move {
            if !asked {
                return Err(ArchiveBusy);
            }
            outcome.await.map_err(|_| ArchiveBusy)
        })
    }
}

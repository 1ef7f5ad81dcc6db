//! A data directory that is being served: opened and recovered, its log running, generations written.
//!
//! Invariants: nothing is changed on disk before everything was found good; what a durable manifest may
//! name is not removed; no generation's number is used twice.

mod keys;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;

pub use self::keys::Sealing;
use self::keys::{GENERATIONS_TO_WRITE, generations_to_write, seals_anew};
use super::codec::CODEC;
use super::events::EventEncoder;
use super::format::{InstanceId, Origin};
use super::images::Priority;
use super::journal::LogJournal;
use super::log::{self, Log, LogSettings, Mode, OnFailure};
use super::manifest::{Generation, Manifest, ManifestError};
use super::reading::{LogError, LogReport};
use super::recovery::{Progress, Recovered, recover};
use super::sealing::{Sealer, SealingError, SealingKeyId, SealingKeys};
use super::snapshot::{Images, SnapshotError, remove_unnamed};
use super::storage::{SharedStorage, StorageError};
use crate::clock::SharedClock;
use crate::engine::state::State;
use crate::entropy::{SharedEntropy, random};
use crate::faults;
use crate::journal::SharedJournal;
use crate::journal::images::ImageSource;
use crate::session::time::Timestamp;

/// How far the wall clock may be ahead of what was recovered: 366 days. Source: R10.
const CLOCK_AHEAD_MAX_MS: u64 = 366 * 86_400_000;
/// A log shorter than this is no reason for a generation.
const LOG_BYTES_MIN: u64 = 64 << 20;

/// Why a data directory is not served. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The log, or an image.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The disk refused, or something stands there that may not.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is sealed does not open.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// No randomness.
    #[error("the system gave no random bytes")]
    Entropy,
    /// Development mode on a directory that it did not fill.
    #[error(
        "it was not filled by development mode, whose accounts would be in it: choose another --data-dir, or \
         serve without --dev"
    )]
    NotDevelopment,
    /// The wall clock is implausible.
    #[error(
        "the wall clock says {wall}, and the last record is of {floor}: if the clock is right, say --accept-clock; \
         every session whose time is over would end"
    )]
    Clock {
        /// What the wall clock says, in milliseconds since the epoch.
        wall: u64,
        /// The time of the last record.
        floor: u64,
    },
}

/// What is asked of a store.
pub struct StoreSettings {
    /// Sizes, and what is synced.
    pub log: LogSettings,
    /// Development mode fills it.
    pub development: bool,
    /// The wall clock is right, however far it is ahead.
    pub accept_clock: bool,
    /// Sessions live on after a crash in mode `snapshot`, though some of them had ended.
    pub revive: bool,
    /// Files of slot images in a generation.
    pub rows: u16,
}

/// A directory that was read, and not changed yet.
pub struct Found {
    storage: SharedStorage,
    manifest: Manifest,
    sealer: Arc<Sealer>,
    /// What was recovered; its state is taken by the engine.
    pub recovered: Recovered,
    /// Whether there was nothing yet.
    pub fresh: bool,
}

fn origin(manifest: &Manifest) -> Origin {
    Origin {
        instance: manifest.instance,
        codec: CODEC,
    }
}

impl Found {
    /// Reads a data directory, or makes an empty one what it should be.
    pub fn read(
        storage: SharedStorage,
        settings: &StoreSettings,
        keys: impl Into<SealingKeys>,
        entropy: SharedEntropy,
        wall: Timestamp,
        progress: &Progress,
    ) -> Result<Self, StoreError> {
        let found = Manifest::load(&*storage)?;
        let fresh = found.is_none();
        let (manifest, sealer) = match found {
            Some(manifest) => {
                let sealer = Sealer::new(manifest.instance, keys, entropy);
                sealer.keys().must_have(&manifest.sealed_by)?;
                sealer.open_proof(&manifest.sealing_proof)?;
                (manifest, sealer)
            }
            None => begin(&storage, settings, keys.into(), entropy, wall)?,
        };
        if settings.development && !manifest.development {
            return Err(StoreError::NotDevelopment);
        }
        let recovered = recover(
            &*storage,
            origin(&manifest),
            &manifest,
            &sealer,
            settings.revive,
            progress,
        )?;
        let floor = recovered.clock_floor;
        if wall.since_ms(floor) > CLOCK_AHEAD_MAX_MS && !settings.accept_clock {
            return Err(StoreError::Clock {
                wall: wall.ms(),
                floor: floor.ms(),
            });
        }
        Ok(Self {
            storage,
            manifest,
            sealer: Arc::new(sealer),
            recovered,
            fresh,
        })
    }

    /// Whether development mode filled it.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.manifest.development
    }

    /// Goes on with it: cuts a torn tail, and takes records from now on. Gives the state to serve.
    pub fn serve(
        self,
        settings: &StoreSettings,
        clock: SharedClock,
        on_failure: OnFailure,
    ) -> Result<(Store, State), StoreError> {
        let Self {
            storage,
            mut manifest,
            sealer,
            recovered,
            ..
        } = self;
        // Left by attempts that came to nothing.
        remove_unnamed(&*storage, &manifest)?;
        // What could not be read is nothing to fall back to; its number is not used again.
        let attempted = manifest.generations.first().map_or(0, |g| g.number);
        manifest
            .generations
            .retain(|g| Some(g.number) <= recovered.generation);
        // Before anything is sealed by it.
        let anew = seals_anew(&manifest, &sealer.keys());
        if let Some(next) = &anew {
            next.store(&*storage)?;
        }
        let manifest = anew.unwrap_or(manifest);
        let unfollowed = generations_to_write(&manifest);
        let log = Arc::new(Log::start(
            storage.clone(),
            origin(&manifest),
            settings.log,
            clock.clone(),
            &recovered.log.end,
            on_failure,
        )?);
        // What the last process had no time for: what is not needed may be sealed by a key that is gone.
        log::trim(&*storage, manifest.log_needed_from())?;
        let newest = manifest.generations.first();
        let image_bytes = newest.map_or(0, Generation::bytes);
        let encoder = EventEncoder {
            sealer: sealer.clone(),
            clock: clock.clone(),
        };
        let journal = Arc::new(LogJournal::new(log.clone(), encoder));
        let store = Store {
            rows: settings.rows,
            must_write: recovered.ended_all,
            serving_unlogged: AtomicBool::new(false),
            unlogged: settings.log.mode == Mode::Snapshot,
            unfollowed: AtomicU8::new(unfollowed),
            manifest: Mutex::new(manifest),
            attempted: AtomicU64::new(attempted),
            carried: AtomicU64::new(recovered.log.bytes),
            written_at: AtomicU64::new(0),
            image_bytes: AtomicU64::new(image_bytes),
            storage,
            log,
            journal,
            sealer,
            clock,
        };
        Ok((store, recovered.state))
    }
}

/// Makes a new data directory: the log first, since a manifest without one is damage.
fn begin(
    storage: &SharedStorage,
    settings: &StoreSettings,
    keys: SealingKeys,
    entropy: SharedEntropy,
    wall: Timestamp,
) -> Result<(Manifest, Sealer), StoreError> {
    let instance = InstanceId(random(&*entropy).map_err(|_| StoreError::Entropy)?);
    let install_key = random(&*entropy).map_err(|_| StoreError::Entropy)?;
    let sealer = Sealer::new(instance, keys, entropy);
    let proof = sealer.proof()?;
    let manifest = Manifest::new(instance, install_key, proof, settings.development, wall);
    log::begin(&**storage, origin(&manifest), settings.log.room_bytes)?;
    manifest.store(&**storage)?;
    Ok((manifest, sealer))
}

/// What a new generation holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub generation: u64,
    /// Everything up to this sequence is in it.
    pub position: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// The longest that copying a slot or the directory held up whoever wanted to change it, in microseconds.
    pub longest_hold_us: u64,
    /// Log segments that it made needless.
    pub trimmed: usize,
    /// Sealing keys that it made needless.
    pub needless_keys: Vec<SealingKeyId>,
}

/// A data directory that is being served.
pub struct Store {
    storage: SharedStorage,
    manifest: Mutex<Manifest>,
    log: Arc<Log>,
    journal: SharedJournal,
    sealer: Arc<Sealer>,
    clock: SharedClock,
    rows: u16,
    unlogged: bool,
    must_write: bool,
    /// Things may happen that the log does not tell.
    serving_unlogged: AtomicBool,
    /// The last number that a generation was attempted under.
    attempted: AtomicU64,
    /// Bytes of the log that were replayed, as long as no generation was written since.
    carried: AtomicU64,
    /// Bytes that the log had written when the last generation was.
    written_at: AtomicU64,
    image_bytes: AtomicU64,
    /// Generations to write until nothing on disk is sealed by another key than the one that seals.
    unfollowed: AtomicU8,
}

impl Store {
    /// Where records go.
    #[must_use]
    pub fn journal(&self) -> SharedJournal {
        self.journal.clone()
    }

    /// The log, for its counts.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A generation is to be written before anybody is served.
    #[must_use]
    pub fn must_write(&self) -> bool {
        self.must_write
    }

    /// The log has grown so much since the last generation that another one is due. Source: R11.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let written = self.log.counts().bytes - self.written_at.load(Ordering::Relaxed);
        let since = written + self.carried.load(Ordering::Relaxed);
        since > LOG_BYTES_MIN.max(self.image_bytes.load(Ordering::Relaxed) / 2)
    }

    /// Grants are refused because there is no room on the disk.
    #[must_use]
    pub fn is_short_of_room(&self) -> bool {
        self.log.counts().short_of_room
    }

    /// Something may have happened since the last generation.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.unlogged || self.log.counts().bytes > self.written_at.load(Ordering::Relaxed)
    }

    /// Called before anybody is served: from now on things may happen that the log does not tell.
    pub fn begin_serving(&self) -> Result<(), ManifestError> {
        if !self.unlogged {
            return Ok(());
        }
        let mut manifest = self.manifest.lock();
        let mut next = manifest.clone();
        next.leave_unlogged();
        next.store(&*self.storage)?;
        *manifest = next;
        self.serving_unlogged.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a generation of this engine's state, and removes what it makes needless. One at a time.
    ///
    /// `last`: nothing happens any more, so that nothing is missing behind it.
    pub fn write(&self, source: &dyn ImageSource, last: bool) -> Result<Written, SnapshotError> {
        let mut manifest = self.manifest.lock();
        // A number is not used twice: after a failure the disk may know a generation that we do not.
        let newest = manifest.generations.first().map_or(0, |g| g.number);
        let number = newest.max(self.attempted.load(Ordering::Relaxed)) + 1;
        self.attempted.store(number, Ordering::Relaxed);
        let origin = origin(&manifest);
        let storage = &*self.storage;
        let unfollowed = self.unfollowed.load(Ordering::Relaxed);
        if unfollowed == GENERATIONS_TO_WRITE {
            self.part_the_log(source)?;
        }
        let settled = source.settle()?;
        let logged = self.log.counts().bytes;
        let images = Images {
            origin,
            number,
            rows: self.rows,
            priority: if last {
                Priority::Foreground
            } else {
                Priority::Background
            },
        };
        let generation = match images.write(storage, &self.sealer, source, settled) {
            Ok(generation) => generation,
            Err(error) => {
                // No manifest ever named them: what is there takes room that the log may want.
                images.remove(storage);
                return Err(error);
            }
        };
        faults::pass("images", "written");
        let bytes = generation.bytes();
        let mut next = manifest.clone();
        let unlogged = self.serving_unlogged.load(Ordering::Relaxed) && !last;
        next.advance(Generation {
            unlogged,
            ..generation
        });
        next.clock_floor = next.clock_floor.max(self.clock.now());
        let unfollowed = unfollowed.saturating_sub(1);
        let mut needless_keys = Vec::new();
        if unfollowed == 0 && next.sealed_by.len() > 1 {
            let seals = self.sealer.keys().first().id();
            next.sealing_proof = self.sealer.proof()?;
            needless_keys = std::mem::replace(&mut next.sealed_by, vec![seals]);
            needless_keys.retain(|id| *id != seals);
        }
        next.store(storage)?;
        faults::pass("images", "named");
        *manifest = next;
        self.unfollowed.store(unfollowed, Ordering::Relaxed);
        source.kept();
        self.carried.store(0, Ordering::Relaxed);
        self.written_at.store(logged, Ordering::Relaxed);
        self.image_bytes.store(bytes, Ordering::Relaxed);
        remove_unnamed(storage, &manifest)?;
        let trimmed = log::trim(storage, manifest.log_needed_from())?;
        Ok(Written {
            generation: number,
            position: settled,
            bytes,
            longest_hold_us: source.longest_hold_us(),
            trimmed,
            needless_keys,
        })
    }

    /// Whether a last generation is all that keeps sessions over a stop.
    #[must_use]
    pub fn is_unlogged(&self) -> bool {
        self.unlogged
    }

    /// Writes what waits, and marks the log as stopped in good order.
    pub fn close(&self) {
        self.log.close();
    }
}

/// What recovery found, in a line for people.
#[must_use]
pub fn summary(log: &LogReport, generation: Option<u64>) -> String {
    let from = generation.map_or("no generation".to_owned(), |number| {
        format!("generation {number}")
    });
    let cut = log.cut.as_ref().map_or(String::new(), |cut| {
        format!(
            "; a torn tail was cut: {} at byte {}, {} bytes with {} whole records",
            cut.name, cut.offset, cut.bytes, cut.records
        )
    });
    format!(
        "{from}, {} records of {} segments{cut}",
        log.records, log.segments
    )
}

//! From a data directory to the state it holds: the newest generation that can be read, then the log.
//!
//! Nothing on disk is changed by it, so it may be killed and begun again. Invariants: the state is what was
//! acknowledged, whichever generation it began with, or recovery refuses and names file and offset.

use std::sync::atomic::{AtomicU64, Ordering};

use super::format::Origin;
use super::manifest::{Generation, Manifest};
use super::reading::{LogError, LogReport};
use super::replay::replay_log;
use super::sealing::Sealer;
use super::snapshot::read_generation;
use super::storage::Storage;
use crate::engine::state::State;
use crate::session::time::Timestamp;

/// How far a recovery is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of images read.
    pub bytes: AtomicU64,
    /// Records of the log replayed.
    pub records: AtomicU64,
}

/// What was recovered.
pub struct Recovered {
    /// The state.
    pub state: State,
    /// The generation it began with; `None` if there was none.
    pub generation: Option<u64>,
    /// Newer generations that could not be read, and why.
    pub passed_over: Vec<String>,
    /// What was read of the log.
    pub log: LogReport,
    /// Engine time never falls below this.
    pub clock_floor: Timestamp,
    /// Sessions were ended because what became of them is not in the log.
    pub ended_all: bool,
}

/// Reads everything that the manifest names. `revive`: sessions that nothing is known of since the
/// last generation live on.
pub fn recover(
    storage: &dyn Storage,
    origin: Origin,
    manifest: &Manifest,
    sealer: &Sealer,
    revive: bool,
    progress: &Progress,
) -> Result<Recovered, LogError> {
    let mut passed_over = Vec::new();
    let mut first_error = None;
    for generation in manifest.starts() {
        match attempt(storage, origin, manifest, generation, sealer, progress) {
            Ok(mut recovered) => {
                recovered.passed_over = passed_over;
                recovered.ended_all &= !revive;
                if recovered.ended_all {
                    recovered.state.end_all_sessions();
                }
                return Ok(recovered);
            }
            // A generation may stand in for a newer one; nothing stands in for the log.
            Err(Attempt::Image(error)) => {
                passed_over.push(error.to_string());
                first_error.get_or_insert(error);
            }
            Err(Attempt::Log(error)) => return Err(first_error.unwrap_or(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| LogError::Damage {
        name: super::format::MANIFEST.into(),
        offset: 0,
        what: "it names nothing to begin with".into(),
    }))
}

enum Attempt {
    Image(LogError),
    Log(LogError),
}

fn attempt(
    storage: &dyn Storage,
    origin: Origin,
    manifest: &Manifest,
    generation: Option<&Generation>,
    sealer: &Sealer,
    progress: &Progress,
) -> Result<Recovered, Attempt> {
    let mut state = State::empty(manifest.install_key());
    let clock_floor = manifest.clock_floor;
    if let Some(generation) = generation {
        let read = |bytes| {
            progress.bytes.fetch_add(bytes, Ordering::Relaxed);
        };
        read_generation(
            storage,
            origin,
            generation,
            sealer,
            &mut state,
            clock_floor,
            read,
        )
        .map_err(Attempt::Image)?;
    }
    let position = generation.map_or(0, |generation| generation.position);
    let from = position.saturating_add(1);
    let (log, written) =
        replay_log(storage, origin, from, sealer, &mut state, progress).map_err(Attempt::Log)?;
    let clock_floor = clock_floor.max(written);
    let ended_all = !manifest.is_logged_since(generation);
    Ok(Recovered {
        state,
        generation: generation.map(|generation| generation.number),
        passed_over: Vec::new(),
        log,
        clock_floor,
        ended_all,
    })
}

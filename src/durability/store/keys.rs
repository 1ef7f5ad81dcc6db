//! Sealing keys that follow each other while a directory is served.
//!
//! The manifest says by which keys anything on disk may be sealed. A key is among them before anything is
//! sealed by it, and no longer once neither a generation nor the log behind it needs it: after two
//! generations were written. Whatever ends in between, all that is needed is all that the manifest says.

use std::sync::atomic::Ordering;

use super::{Store, StoreError};
use crate::durability::manifest::{GENERATIONS_MAX, Manifest};
use crate::durability::sealing::{SealingKeyId, SealingKeys};
use crate::durability::snapshot::SnapshotError;
use crate::journal::images::ImageSource;

/// Generations after which nothing on disk is as it was before the first: all that there are.
pub(super) const GENERATIONS_TO_WRITE: u8 = 2;
const _: () = assert!(GENERATIONS_TO_WRITE as usize == GENERATIONS_MAX);

/// How sealing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// The keys of the node, the one that seals first; of each, whether something on disk may need it.
    pub keys: Vec<(SealingKeyId, bool)>,
    /// Generations to write until only the first one is needed.
    pub generations_to_write: u8,
}

/// The manifest that names the key which seals, if it does not yet.
pub(super) fn seals_anew(manifest: &Manifest, keys: &SealingKeys) -> Option<Manifest> {
    let seals = keys.first().id();
    if manifest.sealed_by.contains(&seals) {
        return None;
    }
    let mut next = manifest.clone();
    next.sealed_by.push(seals);
    Some(next)
}

/// How many generations have to be written until one key alone is needed.
pub(super) fn generations_to_write(manifest: &Manifest) -> u8 {
    if manifest.sealed_by.len() > 1 {
        GENERATIONS_TO_WRITE
    } else {
        0
    }
}

impl Store {
    /// Seals by the first of these keys from now on, and opens by all of them. Refused if one is missing that
    /// something on disk may need; nothing is changed then. Blocks while a generation is written.
    pub fn replace_keys(&self, keys: SealingKeys) -> Result<Sealing, StoreError> {
        let mut manifest = self.manifest.lock();
        keys.must_have(&manifest.sealed_by)?;
        // Another key of the same id would open nothing.
        self.sealer
            .would_open_proof(&keys, &manifest.sealing_proof)?;
        let before = self.sealer.keys().first().id();
        if let Some(next) = seals_anew(&manifest, &keys) {
            next.store(&*self.storage)?;
            *manifest = next;
        }
        // Also back to the one before: what was sealed meanwhile is on disk for two generations.
        if keys.first().id() != before {
            let wanted = generations_to_write(&manifest);
            self.unfollowed.store(wanted, Ordering::Relaxed);
        }
        self.sealer.replace_keys(keys);
        drop(manifest);
        Ok(self.sealing())
    }

    /// How sealing stands.
    #[must_use]
    pub fn sealing(&self) -> Sealing {
        let manifest = self.manifest.lock();
        let keys = self.sealer.keys();
        let needed = |id| (id, manifest.sealed_by.contains(&id));
        Sealing {
            keys: keys.ids().map(needed).collect(),
            generations_to_write: self.unfollowed.load(Ordering::Relaxed),
        }
    }

    /// Generations are wanted, so that a key is no longer needed.
    #[must_use]
    pub fn wants_generations(&self) -> bool {
        self.unfollowed.load(Ordering::Relaxed) > 0
    }

    /// Has everything that is sealed by an older key stand in the log before the next generation, in segments
    /// that the one after it lets go.
    pub(super) fn part_the_log(&self, source: &dyn ImageSource) -> Result<(), SnapshotError> {
        // Its owner seals what it appends, one after the other: what it began with the older key, it has
        // appended when it shows itself.
        source.directory()?;
        source.settle()?;
        self.log.begin_segment();
        Ok(())
    }
}

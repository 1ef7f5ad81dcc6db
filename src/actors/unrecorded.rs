//! What took effect and stands in no record: until images hold it, nothing may build on it.
//!
//! Invariant: what was noted counts as kept only once both generations that a manifest names hold it, so
//! that recovery cannot begin with one that does not. Source: R2.

use std::sync::atomic::{AtomicU64, Ordering};

/// Restrictions that were applied and that no record tells of: what they ended looks ended, and would live
/// again after a restart, until a generation of images says so, too (R2).
#[derive(Debug, Default)]
pub(super) struct Unrecorded {
    /// How many there were.
    applied: AtomicU64,
    /// How many of them are in the images that are being taken, and in those of the generation before.
    imaged: AtomicU64,
    once: AtomicU64,
    /// How many of them are in both generations that a manifest names: whichever recovery begins with.
    kept: AtomicU64,
}

impl Unrecorded {
    /// Whether memory alone knows of some.
    pub(super) fn is_owed(&self) -> bool {
        self.applied() > self.kept.load(Ordering::Acquire)
    }

    /// Called before one is applied.
    pub(super) fn note(&self) {
        self.applied.fetch_add(1, Ordering::AcqRel);
    }

    /// How many there were so far.
    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Images are about to be taken, by one taker at a time, in which so many of them are.
    pub(super) fn begin(&self, applied: u64) {
        self.imaged.store(applied, Ordering::Release);
    }

    /// The images that were begun last are durable.
    pub(super) fn keep(&self) {
        let imaged = self.imaged.load(Ordering::Acquire);
        let before = self.once.swap(imaged, Ordering::AcqRel);
        self.kept.fetch_max(before, Ordering::AcqRel);
    }
}

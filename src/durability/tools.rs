//! What is done with a data directory from outside: check it, show it, copy it, put a copy in its place.
//!
//! It never knows the engine nor the sealing key of what it reads: what is sealed stays sealed. Invariants: what
//! it reads is not changed, but for one thing that is asked for by name ([`repair`]); what it writes is read
//! again before it is called good; a directory that somebody serves is refused, but for a backup.

pub mod backup;
pub mod check;
mod copy;
pub mod inspect;
mod lines;

pub mod repair;
pub mod restore;
mod rewrite;

use std::path::Path;

use super::codec::CODEC;
use super::directory::{DirectoryError, LookedAt};
use super::format::{HeadFlaw, Origin};
use super::images::ImageError;
use super::manifest::{Manifest, ManifestError};
use super::reading::LogError;
use super::sealing::SealingError;
use super::storage::os::OsStorage;
use super::storage::{Storage, StorageError};

/// Why a tool did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The directory as a whole.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The log, or an image.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An image that was to be written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The disk refused, or something stands there that may not.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Something could not be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// Anything else, with what to do about it.
    #[error("{0}")]
    Refused(String),
}

impl From<HeadFlaw> for ToolError {
    fn from(flaw: HeadFlaw) -> Self {
        Self::Manifest(flaw.into())
    }
}

impl ToolError {
    fn refused(what: impl Into<String>) -> Self {
        Self::Refused(what.into())
    }
}

/// A data directory that is looked at.
struct Looked {
    storage: OsStorage,
    manifest: Manifest,
    _lock: LookedAt,
}

impl Looked {
    /// Refuses what is served, a link, open to others, without a manifest, or newer than this program.
    fn at(path: &Path) -> Result<Self, ToolError> {
        let lock = LookedAt::open(path)?;
        let storage = OsStorage::look(path)?;
        let manifest = manifest_of(&storage, path)?;
        Ok(Self {
            storage,
            manifest,
            _lock: lock,
        })
    }
}

fn manifest_of(storage: &dyn Storage, path: &Path) -> Result<Manifest, ToolError> {
    Manifest::load(storage)?.ok_or_else(|| {
        ToolError::refused(format!(
            "{} has no manifest: it is no data directory, or one that lost it; restore a backup",
            path.display()
        ))
    })
}

fn origin(manifest: &Manifest) -> Origin {
    Origin {
        instance: manifest.instance,
        codec: CODEC,
    }
}

/// The first record that is worth reading: the older generation may be needed, and as long as there is none
/// to fall back to, all of the log, if all of it is there (a backup has none of it).
fn log_from(storage: &dyn Storage, manifest: &Manifest) -> u64 {
    let needed = manifest.log_needed_from();
    let oldest = manifest.generations.last();
    match oldest.map(|generation| generation.position.saturating_add(1)) {
        Some(behind) if needed < behind => {
            let whole = super::reading::log_names(storage)
                .is_ok_and(|names| names.first().is_some_and(|first| *first <= needed));
            if whole { needed } else { behind }
        }
        _ => needed,
    }
}

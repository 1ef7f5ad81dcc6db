//! A data directory from a copy of one, with or without its sessions and what the lost key sealed.
//!
//! Invariants: the copy is not changed; what is written is a data directory only once all of it was read again.

use std::path::Path;

use super::copy::{self, Copied, From, choose, clear, place, sync_copy};
use super::rewrite::Rewrite;
use super::{Looked, ToolError};
use crate::durability::sealing::{Sealer, SealingKeys};
use crate::entropy::SharedEntropy;

/// What is left out.
pub struct Without {
    /// Sessions, hand-off tokens, browsers' clients.
    pub sessions: bool,
    /// What the lost key sealed; the key to go on with.
    pub sealed: Option<(SealingKeys, SharedEntropy)>,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// What the new directory holds.
    pub copied: Copied,
    /// The accounts that lost their second factor and are locked.
    pub suspended: Vec<String>,
    /// Signing keys that were left out.
    pub signing_keys: u64,
}

/// Makes the data directory `to`, which must be empty or not there, from `backup`.
pub fn restore(backup: &Path, to: &Path, without: Without) -> Result<Restored, ToolError> {
    let looked = Looked::at(backup)?;
    let generation = choose(&looked.storage, &looked.manifest)?;
    let mut next = looked.manifest.clone();
    let mut rewrite = Rewrite::new(without.sessions, without.sealed.is_some());
    if let Some((key, entropy)) = without.sealed {
        let sealer = Sealer::new(next.instance, key, entropy);
        next.sealing_proof = sealer.proof()?;
        next.sealed_by = vec![sealer.keys().first().id()];
    }
    let was_there = to.exists();
    let storage = place(to, true)?;
    let source = From {
        storage: &looked.storage,
        manifest: &looked.manifest,
        generation,
        settled: false,
    };
    let copied = copy::copy(&source, &storage, &next, &mut rewrite).inspect_err(|_| {
        clear(&storage, to);
        if !was_there {
            let _ = std::fs::remove_dir(to);
        }
    })?;
    sync_copy(to)?;
    Ok(Restored {
        copied,
        suspended: rewrite.suspended.into_values().map(Into::into).collect(),
        signing_keys: rewrite.signing_keys,
    })
}

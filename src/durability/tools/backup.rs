//! A copy of a data directory that is one itself, taken while it is served or not.
//!
//! The files of a generation are never changed, only removed by a later one, and a record that is whole stays as it
//! is: so nothing has to be held up. Invariants: the copy holds everything that was acknowledged before it was
//! asked for; files with credentials are not in it.

use std::path::Path;

use super::copy::{self, Copied, From, choose, clear, place, sync_copy};
use super::rewrite::Rewrite;
use super::{ToolError, manifest_of};
use crate::durability::directory::{DirectoryError, LookedAt};
use crate::durability::reading::LogError;
use crate::durability::storage::os::OsStorage;

/// How often it begins again because what it copied was removed or changed meanwhile.
pub const ATTEMPTS_MAX: u32 = 5;

/// Who keeps a data directory as it is while it is copied.
#[derive(Debug)]
pub enum Holder {
    /// Somebody serves it.
    Node,
    /// Nobody does, and nobody can.
    Us(LookedAt),
}

/// Finds out whether a data directory is served.
pub fn holder(path: &Path) -> Result<Holder, ToolError> {
    match LookedAt::open(path) {
        Ok(looked) => Ok(Holder::Us(looked)),
        Err(DirectoryError::InUse(_)) => Ok(Holder::Node),
        Err(error) => Err(error.into()),
    }
}

/// Copies the data directory `from` to `out`, which must not be there yet.
///
/// If a node serves it, it must have written a generation since the backup was asked for: `written` is its number.
pub fn backup(
    from: &Path,
    out: &Path,
    holder: &Holder,
    written: Option<u64>,
) -> Result<Copied, ToolError> {
    let storage = OsStorage::look(from)?;
    let to = place(out, false)?;
    let mut attempt = 1;
    let copied = loop {
        let copied = once(&storage, from, &to, holder, written);
        match copied {
            Ok(copied) => break Ok(copied),
            Err(error) => {
                clear(&to, out);
                let served = matches!(holder, Holder::Node);
                if !served || attempt == ATTEMPTS_MAX || !may_have_moved(&error) {
                    break Err(error);
                }
                attempt += 1;
            }
        }
    };
    match copied {
        Ok(copied) => {
            sync_copy(out)?;
            Ok(copied)
        }
        Err(error) => {
            // An empty directory in the way of the next attempt.
            let _ = std::fs::remove_dir(out);
            Err(error)
        }
    }
}

/// Whether a node that goes on may be the reason.
fn may_have_moved(error: &ToolError) -> bool {
    matches!(
        error,
        ToolError::Log(LogError::Damage { .. } | LogError::Storage(_)) | ToolError::Refused(_)
    )
}

fn once(
    storage: &OsStorage,
    from: &Path,
    to: &OsStorage,
    holder: &Holder,
    written: Option<u64>,
) -> Result<Copied, ToolError> {
    let manifest = manifest_of(storage, from)?;
    let newest = manifest.generations.first().ok_or_else(|| {
        ToolError::refused(format!(
            "{} has no generation of images yet: start the node and stop it in good order, or ask it for a snapshot",
            from.display()
        ))
    })?;
    let served = matches!(holder, Holder::Node);
    let generation = match (served, written) {
        (true, Some(written)) if newest.number < written => {
            return Err(ToolError::refused(format!(
                "the node wrote generation {written}, and {} has none newer than {}: it serves another directory; \
                 name the right --data-dir or --admin",
                from.display(),
                newest.number
            )));
        }
        (true, _) => newest,
        (false, _) => choose(storage, &manifest)?.ok_or_else(|| {
            ToolError::refused(format!(
                "{} has no generation of images that can be read: examine it with `sessile check`",
                from.display()
            ))
        })?,
    };
    let source = From {
        storage,
        manifest: &manifest,
        generation: Some(generation),
        settled: served,
    };
    copy::copy(&source, to, &manifest, &mut Rewrite::default())
}

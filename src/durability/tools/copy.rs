//! Writes a data directory from another one: a generation of images, and the records behind it.
//!
//! The images of a generation were taken one slot after another, each slot at a moment of its own; only with the
//! records up to the last of those moments are they one state. Invariants: the copy has all of those records, or
//! there is none; it has a manifest only once everything else in it is durable; before that it cannot be served.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::check::examine;
use super::rewrite::Rewrite;
use super::{ToolError, origin};
use crate::durability::directory::{DirectoryError, sync_name};
use crate::durability::format::{ImageHead, LOG, Origin, SHARDS, SealKind, SegmentHead};
use crate::durability::images::{ImageWriter, Priority, read_image};
use crate::durability::manifest::{Generation, Manifest};
use crate::durability::reading::{LogError, LogReport, log_names, read_log};
use crate::durability::record::{self, Label, Link};
use crate::durability::sealing::Unopened;
use crate::durability::segment::{Segment, Source, WriteError};
use crate::durability::snapshot::{Frame, frame_of};
use crate::durability::storage::os::OsStorage;
use crate::durability::storage::{Storage, StorageError, SyncSite};

/// A segment of a copy gets no more records once it has as many bytes.
const SEGMENT_BYTES: u64 = 64 << 20;
const BUFFER_BYTES: usize = 1 << 20;

/// What a copy is made of.
pub(super) struct From<'a> {
    pub(super) storage: &'a dyn Storage,
    pub(super) manifest: &'a Manifest,
    /// `None`: nothing, and all of the log.
    pub(super) generation: Option<&'a Generation>,
    /// The state of a node that did not log sessions is known to be theirs, however its log ends.
    pub(super) settled: bool,
}

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The generation, if there is one.
    pub generation: Option<u64>,
    /// Everything up to this record is in its images.
    pub position: u64,
    /// The last record behind them, or their position.
    pub last: u64,
    /// Bytes of its images.
    pub bytes: u64,
}

/// Copies; `next` is the manifest to be, whose generations are replaced.
pub(super) fn copy(
    from: &From<'_>,
    to: &dyn Storage,
    next: &Manifest,
    rewrite: &mut Rewrite,
) -> Result<Copied, ToolError> {
    for directory in [LOG, SHARDS] {
        to.create_dir(directory)?;
    }
    to.sync_dir("", SyncSite::Directories)?;
    let position = from.generation.map_or(0, |generation| generation.position);
    // A log that begins in the middle: without a manifest nobody takes this for a new data directory.
    let tail = Tail::begin(to, origin(from.manifest), position)?;
    let mut reached = position;
    let generation = from
        .generation
        .map(|generation| images(from, to, generation, rewrite, &mut reached));
    let generation = generation.transpose()?;
    let report = tail.copy(from, position, rewrite)?;
    let last = report.end.last.sequence;
    if last < reached {
        return Err(ToolError::refused(format!(
            "the images reach to record {reached}, and the log ends with {last}"
        )));
    }
    let mut manifest = next.clone();
    let bytes = generation.iter().flat_map(|g| &g.images).map(|i| i.size);
    let bytes = bytes.sum();
    manifest.generations = generation.into_iter().collect();
    manifest.store(to)?;
    let examined = examine(to, &manifest);
    if let Some(finding) = examined.findings.first() {
        return Err(ToolError::refused(format!(
            "what was written is not what is read: {} at byte {}: {}",
            finding.file, finding.offset, finding.what
        )));
    }
    Ok(Copied {
        generation: manifest.generations.first().map(|g| g.number),
        position,
        last,
        bytes,
    })
}

/// Copies the images, and finds the last record that any place of them has reached.
fn images(
    from: &From<'_>,
    to: &dyn Storage,
    generation: &Generation,
    rewrite: &mut Rewrite,
    reached: &mut u64,
) -> Result<Generation, ToolError> {
    let head = ImageHead {
        origin: origin(from.manifest),
        generation: generation.number,
    };
    let mut images = Vec::with_capacity(generation.images.len());
    for entry in &generation.images {
        let mut image = ImageWriter::begin(to, entry.name.clone(), &head, Priority::Foreground)?;
        let mut failed = None;
        read_image(from.storage, &head, entry, |kind, payload| {
            match frame_of(kind, payload, &Unopened).map_err(|error| error.to_string())? {
                Frame::Slot(_, at, _) | Frame::Places(at, _) => *reached = (*reached).max(at),
                Frame::Account(..)
                | Frame::Key(..)
                | Frame::SigningKey(_)
                | Frame::Template(_)
                | Frame::Listing(_)
                | Frame::Tallies(_)
                | Frame::Known(_) => {}
            }
            let left = rewrite.frame(kind, payload);
            if let Some(payload) = left.map_err(|error| error.to_string())? {
                image.push_encoded(kind, &payload).map_err(|error| {
                    let what = error.to_string();
                    failed = Some(error);
                    what
                })?;
            }
            Ok(())
        })
        .map_err(|error| {
            failed
                .take()
                .map_or(ToolError::Log(error), ToolError::Storage)
        })?;
        let copied = image.finish(to, entry.position)?;
        if rewrite.is_nothing() && copied.digest != entry.digest {
            let what = format!("{} was copied, and is not the same", entry.name);
            return Err(ToolError::refused(what));
        }
        images.push(copied);
    }
    to.sync_dir(SHARDS, SyncSite::ImageNames)?;
    Ok(Generation {
        images,
        // A copy that was asked for is what it was asked for: its sessions as they were then.
        unlogged: generation.unlogged && !from.settled,
        ..generation.clone()
    })
}

fn written(error: WriteError) -> StorageError {
    match error {
        WriteError::Refused(error) | WriteError::Unsure(error) => error,
    }
}

/// A log while it is copied.
struct Tail<'a> {
    storage: &'a dyn Storage,
    origin: Origin,
    segment: Segment,
    buffer: Vec<u8>,
    last: Link,
}

impl<'a> Tail<'a> {
    /// The record before the first has no checksum here: no segment of the old log fits to it.
    fn begin(
        storage: &'a dyn Storage,
        origin: Origin,
        position: u64,
    ) -> Result<Self, StorageError> {
        let before = Link {
            sequence: position,
            checksum: 0,
        };
        Ok(Self {
            segment: segment(storage, origin, before)?,
            storage,
            origin,
            buffer: Vec::new(),
            last: before,
        })
    }

    /// Copies the records behind the position.
    fn copy(
        mut self,
        from: &From<'_>,
        position: u64,
        rewrite: &mut Rewrite,
    ) -> Result<LogReport, ToolError> {
        let origin = self.origin;
        let mut failed = None;
        let read = read_log(from.storage, origin, position + 1, |record| {
            let payload = rewrite.record(record.payload);
            let payload = payload.map_err(|error| error.to_string())?;
            self.push(record.label.kind, &payload).map_err(|error| {
                let what = error.to_string();
                failed = Some(error);
                what
            })
        });
        let report = read.map_err(|error| {
            failed
                .take()
                .map_or(ToolError::Log(error), ToolError::Storage)
        })?;
        self.finish()?;
        Ok(report)
    }

    fn push(&mut self, kind: u8, payload: &[u8]) -> Result<(), StorageError> {
        let after_sync = false;
        let label = Label { kind, after_sync };
        self.last = record::write(&mut self.buffer, label, self.last, payload);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        if self.segment.bytes() >= SEGMENT_BYTES {
            self.segment.sync(SyncSite::Records).map_err(written)?;
            let next = segment(self.storage, self.origin, self.last)?;
            self.segment.seal(SealKind::Continued).map_err(written)?;
            self.segment = next;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.segment
            .append(&self.buffer, self.last)
            .map_err(written)?;
        self.buffer.clear();
        Ok(())
    }

    /// Sealed, so that whatever is bad in it later is damage and never a torn tail.
    fn finish(mut self) -> Result<(), StorageError> {
        if !self.buffer.is_empty() {
            self.flush()?;
        }
        self.segment.sync(SyncSite::Records).map_err(written)?;
        self.segment.seal(SealKind::Stopped).map_err(written)
    }
}

fn segment(storage: &dyn Storage, origin: Origin, before: Link) -> Result<Segment, StorageError> {
    let head = SegmentHead { origin, before };
    Segment::begin(storage, Source::New(0), head).map_err(written)
}

/// The newest generation that can be read and the log behind it, as a start would choose.
pub(super) fn choose<'a>(
    storage: &dyn Storage,
    manifest: &'a Manifest,
) -> Result<Option<&'a Generation>, ToolError> {
    let examined = examine(storage, manifest);
    let Ok(start) = examined.start else {
        let found = examined.findings.first();
        let (name, offset, what) = found.map_or(("manifest", 0, "it names nothing"), |finding| {
            (&finding.file, finding.offset, &finding.what)
        });
        return Err(LogError::Damage {
            name: name.to_owned(),
            offset,
            what: what.to_owned(),
        }
        .into());
    };
    let mut generations = manifest.generations.iter();
    Ok(generations.find(|generation| Some(generation.number) == start))
}

/// Makes a directory for a copy, which may be there if it is empty and `may_be_there` says so.
pub(super) fn place(path: &Path, may_be_there: bool) -> Result<OsStorage, ToolError> {
    let failed = |source| DirectoryError::Io {
        path: path.to_owned(),
        source,
    };
    // Without the slash at its end, which follows a link.
    let path: &Path = &path.components().collect::<PathBuf>();
    match std::fs::symlink_metadata(path) {
        Ok(about) if may_be_there && about.is_dir() => {
            let mut entries = std::fs::read_dir(path).map_err(failed)?;
            if entries.next().is_some() {
                return Err(ToolError::refused(format!(
                    "{} is not empty: name a directory that is, or that is not there yet",
                    path.display()
                )));
            }
        }
        Ok(_) => {
            return Err(ToolError::refused(format!(
                "{} is there already: name a directory that is not",
                path.display()
            )));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut made = std::fs::DirBuilder::new();
            made.mode(0o700).create(path).map_err(failed)?;
        }
        Err(error) => return Err(failed(error).into()),
    }
    Ok(OsStorage::open(path)?)
}

/// Makes the name of a copy durable.
pub(super) fn sync_copy(path: &Path) -> Result<(), ToolError> {
    sync_name(path).map_err(|source| {
        let path = path.to_owned();
        DirectoryError::Io { path, source }.into()
    })
}

/// Removes what an attempt wrote, as far as that is possible: the manifest first, so that it is never served.
pub(super) fn clear(storage: &dyn Storage, path: &Path) {
    use crate::durability::format::{MANIFEST, MANIFEST_NEW, SEGMENT_NEW, segment_name};
    let mut names = vec![MANIFEST.to_owned(), MANIFEST_NEW.into(), SEGMENT_NEW.into()];
    names.extend(
        log_names(storage)
            .unwrap_or_default()
            .into_iter()
            .map(segment_name),
    );
    let images = storage.list(SHARDS).unwrap_or_default();
    names.extend(images.into_iter().map(|name| format!("{SHARDS}/{name}")));
    for name in names {
        // What cannot be removed stays, and is refused by whoever comes next.
        let _ = storage.remove(&name);
    }
    for directory in [LOG, SHARDS] {
        let _ = std::fs::remove_dir(path.join(directory));
    }
}

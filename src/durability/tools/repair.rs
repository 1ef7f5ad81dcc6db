//! Cutting the newest segment at a bad record that whole records follow: the one repair there is.
//!
//! Invariants: nothing is cut that is not in a file of its own, durable, before; it is cut only if a start
//! succeeds afterwards with everything before the bad record; every other damage stays as it is.

use std::fmt;
use std::path::Path;

use super::check::{Examined, examine};
use super::{Looked, ToolError, manifest_of, origin};
use crate::durability::directory::DataDirectory;
use crate::durability::format::{
    RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, RECORD_TRIED_BYTES, SECTOR_BYTES, SEGMENT_BYTES_MAX,
    SEGMENT_HEAD_BYTES, Seal, segment_name,
};
use crate::durability::manifest::Manifest;
use crate::durability::reading::{head_of, log_names};
use crate::durability::record::{self, Link, Read};
use crate::durability::storage::os::OsStorage;
use crate::durability::storage::{Storage, SyncSite, read_file};

/// What was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The newest segment.
    pub segment: String,
    /// Where it was cut.
    pub offset: u64,
    /// The first record that is lost.
    pub sequence: u64,
    /// Whole records that are lost with it.
    pub records: u64,
    /// The file that has the bytes now.
    pub kept: String,
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} was cut at byte {}, at record {}, which is bad; {} whole records behind it are lost with it, and had \
             been acknowledged. The bytes are in {}",
            self.segment, self.offset, self.sequence, self.records, self.kept
        )
    }
}

/// Repairs the tail if that is all that is bad; `None` if nothing is. Says what a start finds now.
pub fn repair_tail(path: &Path) -> Result<(Option<Repaired>, Examined), ToolError> {
    drop(Looked::at(path)?);
    let _lock = DataDirectory::open(path)?;
    let storage = OsStorage::open(path)?;
    let manifest = manifest_of(&storage, path)?;
    let repaired = cut_tail(&storage, &manifest)?;
    let examined = examine(&storage, &manifest);
    Ok((repaired, examined))
}

/// The same on any storage, which must be locked.
pub fn cut_tail(storage: &dyn Storage, manifest: &Manifest) -> Result<Option<Repaired>, ToolError> {
    let examined = examine(storage, manifest);
    let Some(first) = examined.findings.first() else {
        return Ok(None);
    };
    let newest = log_names(storage)?.last().copied().unwrap_or(0);
    let segment = segment_name(newest);
    let other = examined
        .findings
        .iter()
        .find(|finding| finding.file != segment || finding.offset < SEGMENT_HEAD_BYTES as u64);
    if let Some(finding) = other {
        return Err(refused(&format!(
            "{} at byte {}: {}",
            finding.file, finding.offset, finding.what
        )));
    }
    let bytes = read_file(storage, &segment, SEGMENT_BYTES_MAX)?.unwrap_or_default();
    let seal = Seal::decode(bytes.get(SECTOR_BYTES..).unwrap_or_default());
    if seal != Ok(None) {
        return Err(refused(&format!(
            "{segment} is sealed, so all of it had been synced"
        )));
    }
    let head = head_of(storage, origin(manifest), newest)?;
    let (offset, last) = good_part(&bytes, head.before);
    if first.offset != offset as u64 {
        let what = format!("{segment} at byte {}: {}", first.offset, first.what);
        return Err(refused(&what));
    }
    let position = manifest.generations.first().map_or(0, |g| g.position);
    if last.sequence < position {
        let sequence = last.sequence;
        return Err(refused(&format!(
            "{segment} would end with record {sequence}, and the images build on {position}"
        )));
    }
    let rest = bytes.get(offset..).unwrap_or_default();
    let records = whole_records(rest, last.sequence + 1)?;
    let kept = format!("log-cut-{}", last.sequence + 1);
    keep(storage, &kept, rest)?;
    let mut file = storage.open(&segment)?;
    file.truncate(offset as u64)?;
    file.sync_data(SyncSite::FoundRecords)?;
    Ok(Some(Repaired {
        segment,
        offset: offset as u64,
        sequence: last.sequence + 1,
        records,
        kept,
    }))
}

fn refused(what: &str) -> ToolError {
    ToolError::refused(format!(
        "nothing was changed: --repair-tail cuts the newest segment at a bad record that whole records follow, and \
         this is something else: {what}; restore a backup"
    ))
}

/// How far the records of a segment are good, and the last one that is.
fn good_part(bytes: &[u8], before: Link) -> (usize, Link) {
    let (mut at, mut last) = (SEGMENT_HEAD_BYTES, before);
    while let Read::Complete { record, .. } = record::read(bytes.get(at..).unwrap_or_default()) {
        if record.link.sequence != last.sequence + 1 || record.before != last.checksum {
            break;
        }
        at += RECORD_HEAD_BYTES + record.payload.len() + RECORD_TAIL_BYTES;
        last = record.link;
    }
    (at, last)
}

fn whole_records(bytes: &[u8], first: u64) -> Result<u64, ToolError> {
    let smallest = RECORD_HEAD_BYTES + RECORD_TAIL_BYTES;
    let possible = u64::try_from(bytes.len() / smallest).unwrap_or(u64::MAX);
    let wanted = first..first.saturating_add(possible).saturating_add(1);
    let (mut left, mut records, mut budget) = (bytes, 0, RECORD_TRIED_BYTES);
    let mut found = |left| record::find(left, wanted.clone(), &mut budget);
    while let Some((at, record)) =
        found(left).map_err(|()| refused("how many records follow cannot be told"))?
    {
        records += 1;
        left = left
            .get(at + smallest + record.payload.len()..)
            .unwrap_or_default();
    }
    Ok(records)
}

/// Makes bytes durable in a file of their own.
fn keep(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Result<(), ToolError> {
    let len = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    let mut file = storage.create(name)?;
    file.write_at(0, bytes.get(..len).unwrap_or_default())?;
    file.sync_data(SyncSite::FoundRecords)?;
    storage.sync_dir("", SyncSite::Directories)?;
    Ok(())
}

//! Reading the log: every record in order, or a refusal that names file and offset.
//!
//! The rule: what is bad is a **torn tail**, and cut, if it lies in the newest segment, that
//! segment was not sealed, and behind it lies no whole record that was written after a sync; such a
//! record proves that the bad one had been durable. Everything else is **damage**: nothing is
//! skipped, nothing is changed. (Decay within the last, unsealed batch looks like a torn tail.)
//!
//! Invariants: reading changes nothing on disk; a record is handed on only if its checksum, its
//! sequence and the checksum of the record before it are right.

mod segment;
pub mod survey;

use self::segment::{Ended, Reading};
use super::format::{
    LOG, Origin, RESERVE, SEAL_AT, SECTOR_BYTES, SEGMENT_BYTES_MAX, SEGMENT_HEAD_BYTES,
    SEGMENT_NEW, Seal, SealKind, SegmentHead, segment_first, segment_name,
};
use super::record::{Link, Record};
use super::storage::{Storage, StorageError, read_file_into, split_name};

/// Why a log cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file is not what it was.
    #[error(
        "{name} is damaged at byte {offset}: {what}; nothing was changed: examine the data directory with \
         `sessile check`, or restore a backup"
    )]
    Damage {
        /// The file, relative to the data directory.
        name: String,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The writer's thread could not be started.
    #[error("the log's thread could not be started: {0}")]
    Thread(std::io::Error),
}

impl LogError {
    pub(super) fn damage(name: &str, offset: usize, what: String) -> Self {
        Self::Damage {
            name: name.to_owned(),
            offset: u64::try_from(offset).unwrap_or(u64::MAX),
            what,
        }
    }
}

/// A segment as far as it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Its head.
    pub head: SegmentHead,
    /// Bytes up to the end of its last record.
    pub len: u64,
    /// That record, or the one before its first.
    pub last: Link,
}

/// Where a log ends: what is needed to go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The last record.
    pub last: Link,
    /// The newest segment.
    pub tail: Tail,
    /// Where in it the records begin of which no later one says that they were synced.
    pub unsure_from: u64,
    /// It is sealed: the process stopped in good order.
    pub stopped: bool,
    /// The segment before, if that was read, too.
    pub before: Option<Tail>,
}

/// A torn tail. It is cut when the log is opened for writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The newest segment.
    pub name: String,
    /// Where the first bad record begins.
    pub offset: u64,
    /// Bytes from there on, up to the last that is not zero.
    pub bytes: u64,
    /// Whole records among them: the last batch was written in part.
    pub records: u64,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReport {
    /// Segments read.
    pub segments: u64,
    /// Older segments that were not needed, and not looked at.
    pub older: u64,
    /// Records handed on.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is torn off at the end.
    pub cut: Option<Cut>,
    /// Where to go on.
    pub end: LogEnd,
}

/// The first sequences of all segments, sorted. A file with an unknown name is refused: it may be a
/// segment that lost its own.
pub(super) fn log_names(storage: &dyn Storage) -> Result<Vec<u64>, LogError> {
    let mut segments = Vec::new();
    for name in storage.list(LOG)? {
        let is = |known: &str| split_name(known).1 == name;
        match segment_first(&name) {
            Some(first) => segments.push(first),
            None if is(SEGMENT_NEW) || is(RESERVE) => {}
            None => {
                let what = "no file of the log has such a name: move it out of the directory";
                let name = format!("{LOG}/{name}");
                return Err(LogError::damage(&name, 0, what.into()));
            }
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Hands on every record whose sequence is at least `from`, in order.
///
/// `take` may find that a payload cannot be decoded, and says what is wrong with it: that is damage
/// at that record. An `origin` with a smaller codec than a segment's is refused, too.
pub fn read_log(
    storage: &dyn Storage,
    origin: Origin,
    from: u64,
    mut take: impl FnMut(Record<'_>) -> Result<(), String>,
) -> Result<LogReport, LogError> {
    let segments = log_names(storage)?;
    let mut older = segments
        .iter()
        .rposition(|first| *first <= from)
        .ok_or_else(|| {
            let found = segments.first();
            let what = found.map_or("there is no segment".to_owned(), |first| {
                format!(
                    "records {from} to {} are missing: no segment holds them",
                    first - 1
                )
            });
            LogError::damage(&segment_name(from), 0, what)
        })?;
    let mut ended = None;
    let newest_alone = older > 0 && older + 1 == segments.len();
    if let Some(before) = segments.get(older.wrapping_sub(1)).filter(|_| newest_alone) {
        match before_newest(storage, origin, *before, segments.last())? {
            Before::Sealed(tail) => ended = Some(Ended::sealed(tail)),
            Before::Unsealed => older -= 1,
            Before::Leftover => {}
        }
    }
    let needed = segments.get(older..).unwrap_or_default();
    let mut reading = Reading {
        from,
        records: 0,
        bytes: 0,
        take: &mut take,
    };
    // All heads before any record: a copy is better named than the place where it does not fit.
    let mut heads = Vec::with_capacity(needed.len());
    for first in needed {
        heads.push(head_of(storage, origin, *first)?);
    }
    let mut bytes = Vec::new();
    for ((at, first), head) in needed.iter().enumerate().zip(heads) {
        let name = segment_name(*first);
        if !read_file_into(storage, &name, SEGMENT_BYTES_MAX, &mut bytes)? {
            let what = format!("it has more than {SEGMENT_BYTES_MAX} bytes");
            return Err(LogError::damage(&name, 0, what));
        }
        let next = needed.get(at + 1).copied();
        ended = Some(reading.segment(&name, &bytes, head, next, ended)?);
    }
    let Some(ended) = ended else {
        let what = "there is no segment".into();
        return Err(LogError::damage(LOG, 0, what));
    };
    let last = ended.tail.last;
    if last.sequence + 1 < from {
        let what = format!(
            "the log ends with record {}, and {from} is to follow",
            last.sequence
        );
        return Err(LogError::damage(
            &segment_name(ended.tail.head.first()),
            0,
            what,
        ));
    }
    Ok(LogReport {
        segments: needed.len() as u64,
        older: older as u64,
        records: reading.records,
        bytes: reading.bytes,
        cut: ended.cut,
        end: LogEnd {
            last,
            tail: ended.tail,
            unsure_from: ended.unsure_from,
            stopped: ended.seal == Some(SealKind::Stopped),
            before: ended.before,
        },
    })
}

/// What stands before the newest segment if records are wanted from that one only.
enum Before {
    /// Its seal fits, and is to be made durable with the rest.
    Sealed(Tail),
    /// Changing to the newest was interrupted: it is to be read, so that it can be sealed.
    Unsealed,
    /// Trimming left it.
    Leftover,
}

fn before_newest(
    storage: &dyn Storage,
    origin: Origin,
    first: u64,
    newest: Option<&u64>,
) -> Result<Before, LogError> {
    let Some(newest) = newest else {
        return Ok(Before::Leftover);
    };
    let newest = head_of(storage, origin, *newest)?;
    let head = head_of(storage, origin, first)?;
    let mut sector = [0; SECTOR_BYTES];
    let file = storage.open(&segment_name(first))?;
    file.read_at(SEAL_AT, &mut sector)?;
    Ok(match Seal::decode(&sector) {
        Ok(Some(Seal {
            kind: SealKind::Continued,
            len,
            last,
        })) if last == newest.before => Before::Sealed(Tail { head, len, last }),
        Ok(Some(Seal {
            kind: SealKind::Continued,
            ..
        })) => Before::Leftover,
        Ok(_) | Err(_) => Before::Unsealed,
    })
}

/// The head of a segment, if that is what its name says and ours to read.
pub(super) fn head_of(
    storage: &dyn Storage,
    origin: Origin,
    first: u64,
) -> Result<SegmentHead, LogError> {
    let name = segment_name(first);
    let damage = |what: String| LogError::damage(&name, 0, what);
    let file = storage.open(&name)?;
    let mut sector = [0; SECTOR_BYTES];
    if file.size()? < SEGMENT_HEAD_BYTES as u64 {
        return Err(damage("its head is cut off".into()));
    }
    file.read_at(0, &mut sector)?;
    let head = SegmentHead::decode(&sector).map_err(|flaw| damage(format!("its head: {flaw}")))?;
    if head.origin.instance != origin.instance {
        return Err(damage(format!(
            "it belongs to another data directory ({}, not {})",
            head.origin.instance, origin.instance
        )));
    }
    if head.origin.codec > origin.codec {
        return Err(damage(format!(
            "its records have encoding {}, and this program knows encodings up to {}: use the newer one",
            head.origin.codec, origin.codec
        )));
    }
    if head.first() != first {
        return Err(damage(format!(
            "by its head it is {}: it was renamed or copied",
            segment_name(head.first())
        )));
    }
    Ok(head)
}

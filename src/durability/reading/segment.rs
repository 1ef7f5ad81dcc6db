//! Reading one segment: its records in order, and what it ends with.

use super::{Cut, LogError, Tail};
use crate::durability::format::{
    RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, RECORD_TRIED_BYTES, SEAL_AT, SECTOR_BYTES,
    SEGMENT_HEAD_BYTES, Seal, SealKind, SegmentHead, segment_name,
};
use crate::durability::record::{self, Read, Record};

/// How a segment ended.
pub(super) struct Ended {
    pub(super) tail: Tail,
    pub(super) unsure_from: u64,
    pub(super) seal: Option<SealKind>,
    pub(super) cut: Option<Cut>,
    pub(super) before: Option<Tail>,
}

impl Ended {
    /// A segment whose seal is all that was looked at.
    pub(super) fn sealed(tail: Tail) -> Self {
        Self {
            tail,
            unsure_from: tail.len,
            seal: Some(SealKind::Continued),
            cut: None,
            before: None,
        }
    }
}

/// What is done with each record, and how much of it was done.
pub(super) struct Reading<'a> {
    pub(super) from: u64,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) take: &'a mut dyn FnMut(Record<'_>) -> Result<(), String>,
}

impl Reading<'_> {
    /// Reads one segment; `next` is the first sequence of the one that follows by name.
    pub(super) fn segment(
        &mut self,
        name: &str,
        bytes: &[u8],
        head: SegmentHead,
        next: Option<u64>,
        before: Option<Ended>,
    ) -> Result<Ended, LogError> {
        if let Some(before) = &before {
            follows(&head, before).map_err(|what| LogError::damage(name, 0, what))?;
        }
        let seal_at = SECTOR_BYTES;
        let seal = bytes.get(seal_at..).unwrap_or_default();
        let seal = Seal::decode(seal)
            .map_err(|flaw| LogError::damage(name, seal_at, format!("its seal: {flaw}")))?;
        let (tail, unsure_from, cut) = self.records(name, bytes, head, seal, next)?;
        let kind = seal.map(|seal| seal.kind);
        if kind == Some(SealKind::Continued) && next.is_none() {
            let following = tail.last.sequence + 1;
            let what = format!("records from {following} on are missing: its segment is not there");
            return Err(LogError::damage(&segment_name(following), 0, what));
        }
        let unmarked = before
            .as_ref()
            .is_some_and(|before| before.seal != Some(SealKind::Continued));
        if unmarked && (tail.last != head.before || next.is_some()) {
            let what = "it has records, and the segment before it has no mark that says so";
            return Err(LogError::damage(name, SEGMENT_HEAD_BYTES, what.into()));
        }
        Ok(Ended {
            tail,
            unsure_from,
            seal: kind,
            cut,
            before: before.map(|before| before.tail),
        })
    }

    /// Hands on the records of a segment, and judges what it ends with.
    fn records(
        &mut self,
        name: &str,
        bytes: &[u8],
        head: SegmentHead,
        seal: Option<Seal>,
        next: Option<u64>,
    ) -> Result<(Tail, u64, Option<Cut>), LogError> {
        let sealed_len = seal.map(|seal| usize::try_from(seal.len).unwrap_or(usize::MAX));
        let end = sealed_len.unwrap_or(bytes.len());
        // What lies behind the length in the seal is room that was given back.
        let Some(within) = bytes.get(..end) else {
            let what = format!("it was cut: its seal says {end} bytes");
            return Err(LogError::damage(name, bytes.len(), what));
        };
        let mut rest = within.get(SEGMENT_HEAD_BYTES..).unwrap_or_default();
        let mut last = head.before;
        let mut unsure = SEGMENT_HEAD_BYTES;
        let flaw = loop {
            // Behind the last record of an unsealed segment that another one follows lies nothing.
            let complete = match seal {
                Some(_) => rest.is_empty(),
                None => next == Some(last.sequence + 1),
            };
            if complete {
                break None;
            }
            let record = match record::read(rest) {
                Read::Complete {
                    record,
                    rest: behind,
                } => {
                    if record.link.sequence != last.sequence + 1 {
                        break Some(format!("record {} instead", record.link.sequence));
                    }
                    if record.before != last.checksum {
                        break Some("it does not continue the record before it".into());
                    }
                    if record.label.after_sync {
                        unsure = within.len() - rest.len();
                    }
                    rest = behind;
                    record
                }
                Read::Incomplete => break Some("the file ends".into()),
                Read::Corrupt(flaw) => break Some(flaw.to_string()),
            };
            last = record.link;
            if record.link.sequence >= self.from {
                let len = RECORD_HEAD_BYTES + record.payload.len() + RECORD_TAIL_BYTES;
                (self.take)(record).map_err(|what| {
                    let what = format!("record {}: {what}", record.link.sequence);
                    LogError::damage(name, within.len() - rest.len() - len, what)
                })?;
                self.records += 1;
                self.bytes += len as u64;
            }
        };
        let offset = within.len() - rest.len();
        let len = u64::try_from(offset).unwrap_or(u64::MAX);
        let tail = Tail { head, len, last };
        let unsure = u64::try_from(unsure).unwrap_or(u64::MAX);
        let wanted = last.sequence + 1;
        let damage =
            |what: String| LogError::damage(name, offset, format!("record {wanted}: {what}"));
        match flaw {
            None if seal.is_some_and(|seal| seal.last != last) => Err(damage(format!(
                "its seal ({SEAL_AT}) names another last record"
            ))),
            None => Ok((tail, unsure, None)),
            Some(what) if seal.is_some() || next.is_some() => Err(damage(what)),
            Some(what) => match torn(name, offset, rest, wanted) {
                Ok(cut) => Ok((tail, unsure, cut)),
                Err(behind) => Err(damage(format!("{what}, and {behind}"))),
            },
        }
    }
}

/// What a torn tail amounts to, or why it is none. Zeros are room, and nothing to speak of.
fn torn(name: &str, offset: usize, rest: &[u8], wanted: u64) -> Result<Option<Cut>, String> {
    let Some(bytes) = rest.iter().rposition(|byte| *byte != 0) else {
        return Ok(None);
    };
    let smallest = RECORD_HEAD_BYTES + RECORD_TAIL_BYTES;
    let possible = u64::try_from(rest.len() / smallest).unwrap_or(u64::MAX);
    let later = wanted..wanted.saturating_add(possible).saturating_add(1);
    let (mut records, mut left, mut budget) = (0, rest, RECORD_TRIED_BYTES);
    while let Some((at, record)) = record::find(left, later.clone(), &mut budget)
        .map_err(|()| "whether whole records follow it cannot be told".to_owned())?
    {
        if record.label.after_sync {
            return Err(format!(
                "record {} behind it is whole and was written after a sync",
                record.link.sequence
            ));
        }
        records += 1;
        left = left
            .get(at + smallest + record.payload.len()..)
            .unwrap_or_default();
    }
    Ok(Some(Cut {
        name: name.to_owned(),
        offset: u64::try_from(offset).unwrap_or(u64::MAX),
        bytes: u64::try_from(bytes + 1).unwrap_or(u64::MAX),
        records,
    }))
}

/// Whether a segment goes on where the one before it ended.
fn follows(head: &SegmentHead, before: &Ended) -> Result<(), String> {
    let (last, first) = (before.tail.last, head.first());
    if last.sequence + 1 < first {
        let (from, to) = (last.sequence + 1, first - 1);
        return Err(format!("records {from} to {to} before it are missing"));
    }
    if last != head.before {
        return Err("it does not continue the segment before it".into());
    }
    Ok(())
}

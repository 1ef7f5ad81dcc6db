//! All that is bad in a log, for whoever has to decide what to do about it. A start stops at the first.
//!
//! Behind a bad place it goes on at the next whole record. Invariants: nothing on disk is changed; a log that
//! [`super::read_log`] takes has no findings here.

use super::{LogError, head_of, log_names};
use crate::durability::format::{
    Origin, RECORD_HEAD_BYTES, RECORD_TAIL_BYTES, RECORD_TRIED_BYTES, SECTOR_BYTES,
    SEGMENT_BYTES_MAX, SEGMENT_HEAD_BYTES, Seal, segment_name,
};
use crate::durability::record::{self, Read, Record};
use crate::durability::storage::{Storage, read_file};

/// Findings beyond so many are not looked for.
pub const FINDINGS_MAX: usize = 1_000;
const SMALLEST_BYTES: usize = RECORD_HEAD_BYTES + RECORD_TAIL_BYTES;

/// Says what is wrong with a payload.
pub type Judge<'a> = &'a mut dyn FnMut(&Record<'_>) -> Result<(), String>;

struct Survey<'a> {
    from: u64,
    judge: Judge<'a>,
    found: Vec<LogError>,
    /// The last whole record so far.
    last: Option<u64>,
    /// What the searches for whole records may still sum up.
    budget: usize,
}

/// Every bad place of the log from record `from` on; payloads are judged by `judge`.
#[must_use]
pub fn survey(storage: &dyn Storage, origin: Origin, from: u64, judge: Judge<'_>) -> Vec<LogError> {
    let segments = match log_names(storage) {
        Ok(segments) => segments,
        Err(error) => return vec![error],
    };
    let mut survey = Survey {
        from,
        judge,
        found: Vec::new(),
        last: from.checked_sub(1),
        budget: RECORD_TRIED_BYTES,
    };
    let begin = segments.iter().rposition(|first| *first <= from);
    if begin.is_some() {
        survey.last = None;
    }
    let needed = segments.get(begin.unwrap_or(0)..).unwrap_or_default();
    for (first, next) in needed
        .iter()
        .zip(needed.iter().skip(1).map(Some).chain([None]))
    {
        survey.segment(storage, origin, *first, next.is_none());
    }
    survey.found
}

impl Survey<'_> {
    fn tell(&mut self, name: &str, offset: usize, what: String) {
        self.add(LogError::damage(name, offset, what));
    }

    fn add(&mut self, error: LogError) {
        if self.found.len() < FINDINGS_MAX {
            self.found.push(error);
        }
    }

    fn segment(&mut self, storage: &dyn Storage, origin: Origin, first: u64, newest: bool) {
        let name = segment_name(first);
        if let Some(last) = self.last.filter(|last| last + 1 < first) {
            let what = format!(
                "records {} to {} before it are missing",
                last + 1,
                first - 1
            );
            self.tell(&name, 0, what);
        }
        if let Err(error) = head_of(storage, origin, first) {
            self.add(error);
        }
        let bytes = match read_file(storage, &name, SEGMENT_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let what = format!("it has more than {SEGMENT_BYTES_MAX} bytes");
                return self.tell(&name, 0, what);
            }
            // The head could not be read either, and that was told.
            Err(_) => return,
        };
        let seal = Seal::decode(bytes.get(SECTOR_BYTES..).unwrap_or_default());
        let sealed_len = match &seal {
            Ok(Some(seal)) => usize::try_from(seal.len).ok(),
            Ok(None) => None,
            Err(flaw) => {
                self.tell(&name, SECTOR_BYTES, format!("its seal: {flaw}"));
                None
            }
        };
        let end = sealed_len.unwrap_or(bytes.len());
        if end > bytes.len() {
            let what = format!("it was cut: its seal says {end} bytes");
            self.tell(&name, bytes.len(), what);
        }
        let within = bytes.get(..end.min(bytes.len())).unwrap_or_default();
        // What is bad at the end of a segment that may still get records is a torn tail.
        let open = newest && matches!(seal, Ok(None));
        self.records(&name, within, first, open);
    }

    fn records(&mut self, name: &str, within: &[u8], first: u64, open: bool) {
        let (mut at, mut wanted) = (SEGMENT_HEAD_BYTES, first);
        let mut before = None;
        while let Some(rest) = within.get(at..).filter(|rest| !rest.is_empty()) {
            let what = match record::read(rest) {
                Read::Complete { record, .. } if record.link.sequence == wanted => {
                    if before.is_some_and(|before| before != record.before) {
                        let what = format!("record {wanted}: it does not continue the one before");
                        self.tell(name, at, what);
                    }
                    if wanted >= self.from
                        && let Err(what) = (self.judge)(&record)
                    {
                        self.tell(name, at, format!("record {wanted}: {what}"));
                    }
                    before = Some(record.link.checksum);
                    self.last = Some(wanted);
                    at += SMALLEST_BYTES + record.payload.len();
                    wanted += 1;
                    continue;
                }
                Read::Complete { record, .. } => format!("record {} instead", record.link.sequence),
                Read::Incomplete => "the file ends".to_owned(),
                Read::Corrupt(flaw) => flaw.to_string(),
            };
            let possible = u64::try_from(rest.len() / SMALLEST_BYTES).unwrap_or(u64::MAX);
            let later = wanted..wanted.saturating_add(possible).saturating_add(1);
            match record::find(rest, later, &mut self.budget) {
                Ok(Some((behind, record))) => {
                    let next = record.link.sequence;
                    let what = format!(
                        "record {wanted}: {what}; whole records follow from {next} on, at byte {}",
                        at + behind
                    );
                    self.tell(name, at, what);
                    (at, wanted, before) = (at + behind, next, None);
                }
                // Zeros behind the last record of a segment that others follow are room, too.
                Ok(None) if open || rest.iter().all(|byte| *byte == 0) => return,
                Ok(None) => return self.tell(name, at, format!("record {wanted}: {what}")),
                Err(()) => {
                    let what = "whether whole records follow it cannot be told";
                    return self.tell(name, at, format!("record {wanted}: {what}"));
                }
            }
        }
    }
}

//! Beginning a log, going on with one that was read, and removing what is no longer needed.

use std::sync::Arc;

use super::{LogWriter, OnFailure, Shared};
use crate::clock::SharedClock;
use crate::durability::format::{
    LOG, Origin, SEGMENT_HEAD_BYTES, SEGMENT_NEW, SHARDS, SealKind, SegmentHead, segment_first,
    segment_name,
};
use crate::durability::reading::{LogEnd, LogError, Tail, log_names};
use crate::durability::record::Link;
use crate::durability::segment::{Segment, Source, WriteError, make_reserve, remove_leftover};
use crate::durability::storage::{SharedStorage, Storage, StorageError, SyncSite};

/// Makes the directories and the first segment of a data directory that has no manifest yet.
///
/// The manifest comes after this: one without a log is damage. What an earlier attempt left is
/// replaced; a log with records is not: without its manifest that is damage.
pub fn begin(storage: &dyn Storage, origin: Origin, room_bytes: u64) -> Result<(), LogError> {
    for directory in [LOG, SHARDS] {
        match storage.create_dir(directory) {
            Err(error) if !error.is_taken() => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    storage.sync_dir("", SyncSite::Directories)?;
    let head = SegmentHead {
        origin,
        before: Link::default(),
    };
    let first = segment_name(head.first());
    for found in log_names(storage)? {
        let file = storage.open(&segment_name(found))?;
        let len = usize::try_from(file.size()?).unwrap_or(usize::MAX);
        let mut behind = vec![0; len.saturating_sub(SEGMENT_HEAD_BYTES).min(1 << 20)];
        file.read_at(SEGMENT_HEAD_BYTES as u64, &mut behind)?;
        if found != head.first() || behind.iter().any(|byte| *byte != 0) {
            let what = "there is a log and no manifest".into();
            return Err(LogError::damage(&segment_name(found), 0, what));
        }
        storage.remove(&first)?;
    }
    let began = Segment::begin(storage, Source::New(room_bytes), head);
    began.map(drop).map_err(opened)
}

/// Removes segments that hold nothing at or behind `keep_from`; returns how many.
///
/// The manifest that makes them needless must be durable. Nothing relies on their being gone, so
/// that is not synced.
pub fn trim(storage: &dyn Storage, keep_from: u64) -> Result<usize, StorageError> {
    let mut firsts: Vec<u64> = storage
        .list(LOG)?
        .iter()
        .filter_map(|name| segment_first(name))
        .collect();
    firsts.sort_unstable();
    let ended = firsts.iter().zip(firsts.iter().skip(1));
    let mut removed = 0;
    for (segment, _) in ended.filter(|(_, next)| **next <= keep_from) {
        storage.remove(&segment_name(*segment))?;
        removed += 1;
    }
    Ok(removed)
}

fn opened(error: WriteError) -> LogError {
    match error {
        WriteError::Refused(error) | WriteError::Unsure(error) => error.into(),
    }
}

impl LogWriter {
    /// Makes what was found durable, cuts a torn tail, and ends what an interrupted change of
    /// segments left undone. Each step may be interrupted and done again.
    pub(super) fn open(
        shared: Arc<Shared>,
        storage: SharedStorage,
        origin: Origin,
        clock: SharedClock,
        end: &LogEnd,
        on_failure: OnFailure,
    ) -> Result<Self, LogError> {
        // A process that died may have left names and records that a power cut would still take:
        // nobody may see them, nor build on them, before they are durable.
        storage.sync_dir(LOG, SyncSite::FoundSegments)?;
        remove_leftover(&*storage, SEGMENT_NEW)?;
        // Written again even if it is there: after a failed sync the system shows what it could not
        // write, and would not try again by itself. The same holds for the last records.
        if let Some(tail) = &end.before {
            let Tail { head, len, last } = *tail;
            let mut segment = Segment::reopen(&*storage, head, len, last)?;
            segment.seal(SealKind::Continued).map_err(opened)?;
        }
        let Tail { head, len, last } = end.tail;
        let mut segment = Segment::reopen(&*storage, head, len, last)?;
        segment.rewrite(end.unsure_from)?;
        segment.sync(SyncSite::FoundRecords).map_err(opened)?;
        let settings = shared.settings;
        let reserve = make_reserve(&*storage, settings.reserve_bytes).is_ok();
        let mut writer = Self {
            shared,
            storage,
            origin,
            short_since: (!reserve).then(|| clock.now()),
            clock,
            segment,
            unsynced: None,
            last_batch: 0,
            reserve,
            on_failure: Some(on_failure),
        };
        writer.shared.front.lock().short_of_room = !reserve;
        // A sealed segment gets no more records.
        if end.stopped {
            match writer.rotate(Source::New(settings.room_bytes)) {
                // On a full disk the room that is kept does: what takes away can still be logged.
                Err(WriteError::Refused(_)) if writer.reserve => {
                    writer.rotate(Source::Reserve).map_err(opened)?;
                    writer.reserve = false;
                    writer.short_since = Some(writer.clock.now());
                    writer.shared.front.lock().short_of_room = true;
                }
                rotated => rotated.map_err(opened)?,
            }
        }
        Ok(writer)
    }
}

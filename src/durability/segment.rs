//! One log file that is being written: head, records, seal.
//!
//! Invariants: the file has its name only once its head is durable; behind the last record lie
//! zeros, so that a record neither grows the file nor leaves stale bytes behind it; a write that
//! failed leaves nothing behind; after a failed sync the file is not written to again (`Unsure`).

use super::format::{
    LOG, RESERVE, SEAL_AT, SECTOR_BYTES, SEGMENT_HEAD_BYTES, SEGMENT_NEW, Seal, SealKind,
    SegmentHead, segment_name,
};
use super::record::Link;
use super::storage::{Storage, StorageError, StoredFile, SyncSite};

/// How writing failed.
#[derive(Debug)]
pub enum WriteError {
    /// Nothing was written, and nothing is lost. Another attempt may succeed.
    Refused(StorageError),
    /// What the disk holds is not known. Nothing may be written or acknowledged any more.
    Unsure(StorageError),
}

/// Where the file of a new segment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A new file with room for so many bytes.
    New(u64),
    /// The reserve, which has its room already.
    Reserve,
}

/// A segment that takes records.
pub struct Segment {
    file: Box<dyn StoredFile>,
    head: SegmentHead,
    /// Bytes up to the end of the last record.
    len: u64,
    /// Length of the file.
    room: u64,
    last: Link,
}

/// What is read and written at once when records are written again.
const REWRITE_BYTES: usize = 1 << 20;
const HEAD_BYTES: u64 = SEGMENT_HEAD_BYTES as u64;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Segment {
    /// Makes a segment, durable head and name included.
    pub fn begin(
        storage: &dyn Storage,
        source: Source,
        head: SegmentHead,
    ) -> Result<Self, WriteError> {
        let from = match source {
            Source::New(_) => SEGMENT_NEW,
            Source::Reserve => RESERVE,
        };
        let made = match source {
            Source::New(room) => make_file(storage, from, HEAD_BYTES.saturating_add(room)),
            Source::Reserve => storage.open(from),
        };
        let mut file = made.map_err(WriteError::Refused)?;
        let room = file.size().map_err(WriteError::Refused)?;
        file.write_at(0, &head.encode())
            .map_err(WriteError::Refused)?;
        file.sync_data(SyncSite::SegmentHead)
            .map_err(WriteError::Unsure)?;
        storage
            .rename(from, &segment_name(head.first()))
            .map_err(WriteError::Refused)?;
        storage
            .sync_dir(LOG, SyncSite::SegmentName)
            .map_err(WriteError::Unsure)?;
        Ok(Self {
            file,
            head,
            len: HEAD_BYTES,
            room,
            last: head.before,
        })
    }

    /// Opens a segment of which everything up to `len` was read; what lies behind is cut off.
    pub fn reopen(
        storage: &dyn Storage,
        head: SegmentHead,
        len: u64,
        last: Link,
    ) -> Result<Self, StorageError> {
        let mut file = storage.open(&segment_name(head.first()))?;
        if file.size()? != len {
            file.truncate(len)?;
        }
        Ok(Self {
            file,
            head,
            len,
            room: len,
            last,
        })
    }

    /// Writes the records from byte `from` on once more, as they are, so that the next sync means them.
    pub fn rewrite(&mut self, from: u64) -> Result<(), StorageError> {
        let mut at = from;
        while at < self.len {
            let left = usize::try_from(self.len - at).unwrap_or(usize::MAX);
            let mut bytes = vec![0; left.min(REWRITE_BYTES)];
            self.file.read_at(at, &mut bytes)?;
            self.file.write_at(at, &bytes)?;
            at += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        }
        Ok(())
    }

    /// Its head.
    #[must_use]
    pub fn head(&self) -> SegmentHead {
        self.head
    }

    /// Bytes up to the end of the last record, the head included.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.len
    }

    /// The last record, or the one before the first.
    #[must_use]
    pub fn last(&self) -> Link {
        self.last
    }

    /// Whether so many bytes can be written without asking for room.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.room - self.len >= bytes
    }

    /// Sees to room for `bytes`, in steps of `step`.
    pub fn make_room(&mut self, bytes: u64, step: u64) -> Result<(), WriteError> {
        while !self.has_room(bytes) {
            let to = self.room.saturating_add(step.max(1));
            if let Err(error) = write_zeros(&mut *self.file, self.room, to) {
                return Err(self.cut_back(self.room, error));
            }
            self.room = to;
        }
        Ok(())
    }

    /// Writes records, the last of which is `last`. They are not durable yet.
    pub fn append(&mut self, records: &[u8], last: Link) -> Result<(), WriteError> {
        if let Err(error) = self.file.write_at(self.len, records) {
            return Err(self.cut_back(self.len, error));
        }
        self.len += u64::try_from(records.len()).unwrap_or(u64::MAX);
        self.room = self.room.max(self.len);
        self.last = last;
        Ok(())
    }

    fn cut_back(&mut self, to: u64, error: StorageError) -> WriteError {
        self.room = to;
        match self.file.truncate(to) {
            Ok(()) => WriteError::Refused(error),
            Err(error) => WriteError::Unsure(error),
        }
    }

    /// Makes durable what was written.
    pub fn sync(&mut self, site: SyncSite) -> Result<(), WriteError> {
        self.file.sync_data(site).map_err(WriteError::Unsure)
    }

    /// Ends the segment. What was written before must be durable already.
    ///
    /// Whatever fails here, the segment gets no more records: another one may follow it by now.
    pub fn seal(&mut self, kind: SealKind) -> Result<(), WriteError> {
        let seal = Seal {
            kind,
            len: self.len,
            last: self.last,
        };
        self.seal_with(&seal.encode()).map_err(WriteError::Unsure)
    }

    fn seal_with(&mut self, seal: &[u8]) -> Result<(), StorageError> {
        self.file.truncate(self.len)?;
        let mut before = [0; SECTOR_BYTES];
        self.file.read_at(SEAL_AT, &mut before)?;
        if let Err(error) = self.file.write_at(SEAL_AT, seal) {
            // Half a seal would be damage to whoever reads it next.
            self.file.write_at(SEAL_AT, &before)?;
            self.file.sync_data(SyncSite::SegmentSeal)?;
            return Err(error);
        }
        self.file.sync_data(SyncSite::SegmentSeal)
    }
}

/// Makes the reserve: a file of zeros that takes its room now, so that it need not be asked for
/// when there is none. One that is there is made anew in place.
pub fn make_reserve(storage: &dyn Storage, bytes: u64) -> Result<(), StorageError> {
    match storage.open(RESERVE) {
        Ok(mut file) => {
            write_zeros(&mut *file, 0, bytes)?;
            file.truncate(bytes)
        }
        Err(error) if error.is_missing() => make_file(storage, RESERVE, bytes).map(drop),
        Err(error) => Err(error),
    }
}

/// Makes a file of zeros, or leaves none behind.
fn make_file(
    storage: &dyn Storage,
    name: &str,
    bytes: u64,
) -> Result<Box<dyn StoredFile>, StorageError> {
    remove_leftover(storage, name)?;
    let mut file = storage.create(name)?;
    match write_zeros(&mut *file, 0, bytes) {
        Ok(()) => Ok(file),
        Err(error) => {
            // If this fails, too, the next attempt removes it.
            let _ = storage.remove(name);
            Err(error)
        }
    }
}

/// Removes a file that an earlier attempt may have left.
pub fn remove_leftover(storage: &dyn Storage, name: &str) -> Result<(), StorageError> {
    match storage.remove(name) {
        Err(error) if !error.is_missing() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_zeros(file: &mut dyn StoredFile, mut from: u64, to: u64) -> Result<(), StorageError> {
    while from < to {
        let left = usize::try_from(to - from).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..left.min(ZEROS.len())).unwrap_or(&ZEROS);
        file.write_at(from, zeros)?;
        from += u64::try_from(zeros.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

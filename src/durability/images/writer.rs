//! Writing an image: frames one behind the other in whole pieces, synced, read again and compared.
//!
//! In the background the pieces go past the system's memory wherever the file system lets them: what nobody reads again
//! takes no memory from others, there is nothing left to do for a sync, and what is compared is what the disk holds.
//! Invariant: the bytes of a file are the same on whatever way they went.

use serde::Serialize;

use super::pace::{Pace, Priority};
use super::room::Room;
use super::{ImageError, PIECE_BYTES, piece_of};
use crate::durability::codec::{self, CodecError};
use crate::durability::format::{ImageEnd, ImageHead, RECORD_BYTES_MAX, RECORD_PAYLOAD_BYTES_MAX};
use crate::durability::manifest::ImageEntry;
use crate::durability::record::{self, Label, Link};
use crate::durability::segment::remove_leftover;
use crate::durability::storage::{Storage, StorageError, StoredFile, SyncSite};

/// What is summed up between two looks at the pace.
const SUMMED_BYTES: usize = 32 << 10;
/// How many bytes are summed up in the time that encoding one takes.
const SUMMED_PER_ENCODED: usize = 4;
/// After how many bytes a writer in the background syncs: the system, too, is to do its part in small pieces.
const SYNC_AFTER_BYTES: u64 = 1 << 20;

/// An image while it is written.
pub struct ImageWriter {
    file: Box<dyn StoredFile>,
    name: String,
    written: u64,
    synced: u64,
    room: Room,
    payload: Vec<u8>,
    digest: blake3::Hasher,
    last: Link,
    pace: Pace,
}

impl ImageWriter {
    /// Begins a file of this name; whatever had it goes.
    pub fn begin(
        storage: &dyn Storage,
        name: String,
        head: &ImageHead,
        priority: Priority,
    ) -> Result<Self, ImageError> {
        remove_leftover(storage, &name)?;
        let mut writer = Self {
            file: storage.create(&name)?,
            name,
            written: 0,
            synced: 0,
            room: Room::with_capacity(PIECE_BYTES + RECORD_BYTES_MAX),
            payload: Vec::new(),
            digest: blake3::Hasher::new(),
            last: Link::default(),
            pace: Pace::of(priority),
        };
        if writer.pace.is_background() {
            writer.file.pass_cache();
        }
        writer.room.end().extend_from_slice(&head.encode());
        Ok(writer)
    }

    /// Appends a frame of this kind (not 0).
    pub fn push<T: Serialize>(&mut self, kind: u8, value: &T) -> Result<(), ImageError> {
        self.push_by(kind, |out| codec::encode(value, out))
    }

    /// Appends a frame of this kind (not 0) whose payload `encode` writes.
    pub fn push_by(
        &mut self,
        kind: u8,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<(), ImageError> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let encoded = match encode(&mut payload) {
            Ok(()) if payload.len() > RECORD_PAYLOAD_BYTES_MAX => Err(CodecError::TooLong),
            encoded => encoded,
        };
        let pushed = match encoded {
            Ok(()) => self.push_encoded(kind, &payload).map_err(ImageError::from),
            Err(error) => Err(ImageError::Frame(self.name.clone(), error)),
        };
        self.payload = payload;
        pushed
    }

    /// Appends a frame of this kind (not 0) whose payload is encoded already.
    pub fn push_encoded(&mut self, kind: u8, payload: &[u8]) -> Result<(), StorageError> {
        let after_sync = false;
        let label = Label { kind, after_sync };
        self.last = record::write(self.room.end(), label, self.last, payload);
        self.pace.after(payload.len());
        while self.room.filled().len() >= PIECE_BYTES {
            self.write(PIECE_BYTES)?;
        }
        Ok(())
    }

    /// Something of so many bytes was done for what is pushed next.
    pub fn prepared(&mut self, bytes: usize) {
        self.pace.after(bytes);
    }

    /// What is pushed next is copied under a lock: a rest comes before that, not within it.
    pub fn before_a_lock(&mut self) {
        self.pace.before_a_lock();
    }

    /// Writes the first `len` bytes of what has gathered.
    fn write(&mut self, len: usize) -> Result<(), StorageError> {
        let piece = self.room.filled().get(..len).unwrap_or_default();
        self.file.write_at(self.written, piece)?;
        sum_up(&mut self.digest, piece, &mut self.pace);
        self.written += piece.len() as u64;
        self.room.shift(len);
        if self.pace.is_background() && self.written - self.synced >= SYNC_AFTER_BYTES {
            self.file.sync_data(SyncSite::Image)?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Ends the file, makes its contents durable and reads them again. Its name is not durable yet.
    pub fn finish(
        mut self,
        storage: &dyn Storage,
        position: u64,
    ) -> Result<ImageEntry, ImageError> {
        self.write(self.room.filled().len())?;
        let records = self.last.sequence;
        let end = ImageEnd {
            records,
            digest: *self.digest.finalize().as_bytes(),
        };
        self.room.end().extend_from_slice(&end.encode());
        self.write(self.room.filled().len())?;
        self.file.sync_data(SyncSite::Image)?;
        let entry = ImageEntry {
            name: self.name,
            size: self.written,
            digest: *self.digest.finalize().as_bytes(),
            records,
            position,
        };
        let mut file = storage.open(&entry.name)?;
        if self.pace.is_background() {
            file.pass_cache();
            // What is in the system's memory all the same proves nothing; nor does anybody else read it.
            file.let_go(0, entry.size);
        }
        let mut room = Room::zeroed(PIECE_BYTES);
        let digest = digest_of(&*file, entry.size, room.filled_mut(), &mut self.pace)?;
        if digest == entry.digest {
            Ok(entry)
        } else {
            Err(ImageError::Verify(entry.name))
        }
    }
}

/// The digest of a file. In the background nothing of it stays in the system's memory.
pub(super) fn digest_of(
    file: &dyn StoredFile,
    size: u64,
    buffer: &mut [u8],
    pace: &mut Pace,
) -> Result<[u8; 32], StorageError> {
    let mut digest = blake3::Hasher::new();
    let mut at = 0;
    while at < size {
        let piece = piece_of(buffer, size - at);
        file.read_at(at, piece)?;
        if pace.is_background() {
            file.let_go(at, piece.len() as u64);
        }
        at += piece.len() as u64;
        sum_up(&mut digest, piece, pace);
    }
    Ok(*digest.finalize().as_bytes())
}

fn sum_up(digest: &mut blake3::Hasher, bytes: &[u8], pace: &mut Pace) {
    for part in bytes.chunks(SUMMED_BYTES) {
        digest.update(part);
        pace.after(part.len() / SUMMED_PER_ENCODED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::format::{InstanceId, Origin, SHARDS};
    use crate::durability::images::read_image;
    use crate::durability::storage::os::OsStorage;

    #[test]
    fn in_the_background_and_in_the_foreground_the_file_is_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(path, private).unwrap();
        let storage = OsStorage::open(path).unwrap();
        storage.create_dir(SHARDS).unwrap();
        let head = ImageHead {
            origin: Origin {
                instance: InstanceId([7; 16]),
                codec: 1,
            },
            generation: 3,
        };
        // Some pieces and a sync, frames across their borders, the longest one there may be, and nothing at all.
        let lengths = [1, 999, 70_000, PIECE_BYTES, RECORD_PAYLOAD_BYTES_MAX, 0, 3];
        for frames in [0, lengths.len()] {
            let written = [Priority::Background, Priority::Foreground].map(|priority| {
                let name = format!("{SHARDS}/{priority:?}");
                let mut image = ImageWriter::begin(&storage, name, &head, priority).unwrap();
                for (kind, length) in (1..).zip(&lengths[..frames]) {
                    image.push_encoded(kind, &vec![kind; *length]).unwrap();
                    image.prepared(*length);
                    image.before_a_lock();
                }
                image.finish(&storage, 5).unwrap()
            });
            let [background, foreground] = &written;
            assert_eq!(background.size, foreground.size);
            assert_eq!(background.digest, foreground.digest);
            let bytes = |entry: &ImageEntry| std::fs::read(path.join(&entry.name)).unwrap();
            assert!(bytes(background) == bytes(foreground));
            let mut read = Vec::new();
            let take = |kind, payload: &[u8]| {
                assert!(payload.iter().all(|byte| *byte == kind));
                read.push(payload.len());
                Ok(())
            };
            read_image(&storage, &head, background, take).unwrap();
            assert_eq!(read, lengths[..frames]);
        }
    }
}

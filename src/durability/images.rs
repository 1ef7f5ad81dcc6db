//! Image files: frames between a head and an end, written once, read by the digest in the manifest.
//!
//! Knows nothing of what a frame means. Invariants: what was read of a file that ends without its end, or whose
//! digest is not the manifest's, does not count; reading holds a few frames at a time, whatever a file says of
//! itself.

use std::time::Duration;

use serde::Serialize;

use super::codec::{self, CodecError};
use super::format::{
    ImageEnd, ImageHead, RECORD_BYTES_MAX, RECORD_PAYLOAD_BYTES_MAX, SECTOR_BYTES,
};
use super::manifest::ImageEntry;
use super::reading::LogError;
use super::record::{self, Label, Link, Read};
use super::storage::{Storage, StorageError, StoredFile, SyncSite};

/// What is gathered before it is written, and read at once.
const BUFFER_BYTES: usize = 32 << 10;
/// What is read at once of an image whose frames are wanted: few calls, and it is still in the cache when it is decoded.
const PIECE_BYTES: usize = 256 << 10;
/// The longest frame and a piece.
const WINDOW_BYTES: usize = RECORD_BYTES_MAX + PIECE_BYTES;
/// What a writer in the background encodes between two rests. With twice as much a snapshot takes two thirds of the time,
/// and verification's p99 doubles.
const REST_AFTER_BYTES: usize = 16 << 10;
/// How many bytes are read again in the time that encoding one takes.
const READ_PER_ENCODED: usize = 2;
/// After how many bytes a writer in the background syncs: the system, too, is to do its part in small pieces.
const SYNC_AFTER_BYTES: u64 = 1 << 20;
/// How long a rest is, at least.
const REST: Duration = Duration::from_micros(20);

/// Whether others want the processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Requests are answered meanwhile. The scheduler lets a thread that computes go on for milliseconds, however
    /// far it stands back, so it rests again and again.
    Background,
    /// Nobody waits for anything else.
    Foreground,
}

/// Why an image was not written.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What was written is not what is read.
    #[error("{0} does not read back as it was written")]
    Verify(String),
    /// Something is longer than a frame may be.
    #[error("{0}: {1}")]
    Frame(String, CodecError),
}

/// An image while it is written.
pub struct ImageWriter {
    file: Box<dyn StoredFile>,
    name: String,
    written: u64,
    synced: u64,
    buffer: Vec<u8>,
    payload: Vec<u8>,
    digest: blake3::Hasher,
    last: Link,
    rests: Rests,
}

impl ImageWriter {
    /// Begins a file of this name; whatever had it goes.
    pub fn begin(
        storage: &dyn Storage,
        name: String,
        head: &ImageHead,
        priority: Priority,
    ) -> Result<Self, ImageError> {
        super::segment::remove_leftover(storage, &name)?;
        let mut writer = Self {
            file: storage.create(&name)?,
            name,
            written: 0,
            synced: 0,
            buffer: Vec::with_capacity(BUFFER_BYTES + RECORD_BYTES_MAX),
            payload: Vec::new(),
            digest: blake3::Hasher::new(),
            last: Link::default(),
            rests: Rests::of(priority),
        };
        writer.buffer.extend_from_slice(&head.encode());
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
        self.last = record::write(&mut self.buffer, label, self.last, payload);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        self.rests.after(payload.len());
        Ok(())
    }

    /// Rests if that is nearly due: before something that is better not interrupted.
    pub fn rest_soon(&mut self) {
        let soon = REST_AFTER_BYTES / 2;
        if self.rests.worked >= soon {
            self.rests.after(soon);
        }
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file.write_at(self.written, &self.buffer)?;
        self.digest.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        let background = self.rests.priority == Priority::Background;
        if background && self.written - self.synced >= SYNC_AFTER_BYTES {
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
        self.flush()?;
        let records = self.last.sequence;
        let end = ImageEnd {
            records,
            digest: *self.digest.finalize().as_bytes(),
        };
        self.buffer.extend_from_slice(&end.encode());
        self.flush()?;
        self.file.sync_data(SyncSite::Image)?;
        let entry = ImageEntry {
            name: self.name,
            size: self.written,
            digest: *self.digest.finalize().as_bytes(),
            records,
            position,
        };
        let file = storage.open(&entry.name)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let digest = digest_of(&*file, entry.size, &mut buffer, &mut self.rests)?;
        if digest == entry.digest {
            Ok(entry)
        } else {
            Err(ImageError::Verify(entry.name))
        }
    }
}

fn digest_of(
    file: &dyn StoredFile,
    size: u64,
    buffer: &mut [u8],
    rests: &mut Rests,
) -> Result<[u8; 32], StorageError> {
    let mut digest = blake3::Hasher::new();
    let mut at = 0;
    while at < size {
        let piece = piece_of(buffer, size - at);
        file.read_at(at, piece)?;
        digest.update(piece);
        if rests.priority == Priority::Background {
            // Nobody reads it again unless the node starts; removing it costs less, too.
            file.let_go(at, piece.len() as u64);
        }
        at += piece.len() as u64;
        rests.after(piece.len() / READ_PER_ENCODED);
    }
    Ok(*digest.finalize().as_bytes())
}

/// When to rest.
struct Rests {
    priority: Priority,
    /// Bytes encoded since the last one.
    worked: usize,
}

impl Rests {
    fn of(priority: Priority) -> Self {
        Self {
            priority,
            worked: 0,
        }
    }

    fn after(&mut self, bytes: usize) {
        self.worked += bytes;
        if self.priority == Priority::Background && self.worked >= REST_AFTER_BYTES {
            self.worked = 0;
            std::thread::park_timeout(REST);
        }
    }
}

/// As much of the buffer as is wanted.
fn piece_of(buffer: &mut [u8], wanted: u64) -> &mut [u8] {
    let len = usize::try_from(wanted)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    buffer.get_mut(..len).unwrap_or_default()
}

/// Hands on every frame of an image: kind and payload. What was handed on counts only if this says that the image is
/// the one which the manifest names: that is known when its last byte was read.
///
/// `take` may say what is wrong with a payload.
pub fn read_image(
    storage: &dyn Storage,
    head: &ImageHead,
    entry: &ImageEntry,
    take: impl FnMut(u8, &[u8]) -> Result<(), String>,
) -> Result<(), LogError> {
    let name = &entry.name;
    let file = storage.open(name)?;
    let damage = |offset: u64, what: String| damage(name, offset, what);
    let size = file.size()?;
    let least = (SECTOR_BYTES + ImageEnd::BYTES) as u64;
    if size != entry.size || size < least {
        let what = format!("it has {size} bytes, and the manifest knows {}", entry.size);
        return Err(damage(0, what));
    }
    let (mut window, mut digest) = (vec![0; WINDOW_BYTES], blake3::Hasher::new());
    let read = read_frames(
        &*file,
        size,
        head,
        entry,
        &mut window,
        Some(&mut digest),
        take,
    );
    let digest = match read {
        Ok(()) => *digest.finalize().as_bytes(),
        // Whatever is wrong in it, if it is not the file that was written that is what is wrong with it.
        Err(LogError::Damage { .. }) => {
            let rests = &mut Rests::of(Priority::Foreground);
            digest_of(&*file, size, &mut window, rests)?
        }
        Err(_) => return read,
    };
    if digest != entry.digest {
        return Err(damage(
            0,
            "its digest is not the one in the manifest".into(),
        ));
    }
    read
}

/// Where an image that cannot be read is bad: the first flaw in it, whatever its digest.
pub fn flaw_of(storage: &dyn Storage, head: &ImageHead, entry: &ImageEntry) -> Option<LogError> {
    let file = storage.open(&entry.name).ok()?;
    let size = file.size().ok()?;
    let least = (SECTOR_BYTES + ImageEnd::BYTES) as u64;
    if size < least {
        return None;
    }
    let mut window = vec![0; WINDOW_BYTES];
    let take = |_: u8, _: &[u8]| Ok(());
    read_frames(&*file, size, head, entry, &mut window, None, take).err()
}

fn damage(name: &str, offset: u64, what: String) -> LogError {
    LogError::Damage {
        name: name.to_owned(),
        offset,
        what,
    }
}

/// Reads the frames between head and end, and takes everything into `digest` on the way. The window has
/// [`WINDOW_BYTES`].
fn read_frames(
    file: &dyn StoredFile,
    size: u64,
    head: &ImageHead,
    entry: &ImageEntry,
    window: &mut [u8],
    mut digest: Option<&mut blake3::Hasher>,
    mut take: impl FnMut(u8, &[u8]) -> Result<(), String>,
) -> Result<(), LogError> {
    let damage = |offset: u64, what: String| damage(&entry.name, offset, what);
    let mut summed = |bytes: &[u8]| {
        if let Some(digest) = digest.as_deref_mut() {
            digest.update(bytes);
        }
    };
    let mut sector = [0; SECTOR_BYTES];
    file.read_at(0, &mut sector)?;
    summed(&sector);
    let found =
        ImageHead::decode(&sector).map_err(|flaw| damage(0, format!("its head: {flaw}")))?;
    if found.origin.instance != head.origin.instance || found.generation != head.generation {
        return Err(damage(0, "it is an image of something else".into()));
    }
    if found.origin.codec > head.origin.codec {
        let what =
            "its payloads have an encoding that this program does not know: use the newer one";
        return Err(damage(0, what.into()));
    }
    let end_at = size - ImageEnd::BYTES as u64;
    let mut end_bytes = [0; ImageEnd::BYTES];
    file.read_at(end_at, &mut end_bytes)?;
    let end =
        ImageEnd::decode(&end_bytes).map_err(|flaw| damage(end_at, format!("its end: {flaw}")))?;

    let mut last = Link::default();
    let mut unread = SECTOR_BYTES as u64;
    // What was read and is no whole frame yet stands at the beginning of the window.
    let mut filled = 0;
    loop {
        let wanted = usize::try_from(end_at - unread).unwrap_or(usize::MAX);
        let to = filled + wanted.min(PIECE_BYTES);
        let piece = window.get_mut(filled..to).unwrap_or_default();
        file.read_at(unread, piece)?;
        summed(piece);
        unread += piece.len() as u64;
        let mut rest = window.get(..to).unwrap_or_default();
        let left = loop {
            let at = unread - rest.len() as u64;
            match record::read(rest) {
                Read::Complete {
                    record,
                    rest: behind,
                } => {
                    if record.link.sequence != last.sequence + 1 || record.before != last.checksum {
                        return Err(damage(at, "a frame does not follow the one before".into()));
                    }
                    take(record.label.kind, record.payload).map_err(|what| damage(at, what))?;
                    last = record.link;
                    rest = behind;
                }
                // The rest of it may be in the next piece: no frame is longer than there is room for.
                Read::Incomplete if unread < end_at => break rest.len(),
                Read::Incomplete if rest.is_empty() => break 0,
                Read::Incomplete | Read::Corrupt(_) => {
                    return Err(damage(at, "no frame begins here".into()));
                }
            }
        };
        window.copy_within(to - left..to, 0);
        filled = left;
        if unread == end_at {
            break;
        }
    }
    if last.sequence != end.records || last.sequence != entry.records {
        return Err(damage(
            end_at,
            format!("it has {} frames, and says {}", last.sequence, end.records),
        ));
    }
    summed(&end_bytes);
    Ok(())
}

//! Image files: frames between a head and an end, written once, read by the digest in the manifest.
//!
//! Knows nothing of what a frame means. Invariants: what was read of a file that ends without its end, or whose
//! digest is not the manifest's, does not count; reading holds a few frames at a time, whatever a file says of
//! itself.

mod pace;
mod room;
mod writer;

use self::pace::Pace;
pub use self::pace::Priority;
pub use self::writer::ImageWriter;
use self::writer::digest_of;
use super::codec::CodecError;
use super::format::{ImageEnd, ImageHead, RECORD_BYTES_MAX, SECTOR_BYTES};
use super::manifest::ImageEntry;
use super::reading::LogError;
use super::record::{self, Link, Read};
use super::storage::{Storage, StorageError, StoredFile};

/// What is written and read at once: few calls, and it is still in the cache when it is decoded.
const PIECE_BYTES: usize = 256 << 10;
/// The longest frame and a piece.
const WINDOW_BYTES: usize = RECORD_BYTES_MAX + PIECE_BYTES;

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
            let pace = &mut Pace::of(Priority::Foreground);
            digest_of(&*file, size, &mut window, pace)?
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

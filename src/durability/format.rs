//! Every byte on disk: magics, versions, lengths, names, the heads of files. Mirrors
//! `docs/FORMAT.md`, which has the drawings; a change here is a change there, and of the version.
//!
//! All numbers are little-endian. Invariants: each layout is covered by a checksum up to its last
//! byte, padding included, so that no flipped bit goes unseen.

use super::record::Link;

/// The version of the data directory that is written; newer ones are refused.
pub const VERSION: u32 = 1;

/// Length, kind, flags, reserved, sequence, checksum of the record before.
pub const RECORD_HEAD_BYTES: usize = 4 + 1 + 1 + 2 + 8 + 4;
/// The record's own checksum.
pub const RECORD_TAIL_BYTES: usize = 4;
/// The longest payload: 1 MiB, so that one record ends all the sessions that a limit can hold.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// The longest record.
pub const RECORD_BYTES_MAX: usize =
    RECORD_HEAD_BYTES + RECORD_PAYLOAD_BYTES_MAX + RECORD_TAIL_BYTES;
/// How many bytes a search for whole records behind a bad one sums up at most: 64 longest ones.
pub const RECORD_TRIED_BYTES: usize = 64 * RECORD_PAYLOAD_BYTES_MAX;

/// What a disk writes wholly or not at all.
pub const SECTOR_BYTES: usize = 512;
/// Of head and seal, the bytes before their checksum.
const SECTOR_SUMMED_BYTES: usize = SECTOR_BYTES - 4;
/// Where the seal of a segment lies: in a sector of its own, so that writing it later touches
/// nothing else.
pub const SEAL_AT: u64 = SECTOR_BYTES as u64;
/// Where the first record lies.
pub const SEGMENT_HEAD_BYTES: usize = 2 * SECTOR_BYTES;
/// The longest segment that is read: what one segment and one buffer of the log may have together.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const SEGMENT_MAGIC: [u8; 8] = *b"SESSLOG\n";
const SEAL_MAGIC: [u8; 8] = *b"SESSEAL\n";
const IMAGE_MAGIC: [u8; 8] = *b"SESSIMG\n";
const IMAGE_END_MAGIC: [u8; 8] = *b"SESSEND\n";
/// The first bytes of a manifest.
pub const MANIFEST_MAGIC: [u8; 8] = *b"SESSMAN\n";
/// The longest manifest.
pub const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// The name of the manifest.
pub const MANIFEST: &str = "manifest";
/// The manifest while it is written.
pub const MANIFEST_NEW: &str = "manifest.new";
/// The directory of the log.
pub const LOG: &str = "log";
/// The next segment while it is made.
pub const SEGMENT_NEW: &str = "log/next";
/// Room for restrictions on a full disk; becomes a segment by being renamed.
pub const RESERVE: &str = "log/reserve";
/// The directory of images.
pub const SHARDS: &str = "shards";
const SEGMENT_SUFFIX: &str = ".log";
const SEGMENT_DIGITS: usize = 20;

/// The name of the segment whose first record has this sequence.
#[must_use]
pub fn segment_name(first: u64) -> String {
    format!("{LOG}/{first:0SEGMENT_DIGITS$}{SEGMENT_SUFFIX}")
}

/// The first sequence of the segment with this name, which is given without its directory.
#[must_use]
pub fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let numeric = digits.len() == SEGMENT_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| numeric)
}

const IMAGE_SUFFIX: &str = ".image";

/// The name of a generation's image of the directory (`None`), or of the slots in its row `nth`.
#[must_use]
pub fn image_name(generation: u64, nth: Option<u16>) -> String {
    match nth {
        Some(nth) => format!("{SHARDS}/{generation:0SEGMENT_DIGITS$}-{nth:04}{IMAGE_SUFFIX}"),
        None => format!("{SHARDS}/{generation:0SEGMENT_DIGITS$}-directory{IMAGE_SUFFIX}"),
    }
}

/// Whether a file in the directory of images has such a name as images have.
#[must_use]
pub fn is_image(name: &str) -> bool {
    let stem = name.strip_suffix(IMAGE_SUFFIX);
    let parts = stem.and_then(|stem| stem.split_once('-'));
    parts.is_some_and(|(generation, _)| generation.bytes().all(|b| b.is_ascii_digit()))
}

/// The last sequence of a record, number of a generation, or size of a file that is believed: no log comes so far, and
/// what is counted on from it does not overflow.
pub const NUMBER_MAX: u64 = 1 << 56;

/// Which data directory a file belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InstanceId(pub [u8; 16]);

impl std::fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for InstanceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What all segments of a data directory have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose they are.
    pub instance: InstanceId,
    /// How their payloads are encoded; this code reads its own and all smaller ones.
    pub codec: u32,
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// Whose it is, and how encoded.
    pub origin: Origin,
    /// The record before the first one of this segment.
    pub before: Link,
}

impl SegmentHead {
    /// The sequence of its first record.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.before.sequence + 1
    }
}

/// Why a head, a seal or a manifest is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFlaw {
    /// It ends before it is complete.
    #[error("it is too short")]
    Short,
    /// It is longer than it may be.
    #[error("it is too long")]
    Long,
    /// It begins with something else.
    #[error("it begins with something else")]
    Magic,
    /// The checksum differs.
    #[error("the checksum differs")]
    Checksum,
    /// The checksum is right and a value impossible.
    #[error("its {0} is impossible")]
    Value(&'static str),
    /// A newer program wrote it.
    #[error("it has format {0}, and this program knows formats up to {VERSION}: use the newer one")]
    Version(u32),
}

/// How a segment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealKind {
    /// Another one follows.
    Continued,
    /// The process stopped in good order; nothing follows yet.
    Stopped,
}

/// What is known of a segment once nothing more is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// How it ended.
    pub kind: SealKind,
    /// Its length in bytes.
    pub len: u64,
    /// Its last record, or the one before its first if it has none.
    pub last: Link,
}

/// The fields of a head or a manifest, one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], HeadFlaw> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(HeadFlaw::Short)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u32(&mut self) -> Result<u32, HeadFlaw> {
        self.take().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, HeadFlaw> {
        self.take().map(u64::from_le_bytes)
    }

    /// A sequence, a number of a generation, or a length: at most [`NUMBER_MAX`].
    pub(super) fn number(&mut self, what: &'static str) -> Result<u64, HeadFlaw> {
        let number = self.u64()?;
        Some(number)
            .filter(|number| *number <= NUMBER_MAX)
            .ok_or(HeadFlaw::Value(what))
    }
}

type Sector = [u8; SECTOR_BYTES];

/// Puts fields one after another, zeros behind them, and the checksum of all of that.
fn sector(fields: &[&[u8]]) -> Sector {
    let mut sector = [0; SECTOR_BYTES];
    let mut room = sector.as_mut_slice();
    for field in fields {
        let (place, rest) = room.split_at_mut(field.len());
        place.copy_from_slice(field);
        room = rest;
    }
    let (summed, sum) = sector.split_at_mut(SECTOR_SUMMED_BYTES);
    sum.copy_from_slice(&crc32c::crc32c(summed).to_le_bytes());
    sector
}

fn checked(sector: &Sector, magic: [u8; 8]) -> Result<Fields<'_>, HeadFlaw> {
    let (summed, sum) = sector.split_at(SECTOR_SUMMED_BYTES);
    let mut fields = Fields(summed);
    if fields.take()? != magic {
        return Err(HeadFlaw::Magic);
    }
    if crc32c::crc32c(summed).to_le_bytes() != *sum {
        return Err(HeadFlaw::Checksum);
    }
    Ok(fields)
}

impl SegmentHead {
    /// The first sector of the segment.
    #[must_use]
    pub fn encode(&self) -> [u8; SECTOR_BYTES] {
        sector(&[
            &SEGMENT_MAGIC,
            &VERSION.to_le_bytes(),
            &self.origin.codec.to_le_bytes(),
            &self.origin.instance.0,
            &self.first().to_le_bytes(),
            &self.before.checksum.to_le_bytes(),
        ])
    }

    /// Reads the first sector of a segment.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadFlaw> {
        let sector = bytes.first_chunk().ok_or(HeadFlaw::Short)?;
        let mut fields = checked(sector, SEGMENT_MAGIC)?;
        let version = fields.u32()?;
        if version > VERSION {
            return Err(HeadFlaw::Version(version));
        }
        let codec = fields.u32()?;
        let instance = InstanceId(fields.take()?);
        let first = fields.number("first sequence")?;
        let before = Link {
            sequence: first
                .checked_sub(1)
                .ok_or(HeadFlaw::Value("first sequence"))?,
            checksum: fields.u32()?,
        };
        let origin = Origin { instance, codec };
        Ok(Self { origin, before })
    }
}

impl Seal {
    /// The sector at [`SEAL_AT`].
    #[must_use]
    pub fn encode(&self) -> [u8; SECTOR_BYTES] {
        let kind: u32 = match self.kind {
            SealKind::Continued => 1,
            SealKind::Stopped => 2,
        };
        sector(&[
            &SEAL_MAGIC,
            &kind.to_le_bytes(),
            &self.last.checksum.to_le_bytes(),
            &self.len.to_le_bytes(),
            &self.last.sequence.to_le_bytes(),
        ])
    }

    /// Reads the sector at [`SEAL_AT`]; zeros are a segment that is not sealed.
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, HeadFlaw> {
        let sector = bytes.first_chunk().ok_or(HeadFlaw::Short)?;
        if sector.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let mut fields = checked(sector, SEAL_MAGIC)?;
        let kind = match fields.u32()? {
            1 => SealKind::Continued,
            2 => SealKind::Stopped,
            _ => return Err(HeadFlaw::Value("kind")),
        };
        let checksum = fields.u32()?;
        let len = fields.number("length")?;
        let sequence = fields.number("last sequence")?;
        let last = Link { sequence, checksum };
        Ok(Some(Self { kind, len, last }))
    }
}

/// The head of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageHead {
    /// Whose it is, and how encoded.
    pub origin: Origin,
    /// Of which generation.
    pub generation: u64,
}

impl ImageHead {
    /// The first sector of the image.
    #[must_use]
    pub fn encode(&self) -> [u8; SECTOR_BYTES] {
        sector(&[
            &IMAGE_MAGIC,
            &VERSION.to_le_bytes(),
            &self.origin.codec.to_le_bytes(),
            &self.origin.instance.0,
            &self.generation.to_le_bytes(),
        ])
    }

    /// Reads the first sector of an image.
    pub fn decode(sector: &[u8; SECTOR_BYTES]) -> Result<Self, HeadFlaw> {
        let mut fields = checked(sector, IMAGE_MAGIC)?;
        let version = fields.u32()?;
        if version > VERSION {
            return Err(HeadFlaw::Version(version));
        }
        let codec = fields.u32()?;
        let instance = InstanceId(fields.take()?);
        Ok(Self {
            origin: Origin { instance, codec },
            generation: fields.number("generation")?,
        })
    }
}

/// The end of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageEnd {
    /// How many frames there are.
    pub records: u64,
    /// BLAKE3 of everything before the end.
    pub digest: [u8; 32],
}

impl ImageEnd {
    /// How long it is.
    pub const BYTES: usize = 8 + 8 + 32;

    /// The last bytes of the image.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [
            &IMAGE_END_MAGIC[..],
            &self.records.to_le_bytes(),
            &self.digest,
        ]
        .concat()
    }

    /// Reads the last bytes of an image, which the digest in the manifest covers.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Result<Self, HeadFlaw> {
        let mut fields = Fields(bytes);
        if fields.take()? != IMAGE_END_MAGIC {
            return Err(HeadFlaw::Magic);
        }
        Ok(Self {
            records: fields.u64()?,
            digest: fields.take()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: SegmentHead = SegmentHead {
        origin: Origin {
            instance: InstanceId([3; 16]),
            codec: 9,
        },
        before: Link {
            sequence: 41,
            checksum: 0x0102_0304,
        },
    };
    const SEAL: Seal = Seal {
        kind: SealKind::Stopped,
        len: 5_000,
        last: HEAD.before,
    };

    /// What `docs/FORMAT.md` says, so that a change here is seen.
    #[test]
    fn heads_and_seals_are_laid_out_as_documented() {
        let head = HEAD.encode();
        assert_eq!(&head[..8], b"SESSLOG\n");
        assert_eq!(head[8..12], 1_u32.to_le_bytes());
        assert_eq!(head[12..16], 9_u32.to_le_bytes());
        assert_eq!(head[16..32], [3; 16]);
        assert_eq!(head[32..40], 42_u64.to_le_bytes());
        assert_eq!(head[40..44], [4, 3, 2, 1]);
        assert!(head[44..508].iter().all(|byte| *byte == 0));
        assert_eq!(head[508..], crc32c::crc32c(&head[..508]).to_le_bytes());
        let seal = SEAL.encode();
        assert_eq!(&seal[..8], b"SESSEAL\n");
        assert_eq!(seal[8..12], 2_u32.to_le_bytes());
        assert_eq!(seal[12..16], [4, 3, 2, 1]);
        assert_eq!(seal[16..24], 5_000_u64.to_le_bytes());
        assert_eq!(seal[24..32], 41_u64.to_le_bytes());
        assert_eq!(seal[508..], crc32c::crc32c(&seal[..508]).to_le_bytes());
        assert_eq!((SEAL_AT, SEGMENT_HEAD_BYTES), (512, 1_024));
        assert_eq!((RECORD_HEAD_BYTES, RECORD_TAIL_BYTES), (20, 4));
    }

    #[test]
    fn what_was_encoded_is_decoded_and_every_flipped_bit_is_seen() {
        let (head, seal) = (HEAD.encode(), SEAL.encode());
        assert_eq!(SegmentHead::decode(&head), Ok(HEAD));
        assert_eq!(Seal::decode(&seal), Ok(Some(SEAL)));
        assert_eq!(Seal::decode(&[0; SECTOR_BYTES]), Ok(None));
        for bit in 0..SECTOR_BYTES * 8 {
            let flip = |mut sector: Sector| {
                sector[bit / 8] ^= 1 << (bit % 8);
                sector
            };
            assert!(SegmentHead::decode(&flip(head)).is_err(), "{bit}");
            assert!(Seal::decode(&flip(seal)).is_err(), "{bit}");
            assert!(Seal::decode(&flip([0; SECTOR_BYTES])).is_err(), "{bit}");
        }
    }

    #[test]
    fn names_of_segments_sort_like_their_sequences() {
        assert_eq!(segment_name(7), "log/00000000000000000007.log");
        for first in [1, 7, u64::MAX] {
            let name = segment_name(first);
            assert_eq!(
                segment_first(name.strip_prefix("log/").unwrap()),
                Some(first)
            );
        }
        for other in [
            "7.log",
            "0000000000000000007a.log",
            "+0000000000000000007.log",
            "next",
        ] {
            assert_eq!(segment_first(other), None, "{other}");
        }
    }
}

//! Framing of records on byte slices. Knows nothing of files, nor of what a payload means.
//!
//! Invariants: nothing is looked at as a payload whose checksum did not pass; nothing is allocated
//! to read a record; the bytes of a record say where it stands in the order, and what stood before.

use super::format::{RECORD_HEAD_BYTES, RECORD_PAYLOAD_BYTES_MAX, RECORD_TAIL_BYTES};

/// A place in the order of all records of a data directory, and the checksum of the record there.
/// The first record has sequence 1; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The record's number.
    pub sequence: u64,
    /// Its checksum.
    pub checksum: u32,
}

/// What a record says of itself besides its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which decoder the payload is for; never 0, which is what an empty disk reads like.
    pub kind: u8,
    /// When this was written, everything before it had been synced: it is no legitimate sight
    /// behind a damaged record.
    pub after_sync: bool,
}

/// A record whose checksum passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Kind and flags.
    pub label: Label,
    /// Its own place.
    pub link: Link,
    /// The checksum of the record before.
    pub before: u32,
    /// What the encoder gave.
    pub payload: &'a [u8],
}

/// What the beginning of a slice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// A record, and what follows it.
    Complete {
        /// The record.
        record: Record<'a>,
        /// The bytes behind it.
        rest: &'a [u8],
    },
    /// The slice ends before the record does.
    Incomplete,
    /// No record begins here.
    Corrupt(Flaw),
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The length is beyond what any record may have.
    #[error("a length of {0} bytes, more than a record may have")]
    Length(u32),
    /// The kind is 0.
    #[error("zeros instead of a record")]
    Zeros,
    /// A bit is set that no version uses.
    #[error("a reserved bit is set")]
    Reserved,
    /// The checksum differs.
    #[error("the checksum differs")]
    Checksum,
}

/// Appends the record that follows `before` to `out`, and returns its own place.
///
/// The payload must have at most [`RECORD_PAYLOAD_BYTES_MAX`] bytes: the log refuses longer ones.
pub fn write(out: &mut Vec<u8>, label: Label, before: Link, payload: &[u8]) -> Link {
    let from = out.len();
    let length = u32::try_from(payload.len()).expect("the log refuses long payloads");
    let sequence = before.sequence + 1;
    out.reserve(RECORD_HEAD_BYTES + payload.len() + RECORD_TAIL_BYTES);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[label.kind, u8::from(label.after_sync), 0, 0]);
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&before.checksum.to_le_bytes());
    out.extend_from_slice(payload);
    let checksum = crc32c::crc32c(out.get(from..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
    Link { sequence, checksum }
}

/// Reads the record at the beginning of `bytes`.
#[must_use]
pub fn read(bytes: &[u8]) -> Read<'_> {
    let Some((head, behind)) = bytes.split_first_chunk::<RECORD_HEAD_BYTES>() else {
        return Read::Incomplete;
    };
    let [l0, l1, l2, l3, kind, flags, r0, r1, rest @ ..] = *head;
    let [s0, s1, s2, s3, s4, s5, s6, s7, b0, b1, b2, b3] = rest;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if kind == 0 {
        return Read::Corrupt(Flaw::Zeros);
    }
    if flags > 1 || r0 != 0 || r1 != 0 {
        return Read::Corrupt(Flaw::Reserved);
    }
    let Some(payload_len) = usize::try_from(length)
        .ok()
        .filter(|len| *len <= RECORD_PAYLOAD_BYTES_MAX)
    else {
        return Read::Corrupt(Flaw::Length(length));
    };
    let Some((payload, behind)) = behind.split_at_checked(payload_len) else {
        return Read::Incomplete;
    };
    let Some((checksum, rest)) = behind.split_first_chunk::<RECORD_TAIL_BYTES>() else {
        return Read::Incomplete;
    };
    let checksum = u32::from_le_bytes(*checksum);
    let summed = bytes.get(..RECORD_HEAD_BYTES + payload_len);
    if crc32c::crc32c(summed.unwrap_or_default()) != checksum {
        return Read::Corrupt(Flaw::Checksum);
    }
    Read::Complete {
        record: Record {
            label: Label {
                kind,
                after_sync: flags == 1,
            },
            link: Link {
                sequence: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
                checksum,
            },
            before: u32::from_le_bytes([b0, b1, b2, b3]),
            payload,
        },
        rest,
    }
}

/// Finds a whole record anywhere in `bytes` whose sequence is in `wanted`: its offset and itself.
///
/// Looks at every offset, since a damaged length says nothing of where the next record begins. The
/// sequence rules nearly every offset out before a checksum is computed, and no more than `budget` bytes
/// ([`super::format::RECORD_TRIED_BYTES`] to begin with) are summed up in all, so that a file made to be slow is not;
/// `Err(())` says that this was too little to know.
#[expect(
    clippy::result_unit_err,
    reason = "there is nothing to say but that it is not known"
)]
pub fn find<'a>(
    bytes: &'a [u8],
    wanted: std::ops::Range<u64>,
    budget: &mut usize,
) -> Result<Option<(usize, Record<'a>)>, ()> {
    let mut at = 0;
    while let Some(head) = bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk::<RECORD_HEAD_BYTES>)
    {
        let [
            l0,
            l1,
            l2,
            l3,
            kind,
            _,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            ..,
        ] = *head;
        let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        if kind != 0 && wanted.contains(&sequence) {
            // One that does not fit is not summed up.
            let length = u32::from_le_bytes([l0, l1, l2, l3]);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length <= RECORD_PAYLOAD_BYTES_MAX.min(bytes.len() - at) {
                *budget = budget.checked_sub(length).ok_or(())?;
            }
            if let Read::Complete { record, .. } = read(bytes.get(at..).unwrap_or_default()) {
                return Ok(Some((at, record)));
            }
        }
        at += 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::durability::format::RECORD_TRIED_BYTES;

    const LABEL: Label = Label {
        kind: 1,
        after_sync: true,
    };

    fn sample(payload: &[u8]) -> (Vec<u8>, Link) {
        let mut bytes = Vec::new();
        let before = Link {
            sequence: 41,
            checksum: 7,
        };
        let link = write(&mut bytes, LABEL, before, payload);
        (bytes, link)
    }

    #[test]
    fn what_was_written_is_read() {
        for payload in [vec![], vec![9; 300], vec![0; RECORD_PAYLOAD_BYTES_MAX]] {
            let (mut bytes, link) = sample(&payload);
            bytes.extend_from_slice(b"rest");
            let Read::Complete { record, rest } = read(&bytes) else {
                panic!("{:?}", read(&bytes));
            };
            assert_eq!(record.payload, payload);
            assert_eq!((record.link, record.before), (link, 7));
            assert_eq!((record.label, link.sequence), (LABEL, 42));
            assert_eq!(rest, b"rest");
        }
    }

    #[test]
    fn every_cut_is_incomplete_and_every_flipped_bit_is_seen() {
        let (bytes, _) = sample(b"a payload of some bytes");
        for len in 0..bytes.len() {
            assert_eq!(read(&bytes[..len]), Read::Incomplete, "{len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(read(&flipped), Read::Complete { .. }), "{bit}");
        }
    }

    #[test]
    fn a_record_is_found_at_any_offset_if_its_sequence_is_wanted() {
        let (bytes, link) = sample(b"payload");
        for before in 0..40 {
            let mut all = vec![0x55; before];
            all.extend_from_slice(&bytes);
            let found = find(&all, 42..43, &mut { RECORD_TRIED_BYTES })
                .unwrap()
                .unwrap();
            assert_eq!((found.0, found.1.link), (before, link));
            assert_eq!(find(&all, 43..99, &mut { RECORD_TRIED_BYTES }), Ok(None));
        }
    }

    #[test]
    fn a_tail_made_to_be_slow_is_given_up() {
        // Each offset looks like the long record that is wanted.
        let mut bytes = vec![0; 4 << 20];
        for head in bytes.chunks_mut(RECORD_HEAD_BYTES) {
            if let Some(head) = head.first_chunk_mut::<16>() {
                *head = [0xff, 0xff, 3, 0, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
            }
        }
        assert_eq!(find(&bytes, 5..6, &mut { RECORD_TRIED_BYTES }), Err(()));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Read::Complete { record, rest } = read(&bytes) {
                prop_assert!(record.payload.len() + rest.len() < bytes.len());
            }
            let mut budget = RECORD_TRIED_BYTES;
            prop_assert!(find(&bytes, 0..u64::MAX, &mut budget).is_ok());
        }
    }
}

//! Memory that begins where a disk can read and write it by itself, without the system's memory between them.

use crate::durability::storage::BLOCK_BYTES;

/// Bytes that begin at a whole block.
///
/// Invariant: as long as no more than `len` are appended to it they stay where they are. More are taken, too, and then go
/// the ordinary way to the disk.
pub(super) struct Room {
    bytes: Vec<u8>,
    /// What stands in front of the first block.
    from: usize,
}

impl Room {
    /// Has room for `len` bytes, and is empty.
    pub(super) fn with_capacity(len: usize) -> Self {
        let mut bytes = Vec::<u8>::with_capacity(len + BLOCK_BYTES);
        // A compiler may say that it cannot be known: a shift that is out of bounds, and so none.
        let from = bytes.as_ptr().align_offset(BLOCK_BYTES);
        let from = if from < BLOCK_BYTES { from } else { 0 };
        bytes.resize(from, 0);
        Self { bytes, from }
    }

    /// The same, full of zeros.
    pub(super) fn zeroed(len: usize) -> Self {
        let mut room = Self::with_capacity(len);
        room.bytes.resize(room.from + len, 0);
        room
    }

    pub(super) fn filled(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }

    pub(super) fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.from..).unwrap_or_default()
    }

    /// Where to append.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Forgets the first `len` bytes; what stands behind them comes to the front.
    pub(super) fn shift(&mut self, len: usize) {
        let left = self.filled().len().saturating_sub(len);
        let from = self.bytes.len() - left;
        self.bytes.copy_within(from.., self.from);
        self.bytes.truncate(self.from + left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_block_and_keeps_what_is_behind() {
        let mut room = Room::with_capacity(3 * BLOCK_BYTES);
        let begins = |room: &Room| room.filled().as_ptr().align_offset(BLOCK_BYTES);
        for round in 0..9_u8 {
            let more = 3 * BLOCK_BYTES - room.filled().len();
            room.end().extend(std::iter::repeat_n(round, more));
            assert_eq!(begins(&room), 0, "{round}");
            room.shift(2 * BLOCK_BYTES + 1);
            assert_eq!(room.filled(), vec![round; BLOCK_BYTES - 1]);
        }
        room.shift(usize::MAX);
        assert_eq!(room.filled(), b"");
        let mut zeros = Room::zeroed(BLOCK_BYTES);
        assert_eq!(begins(&zeros), 0);
        assert_eq!(zeros.filled_mut(), [0; BLOCK_BYTES]);
    }
}

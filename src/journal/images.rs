//! The port through which images are taken of a running engine: by whom it is asked, it does not know.
//!
//! Invariants: a slot is shown under its own lock, for as long as copying it takes; what is shown holds
//! everything up to its sequence, and nothing of a later record only in part that a replay would not
//! put right.

use crate::engine::image::{DirectoryImage, SlotImage};
use crate::engine::slot::SlotNumber;

/// The engine does not answer: it stops, or its journal refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine gives no image: it stops, or its journal takes no more records")]
pub struct NoImage;

/// An engine of which images are taken. Its calls block: not for threads that serve requests.
pub trait ImageSource: Send + Sync + 'static {
    /// Waits until everything that was appended before is durable whatever comes, and applied; gives
    /// the sequence up to which that holds.
    fn settle(&self) -> Result<u64, NoImage>;
    /// The images taken since the last [`Self::settle`] are durable.
    fn kept(&self) {}
    /// The longest that showing a slot or the directory has held up whoever wants to change it, since the last
    /// [`Self::settle`], in microseconds.
    fn longest_hold_us(&self) -> u64 {
        0
    }
    /// Something took effect that no record tells of: images are wanted soon.
    fn is_owed(&self) -> bool {
        false
    }
    /// Waits, under the slot's lock, for the memory of a run of its sessions, so that the lock is held for a shorter time
    /// while the slot is shown. False: there is no such run, nor one behind it.
    fn look_at(&self, _number: SlotNumber, _run: usize) -> bool {
        false
    }
    /// A slot, and the sequence up to which everything is in it, as far as its own records tell.
    fn slot(&self, number: SlotNumber) -> (SlotImage, u64);
    /// The directory, likewise.
    fn directory(&self) -> Result<(DirectoryImage, u64), NoImage>;
}

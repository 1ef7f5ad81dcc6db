//! Whether there is memory for more, as the handle and the owners see it: told by whoever watches the process.
//!
//! Invariant: nobody asks the system here; a look is one atomic.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::handle::EngineHandle;
use crate::credentials::login::LoginRefusal;
use crate::door::MemoryFigures;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Memory {
    full: AtomicBool,
    resident_bytes: AtomicU64,
    /// 0 if there is none.
    ceiling_bytes: AtomicU64,
    /// Commands that were turned away because of it.
    refused: AtomicU64,
}

impl Memory {
    /// Whether what needs room is to be turned away.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Counts one that was turned away.
    pub(super) fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tell(&self, resident_bytes: u64, ceiling_bytes: u64, full: bool) {
        self.resident_bytes.store(resident_bytes, Ordering::Relaxed);
        self.ceiling_bytes.store(ceiling_bytes, Ordering::Relaxed);
        self.full.store(full, Ordering::Relaxed);
    }

    /// `None` if there is no ceiling.
    pub(super) fn figures(&self) -> Option<MemoryFigures> {
        let ceiling_bytes = self.ceiling_bytes.load(Ordering::Relaxed);
        (ceiling_bytes > 0).then(|| MemoryFigures {
            resident_bytes: self.resident_bytes.load(Ordering::Relaxed),
            ceiling_bytes,
            full: self.is_full(),
            refused: self.refused.load(Ordering::Relaxed),
        })
    }
}

impl EngineHandle {
    /// Says what the process holds and may hold, and whether grants are refused because of it.
    pub fn tell_memory(&self, resident_bytes: u64, ceiling_bytes: u64, full: bool) {
        self.memory().tell(resident_bytes, ceiling_bytes, full);
    }

    /// How many things there are that take memory: sessions, clients, accounts, keys and the like.
    #[must_use]
    pub fn things(&self) -> u64 {
        self.world().things()
    }

    /// Has the owners look at every session, and end those that are dead.
    pub fn sweep_soon(&self) {
        self.world().sweep_soon();
    }

    /// A login that cannot lead to a session is not worth its hashing.
    pub(super) fn has_room_for_logins(&self) -> Result<(), LoginRefusal> {
        if self.memory().is_full() {
            self.memory().note_refused();
            return Err(LoginRefusal::Overloaded);
        }
        Ok(())
    }
}

//! Images of the running engine, for whoever writes snapshots: on a thread that may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use actix::{Handler, Message};

use super::handle::EngineHandle;
use super::owner::Owner;
use crate::clock::monotonic_ns;
use crate::engine::directory::Directory;
use crate::engine::event::Part;
use crate::engine::image::{DirectoryImage, SlotImage};
use crate::engine::slot::SlotNumber;
use crate::journal::images::{ImageSource, NoImage};
use crate::journal::{Entry, Stake};

/// How long an engine may take to show something; one that takes longer is given up, not waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A record without parts: the journal says what time it is, and how far it is.
pub(super) struct Mark {
    /// Told the sequence once everything up to it is durable whatever comes; nobody, if this only
    /// tells the time.
    pub(super) passed: Option<SyncSender<u64>>,
}

impl Entry for Mark {
    fn parts(&self) -> &[Part] {
        &[]
    }

    fn stake(&self) -> Stake {
        match self.passed {
            Some(_) => Stake::Everything,
            None => Stake::Upkeep,
        }
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        if let Some(passed) = &self.passed {
            // There is room for one; whoever gave up waiting is not told.
            let _ = passed.try_send(sequence);
        }
    }

    fn refused(self: Arc<Self>) {}
}

/// The longest that something was held while it was copied. Measured by whoever copies, so that it costs nobody else
/// anything.
#[derive(Debug, Default)]
pub(super) struct LongestHold(AtomicU64);

impl LongestHold {
    fn forget(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    fn since(&self, began_ns: u64) {
        let held = monotonic_ns().saturating_sub(began_ns);
        self.0.fetch_max(held, Ordering::Relaxed);
    }

    fn us(&self) -> u64 {
        self.0.load(Ordering::Relaxed).div_ceil(1_000)
    }
}

/// Asks the directory to show itself, which it does between two records.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct ShowDirectory(EngineHandle, SyncSender<(DirectoryImage, u64)>);

impl Handler<ShowDirectory> for Owner<Directory> {
    type Result = ();

    fn handle(&mut self, asked: ShowDirectory, _: &mut Self::Context) {
        let ShowDirectory(handle, show) = asked;
        let (room, world) = self.room_and_world();
        let began = monotonic_ns();
        let shown = (DirectoryImage::of(world, room), room.position());
        handle.longest_hold().since(began);
        let _ = show.try_send(shown);
    }
}

impl EngineHandle {
    /// Has the journal note what time it is, as long as there is a session whose deadline depends on
    /// it (R10). A journal that refuses has told so already.
    pub fn note_time(&self) {
        if self.world().session_count() > 0 {
            let _ = self.journal().append(Arc::new(Mark { passed: None }));
        }
    }
}

impl ImageSource for EngineHandle {
    fn kept(&self) {
        self.unrecorded().keep();
    }

    fn is_owed(&self) -> bool {
        self.unrecorded().is_owed()
    }

    fn longest_hold_us(&self) -> u64 {
        self.longest_hold().us()
    }

    fn settle(&self) -> Result<u64, NoImage> {
        self.longest_hold().forget();
        let unrecorded = self.unrecorded().applied();
        let (passed, told) = sync_channel(1);
        let passed = Some(passed);
        self.journal()
            .append(Arc::new(Mark { passed }))
            .map_err(|_| NoImage)?;
        let sequence = told.recv_timeout(PATIENCE).map_err(|_| NoImage)?;
        // What was durable before has been handed out by now; that is what is waited for.
        let queues = self.queues();
        let given: Vec<_> = queues.iter().map(|queue| queue.given()).collect();
        let mut naps = PATIENCE.as_millis();
        while queues
            .iter()
            .zip(&given)
            .any(|(queue, given)| !queue.has_applied(*given))
        {
            naps = naps.checked_sub(1).ok_or(NoImage)?;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        self.unrecorded().begin(unrecorded);
        Ok(sequence)
    }

    fn look_at(&self, number: SlotNumber, run: usize) -> bool {
        let slot = self.world().slot_at(number);
        slot.is_some_and(|slot| {
            let slot = slot.read();
            let began = monotonic_ns();
            let is_there = slot.look_at(run);
            drop(slot);
            self.longest_hold().since(began);
            is_there
        })
    }

    fn slot(&self, number: SlotNumber) -> (SlotImage, u64) {
        let slot = self.world().slot_at(number);
        slot.map_or_else(Default::default, |slot| {
            let slot = slot.read();
            let began = monotonic_ns();
            let shown = (slot.image(), slot.position());
            drop(slot);
            self.longest_hold().since(began);
            shown
        })
    }

    fn directory(&self) -> Result<(DirectoryImage, u64), NoImage> {
        let (show, shown) = sync_channel(1);
        self.directory()
            .address
            .try_send(ShowDirectory(self.clone(), show))
            .map_err(|_| NoImage)?;
        shown.recv_timeout(PATIENCE).map_err(|_| NoImage)
    }
}

//! The journal port: where records go before they take effect.
//!
//! An owner appends what it decided and goes on; nothing of it is visible until the journal says
//! that it is durable (R2). One journal is in memory: its promise is that of the process. One on
//! disk stands behind the same trait.
//!
//! Invariants: what was taken is reported exactly once, durable or refused; records become durable
//! in the order in which they were appended; one that was refused never does.

pub mod images;
pub mod memory;

use std::sync::Arc;

use crate::engine::event::Part;

/// One record: what one command did, wholly there or wholly absent (R4).
pub trait Entry: Send + Sync {
    /// The parts, in the order in which they take effect.
    fn parts(&self) -> &[Part];
    /// What is at stake with it.
    fn stake(&self) -> Stake {
        Stake::Parts
    }
    /// Called once, in append order, when the record is durable. Must not block.
    ///
    /// `sequence` is the record's number in the log, counted from 1; one that this journal does not
    /// log has the number of the last one before it that is.
    fn durable(self: Arc<Self>, sequence: u64);
    /// Called instead if a record that was taken cannot be made durable after all. Must not block.
    fn refused(self: Arc<Self>);
}

/// What is at stake with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stake {
    /// What its parts give and take.
    Parts,
    /// The same, but somebody asked to be given something: on a full disk it is refused, even if it takes
    /// something away on the way.
    Grant,
    /// Nothing that was promised to anybody: it says what follows from earlier records, and will be said
    /// again if it is lost.
    Upkeep,
    /// It, and everything before it, must last in every mode.
    Everything,
}

/// Where records go.
pub trait Journal: Send + Sync + 'static {
    /// Takes a record. Its `durable` or `refused` is called later, or before this returns; neither
    /// is if this returns an error.
    fn append(&self, entry: Arc<dyn Entry>) -> Result<(), JournalRefused>;
}

/// A journal that many share.
pub type SharedJournal = Arc<dyn Journal>;

/// The journal takes no more records; none that was not reported durable may be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal takes no more records")]
pub struct JournalRefused;

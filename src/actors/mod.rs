//! Concurrency: one actor per shard, one for the directory, and the door in front of them.
//!
//! A surface asks the [`handle::EngineHandle`]; the handle sends the command to its decider's
//! bounded mailbox. The decider (`owner::Owner`) decides on applied state, claims what the
//! command changes, appends the record to the journal and goes on. When the journal reports the
//! record durable, each owner applies its own part, in log order; then the answer leaves (R2).
//!
//! This room knows no rule: what follows from a command is decided in [`crate::engine`].
//! Invariants: every queue has a bound; nothing is visible, and no answer leaves, before the
//! journal reported its record; a panic in an owner ends the process (R12).

mod audited;
mod claims;
mod commit;
pub mod handle;
mod images;
mod mailbox;
mod memory;
mod messages;
mod owner;
mod rooms;
pub mod runtime;
mod unrecorded;

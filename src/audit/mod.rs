//! Who did what, from where, and what came of it: an append-only stream of lines beside the log.
//!
//! The log tells what the state is; this stream tells whose doing it was, refusals included, to people who may
//! not trust those who run the node. An [`entry::Entry`] is made at the door ([`deed`]), waits in a bounded
//! buffer ([`sink`]) and is written by a thread of its own to files ([`files`]) whose lines are chained by their
//! hashes ([`chain`]), so that [`verify`] finds what was changed, removed or swapped without any key.
//!
//! It never knows a surface, a verification, or a secret. Invariants: a line is one line whatever was sent; every
//! text in it is bounded; what is not written is counted, and told by a line as soon as one can be written; where
//! the stream is required, nothing is granted and answered that it does not hold.
//!
//! Source: `docs/AUDIT.md`.

pub mod chain;
pub mod codes;
pub mod deed;
pub mod entry;
pub mod files;
pub mod note;
pub mod sink;
mod text;
pub mod verify;
pub mod walk;

/// The directory of the stream, below the data directory.
pub const DIRECTORY: &str = "audit";

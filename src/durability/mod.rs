//! Bytes on disk. Today: the data directory itself, held by one process at a time. State is kept
//! in memory only; the log and the snapshots come behind [`crate::journal`].
//!
//! This room blocks; it must never be called from a thread that serves requests.

pub mod directory;

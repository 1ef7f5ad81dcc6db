//! The command line: `serve`, commands that speak to a running node's admin listener, and the flags of those on
//! a data directory.
//!
//! It knows flags and the admin listener's JSON; it must never touch the engine or the disk.

pub mod admin;
pub mod args;
pub mod bench;
pub mod client;
pub mod offline;
pub mod progress;
pub mod rotation;

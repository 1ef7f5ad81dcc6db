//! The command line: `serve`, and commands that speak to a running node's admin listener.
//!
//! It knows flags and the admin listener's JSON; it must never touch the engine or the disk.

pub mod admin;
pub mod args;
pub mod client;

//! The load generator's room: so far its curves, which `benches/` draws with, too.
//!
//! It is a client like any other: it must never know the engine, the surfaces' code, or the disk.

pub mod plot;

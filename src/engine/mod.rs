//! Many sessions: the state of a node as a deterministic machine.
//!
//! [`facts`] fetches what a command names, [`decide`] says what follows, [`world::World::apply`]
//! makes it so. This room must never know a clock, randomness, a file, a socket, a thread or an
//! await: time and random bytes are arguments, so every run can be replayed.
//!
//! Invariants: `decide` never mutates and `apply` never fails, so a logged event cannot be refused
//! at replay; replay uses the time in the event; what readers see is what was applied.

pub mod accounts;
mod ahead;
pub mod clients;
pub mod command;
pub mod decide;
pub mod digest;
pub mod directory;
pub mod error;
pub mod event;
pub mod facts;
pub mod guesses;
pub mod image;
pub mod jwts;
pub mod keys;
mod places;
mod record;
pub mod replay;
mod slab;
pub mod slot;
pub mod state;
pub mod sweep;
pub mod view;
mod wheel;
pub mod world;

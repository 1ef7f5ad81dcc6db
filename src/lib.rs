//! Sessile: a session server in one binary.
//!
//! The rooms, in the order in which they depend on each other (`docs/ARCHITECTURE.md`):
//!
//! - [`session`]: one session; vocabulary and rules, pure.
//! - [`engine`]: many sessions as a deterministic machine, pure.
//! - [`journal`]: the port through which what happened becomes durable; [`durability`]: bytes on disk.
//! - [`credentials`]: passwords, one-time passwords, the brakes on guessing.
//! - [`tokens`]: JWTs: keys, minting, templates, verification.
//! - [`audit`]: who did what, from where, and what came of it.
//! - [`door`]: all that a surface may ask of the engine.
//! - [`actors`]: one owner per shard and one for the directory.
//! - [`edge`]: sockets, how many connections, how long each step may take, which framing.
//! - [`http`]: one room per surface.
//! - [`geo`]: the country of an address.
//! - [`config`], [`telemetry`], [`clock`], [`entropy`], [`memory`], [`priority`], [`together`]: what everything runs on.
//! - [`mod@bench`]: the load generator, a client like any other.
//! - [`cli`], [`dev`], [`app`]: arguments, development mode, and putting it all together.

#[cfg(all(feature = "testing", not(debug_assertions)))]
compile_error!(
    "the feature `testing` makes passwords cheap to guess: it is not for release builds"
);

pub mod actors;
pub mod app;
pub mod audit;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod dev;
pub mod door;
pub mod durability;
pub mod edge;
pub mod engine;
pub mod entropy;
mod faults;
pub mod geo;
pub mod http;
pub mod journal;
pub mod memory;
pub mod priority;
mod run;
pub mod session;
pub mod telemetry;
pub mod together;
pub mod tokens;

pub use run::run;

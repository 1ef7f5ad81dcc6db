//! The pieces that a request, a record and a restart are made of, each alone: criterion's medians and intervals.
//!
//! `cargo bench --bench pieces -- [FILTER]` takes three minutes, and compares with the run before it. What each costs in a
//! request is in `benches/ceiling`; here a change of one piece can be seen that would be lost in the noise of sockets.
//!
//! | file | subject |
//! |---|---|
//! | `engine.rs` | deciding and applying an open; looking a session up among a million |
//! | `codec.rs` | events to the payload of a record, and back |
//! | `log.rs` | framing of records, and their checksum |
//! | `wheel.rs` | what is due in a slot, and that nothing is |
//! | `parsing.rs` | JSON-RPC bodies, cookies, ids |
//!
//! Source: docs/BENCHMARKS.md.

mod codec;
mod engine;
mod log;
mod parsing;
#[path = "../common/subjects.rs"]
mod subjects;
mod wheel;

use criterion::{Criterion, criterion_group, criterion_main};
use sessile::session::time::Timestamp;

/// The allocator of the server.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// When everything happens: 2026-01-01T00:00:00Z.
pub(crate) const AT: Timestamp = Timestamp::from_ms(1_767_225_600_000);

criterion_group!(
    name = pieces;
    config = Criterion::default().without_plots();
    targets = engine::bench, codec::bench, log::bench, wheel::bench, parsing::bench
);
criterion_main!(pieces);

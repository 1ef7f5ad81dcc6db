//! The load generator, as the binary that ships: every figure adds up, a server that lies is caught, a stall is seen, and
//! nothing is loaded that should not be. Counts only: no time decides a test.
//!
//! | file | subject |
//! |---|---|
//! | `scenarios.rs` | each scenario and surface against a node |
//! | `liars.rs` | a server that answers wrongly, or late |
//! | `ways.rs` | encrypted, and by a socket of this machine |
//! | `refusals.rs` | what is not loaded, and bounds |
//! | `rig.rs` | a node, a run, and whether its figures add up |
//! | `proxy.rs` | a server between the load and a node, which spoils answers |

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a failed assumption fails the test that made it"
)]

mod liars;
#[expect(dead_code, reason = "the suite of serving uses the rest")]
#[path = "../serving/rig.rs"]
mod node;
mod proxy;
mod refusals;
mod rig;
mod scenarios;
mod ways;

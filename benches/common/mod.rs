//! What the measurements share; each uses a part of it.
//!
//! | file | subject |
//! |---|---|
//! | `machine.rs` | the circumstances that belong beside every figure |
//! | `servers.rs` | starting and stopping servers, their processor time and memory |
//! | `admin.rs` | accounts and sessions through the admin listener; drawing tokens |
//! | `answer.rs` | one answer read from the wire |
//! | `noop.rs` | the no-op: an executable of a measurement, started again with `noop` as its first argument |
//! | `redis.rs` | a Redis server of its own, and a connection to it |
//! | `wrk.rs` | request files and one window of load |
//! | `rotation.rs` | windows of several servers in turns, and their ratios inside a round |
//! | `probe.rs` | requests at a fixed rate, and how long each answer took |
//! | `stats.rs` | medians and quartiles |
//! | `plots.rs` | figures as curves and bars for the documents |
//! | `goals.rs` | figures against goals, as rows of a table |
//! | `subjects.rs` | accounts and sessions as values, without a server |
//!
//! Invariants: traffic goes to loopback only; every wait and every loop has a bound; every server started here is
//! stopped when its value is dropped, also on failure.

pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod goals;
pub(crate) mod machine;
pub(crate) mod noop;
pub(crate) mod plots;
pub(crate) mod probe;
pub(crate) mod redis;
pub(crate) mod rotation;
pub(crate) mod servers;
pub(crate) mod stats;
pub(crate) mod subjects;
pub(crate) mod wrk;

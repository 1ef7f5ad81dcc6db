//! The edge: what stands between the sockets and HTTP. How many connections there are, how long a client may take for
//! each step, which framing is let through, which requests could be answered on the spot, and encryption.
//!
//! It must never know a path, a session or what an answer says. Requests are parsed by the framework, or by its parser if
//! they are usual in every respect (`usual.rs`); otherwise here is only found where a head or a body ends, so that the
//! framework is given no more than it is to work on.
//!
//! Invariants: a connection's memory is bounded whatever its client sends or leaves unread; a client that is slow is
//! closed, one that is waited for by nobody is not; behind what cannot be framed nothing of the connection runs any
//! more; a request costs no system call but those that read and write it, no lock but the one of its worker's bells, no allocation and
//! no reading of a clock here. Source: ADR 14, ADR 18, ADR 20.

mod chunks;
pub mod connection;
pub mod counts;
mod date;
pub mod descriptors;
pub mod fast;
pub mod gate;
mod heads;
pub mod limits;
mod lobby;
mod outgoing;
pub mod refusal;
mod registry;
pub mod serve;
mod tickets;
pub mod tls;
mod transport;
pub mod unix;
mod usual;

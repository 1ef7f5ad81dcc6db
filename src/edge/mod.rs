//! The edge: what stands between the sockets and HTTP. How many connections there are, how long a client may take for
//! each step, which framing is let through, and encryption.
//!
//! It must never know a path, a session or what an answer says. HTTP is parsed by the framework alone; here is only
//! found where a head or a body ends, so that the framework is given no more than it is to work on.
//!
//! Invariants: a connection's memory is bounded whatever its client sends or leaves unread; a client that is slow is
//! closed, one that is waited for by nobody is not; behind what cannot be framed nothing of the connection runs any
//! more; a request costs no system call, no lock, no allocation and no reading of a clock here. Source: ADR 14.

mod chunks;
pub mod connection;
pub mod counts;
pub mod descriptors;
pub mod gate;
mod heads;
pub mod limits;
pub mod refusal;
mod registry;
pub mod serve;
mod tickets;
pub mod tls;
mod transport;
pub mod unix;

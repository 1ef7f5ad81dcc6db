//! Proofs of identity: passwords, one-time passwords, and the brakes on guessing them.
//!
//! This room checks; it opens nothing and keeps no session. It must never know a surface.
//! Invariants: hashing has a bounded pool of its own, so a storm of logins moves nobody else's
//! latency; whatever is wrong, a wrong login costs the same time (R19).

mod argon;
pub mod failures;
mod idle;
pub mod login;
pub mod passwords;
mod throttle;
pub mod totp;

//! One session: its vocabulary and its rules.
//!
//! This room says what an id, a token, a lifetime and a state are, and what may follow from what.
//! It must never know a clock, randomness, a socket, a thread or another room: time and random
//! bytes come in as arguments.
//!
//! Invariants: a secret never shows in `Debug`; nothing un-expires; a touch never passes the
//! absolute deadline.

pub mod account;
pub mod activity;
pub mod client;
pub mod guessing;
pub mod id;
pub mod jwt;
pub mod key;
pub mod lifetime;
pub mod origin;
pub mod policy;
pub mod profile;
pub mod rotation;
pub mod state;
pub mod time;
pub mod token;

//! JWTs: signing keys, minting, templates, verification.
//!
//! A key pair is parsed once. RSA signatures are made in a bounded pool of their own, so that a rush
//! for tokens does not hold up whoever verifies a session. This room must never know a surface, an
//! actor, or a disk; what claims say of a person is given to it.
//!
//! Invariants: a key signs and verifies by its own algorithm only; a claim that the server sets is
//! never a template's; neither a private key nor a token shows in `Debug`.

#[cfg(feature = "testing")]
pub mod bare;
mod cache;
pub mod desk;
mod keys;
mod mint;
mod pool;
mod template;
mod verify;

#[cfg(test)]
mod tests;

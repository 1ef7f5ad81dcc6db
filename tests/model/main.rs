//! The engine against a naive model, and promises that random commands rarely reach.
//!
//! [`properties`] drives the pure engine and a model of plain maps with the same random commands
//! and compares them after every one; the other rooms hold one promise per test. No actors, no
//! disk, no clock: whatever fails here fails again with the seed it prints.
//!
//! To run one seed again: `SESSILE_MODEL_SEED=17 cargo test --test model NAME`. For a campaign:
//! `SESSILE_MODEL_CASES=10000 SESSILE_MODEL_OPERATIONS=1000`.

mod activity;
mod client_effects;
mod client_rules;
mod client_watch;
mod clients;
mod commands;
mod digest_clients;
mod digest_fields;
mod digests;
mod driver;
mod effects;
mod endings;
mod generators;
mod guesses;
mod guests;
mod handoffs;
mod limits;
mod logins;
mod model;
mod names;
mod operations;
mod properties;
mod revocation;
mod room;
mod rules;
mod scene;
mod seeds;
mod signin;
mod signing;
mod stage;
mod sudo;
mod trial;
mod upkeep;
mod watch;
mod wheel;

/// Fails the current comparison with a text instead of a panic, so that shrinking stays quiet.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;

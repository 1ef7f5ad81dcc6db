//! Hostile bytes, and what others had to learn: what is fed to every place that reads, and the incidents of
//! other servers as tests against this one.
//!
//! | module | what it holds |
//! |---|---|
//! | `targets` | what reads bytes from outside, and what must hold whatever they are; shared with `fuzz/` |
//! | `generated` | inputs for all targets from the corpora of `fuzz/corpus/`, changed by a seed |
//! | `incidents` | the cases C1–C22 of `docs/SECURITY.md` that have no better place |
//!
//! The environment makes the short forms long, for `tests/campaigns/hostile`: `HOSTILE_SEED`, `HOSTILE_CASES` (a
//! factor), `HOSTILE_SESSIONS` (of one account).

#[cfg(test)]
#[path = "../durability/counting.rs"]
#[expect(dead_code, reason = "calls are counted elsewhere")]
mod counting;
#[cfg(test)]
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "a test node can do more than is asked of it here")]
mod support;

#[cfg(test)]
mod generated;
#[cfg(test)]
mod incidents;
#[cfg(test)]
mod targets;

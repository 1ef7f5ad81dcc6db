//! The real binary over real sockets, killed: nothing acknowledged is lost, nothing ended comes back.
//!
//! Writers on all four surfaces keep a book of what they sent and what was acknowledged. The process
//! dies at a moment that a seed picks among the calls; another one serves the same directory; every
//! secret ever handed out is then judged against the book. No sleeps: moments are calls, not seconds.
//!
//! | module | promise |
//! |---|---|
//! | `kills` | SIGKILL, SIGTERM, a panic: nothing lost, nothing resurrected (I1–I3) |
//! | `ceiling` | memory is full: no grants, nobody's session is taken away, what ends makes room |
//! | `guesses` | SIGKILL, every mode: no failure and no known network forgotten, nothing typed in log or image (R26) |
//! | `recovery` | killed, with other shards, from an older generation: one digest (I14) |
//! | `revocation` | revoke-all of very many, killed in the middle: none alive (R3, I3) |
//! | `rotation` | signing keys follow each other under load and over kills: no token is judged wrongly (R13, C13) |
//! | `sealing` | the sealing key is changed while the node serves, and over kills; files that are none (F29) |
//! | `secrets` | no secret in a file, nor on standard error (I9, I10) |
//!
//! The environment makes the short forms long, for `tests/campaigns/`: `CRASHES_KILLS` (rounds of each),
//! `CRASHES_SEED`, `CRASHES_DIRECTORY` (where data directories are made), `CRASHES_POWER` (a program that
//! cuts the power of that directory, in place of the kill), `CRASHES_FAULTS` (a program that has a system
//! call of a process fail). What was found so: `docs/RELIABILITY.md`.

#[cfg(test)]
mod book;
#[cfg(test)]
mod ceiling;
#[cfg(test)]
mod guesses;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod rounds;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod server;
#[cfg(test)]
mod wire;
#[cfg(test)]
mod writers;

//! What the engine promises, each promise a test, seen from outside: over real sockets where a
//! surface matters, through the one door where only the engine does.
//!
//! One binary, because linking is what costs. Nothing here waits by sleeping: a test either holds
//! the journal and lets records go one by one, or polls with a bound for what must come
//! (`rig::until`). No clock decides a test; engine time is moved by hand.
//!
//! | module | promise | short form |
//! |---|---|---|
//! | `budget` | a verification asks for memory exactly as often as is written there | |
//! | `visibility` | nothing is seen, and no answer leaves, before the journal reported the record | |
//! | `refusal` | a journal that refuses: grants leave no trace, restrictions take effect (R2) | |
//! | `claims` | what is being changed makes others wait, in order and bounded; endings come first | |
//! | `clients` | what completes a login, and what ends a client, is one after the other (I4, I5, R18) | 200 rounds |
//! | `load` | the same with a slow journal and many clients | |
//! | `limits` | a limit of N is N under any number of logins and opens | |
//! | `revocation` | revoke-all is one event, final at once, at any number of sessions (R3) | |
//! | `once` | what is good once is good once (I4) | |
//! | `hangup` | who hangs up takes nothing back (F25) | |
//! | `identity` | no answer carries another's identity (I12, C21) | 20,000 calls, not 1,000,000 |
//! | `overload` | every queue has a bound, and no question stays without its one answer (O1, O5, O15, I13) | |
//! | `full` | memory is full: no grants, all else goes on (O9) | |
//! | `storms` | very many sessions that expire together are dead at once, and end in slices (O10) | 40,000, not 1,000,000 |
//! | `randomness` | without randomness nothing is issued, on any surface (F28) | |
//! | `stop` | not ready first, idle connections closed, no answer cut (O13, F26) | |
//! | `clock` | what a reader saw dead stays dead (I5, I6) | |
//! | `images` | images taken under load, and the log behind them, are the engine (R11) | 4 histories |
//! | `stakes` | what an owner says of its own accord asks the disk for nothing | |
//! | `restart` | an engine made of its own events is the engine it was, at any shard count | |

#[cfg(test)]
#[path = "../durability/counting.rs"]
#[expect(dead_code, reason = "bytes are counted elsewhere")]
mod counting;
#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod budget;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod full;
#[cfg(test)]
mod hangup;
#[cfg(test)]
mod hold;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod images;
#[cfg(test)]
mod life;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod load;
#[cfg(test)]
mod once;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod randomness;
#[cfg(test)]
mod refusal;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod room;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod stakes;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod storms;
#[cfg(test)]
mod visibility;

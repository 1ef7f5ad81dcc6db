//! The commands on a data directory, on directories that the real store and a real engine wrote.
//!
//! Exit codes and words are the binary's; damage is done to copies of the files. Nothing sleeps.
//!
//! | module | promise |
//! |---|---|
//! | `check` | looking changes nothing; what is bad is named with file and offset; one repair, no other |
//! | `inspect` | everything is shown, and no secret nor what is made of one |

#[cfg(test)]
mod check;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod rig;

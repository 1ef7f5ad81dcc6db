//! The commands on a data directory, on directories that the real store and a real engine wrote.
//!
//! Exit codes and words are the binary's; damage is done to copies of the files. Nothing sleeps.
//!
//! | module | promise |
//! |---|---|
//! | `check` | looking changes nothing; what is bad is named with file and offset; one repair, no other |
//! | `backup` | a copy holds what was acknowledged before it was asked for, and is one state |
//! | `restore` | what was said is left out, nothing else, and nothing is written over |
//! | `inspect` | everything is shown, and no secret nor what is made of one |

#[cfg(test)]
mod backup;
#[cfg(test)]
mod check;
#[cfg(test)]
mod inspect;
#[cfg(test)]
mod node;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod rig;

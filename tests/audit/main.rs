//! The audit stream: what it tells of every kind of thing, that nothing can be slipped into it, that what was done
//! to it is found, and what happens when its disk does not take it.

#[cfg(test)]
#[expect(dead_code, reason = "other suites need more of it")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
mod blocked;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod process;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod surfaces;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod text;

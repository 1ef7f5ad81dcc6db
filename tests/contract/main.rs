//! The contracts, row by row: each row id in `docs/surfaces/` has at least one case here.
//!
//! One binary, because linking is what costs. Cases talk to a node over real sockets.

#[cfg(test)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(test)]
#[macro_use]
mod rows;

#[cfg(test)]
mod admin;
#[cfg(test)]
mod at_once;
#[cfg(test)]
mod clerk;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod fast;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod guessing;
#[cfg(test)]
mod i3d;
#[cfg(test)]
mod mollybet;
#[cfg(test)]
mod together;
#[cfg(test)]
mod xdata;

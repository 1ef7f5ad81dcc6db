//! The format on disk, held still.
//!
//! | module | promise |
//! |---|---|
//! | `golden` | what is written is, byte for byte, what a released version wrote; and that is read |
//! | `payloads` | every event and every image comes back as it was; the longest record fits |
//! | `second` | a reader that knows `docs/FORMAT.md` only, and none of the code, reads the same |
//!
//! `sample` has one of everything; `scene` writes it with a real store on a disk in memory.

#[cfg(test)]
mod golden;
#[cfg(test)]
mod payloads;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod second;

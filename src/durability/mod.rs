//! Bytes on disk: the data directory, its manifest, the log, images, and what their payloads mean.
//!
//! This room blocks; it must never be called from a thread that serves requests. It knows no
//! actors and no HTTP. From the bottom up: [`storage`] (files, and files that fail), [`mod@format`]
//! (every byte), [`record`] (framing), [`segment`] (one file), [`log`] (writing them), [`reading`]
//! (reading them, and what counts as damage), [`manifest`] (what a directory is and which images
//! are good), [`sealing`] (secrets that must be read again), `stored` by [`codec`] (what payloads say),
//! [`events`] and [`snapshot`] (records and frames of it), [`recovery`] and `replay`, [`store`] and [`keeper`] (a directory
//! that is served), [`journal`] (the port on top), [`tools`] (what is done with one that nobody serves).
//!
//! Invariants: what was reported durable is read again or its absence is reported as damage; what
//! cannot be judged is refused and left as it is; the one thing that is ever cut is a torn tail.

pub mod codec;
pub mod directory;
pub mod events;
pub mod format;
pub mod images;
pub mod journal;
pub mod keeper;
pub mod log;
pub mod manifest;
pub mod reading;
pub mod record;
pub mod recovery;
mod replay;
pub mod sealing;
pub mod segment;
pub mod snapshot;
pub mod storage;
pub mod store;
mod stored;
pub mod tools;

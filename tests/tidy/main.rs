//! The house rules as ordinary tests: each `#[test]` is a promise, and each breach is told as
//! `file:line: what is wrong`.
//!
//! | module | promise | its data |
//! |---|---|---|
//! | `directions` | a room names only the rooms it may, a surface no other surface | `ROOMS` … |
//! | `bans` | pure rooms stay pure, some words have one home, nothing is unfinished | a `Ban` each |
//! | `shape` | every file says what it is for, and is short | constants at the top |
//! | `documents` | links lead to files, records are complete, row ids have no gaps | `ADR_…` |
//! | `rules` | a rule, record or row that the code names is written down | – |
//! | `evidence` | what the security document says is shown is shown by a test that exists | `ADMISSIONS` … |
//! | `targets` | every fuzz target calls what the tests feed, and has a corpus | – |
//! | `traces` | no path of one machine, no package registry host | `words()` |
//!
//! To relax a rule, change its data and say why in a comment beside it: the tables are the record
//! of what was agreed.
//!
//! The rules work on values (`File`) and not on the disk, so each is itself tested with good and
//! bad samples. Source goes through `source::tokens`: words in comments and strings never count.
//! Checked are the files git would commit (tracked, or new and not ignored); without git, all that
//! are no build output. A directory that does not exist yet breaks no rule.

mod bans;
mod directions;
mod documents;
mod evidence;
mod markdown;
mod paths;
mod rules;
mod shape;
mod source;
mod targets;
mod traces;
mod tree;

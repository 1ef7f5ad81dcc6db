//! Shows what is on disk, line by line, as far as it is good.
//!
//! Invariants: nothing is changed, no key is needed; what is damaged is never shown as if it were not.

use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use super::{Looked, ToolError, lines, log_from, origin};
use crate::durability::events::events_of;
use crate::durability::format::ImageHead;
use crate::durability::images::read_image;
use crate::durability::manifest::Manifest;
use crate::durability::reading::{LogError, read_log};
use crate::durability::sealing::Unopened;
use crate::durability::snapshot::frame_of;
use crate::durability::storage::Storage;

/// What is to be shown besides the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The images of each generation.
    pub images: bool,
    /// The log.
    pub log: bool,
}

/// Where lines go; after the first failure nowhere.
struct Lines<'a> {
    to: &'a mut dyn Write,
    failed: Option<io::Error>,
}

impl Lines<'_> {
    /// The error ends whatever is being read.
    fn say(&mut self, line: &Value) -> Result<(), String> {
        let failed = writeln!(self.to, "{line}").err();
        if failed.is_some() {
            self.failed = failed;
            return Err("its lines cannot be written".into());
        }
        Ok(())
    }
}

/// Writes the lines of a data directory to `to`. After an error they hold what was good before it.
pub fn inspect(path: &Path, shown: Shown, to: &mut dyn Write) -> Result<(), ToolError> {
    let looked = Looked::at(path)?;
    show(&looked.storage, &looked.manifest, shown, to)
}

/// The same on any storage.
pub fn show(
    storage: &dyn Storage,
    manifest: &Manifest,
    shown: Shown,
    to: &mut dyn Write,
) -> Result<(), ToolError> {
    let mut out = Lines { to, failed: None };
    let read = lines_of(storage, manifest, shown, &mut out);
    let written = match out.failed {
        Some(error) => Err(error),
        None => out.to.flush(),
    };
    match written {
        // Whoever read them has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(ToolError::refused(format!("standard output: {error}"))),
        Ok(()) => Ok(read?),
    }
}

fn lines_of(
    storage: &dyn Storage,
    manifest: &Manifest,
    shown: Shown,
    out: &mut Lines<'_>,
) -> Result<(), LogError> {
    let stop = |what| LogError::damage("standard output", 0, what);
    out.say(&lines::manifest(manifest)).map_err(stop)?;
    let origin = origin(manifest);
    let generations = manifest.generations.iter().filter(|_| shown.images);
    for generation in generations {
        let head = ImageHead {
            origin,
            generation: generation.number,
        };
        for entry in &generation.images {
            read_image(storage, &head, entry, |kind, payload| {
                let frame =
                    frame_of(kind, payload, &Unopened).map_err(|error| error.to_string())?;
                lines::frame(&frame).into_iter().try_for_each(|mut line| {
                    if let Some(line) = line.as_object_mut() {
                        line.insert("generation_number".into(), generation.number.into());
                    }
                    out.say(&line)
                })
            })?;
        }
    }
    if shown.log {
        let report = read_log(storage, origin, log_from(storage, manifest), |record| {
            let (at, parts) = events_of(&record, &Unopened)?;
            out.say(&lines::record(record.link.sequence, at, &parts))
        })?;
        if let Some(cut) = &report.cut {
            out.say(&lines::torn_tail(cut)).map_err(stop)?;
        }
    }
    Ok(())
}

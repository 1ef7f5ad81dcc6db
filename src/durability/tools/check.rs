//! Reads all of a data directory as a start would, and further: everything that is bad, not the first only.
//!
//! Invariants: nothing is changed, no key is needed; that a start would succeed is said only after everything
//! that it reads was read.

use std::fmt;
use std::path::Path;

use super::{Looked, ToolError, log_from, origin};
use crate::durability::events::events_of;
use crate::durability::format::{ImageHead, InstanceId, VERSION};
use crate::durability::images::{flaw_of, read_image};
use crate::durability::manifest::{Generation, ImageEntry, Manifest};
use crate::durability::reading::survey::{FINDINGS_MAX, survey};
use crate::durability::reading::{LogError, LogReport, read_log};
use crate::durability::record::Record;
use crate::durability::sealing::{SealingKeyId, Unopened};
use crate::durability::snapshot::{Frame, frame_of};
use crate::durability::storage::{Storage, StorageError};

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the data directory.
    pub file: String,
    /// Where in it.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
    /// What to do about it.
    pub advice: String,
}

/// What a generation holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenerationSeen {
    /// Its number.
    pub number: u64,
    /// Everything up to this record is in it.
    pub position: u64,
    /// Its files.
    pub files: usize,
    /// Frames that were read.
    pub frames: u64,
    /// Sessions in them.
    pub sessions: u64,
    /// Accounts in them.
    pub accounts: u64,
    /// All of it can be used.
    pub good: bool,
}

/// What was found in a data directory.
#[derive(Debug)]
pub struct Examined {
    /// Which one it is.
    pub instance: InstanceId,
    /// Keys by which anything in it may be sealed: a start needs all of them.
    pub sealed_by: Vec<SealingKeyId>,
    /// Its generations, the newer first.
    pub generations: Vec<GenerationSeen>,
    /// The first record that was asked for.
    pub log_from: u64,
    /// The log, if a start would take it.
    pub log: Option<LogReport>,
    /// What a start would begin with: a generation, nothing (`None`); or it would be refused.
    pub start: Result<Option<u64>, ()>,
    /// A start would end all sessions: the last process did not log them, nor stop in good order.
    pub ends_sessions: bool,
    /// Everything that is bad.
    pub findings: Vec<Finding>,
}

/// Checks a data directory. An error: it could not be looked at; findings are in the answer.
pub fn check(path: &Path) -> Result<Examined, ToolError> {
    let looked = Looked::at(path)?;
    Ok(examine(&looked.storage, &looked.manifest))
}

/// Reads all that this manifest names.
#[must_use]
pub fn examine(storage: &dyn Storage, manifest: &Manifest) -> Examined {
    let mut found: Vec<(LogError, Part)> = Vec::new();
    let mut generations = Vec::new();
    for generation in &manifest.generations {
        let seen = generation_seen(storage, manifest, generation, &mut found);
        generations.push(seen);
    }
    let origin = origin(manifest);
    let from = log_from(storage, manifest);
    let decodes = |record: &Record<'_>| events_of(record, &Unopened).map(drop);
    let log = read_log(storage, origin, from, |record| decodes(&record));
    if let Err(first) = &log {
        let places = survey(storage, origin, from, &mut |record| decodes(record));
        let first_place = place(first);
        let named = |error: &LogError| {
            let (file, offset, _) = place(error);
            (file, offset) == (first_place.0.clone(), first_place.1)
        };
        if !places.iter().any(named) {
            found.push((copy_of(first), Part::Log));
        }
        found.extend(places.into_iter().map(|error| (error, Part::Log)));
    }
    let usable = |start: &Option<&Generation>| match start {
        None => true,
        Some(wanted) => generations
            .iter()
            .any(|seen| seen.number == wanted.number && seen.good),
    };
    // As recovery does: the first generation that can be read, and then nothing stands in for the log.
    let start = manifest.starts().find(usable).ok_or(()).and_then(|start| {
        let position = start.map_or(0, |generation| generation.position);
        let again = log.is_ok() && position + 1 >= from;
        let reads = |position: u64| {
            let read = read_log(storage, origin, position + 1, |record| decodes(&record));
            read.is_ok()
        };
        match again || reads(position) {
            true => Ok(start.map(|generation| generation.number)),
            false => Err(()),
        }
    });
    let findings = found
        .iter()
        .take(FINDINGS_MAX)
        .map(|(error, part)| finding(error, *part, start));
    let begins = start.ok().map(|start| {
        let mut known = manifest.generations.iter();
        known.find(|generation| Some(generation.number) == start)
    });
    Examined {
        instance: manifest.instance,
        sealed_by: manifest.sealed_by.clone(),
        ends_sessions: begins.is_some_and(|start| !manifest.is_logged_since(start)),
        findings: findings.collect(),
        generations,
        log_from: from,
        log: log.ok(),
        start,
    }
}

#[derive(Clone, Copy)]
enum Part {
    /// An image of this generation.
    Image(u64),
    Log,
}

fn generation_seen(
    storage: &dyn Storage,
    manifest: &Manifest,
    generation: &Generation,
    found: &mut Vec<(LogError, Part)>,
) -> GenerationSeen {
    let head = ImageHead {
        origin: origin(manifest),
        generation: generation.number,
    };
    let mut seen = GenerationSeen {
        number: generation.number,
        position: generation.position,
        files: generation.images.len(),
        good: true,
        ..GenerationSeen::default()
    };
    for entry in &generation.images {
        let read = read_image(storage, &head, entry, |kind, payload| {
            seen.frames += 1;
            match frame_of(kind, payload, &Unopened).map_err(|error| error.to_string())? {
                Frame::Slot(_, _, image) => seen.sessions += image.sessions.len() as u64,
                Frame::Account(..) => seen.accounts += 1,
                Frame::Places(..)
                | Frame::Key(..)
                | Frame::SigningKey(_)
                | Frame::Template(_)
                | Frame::Listing(_)
                | Frame::Tallies(_)
                | Frame::Known(_) => {}
            }
            Ok(())
        });
        if let Err(error) = read {
            seen.good = false;
            found.push((
                located(storage, &head, entry, error),
                Part::Image(seen.number),
            ));
        }
    }
    seen
}

/// A digest says that a file is bad, and its frames say where.
fn located(
    storage: &dyn Storage,
    head: &ImageHead,
    entry: &ImageEntry,
    error: LogError,
) -> LogError {
    let (_, offset, what) = place(&error);
    match flaw_of(storage, head, entry) {
        Some(LogError::Damage {
            name,
            offset: at,
            what: flaw,
        }) if offset == 0 && at > 0 => LogError::Damage {
            name,
            offset: at,
            what: format!("{flaw}; {what}"),
        },
        _ => error,
    }
}

/// File, offset and what is wrong.
fn place(error: &LogError) -> (String, u64, String) {
    match error {
        LogError::Damage { name, offset, what } => (name.clone(), *offset, what.clone()),
        LogError::Storage(error) => {
            let name = match error {
                StorageError::Io { name, .. }
                | StorageError::Link { name }
                | StorageError::Mode { name, .. }
                | StorageError::Kind { name, .. } => name.clone(),
            };
            (name, 0, error.to_string())
        }
        LogError::Thread(error) => (String::new(), 0, error.to_string()),
    }
}

fn copy_of(error: &LogError) -> LogError {
    let (name, offset, what) = place(error);
    LogError::Damage { name, offset, what }
}

fn finding(error: &LogError, part: Part, start: Result<Option<u64>, ()>) -> Finding {
    let (file, offset, what) = place(error);
    let advice = match (part, start) {
        (Part::Image(number), Ok(Some(other))) if other < number => format!(
            "generation {other} would stand in for it at a start; write a snapshot then, or restore a backup"
        ),
        (Part::Image(_), Ok(None)) => {
            "the whole log would stand in for it at a start; write a snapshot then, or restore a backup".to_owned()
        }
        (Part::Image(_), Ok(Some(other))) => format!(
            "a start begins with generation {other}, for which nothing would stand in: write a snapshot, or restore \
             a backup"
        ),
        (Part::Log, Ok(_)) => {
            "a start does without it, as long as the newest generation is good: write two snapshots, or restore a backup"
                .to_owned()
        }
        (Part::Image(_), Err(())) => "restore a backup".to_owned(),
        (Part::Log, Err(())) => {
            "restore a backup; if it is the newest segment, `sessile check DIR --repair-tail` cuts it there, and says \
             how much is lost"
                .to_owned()
        }
    };
    Finding {
        file,
        offset,
        what,
        advice,
    }
}

impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "instance {}, format {VERSION}", self.instance)?;
        for id in &self.sealed_by {
            writeln!(f, "sealed by the key {id}")?;
        }
        for seen in &self.generations {
            writeln!(
                f,
                "generation {}: position {}, {} files, {} frames, {} sessions, {} accounts{}",
                seen.number,
                seen.position,
                seen.files,
                seen.frames,
                seen.sessions,
                seen.accounts,
                if seen.good {
                    ""
                } else {
                    " (not all of it can be read)"
                }
            )?;
        }
        if let Some(log) = &self.log {
            let last = log.end.last.sequence;
            match log.records {
                0 => writeln!(
                    f,
                    "log: {} segments, no records behind {last}",
                    log.segments
                )?,
                records => writeln!(
                    f,
                    "log: {} segments, {records} records, sequences {} to {last}",
                    log.segments, self.log_from
                )?,
            }
            if let Some(cut) = &log.cut {
                writeln!(
                    f,
                    "torn tail: {} at byte {}: {} bytes with {} whole records; nothing says that they were synced, \
                     and the next start cuts them",
                    cut.name, cut.offset, cut.bytes, cut.records
                )?;
            }
        }
        for finding in &self.findings {
            writeln!(
                f,
                "damage: {} at byte {}: {}. What to do: {}",
                finding.file, finding.offset, finding.what, finding.advice
            )?;
        }
        if self.ends_sessions {
            writeln!(
                f,
                "sessions: a start ends all of them, since the last process did not log them and did not stop in good \
                 order"
            )?;
        }
        match self.start {
            Ok(Some(number)) => writeln!(f, "a start would succeed, from generation {number}"),
            Ok(None) => writeln!(f, "a start would succeed, from the log alone"),
            Err(()) => writeln!(f, "a start would be refused"),
        }
    }
}

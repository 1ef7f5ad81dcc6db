//! Verifying all of a stream, without any key: each line hangs on the one before, over all files.
//!
//! What this cannot see: whoever may write the files may also write all hashes anew, and may cut lines off the
//! end. Against both helps the last hash, noted elsewhere.

use std::fmt;

use super::chain::{Link, Stated};
use super::files::{FILE_READ_BYTES_MAX, Name};
use super::walk::{FLAWS_MAX, Flaw, Torn, walk};
use super::{DIRECTORY, files};
use crate::durability::storage::{Storage, StorageError, read_file};

/// What was found in a stream.
#[derive(Debug, Default)]
pub struct Report {
    /// Its files.
    pub files: usize,
    /// Their lines.
    pub lines: u64,
    /// The number of the first of them.
    pub first: u64,
    /// The last of them.
    pub last: Option<Link>,
    /// What a crash left, and in which file: the next start cuts it.
    pub torn: Option<(String, Torn)>,
    /// What is bad, and in which file.
    pub flaws: Vec<(String, Flaw)>,
    /// Lines up to this one were removed when their time was over.
    removed: u64,
}

/// Reads all files of the stream below a data directory; `None` if it has none.
pub fn examine(storage: &dyn Storage) -> Result<Option<Report>, StorageError> {
    if !storage.list("")?.iter().any(|name| name == DIRECTORY) {
        return Ok(None);
    }
    let names = storage.list(DIRECTORY)?;
    let mut report = Report::default();
    let mut known = Vec::new();
    for name in names {
        match Name::read(&name) {
            Some(read) => known.push(read),
            None => report.tell(&name, flaw("it is no file of an audit stream".to_owned())),
        }
    }
    known.sort_unstable_by_key(|name| name.first);
    let newest = known.last().map(|name| name.first);
    for name in &known {
        report.file(storage, name, Some(name.first) == newest);
    }
    if report.removed + 1 < report.first {
        let first = known.first().map(Name::to_string).unwrap_or_default();
        let what = format!(
            "lines 1 to {} before it are missing, and no line says that their time was over",
            report.first - 1
        );
        report.tell(&first, flaw(what));
    }
    Ok(Some(report))
}

/// Something that is wrong with a file as a whole.
fn flaw(what: String) -> Flaw {
    Flaw {
        line: 1,
        offset: 0,
        what,
    }
}

impl Report {
    fn tell(&mut self, file: &str, flaw: Flaw) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push((format!("{DIRECTORY}/{file}"), flaw));
        }
    }

    fn file(&mut self, storage: &dyn Storage, name: &Name, newest: bool) {
        let path = name.path();
        let text = name.to_string();
        self.files += 1;
        let bytes = match read_file(storage, &path, FILE_READ_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let what = format!("it has more than {FILE_READ_BYTES_MAX} bytes");
                return self.tell(&text, flaw(what));
            }
            Err(error) => return self.tell(&text, flaw(error.to_string())),
        };
        let mut removed = 0;
        let walked = walk(&bytes, self.last, newest, |line| {
            removed = removed.max(removed_through(line));
        });
        self.removed = self.removed.max(removed);
        self.lines += walked.lines;
        if self.first == 0 {
            self.first = walked.first.unwrap_or(0);
        }
        for flaw in walked.flaws {
            self.tell(&text, flaw);
        }
        match walked.first {
            Some(first) if first != name.first => {
                let what = format!(
                    "its first line is line {first}, its name says {}",
                    name.first
                );
                self.tell(&text, flaw(what));
            }
            // A file that has not got its first line is what a crash leaves.
            None if !newest => self.tell(&text, flaw("it has no line".to_owned())),
            Some(_) | None => {}
        }
        self.last = walked.link;
        self.torn = walked.torn.map(|torn| (path, torn));
    }
}

/// The last line whose removal this one tells of.
fn removed_through(line: &Stated<'_>) -> u64 {
    let marked = format!("\"what\":\"{}\"", files::REMOVED);
    let marked = marked.as_bytes();
    if !line
        .body
        .windows(marked.len())
        .any(|window| window == marked)
    {
        return 0;
    }
    let mut json = line.body.to_vec();
    json.push(b'}');
    let json: Option<serde_json::Value> = serde_json::from_slice(&json).ok();
    let through = json
        .as_ref()
        .and_then(|json| json.pointer("/detail/through"));
    through.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) => writeln!(
                f,
                "audit: {} files, lines {} to {}, last hash {last}",
                self.files, self.first, last.number
            )?,
            None => writeln!(f, "audit: no lines")?,
        }
        if let Some((file, torn)) = &self.torn {
            writeln!(
                f,
                "audit: torn tail: {file} at byte {}: {} bytes with {} whole lines; a crash left them, and the next \
                 start cuts them",
                torn.offset, torn.bytes, torn.lines
            )?;
        }
        for (file, flaw) in &self.flaws {
            writeln!(
                f,
                "damage: {file}, line {} (byte {}): {}. What to do: keep all of {DIRECTORY}/ as it is and find out \
                 who could write it; the node starts all the same",
                flaw.line, flaw.offset, flaw.what
            )?;
        }
        Ok(())
    }
}

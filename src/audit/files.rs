//! The files of the stream: one for each day, or more if there is much to tell, with the chain going on.
//!
//! A file is named after its first line and the day of it (UTC), and is only ever appended to. When the time of
//! the oldest ones is over they are removed as a whole; a line says so before. Invariants: a file has mode 0600
//! and its directory 0700; the number and the hash of the last line are known before anything is appended; what
//! could not be written whole is cut off again before anything else is.

use std::fmt;

use jiff::civil::{Date, date};

use super::DIRECTORY;
use super::chain::Link;
use super::entry::Entry;
use super::walk::{Flaw, Torn, walk};
use crate::durability::storage::{SharedStorage, StorageError, StoredFile, SyncSite, read_file};

/// Bytes after which a new file is begun.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a file that are read: one batch may pass the mark.
pub(super) const FILE_READ_BYTES_MAX: u64 = 2 * FILE_BYTES_MAX;
const DAY_MS: u64 = 86_400_000;
const FORMAT: u32 = 1;

/// What the line says that tells of removed ones.
pub(super) const REMOVED: &str = "audit.removed";

/// The name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The number of its first line.
    pub(super) first: u64,
    /// The day on which it was begun, counted from 1970-01-01 (UTC).
    day: u64,
}

impl Name {
    pub(super) fn read(text: &str) -> Option<Self> {
        let (first, day) = text.strip_suffix(".jsonl")?.split_once('-')?;
        let first = first.parse().ok()?;
        let year = day.get(..4)?.parse().ok()?;
        let (month, of_month) = (day.get(4..6)?.parse().ok()?, day.get(6..8)?.parse().ok()?);
        let begun = Date::new(year, month, of_month).ok()?;
        let hours = begun.duration_since(date(1970, 1, 1)).as_hours();
        let name = Self {
            first,
            day: u64::try_from(hours / 24).ok()?,
        };
        // One spelling only.
        (name.to_string() == text).then_some(name)
    }

    /// The file, relative to the data directory.
    pub(super) fn path(&self) -> String {
        format!("{DIRECTORY}/{self}")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.day * DAY_MS).unwrap_or(i64::MAX);
        let day = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{:016}-{}.jsonl", self.first, day.strftime("%Y%m%d"))
    }
}

/// What a start found at the end of the stream.
#[derive(Debug, Default)]
pub struct Found {
    /// What a crash left, which was cut.
    pub torn: Option<(String, Torn)>,
    /// The first bad line of the newest file. The stream goes on in a new one.
    pub damage: Option<(String, Flaw)>,
}

struct OpenFile {
    file: Box<dyn StoredFile>,
    name: Name,
    len: u64,
}

/// The stream, as far as it is written.
pub(super) struct Files {
    storage: SharedStorage,
    keep_days: u32,
    open: Option<OpenFile>,
    last: Link,
    /// The day on which it was looked whether files are to be removed.
    looked: Option<u64>,
}

/// Why lines were not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    /// Nothing of them is in the file: they may be tried again.
    #[error(transparent)]
    Refused(StorageError),
    /// What is in the file is not known.
    #[error(transparent)]
    Unsure(StorageError),
}

impl Files {
    /// Finds the end of the stream below a data directory, cuts what a crash left there, and goes on from it.
    pub(super) fn open(
        storage: SharedStorage,
        keep_days: u32,
    ) -> Result<(Self, Found), StorageError> {
        if !storage.list("")?.iter().any(|name| name == DIRECTORY) {
            storage.create_dir(DIRECTORY)?;
            storage.sync_dir("", SyncSite::Audit)?;
        }
        let mut files = Self {
            storage,
            keep_days,
            open: None,
            last: Link::START,
            looked: None,
        };
        let mut found = Found::default();
        for name in files.names()?.into_iter().rev() {
            if files.resume(name, &mut found)? {
                break;
            }
        }
        Ok((files, found))
    }

    fn names(&self) -> Result<Vec<Name>, StorageError> {
        let names = self.storage.list(DIRECTORY)?;
        let mut names: Vec<_> = names.iter().filter_map(|name| Name::read(name)).collect();
        names.sort_unstable_by_key(|name| name.first);
        Ok(names)
    }

    /// Goes on in this file. False if it has no line: a crash left it so.
    fn resume(&mut self, name: Name, found: &mut Found) -> Result<bool, StorageError> {
        let path = name.path();
        let bytes = read_file(&*self.storage, &path, FILE_READ_BYTES_MAX)?.unwrap_or_default();
        let walked = walk(&bytes, None, true, |_| {});
        let mut len = bytes.len() as u64;
        let mut file = self.storage.open(&path)?;
        if let Some(torn) = walked.torn {
            len = torn.offset;
            file.truncate(len)?;
            file.sync_data(SyncSite::Audit)?;
            found.torn.get_or_insert((path.clone(), torn));
        }
        let Some(last) = walked.link else {
            if walked.flaws.is_empty() {
                self.storage.remove(&path)?;
                self.storage.sync_dir(DIRECTORY, SyncSite::Audit)?;
                return Ok(false);
            }
            // Not a line is left to go on from, and the name says which one it began with.
            self.last = Link {
                number: name.first,
                hash: Link::START.hash,
            };
            found.damage = walked.flaws.into_iter().next().map(|flaw| (path, flaw));
            return Ok(true);
        };
        self.last = last;
        match walked.flaws.into_iter().next() {
            Some(flaw) => found.damage = Some((path, flaw)),
            None => self.open = Some(OpenFile { file, name, len }),
        }
        Ok(true)
    }

    /// Appends lines, all or none of them.
    pub(super) fn append<'a>(
        &mut self,
        wall_ms: u64,
        entries: impl Iterator<Item = (u64, &'a Entry)>,
    ) -> Result<(), AppendError> {
        let day = wall_ms / DAY_MS;
        // A clock that was set back does not begin a new file.
        let fits = |open: &OpenFile| day <= open.name.day && open.len < FILE_BYTES_MAX;
        if !self.open.as_ref().is_some_and(fits) {
            self.begin(wall_ms)?;
        }
        let mut bytes = Vec::new();
        let mut last = self.last;
        for (at, entry) in entries {
            last = entry.write(at, &last, &mut bytes);
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if let Err(error) = open.file.write_at(open.len, &bytes) {
            return Err(match open.file.truncate(open.len) {
                Ok(()) => AppendError::Refused(error),
                Err(error) => AppendError::Unsure(error),
            });
        }
        open.len += bytes.len() as u64;
        self.last = last;
        Ok(())
    }

    /// Makes all that was appended durable.
    pub(super) fn sync(&mut self) -> Result<(), StorageError> {
        match &mut self.open {
            Some(open) => open.file.sync_data(SyncSite::Audit),
            None => Ok(()),
        }
    }

    /// Begins a new file with the line that says what it hangs on.
    fn begin(&mut self, wall_ms: u64) -> Result<(), AppendError> {
        use AppendError::{Refused, Unsure};
        self.sync().map_err(Unsure)?;
        let name = Name {
            first: self.last.number + 1,
            day: wall_ms / DAY_MS,
        };
        let path = name.path();
        let mut file = match self.storage.create(&path) {
            Ok(file) => file,
            // What an attempt left that failed.
            Err(error) if error.is_taken() => {
                let mut file = self.storage.open(&path).map_err(Refused)?;
                file.truncate(0).map_err(Refused)?;
                file
            }
            Err(error) => return Err(Refused(error)),
        };
        let head = Entry::of_node("audit.file")
            .with("format", FORMAT)
            .with("before", self.last.to_string());
        let mut bytes = Vec::new();
        let last = head.write(wall_ms, &self.last, &mut bytes);
        file.write_at(0, &bytes).map_err(Refused)?;
        file.sync_data(SyncSite::Audit).map_err(Unsure)?;
        let named = self.storage.sync_dir(DIRECTORY, SyncSite::Audit);
        named.map_err(Unsure)?;
        self.open = Some(OpenFile {
            file,
            name,
            len: bytes.len() as u64,
        });
        self.last = last;
        Ok(())
    }

    /// Whether it is time to look for files whose time is over: once a day.
    pub(super) fn is_due(&self, wall_ms: u64) -> bool {
        self.looked != Some(wall_ms / DAY_MS)
    }

    /// Removes the oldest files whose time is over, after a line that says so.
    pub(super) fn remove_old(&mut self, wall_ms: u64) -> Result<(), AppendError> {
        let today = wall_ms / DAY_MS;
        self.looked = Some(today);
        let names = self.names().map_err(AppendError::Refused)?;
        let over = |name: &Name| name.day + u64::from(self.keep_days) < today;
        let old = names.iter().take_while(|name| over(name)).count();
        // The newest one stays whatever its age.
        let old = old.min(names.len().saturating_sub(1));
        let (Some(gone), Some(kept)) = (names.get(..old), names.get(old)) else {
            return Ok(());
        };
        if gone.is_empty() {
            return Ok(());
        }
        let told = Entry::of_node(REMOVED)
            .with("through", kept.first.saturating_sub(1))
            .with("files", gone.len());
        self.append(wall_ms, std::iter::once((wall_ms, &told)))?;
        self.sync().map_err(AppendError::Unsure)?;
        let remove = || {
            for name in gone {
                self.storage.remove(&name.path())?;
            }
            self.storage.sync_dir(DIRECTORY, SyncSite::Audit)
        };
        remove().map_err(AppendError::Refused)
    }
}

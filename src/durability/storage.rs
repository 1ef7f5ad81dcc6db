//! Files below one root, behind a trait narrow enough to be forgotten, torn and refused in tests.
//!
//! Names are relative, `/` between the parts, `""` is the root itself. What the trait promises is
//! what a disk promises and no more: a write counts once its file was synced, a name once its
//! directory was; a write that failed may have been done in part.
//! Invariants: nothing outside the root is touched; a symbolic link is refused, never followed; no
//! file is made readable for anybody else, and one that is, is refused.

#[cfg(any(test, feature = "testing"))]
mod choice;
#[cfg(any(test, feature = "testing"))]
mod disk;
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
pub mod os;

use std::io;
use std::sync::Arc;

/// Where a sync is asked for: each is one that a promise depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SyncSite {
    /// The root, before a manifest can say that there is a log.
    Directories,
    /// Records of a segment, before they are acknowledged.
    Records,
    /// The head of a segment, before it gets its name.
    SegmentHead,
    /// The log's directory, before a record of a new segment is acknowledged.
    SegmentName,
    /// The mark that another segment follows, before that one gets its first record.
    SegmentSeal,
    /// What was found of the newest segment at start, before anybody sees it.
    FoundRecords,
    /// The names found in the log's directory at start, before a record is acknowledged.
    FoundSegments,
    /// A manifest, before it gets its name.
    Manifest,
    /// The root, before anything that the older manifest names is removed.
    ManifestName,
    /// The manifest's name found at start, before anything is removed because of it.
    FoundManifest,
    /// The contents of an image, before a manifest names it.
    Image,
    /// The names of images, before a manifest names them.
    ImageNames,
    /// Lines of the audit stream and the names of its files, which recovery does without.
    Audit,
}

impl SyncSite {
    /// All that recovery depends on.
    pub const ALL: [Self; 12] = [
        Self::Directories,
        Self::Records,
        Self::SegmentHead,
        Self::SegmentName,
        Self::SegmentSeal,
        Self::FoundRecords,
        Self::FoundSegments,
        Self::Manifest,
        Self::ManifestName,
        Self::FoundManifest,
        Self::Image,
        Self::ImageNames,
    ];
}

/// What the disk refused, or what may not be there.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The system said no.
    #[error("{doing} {name}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file, relative to the root.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A link, where a file or directory of ours should be.
    #[error("{name} is a symbolic link: put the file itself there")]
    Link {
        /// The file, relative to the root.
        name: String,
    },
    /// Others may read or write it.
    #[error("{name} has mode {mode:04o}, so others can reach it: chmod {wanted:04o} it")]
    Mode {
        /// The file, relative to the root.
        name: String,
        /// The mode it has.
        mode: u32,
        /// The mode it should have.
        wanted: u32,
    },
    /// Something else than a file (or than a directory) stands there.
    #[error("{name} is not what it should be, a {wanted}: move it away")]
    Kind {
        /// The file, relative to the root.
        name: String,
        /// What should stand there.
        wanted: &'static str,
    },
}

impl StorageError {
    /// Names what failed.
    pub fn io(doing: &'static str, name: &str, source: io::Error) -> Self {
        Self::Io {
            doing,
            name: name.to_owned(),
            source,
        }
    }

    fn kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            Self::Link { .. } | Self::Mode { .. } | Self::Kind { .. } => None,
        }
    }

    /// There is no such file.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.kind() == Some(io::ErrorKind::NotFound)
    }

    /// There is such a file already.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.kind() == Some(io::ErrorKind::AlreadyExists)
    }
}

/// What a disk reads and writes by itself at least, and where it begins in memory and in the file. Disks want less, or just this.
pub const BLOCK_BYTES: usize = 4_096;

/// An open file. Dropping it closes it and syncs nothing.
pub trait StoredFile: Send {
    /// Its length in bytes.
    fn size(&self) -> Result<u64, StorageError>;
    /// Fills `into` from `at`; an error if the file ends before.
    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), StorageError>;
    /// Writes all of `bytes` at `at`, which may be the end or beyond. After an error any part of it
    /// may be there.
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), StorageError>;
    /// Cuts the file, or lengthens it by zeros that take no room.
    fn truncate(&mut self, len: u64) -> Result<(), StorageError>;
    /// Makes contents and length durable, not the name. After an error nothing is known of what
    /// was written since the last sync: it must not be tried again.
    fn sync_data(&mut self, site: SyncSite) -> Result<(), StorageError>;
    /// From now on what is read and written goes past the system's memory, as long as it is whole blocks
    /// ([`BLOCK_BYTES`]) at whole blocks, both in the file and in memory: all goes the ordinary way again from the first
    /// that is not, or that the file system does not take. A hint.
    fn pass_cache(&mut self) {}
    /// These bytes are durable and will not be read soon: the system need not keep them in memory. A hint.
    fn let_go(&self, at: u64, bytes: u64) {
        let _ = (at, bytes);
    }
}

/// Files below one root.
pub trait Storage: Send + Sync + 'static {
    /// Makes a file that is not there yet, mode 0600.
    fn create(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError>;
    /// Opens a file that is there, for reading and writing.
    fn open(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError>;
    /// Gives a file another name in the same directory, in place of whatever has that name.
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError>;
    /// Removes a file.
    fn remove(&self, name: &str) -> Result<(), StorageError>;
    /// The names in a directory, sorted, without the directory's own.
    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError>;
    /// Makes a directory that is not there yet, mode 0700.
    fn create_dir(&self, name: &str) -> Result<(), StorageError>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, name: &str, site: SyncSite) -> Result<(), StorageError>;
}

/// A storage that many share.
pub type SharedStorage = Arc<dyn Storage>;

/// The contents of a file of at most `bytes_max` bytes; `None` if it is longer.
pub fn read_file(
    storage: &dyn Storage,
    name: &str,
    bytes_max: u64,
) -> Result<Option<Vec<u8>>, StorageError> {
    let mut bytes = Vec::new();
    let fits = read_file_into(storage, name, bytes_max, &mut bytes)?;
    Ok(fits.then_some(bytes))
}

/// The same in the place of what `bytes` holds, in whose room the next file may be read; false if it is longer.
pub fn read_file_into(
    storage: &dyn Storage,
    name: &str,
    bytes_max: u64,
    bytes: &mut Vec<u8>,
) -> Result<bool, StorageError> {
    let file = storage.open(name)?;
    let len = file.size()?;
    let Some(len) = usize::try_from(len).ok().filter(|_| len <= bytes_max) else {
        return Ok(false);
    };
    if bytes.is_empty() {
        // Zeros that the system gives anew cost less than those that are written.
        *bytes = vec![0; len];
    }
    bytes.resize(len, 0);
    file.read_at(0, bytes)?;
    Ok(true)
}

/// The directory part of a name, and the rest.
#[must_use]
pub fn split_name(name: &str) -> (&str, &str) {
    name.rsplit_once('/').unwrap_or(("", name))
}

//! The data directory: made with mode 0700, locked for life by the process that serves it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a data directory is refused. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The path is not a directory.
    #[error("{0} is not a directory: choose another --data-dir, or move it away")]
    NotADirectory(PathBuf),
    /// Another process serves it.
    #[error("{0} is served by another process: stop that one, or choose another --data-dir")]
    InUse(PathBuf),
    /// The path is a symbolic link.
    #[error("{0} is a symbolic link: name the directory itself")]
    Link(PathBuf),
    /// A file in it cannot be what it should be.
    #[error("{path} is damaged ({what}): restore it, or move it away and start anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It is not what it was, or may not be served so.
    #[error("{path} is not served: {what}")]
    Refused {
        /// The directory.
        path: PathBuf,
        /// Which file, what is wrong with it, and what to do.
        what: String,
    },
    /// The system said no.
    #[error("{path}: {source}: check that it exists and that this user may read and write it")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A data directory that nobody serves while this value lives. Nothing in it is changed by that.
#[derive(Debug)]
pub struct LookedAt {
    /// None if nobody ever served it; whoever does so now is seen by what he changes.
    _lock: Option<File>,
}

impl LookedAt {
    /// Makes sure that this is a directory, no link, and not served, and keeps it from being served.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |path: &Path, source| DirectoryError::Io {
            path: path.to_owned(),
            source,
        };
        // Without the slash at its end, which follows a link.
        let path: PathBuf = path.components().collect();
        let about = std::fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
        if about.is_symlink() {
            return Err(DirectoryError::Link(path));
        }
        if !about.is_dir() {
            return Err(DirectoryError::NotADirectory(path));
        }
        let name = path.join("lock");
        let lock = match File::open(&name) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { _lock: None });
            }
            Err(error) => return Err(failed(&name, error)),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { _lock: Some(lock) }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(path)),
            Err(TryLockError::Error(source)) => Err(failed(&name, source)),
        }
    }
}

/// Makes the name of a file or directory durable.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    File::open(above)?.sync_all()
}

/// A data directory that is ours while this value lives.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Dropping it lets another process in.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory if it is not there, and locks it.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DirectoryError::Io { path, source }
        };
        match std::fs::symlink_metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(DirectoryError::NotADirectory(path.to_owned()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
                let made: Vec<_> = path.ancestors().take_while(missing).collect();
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)
                    .map_err(failed(path))?;
                for name in made {
                    sync_name(name).map_err(failed(name))?;
                }
            }
            Err(error) => return Err(failed(path)(error)),
        }
        let name = path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&name);
        let lock = file.map_err(failed(&name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(failed(&name)(source)),
        }
    }

    /// Reads a small file, or `None` if it is not there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DirectoryError> {
        let path = self.path.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DirectoryError::Io { path, source }),
        }
    }

    /// Replaces a small file, readable by this user only, wholly or not at all.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DirectoryError> {
        let path = self.path.join(name);
        let fresh = self.path.join(format!("{name}.new"));
        let replace = || {
            let mut options = OpenOptions::new();
            let mut file = options
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)?;
            File::open(&self.path)?.sync_all()
        };
        replace().map_err(|source| DirectoryError::Io {
            path: path.clone(),
            source,
        })
    }

    /// A file of it that cannot be what it should be.
    #[must_use]
    pub fn damaged(&self, name: &str, what: String) -> DirectoryError {
        DirectoryError::Damaged {
            path: self.path.join(name),
            what,
        }
    }
}

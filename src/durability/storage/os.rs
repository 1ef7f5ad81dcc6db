//! The real files. Every call is one ordinary system call or a short row of them, so that faults
//! can be injected from outside.

use std::cell::Cell;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};

use super::{BLOCK_BYTES, Storage, StorageError, StoredFile, SyncSite, split_name};

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// The bits of a mode that concern others than the owner.
const OTHERS: u32 = 0o077;

/// Files below a directory of the operating system.
#[derive(Debug)]
pub struct OsStorage {
    root: PathBuf,
    /// Nothing is changed, and files need not be writable.
    looks_only: bool,
}

impl OsStorage {
    /// The files below `root`, which must be a directory, mode 0700, and no link.
    pub fn open(root: &Path) -> Result<Self, StorageError> {
        Self::of(root, false)
    }

    /// The same, for whoever only looks: whatever would change something is refused, and syncs do nothing.
    pub fn look(root: &Path) -> Result<Self, StorageError> {
        Self::of(root, true)
    }

    fn of(root: &Path, looks_only: bool) -> Result<Self, StorageError> {
        let root = root.to_owned();
        let storage = Self { root, looks_only };
        storage.directory("")?;
        Ok(storage)
    }

    fn may_change(&self, doing: &'static str, name: &str) -> Result<(), StorageError> {
        if self.looks_only {
            let refused = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
            return Err(StorageError::io(doing, name, refused));
        }
        Ok(())
    }

    fn path(&self, name: &str) -> Result<PathBuf, StorageError> {
        if name.is_empty() {
            // Joining nothing would add a slash, which follows a link.
            return Ok(self.root.clone());
        }
        let strange = |part: &str| part.is_empty() || part == "." || part == "..";
        if name.split('/').any(strange) {
            let refused = io::Error::from(io::ErrorKind::InvalidInput);
            return Err(StorageError::io("naming", name, refused));
        }
        Ok(self.root.join(name))
    }

    /// Opens a directory, and so proves that it is one, is no link, and is ours alone.
    fn directory(&self, name: &str) -> Result<File, StorageError> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::DIRECTORY));
        let directory = self.opened(&options, name, "opening")?;
        let about = metadata(&directory, name)?;
        own(&about, name, DIRECTORY_MODE)?;
        Ok(directory)
    }

    /// Opens a path of which no part below the root is a link.
    fn opened(
        &self,
        options: &OpenOptions,
        name: &str,
        doing: &'static str,
    ) -> Result<File, StorageError> {
        let (directory, _) = split_name(name);
        if !directory.is_empty() {
            self.directory(directory)?;
        }
        let path = self.path(name)?;
        options.open(&path).map_err(|error| {
            // The system's word for a link differs; a look tells.
            let is_link = |about: Metadata| about.file_type().is_symlink();
            if std::fs::symlink_metadata(&path).is_ok_and(is_link) {
                let name = name.to_owned();
                return StorageError::Link { name };
            }
            StorageError::io(doing, name, error)
        })
    }

    fn file(&self, options: &OpenOptions, name: &str, doing: &'static str) -> Opened {
        let file = self.opened(options, name, doing)?;
        let about = metadata(&file, name)?;
        if !about.is_file() {
            return Err(StorageError::Kind {
                name: name.to_owned(),
                wanted: "file",
            });
        }
        own(&about, name, FILE_MODE)?;
        let name = name.to_owned();
        let direct = Cell::new(false);
        Ok(Box::new(OsFile { file, name, direct }))
    }
}

type Opened = Result<Box<dyn StoredFile>, StorageError>;

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

fn metadata(file: &File, name: &str) -> Result<Metadata, StorageError> {
    file.metadata()
        .map_err(|error| StorageError::io("looking at", name, error))
}

fn own(about: &Metadata, name: &str, wanted: u32) -> Result<(), StorageError> {
    let mode = about.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let name = if name.is_empty() {
        "the data directory"
    } else {
        name
    };
    Err(StorageError::Mode {
        name: name.to_owned(),
        mode,
        wanted,
    })
}

impl Storage for OsStorage {
    fn create(&self, name: &str) -> Opened {
        self.may_change("creating", name)?;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .custom_flags(flags(OFlags::NOFOLLOW));
        self.file(&options, name, "creating")
    }

    fn open(&self, name: &str) -> Opened {
        let mut options = OpenOptions::new();
        // Without O_NONBLOCK a pipe in the place of a file would hold the start up for ever.
        options
            .read(true)
            .write(!self.looks_only)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK));
        self.file(&options, name, "opening")
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.may_change("renaming", from)?;
        std::fs::rename(self.path(from)?, self.path(to)?)
            .map_err(|error| StorageError::io("renaming", from, error))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.may_change("removing", name)?;
        std::fs::remove_file(self.path(name)?)
            .map_err(|error| StorageError::io("removing", name, error))
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.directory(directory)?;
        let failed = |error| StorageError::io("listing", directory, error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.path(directory)?).map_err(failed)? {
            // A name that is no text is none of ours; it is shown as well as it can be.
            let name = entry.map_err(failed)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, name: &str) -> Result<(), StorageError> {
        self.may_change("creating", name)?;
        DirBuilder::new()
            .mode(DIRECTORY_MODE)
            .create(self.path(name)?)
            .map_err(|error| StorageError::io("creating", name, error))
    }

    fn sync_dir(&self, name: &str, _: SyncSite) -> Result<(), StorageError> {
        if self.looks_only {
            return Ok(());
        }
        self.directory(name)?
            .sync_all()
            .map_err(|error| StorageError::io("syncing", name, error))
    }
}

struct OsFile {
    file: File,
    name: String,
    /// It is read and written past the system's memory.
    direct: Cell<bool>,
}

impl OsFile {
    fn done<T>(&self, doing: &'static str, done: io::Result<T>) -> Result<T, StorageError> {
        done.map_err(|error| StorageError::io(doing, &self.name, error))
    }

    fn set_direct(&self, direct: bool) -> io::Result<()> {
        let mut flags = fcntl_getfl(&self.file)?;
        flags.set(OFlags::DIRECT, direct);
        fcntl_setfl(&self.file, flags)?;
        self.direct.set(direct);
        Ok(())
    }

    /// Reads or writes `bytes` at `at`, past the system's memory as long as that is asked for and possible.
    fn moving<T: AsRef<[u8]>>(
        &self,
        at: u64,
        mut bytes: T,
        how: impl Fn(&File, &mut T, u64) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.direct.get() {
            if is_whole(at, bytes.as_ref()) {
                match how(&self.file, &mut bytes, at) {
                    // Some file systems take the flag, and say so late that they cannot.
                    Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
                    done => return done,
                }
            }
            self.set_direct(false)?;
        }
        how(&self.file, &mut bytes, at)
    }
}

/// Whether it is whole blocks at whole blocks, in the file and in memory.
fn is_whole(at: u64, bytes: &[u8]) -> bool {
    at.is_multiple_of(BLOCK_BYTES as u64)
        && bytes.len().is_multiple_of(BLOCK_BYTES)
        && bytes.as_ptr().align_offset(BLOCK_BYTES) == 0
}

impl StoredFile for OsFile {
    fn size(&self) -> Result<u64, StorageError> {
        Ok(metadata(&self.file, &self.name)?.size())
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let read = self.moving(at, into, |file, into, at| file.read_exact_at(into, at));
        self.done("reading", read)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let written = self.moving(at, bytes, |file, bytes, at| file.write_all_at(bytes, at));
        self.done("writing", written)
    }

    fn truncate(&mut self, len: u64) -> Result<(), StorageError> {
        self.done("cutting", self.file.set_len(len))
    }

    fn sync_data(&mut self, _: SyncSite) -> Result<(), StorageError> {
        self.done("syncing", self.file.sync_data())
    }

    fn pass_cache(&mut self) {
        // A file system that cannot refuses it here, or the first call.
        let _ = self.set_direct(true);
    }

    fn let_go(&self, at: u64, bytes: u64) {
        // A system that does not take the hint keeps them.
        let _ = fadvise(&self.file, at, NonZeroU64::new(bytes), Advice::DontNeed);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn root() -> (tempfile::TempDir, OsStorage) {
        let directory = tempfile::tempdir().unwrap();
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory.path(), private).unwrap();
        let storage = OsStorage::open(directory.path()).unwrap();
        (directory, storage)
    }

    #[test]
    fn a_file_is_written_read_cut_renamed_listed_and_removed() {
        let (directory, storage) = root();
        storage.create_dir("log").unwrap();
        let mut file = storage.create("log/a").unwrap();
        file.write_at(0, b"abc").unwrap();
        file.write_at(5, b"f").unwrap();
        file.sync_data(SyncSite::Records).unwrap();
        let mut read = [9; 6];
        file.read_at(0, &mut read).unwrap();
        assert_eq!(&read, b"abc\0\0f");
        assert!(file.read_at(1, &mut read).is_err());
        file.truncate(2).unwrap();
        assert_eq!(file.size().unwrap(), 2);
        assert!(storage.create("log/a").err().unwrap().is_taken());
        assert!(storage.create_dir("log").err().unwrap().is_taken());
        storage.rename("log/a", "log/b").unwrap();
        storage.sync_dir("log", SyncSite::SegmentName).unwrap();
        assert_eq!(storage.list("log").unwrap(), ["b"]);
        let mode = |name| {
            std::fs::metadata(directory.path().join(name))
                .unwrap()
                .mode()
                & 0o7777
        };
        assert_eq!((mode("log"), mode("log/b")), (0o700, 0o600));
        storage.remove("log/b").unwrap();
        assert!(storage.open("log/b").err().unwrap().is_missing());
    }

    #[test]
    fn past_the_cache_and_through_it_the_bytes_are_the_same() {
        let (_directory, storage) = root();
        let room: Vec<u8> = (0..=250).cycle().take(5 * BLOCK_BYTES).collect();
        let from = room.as_ptr().align_offset(BLOCK_BYTES);
        let whole = &room[from..from + 3 * BLOCK_BYTES];
        let mut file = storage.create("a").unwrap();
        file.pass_cache();
        // Whole blocks, then what is none in length, in memory, and in the file.
        file.write_at(0, whole).unwrap();
        file.write_at(whole.len() as u64, &whole[..77]).unwrap();
        file.sync_data(SyncSite::Image).unwrap();
        for (at, len) in [
            (0, 2 * BLOCK_BYTES),
            (BLOCK_BYTES, BLOCK_BYTES),
            (2 * BLOCK_BYTES, BLOCK_BYTES + 77),
            (9, BLOCK_BYTES),
        ] {
            let mut file = storage.open("a").unwrap();
            file.pass_cache();
            file.let_go(0, file.size().unwrap());
            let mut into = vec![0; len + BLOCK_BYTES];
            let from = into.as_ptr().align_offset(BLOCK_BYTES);
            let expected: Vec<u8> = whole.iter().chain(&whole[..77]).copied().collect();
            for shifted in [0, 1] {
                let into = &mut into[from..][..len - shifted];
                into.fill(0);
                file.read_at(at as u64, into).unwrap();
                assert_eq!(into, &expected[at..][..len - shifted], "{at} {len}");
            }
        }
        let mut behind = vec![0; BLOCK_BYTES];
        assert!(file.read_at(3 * BLOCK_BYTES as u64, &mut behind).is_err());
    }

    #[test]
    fn links_open_modes_and_ways_out_of_the_root_are_refused() {
        let (directory, storage) = root();
        let at = |name: &str| directory.path().join(name);
        storage.create("real").unwrap();
        storage.create_dir("dir").unwrap();
        symlink(at("real"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        symlink(at("dir"), at("linked")).unwrap();
        for name in ["link", "dangling", "linked/a"] {
            let refused = storage.open(name).err().unwrap();
            assert!(matches!(refused, StorageError::Link { .. }), "{refused}");
        }
        assert!(storage.create("dangling").is_err());
        assert!(storage.list("linked").is_err());
        assert!(OsStorage::open(&at("linked")).is_err());
        for name in ["../a", "dir/../../a", "/etc/hostname", "dir//a", "."] {
            assert!(storage.open(name).is_err(), "{name}");
            assert!(storage.remove(name).is_err(), "{name}");
        }
        std::fs::set_permissions(at("real"), std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = storage.open("real").err().unwrap();
        assert_eq!(
            refused.to_string(),
            "real has mode 0640, so others can reach it: chmod 0600 it"
        );
        std::fs::set_permissions(at("dir"), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(
            storage.list("dir"),
            Err(StorageError::Mode { wanted: 0o700, .. })
        ));
        assert!(matches!(
            storage.open("linked"),
            Err(StorageError::Link { .. })
        ));
    }
}

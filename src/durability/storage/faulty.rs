//! Files in memory on a disk that forgets, tears and refuses, for tests.
//!
//! Survivable here, and therefore to be survived: a power cut at any call, after which unsynced
//! writes are there, absent or torn at 512 bytes and unsynced names in any subset; a process that
//! ends at any call; any call failing once or for good; a write that is cut short by a full disk;
//! a sync that fails and drops what it should have written. Not modelled: decay (edit the
//! contents), disks that claim a sync they did not do (that is `skip`, to prove that syncs matter).

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

pub use super::choice::{Choose, Every, Seed};
use super::disk::{Disk, Step};
use super::{Storage, StorageError, StoredFile, SyncSite};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named like the calls of the trait")]
pub enum Call {
    Create,
    Open,
    Read,
    Write,
    Truncate,
    SyncData,
    Rename,
    Remove,
    List,
    CreateDir,
    SyncDir,
    /// Whatever is called.
    Any,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// An input or output error. A sync loses what it should have made durable.
    Error,
    /// The disk is full. A write may have done this many bytes before.
    Full(usize),
}

#[derive(Debug)]
struct Fault {
    call: Call,
    /// Calls of this kind that still succeed.
    after: u64,
    for_good: bool,
    how: How,
}

#[derive(Default)]
struct State {
    disk: Disk,
    history: Vec<Step>,
    faults: Vec<Fault>,
    skipped: Option<SyncSite>,
    bytes_max: Option<usize>,
    syncs: BTreeMap<SyncSite, u64>,
    calls: u64,
}

impl State {
    fn step(&mut self, step: Step) {
        self.disk.apply(&step);
        self.history.push(step);
    }

    /// Counts a call, and says whether and how it fails.
    fn call(&mut self, call: Call) -> Option<How> {
        self.calls += 1;
        let mut failing = None;
        self.faults.retain_mut(|fault| {
            if fault.call != Call::Any && fault.call != call {
                return true;
            }
            if fault.after > 0 {
                fault.after -= 1;
                return true;
            }
            failing = failing.or(Some(fault.how));
            fault.for_good
        });
        failing
    }
}

/// The storage. Cloning the `Arc` shares it.
#[derive(Clone, Default)]
pub struct FaultyStorage(Arc<Mutex<State>>);

impl FaultyStorage {
    /// An empty disk that does what it is told.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn on(disk: Disk) -> Self {
        let state = State {
            disk,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// After `after` more calls of this kind the next one fails, or all of them from there on.
    pub fn fail(&self, call: Call, after: u64, how: How, for_good: bool) {
        self.0.lock().faults.push(Fault {
            call,
            after,
            for_good,
            how,
        });
    }

    /// The process ends after this many more calls; what it wrote stays in the system's memory.
    pub fn kill_after(&self, calls: u64) {
        self.fail(Call::Any, calls, How::Error, true);
    }

    /// All calls succeed again: another process, or a disk that has recovered.
    pub fn mend(&self) {
        self.0.lock().faults.clear();
    }

    /// From now on a sync at this site does nothing and says that it did.
    pub fn skip(&self, site: SyncSite) {
        self.0.lock().skipped = Some(site);
    }

    /// The disk has room for so many bytes, or without limit.
    pub fn limit(&self, bytes_max: Option<usize>) {
        self.0.lock().bytes_max = bytes_max;
    }

    /// Notes in the history that something was promised.
    pub fn mark(&self, what: u64) {
        self.0.lock().step(Step::Mark(what));
    }

    /// How often each site was synced.
    #[must_use]
    pub fn syncs(&self) -> BTreeMap<SyncSite, u64> {
        self.0.lock().syncs.clone()
    }

    /// Calls so far, failed ones included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// Bytes that all files have together.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.lock().disk.used()
    }

    /// The contents of a file, as they look.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.0.lock();
        let file = state.disk.file(name)?;
        Some(state.disk.live(file).to_vec())
    }

    /// Makes a file, or replaces its contents, durably and outside the history.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.0.lock().disk.put(name, bytes);
    }

    /// A copy that goes its own way, with everything as it looks, durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::on(self.0.lock().disk.settled())
    }

    /// What a power cut now may leave.
    #[must_use]
    pub fn cut(&self, choose: &mut impl Choose) -> Self {
        Self::on(self.0.lock().disk.cut(choose))
    }

    /// Calls `look` after every step of the history, the marks so far with it.
    pub fn moments(&self, mut look: impl FnMut(&Moment<'_>)) {
        let history = self.0.lock().history.clone();
        let (mut disk, mut marks) = (Disk::default(), Vec::new());
        for step in &history {
            disk.apply(step);
            if let Step::Mark(what) = step {
                marks.push(*what);
            }
            look(&Moment {
                disk: &disk,
                marks: &marks,
            });
        }
    }
}

/// A moment of the history.
pub struct Moment<'a> {
    disk: &'a Disk,
    /// What was promised until then.
    pub marks: &'a [u64],
}

impl Moment<'_> {
    /// What a power cut at this moment may leave.
    #[must_use]
    pub fn cut(&self, choose: &mut impl Choose) -> FaultyStorage {
        FaultyStorage::on(self.disk.cut(choose))
    }
}

fn error(doing: &'static str, name: &str, kind: io::ErrorKind) -> StorageError {
    StorageError::io(doing, name, io::Error::from(kind))
}

fn failed(doing: &'static str, name: &str, how: How) -> StorageError {
    let kind = match how {
        How::Error => io::ErrorKind::Other,
        How::Full(_) => io::ErrorKind::StorageFull,
    };
    error(doing, name, kind)
}

impl FaultyStorage {
    /// Counts a call and runs it if it is not to fail.
    fn run<T>(
        &self,
        call: Call,
        name: &str,
        act: impl FnOnce(&mut State) -> Result<T, io::ErrorKind>,
    ) -> Result<T, StorageError> {
        let mut state = self.0.lock();
        if let Some(how) = state.call(call) {
            return Err(failed("calling", name, how));
        }
        act(&mut state).map_err(|kind| error("calling", name, kind))
    }

    fn handle(&self, file: usize, name: &str) -> Box<dyn StoredFile> {
        Box::new(FaultyFile {
            storage: self.clone(),
            file,
            name: name.to_owned(),
        })
    }
}

impl Storage for FaultyStorage {
    fn create(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError> {
        let file = self.run(Call::Create, name, |state| {
            let (directory, _) = super::split_name(name);
            if state.disk.exists(name) {
                return Err(io::ErrorKind::AlreadyExists);
            }
            if !state.disk.has_directory(directory) {
                return Err(io::ErrorKind::NotFound);
            }
            state.step(Step::Create { name: name.into() });
            state.disk.file(name).ok_or(io::ErrorKind::NotFound)
        })?;
        Ok(self.handle(file, name))
    }

    fn open(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError> {
        let found = |state: &mut State| state.disk.file(name).ok_or(io::ErrorKind::NotFound);
        let file = self.run(Call::Open, name, found)?;
        Ok(self.handle(file, name))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.run(Call::Rename, from, |state| {
            if super::split_name(from).0 != super::split_name(to).0 {
                return Err(io::ErrorKind::InvalidInput);
            }
            if !state.disk.exists(from) {
                return Err(io::ErrorKind::NotFound);
            }
            let (from, to) = (from.to_owned(), to.to_owned());
            state.step(Step::Rename { from, to });
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.run(Call::Remove, name, |state| {
            if state.disk.file(name).is_none() {
                return Err(io::ErrorKind::NotFound);
            }
            state.step(Step::Remove { name: name.into() });
            Ok(())
        })
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.run(Call::List, directory, |state| {
            state.disk.names(directory).ok_or(io::ErrorKind::NotFound)
        })
    }

    fn create_dir(&self, name: &str) -> Result<(), StorageError> {
        self.run(Call::CreateDir, name, |state| {
            if state.disk.exists(name) {
                return Err(io::ErrorKind::AlreadyExists);
            }
            state.step(Step::CreateDir { name: name.into() });
            Ok(())
        })
    }

    fn sync_dir(&self, name: &str, site: SyncSite) -> Result<(), StorageError> {
        self.run(Call::SyncDir, name, |state| {
            *state.syncs.entry(site).or_default() += 1;
            if state.skipped != Some(site) {
                state.step(Step::SyncDir { name: name.into() });
            }
            Ok(())
        })
    }
}

struct FaultyFile {
    storage: FaultyStorage,
    file: usize,
    name: String,
}

impl FaultyFile {
    /// Writes what there is room for.
    fn write(&self, state: &mut State, at: usize, bytes: &[u8]) -> Result<(), io::ErrorKind> {
        let len = state.disk.live(self.file).len();
        let room = state
            .bytes_max
            .map_or(usize::MAX, |max| max.saturating_sub(state.disk.used()));
        let fits = len.saturating_sub(at).saturating_add(room).min(bytes.len());
        let bytes_done = bytes.get(..fits).unwrap_or_default().to_vec();
        let file = self.file;
        if !bytes_done.is_empty() {
            let bytes = bytes_done;
            state.step(Step::Write { file, at, bytes });
        }
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull);
        }
        Ok(())
    }
}

impl StoredFile for FaultyFile {
    fn size(&self) -> Result<u64, StorageError> {
        let state = self.storage.0.lock();
        Ok(u64::try_from(state.disk.live(self.file).len()).unwrap_or(u64::MAX))
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.storage.run(Call::Read, &self.name, |state| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            let from = state.disk.live(self.file).get(at..).unwrap_or_default();
            let from = from.get(..into.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
            into.copy_from_slice(from);
            Ok(())
        })
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let mut state = self.storage.0.lock();
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let failing = state.call(Call::Write);
        let done = match failing {
            Some(How::Full(done)) => done.min(bytes.len()),
            Some(How::Error) => 0,
            None => bytes.len(),
        };
        let written = self.write(&mut state, at, bytes.get(..done).unwrap_or_default());
        match failing {
            Some(how) => Err(failed("writing", &self.name, how)),
            None => written.map_err(|kind| error("writing", &self.name, kind)),
        }
    }

    fn truncate(&mut self, len: u64) -> Result<(), StorageError> {
        let file = self.file;
        self.storage.run(Call::Truncate, &self.name, |state| {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            state.step(Step::Truncate { file, len });
            Ok(())
        })
    }

    fn sync_data(&mut self, site: SyncSite) -> Result<(), StorageError> {
        let mut state = self.storage.0.lock();
        let file = self.file;
        if let Some(how) = state.call(Call::SyncData) {
            state.step(Step::LoseFile { file });
            return Err(failed("syncing", &self.name, how));
        }
        *state.syncs.entry(site).or_default() += 1;
        if state.skipped != Some(site) {
            state.step(Step::SyncFile { file });
        }
        Ok(())
    }
}

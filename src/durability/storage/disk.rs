//! What a disk remembers: contents and names as they look, as they are durable, and what lies
//! between the two. Pure; `faulty` drives it.
//!
//! Invariants: a power cut keeps all that is durable, and of the rest, in order, each change
//! wholly, not at all, or (a write) any of its 512-byte sectors; sectors never tear within.

use std::collections::BTreeMap;

use super::choice::Choose;

/// What is written wholly or not at all.
pub(super) const SECTOR: usize = 512;

/// One thing that happened to a disk.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create {
        name: String,
    },
    CreateDir {
        name: String,
    },
    Write {
        file: usize,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: usize,
        len: usize,
    },
    SyncFile {
        file: usize,
    },
    /// A sync that failed: the pages count as clean, and are nowhere.
    LoseFile {
        file: usize,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
    SyncDir {
        name: String,
    },
    Mark(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Clone, Debug, Default)]
struct Contents {
    live: Vec<u8>,
    kept: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Directory,
}

#[derive(Clone, Debug)]
enum NameChange {
    Add(String, Node),
    Move {
        from: String,
        to: String,
        node: Node,
    },
    Remove(String),
}

type Names = BTreeMap<String, Node>;

#[derive(Clone, Debug, Default)]
struct Directory {
    live: Names,
    kept: Names,
    pending: Vec<NameChange>,
}

#[derive(Clone, Debug)]
pub(super) struct Disk {
    files: Vec<Contents>,
    directories: BTreeMap<String, Directory>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            directories: BTreeMap::from([(String::new(), Directory::default())]),
        }
    }
}

impl Disk {
    fn node(&self, name: &str) -> Option<Node> {
        let (directory, rest) = super::split_name(name);
        self.directories.get(directory)?.live.get(rest).copied()
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    pub(super) fn file(&self, name: &str) -> Option<usize> {
        match self.node(name)? {
            Node::File(file) => Some(file),
            Node::Directory => None,
        }
    }

    pub(super) fn has_directory(&self, name: &str) -> bool {
        self.directories.contains_key(name)
    }

    pub(super) fn names(&self, directory: &str) -> Option<Vec<String>> {
        Some(
            self.directories
                .get(directory)?
                .live
                .keys()
                .cloned()
                .collect(),
        )
    }

    pub(super) fn live(&self, file: usize) -> &[u8] {
        self.files.get(file).map_or(&[], |file| &file.live)
    }

    /// Bytes that all named files have together.
    pub(super) fn used(&self) -> usize {
        let nodes = self.directories.values().flat_map(|d| d.live.values());
        nodes
            .filter_map(|node| match node {
                Node::File(file) => Some(self.live(*file).len()),
                Node::Directory => None,
            })
            .sum()
    }

    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Create { name } => {
                let node = Node::File(self.files.len());
                self.files.push(Contents::default());
                self.rename(name, |rest| NameChange::Add(rest, node));
            }
            Step::CreateDir { name } => {
                self.directories.insert(name.clone(), Directory::default());
                self.rename(name, |rest| NameChange::Add(rest, Node::Directory));
            }
            Step::Write { file, at, bytes } => self.change(
                *file,
                Change::Write {
                    at: *at,
                    bytes: bytes.clone(),
                },
            ),
            Step::Truncate { file, len } => self.change(*file, Change::Truncate(*len)),
            Step::SyncFile { file } => {
                if let Some(file) = self.files.get_mut(*file) {
                    for change in std::mem::take(&mut file.pending) {
                        whole(&mut file.kept, &change);
                    }
                }
            }
            Step::LoseFile { file } => {
                if let Some(file) = self.files.get_mut(*file) {
                    file.pending.clear();
                }
            }
            Step::Rename { from, to } => {
                if let Some(node) = self.node(from) {
                    let (_, to) = super::split_name(to);
                    let to = to.to_owned();
                    self.rename(from, |from| NameChange::Move { from, to, node });
                }
            }
            Step::Remove { name } => self.rename(name, NameChange::Remove),
            Step::SyncDir { name } => {
                if let Some(directory) = self.directories.get_mut(name) {
                    for change in std::mem::take(&mut directory.pending) {
                        renamed(&mut directory.kept, &change);
                    }
                }
            }
            Step::Mark(_) => {}
        }
    }

    fn change(&mut self, file: usize, change: Change) {
        if let Some(file) = self.files.get_mut(file) {
            whole(&mut file.live, &change);
            file.pending.push(change);
        }
    }

    fn rename(&mut self, name: &str, change: impl FnOnce(String) -> NameChange) {
        let (directory, rest) = super::split_name(name);
        if let Some(directory) = self.directories.get_mut(directory) {
            let change = change(rest.to_owned());
            renamed(&mut directory.live, &change);
            directory.pending.push(change);
        }
    }

    /// What a power cut now may leave.
    pub(super) fn cut(&self, choose: &mut impl Choose) -> Self {
        let mut left = Self::default();
        for file in &self.files {
            let mut kept = file.kept.clone();
            for change in &file.pending {
                partly(&mut kept, change, choose);
            }
            left.files.push(Contents {
                live: kept.clone(),
                kept,
                pending: Vec::new(),
            });
        }
        // Parents come before what is in them, so a directory whose name is gone is gone whole.
        for (path, directory) in &self.directories {
            let (parent, rest) = super::split_name(path);
            let named = |parent: &Directory| parent.live.contains_key(rest);
            if !path.is_empty() && !left.directories.get(parent).is_some_and(named) {
                continue;
            }
            let mut kept = directory.kept.clone();
            for change in &directory.pending {
                if choose.below(2) == 1 {
                    renamed(&mut kept, change);
                }
            }
            left.directories.insert(
                path.clone(),
                Directory {
                    live: kept.clone(),
                    kept,
                    pending: Vec::new(),
                },
            );
        }
        left
    }

    /// The same with everything durable.
    pub(super) fn settled(&self) -> Self {
        struct All;
        impl Choose for All {
            fn below(&mut self, _: usize) -> usize {
                1
            }
        }
        self.cut(&mut All)
    }

    /// Replaces the contents of a file, or makes it, durably.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) {
        if !self.exists(name) {
            self.apply(&Step::Create { name: name.into() });
        }
        let file = self.file(name).unwrap_or(0);
        let (directory, _) = super::split_name(name);
        for step in [
            Step::Truncate { file, len: 0 },
            Step::Write {
                file,
                at: 0,
                bytes: bytes.to_vec(),
            },
            Step::SyncFile { file },
            Step::SyncDir {
                name: directory.into(),
            },
        ] {
            self.apply(&step);
        }
    }
}

fn whole(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes: new } => overwrite(bytes, *at, new),
        Change::Truncate(len) => bytes.resize(*len, 0),
    }
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(at..end) {
        place.copy_from_slice(new);
    }
}

/// 0 is not at all, 1 wholly, 2 some sectors.
fn partly(bytes: &mut Vec<u8>, change: &Change, choose: &mut impl Choose) {
    let sectors = match change {
        Change::Write { at, bytes } => (at + bytes.len()).div_ceil(SECTOR) - at / SECTOR,
        Change::Truncate(_) => 1,
    };
    match (choose.below(if sectors > 1 { 3 } else { 2 }), change) {
        (0, _) => {}
        (2, Change::Write { at, bytes: new }) => {
            let (mut at, mut rest) = (*at, new.as_slice());
            while !rest.is_empty() {
                let sector = (SECTOR - at % SECTOR).min(rest.len());
                let (now, later) = rest.split_at(sector);
                if choose.below(2) == 1 {
                    overwrite(bytes, at, now);
                }
                (at, rest) = (at + sector, later);
            }
        }
        _ => whole(bytes, change),
    }
}

fn renamed(names: &mut Names, change: &NameChange) {
    match change {
        NameChange::Add(name, node) => {
            names.insert(name.clone(), *node);
        }
        NameChange::Move { from, to, node } => {
            // The older name may never have become durable, or be another file's by now.
            if names.get(from) == Some(node) {
                names.remove(from);
            }
            names.insert(to.clone(), *node);
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

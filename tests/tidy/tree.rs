//! The files the rules look at, and what a rule says when it is broken.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{fmt, fs};

/// Left out when git cannot be asked: build output, dependencies of the client tests, the default
/// data directory.
const NOT_WALKED: &[&str] = &[
    ".git",
    ".venv",
    "__pycache__",
    "node_modules",
    "snapshots/live",
    "target",
];

/// Larger files are data, not text that somebody wrote.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// One text file: its path below the repository with `/` between the parts, and what is in it.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Whether this file belongs to `room`, given without suffix: `src/engine` is `src/engine.rs`
    /// and all below `src/engine/`.
    pub(crate) fn is_in(&self, room: &str) -> bool {
        self.path
            .strip_prefix(room)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }
}

/// One breach of a rule. Line 0 stands for the whole file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// Fails the calling test with every finding on a line of its own.
#[track_caller]
pub(crate) fn assert_tidy(mut findings: Vec<Finding>) {
    findings.sort();
    findings.dedup();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(
        findings.is_empty(),
        "{} breach(es) of a house rule (see tests/tidy/main.rs):\n{}",
        lines.len(),
        lines.join("\n")
    );
}

/// The directory that holds `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file that git would commit.
pub(crate) fn text_files() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let paths = listed_by_git().unwrap_or_else(|| {
            let mut found = Vec::new();
            walk(root(), "", &mut found);
            found
        });
        paths.into_iter().filter_map(read).collect()
    })
}

/// The Rust files below the given top-level directories.
pub(crate) fn rust_files(directories: &[&str]) -> Vec<&'static File> {
    let wanted = |file: &&File| {
        file.path.ends_with(".rs") && directories.iter().any(|directory| file.is_in(directory))
    };
    text_files().iter().filter(wanted).collect()
}

/// `None` when git is missing, refuses this directory, or knows no file in it.
fn listed_by_git() -> Option<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let skipped = [&name, &path]
            .iter()
            .any(|known| NOT_WALKED.contains(&known.as_str()));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !skipped => {
                walk(&entry.path(), &format!("{path}/"), found);
            }
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
}

/// `None` for what is no text: binary or very large files, links to directories, files deleted but
/// still in git's index.
fn read(path: String) -> Option<File> {
    let on_disk: PathBuf = root().join(&path);
    let about = fs::metadata(&on_disk).ok()?;
    if !about.is_file() || about.len() > TEXT_BYTES_MAX {
        return None;
    }
    let bytes = fs::read(&on_disk).ok()?;
    if bytes.contains(&0) {
        return None;
    }
    Some(File {
        path,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// A sample for the tests of the rules.
#[cfg(test)]
pub(crate) fn sample(path: &str, text: &str) -> File {
    File {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn the_rules_see_the_source() {
    for wanted in ["Cargo.toml", "src/lib.rs", "tests/tidy/tree.rs"] {
        assert!(
            text_files().iter().any(|file| file.path == wanted),
            "{wanted} is not among the files that are checked"
        );
    }
    assert!(
        text_files()
            .iter()
            .all(|file| !file.path.starts_with("target/")),
        "build output is checked"
    );
}

#[test]
fn a_walk_without_git_sees_the_source_and_no_build_output() {
    let mut found = Vec::new();
    walk(root(), "", &mut found);
    assert!(found.iter().any(|path| path == "src/lib.rs"));
    assert!(
        found
            .iter()
            .all(|path| !path.starts_with("target/") && !path.starts_with(".git/"))
    );
}

#[test]
fn a_room_is_its_file_and_its_folder_and_nothing_that_only_begins_alike() {
    assert!(sample("src/engine.rs", "").is_in("src/engine"));
    assert!(sample("src/engine/shard.rs", "").is_in("src/engine"));
    assert!(!sample("src/engines/shard.rs", "").is_in("src/engine"));
    assert!(!sample("src/engine_room.rs", "").is_in("src/engine"));
}

#[test]
fn a_finding_names_file_and_line() {
    assert_eq!(
        Finding::new("src/lib.rs", 7, "no").to_string(),
        "src/lib.rs:7: no"
    );
    assert_eq!(
        Finding::new("src/lib.rs", 0, "no").to_string(),
        "src/lib.rs: no"
    );
}

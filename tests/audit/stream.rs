//! A stream in a directory of its own, and what stands in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use sessile::audit::entry::Entry;
use sessile::audit::sink::{Audit, Settings};
use sessile::audit::verify::{self, Report};
use sessile::clock::ManualClock;
use sessile::durability::storage::SharedStorage;
use sessile::durability::storage::os::OsStorage;
use tempfile::TempDir;

use crate::support::{Node, START_MS, Setup};

/// What a stream is kept as, if nothing is said.
pub(crate) const USUAL: Settings = Settings {
    required: false,
    keep_days: 30,
};

/// A directory with a stream.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let owner = fs::Permissions::from_mode(0o700);
        fs::set_permissions(directory.path(), owner).unwrap();
        Self(directory)
    }

    pub(crate) fn storage(&self) -> OsStorage {
        OsStorage::open(self.0.path()).unwrap()
    }

    /// Goes on with the stream.
    pub(crate) fn audit(&self, settings: Settings, clock: &Arc<ManualClock>) -> Audit {
        self.audit_on(Arc::new(self.storage()), settings, clock)
    }

    pub(crate) fn audit_on(
        &self,
        storage: SharedStorage,
        settings: Settings,
        clock: &Arc<ManualClock>,
    ) -> Audit {
        Audit::start(storage, settings, clock.clone()).unwrap().0
    }

    /// Its files in their order.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.path().join("audit")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    /// All that is in it, as text.
    pub(crate) fn text(&self) -> String {
        let files = self.files();
        let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
        texts.collect()
    }

    /// Its lines, but for those that tell of the stream itself.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let mut lines = self.all_lines();
        lines.retain(|line| !what(line).starts_with("audit."));
        lines
    }

    pub(crate) fn all_lines(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    pub(crate) fn report(&self) -> Report {
        verify::examine(&self.storage()).unwrap().unwrap()
    }

    /// What is bad in it: file by its place, line, words.
    pub(crate) fn flaws(&self) -> Vec<(String, u64, String)> {
        let flaws = self.report().flaws.into_iter();
        flaws
            .map(|(file, flaw)| (file, flaw.line, flaw.what))
            .collect()
    }
}

/// What a line is about.
pub(crate) fn what(line: &Value) -> &str {
    line["what"].as_str().unwrap()
}

/// A clock at the beginning of a day.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at_ms(START_MS))
}

/// A plain entry that can be told from others.
pub(crate) fn numbered(number: usize) -> Entry {
    Entry::of_node("test.entry").with("number", number)
}

/// A node with a stream.
pub(crate) struct Audited {
    pub(crate) place: Place,
    pub(crate) audit: Audit,
    node: Option<Node>,
}

impl Audited {
    pub(crate) fn start(setup: Setup) -> Self {
        let place = Place::new();
        let audit = place.audit(USUAL, &clock());
        Self::with(place, audit, setup)
    }

    pub(crate) fn with(place: Place, audit: Audit, mut setup: Setup) -> Self {
        setup.audit = audit.clone();
        Self {
            place,
            audit,
            node: Some(Node::start(setup)),
        }
    }

    pub(crate) fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    /// Stops the node, and gives all that it told.
    pub(crate) fn stop(mut self) -> Told {
        self.node = None;
        self.audit.finish();
        let report = self.place.report();
        assert!(report.flaws.is_empty(), "{report}");
        assert!(report.torn.is_none(), "{report}");
        Told(self.place.lines())
    }
}

/// What a node told.
pub(crate) struct Told(pub(crate) Vec<Value>);

impl Told {
    /// The lines of this kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<&Value> {
        let lines = self.0.iter().filter(|line| what(line) == kind);
        lines.collect()
    }

    /// The only line of this kind with this outcome.
    #[track_caller]
    pub(crate) fn one(&self, kind: &str, outcome: &str) -> &Value {
        let mut found = self.of(kind);
        found.retain(|line| line["outcome"] == outcome);
        assert_eq!(found.len(), 1, "{kind} {outcome}: {found:#?}");
        found[0]
    }
}

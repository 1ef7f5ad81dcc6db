//! A disk that does not take the stream: counted drops by default, and no grants where the stream is required.

use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use sessile::audit::sink::{Settings, WAITING_MAX};
use sessile::durability::storage::os::OsStorage;
use sessile::durability::storage::{Storage, StorageError, StoredFile, SyncSite};

use crate::stream::{Audited, Place, USUAL, clock, numbered};
use crate::support::client::Client;
use crate::support::{Node, OWNER, Setup};
use crate::surfaces::{handed_out, mollybet_login, send};

const REQUIRED: Settings = Settings {
    required: true,
    ..USUAL
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    /// Half of what is written arrives, and then there is no room.
    Full,
    /// Whoever writes waits.
    Stuck,
    /// A sync fails.
    Broken,
}

/// A disk that can be shut.
#[derive(Clone)]
struct Sluice(Arc<(Mutex<Flow>, Condvar)>);

impl Sluice {
    fn open() -> Self {
        Self(Arc::new((Mutex::new(Flow::Open), Condvar::new())))
    }

    fn set(&self, flow: Flow) {
        *self.0.0.lock() = flow;
        self.0.1.notify_all();
    }

    /// How it flows, once it does.
    fn flow(&self) -> Flow {
        let mut flow = self.0.0.lock();
        while *flow == Flow::Stuck {
            self.0.1.wait(&mut flow);
        }
        *flow
    }
}

struct Shut {
    disk: OsStorage,
    sluice: Sluice,
}

struct ShutFile {
    file: Box<dyn StoredFile>,
    sluice: Sluice,
}

fn failed() -> StorageError {
    StorageError::io("writing", "audit", io::ErrorKind::StorageFull.into())
}

impl Shut {
    fn file(&self, file: Box<dyn StoredFile>) -> Box<dyn StoredFile> {
        let sluice = self.sluice.clone();
        Box::new(ShutFile { file, sluice })
    }
}

impl Storage for Shut {
    fn create(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError> {
        Ok(self.file(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> Result<Box<dyn StoredFile>, StorageError> {
        Ok(self.file(self.disk.open(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.disk.remove(name)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, StorageError> {
        self.disk.list(directory)
    }

    fn create_dir(&self, name: &str) -> Result<(), StorageError> {
        self.disk.create_dir(name)
    }

    fn sync_dir(&self, name: &str, site: SyncSite) -> Result<(), StorageError> {
        self.disk.sync_dir(name, site)
    }
}

impl StoredFile for ShutFile {
    fn size(&self) -> Result<u64, StorageError> {
        self.file.size()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.file.read_at(at, into)
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> Result<(), StorageError> {
        if self.sluice.flow() == Flow::Full {
            self.file.write_at(at, bytes.split_at(bytes.len() / 2).0)?;
            return Err(failed());
        }
        self.file.write_at(at, bytes)
    }

    fn truncate(&mut self, len: u64) -> Result<(), StorageError> {
        self.file.truncate(len)
    }

    fn sync_data(&mut self, site: SyncSite) -> Result<(), StorageError> {
        match self.sluice.flow() {
            Flow::Broken => Err(failed()),
            Flow::Open | Flow::Full | Flow::Stuck => self.file.sync_data(site),
        }
    }
}

/// A node whose stream can be shut off, with alice.
fn start(settings: Settings) -> (Audited, Sluice) {
    let (place, sluice) = (Place::new(), Sluice::open());
    let disk = place.storage();
    let shut = Shut {
        disk,
        sluice: sluice.clone(),
    };
    let audit = place.audit_on(Arc::new(shut), settings, &clock());
    let audited = Audited::with(place, audit, Setup::default());
    audited.node().account("alice", json!({}));
    (audited, sluice)
}

fn log_in(node: &Node) -> u16 {
    let alice = json!({"username": "alice", "password": "password-1"});
    mollybet_login(node, &alice).status
}

/// Waits for the stream to take lines again, or to take none.
fn until_blocked(audited: &Audited, blocked: bool) {
    for _ in 0..10_000 {
        if audited.audit.figures().blocked == blocked {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    panic!("it never came: blocked = {blocked}");
}

fn metrics(node: &Node) -> String {
    let answer = Client::connect(node.admin).send("GET", "/metrics", &[], b"");
    answer.text()
}

#[test]
fn by_default_a_disk_that_is_stuck_holds_nobody_up_and_what_is_lost_is_counted_and_told() {
    let (audited, sluice) = start(USUAL);
    sluice.set(Flow::Stuck);
    for number in 0..WAITING_MAX + 2_000 {
        audited.audit.tell(numbered(number));
    }
    assert_eq!(log_in(audited.node()), 200, "nobody waits for the stream");
    let dropped = audited.audit.figures().dropped;
    // The thread holds a batch of its own.
    assert!((3..=2_003).contains(&dropped), "{dropped}");
    let shown = metrics(audited.node());
    assert!(
        shown.contains(&format!("sessile_audit_dropped_total {dropped}")),
        "{shown}"
    );
    sluice.set(Flow::Open);
    audited.audit.finish();
    let written = audited.audit.figures().written;
    let lines = audited.place.all_lines();
    let told: u64 = lines
        .iter()
        .filter(|line| line["what"] == "audit.dropped")
        .map(|line| line["detail"]["entries"].as_u64().unwrap())
        .sum();
    assert_eq!(told, dropped);
    let entries = lines
        .iter()
        .filter(|line| !line["what"].as_str().unwrap().starts_with("audit."));
    assert_eq!(entries.count() as u64, written);
    audited.stop();
}

#[test]
fn by_default_a_disk_that_is_full_is_asked_again_and_nothing_is_lost_meanwhile() {
    let (audited, sluice) = start(USUAL);
    sluice.set(Flow::Full);
    for number in 0..100 {
        audited.audit.tell(numbered(number));
    }
    until_blocked(&audited, true);
    assert_eq!(log_in(audited.node()), 200);
    assert!(metrics(audited.node()).contains("sessile_audit_blocked 1"));
    sluice.set(Flow::Open);
    until_blocked(&audited, false);
    assert_eq!(audited.audit.figures().dropped, 0);
    let told = audited.stop();
    assert_eq!(told.of("test.entry").len(), 100);
    told.one("session.open", "ok");
}

#[test]
fn what_the_node_tells_of_itself_leaves_room_for_others() {
    let (audited, sluice) = start(USUAL);
    sluice.set(Flow::Stuck);
    for number in 0..2 * WAITING_MAX {
        audited.audit.tell_upkeep(numbered(number));
    }
    let before = audited.audit.figures().dropped;
    assert!(before > 0);
    assert_eq!(log_in(audited.node()), 200);
    assert_eq!(audited.audit.figures().dropped, before);
    sluice.set(Flow::Open);
    let told = audited.stop();
    told.one("session.open", "ok");
}

#[test]
fn a_required_stream_on_a_full_disk_grants_nothing_and_takes_away_all_the_same() {
    let (audited, sluice) = start(REQUIRED);
    let node = audited.node();
    let (kept, ended) = (node.session("alice"), node.session("alice"));
    assert_eq!(log_in(node), 200);
    sluice.set(Flow::Full);
    // The first finds out, and fails as well; from then on nothing is looked at.
    for _ in 0..3 {
        assert_eq!(log_in(node), 503);
    }
    let issue = json!({"username": "alice", "surface": "mollybet"});
    assert_eq!(
        node.admin_as(OWNER, "POST", "/admin/v1/sessions", issue)
            .status,
        503
    );
    let (api_key, secret) = ("none", "none");
    let pair = [("apikey", api_key), ("secret", secret)];
    let refused = send(node, "POST", "/api/v2/session/jsonrpc", &pair, &json!({}));
    assert_eq!(refused.status, 401);
    // A restriction takes effect, and is answered 503.
    let path = format!("/v1/sessions/{ended}");
    let out = send(node, "DELETE", &path, &[("session", &ended)], &Value::Null);
    assert_eq!(out.status, 503);
    let verify = |secret: &str| {
        node.send("GET", "/auth/verify", &[("session", secret)], "")
            .status
    };
    assert_eq!((verify(&ended), verify(&kept)), (401, 200));
    sluice.set(Flow::Open);
    until_blocked(&audited, false);
    assert_eq!(log_in(node), 200);
    let told = audited.stop();
    let logins = told.of("login");
    let not_audited = logins.iter().filter(|line| line["reason"] == "not_audited");
    assert_eq!((logins.len(), not_audited.count()), (5, 2));
    assert_eq!(told.one("session.end", "ok")["detail"]["reason"], "logout");
}

#[test]
fn a_required_stream_that_is_stuck_answers_503_and_comes_back_by_itself() {
    let (audited, sluice) = start(REQUIRED);
    let node = audited.node();
    sluice.set(Flow::Stuck);
    assert_eq!(log_in(node), 503, "after a while");
    assert!(audited.audit.figures().blocked);
    assert_eq!(log_in(node), 503, "at once");
    sluice.set(Flow::Open);
    until_blocked(&audited, false);
    assert_eq!(log_in(node), 200);
    audited.stop();
}

#[test]
fn every_acknowledged_grant_of_a_required_stream_is_in_it_before_its_answer() {
    let (audited, _sluice) = start(REQUIRED);
    let node = audited.node();
    for number in 1..=20_usize {
        let alice = json!({"username": "alice", "password": "password-1"});
        let secret = handed_out(&mollybet_login(node, &alice));
        let id = crate::surfaces::public_id(node, &secret);
        let text = audited.place.text();
        assert_eq!(text.matches("\"session.open\"").count(), number);
        assert!(text.contains(&id));
    }
    audited.stop();
}

#[test]
fn after_a_sync_that_failed_nothing_is_written_and_a_required_stream_grants_nothing() {
    let (audited, sluice) = start(REQUIRED);
    let node = audited.node();
    sluice.set(Flow::Broken);
    assert_eq!(log_in(node), 503);
    sluice.set(Flow::Open);
    let before = audited.place.text();
    for _ in 0..3 {
        assert_eq!(log_in(node), 503);
    }
    assert_eq!(audited.place.text(), before);
    assert!(audited.audit.figures().dropped > 0);
    audited.stop();
}

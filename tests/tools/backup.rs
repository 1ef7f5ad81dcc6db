//! `sessile backup`: a copy that is a data directory, taken from one that goes on or from one that has stopped.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sessile::clock;
use sessile::durability::codec::CODEC;
use sessile::durability::events::events_of;
use sessile::durability::format::{Origin, SECTOR_BYTES};
use sessile::durability::log::Mode;
use sessile::durability::manifest::Manifest;
use sessile::durability::reading::read_log;
use sessile::durability::sealing::{Sealer, SealingKey};
use sessile::durability::storage::os::OsStorage;
use sessile::durability::tools::backup::{self, Holder};
use sessile::engine::digest;
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;
use sessile::session::id::SessionId;
use sessile::session::state::Surface;

use crate::node::Node;
use crate::rig::{
    KEY, Said, Scratch, Served, binary, crashed, files, flip, images, on, run, segments, start,
};

fn taken(scratch: &Scratch, out: &str, data: &Path, more: &[&str]) -> Said {
    let out = scratch.path(out);
    let arguments = [
        "backup",
        out.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
    ];
    run(scratch, arguments.iter().chain(more))
}

/// Files that are in a generation or the log.
fn modes(directory: &Path) -> Vec<(u32, bool)> {
    let mut all = Vec::new();
    for path in [
        directory.to_owned(),
        directory.join("log"),
        directory.join("shards"),
    ] {
        all.push((
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            true,
        ));
    }
    for path in files(directory).into_keys() {
        all.push((
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            false,
        ));
    }
    all
}

#[test]
fn a_backup_of_a_node_that_goes_on_holds_what_was_acknowledged() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut served = Served::open(&data, Mode::Sync);
    served.live_through("alice");
    for nth in 0..4 {
        served.unbounded(&format!("writer-{nth}"));
    }
    served.stop();
    let node = Node::usual(&scratch, &data);
    let acknowledged = Mutex::new(Vec::new());
    let going = AtomicBool::new(true);
    let before = std::thread::scope(|scope| {
        for nth in 0..4 {
            let (node, acknowledged, going) = (&node, &acknowledged, &going);
            scope.spawn(move || {
                let client = reqwest::blocking::Client::new();
                let username = format!("writer-{nth}");
                while going.load(Ordering::Relaxed) {
                    let id = node.open_session(&client, &username);
                    acknowledged.lock().unwrap().push(id);
                }
            });
        }
        let mut all = Vec::new();
        for round in 0..3 {
            while acknowledged.lock().unwrap().len() < all.len() + 40 {
                std::thread::yield_now();
            }
            all = acknowledged.lock().unwrap().clone();
            let more = [
                "--admin",
                &node.admin,
                "--admin-token-file",
                node.token.to_str().unwrap(),
            ];
            let said = taken(&scratch, &format!("backup-{round}"), &data, &more);
            assert_eq!(said.code, 0, "{said:?}");
        }
        going.store(false, Ordering::Relaxed);
        all
    });
    println!("{} sessions before the last backup", before.len());
    let out = scratch.path("backup-2");
    let started = start(&out, KEY).unwrap();
    for id in &before {
        let id = SessionId::parse(id).unwrap();
        assert!(started.state.world.is_live(id, clock::wall()), "{id}");
    }
    let said = on(&scratch, "check", &out, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    for (mode, is_directory) in modes(&out) {
        assert_eq!(mode, if is_directory { 0o700 } else { 0o600 });
    }
    drop(node);
    // The binary serves it, too, and again after it was killed.
    for _ in 0..2 {
        let node = Node::usual(&scratch, &out);
        let id = node.open_session(&reqwest::blocking::Client::new(), "writer-0");
        drop(node);
        let id = SessionId::parse(&id).unwrap();
        let again = start(&out, KEY).unwrap();
        assert!(again.state.world.is_live(id, clock::wall()));
    }
}

/// Images are taken slot by slot while others write: only with the records behind them are they one state.
#[test]
fn a_backup_is_the_state_that_its_last_record_left() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut served = Served::open(&data, Mode::Sync);
    let lives = served.live_through("alice");
    let accounts: Vec<_> = (0..4)
        .map(|nth| served.account(&format!("writer-{nth}"), None))
        .collect();
    let served = Arc::new(Mutex::new(served));
    let (engine, store) = {
        let served = served.lock().unwrap();
        (served.engine.clone(), served.store.clone())
    };
    let going = AtomicBool::new(true);
    let opens = Served::openings(&engine, &accounts);
    let out = scratch.path("backup");
    let copied = std::thread::scope(|scope| {
        for open in opens {
            scope.spawn(|| {
                let mut open = open;
                while going.load(Ordering::Relaxed) {
                    open();
                }
            });
        }
        let written = store.write(&engine, false).unwrap();
        let copied = backup::backup(&data, &out, &Holder::Node, Some(written.generation)).unwrap();
        going.store(false, Ordering::Relaxed);
        assert!(copied.last >= written.position);
        copied
    });
    println!("position {}, last {}", copied.position, copied.last);

    // The log of the original is whole: there is one generation.
    let storage = OsStorage::look(&data).unwrap();
    let manifest = Manifest::load(&storage).unwrap().unwrap();
    assert_eq!(manifest.generations.len(), 1);
    let sealer = Sealer::new(
        manifest.instance,
        SealingKey::new(&KEY),
        Arc::new(SystemEntropy),
    );
    let origin = Origin {
        instance: manifest.instance,
        codec: CODEC,
    };
    let mut state = State::empty(manifest.install_key());
    drop(served);
    drop((engine, store));
    read_log(&storage, origin, 1, |record| {
        if record.link.sequence <= copied.last {
            let (_, parts) = events_of(&record, &sealer)?;
            state.replay(record.link.sequence, &parts);
        }
        Ok(())
    })
    .unwrap();
    let started = start(&out, KEY).unwrap();
    assert_eq!(started.digest, digest::of(&state.world));
    assert_eq!(started.last, copied.last);

    // What is written from then on is behind every place of the images: none of it is skipped later.
    let mut served = Served::open(&out, Mode::Sync);
    for id in &lives.live {
        assert!(served.live(*id));
    }
    served.next = 1_000;
    let mut later = served.live_through("bob").live;
    later.push(served.open_session(lives.account, Surface::Mollybet, None));
    served.crash();
    let again = start(&out, KEY).unwrap().state.world;
    for id in lives.live.iter().chain(&later) {
        assert!(again.is_live(*id, clock::wall()), "{id}");
    }
}

#[test]
fn a_directory_that_nobody_serves_is_copied_with_all_that_a_start_would_find() {
    let scratch = Scratch::new();
    let (data, _, digest) = crashed(&scratch);
    std::fs::write(data.join("dev-credentials.json"), "{}").unwrap();
    let before = files(&data);
    let said = taken(&scratch, "backup", &data, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(files(&data), before);
    let out = scratch.path("backup");
    assert!(!out.join("dev-credentials.json").exists());
    assert_eq!(start(&out, KEY).unwrap().digest, digest);

    // A copy of the copy, and of a directory whose newest generation is damaged.
    let said = taken(&scratch, "again", &out, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(start(&scratch.path("again"), KEY).unwrap().digest, digest);
    flip(&images(&data).pop().unwrap(), 700);
    let said = taken(&scratch, "older", &data, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let older = start(&scratch.path("older"), KEY).unwrap();
    assert_eq!((older.digest, older.generation), (digest, Some(1)));
}

/// Such a node's sessions are in its images alone: as they were when it was asked, or, if nobody can say what
/// became of them since, not at all. Guest keys are logged, and go on.
#[test]
fn a_node_that_logs_no_sessions_is_copied_with_those_that_are_known() {
    let scratch = Scratch::new();
    let data = scratch.path("data");
    let mut served = Served::open(&data, Mode::Snapshot);
    let lives = served.live_through("alice");
    let written = served.snapshot();
    let out = scratch.path("asked");
    backup::backup(&data, &out, &Holder::Node, Some(written.generation)).unwrap();
    let asked = start(&out, KEY).unwrap().state.world;
    assert!(
        lives
            .live
            .iter()
            .all(|id| asked.is_live(*id, clock::wall()))
    );

    served.crash();
    let said = on(&scratch, "check", &data, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("a start ends all of them"), "{said:?}");
    let said = taken(&scratch, "crashed", &data, &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let out = scratch.path("crashed");
    assert_eq!(start(&out, KEY).unwrap().sessions(), 0);
    let mut served = Served::open(&out, Mode::Snapshot);
    let again = served.sign_in(lives.account, lives.guest, Surface::I3d);
    assert!(served.live(again));
}

#[test]
fn what_cannot_be_copied_is_refused_and_leaves_nothing() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    let refused = |data: &Path, more: &[&str], code: i32, word: &str| {
        let said = taken(&scratch, "out", data, more);
        assert_eq!(said.code, code, "{word}: {said:?}");
        assert!(said.err.contains(word), "{word}: {said:?}");
        assert!(!scratch.path("out").exists(), "{word}");
    };
    let taken_already = taken(&scratch, "data", &data, &[]);
    assert_eq!(taken_already.code, 3, "{taken_already:?}");
    assert!(taken_already.err.contains("is there already"));

    let young = scratch.path("young");
    let mut served = Served::open(&young, Mode::Sync);
    served.live_through("alice");
    served.crash();
    refused(&young, &[], 3, "no generation of images yet");

    // The lock is held and nobody answers; or another node does.
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    refused(&data, &[], 2, "--admin");
    let token = scratch.path("none");
    let none = [
        "--admin",
        "http://127.0.0.1:9",
        "--admin-token-file",
        token.to_str().unwrap(),
    ];
    std::fs::write(&token, "token").unwrap();
    refused(&data, &none, 2, "is the node running?");
    let other = backup::backup(&data, &scratch.path("out"), &Holder::Node, Some(99)).unwrap_err();
    assert!(
        other.to_string().contains("serves another directory"),
        "{other}"
    );
    assert!(!scratch.path("out").exists());
    drop(lock);

    flip(&segments(&data).pop().unwrap(), 40);
    refused(&data, &[], 3, "at byte 0");
    std::fs::remove_file(data.join("manifest")).unwrap();
    refused(&data, &[], 3, "no manifest");
}

/// There is no log from the first record on that could stand in for the one generation of a backup.
#[test]
fn a_backup_with_a_damaged_image_is_refused_and_the_image_is_named() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    assert_eq!(taken(&scratch, "backup", &data, &[]).code, 0);
    let out = scratch.path("backup");
    let whole = files(&out);
    for image in images(&out) {
        // In its first frame, however short it is.
        flip(&image, SECTOR_BYTES + 8);
        let name = image.strip_prefix(&out).unwrap().to_str().unwrap();
        let refused = start(&out, KEY).err().unwrap();
        assert!(refused.contains(name), "{name}: {refused}");
        let said = on(&scratch, "check", &out, &[]);
        assert_eq!(said.code, 3);
        assert!(
            said.out.contains(&format!("damage: {name} at byte 5")),
            "{said:?}"
        );
        assert!(said.out.contains("a start would be refused"), "{said:?}");
        let mut serve = binary(&scratch);
        serve.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        serve.arg("--data-dir").arg(&out).arg("--sealing-key-file");
        let said = serve.arg(scratch.key_file("key", KEY)).output().unwrap();
        assert_eq!(said.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&said.stderr).contains(name));
        flip(&image, SECTOR_BYTES + 8);
    }
    assert_eq!(files(&out), whole);
    // Its log is sealed: whatever is bad in it is damage.
    let log = segments(&out).pop().unwrap();
    let len = usize::try_from(std::fs::metadata(&log).unwrap().len()).unwrap();
    flip(&log, len - 1);
    assert_eq!(on(&scratch, "check", &out, &[]).code, 3);
    // Nor is one that lacks its manifest, as if it were still being written, taken for a new directory.
    std::fs::remove_file(out.join("manifest")).unwrap();
    let refused = start(&out, KEY).err().unwrap();
    assert!(
        refused.contains("there is a log and no manifest"),
        "{refused}"
    );
}

//! `sessile restore`: what is kept, what is left out, and that there is a choice to make.

use std::path::{Path, PathBuf};

use sessile::durability::log::Mode;
use sessile::session::id::AccountId;
use sessile::session::state::Surface;

use crate::node::Node;
use crate::rig::{KEY, Lives, Said, Scratch, Served, files, on, run, start};

const OTHER: [u8; 32] = *b"another key, as that was lost...";

/// A backup with records behind its images, what lived in it, and its digest.
fn backup(scratch: &Scratch) -> (PathBuf, Vec<Lives>, u128) {
    let copied = scratch.path("crashed");
    let mut served = Served::open(&copied, Mode::Sync);
    let mut lives = vec![served.live_through("alice")];
    served.snapshot();
    lives.push(served.live_through("bob"));
    served.crash();
    let out = scratch.path("backup");
    let paths = [&out, &copied].map(|path| path.to_str().unwrap().to_owned());
    let said = run(scratch, ["backup", &paths[0], "--data-dir", &paths[1]]);
    assert_eq!(said.code, 0, "{said:?}");
    (out, lives, start(&copied, KEY).unwrap().digest)
}

fn restore(scratch: &Scratch, backup: &Path, to: &str, more: &[&str]) -> Said {
    let to = scratch.path(to);
    let before = files(backup);
    let said = on(
        scratch,
        "restore",
        backup,
        &[&["--data-dir", to.to_str().unwrap()], more].concat(),
    );
    assert_eq!(files(backup), before, "the backup was changed");
    said
}

#[test]
fn sessions_are_kept_or_ended_as_it_was_said() {
    let scratch = Scratch::new();
    let (backup, lives, digest) = backup(&scratch);
    let said = restore(&scratch, &backup, "kept", &["--keep-sessions"]);
    assert_eq!(said.code, 0, "{said:?}");
    let kept = start(&scratch.path("kept"), KEY).unwrap();
    assert_eq!(kept.digest, digest);
    assert!(kept.sessions() >= 8);

    // An empty directory that is there will do.
    std::fs::create_dir(scratch.path("ended")).unwrap();
    crate::rig::set_mode(&scratch.path("ended"), 0o700);
    let said = restore(&scratch, &backup, "ended", &["--end-sessions"]);
    assert_eq!(said.code, 0, "{said:?}");
    let ended = start(&scratch.path("ended"), KEY).unwrap();
    assert_eq!((ended.sessions(), ended.last), (0, kept.last));
    for account in 0..4 {
        let of =
            |started: &crate::rig::Started| started.state.world.accounts.get(AccountId(account));
        assert_eq!(of(&ended), of(&kept), "{account}");
        assert!(of(&kept).is_some(), "{account}");
    }
    let shown = on(&scratch, "inspect", &scratch.path("ended"), &[]).out;
    for kind in ["session", "handoff", "listing"] {
        assert!(!shown.contains(&format!("\"type\":\"{kind}\"")), "{kind}");
    }
    for left in [
        "\"has_secret\":true",
        "session_opened",
        "sessions_listed",
        "handoff_issued",
    ] {
        assert!(!shown.contains(left), "{left}");
    }
    let mut served = Served::open(&scratch.path("ended"), Mode::Sync);
    for lived in &lives {
        assert!(lived.live.iter().all(|id| !served.live(*id)));
        // The key in the user's hands is as good as before.
        let again = served.sign_in(lived.account, lived.guest, Surface::I3d);
        assert!(served.live(again));
    }
    assert_eq!(on(&scratch, "check", &scratch.path("kept"), &[]).code, 0);
}

#[test]
fn without_the_lost_key_another_one_starts_it() {
    let scratch = Scratch::new();
    let (backup, ..) = backup(&scratch);
    let key = scratch.key_file("other.key", OTHER);
    let key = key.to_str().unwrap();
    for (to, choice) in [("kept", "--keep-sessions"), ("ended", "--end-sessions")] {
        let more = [choice, "--without-sealed", "--sealing-key-file", key];
        let said = restore(&scratch, &backup, to, &more);
        assert_eq!(said.code, 0, "{said:?}");
        let listed: Vec<_> = said
            .out
            .lines()
            .filter(|line| line.starts_with("locked"))
            .collect();
        let wanted = ["otto-of-alice", "otto-of-bob"]
            .map(|name| format!("locked, without its second factor: {name}"));
        assert_eq!(listed, wanted);
        let directory = scratch.path(to);
        let refused = start(&directory, KEY).err().unwrap();
        assert!(refused.contains("sealing key"), "{refused}");
        let started = start(&directory, OTHER).unwrap();
        assert_eq!(started.sessions() > 0, choice == "--keep-sessions");
        let world = &started.state.world;
        assert!(world.jwts.signing_keys().is_empty());
        assert_eq!(world.jwts.templates().len(), 2);
        for place in 0..4 {
            let account = world.accounts.get(AccountId(place)).unwrap();
            let is_otto = account.username.as_str().starts_with("otto");
            assert_eq!(
                (account.totp.is_none(), account.locked),
                (true, is_otto),
                "{place}"
            );
            assert!(account.password.is_some());
        }
        drop(Node::serve(&scratch, &directory, OTHER));
        assert!(start(&directory, OTHER).is_ok());
    }
}

#[test]
fn the_choice_is_made_by_whoever_restores_and_nothing_is_written_over() {
    let scratch = Scratch::new();
    let (backup, ..) = backup(&scratch);
    let refused = |to: &str, more: &[&str], code: i32, word: &str| {
        let said = restore(&scratch, &backup, to, more);
        assert_eq!(said.code, code, "{word}: {said:?}");
        assert!(said.err.contains(word), "{word}: {said:?}");
    };
    refused("new", &[], 2, "--end-sessions");
    refused(
        "new",
        &["--end-sessions", "--keep-sessions"],
        2,
        "--keep-sessions",
    );
    refused(
        "new",
        &["--keep-sessions", "--without-sealed"],
        2,
        "--sealing-key-file",
    );
    let none = [
        "--keep-sessions",
        "--without-sealed",
        "--sealing-key-file",
        "none",
    ];
    refused("new", &none, 2, "none");
    assert!(!scratch.path("new").exists());
    let help = run(&scratch, ["restore", "--help"]).out;
    assert!(help.contains("would live again"), "{help}");

    let full = scratch.path("full");
    std::fs::create_dir(&full).unwrap();
    crate::rig::set_mode(&full, 0o700);
    std::fs::write(full.join("mine"), "mine").unwrap();
    refused("full", &["--keep-sessions"], 3, "not empty");
    assert_eq!(files(&full).len(), 1);

    // A damaged backup leaves nothing behind, and is named.
    let image = crate::rig::images(&backup).remove(1);
    crate::rig::flip(&image, 700);
    let name = image.strip_prefix(&backup).unwrap().to_str().unwrap();
    refused("new", &["--end-sessions"], 3, name);
    assert!(!scratch.path("new").exists());
}

//! The sealing key of the real binary: changed while it serves, killed in between; and files that are none (F29).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use sessile::durability::sealing::{SealingKey, SealingKeys};
use sessile::entropy::SystemEntropy;

use crate::server::{How, Place, Server};

const SEALING: &str = "/admin/v1/sealing-keys";

/// A node with something to seal: a second factor and signing keys.
fn filled(place: &Place) -> Server {
    let server = place.start(How::default());
    let alice = json!({"username": "alice", "password": "password-1"});
    server.administer("POST", "/admin/v1/accounts", &alice);
    server.administer("POST", "/admin/v1/accounts/alice/totp", &Value::Null);
    server.administer("POST", "/admin/v1/signing-keys/rotate", &Value::Null);
    server.administer("POST", "/admin/v1/snapshot", &Value::Null);
    server
}

/// The line of a new key.
fn fresh_key(place: &Place, name: &str) -> String {
    let path = place.beside(name);
    SealingKey::create(&path, &SystemEntropy).unwrap();
    fs::read_to_string(path).unwrap()
}

/// Writes the sealing key file whole, as an operator should.
fn put(place: &Place, text: &str) {
    let next = place.beside("sealing-key.next");
    fs::write(&next, text).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(next, place.beside("sealing-key")).unwrap();
}

fn ids(place: &Place) -> Vec<String> {
    let keys = SealingKeys::read(&place.beside("sealing-key")).unwrap();
    keys.ids().map(|id| id.to_string()).collect()
}

/// The states of the keys, and the generations that are to be written.
fn sealing(server: &Server) -> (Vec<(String, String)>, u64) {
    let shown = server.administer("GET", SEALING, &Value::Null);
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    let keys = shown["keys"].as_array().unwrap().iter();
    let keys = keys.map(|key| (text(key, "id"), text(key, "state")));
    (
        keys.collect(),
        shown["generations_to_write"].as_u64().unwrap(),
    )
}

/// Waits until the node needs its first key alone.
fn until_one_is_needed(server: &Server) -> Vec<(String, String)> {
    for _ in 0..3_000 {
        let (keys, left) = sealing(server);
        if left == 0 && keys.iter().all(|(_, state)| state != "needed") {
            return keys;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("the old key is needed for ever");
}

/// Every file of the data directory, by name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Runs `sessile keys …` against a node.
fn cli(server: &Server, place: &Place, what: &str) -> (bool, String) {
    let said = Command::new(env!("CARGO_BIN_EXE_sessile"))
        .args(["keys", what, "--admin"])
        .arg(format!("http://{}", server.admin))
        .arg("--admin-token-file")
        .arg(place.beside("token"))
        .output()
        .unwrap();
    let text = [said.stdout, said.stderr].concat();
    (
        said.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_sealing_key_is_changed_while_the_node_serves_and_over_kills() {
    let place = Place::new();
    let old = fs::read_to_string(place.beside("sealing-key")).unwrap();
    let new = fresh_key(&place, "second");
    let server = filled(&place);
    let digest = server.digest();
    let [old_id] = &ids(&place)[..] else {
        panic!("one key")
    };

    // What cannot be used changes nothing, whether the node is asked or told by a signal.
    for (text, mode) in [
        (new.clone(), 0o600),
        ("x\n".into(), 0o600),
        (format!("{new}{old}"), 0o644),
    ] {
        put(&place, &text);
        fs::set_permissions(
            place.beside("sealing-key"),
            fs::Permissions::from_mode(mode),
        )
        .unwrap();
        let answer = server.ask("POST", "/admin/v1/sealing-keys/rotate", "");
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (409, &json!("sealing_key"))
        );
        let (done, said) = cli(&server, &place, "rotate-sealing");
        assert!(
            !done && said.contains("409") && said.contains("sealing"),
            "{said}"
        );
        for secret in [new.trim(), old.trim()] {
            assert!(!said.contains(secret));
        }
        let unchanged = (vec![(old_id.clone(), "sealing".to_owned())], 0);
        assert_eq!(sealing(&server), unchanged);
    }

    // Killed when the file is there, and nobody was told: the restart is what tells.
    put(&place, &format!("{new}{old}"));
    let new_id = ids(&place)[0].clone();
    server.kill();
    let server = place.start(How::default());
    assert_eq!(server.digest(), digest);
    let keys = until_one_is_needed(&server);
    let needless = |first: &str, other: &str| {
        [(first, "sealing"), (other, "needless")]
            .map(|(id, state)| (id.to_owned(), state.to_owned()))
            .to_vec()
    };
    assert_eq!(keys, needless(&new_id, old_id));
    assert!(
        server.errors().contains(&format!("key={old_id}")),
        "it says so"
    );
    server.kill();

    // The new one alone is enough, the old one alone is not, and nothing is changed then.
    put(&place, &old);
    let before = files(&place.data);
    let (status, said) = place.spawn(How::default()).ended();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(
        said.contains(&new_id) && said.contains("sealing key file"),
        "{said}"
    );
    assert_eq!(files(&place.data), before);
    put(&place, &new);
    let mut server = place.start(How::default());
    assert_eq!(server.digest(), digest);

    // Told by a signal, and killed at once; several times, each time another key.
    let mut last = new;
    for round in 0..4 {
        let next = fresh_key(&place, &format!("key-{round}"));
        put(&place, &format!("{next}{last}"));
        if round % 2 == 0 {
            kill_process(server.pid(), Signal::HUP).unwrap();
            for _ in 0..round * 3 {
                sealing(&server);
            }
        } else {
            let (done, said) = cli(&server, &place, "rotate-sealing");
            assert!(done, "{said}");
            assert!(
                said.contains("needless") && !said.contains("needed\""),
                "{said}"
            );
        }
        server.kill();
        server = place.start(How::default());
        assert_eq!(server.digest(), digest);
        let keys = until_one_is_needed(&server);
        let ids = ids(&place);
        assert_eq!(keys, needless(&ids[0], &ids[1]));
        last = next;
    }
    put(&place, &last);
    let (done, said) = cli(&server, &place, "rotate-sealing");
    assert!(done && !said.contains("needless"), "{said}");
    server.stop();
    let server = place.start(How::default());
    assert_eq!(server.digest(), digest);
    server.stop();
}

#[test]
fn a_sealing_key_file_that_is_none_refuses_the_start_and_touches_nothing() {
    let place = Place::new();
    let server = filled(&place);
    let digest = server.digest();
    server.kill();
    let path = place.beside("sealing-key");
    let good = fs::read(&path).unwrap();
    let before = files(&place.data);
    let private = |path: &Path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    type Spoil<'a> = &'a dyn Fn();
    let write = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        private(&path);
    };
    let another = fresh_key(&place, "another");
    let half = good[..good.len() / 2].to_vec();
    let mut flipped = good.clone();
    flipped[3] = if flipped[3] == b'0' { b'1' } else { b'0' };
    let cases: [(&str, Spoil<'_>, i32, &str); 12] = [
        ("missing", &|| (), 2, "--sealing-key-file"),
        (
            "a dangling link",
            &|| std::os::unix::fs::symlink("nowhere", &path).unwrap(),
            2,
            "--sealing-key-file",
        ),
        ("empty", &|| write(b""), 2, "holds no sealing key"),
        ("blank", &|| write(b" \n \n"), 2, "holds no sealing key"),
        ("half of it", &|| write(&half), 2, "holds no sealing key"),
        ("binary", &|| write(&[0xfe; 32]), 2, "holds no sealing key"),
        (
            "too long",
            &|| write(&[b'a'; 5_000]),
            2,
            "holds no sealing key",
        ),
        (
            "a bad second line",
            &|| write(&[&good[..], b"zz\n"].concat()),
            2,
            "line 2",
        ),
        (
            "readable for others",
            &|| {
                fs::write(&path, &good).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
            },
            2,
            "chmod 0600",
        ),
        (
            "a directory",
            &|| fs::create_dir(&path).unwrap(),
            2,
            "is no file",
        ),
        (
            "a pipe",
            &|| {
                assert!(
                    Command::new("mkfifo")
                        .arg(&path)
                        .status()
                        .unwrap()
                        .success()
                );
                private(&path);
            },
            2,
            "is no file",
        ),
        (
            "another key",
            &|| write(another.as_bytes()),
            3,
            "sealing key file",
        ),
    ];
    for (what, spoil, code, says) in cases {
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
        spoil();
        let (status, said) = place.spawn(How::default()).ended();
        assert_eq!(status.code(), Some(code), "{what}: {said}");
        assert!(said.contains(says), "{what}: {said}");
        assert_eq!(files(&place.data), before, "{what}");
    }
    let _ = fs::remove_file(&path);
    write(&flipped);
    let (status, _) = place.spawn(How::default()).ended();
    assert_eq!(status.code(), Some(3), "one digit of it is another");
    assert_eq!(files(&place.data), before);
    write(&good);
    let server = place.start(How::default());
    assert_eq!(server.digest(), digest);
    server.stop();
}

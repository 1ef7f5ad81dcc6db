//! C20: what a start is told of keys is taken only if it is a key, and one that was made by chance.
//! (Hostile data directories: `targets::directory` and `tests/durability`.)

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A start with this sealing key and this admin token: the exit code, none if it served, and the last words.
fn start(key: &str, token: &str) -> (Option<i32>, String) {
    let scratch = tempfile::tempdir().unwrap();
    let place = |name: &str| scratch.path().join(name);
    for (name, text) in [("key", key), ("token", token)] {
        fs::write(place(name), text).unwrap();
        fs::set_permissions(place(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = format!(
        "[[admin.tokens]]\nrole = \"own\"\nfile = {:?}\n",
        place("token")
    );
    fs::write(place("sessile.toml"), config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SESSILE_") {
            command.env_remove(name);
        }
    }
    let mut child = command
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ])
        .arg("--config")
        .arg(place("sessile.toml"))
        .arg("--data-dir")
        .arg(place("data"))
        .arg("--sealing-key-file")
        .arg(place("key"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    if first.starts_with("sessile ready ") {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), words)
}

const GOOD_KEY: &str = "8c1f0a6d3be24975c0d8e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6";
const GOOD_TOKEN: &str = "6b1c0f9e8d7a4b3c2f1e0d9c8b7a6f5e4d3c2b1a";

#[test]
fn a_key_that_is_short_a_sample_or_no_key_is_refused_at_the_start() {
    let (code, words) = start(GOOD_KEY, GOOD_TOKEN);
    assert_eq!(code, None, "with good keys it serves: {words}");
    for key in [
        "",
        "secret",
        "changeme",
        GOOD_KEY.strip_suffix("c5d6").unwrap(),
        &format!("{GOOD_KEY}00"),
        &"0".repeat(64),
        &"ab".repeat(32),
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "c2VjcmV0",
    ] {
        let (code, words) = start(key, GOOD_TOKEN);
        assert_eq!(code, Some(2), "sealing key {key:?}: {words}");
        assert!(
            key.len() < 20 || !words.contains(key),
            "the key is repeated: {words}"
        );
    }
}

#[test]
fn an_admin_token_that_is_short_or_a_sample_is_refused_at_the_start() {
    for token in [
        "",
        "admin",
        "0123456789012345678901234567890",
        &"x".repeat(40),
        &"ab".repeat(20),
    ] {
        let (code, words) = start(GOOD_KEY, token);
        assert_eq!(code, Some(2), "admin token {token:?}: {words}");
        assert!(
            token.len() < 20 || !words.contains(token),
            "repeated: {words}"
        );
    }
}

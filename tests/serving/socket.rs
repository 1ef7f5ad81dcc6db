//! Administration on a socket of this machine. Source: C18.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::rig::{OWNER, Place, READER, ask, text};

fn over(path: &Path) -> UnixStream {
    UnixStream::connect(path).unwrap()
}

/// A directory for the socket, the argument that names it, and its path.
fn socket(place: &Place) -> (std::path::PathBuf, String) {
    let room = place.path("run");
    fs::create_dir_all(&room).unwrap();
    fs::set_permissions(&room, fs::Permissions::from_mode(0o755)).unwrap();
    let path = room.join("admin.sock");
    let argument = format!("unix:{}", text(&path));
    (path, argument)
}

#[test]
fn who_runs_the_process_needs_no_token_and_a_token_that_is_sent_counts() {
    let place = Place::new();
    let (path, argument) = socket(&place);
    let server = place.serve(&["--admin-listen", &argument], "");
    assert_eq!(server.admin, argument);
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let accounts = "/admin/v1/accounts";
    let made = ask(over(&path), "POST", accounts, "", r#"{"username":"alice"}"#);
    assert_eq!(made.status, 200, "{made:?}");
    for (headers, get, post) in [
        (String::new(), 200, 409),
        (bearer(OWNER), 200, 409),
        (bearer(READER), 200, 403),
        (bearer("unknown-token-of-a-served-node-00"), 401, 401),
        (bearer(OWNER).repeat(2), 401, 401),
        ("authorization: Basic eDp5\r\n".to_owned(), 401, 401),
    ] {
        let answer = ask(over(&path), "GET", accounts, &headers, "");
        assert_eq!(answer.status, get, "{headers}: {answer:?}");
        let answer = ask(
            over(&path),
            "POST",
            accounts,
            &headers,
            r#"{"username":"alice"}"#,
        );
        assert_eq!(answer.status, post, "{headers}: {answer:?}");
    }
    // No page leads here, so no name is wrong.
    let elsewhere = "x-forwarded-host: evil.example\r\n";
    assert_eq!(
        ask(over(&path), "GET", "/health/ready", elsewhere, "").status,
        200
    );
    let ours = |arguments: &[&str]| {
        let output = place.binary("").args(arguments).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, said) = ours(&["account", "list", "--admin", &argument]);
    assert!(code == Some(0) && said.contains("alice"), "{code:?} {said}");
    let reader = place.path("reader");
    let as_reader = ["--admin", &argument, "--admin-token-file", text(&reader)];
    let (code, _) = ours(&[&["account", "delete", "alice"], &as_reader[..]].concat());
    assert_eq!(code, Some(2));
    server.stop();
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    let (code, _) = ours(&["account", "list", "--admin", &argument]);
    assert_eq!(code, Some(2));
}

#[test]
fn nobody_else_can_connect_not_even_while_it_starts_under_an_open_mask() {
    let place = Place::new();
    let (path, argument) = socket(&place);
    let room = path.parent().unwrap().to_owned();
    let over = Arc::new(AtomicBool::new(false));
    // Looks all the while: a socket is within reach of others only in a directory that they can enter.
    let watcher = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut seen = 0;
            while !over.load(Ordering::Relaxed) {
                for entry in fs::read_dir(&room).unwrap() {
                    let Ok(about) = fs::symlink_metadata(entry.unwrap().path()) else {
                        continue;
                    };
                    let mode = about.mode() & 0o7777;
                    let wanted = if about.file_type().is_socket() {
                        0o600
                    } else {
                        0o700
                    };
                    assert_eq!(mode, wanted, "{:?}", about.file_type());
                    seen += 1;
                }
            }
            seen
        }
    });
    for _ in 0..5 {
        let arguments = ["--admin-listen", argument.as_str()];
        let server = place.serve_after("umask 000", &arguments, "");
        assert_eq!(fs::symlink_metadata(&path).unwrap().mode() & 0o7777, 0o600);
        server.stop();
    }
    over.store(true, Ordering::Relaxed);
    assert!(watcher.join().unwrap() > 0);
}

#[test]
fn a_socket_that_was_left_over_is_replaced_and_one_that_is_served_is_not() {
    let place = Place::new();
    let (path, argument) = socket(&place);
    let arguments = ["--admin-listen", argument.as_str()];
    place.serve(&arguments, "").kill();
    assert!(UnixStream::connect(&path).is_err() && path.exists());
    let server = place.serve(&arguments, "");
    assert_eq!(ask(over(&path), "GET", "/health/live", "", "").status, 200);
    let data = place.path("other");
    let (code, said) = place.gives_up(&[&arguments[..], &["--data-dir", text(&data)]].concat(), "");
    assert_eq!(code, Some(5), "{said}");
    assert_eq!(ask(over(&path), "GET", "/health/live", "", "").status, 200);
    server.stop();
    fs::write(&path, "something else").unwrap();
    let (code, said) = place.gives_up(&arguments, "");
    assert!(
        code == Some(2) && said.contains("something else is there"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "something else");
}

#[test]
fn development_mode_finds_its_socket_again() {
    let place = Place::new();
    let (_, argument) = socket(&place);
    let data = place.path("snapshots/live");
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    let mut command = place.binary("");
    command.args([
        "serve",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        &argument,
    ]);
    command.arg("--data-dir").arg(&data);
    let server = place.started(command);
    let mut list = place.binary("");
    let listed = list
        .args(["account", "list"])
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert!(
        listed.status.success(),
        "{}",
        String::from_utf8_lossy(&listed.stderr)
    );
    assert!(String::from_utf8_lossy(&listed.stdout).contains("alice"));
    server.stop();
}

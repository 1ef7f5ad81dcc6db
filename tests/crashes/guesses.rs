//! Failures of logins outlive the process in every mode, and so do the networks from which an account is
//! known; what was typed is in neither log nor image (R26).

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::{How, Place, Server};
use crate::wire::{Line, request};

const MODES: [&str; 3] = ["sync", "balanced", "snapshot"];
const PASSWORD: &str = "password-1";
/// A name that is somebody's password.
const TYPED: &str = "Tr0ub4dor-and-three";

fn log_in(server: &Server, from: &str, name: &str, password: &str) -> u16 {
    let body = json!({"username": name, "password": password}).to_string();
    let headers = [("x-forwarded-for", from)];
    let call = request("POST", "/v1/sessions/", &headers, &body);
    Line::to(server.public).call(&call).whole().status
}

/// Fails so often that the next one would be delayed; each must have been looked at.
fn fail(server: &Server, name: &str) {
    for n in 0..5 {
        let from = format!("203.0.{n}.1");
        assert_eq!(log_in(server, &from, name, "wrong"), 401, "{name}, {n}");
    }
}

/// Failures in a row of strangers, and networks from which the account is known.
fn failures(server: &Server, name: &str) -> (u64, usize) {
    let path = format!("/admin/v1/accounts/{name}/failures");
    let shown = server.administer("GET", &path, &Value::Null);
    let known = shown["known_networks"].as_array().unwrap().len();
    (shown["strangers"]["consecutive"].as_u64().unwrap(), known)
}

fn create(server: &Server, name: &str) {
    let body = json!({"username": name, "password": PASSWORD});
    server.administer("POST", "/admin/v1/accounts", &body);
}

/// Every byte below a directory.
fn bytes_below(directory: &Path) -> Vec<u8> {
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => bytes_below(&entry.path()),
        false => fs::read(entry.path()).unwrap(),
    };
    entries.flat_map(read).collect()
}

#[test]
fn a_kill_forgets_no_failure_and_no_known_network_in_any_mode() {
    for mode in MODES {
        let place = Place::new();
        place.say("trusted_proxies = [\"127.0.0.0/8\"]\n");
        let how = How {
            mode,
            ..How::default()
        };
        let server = place.start(how);
        create(&server, "alice");
        assert_eq!(log_in(&server, "192.0.2.1", "alice", PASSWORD), 200);
        fail(&server, "alice");
        // Nobody has this name yet.
        fail(&server, TYPED);
        let digest = server.digest();
        server.kill();

        let server = place.start(how);
        if mode == "snapshot" {
            // The session is gone; the failures are not.
            let sessions = server.administer("GET", "/admin/v1/sessions", &Value::Null);
            assert_eq!(sessions["sessions"], json!([]), "{mode}");
        } else {
            assert_eq!(server.digest(), digest, "{mode}");
        }
        assert_eq!(failures(&server, "alice"), (5, 1), "{mode}");
        // Out of the log, then out of an image.
        server.administer("POST", "/admin/v1/snapshot", &Value::Null);
        server.administer("POST", "/admin/v1/snapshot", &Value::Null);
        server.kill();

        let server = place.start(how);
        assert_eq!(failures(&server, "alice"), (5, 1), "{mode}");
        create(&server, TYPED);
        assert_eq!(failures(&server, TYPED), (5, 0), "{mode}");
        let body = Value::Null;
        server.administer("DELETE", &format!("/admin/v1/accounts/{TYPED}"), &body);
        server.kill();
    }
}

#[test]
fn a_name_that_nobody_has_is_in_neither_log_nor_image() {
    let place = Place::new();
    let server = place.start(How::default());
    fail(&server, TYPED);
    server.administer("POST", "/admin/v1/snapshot", &Value::Null);
    fail(&server, &TYPED.to_uppercase().replace("THREE", "four"));
    server.kill();
    // What the audit stream tells of a login is its own concern.
    let kept = ["log", "shards"].map(|name| bytes_below(&place.data.join(name)));
    let bytes = kept.concat();
    for typed in ["Tr0ub4dor", "tr0ub4dor", "TR0UB4DOR"] {
        let found = bytes.windows(typed.len()).any(|w| w == typed.as_bytes());
        assert!(!found, "{typed} is in a file");
    }
}

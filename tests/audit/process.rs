//! The binary: its stream over restarts, kills and damage, and what `sessile check` says of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::stream::what;
use crate::support::client::{Answer, Client};

const TOKEN: &str = "owner-token-of-a-test-node-000000";

struct Place(tempfile::TempDir);

/// A process that serves; killed when dropped.
struct Server {
    child: Child,
    public: SocketAddr,
    admin: SocketAddr,
}

fn binary(scratch: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SESSILE_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", scratch.join("state"));
    command.stdin(Stdio::null());
    command
}

impl Place {
    /// A configuration with this section `[audit]`.
    fn new(audit: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let token = scratch.path().join("ops-token.txt");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let config =
            format!("[audit]\n{audit}\n[[admin.tokens]]\nrole = \"own\"\nfile = {token:?}\n");
        fs::write(scratch.path().join("sessile.toml"), config).unwrap();
        let place = Self(scratch);
        let made = binary(place.0.path())
            .args(["keys", "new-sealing-key"])
            .arg(place.0.path().join("sealing-key"))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        place
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn spawn(&self) -> Child {
        binary(self.0.path())
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
            ])
            .args(["--shards", "2", "--workers", "2", "--config"])
            .arg(self.0.path().join("sessile.toml"))
            .arg("--sealing-key-file")
            .arg(self.0.path().join("sealing-key"))
            .arg("--data-dir")
            .arg(self.data())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn start(&self) -> Server {
        let mut child = self.spawn();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let addresses = line.trim_end().strip_prefix("sessile ready listen=");
        let Some((public, admin)) = addresses.and_then(|both| both.split_once(" admin=")) else {
            let said = child.wait_with_output().unwrap();
            panic!("no ready line: {}", String::from_utf8_lossy(&said.stderr));
        };
        Server {
            child,
            public: public.parse().unwrap(),
            admin: admin.parse().unwrap(),
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.data().join("audit")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    fn lines(&self) -> Vec<Value> {
        let texts = self
            .files()
            .into_iter()
            .map(|file| fs::read_to_string(file).unwrap());
        let lines: Vec<Value> = texts
            .collect::<String>()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let numbers = lines.iter().map(|line| line["n"].as_u64().unwrap());
        assert!(numbers.eq(1..=lines.len() as u64));
        lines
    }

    fn check(&self) -> Output {
        let mut check = binary(self.0.path());
        check.arg("check").arg(self.data()).output().unwrap()
    }

    /// What `sessile check` says of a stream that is good.
    fn is_good(&self) -> String {
        let said = self.check();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success(), "{text}");
        text
    }
}

impl Server {
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    fn administer(&self, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = Client::connect(self.admin).send(method, path, &headers, body.as_bytes());
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer
    }

    fn account(&self) {
        let alice = json!({"username": "alice", "password": "password-1"});
        self.administer("POST", "/admin/v1/accounts", &alice);
    }

    fn log_in(&self, client: &mut Client) -> Answer {
        let alice = json!({"username": "alice", "password": "password-1"}).to_string();
        let headers = [("content-type", "application/json")];
        client.send("POST", "/v1/sessions", &headers, alice.as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_node_tells_when_it_starts_and_stops_and_goes_on_with_its_stream() {
    let place = Place::new("");
    for round in 0..3 {
        let server = place.start();
        if round == 0 {
            server.account();
        }
        assert_eq!(
            server.log_in(&mut Client::connect(server.public)).status,
            200
        );
        server.administer("POST", "/admin/v1/snapshot", &Value::Null);
        server.administer("POST", "/admin/v1/snapshot", &json!({"purpose": "backup"}));
        server.stop();
    }
    let lines = place.lines();
    let of = |kind: &str| {
        lines
            .iter()
            .filter(|line| what(line) == kind)
            .collect::<Vec<_>>()
    };
    assert_eq!((of("node.start").len(), of("node.stop").len()), (3, 3));
    assert_eq!(what(lines.last().unwrap()), "node.stop");
    assert_eq!(of("node.start")[0]["detail"]["durability"], "sync");
    assert_eq!((of("login").len(), of("session.open").len()), (3, 3));
    let purposes: Vec<_> = of("snapshot")
        .iter()
        .map(|line| line["detail"]["purpose"].clone())
        .collect();
    assert_eq!(
        Value::from(purposes[..2].to_vec()),
        json!(["snapshot", "backup"])
    );
    let operator = json!({"kind": "operator", "role": "own", "token": "ops-token"});
    assert_eq!(of("snapshot")[0]["actor"], operator);
    let text = place.is_good();
    let last = lines.last().unwrap()["hash"].as_str().unwrap();
    let told = format!(
        "audit: {} files, lines 1 to {}, last hash {last}\n",
        place.files().len(),
        lines.len()
    );
    assert!(text.contains(&told), "{text}");
    for file in place.files() {
        assert_eq!(
            fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn what_was_acknowledged_by_a_node_that_requires_its_stream_is_in_it_after_a_kill() {
    let place = Place::new("required = true");
    let mut acknowledged = BTreeSet::new();
    for round in 0..4 {
        let server = place.start();
        if round == 0 {
            server.account();
        }
        let mut client = Client::connect(server.public);
        for _ in 0..8 {
            let answer = server.log_in(&mut client);
            assert_eq!(answer.status, 200);
            let secret = answer.json()["data"].as_str().unwrap().to_owned();
            let sessions = server.administer("GET", "/admin/v1/sessions?limit=1000", &Value::Null);
            for session in sessions.json()["sessions"].as_array().unwrap() {
                acknowledged.insert(session["id"].as_str().unwrap().to_owned());
            }
            assert!(secret.len() >= 32);
        }
        server.kill();
        let lines = place.lines();
        let opened = lines.iter().filter(|line| what(line) == "session.open");
        let opened: BTreeSet<_> = opened
            .map(|line| line["about"][0].as_str().unwrap().to_owned())
            .collect();
        assert!(
            acknowledged.is_subset(&opened),
            "{acknowledged:?} {opened:?}"
        );
        place.is_good();
    }
    assert_eq!(acknowledged.len(), 32);
}

#[test]
fn a_torn_tail_is_told_by_check_cut_at_the_next_start_and_no_damage() {
    let place = Place::new("");
    let server = place.start();
    server.account();
    server.stop();
    let file = place.files().pop().unwrap();
    let mut open = fs::OpenOptions::new().append(true).open(&file).unwrap();
    open.write_all(b"{\"n\":99,\"at\":\"2026-").unwrap();
    let text = place.is_good();
    assert!(text.contains("audit: torn tail: audit/"), "{text}");
    assert!(text.contains("19 bytes with 0 whole lines"), "{text}");
    place.start().stop();
    assert!(!place.is_good().contains("torn"));
    let lines = place.lines();
    let cut = lines.iter().find(|line| what(line) == "audit.cut").unwrap();
    assert_eq!(
        (&cut["detail"]["bytes"], &cut["detail"]["lines"]),
        (&json!(19), &json!(0))
    );
}

#[test]
fn damage_is_told_by_check_with_file_and_line_and_is_no_reason_not_to_serve_unless_required() {
    let place = Place::new("");
    let server = place.start();
    server.account();
    server.stop();
    let file = place.files().pop().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let line = text
        .lines()
        .position(|line| line.contains("account.create"))
        .unwrap()
        + 1;
    fs::write(&file, text.replace("\"alice\"", "\"mallo\"")).unwrap();
    let damaged = |place: &Place| {
        let said = place.check();
        assert_eq!(said.status.code(), Some(3));
        let text = String::from_utf8(said.stdout).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let told = format!("damage: audit/{name}, line {line} ");
        assert!(text.contains(&told), "{text}");
        assert!(text.contains("a start would succeed"), "{text}");
    };
    damaged(&place);
    place.start().stop();
    damaged(&place);
    let lines = place.lines();
    assert!(lines.iter().any(|line| what(line) == "audit.damaged"));
    // Where it is required, it has to be looked at first: of the newest file, since that is what a start reads.
    let newest = place.files().pop().unwrap();
    let text = fs::read_to_string(&newest).unwrap();
    fs::write(&newest, text.replace("\"node\"", "\"nobo\"")).unwrap();
    let config = place.0.path().join("sessile.toml");
    let strict = fs::read_to_string(&config)
        .unwrap()
        .replace("[audit]\n", "[audit]\nrequired = true\n");
    fs::write(&config, strict).unwrap();
    let refused = place.spawn().wait_with_output().unwrap();
    assert_eq!(refused.status.code(), Some(3));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        words.contains("the audit stream is required and is not as it was written"),
        "{words}"
    );
}

//! The binary as a process: started on a directory of its own, killed, stopped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use std::{env, fs};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::wire::{Answer, Line, request};

/// Longer than any start takes.
const START: Duration = Duration::from_secs(120);
/// The token of the admin listener.
pub(crate) const TOKEN: &str = "admin-token-of-a-node-that-is-killed-00";

/// What stays when the process ends: a data directory, and beside it what the process is told.
pub(crate) struct Place {
    scratch: TempDir,
    /// The data directory.
    pub(crate) data: PathBuf,
}

/// How to serve a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) mode: &'static str,
    pub(crate) shards: usize,
    pub(crate) snapshot_every: &'static str,
    pub(crate) dev: bool,
    /// It panics when it passes this place for the so manieth time.
    pub(crate) panic_at: Option<(&'static str, usize)>,
}

impl Default for How {
    fn default() -> Self {
        Self {
            mode: "sync",
            shards: 2,
            snapshot_every: "5m",
            dev: false,
            panic_at: None,
        }
    }
}

/// The binary, with no setting of whoever runs the test.
fn binary(scratch: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"SESSILE_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_STATE_HOME", scratch.join("state"));
    command.env("TZ", "UTC").stdin(Stdio::null());
    command
}

impl Place {
    pub(crate) fn new() -> Self {
        let parent = env::var_os("CRASHES_DIRECTORY").map_or_else(env::temp_dir, PathBuf::from);
        let scratch = tempfile::tempdir().unwrap();
        let data = match env::var_os("CRASHES_DIRECTORY") {
            Some(_) => parent.join(scratch.path().file_name().unwrap()),
            None => scratch.path().join("data"),
        };
        let token = scratch.path().join("token");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!("[[admin.tokens]]\nrole = \"own\"\nfile = {token:?}\n");
        fs::write(scratch.path().join("sessile.toml"), config).unwrap();
        let made = binary(scratch.path())
            .args(["keys", "new-sealing-key"])
            .arg(scratch.path().join("sealing-key"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success());
        Self { scratch, data }
    }

    /// Adds to the configuration that processes are started with from now on.
    pub(crate) fn configure(&self, text: &str) {
        let file = self.beside("sessile.toml");
        let before = fs::read_to_string(&file).unwrap();
        fs::write(file, before + text).unwrap();
    }

    /// Says more in the configuration, before its first table.
    pub(crate) fn say(&self, more: &str) {
        let path = self.beside("sessile.toml");
        let said = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{more}{said}")).unwrap();
    }

    /// A file beside the data directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Starts a process on the directory, and does not wait for it.
    pub(crate) fn spawn(&self, how: How) -> Starting {
        self.spawn_on(&self.data, how)
    }

    pub(crate) fn spawn_on(&self, data: &Path, how: How) -> Starting {
        let mut command = binary(self.scratch.path());
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--workers", "2"])
            .args(["--admin-listen", "127.0.0.1:0", "--durability", how.mode])
            .args(["--snapshot-every", how.snapshot_every])
            .args(["--shards", &how.shards.to_string()])
            .arg("--config")
            .arg(self.beside("sessile.toml"))
            .arg("--data-dir")
            .arg(data);
        if let Some((place, time)) = how.panic_at {
            command.env("SESSILE_TEST_PANIC", format!("{place} {time}"));
        }
        if how.dev {
            command.arg("--dev");
        } else {
            command
                .arg("--sealing-key-file")
                .arg(self.beside("sealing-key"));
        }
        let errors = tempfile::NamedTempFile::new_in(self.scratch.path()).unwrap();
        command
            .stdout(Stdio::piped())
            .stderr(errors.reopen().unwrap());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (tell, ready) = sync_channel(1);
        std::thread::spawn(move || {
            let mut line = String::new();
            // Whoever started it may have killed it meanwhile.
            let _ = out.read_line(&mut line);
            let _ = tell.send(line);
            // What it prints afterwards goes nowhere, but may be printed.
            let _ = std::io::copy(&mut out, &mut std::io::sink());
        });
        Starting {
            child: Process(child),
            ready,
            errors,
        }
    }

    /// Starts a process and waits until it serves; it must.
    pub(crate) fn start(&self, how: How) -> Server {
        self.spawn(how)
            .served()
            .unwrap_or_else(|why| panic!("{why}"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // On a disk of its own it is not in the scratch directory.
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// A process that does not outlive the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is not known to serve yet.
pub(crate) struct Starting {
    child: Process,
    ready: Receiver<String>,
    errors: tempfile::NamedTempFile,
}

impl Starting {
    /// Waits until it serves; the error is how it ended and its last words.
    pub(crate) fn served(self) -> Result<Server, String> {
        let line = self.ready.recv_timeout(START).expect("neither up nor over");
        match addresses(&line) {
            Some((public, admin)) => Ok(Server {
                public,
                admin,
                child: self.child,
                errors: self.errors,
            }),
            None => {
                let (status, errors) = self.ended();
                Err(format!("{status}: {errors}"))
            }
        }
    }

    /// Waits until it ends by itself: how, and what it said.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.0.wait().unwrap();
        (status, fs::read_to_string(self.errors.path()).unwrap())
    }

    /// Kills it unless it serves within this time; true if it was killed before.
    pub(crate) fn kill_within(mut self, time: Duration) -> bool {
        let early = match self.ready.recv_timeout(time) {
            Ok(line) => {
                let errors = fs::read_to_string(self.errors.path()).unwrap();
                assert!(addresses(&line).is_some(), "it refused to start: {errors}");
                false
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => panic!("the reader is gone"),
        };
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        early
    }
}

fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let rest = line.trim_end().strip_prefix("sessile ready listen=")?;
    let (public, admin) = rest.split_once(" admin=")?;
    Some((public.parse().ok()?, admin.parse().ok()?))
}

/// A process that serves.
pub(crate) struct Server {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Process,
    errors: tempfile::NamedTempFile,
}

impl Server {
    /// Its number, for signals.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.0.id()).unwrap()).unwrap()
    }

    /// Waits until it ends.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.0.wait().unwrap();
        (status, fs::read_to_string(self.errors.path()).unwrap())
    }

    /// Kills it.
    pub(crate) fn kill(self) {
        // It may have ended already.
        let _ = kill_process(self.pid(), Signal::KILL);
        self.wait();
    }

    /// Stops it in good order, which must succeed.
    pub(crate) fn stop(self) -> String {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let (status, errors) = self.wait();
        assert!(status.success(), "{status}: {errors}");
        errors
    }

    /// What it has said so far.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.errors.path()).unwrap()
    }

    /// One request to the admin listener.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let request = request(method, path, &[("authorization", &bearer)], body);
        Line::to(self.admin).call(&request).whole()
    }

    /// One request to the admin listener that must succeed.
    pub(crate) fn administer(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.ask(method, path, &body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// The state digest.
    pub(crate) fn digest(&self) -> String {
        let answer = self.administer("GET", "/admin/v1/digest", &Value::Null);
        answer["digest"].as_str().unwrap().to_owned()
    }
}

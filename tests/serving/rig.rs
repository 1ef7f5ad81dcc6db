//! A process on a directory of its own, started as a test says.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The token of an owner.
pub(crate) const OWNER: &str = "owner-token-of-a-served-node-0000";
/// The token of somebody who may only look.
pub(crate) const READER: &str = "reader-token-of-a-served-node-000";

/// What stays when the process ends.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("owner", OWNER, 0o600);
        place.write("reader", READER, 0o600);
        let mut made = place.binary("");
        made.args(["keys", "new-sealing-key"])
            .arg(place.path("sealing-key"));
        assert!(made.stdout(Stdio::null()).status().unwrap().success());
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file in one piece.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let (path, fresh) = (self.path(name), self.path(&format!("{name}.new")));
        fs::write(&fresh, text).unwrap();
        fs::set_permissions(&fresh, Permissions::from_mode(mode)).unwrap();
        fs::rename(&fresh, &path).unwrap();
        path
    }

    /// The binary, with no setting of whoever runs the test; a shell says `first` before it.
    pub(crate) fn binary(&self, first: &str) -> Command {
        let mut command = Command::new("sh");
        let text = format!("{first}\nexec \"$0\" \"$@\"");
        command
            .arg("-c")
            .arg(text)
            .arg(env!("CARGO_BIN_EXE_sessile"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"SESSILE_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_STATE_HOME", self.path("state"));
        command.stdin(Stdio::null());
        command
    }

    /// `serve` with these arguments besides, and this configuration.
    pub(crate) fn command(&self, first: &str, arguments: &[&str], config: &str) -> Command {
        let tokens: String = [("own", "owner"), ("read", "reader")]
            .map(|(role, file)| {
                let file = self.path(file);
                format!("[[admin.tokens]]\nrole = {role:?}\nfile = {file:?}\n")
            })
            .concat();
        let file = self.write("sessile.toml", &format!("{config}\n{tokens}"), 0o600);
        let mut command = self.binary(first);
        command.arg("serve").arg("--config").arg(file);
        command
            .arg("--sealing-key-file")
            .arg(self.path("sealing-key"));
        command
            .args(["--workers", "2", "--shards", "2"])
            .args(arguments);
        let said = |flag: &str| arguments.contains(&flag);
        if !said("--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !said("--admin-listen") {
            command.args(["--admin-listen", "127.0.0.1:0"]);
        }
        if !said("--data-dir") {
            command.arg("--data-dir").arg(self.path("data"));
        }
        command
    }

    /// A process that serves.
    pub(crate) fn serve(&self, arguments: &[&str], config: &str) -> Server {
        self.serve_after("", arguments, config)
    }

    pub(crate) fn serve_after(&self, first: &str, arguments: &[&str], config: &str) -> Server {
        Server::of(self.command(first, arguments, config), self.path("errors"))
    }

    /// A process of any command that serves.
    pub(crate) fn started(&self, command: Command) -> Server {
        Server::of(command, self.path("errors"))
    }

    /// A process that gives up: its exit code and its last words.
    pub(crate) fn gives_up(&self, arguments: &[&str], config: &str) -> (Option<i32>, String) {
        let Output { status, stderr, .. } = self.command("", arguments, config).output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    }
}

/// A process that serves; killed when dropped.
pub(crate) struct Server {
    child: Child,
    errors: PathBuf,
    /// Where the surfaces are.
    pub(crate) public: SocketAddr,
    /// Where administration is, as the ready line says.
    pub(crate) admin: String,
}

impl Server {
    fn of(mut command: Command, errors: PathBuf) -> Self {
        command
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        // What it prints afterwards goes nowhere, but may be printed.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let addresses = line.trim_end().strip_prefix("sessile ready listen=");
        let addresses = addresses.and_then(|rest| rest.split_once(" admin="));
        let Some((public, admin)) = addresses else {
            child.wait().unwrap();
            panic!(
                "no ready line: {line:?} {}",
                fs::read_to_string(&errors).unwrap()
            );
        };
        Self {
            public: public.parse().unwrap(),
            admin: admin.to_owned(),
            child,
            errors,
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until it has said something.
    pub(crate) fn says(&self, what: &str) {
        for _ in 0..6_000 {
            if self.said().contains(what) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("it never said {what:?}: {}", self.said());
    }

    /// Stops it in good order.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// One request to administration over TCP, with the owner's token.
    pub(crate) fn administer(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("authorization: Bearer {OWNER}\r\n");
        let stream = TcpStream::connect(&self.admin).unwrap();
        ask(stream, method, path, &bearer, body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// One request as text.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
}

/// One request over a connection of any kind, and its answer.
pub(crate) fn ask(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Answer {
    stream
        .write_all(request(method, path, headers, body).as_bytes())
        .unwrap();
    answer(&mut stream).unwrap()
}

/// The next answer on a connection.
pub(crate) fn answer(stream: &mut impl Read) -> std::io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    let body = String::from_utf8(body).unwrap();
    Ok(Answer { status, head, body })
}

/// A connection that waits for long, and not for ever.
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream
}

/// Where something is, as text.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

//! The peers on Node: their packages by a lock file of their own, and the cookies of those who log in.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::common::answer::Asker;

/// Who logs in: as many sessions as there are.
const LOGINS: usize = 16_384;
const LOG_IN: &[u8] = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
/// What is copied beside the packages.
const FILES: [&str; 4] = [
    "package.json",
    "package-lock.json",
    "express.js",
    "fastify.js",
];

/// A server on Node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    Express,
    Fastify,
}

impl Script {
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Express => "express.js",
            Self::Fastify => "fastify.js",
        }
    }
}

/// Why there is no peer on Node, if so.
pub(crate) fn missing() -> Option<String> {
    let there = |program| {
        let mut asked = Command::new(program);
        let asked = asked.arg("--version").stdout(Stdio::null()).status();
        asked.is_ok_and(|status| status.success())
    };
    let all = there("node") && there("npm");
    (!all).then(|| "node or npm is missing: apt-get install nodejs npm".to_owned())
}

/// The command that runs a script, with its packages installed by the lock file.
///
/// Errors: npm fails, which it does without the registry and without a cache.
pub(crate) fn run(script: Script) -> Result<Command> {
    let room = installed()?;
    let mut command = Command::new("node");
    command.current_dir(&room).arg(script.file());
    Ok(command)
}

/// Installs below `target/`, so that the repository holds no packages; the second time there is nothing to do.
fn installed() -> Result<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/node");
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare-node");
    std::fs::create_dir_all(&room)?;
    let lock = |folder: &Path| std::fs::read(folder.join("package-lock.json")).ok();
    let done = room.join("installed");
    let current = lock(&from) == lock(&room) && done.exists();
    if !current {
        // If a file of that name is there: it is of another lock file.
        let _ = std::fs::remove_file(&done);
    }
    for file in FILES {
        std::fs::copy(from.join(file), room.join(file)).with_context(|| file.to_owned())?;
    }
    if !current {
        let npm = Command::new("npm")
            .current_dir(&room)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .stdout(Stdio::null())
            .status()
            .context("npm cannot be started")?;
        ensure!(npm.success(), "npm ci failed: is the registry reachable?");
        std::fs::write(&done, [])?;
    }
    Ok(room)
}

/// The cookies of those who logged in.
pub(crate) fn log_in(server: SocketAddr) -> Result<Vec<String>> {
    let mut asker = Asker::connect(server)?;
    let mut cookies = Vec::with_capacity(LOGINS);
    for _ in 0..LOGINS {
        let answer = asker.ask(LOG_IN)?;
        ensure!(answer.status == 200, "login: status {}", answer.status);
        let set = answer.headers.iter().find(|(name, _)| name == "set-cookie");
        let cookie = set.and_then(|(_, value)| value.split(';').next());
        cookies.push(cookie.context("login: no cookie")?.to_owned());
    }
    Ok(cookies)
}

/// A cookie whose signature is that of another session.
pub(crate) fn of_nobody(cookie: &str) -> Result<String> {
    let (name, value) = cookie.split_once('=').context("no cookie")?;
    let (before, rest) = value.split_at_checked(8).context("a short cookie")?;
    let mut rest = rest.chars();
    let other = if rest.next() == Some('A') { 'B' } else { 'A' };
    Ok(format!("{name}={before}{other}{}", rest.as_str()))
}

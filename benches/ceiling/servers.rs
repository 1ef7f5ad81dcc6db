//! Servers as child processes: start, ready line, processor time, stop.
//!
//! Invariant: a server lives no longer than its [`Server`] value.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long a server may take to its ready line.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Clock ticks per second in `/proc`; Linux shows user space 100 on every architecture Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;
/// Lines of a server's log that are shown when it failed.
const LAST_WORDS_LINES: usize = 20;

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where its standard error goes.
    log: PathBuf,
    /// The public listener.
    pub(crate) listen: SocketAddr,
    /// The admin listener; the no-op has none.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Starts Sessile in development mode on free ports, with its data in `room`/data and these arguments besides.
    ///
    /// Errors: it cannot be started, ends, or shows no ready line in time.
    pub(crate) fn sessile(room: &Path, workers: usize, besides: &[&str]) -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
        command.args([
            "serve",
            "--dev",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        command
            .arg("--data-dir")
            .arg(data_dir(room))
            .args(["--workers", &workers.to_string()])
            .args(besides);
        // Defaults are measured, whatever the caller's shell says, and nothing is left in the caller's home.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SESSILE_") {
                command.env_remove(name);
            }
        }
        command.env("XDG_STATE_HOME", room.join("state"));
        Self::start(command, room.join("sessile.log"))
    }

    /// Starts the no-op of the case `name`: this executable again, told the route and, by `answer`, what to answer.
    ///
    /// Errors: as for [`Server::sessile`].
    pub(crate) fn noop(
        room: &Path,
        name: &str,
        (method, route): (&str, &str),
        answer: &Path,
        workers: usize,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["noop", method, route, &workers.to_string()])
            .arg(answer);
        Self::start(command, room.join(format!("noop-{name}.log")))
    }

    fn start(mut command: Command, log: PathBuf) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let mut child = command.spawn().context("the server cannot be started")?;
        let stdout = child
            .stdout
            .take()
            .context("the server has no standard output")?;
        // From here on, dropping `server` stops the child.
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self {
            child,
            log,
            listen: unknown,
            admin: None,
        };
        let (first, ready) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            // The receiver is gone if the start was given up.
            let _ = first.send(lines.next());
            // The pipe is read to its end, so that a talkative server never blocks on it.
            lines.for_each(drop);
        });
        let line = match ready.recv_timeout(READY_WITHIN) {
            Ok(Some(Ok(line))) => line,
            outcome => {
                server.print_last_words();
                let reason = match outcome {
                    Err(_) => format!("within {} s", READY_WITHIN.as_secs()),
                    Ok(_) => "before it ended".to_owned(),
                };
                bail!("no ready line from the server {reason}");
            }
        };
        let field = |name: &str| -> Option<SocketAddr> {
            line.split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        server.listen = field("listen").with_context(|| format!("not a ready line: {line}"))?;
        server.admin = field("admin");
        Ok(server)
    }

    /// User and system time of the process so far, in seconds, to 10 ms.
    ///
    /// Errors: the process has ended.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))
            .context("the server has ended")?;
        // The second field is the name in parentheses and may hold blanks; utime and stime are fields 14 and 15.
        let (_, after_name) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
        let mut fields = after_name.split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
        let user = ticks().context("no utime in /proc/PID/stat")?;
        let system = ticks().context("no stime in /proc/PID/stat")?;
        Ok((user + system) / TICKS_PER_SECOND)
    }

    /// Prints the end of the server's log to standard error.
    pub(crate) fn print_last_words(&self) {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        for line in lines
            .iter()
            .skip(lines.len().saturating_sub(LAST_WORDS_LINES))
        {
            eprintln!("server log: {line}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the child has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The server's data directory.
pub(crate) fn data_dir(room: &Path) -> PathBuf {
    room.join("data")
}

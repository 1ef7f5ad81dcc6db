//! Servers as child processes: start, ready line, processor time, memory, stop.
//!
//! Invariant: a server lives no longer than its [`Server`] value.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::noop::Given;

/// How long a server may take to its ready line: ten million sessions are read first.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// How long a server may take to stop when it is asked to.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at a server that starts or stops.
const LOOK_EVERY: Duration = Duration::from_millis(5);
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
    /// The admin listener; only Sessile has one.
    pub(crate) admin: Option<SocketAddr>,
}

impl Server {
    /// Starts Sessile in development mode on free ports, with its data in `room`/data and these arguments besides.
    ///
    /// Errors: it cannot be started, ends, or shows no ready line in time.
    pub(crate) fn sessile(room: &Path, workers: usize, besides: &[&str]) -> Result<Self> {
        let mut command = serve(room, workers);
        command.arg("--dev").args(besides);
        command.env("XDG_STATE_HOME", room.join("state"));
        Self::announced(command, room.join("sessile.log"))
    }

    /// Starts the no-op of the case `name`: this executable again, told the route and what to answer.
    ///
    /// Errors: as for [`Server::sessile`].
    pub(crate) fn noop(
        room: &Path,
        name: &str,
        (method, route): (&str, &str),
        answers: &[Given],
        workers: usize,
    ) -> Result<Self> {
        let file = room.join(format!("answers-{name}.json"));
        std::fs::write(&file, serde_json::to_vec(answers)?)?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["noop", method, route, &workers.to_string()])
            .arg(file);
        Self::announced(command, room.join(format!("noop-{name}.log")))
    }

    /// Starts a server whose first line on standard output says where it listens: `listen=ADDR`.
    ///
    /// Errors: as for [`Server::sessile`].
    pub(crate) fn announced(mut command: Command, log: PathBuf) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?);
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self::spawn(command, log, unknown)?;
        let stdout = server.child.stdout.take();
        let stdout = stdout.context("the server has no standard output")?;
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

    /// Starts a server that was told where to listen, and waits until something does there.
    ///
    /// Errors: it cannot be started, ends, or does not listen in time.
    pub(crate) fn listening(
        mut command: Command,
        log: PathBuf,
        address: SocketAddr,
    ) -> Result<Self> {
        let said = File::create(&log)?;
        command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said);
        let mut server = Self::spawn(command, log, address)?;
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if server.child.try_wait()?.is_some() {
                server.print_last_words();
                bail!("the server ended before it listened");
            }
            if began.elapsed() > READY_WITHIN {
                bail!("nothing listened within {} s", READY_WITHIN.as_secs());
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(server)
    }

    /// From here on, dropping the value stops the child.
    fn spawn(mut command: Command, log: PathBuf, listen: SocketAddr) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        Ok(Self {
            child,
            log,
            listen,
            admin: None,
        })
    }

    /// Asks the process to end, and waits until it has.
    ///
    /// Errors: it did not, or said that something went wrong.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let began = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the server ended with {status}"),
                None if began.elapsed() > STOPPED_WITHIN => bail!("the server did not stop"),
                None => thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// Resident memory of the process, in bytes.
    ///
    /// Errors: the process has ended.
    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most resident memory since [`Server::forget_peak`], in bytes.
    ///
    /// Errors: the process has ended.
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// Has the kernel begin anew with the most resident memory.
    ///
    /// Errors: the kernel does not let us.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        let file = format!("/proc/{}/clear_refs", self.child.id());
        Ok(std::fs::write(file, "5")?)
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .context("the server has ended")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kibibytes.context("no such field in /proc/PID/status")? * 1_024)
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

/// `sessile serve` on free ports, with its data in `room`/data. Defaults are measured, whatever the caller's shell
/// says.
pub(crate) fn serve(room: &Path, workers: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessile"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SESSILE_") {
            command.env_remove(name);
        }
    }
    command.arg("serve").arg("--data-dir").arg(data_dir(room));
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--workers", &workers.to_string()]);
    command
}

/// An address of loopback where nothing listens at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The server's data directory.
pub(crate) fn data_dir(room: &Path) -> PathBuf {
    room.join("data")
}

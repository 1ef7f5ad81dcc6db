//! A Redis server of its own, and a connection to it: what sessions cost where they are kept by hand.
//!
//! A session is a key `session:` with a number of twelve digits, as `redis-benchmark` draws them, and a JSON record of
//! [`RECORD_BYTES`] bytes that ends after a day.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::probe::Line;
use super::servers::{Server, free_address};
use super::wrk::Window;

/// Length of a record.
pub(crate) const RECORD_BYTES: usize = 141;
/// How long a session lives, in seconds.
const LIFE_S: &str = "86400";
/// Keys set by one write.
const PER_WRITE: u64 = 1_000;
/// How long a server may take to read what it wrote, or to write it.
const WITHIN: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Longest reply that is read.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// Whether a program is there, and of which version.
pub(crate) fn installed(program: &str) -> Option<String> {
    let asked = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&asked.stdout).into_owned();
    let line = text.lines().next().unwrap_or_default().trim();
    Some(line.to_owned()).filter(|_| asked.status.success())
}

/// Why nothing is compared with Redis, if so.
pub(crate) fn missing() -> Option<&'static str> {
    let there = installed("redis-server").is_some() && installed("redis-benchmark").is_some();
    (!there).then_some("redis-server or redis-benchmark is missing: apt-get install redis-server")
}

/// A Redis server that lives as long as the value, with its files in a directory of its own.
#[derive(Debug)]
pub(crate) struct Redis {
    /// The process.
    pub(crate) server: Server,
    room: PathBuf,
}

impl Redis {
    /// Starts one with its files in `room`, and waits until it answers; `besides` are lines of its configuration. Without
    /// them it keeps nothing on disk. Gives how long it took to answer.
    ///
    /// Errors: it cannot be started, or reads its files for too long.
    pub(crate) fn start(room: &Path, besides: &[&str]) -> Result<(Self, Duration)> {
        std::fs::create_dir_all(room)?;
        let address = free_address()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &address.port().to_string()]);
        command.args(["--save", "", "--daemonize", "no"]);
        command.arg("--dir").arg(room).args(besides);
        let began = Instant::now();
        let server = Server::listening(command, room.join("redis.log"), address)?;
        let redis = Self {
            server,
            room: room.to_owned(),
        };
        loop {
            // Until it has read its files, it answers everything with an error.
            if let Ok(Reply::Text(_)) = redis.connect().and_then(|mut line| line.call(&["PING"])) {
                return Ok((redis, began.elapsed()));
            }
            ensure!(
                began.elapsed() < WITHIN,
                "redis-server reads its files for too long"
            );
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.listen
    }

    /// Another connection.
    ///
    /// Errors: it has ended.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address())
    }

    /// Sets sessions 0 to `count`.
    ///
    /// Errors: it refuses, or ends.
    pub(crate) fn fill(&self, count: u64) -> Result<()> {
        let mut line = self.connect()?;
        let record = record();
        let mut from = 0;
        while from < count {
            let to = (from + PER_WRITE).min(count);
            let mut bytes = Vec::new();
            for number in from..to {
                encode(&["SET", &key(number), &record, "EX", LIFE_S], &mut bytes);
            }
            line.stream.get_mut().write_all(&bytes)?;
            for _ in from..to {
                line.reply()?.expect_text()?;
            }
            from = to;
        }
        Ok(())
    }

    /// Waits until a field of `INFO persistence` has this value; asks seldom, since asking costs.
    ///
    /// Errors: it does not, or the server ends.
    pub(crate) fn wait_for(&self, field: &str, value: &str) -> Result<()> {
        let began = Instant::now();
        let mut line = self.connect()?;
        loop {
            let Reply::Bulk(Some(text)) = line.call(&["INFO", "persistence"])? else {
                bail!("INFO gave no text");
            };
            let text = String::from_utf8_lossy(&text).into_owned();
            let found = text
                .lines()
                .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            if found == Some(value) {
                return Ok(());
            }
            ensure!(
                began.elapsed() < WITHIN,
                "{field} is {found:?} for too long"
            );
            thread::sleep(LOOK_EVERY * 20);
        }
    }

    /// Writes a snapshot beside what goes on: how long it took. Looks at the file, not at the server.
    ///
    /// Errors: it refuses, or takes too long.
    pub(crate) fn snapshot_beside(&self) -> Result<Duration> {
        let file = self.room.join("dump.rdb");
        let written = || {
            std::fs::metadata(&file)
                .and_then(|about| about.modified())
                .ok()
        };
        let before = written();
        let began = Instant::now();
        self.connect()?.call(&["BGSAVE"])?.expect_text()?;
        while written() == before {
            ensure!(began.elapsed() < WITHIN, "BGSAVE takes too long");
            thread::sleep(LOOK_EVERY);
        }
        Ok(began.elapsed())
    }

    /// Checks that every key that was asked for was there, but the two that are asked for to see what is said then.
    ///
    /// Errors: some were not.
    pub(crate) fn expect_no_miss(&self) -> Result<()> {
        let Reply::Bulk(Some(text)) = self.connect()?.call(&["INFO", "stats"])? else {
            bail!("INFO gave no text");
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let misses = text
            .lines()
            .find_map(|line| line.strip_prefix("keyspace_misses:"));
        let misses: u64 = misses.context("INFO tells no misses")?.parse()?;
        ensure!(misses <= 3, "{misses} keys were not there");
        Ok(())
    }

    /// Applies a command on 64 connections by `redis-benchmark` for about so many seconds, going by its last rate.
    ///
    /// Errors: `redis-benchmark` fails or says nothing.
    pub(crate) fn hammer(&self, hammer: &mut Hammer, seconds: u64) -> Result<Window> {
        let requests = (hammer.rate * u32::try_from(seconds).map(f64::from)?).max(1_000.0);
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.address().port().to_string()]);
        command.args(["-c", "64", "-n", &format!("{requests:.0}"), "--csv"]);
        command.args(["-r", &hammer.keys.to_string()]);
        command.args(&hammer.command);
        let output = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "redis-benchmark failed: {text}");
        // The command is in the first cell, quotes and commas and all; behind it are the rate and six times.
        let rate = text.lines().rev().find_map(|line| {
            let rate = line.rsplit("\",\"").nth(6)?;
            rate.parse::<f64>().ok()
        });
        let rate = rate.with_context(|| format!("redis-benchmark gave no rate: {text}"))?;
        ensure!(rate > 0.0, "redis-benchmark was not answered");
        hammer.rate = rate;
        Ok(Window {
            requests,
            seconds: requests / rate,
        })
    }
}

/// A command for `redis-benchmark`, and how fast it was the last time.
pub(crate) struct Hammer {
    command: Vec<String>,
    keys: u64,
    rate: f64,
}

impl Hammer {
    /// Reads one of so many sessions, drawn anew each time.
    pub(crate) fn get(keys: u64) -> Self {
        Self::of(&["GET", "session:__rand_int__"], keys)
    }

    /// Writes one of so many sessions.
    pub(crate) fn set(keys: u64) -> Self {
        Self::of(
            &["SET", "session:__rand_int__", &record(), "EX", LIFE_S],
            keys,
        )
    }

    fn of(command: &[&str], keys: u64) -> Self {
        Self {
            command: command.iter().map(|part| (*part).to_owned()).collect(),
            keys,
            rate: 20_000.0,
        }
    }
}

/// The key of a session.
pub(crate) fn key(number: u64) -> String {
    format!("session:{number:012}")
}

/// What is kept of a session.
pub(crate) fn record() -> String {
    let known = r#"{"user":"load","user_id":1,"surface":"mollybet","client_type":"direct","created_ms":1767225600000,"idle_timeout_ms":86400000,"note":""#;
    let rest = RECORD_BYTES.saturating_sub(known.len() + 2);
    format!("{known}{}\"}}", "x".repeat(rest))
}

/// A connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A word such as `OK`.
    Text(String),
    /// A number.
    Number(i64),
    /// A value, or that there is none.
    Bulk(Option<Vec<u8>>),
}

impl Reply {
    fn expect_text(self) -> Result<()> {
        match self {
            Self::Text(_) => Ok(()),
            other => bail!("redis-server answered {other:?}"),
        }
    }
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WITHIN))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// One command and its reply.
    ///
    /// Errors: the server says that something is wrong, or ends.
    pub(crate) fn call(&mut self, parts: &[&str]) -> Result<Reply> {
        let mut bytes = Vec::new();
        encode(parts, &mut bytes);
        self.stream.get_mut().write_all(&bytes)?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Reply> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        let (kind, rest) = line.split_at_checked(1).context("no reply")?;
        match kind {
            "+" => Ok(Reply::Text(rest.to_owned())),
            ":" => Ok(Reply::Number(rest.parse()?)),
            "$" if rest == "-1" => Ok(Reply::Bulk(None)),
            "$" => {
                let length: usize = rest.parse()?;
                ensure!(length <= REPLY_BYTES_MAX, "a reply of {length} bytes");
                let mut bytes = vec![0; length + 2];
                self.stream.read_exact(&mut bytes)?;
                bytes.truncate(length);
                Ok(Reply::Bulk(Some(bytes)))
            }
            _ => bail!("redis-server answered {line}"),
        }
    }
}

impl Line for Connection {
    fn ask(&mut self, request: &[u8]) -> Result<bool> {
        self.stream.get_mut().write_all(request)?;
        Ok(matches!(self.reply()?, Reply::Bulk(Some(_))))
    }
}

/// The bytes of a command that reads a session.
pub(crate) fn get(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&["GET", &key(number)], &mut bytes);
    bytes
}

fn encode(parts: &[&str], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    for part in parts {
        out.extend_from_slice(format!("${}\r\n{part}\r\n", part.len()).as_bytes());
    }
}

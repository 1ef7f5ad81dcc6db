//! Load: request files for `wrk`, and one window of it.
//!
//! Requests are rendered beforehand, so that the generator's processor time is small and the same for every server.
//! A window in which anything but a 2xx was seen is an error, not a slow window.

use std::cell::Cell;
use std::io::{BufWriter, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Threads of `wrk`.
pub(crate) const THREADS: usize = 2;
/// How much longer than its window `wrk` may run.
const GRACE: Duration = Duration::from_secs(30);
/// Between two looks at a running `wrk`.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// How far the bytes per answer may be from the checked answer's; the ends of a window blur them.
const LENGTH_TOLERANCE: f64 = 0.05;

/// How much further each window begins in the prepared requests than the one before: farther than a window gets.
const FURTHER: usize = 400_009;

/// Each thread reads its own file once and hands out what is in it, over and over, from a place that it is told. What it
/// sends beside that, and whether it looks at answers, a script of the measurement may say: `prepared` gives the next
/// request of the file, `judged` the number of answers that were wrong, of all threads together.
const SCRIPT: &str = r#"
local threads = {}
local requests, next_request = {}, 0

function setup(thread)
  thread:set("part", #threads)
  threads[#threads + 1] = thread
end

function init(args)
  local file = assert(io.open(args[1] .. "." .. part, "rb"))
  local text = file:read("*a")
  file:close()
  local from = 1
  while true do
    local to = string.find(text, "\0", from, true)
    if not to then break end
    requests[#requests + 1] = string.sub(text, from, to - 1)
    from = to + 1
  end
  assert(#requests > 0, "no requests")
  next_request = tonumber(args[2]) % #requests
end

function prepared()
  next_request = next_request + 1
  if next_request > #requests then next_request = 1 end
  return requests[next_request]
end

request = prepared

function done(summary, latency, requests)
  local e = summary.errors
  local wrong = judged and judged(threads) or 0
  io.write(string.format("window %d %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration, summary.bytes,
    e.connect, e.read, e.write, e.status, e.timeout, wrong))
end
"#;

/// Whether `wrk` can be run.
pub(crate) fn is_installed() -> bool {
    Command::new("wrk")
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// Prepared load: what to send, and how.
#[derive(Debug)]
pub(crate) struct Load {
    script: PathBuf,
    /// Path of the request files without the number of the thread.
    requests: PathBuf,
    /// Connections held open.
    pub(crate) connections: usize,
    /// Requests in flight on each.
    pub(crate) pipeline: usize,
    /// Where the next window begins.
    next: Cell<usize>,
}

/// What one window showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Requests answered.
    pub(crate) requests: f64,
    /// How long load was applied.
    pub(crate) seconds: f64,
}

impl Load {
    /// Writes the files for `requests` into `room`: split over the threads, `pipeline` of them sent as one.
    ///
    /// Errors: a file cannot be written, or there are too few requests.
    pub(crate) fn prepare(
        room: &Path,
        name: &str,
        requests: &[Vec<u8>],
        connections: usize,
        pipeline: usize,
    ) -> Result<Self> {
        Self::write(room, (name, ""), requests, connections, pipeline)
    }

    /// The same with a script besides, which may define `request`, `response` and `judged` anew. One request at a time.
    ///
    /// Errors: as for [`Load::prepare`].
    pub(crate) fn scripted(
        room: &Path,
        name: &str,
        script: &str,
        requests: &[Vec<u8>],
        connections: usize,
    ) -> Result<Self> {
        Self::write(room, (name, script), requests, connections, 1)
    }

    fn write(
        room: &Path,
        (name, besides): (&str, &str),
        requests: &[Vec<u8>],
        connections: usize,
        pipeline: usize,
    ) -> Result<Self> {
        let script = room.join(format!("{name}.lua"));
        std::fs::write(&script, [SCRIPT, besides].concat())?;
        let prefix = room.join(format!("requests-{name}-{pipeline}"));
        let share = requests.len() / THREADS;
        ensure!(
            share >= pipeline,
            "{} requests are too few to pipeline {pipeline}",
            requests.len()
        );
        for (thread, part) in requests.chunks_exact(share).take(THREADS).enumerate() {
            let mut file = BufWriter::new(std::fs::File::create(
                prefix.with_extension(thread.to_string()),
            )?);
            for together in part.chunks_exact(pipeline) {
                for request in together {
                    file.write_all(request)?;
                }
                // A byte that no request holds.
                file.write_all(b"\0")?;
            }
            file.flush()?;
        }
        Ok(Self {
            script,
            requests: prefix,
            connections,
            pipeline,
            next: Cell::new(0),
        })
    }

    /// Applies the load to a server for `seconds`; `answer_bytes` is the length of each answer.
    ///
    /// Errors: `wrk` fails, sees a socket error or anything but a 2xx, or answers have another length.
    pub(crate) fn apply(
        &self,
        server: SocketAddr,
        seconds: u64,
        answer_bytes: u64,
    ) -> Result<Window> {
        let mut command = Command::new("wrk");
        command
            .arg("-t")
            .arg(THREADS.to_string())
            .arg("-c")
            .arg(self.connections.to_string());
        command
            .arg("-d")
            .arg(format!("{seconds}s"))
            .arg("-s")
            .arg(&self.script);
        command
            .arg(format!("http://{server}/"))
            .arg("--")
            .arg(&self.requests)
            .arg(self.next.get().to_string());
        self.next.set(self.next.get() + FURTHER);
        let output = run(&mut command, Duration::from_secs(seconds) + GRACE)?;
        let numbers = output.lines().find_map(|line| line.strip_prefix("window "));
        let numbers = numbers.with_context(|| format!("wrk gave no result: {output}"))?;
        let numbers: Vec<f64> = numbers
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [requests, microseconds, bytes, errors @ ..] = numbers.as_slice() else {
            bail!("wrk gave too few numbers: {output}");
        };
        let kinds = ["connect", "read", "write", "status", "time-out", "content"];
        for (kind, count) in kinds.into_iter().zip(errors) {
            ensure!(
                *count == 0.0,
                "{count} {kind} errors in {requests} requests"
            );
        }
        let in_flight = u32::try_from(self.connections * self.pipeline).map(f64::from)?;
        let length = u32::try_from(answer_bytes).map(f64::from)?;
        ensure!(
            *requests > 0.0 && *microseconds > 0.0,
            "no request was answered"
        );
        ensure!(
            *bytes >= requests * length * (1.0 - LENGTH_TOLERANCE)
                && *bytes <= (requests + in_flight) * length * (1.0 + LENGTH_TOLERANCE),
            "{:.1} bytes per answer where {length} were expected",
            bytes / requests
        );
        Ok(Window {
            requests: *requests,
            seconds: microseconds / 1e6,
        })
    }
}

/// Standard output of a command that ends within `limit`; past that it is killed.
fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .context("wrk cannot be started")?;
    let start = Instant::now();
    // Its report is far shorter than a pipe holds, so it can be read after the end.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("wrk did not end within {} s", limit.as_secs());
        }
        thread::sleep(LOOK_EVERY);
    };
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    ensure!(status.success(), "wrk failed: {output}");
    Ok(output)
}

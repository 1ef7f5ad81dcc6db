//! Ten thousand, a million and ten million sessions: the rate of verification with tokens drawn over all of them (G10),
//! memory (G11), and starting from images (G12), beside Redis reading its own files.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use sessile::bench::plot::{Bar, Plot};

use crate::common::admin::Admin;
use crate::common::answer::Asker;
use crate::common::goals::{Row, grouped};
use crate::common::probe::verify;
use crate::common::redis::{self, Redis};
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::stats::Spread;
use crate::common::wrk::Load;
use crate::common::{machine, plots};
use crate::{CONNECTIONS, Size, WINDOW_S, room};

/// Requests prepared for each size, whatever its number of sessions: far more than a cache holds of ten million.
const PREPARED: u64 = 1_000_000;
/// How long memory may settle.
const SETTLING: Duration = Duration::from_secs(3);
/// Starts from the largest image, between which Redis starts.
const STARTS: usize = 3;

/// A server with so many sessions.
struct Grown {
    sessions: u64,
    room: PathBuf,
    server: Server,
    tokens: Vec<String>,
    /// Bytes a session: after opening, after a start from images.
    opened_bytes: f64,
    started_bytes: f64,
    snapshot: Duration,
    start: Duration,
}

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let sizes = size.sessions(&[10_000, 1_000_000, 10_000_000]);
    let mut grown = Vec::new();
    for sessions in sizes {
        grown.push(Grown::new(sessions, room.path())?);
    }
    let (rates, mut rows) = rates(&grown, size.rounds(8), room.path())?;
    println!(
        "\n| sessions | bytes each, opened | bytes each, started | snapshot s | start s | sessions/s | requests/s |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (grown, rate) in grown.iter().zip(&rates) {
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} | {} | {} |",
            grouped(grown.sessions as f64),
            grown.opened_bytes,
            grown.started_bytes,
            grown.snapshot.as_secs_f64(),
            grown.start.as_secs_f64(),
            grouped(grown.sessions as f64 / grown.start.as_secs_f64()),
            rate.map_or("–".to_owned(), |rate| grouped(rate.median)),
        );
    }
    if size.plots {
        plots::save("growth", &plotted(&grown, &rates))?;
    }
    let largest = grown.pop().context("no sizes")?;
    drop(grown);
    let many = grouped(largest.sessions as f64);
    let (opened, started) = (largest.opened_bytes, largest.started_bytes);
    let what = format!("memory of a plain session, {many} of them, after opening");
    rows.push(Row::at_most("G11", what, opened, 84.0, " B"));
    let what = "the same, after a start from images";
    rows.push(Row::at_most("G11", what, started, 84.0, " B"));
    rows.extend(restarts(largest, room.path())?);
    Ok(rows)
}

/// What grows with the sessions, and what does not.
fn plotted(grown: &[Grown], rates: &[Option<Spread>]) -> Vec<Plot> {
    let bars = |figure: fn(&Grown) -> f64| -> Vec<Bar> {
        let bar = |one: &Grown| plots::bar(one.name(), figure(one));
        grown.iter().map(bar).collect()
    };
    let rate = |(one, rate): (&Grown, &Option<Spread>)| Some(plots::spread(one.name(), (*rate)?));
    let rates = grown.iter().zip(rates).filter_map(rate).collect();
    let (opened, started) = (bars(|one| one.opened_bytes), bars(|one| one.started_bytes));
    let (written, read) = (
        bars(|one| one.snapshot.as_secs_f64()),
        bars(|one| one.start.as_secs_f64()),
    );
    vec![
        Plot::bars("verify rate, 64 connections", "requests/s", rates),
        Plot::bars("memory of a session, after opening", "bytes", opened).logarithmic(),
        Plot::bars("memory of a session, after a start", "bytes", started).logarithmic(),
        Plot::bars("writing a snapshot", "seconds", written).logarithmic(),
        Plot::bars("start from a snapshot", "seconds", read).logarithmic(),
    ]
}

impl Grown {
    /// Its name in a plot.
    fn name(&self) -> String {
        format!("{} sessions", grouped(self.sessions as f64))
    }

    fn new(sessions: u64, room: &Path) -> Result<Self> {
        let room = room.join(sessions.to_string());
        std::fs::create_dir_all(&room)?;
        let server = start(&room)?;
        thread::sleep(SETTLING);
        let empty = server.resident_bytes()?;
        let began = Instant::now();
        let admin = Admin::of(&server, &room)?;
        admin.make_owner()?;
        let tokens = admin.open_plain(sessions, PREPARED)?;
        eprintln!(
            "{sessions} sessions opened in {:.1} s",
            began.elapsed().as_secs_f64()
        );
        thread::sleep(SETTLING);
        let each = |resident: u64| resident.saturating_sub(empty) as f64 / sessions as f64;
        let opened_bytes = each(server.resident_bytes()?);
        let began = Instant::now();
        admin.post("snapshot", &json!({}))?;
        let snapshot = began.elapsed();
        // What it had would be known by its log as well: it starts from the image because that has everything.
        drop(server);
        let began = Instant::now();
        let server = start(&room)?;
        let start = began.elapsed();
        thread::sleep(SETTLING);
        let started_bytes = each(server.resident_bytes()?);
        Ok(Self {
            sessions,
            room,
            server,
            tokens,
            opened_bytes,
            started_bytes,
            snapshot,
            start,
        })
    }
}

fn start(room: &Path) -> Result<Server> {
    Server::sessile(room, machine::cores(), &[])
}

/// Verification of each size in turns: the rates, and G10.
fn rates(grown: &[Grown], rounds: usize, room: &Path) -> Result<(Vec<Option<Spread>>, Vec<Row>)> {
    let mut candidates = Vec::new();
    for one in grown {
        let tokens = one.tokens.iter().cycle().take(usize::try_from(PREPARED)?);
        let requests: Vec<_> = tokens.map(|token| verify(token)).collect();
        let first = requests.first().context("no tokens")?;
        let answer = Asker::connect(one.server.listen)?.ask(first)?;
        anyhow::ensure!(answer.status == 200, "status {}", answer.status);
        let name = one.sessions.to_string();
        let load = Load::prepare(room, &name, &requests, CONNECTIONS, 1)?;
        let (address, bytes) = (one.server.listen, answer.wire_bytes);
        let load = move |seconds| load.apply(address, seconds, bytes);
        let name = format!("{} sessions", grouped(one.sessions as f64));
        candidates.push(Candidate::new(name, vec![&one.server], load));
    }
    rotation::rotate(&mut candidates, rounds, WINDOW_S);
    rotation::print(&candidates);
    let mut rows = Vec::new();
    if let [smallest, .., largest] = candidates.as_slice() {
        let what = format!("verify rate, {} against {}", largest.name, smallest.name);
        rows.push(Row::ratio_at_least(
            "G10",
            what,
            largest.rate_over(smallest)?,
            0.92,
        ));
        let cpu = largest.cpu_over(smallest)?.to_string();
        rows.push(Row::beside("G10", "the same, CPU per request", cpu));
    }
    Ok((candidates.iter().map(Candidate::rate).collect(), rows))
}

/// Starts from the largest image, in turns with Redis.
fn restarts(largest: Grown, room: &Path) -> Result<Vec<Row>> {
    let Grown {
        sessions,
        room: own,
        server,
        ..
    } = largest;
    drop(server);
    let many = sessions as f64;
    let mut took = Vec::new();
    let mut begin_anew = || -> Result<()> {
        let began = Instant::now();
        let server = start(&own)?;
        took.push(began.elapsed().as_secs_f64());
        drop(server);
        Ok(())
    };
    begin_anew()?;
    let redis = match redis::missing() {
        Some(why) => Err(why),
        None => Ok(redis_reads(sessions, room, &mut begin_anew)?),
    };
    while took.len() < STARTS {
        let began = Instant::now();
        drop(start(&own)?);
        took.push(began.elapsed().as_secs_f64());
    }
    let took = Spread::of(took).context("no starts")?.median;
    let what = format!("start from images of {} sessions, a second", grouped(many));
    let mut rows = vec![Row::at_least("G12", what, many / took, 4.5e6, "")];
    match redis {
        Ok(read) => {
            let figures = [("RDB", read.rdb, 10.0), ("AOF", read.aof, 20.0)];
            for (file, redis, bound) in figures {
                let seconds = redis.as_secs_f64();
                let what = format!("against Redis and its {file}, {seconds:.1} s");
                rows.push(Row::at_least("G12", what, seconds / took, bound, " times"));
            }
            let what = "Redis, the same sessions as keys, each";
            let found = format!("{:.0} B", read.bytes);
            rows.push(Row::beside("G11", what, found));
        }
        Err(why) => rows.push(Row::not_run("G12", "against Redis", why)),
    }
    Ok(rows)
}

/// What Redis took for its files, and for memory.
struct RedisRead {
    rdb: Duration,
    aof: Duration,
    bytes: f64,
}

/// Fills a Redis, and has it read one file after the other, with a start of ours between them.
fn redis_reads(
    sessions: u64,
    room: &Path,
    between: &mut dyn FnMut() -> Result<()>,
) -> Result<RedisRead> {
    let room = room.join("redis");
    let (server, _) = Redis::start(&room, &[])?;
    let empty = server.server.resident_bytes()?;
    server.fill(sessions)?;
    let resident = server.server.resident_bytes()?.saturating_sub(empty);
    let mut line = server.connect()?;
    line.call(&["SAVE"])?;
    // Commands alone, without a snapshot before them: what an AOF was before they were put together.
    let plain = ["--aof-use-rdb-preamble", "no"];
    line.call(&["CONFIG", "SET", "aof-use-rdb-preamble", "no"])?;
    line.call(&["CONFIG", "SET", "appendonly", "yes"])?;
    server.wait_for("aof_rewrite_scheduled", "0")?;
    server.wait_for("aof_rewrite_in_progress", "0")?;
    drop(server);
    let (server, rdb) = Redis::start(&room, &["--appendonly", "no"])?;
    drop(server);
    between()?;
    let (server, aof) = Redis::start(&room, &["--appendonly", "yes", plain[0], plain[1]])?;
    drop(server);
    between()?;
    Ok(RedisRead {
        rdb,
        aof,
        bytes: resident as f64 / sessions as f64,
    })
}

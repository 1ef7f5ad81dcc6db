//! What a snapshot does to verification at a constant rate, and how long it takes (G14), beside Redis.
//!
//! Each snapshot is asked for once and not polled; each window under one stands beside a quiet one of the same length.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use sessile::bench::plot::{Line as Curve, Plot};

use crate::common::admin::Admin;
use crate::common::answer::Asker;
use crate::common::goals::{Row, grouped};
use crate::common::probe::{self, Line, Times, verify};
use crate::common::redis::{self, Redis};
use crate::common::servers::Server;
use crate::common::stats::Spread;
use crate::common::{machine, plots};
use crate::{Size, room};

/// Verifications a second.
const RATE: u32 = 1_500;
/// Snapshots of Redis are written so often at most: each takes many times as long.
const REDIS_ROUNDS_MAX: usize = 3;
/// Tokens drawn.
const DRAWN: u64 = 65_536;
/// What goes before the first window: connections, caches.
const WARM_UP: Duration = Duration::from_secs(2);
/// Between two windows: what the last one left behind settles.
const PAUSE: Duration = Duration::from_secs(1);

/// One side: who is asked, what, and how it is had to write a snapshot.
struct Side<'a, L> {
    connect: &'a (dyn Fn() -> Result<L> + Sync),
    requests: Vec<Vec<u8>>,
    write: &'a (dyn Fn() -> Result<Duration> + Sync),
    server: &'a Server,
}

/// What Sessile says of a snapshot.
#[derive(Deserialize)]
struct Written {
    longest_hold_us: u64,
}

/// What was seen of one side.
struct Seen {
    /// p99 under a snapshot over the quiet one beside it.
    ratio: Spread,
    quiet: Times,
    under: Times,
    took: Spread,
    /// The most memory meanwhile over what was there before.
    more: f64,
}

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let (sessions, rounds) = (size.count(5_000_000), size.rounds(8));
    let own = Server::sessile(room.path(), machine::cores(), &[])?;
    let admin = Admin::of(&own, room.path())?;
    admin.make_owner()?;
    let tokens = admin.open_plain(sessions, DRAWN)?;
    let address: SocketAddr = own.listen;
    let longest_hold_us = AtomicU64::new(0);
    let seen = Side {
        connect: &|| Asker::connect(address),
        requests: tokens.iter().map(|token| verify(token)).collect(),
        write: &|| {
            let began = Instant::now();
            let answer = admin.post("snapshot", &json!({}))?;
            let took = began.elapsed();
            let written: Written = serde_json::from_slice(&answer)?;
            longest_hold_us.fetch_max(written.longest_hold_us, Ordering::Relaxed);
            Ok(took)
        },
        server: &own,
    }
    .look("Sessile", rounds)?;
    let many = grouped(sessions as f64);
    let what = format!("verify p99 at {RATE}/s while {many} sessions are written, of quiet");
    let mut rows = vec![
        Row::ratio_at_most("G14", what, seen.ratio, 1.5),
        Row::beside(
            "G14",
            "p99 of all windows, quiet and under it; errors",
            format!(
                "{} µs, {} µs; {}",
                seen.quiet.per_mille(990),
                seen.under.per_mille(990),
                seen.quiet.errors + seen.under.errors
            ),
        ),
        Row::at_most(
            "G14",
            "more memory meanwhile",
            seen.more * 100.0,
            20.0,
            " %",
        ),
        Row::at_most(
            "G14",
            "longest time that copying holds a lock, of all snapshots",
            longest_hold_us.load(Ordering::Relaxed) as f64 / 1e3,
            1.0,
            " ms",
        ),
        Row::beside("G14", "a snapshot took", format!("{} s", seen.took)),
    ];
    drop(own);
    let mut curves = seen.curves("Sessile");
    if let Some(why) = redis::missing() {
        rows.push(Row::not_run("G14", "against Redis' BGSAVE", why));
        draw(size, curves)?;
        return Ok(rows);
    }
    let (server, _) = Redis::start(&room.path().join("redis"), &[])?;
    server.fill(sessions)?;
    let step = (sessions / DRAWN).max(1);
    let numbers = (0..DRAWN.min(sessions)).map(|n| n * step * 7_919 % sessions);
    let redis = Side {
        connect: &|| server.connect(),
        requests: numbers.map(redis::get).collect(),
        write: &|| server.snapshot_beside(),
        server: &server.server,
    }
    .look("Redis", rounds.min(REDIS_ROUNDS_MAX))?;
    rows.push(Row::at_most(
        "G14",
        "time of a snapshot, of Redis' BGSAVE",
        seen.took.median / redis.took.median,
        0.2,
        "",
    ));
    curves.extend(redis.curves("Redis"));
    draw(size, curves)?;
    let what = "Redis: p99 of GET meanwhile, of quiet; a BGSAVE took";
    let found = format!("{}; {} s", redis.ratio, redis.took);
    rows.push(Row::beside("G14", what, found));
    Ok(rows)
}

fn draw(size: &Size, curves: Vec<Curve>) -> Result<()> {
    if !size.plots {
        return Ok(());
    }
    let title = "time of an answer at 1,500/s, quiet and while a snapshot is written";
    plots::save(
        "snapshot",
        &[Plot::percentiles(title, "ms", curves).logarithmic()],
    )
}

impl Seen {
    /// How long answers took, by percentile.
    fn curves(&self, name: &str) -> Vec<Curve> {
        let curve = |what: &str, times: &Times| {
            let ms = |part| f64::from(times.per_mille(part)) / 1e3;
            // As many points as a thousandth can be told.
            let points = (0..1_000_u32).map(|part| (f64::from(part) / 10.0, ms(part as usize)));
            Curve {
                name: format!("{name}, {what}"),
                points: points.collect(),
            }
        };
        vec![curve("quiet", &self.quiet), curve("snapshot", &self.under)]
    }
}

impl<L: Line> Side<'_, L> {
    /// Quiet windows and windows under a snapshot, in turns.
    fn look(&self, name: &str, rounds: usize) -> Result<Seen> {
        self.window(WARM_UP)?;
        // The first one tells how long a window is.
        let mut length = (self.write)()?;
        let (mut quiet, mut under, mut ratios, mut took) = (vec![], vec![], vec![], vec![]);
        let mut more: f64 = 0.0;
        for round in 1..=rounds {
            thread::sleep(PAUSE);
            let before = self.window(length)?;
            thread::sleep(PAUSE);
            self.server.forget_peak()?;
            let resident = self.server.resident_bytes()? as f64;
            let written = AtomicBool::new(false);
            let meanwhile = thread::scope(|scope| {
                let writing = scope.spawn(|| {
                    let took = (self.write)();
                    written.store(true, Ordering::Relaxed);
                    took
                });
                let meanwhile = self.until(&written)?;
                length = writing.join().ok().context("panicked")??;
                anyhow::Ok(meanwhile)
            })?;
            more = more.max(self.server.peak_bytes()? as f64 / resident - 1.0);
            let ratio =
                f64::from(meanwhile.per_mille(990)) / f64::from(before.per_mille(990).max(1));
            eprintln!(
                "{name}, round {round}: {:.2} s, p99 {} µs quiet, {} µs meanwhile",
                length.as_secs_f64(),
                before.per_mille(990),
                meanwhile.per_mille(990)
            );
            ratios.push(ratio);
            took.push(length.as_secs_f64());
            quiet.push(before);
            under.push(meanwhile);
        }
        Ok(Seen {
            ratio: Spread::of(ratios).context("no rounds")?,
            quiet: Times::join(quiet),
            under: Times::join(under),
            took: Spread::of(took).context("no rounds")?,
            more,
        })
    }

    fn window(&self, length: Duration) -> Result<Times> {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(length);
                stop.store(true, Ordering::Relaxed);
            });
            self.until(&stop)
        })
    }

    fn until(&self, stop: &AtomicBool) -> Result<Times> {
        probe::at_rate(self.connect, &self.requests, RATE, stop)
    }
}

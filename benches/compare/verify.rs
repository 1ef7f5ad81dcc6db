//! Verification: Sessile's `GET /auth/verify`, raw Redis (G5), and the peers over HTTP (G6).

use std::path::Path;

use anyhow::{Context, Result};
use sessile::bench::plot::Plot;

use crate::common::admin::Admin;
use crate::common::goals::Row;
use crate::common::redis::{self, Hammer, Redis};
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::wrk::Load;
use crate::common::{machine, plots};
use crate::peers::{self, Asked, Peer, Started, USER};
use crate::{CONNECTIONS, Size, WINDOW_S};

/// Tokens drawn.
const DRAWN: u64 = 65_536;
/// Of whom Sessile is to be so many times as fast.
const GOALS: [(&str, f64); 4] = [
    ("actix-web + Redis", 1.9),
    ("Webdis + Redis", 3.0),
    ("Fastify", 12.0),
    ("Express + connect-redis", 40.0),
];

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = tempfile::Builder::new()
        .prefix("compare-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    for version in peers::versions() {
        println!("{version}");
    }
    let own = own(room.path(), size.sessions)?;
    let redis = match redis::missing() {
        Some(why) => Err(why.to_owned()),
        None => {
            let (redis, _) = Redis::start(&room.path().join("redis"), &[])?;
            redis.fill(size.sessions)?;
            Ok(redis)
        }
    };
    let with_redis = |start: &dyn Fn(&Redis) -> Started| match &redis {
        Ok(redis) => start(redis),
        Err(why) => Err(why.clone()),
    };
    let room = room.path();
    let started: [Started; 4] = [
        with_redis(&|redis| peers::actix_redis(room, redis, size.sessions)),
        with_redis(&|redis| peers::webdis(room, redis, size.sessions)),
        peers::fastify(room),
        with_redis(&|redis| peers::express(room, redis)),
    ];
    let mut hammer = Hammer::get(size.sessions);
    let mut candidates = vec![candidate(&own, room, None)?];
    if let Ok(redis) = &redis {
        let load = |seconds| redis.hammer(&mut hammer, seconds);
        candidates.push(Candidate::new("raw Redis GET", vec![&redis.server], load));
    }
    for peer in started.iter().flatten() {
        let redis = redis.as_ref().ok().filter(|_| peer.asks_redis);
        candidates.push(candidate(peer, room, redis)?);
    }
    rotation::rotate(&mut candidates, size.rounds, WINDOW_S);
    rotation::print(&candidates);
    if let Ok(redis) = &redis {
        redis.expect_no_miss()?;
    }

    if size.plots {
        draw(&candidates)?;
    }
    let ours = candidates.first().context("no candidates")?;
    let named = |name: &str| candidates.iter().find(|candidate| candidate.name == name);
    let mut rows = Vec::new();
    let what = "GET /auth/verify over HTTP against raw GET by redis-benchmark";
    rows.extend(match (named("raw Redis GET"), &redis) {
        (Some(raw), _) => against("G5", what, ours, raw, 1.15),
        (None, Err(why)) => vec![Row::not_run("G5", what, why.as_str())],
        (None, Ok(_)) => Vec::new(),
    });
    for ((name, bound), started) in GOALS.into_iter().zip(&started) {
        let what = format!("against {name}");
        rows.extend(match (named(name), started) {
            (Some(peer), _) => against("G6", &what, ours, peer, bound),
            (None, Err(why)) => vec![Row::not_run("G6", what, why.as_str())],
            (None, Ok(_)) => Vec::new(),
        });
    }
    Ok(rows)
}

/// What each was asked in a second, and what it cost.
fn draw(candidates: &[Candidate<'_>]) -> Result<()> {
    let measured = || candidates.iter().filter(|one| one.failure.is_none());
    // There is little room below a bar.
    let name = |one: &Candidate<'_>| one.name.replace("connect-redis", "Redis");
    let rates = measured().filter_map(|one| Some(plots::spread(name(one), one.rate()?)));
    let cpu = measured().filter_map(|one| Some(plots::spread(name(one), one.cpu()?)));
    let plots = [
        Plot::bars(
            "verifications, 64 connections",
            "requests/s",
            rates.collect(),
        )
        .logarithmic(),
        Plot::bars("processor time of a verification", "µs", cpu.collect()).logarithmic(),
    ];
    plots::save("compare", &plots)
}

/// Requests per second and processor time of ours against a peer's.
fn against(
    goal: &'static str,
    what: &str,
    ours: &Candidate<'_>,
    peer: &Candidate<'_>,
    bound: f64,
) -> Vec<Row> {
    let rate = match ours.rate_over(peer) {
        Ok(rate) => Row::ratio_at_least(goal, format!("{what}: requests/s"), rate, bound),
        Err(error) => return vec![Row::not_run(goal, what, format!("{error:#}"))],
    };
    let cpu = ours
        .cpu_over(peer)
        .map_or("–".to_owned(), |cpu| cpu.to_string());
    let beside = Row::beside(goal, format!("{what}: CPU per request"), cpu);
    vec![rate, beside]
}

fn candidate<'a>(peer: &'a Peer, room: &Path, redis: Option<&'a Redis>) -> Result<Candidate<'a>> {
    let file = peer.name.replace([' ', '+'], "-");
    let load = Load::prepare(room, &file, &peer.requests, CONNECTIONS, 1)?;
    let (address, bytes) = (peer.server.listen, peer.answer_bytes);
    let load = move |seconds| load.apply(address, seconds, bytes);
    let mut servers = vec![&peer.server];
    servers.extend(redis.map(|redis| &redis.server));
    Ok(Candidate::new(peer.name, servers, load))
}

/// Sessile itself, asked as its peers are.
fn own(room: &Path, sessions: u64) -> Result<Peer> {
    let server = Server::sessile(room, machine::cores(), &[])?;
    let admin = Admin::of(&server, room)?;
    admin.make_owner()?;
    let tokens = admin.open_plain(sessions, DRAWN)?;
    let request = |token: &str| peers::get("/auth/verify", &format!("Session: {token}\r\n"));
    let asked = Asked {
        requests: tokens.iter().map(|token| request(token)).collect(),
        unknown: request(&"0".repeat(32)),
        user: &|answer| {
            let named = answer
                .headers
                .iter()
                .find(|(name, _)| name == "x-sessile-user");
            let user = named.map(|(_, user)| user.clone());
            user.filter(|_| answer.status == 200)
        },
    };
    let answer_bytes = asked
        .agree(&server)
        .with_context(|| format!("Sessile, of a session of {USER}"))?;
    Ok(Peer {
        name: "Sessile",
        server,
        asks_redis: false,
        requests: asked.requests,
        answer_bytes,
    })
}

//! The peers: how each is started, what it is asked, and what its answers mean.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::common::answer::{Answer, Asker};
use crate::common::machine;
use crate::common::redis::{self, Redis};
use crate::common::servers::{Server, free_address};
use crate::node::{self, Script};

/// The user of every session.
pub(crate) const USER: &str = "load";
/// Requests prepared for each peer.
const PREPARED: u64 = 65_536;
/// Answers that are looked at before a peer is measured.
const LOOKED_AT: usize = 64;

/// A peer that is up, and what it is asked.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    /// It asks Redis, whose time counts as its own.
    pub(crate) asks_redis: bool,
    pub(crate) requests: Vec<Vec<u8>>,
    /// Length of an answer for a live session.
    pub(crate) answer_bytes: u64,
}

/// What a server must say to be compared.
pub(crate) struct Asked<'a> {
    pub(crate) requests: Vec<Vec<u8>>,
    /// A request of the same kind for a session that never was.
    pub(crate) unknown: Vec<u8>,
    /// Whose session an answer says it is.
    pub(crate) user: &'a dyn Fn(&Answer) -> Option<String>,
}

impl Asked<'_> {
    /// Checks that live sessions are the user's and an unknown one is nobody's; gives the length of an answer.
    pub(crate) fn agree(&self, server: &Server) -> Result<u64> {
        let mut asker = Asker::connect(server.listen)?;
        let mut answer_bytes = 0;
        let step = (self.requests.len() / LOOKED_AT).max(1);
        for request in self.requests.iter().step_by(step) {
            let answer = asker.ask(request)?;
            let user = (self.user)(&answer);
            ensure!(
                user.as_deref() == Some(USER),
                "a live session is {user:?}'s: status {}",
                answer.status
            );
            answer_bytes = answer.wire_bytes;
        }
        let answer = asker.ask(&self.unknown)?;
        let user = (self.user)(&answer);
        ensure!(user.is_none(), "a session that never was is {user:?}'s");
        Ok(answer_bytes)
    }
}

/// A request without a body.
pub(crate) fn get(path: &str, field: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n").into_bytes()
}

/// The user in the JSON of an answer that is a 200.
fn user_in_json(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let user = body.get("user")?.as_str()?;
    Some(user.to_owned()).filter(|_| answer.status == 200)
}

/// Numbers of sessions of Redis, spread over all of them.
fn numbers(sessions: u64) -> impl Iterator<Item = u64> {
    let step = (sessions / PREPARED).max(1);
    (0..PREPARED).map(move |n| n * step * 7_919 % sessions)
}

/// Why a peer is not there, or the peer.
pub(crate) type Started = std::result::Result<Peer, String>;

/// The handler on the same framework that asks Redis over one connection per worker.
pub(crate) fn actix_redis(room: &Path, redis: &Redis, sessions: u64) -> Started {
    let start = || -> Result<Peer> {
        let mut command = Command::new(built_actix_redis()?);
        command.args([redis.address().to_string(), machine::cores().to_string()]);
        let server = Server::announced(command, room.join("actix-redis.log"))?;
        let request = |number| get("/auth/verify", &format!("Session: {number:012}\r\n"));
        let asked = Asked {
            requests: numbers(sessions).map(request).collect(),
            unknown: request(sessions + 1),
            user: &user_in_json,
        };
        let answer_bytes = asked.agree(&server)?;
        Ok(Peer {
            name: "actix-web + Redis",
            server,
            asks_redis: true,
            requests: asked.requests,
            answer_bytes,
        })
    };
    start().map_err(|error| format!("{error:#}"))
}

/// Builds the handler in a workspace and a target directory of its own; the second time there is nothing to do.
fn built_actix_redis() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("actix-redis");
    let built = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--release", "--locked", "--manifest-path"])
        .arg("benches/compare/actix-redis/Cargo.toml")
        .arg("--target-dir")
        .arg(&target)
        .status()
        .context("cargo cannot be started")?;
    ensure!(
        built.success(),
        "benches/compare/actix-redis does not build"
    );
    Ok(target.join("release/actix-redis"))
}

/// Redis behind HTTP.
pub(crate) fn webdis(room: &Path, redis: &Redis, sessions: u64) -> Started {
    if !is_there("webdis") {
        return Err("webdis is missing: apt-get install webdis".to_owned());
    }
    let start = || -> Result<Peer> {
        let address = free_address()?;
        let file = room.join("webdis.json");
        let config = json!({
            "redis_host": "127.0.0.1", "redis_port": redis.address().port(),
            "http_host": "127.0.0.1", "http_port": address.port(),
            "threads": machine::cores(), "pool_size": 20, "daemonize": false,
            "acl": [], "verbosity": 0, "logfile": room.join("webdis-own.log"),
        });
        std::fs::write(&file, serde_json::to_vec(&config)?)?;
        let mut command = Command::new("webdis");
        command.arg(&file);
        let server = Server::listening(command, room.join("webdis.log"), address)?;
        let request = |number| get(&format!("/GET/{}", redis::key(number)), "");
        let asked = Asked {
            requests: numbers(sessions).map(request).collect(),
            unknown: request(sessions + 1),
            user: &|answer| {
                let body: Value = serde_json::from_slice(&answer.body).ok()?;
                let record: Value = serde_json::from_str(body.get("GET")?.as_str()?).ok()?;
                Some(record.get("user")?.as_str()?.to_owned())
            },
        };
        let answer_bytes = asked.agree(&server)?;
        Ok(Peer {
            name: "Webdis + Redis",
            server,
            asks_redis: true,
            requests: asked.requests,
            answer_bytes,
        })
    };
    start().map_err(|error| format!("{error:#}"))
}

/// Whether a program is on the path.
fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Fastify's session plug-in, with sessions in the process.
pub(crate) fn fastify(room: &Path) -> Started {
    on_node(room, "Fastify", Script::Fastify, None)
}

/// Express with `express-session` and `connect-redis`.
pub(crate) fn express(room: &Path, redis: &Redis) -> Started {
    on_node(
        room,
        "Express + connect-redis",
        Script::Express,
        Some(redis),
    )
}

fn on_node(room: &Path, name: &'static str, script: Script, redis: Option<&Redis>) -> Started {
    let start = || -> Result<Peer> {
        let mut command = node::run(script)?;
        if let Some(redis) = redis {
            command.env("REDIS_URL", format!("redis://{}", redis.address()));
        }
        command.env("NODE_ENV", "production");
        let server = Server::announced(command, room.join(format!("{}.log", script.file())))?;
        let cookies = node::log_in(server.listen)?;
        let request = |cookie: &str| get("/auth/verify", &format!("Cookie: {cookie}\r\n"));
        let prepared = cookies.iter().cycle().take(usize::try_from(PREPARED)?);
        let first = cookies.first().context("nobody logged in")?;
        let unknown = node::of_nobody(first)?;
        let asked = Asked {
            requests: prepared.map(|cookie| request(cookie)).collect(),
            unknown: request(&unknown),
            user: &user_in_json,
        };
        let answer_bytes = asked.agree(&server)?;
        Ok(Peer {
            name,
            server,
            asks_redis: redis.is_some(),
            requests: asked.requests,
            answer_bytes,
        })
    };
    if let Some(why) = node::missing() {
        return Err(why);
    }
    start().map_err(|error| format!("{error:#}"))
}

/// The version that a program says it has, for the head of a report.
pub(crate) fn versions() -> Vec<String> {
    let redis = redis::installed("redis-server");
    let node = Command::new("node")
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()
        .map(|said| format!("Node {}", String::from_utf8_lossy(&said.stdout).trim()));
    [redis, node].into_iter().flatten().collect()
}

//! Durable writes: xData's open in mode `sync` against Redis' `SET` with `appendfsync always` (G7), on one disk.

use anyhow::{Context, Result, ensure};

use crate::common::admin::Admin;
use crate::common::answer::Asker;
use crate::common::goals::Row;
use crate::common::machine;
use crate::common::redis::{self, Hammer, Redis};
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::wrk::{self, Load};
use crate::{CONNECTIONS, Size, WINDOW_S};

const WHAT: &str = "xData open, mode sync, against Redis' SET with appendfsync always";

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    if let Some(why) = redis::missing() {
        return Ok(vec![Row::not_run("G7", WHAT, why)]);
    }
    let room = tempfile::Builder::new()
        .prefix("compare-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let own = Server::sessile(room.path(), machine::cores(), &["--durability", "sync"])?;
    let key = Admin::of(&own, room.path())?.xdata_key;
    let body =
        r#"{"jsonrpc":"2.0","method":"session.open_session","params":{"expires_in":86400},"id":1}"#;
    let fields = format!(
        "Content-Type: application/json\r\nAPIKey: {}\r\nSecret: {}\r\nContent-Length: {}\r\n",
        key.api_key,
        key.secret,
        body.len()
    );
    let open =
        format!("POST /api/v2/session/jsonrpc HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}");
    let answer = Asker::connect(own.listen)?.ask(open.as_bytes())?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    ensure!(
        answer.status == 200 && text.contains("access_token"),
        "open: {}: {text:.300}",
        answer.status
    );
    let requests = vec![open.into_bytes(); wrk::THREADS];
    let load = Load::prepare(room.path(), "open", &requests, CONNECTIONS, 1)?;
    let always = ["--appendonly", "yes", "--appendfsync", "always"];
    let (redis, _) = Redis::start(&room.path().join("redis"), &always)?;
    let mut hammer = Hammer::set(size.sessions);
    let (address, bytes) = (own.listen, answer.wire_bytes);
    let mut candidates = [
        Candidate::new("xData open, sync", vec![&own], move |seconds| {
            load.apply(address, seconds, bytes)
        }),
        Candidate::new("Redis SET, fsync always", vec![&redis.server], |seconds| {
            redis.hammer(&mut hammer, seconds)
        }),
    ];
    rotation::rotate(&mut candidates, size.rounds, WINDOW_S);
    rotation::print(&candidates);
    let [ours, theirs] = &candidates;
    let rate = ours.rate_over(theirs).context(WHAT)?;
    let cpu = ours.cpu_over(theirs)?.to_string();
    Ok(vec![
        Row::ratio_at_least("G7", format!("{WHAT}: requests/s"), rate, 1.0),
        Row::beside("G7", format!("{WHAT}: CPU per request"), cpu),
    ])
}

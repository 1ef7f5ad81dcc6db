//! Verifying, opening and closing at once (G8): xData over JSON-RPC, against doing nothing and against no log.
//!
//! Of 20 requests 18 verify sessions that were there before, one opens a session and one closes the oldest that this
//! load opened. The generator looks at every answer, on all sides alike: a session that is not active, an open without a
//! token, a close that is not `true` and anything else spoil the window.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::common::admin::{Admin, KeyPair};
use crate::common::answer::Asker;
use crate::common::goals::Row;
use crate::common::machine;
use crate::common::noop::Given;
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::wrk::Load;
use crate::{CONNECTIONS, JSONRPC, Size, WINDOW_S, post, room};

/// Tokens drawn.
const DRAWN: u64 = 65_536;
/// The body of an open, and what stands before the token in its answer.
const OPEN: &str =
    r#"{"jsonrpc":"2.0","method":"session.open_session","params":{"expires_in":86400},"id":1}"#;
const TOKEN: &str = r#""access_token":""#;

/// What a thread of the generator sends, and how it judges what comes; which requests `OPEN`, `BEFORE` and `AFTER` are
/// made of is said before it.
const SCRIPT: &str = r#"
local opened, oldest, newest = {}, 1, 0
local turn = 0
verified, begun, closed = 0, 0, 0
wrong = 0

function request()
  turn = turn + 1
  local step = turn % 20
  if step == 5 then return OPEN end
  if step == 15 and oldest <= newest then
    local token = opened[oldest]
    opened[oldest] = nil
    oldest = oldest + 1
    return BEFORE .. token .. AFTER
  end
  return prepared()
end

function response(status, headers, body)
  if status == 200 and string.find(body, '"active":true', 1, true) then
    verified = verified + 1
  elseif status == 200 and string.find(body, '"result":true', 1, true) then
    closed = closed + 1
  else
    local token = status == 200 and string.match(body, '"access_token":"([^"]+)"')
    if token then
      begun = begun + 1
      newest = newest + 1
      opened[newest] = token
    else
      wrong = wrong + 1
    end
  end
end

function judged(all)
  local counted = { verified = 0, begun = 0, closed = 0, wrong = 0 }
  for _, thread in ipairs(all) do
    for name, count in pairs(counted) do counted[name] = count + thread:get(name) end
  end
  local sum = counted.verified + counted.begun + counted.closed
  assert(counted.begun > sum * 0.045 and counted.closed > sum * 0.045, "the shares were not kept")
  return counted.wrong
end
"#;

/// A server that keeps sessions, and what it is asked.
struct Side {
    server: Server,
    load: Load,
    /// Its answers, each with the length of the body that it was given to.
    given: Vec<Given>,
    /// A request of each kind.
    asked: Vec<Vec<u8>>,
}

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let sessions = size.count(1_000_000);
    let durable = Side::start(room.path(), "sync", sessions)?;
    let in_memory = Side::start(room.path(), "snapshot", sessions)?;
    let route = ("POST", JSONRPC);
    let noop = Server::noop(room.path(), "mix", route, &durable.given, machine::cores())?;
    let mut asker = Asker::connect(noop.listen)?;
    for (request, given) in durable.asked.iter().zip(&durable.given) {
        let answer = asker.ask(request)?;
        given.answer.expect_same(&answer).context("the no-op")?;
    }

    let mut candidates = Vec::new();
    for (name, side, server) in [
        ("sync", &durable, &durable.server),
        ("in memory", &in_memory, &in_memory.server),
        ("no-op", &durable, &noop),
    ] {
        let (address, bytes) = (server.listen, side.bytes());
        let load = move |seconds| side.load.apply(address, seconds, bytes);
        candidates.push(Candidate::new(name, vec![server], load));
    }
    rotation::rotate(&mut candidates, size.rounds(8), WINDOW_S);
    rotation::print(&candidates);
    let [durable, in_memory, noop] = candidates.as_slice() else {
        anyhow::bail!("a candidate is missing");
    };
    let what = "90 % verify, 5 % open, 5 % close, mode `sync`: requests/s";
    Ok(vec![
        Row::ratio_at_least(
            "G8",
            format!("{what} of the no-op"),
            durable.rate_over(noop)?,
            0.85,
        ),
        Row::ratio_at_least(
            "G8",
            format!("{what} of itself without the log"),
            durable.rate_over(in_memory)?,
            0.92,
        ),
        Row::beside(
            "G8",
            "processor time per request, of the no-op",
            durable.cpu_over(noop)?.to_string(),
        ),
        Row::beside(
            "G8",
            "processor time per request, of itself without the log",
            durable.cpu_over(in_memory)?.to_string(),
        ),
    ])
}

impl Side {
    fn start(room: &Path, mode: &str, sessions: u64) -> Result<Self> {
        let room = room.join(mode);
        std::fs::create_dir_all(&room)?;
        let server = Server::sessile(&room, machine::cores(), &["--durability", mode])?;
        let admin = Admin::of(&server, &room)?;
        let tokens = admin.open_xdata(sessions, DRAWN)?;
        let key = &admin.xdata_key;
        let verifies: Vec<_> = tokens
            .iter()
            .map(|token| post(key, &verify(token)))
            .collect();

        let mut asker = Asker::connect(server.listen)?;
        let (mut given, mut asked) = (Vec::new(), Vec::new());
        let mut ask = |body: &str, wanted: &str| {
            let request = post(key, body);
            let answer = asker.ask(&request)?;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(
                answer.status == 200 && text.contains(wanted),
                "{mode}: {body:.60}: {}: {text:.300}",
                answer.status
            );
            asked.push(request);
            given.push(Given::to(body.len(), answer));
            anyhow::Ok(text)
        };
        let first = tokens.first().context("no tokens")?;
        ask(&verify(first), r#""active":true"#)?;
        let text = ask(OPEN, TOKEN)?;
        let token = text
            .split(TOKEN)
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let token = token.context("an open without a token")?;
        ask(&close(token), r#""result":true"#)?;

        let script = script(key, token);
        let load = Load::scripted(&room, "mix", &script, &verifies, CONNECTIONS)?;
        Ok(Self {
            server,
            load,
            given,
            asked,
        })
    }

    /// Length of an answer in the middle of the mix.
    fn bytes(&self) -> u64 {
        match self.given.as_slice() {
            [verified, opened, closed] => {
                let rare = opened.answer.wire_bytes + closed.answer.wire_bytes;
                (18 * verified.answer.wire_bytes + rare) / 20
            }
            _ => 0,
        }
    }
}

/// What a thread of the generator does. `token` is any: those of the load stand in its place.
fn script(key: &KeyPair, token: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (open, close) = (text(&post(key, OPEN)), text(&post(key, &close(token))));
    let (before, after) = close.split_once(token).unwrap_or_default();
    // Spelled as Rust spells them, these texts are the same to Lua.
    format!("local OPEN, BEFORE, AFTER = {open:?}, {before:?}, {after:?}\n{SCRIPT}")
}

fn verify(token: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","params":{{"token":"{token}"}},"id":1}}"#
    )
}

fn close(token: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"session.close_session","params":{{"token":"{token}"}},"id":1}}"#
    )
}

//! Many tokens in one call (G9): a JSON-RPC batch of 100 against single verifications.

use anyhow::{Context, Result, ensure};

use crate::common::admin::Admin;
use crate::common::answer::Asker;
use crate::common::goals::Row;
use crate::common::machine;
use crate::common::probe::verify;
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::stats::Spread;
use crate::common::wrk::Load;
use crate::{CONNECTIONS, Size, WINDOW_S, post, room};

/// Members of a batch: as many as there may be.
const BATCH: usize = 100;
/// Batches prepared.
const BATCHES: usize = 2_048;
/// Tokens drawn.
const DRAWN: u64 = 65_536;

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let server = Server::sessile(room.path(), machine::cores(), &[])?;
    let admin = Admin::of(&server, room.path())?;
    admin.make_owner()?;
    let sessions = size.count(1_000_000);
    let mollybet = admin.open_plain(sessions, DRAWN)?;
    let xdata = admin.open_xdata(sessions, DRAWN)?;
    let single: Vec<_> = xdata
        .iter()
        .map(|token| post(&admin.xdata_key, &call(token, 1)))
        .collect();
    let batch = |tokens: &[&String]| {
        let calls = tokens.iter().zip(100..).map(|(token, id)| call(token, id));
        let calls: Vec<_> = calls.collect();
        post(&admin.xdata_key, &format!("[{}]", calls.join(",")))
    };
    let tokens: Vec<_> = xdata.iter().cycle().take(BATCHES * BATCH).collect();
    let batched: Vec<_> = tokens.chunks(BATCH).map(batch).collect();
    let gateway: Vec<_> = mollybet.iter().map(|token| verify(token)).collect();

    let mut candidates = Vec::new();
    for (name, requests, active) in [
        ("batches of 100", batched, BATCH),
        ("xData, one by one", single, 1),
        ("GET /auth/verify", gateway, 0),
    ] {
        let first = requests.first().context("no tokens")?;
        let answer = Asker::connect(server.listen)?.ask(first)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let found = text.matches(r#""active":true"#).count();
        ensure!(
            answer.status == 200 && found == active,
            "{name}: {}: {text:.300}",
            answer.status
        );
        let file = name.replace([' ', '/', ','], "-");
        let load = Load::prepare(room.path(), &file, &requests, CONNECTIONS, 1)?;
        let (address, bytes) = (server.listen, answer.wire_bytes);
        let load = move |seconds| load.apply(address, seconds, bytes);
        candidates.push(Candidate::new(name, vec![&server], load));
    }
    rotation::rotate(&mut candidates, size.rounds(8), WINDOW_S);
    rotation::print(&candidates);
    let [batched, single, gateway] = candidates.as_slice() else {
        anyhow::bail!("a candidate is missing");
    };
    let times = BATCH as f64;
    let over = |other| {
        let Spread {
            lower_quartile,
            median,
            upper_quartile,
        } = batched.rate_over(other)?;
        anyhow::Ok(Spread {
            lower_quartile: lower_quartile * times,
            median: median * times,
            upper_quartile: upper_quartile * times,
        })
    };
    Ok(vec![
        Row::not_run(
            "G9",
            "bulk verify, 1,000 tokens a call",
            "there is no bulk verification yet",
        ),
        Row::ratio_at_least(
            "G9",
            "tokens/s in JSON-RPC batches of 100 against requests/s of single xData calls",
            over(single)?,
            15.0,
        ),
        Row::beside(
            "G9",
            "the same against requests/s of GET /auth/verify",
            over(gateway)?.to_string(),
        ),
    ])
}

fn call(token: &str, id: usize) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","params":{{"token":"{token}"}},"id":{id}}}"#
    )
}

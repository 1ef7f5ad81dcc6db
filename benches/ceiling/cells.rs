//! Cells: a case at a number of connections and a depth of pipelining, on Sessile and on its no-op.
//!
//! Invariant: a round holds one window of each server of a cell, one right after the other, and the ratio is taken
//! between these two. Which of the two goes first alternates.

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};

use crate::cases::Case;
use crate::common::answer::{Answer, Asker};
use crate::common::noop::Given;
use crate::common::rotation::Sample;
use crate::common::servers::Server;
use crate::common::wrk::Load;
use crate::options::Options;
use crate::seed::{self, Supply};

/// Answers that are looked at before a case is measured.
const LOOKED_AT: usize = 1_024;

/// One line of the report.
#[derive(Debug)]
pub(crate) struct Cell {
    /// What is asked.
    pub(crate) case: Case,
    /// How it is asked; absent if the case failed before it could be.
    pub(crate) load: Option<Load>,
    /// The no-op; shared by the cells of a case.
    noop: Option<Rc<Server>>,
    /// Length of an answer on the wire.
    answer_bytes: u64,
    /// One entry per round.
    pub(crate) rounds: Vec<Round>,
    /// Why there is no result.
    pub(crate) failure: Option<String>,
}

/// One round of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Sessile's window.
    pub(crate) sessile: Sample,
    /// The no-op's window.
    pub(crate) noop: Sample,
}

/// Makes the cells of a case: renders its requests, looks at the answers, starts its no-op.
///
/// A case that answers wrongly becomes one failed cell. Errors: files cannot be written.
pub(crate) fn prepare(
    case: Case,
    sessile: &Server,
    supply: &Supply,
    room: &Path,
    options: &Options,
) -> Result<Vec<Cell>> {
    let count = usize::try_from(seed::DRAWN)?;
    let tokens = case.tokens(supply).iter().cycle().take(count);
    let requests: Vec<Vec<u8>> = tokens.map(|token| case.request(token, supply)).collect();
    let (answer, noop) = match look(case, sessile, &requests, room, options) {
        Ok(looked) => looked,
        Err(error) => {
            eprintln!("ceiling: {}: {error:#}", case.name());
            let failure = Some(format!("{error:#}"));
            return Ok(vec![Cell {
                case,
                load: None,
                noop: None,
                answer_bytes: 0,
                rounds: Vec::new(),
                failure,
            }]);
        }
    };
    let noop = Rc::new(noop);
    let mut cells = Vec::new();
    for &pipeline in &options.pipeline {
        for &connections in &options.connections {
            let load = Some(Load::prepare(
                room,
                case.name(),
                &requests,
                connections,
                pipeline,
            )?);
            let (noop, answer_bytes) = (Some(Rc::clone(&noop)), answer.wire_bytes);
            cells.push(Cell {
                case,
                load,
                noop,
                answer_bytes,
                rounds: Vec::new(),
                failure: None,
            });
        }
    }
    Ok(cells)
}

/// Takes one answer of Sessile, checks many others against it, and starts a no-op that gives the same.
fn look(
    case: Case,
    sessile: &Server,
    requests: &[Vec<u8>],
    room: &Path,
    options: &Options,
) -> Result<(Answer, Server)> {
    let mut asker = Asker::connect(sessile.listen)?;
    let first = requests.first().context("no tokens")?;
    let answer = asker.ask(first)?;
    for request in requests.iter().step_by((requests.len() / LOOKED_AT).max(1)) {
        let other = asker.ask(request)?;
        let body = String::from_utf8_lossy(&other.body);
        ensure!(
            (200..300).contains(&other.status),
            "status {}: {body}",
            other.status
        );
        ensure!(
            body.contains(case.expected()),
            "the answer is not that of a live session: {body}"
        );
        answer
            .expect_alike(&other)
            .context("two sessions are answered differently")?;
    }
    let given = [Given::to(0, answer.clone())];
    let noop = Server::noop(room, case.name(), case.route(), &given, options.workers)?;
    let echoed = Asker::connect(noop.listen)?.ask(first)?;
    answer
        .expect_same(&echoed)
        .context("the no-op answers differently")?;
    Ok((answer, noop))
}

/// Measures all cells in rounds; one round more goes before and is not counted.
///
/// A cell with a bad window is marked as failed and left out from then on.
pub(crate) fn rotate(cells: &mut [Cell], sessile: &Server, options: &Options) {
    for round in 0..=options.rounds {
        for cell in cells.iter_mut().filter(|cell| cell.failure.is_none()) {
            match cell.round(sessile, options.window_seconds, round % 2 == 0) {
                Ok(measured) if round > 0 => cell.rounds.push(measured),
                Ok(_) => {}
                Err(error) => {
                    eprintln!("ceiling: {}: {error:#}", cell.case.name());
                    cell.failure = Some(format!("{error:#}"));
                }
            }
        }
        eprintln!(
            "ceiling: round {round} of {}{}",
            options.rounds,
            if round == 0 { " (not counted)" } else { "" }
        );
    }
}

impl Cell {
    /// One window on each of the two servers.
    fn round(&self, sessile: &Server, seconds: u64, sessile_first: bool) -> Result<Round> {
        let noop = self.noop.as_deref().context("no no-op")?;
        let on_sessile = || self.window(sessile, seconds).context("sessile");
        let on_noop = || self.window(noop, seconds).context("no-op");
        if sessile_first {
            let sessile = on_sessile()?;
            Ok(Round {
                sessile,
                noop: on_noop()?,
            })
        } else {
            let noop = on_noop()?;
            Ok(Round {
                sessile: on_sessile()?,
                noop,
            })
        }
    }

    fn window(&self, server: &Server, seconds: u64) -> Result<Sample> {
        let load = self.load.as_ref().context("no load")?;
        Sample::of(&[server], || {
            load.apply(server.listen, seconds, self.answer_bytes)
        })
    }
}

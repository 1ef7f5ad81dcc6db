//! `sessile bench`: a load generator that ships in the binary, for any deployment of it.
//!
//! It opens what it needs through administration, asks over raw sockets, judges every answer, and says how long answers
//! took from the instant at which their requests were due, whatever became of those before: a server that stalls is not
//! asked less, and its stall is seen. It is a client like any other: it must never know the engine, the surfaces' code, or
//! the disk.
//!
//! | file | subject |
//! |---|---|
//! | `bounds` | what may be asked of it: every run has an end that is said before |
//! | `target`, `wire`, `poll` | where a listener is, connections as bytes, waiting for them |
//! | `schedule`, `plan`, `lane` | when which request is due |
//! | `ask`, `requests`, `reply` | requests byte for byte, answers, and how they are judged |
//! | `seed`, `scenario` | accounts and sessions, and what each scenario does with them |
//! | `line`, `worker`, `engine` | one connection, one thread, one run |
//! | `tally`, `report`, `table`, `page`, `progress` | counts, and how they are shown |
//! | `plot/` | curves as SVG; for `benches/`, too |
//!
//! Invariants: every request that was due is told of, as sent or unsent, and as answered, failed or unanswered; nothing but
//! loopback is loaded unless the caller says so; what was made on a node is deleted. Source: docs/BENCH.md.

mod ask;
mod bounds;
mod engine;
mod lane;
mod line;
mod page;
mod plan;
pub mod plot;
mod poll;
mod progress;
mod reply;
mod report;
mod requests;
mod scenario;
mod schedule;
mod seed;
mod table;
mod tally;
mod target;
mod wire;
mod worker;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use self::engine::Limit;
use self::plan::Plan;
use self::report::{Bound, Report, Seeded, Setting};
use self::scenario::{Play, Stage};
use self::seed::Seeds;
use self::target::Target;
use crate::cli::bench::BenchArguments;
use crate::cli::client::AdminClient;
use crate::clock::{monotonic_ns, wall};

/// What a run showed, as far as an exit code can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every request that was due was sent and rightly answered.
    Right,
    /// Some were not: how many of how many.
    Wrong(String),
}

/// Runs a scenario, prints and writes its figures.
///
/// Errors: the arguments are out of bounds, a listener is not to be loaded or does not answer, the node refuses to make
/// what is needed, this program cannot keep the rate, or a file cannot be written.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<Verdict> {
    let scenario = &arguments.scenario;
    let load = scenario.load();
    bounds::check(scenario)?;
    let admin = AdminClient::find(load.node.clone())?;
    // A stranger's administration is not to be filled with accounts, either.
    Target::parse(
        admin.url(),
        load.node.admin_ca.as_deref(),
        load.allow_remote,
    )?;
    let url = match &load.url {
        Some(url) => url.clone(),
        None => AdminClient::development_url()?,
    };
    let public = Target::parse(&url, load.ca.as_deref(), load.allow_remote)?;
    public.answers()?;
    let public = Arc::new(public);

    let began = monotonic_ns();
    let mut seeds = Seeds::new(&admin, &load.name, load.keep);
    let mut stage = Stage {
        scenario,
        public,
        admin: &admin,
        seeds: &mut seeds,
    };
    let play = stage.set()?;
    let took_s = (monotonic_ns() - began) as f64 / 1e9;
    let bound = bound(&play);
    say(&format!(
        "{}: at most {} requests in {:.1} s; {} sessions opened in {took_s:.1} s",
        scenario.name(),
        bound.requests,
        bound.seconds,
        play.sessions
    ));
    warm_up(&play, load.warmup)?;
    let setting = Setting {
        scenario: scenario.name(),
        began_at: jiff::Timestamp::from_millisecond(i64::try_from(wall().ms())?)?.to_string(),
        url,
        surface: format!("{:?}", load.surface).to_ascii_lowercase(),
        warmup_s: if play.warm {
            load.warmup.as_secs_f64()
        } else {
            0.0
        },
        seeded: Seeded {
            sessions: play.sessions,
            accounts: seeds.accounts.len(),
            took_s,
        },
        bound,
    };
    let plan = &play.plan;
    let tally = engine::run(plan, scenario.name())?;
    let epilogue = match &play.epilogue {
        Some(plan) => Some((plan, engine::run(plan, "afterwards")?)),
        None => None,
    };
    let limit = engine::limit(plan, &tally);
    let epilogue = epilogue.as_ref().map(|(plan, tally)| (*plan, tally));
    let report = Report::new(setting, (plan, &tally), epilogue, limit);
    if let Err(error) = seeds.clear() {
        say(&format!("some of what was made is left behind: {error:#}"));
    }
    show(&report, limit, load.json.as_deref(), load.plot.as_deref())?;
    let totals = &report.totals;
    Ok(if totals.are_right() {
        Verdict::Right
    } else {
        Verdict::Wrong(format!(
            "{} of {} requests were not rightly answered: {} failed, {} unanswered, {} unsent",
            totals.due - totals.answered,
            totals.due,
            totals.failed,
            totals.unanswered,
            totals.unsent
        ))
    })
}

/// What the run is bound to.
fn bound(play: &Play) -> Bound {
    let plans = || {
        [Some(&play.plan), play.epilogue.as_ref()]
            .into_iter()
            .flatten()
    };
    let ns = |plan: &Plan| plan.duration_ns + plan.timeout_ns;
    Bound {
        requests: plans().map(Plan::bound).sum(),
        seconds: plans().map(ns).sum::<u64>() as f64 / 1e9,
    }
}

/// Does the same without counting it, and stops there if this program cannot keep the rate.
fn warm_up(play: &Play, lasts: std::time::Duration) -> anyhow::Result<()> {
    let lasts_ns = u64::try_from(lasts.as_nanos()).unwrap_or(u64::MAX);
    if !play.warm || lasts_ns == 0 {
        return Ok(());
    }
    let warm = play.plan.lasting(lasts_ns);
    let tally = engine::run(&warm, "warm-up")?;
    if engine::limit(&warm, &tally) == Limit::Generator {
        let lag = &tally.sending.lag.0;
        bail!(
            "this program cannot keep the rate here: in the middle it noticed requests {:.1} ms late, and its threads were {} % busy; lower --rate, say more --threads, or run it on another machine",
            lag.value_at_quantile(0.5) as f64 / 1e3,
            busiest(&tally.sending.busy)
        );
    }
    Ok(())
}

fn busiest(busy: &[f64]) -> u64 {
    let most = busy.iter().copied().fold(0.0, f64::max);
    schedule::whole(most * 100.0)
}

#[expect(clippy::print_stdout, reason = "the figures are what was asked for")]
fn show(
    report: &Report,
    limit: Limit,
    json: Option<&Path>,
    plot: Option<&Path>,
) -> anyhow::Result<()> {
    let figures = serde_json::to_string_pretty(report)?;
    match json {
        Some(path) if path.as_os_str() == "-" => println!("{figures}"),
        Some(path) => {
            write(path, &figures)?;
            println!("{}", table::text(report, limit));
        }
        None => println!("{}", table::text(report, limit)),
    }
    if let Some(path) = plot {
        write(path, &page::page(report)?)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

/// For people, beside the figures.
#[expect(
    clippy::print_stderr,
    reason = "standard output is for the figures alone"
)]
fn say(line: &str) {
    eprintln!("sessile bench: {line}");
}

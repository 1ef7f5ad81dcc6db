//! Figures against goals, as rows of a table that can be put into docs/BENCHMARKS.md as they are.
//!
//! What was not run has a row that says why: a goal is never left out silently.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;

use super::machine::Machine;
use super::stats::Spread;
use super::wrk;

/// One goal, what was found, and whether that is enough.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    goal: &'static str,
    what: String,
    wanted: String,
    found: String,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    NotRun,
    /// A figure that no goal is about.
    None,
}

impl Row {
    /// A figure that is to be at least so much; `unit` follows the numbers.
    pub(crate) fn at_least(
        goal: &'static str,
        what: impl Into<String>,
        found: f64,
        bound: f64,
        unit: &str,
    ) -> Self {
        let (wanted, found_text) = (format!("≥ {}{unit}", short(bound)), short(found) + unit);
        Self::judged(goal, what, wanted, found_text, found >= bound)
    }

    /// A figure that is to be at most so much.
    pub(crate) fn at_most(
        goal: &'static str,
        what: impl Into<String>,
        found: f64,
        bound: f64,
        unit: &str,
    ) -> Self {
        let (wanted, found_text) = (format!("≤ {}{unit}", short(bound)), short(found) + unit);
        Self::judged(goal, what, wanted, found_text, found <= bound)
    }

    /// Ratios inside rounds, whose median is to be at least so much.
    pub(crate) fn ratio_at_least(
        goal: &'static str,
        what: impl Into<String>,
        found: Spread,
        bound: f64,
    ) -> Self {
        let met = found.median >= bound;
        Self::judged(goal, what, format!("≥ {bound}"), found.to_string(), met)
    }

    /// Ratios inside rounds, whose median is to be at most so much.
    pub(crate) fn ratio_at_most(
        goal: &'static str,
        what: impl Into<String>,
        found: Spread,
        bound: f64,
    ) -> Self {
        let met = found.median <= bound;
        Self::judged(goal, what, format!("≤ {bound}"), found.to_string(), met)
    }

    fn judged(
        goal: &'static str,
        what: impl Into<String>,
        wanted: String,
        found: String,
        met: bool,
    ) -> Self {
        Self {
            goal,
            what: what.into(),
            wanted,
            found,
            verdict: if met { Verdict::Met } else { Verdict::Missed },
        }
    }

    /// A figure beside the goal.
    pub(crate) fn beside(
        goal: &'static str,
        what: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::unjudged(goal, what.into(), found.into(), Verdict::None)
    }

    /// A goal about which nothing was found, and why.
    pub(crate) fn not_run(
        goal: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::unjudged(goal, what.into(), why.into(), Verdict::NotRun)
    }

    fn unjudged(goal: &'static str, what: String, found: String, verdict: Verdict) -> Self {
        Self {
            goal,
            what,
            wanted: "–".to_owned(),
            found,
            verdict,
        }
    }

    /// Whether the goal was missed.
    pub(crate) fn is_missed(&self) -> bool {
        self.verdict == Verdict::Missed
    }
}

/// Measures what the command line asks for, and prints the table: the whole of a bench whose name is `bench`.
///
/// Exit codes: 0 measured, whatever was met; 1 something failed; 2 bad arguments or no `wrk`.
pub(crate) fn measure<T>(
    bench: &str,
    usage: &str,
    parse: impl FnOnce(&[String]) -> Option<T>,
    run: impl FnOnce(T) -> Result<Vec<Row>>,
) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("{bench}: nothing measured; run `cargo bench --bench {bench}`");
        return ExitCode::SUCCESS;
    }
    let Some(asked) = parse(&arguments) else {
        eprintln!("{bench}: {usage}");
        return ExitCode::from(2);
    };
    if !wrk::is_installed() {
        eprintln!("{bench}: wrk is missing: apt-get install wrk");
        return ExitCode::from(2);
    }
    println!("{}", Machine::read(bench));
    match run(asked) {
        Ok(rows) => {
            println!("\n{}", table(&rows));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{bench}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The table, in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut out =
        String::from("| goal | what | wanted | found | verdict |\n|---|---|---|---|---|\n");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NotRun => "not run",
            Verdict::None => "–",
        };
        let Row {
            goal,
            what,
            wanted,
            found,
            ..
        } = row;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {goal} | {what} | {wanted} | {found} | {verdict} |");
    }
    out
}

/// Few digits: more than were measured say nothing.
pub(crate) fn short(figure: f64) -> String {
    let size = figure.abs();
    if size >= 100.0 {
        grouped(figure)
    } else if size >= 10.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.3}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    }
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left.is_multiple_of(3) && !out.ends_with('-') {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

//! What came of a run, for people.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};

use super::engine::Limit;
use super::report::{OpReport, Report, Spread};

/// The whole text: what was done, a row for each kind of request, and what to think of it.
pub(super) fn text(report: &Report, limit: Limit) -> String {
    let mut out = format!(
        "{} on {} ({}), {} s",
        report.scenario, report.url, report.surface, report.duration_s
    );
    let streams = report.streams.iter().map(|stream| match stream.rate {
        Some(rate) => format!("{}: {rate} a second", stream.name),
        None => format!("{}: as fast as it goes", stream.name),
    });
    let _ = writeln!(out, "; {}", streams.collect::<Vec<_>>().join(", "));
    let _ = writeln!(out, "{}", counts(&report.operations));
    let _ = writeln!(out, "\nlatency in ms, from when a request was due");
    let _ = writeln!(out, "{}", latencies(&report.operations));
    for op in &report.operations {
        for failure in &op.failures {
            let status = failure.status.map(|status| format!(" {status}"));
            let _ = writeln!(
                out,
                "failed: {} {} × {}{}",
                op.name,
                failure.count,
                failure.kind,
                status.unwrap_or_default()
            );
        }
        if op.items > 1 {
            let _ = writeln!(
                out,
                "{}: {} sessions a second, {} with each answer",
                op.name,
                whole(op.rate * f64::from(op.items)),
                op.items
            );
        }
    }
    let sending = &report.sending;
    let busy = sending
        .busy
        .iter()
        .map(|busy| format!("{:.0} %", busy * 100.0));
    let _ = write!(
        out,
        "\nthis program: {} busy, noticed requests {} ms late (p50), {} (p99), {} (max); ",
        busy.collect::<Vec<_>>().join(" and "),
        ms(sending.lag.p50_us),
        ms(sending.lag.p99_us),
        ms(sending.lag.max_us)
    );
    let waited = &sending.waited_for_connection;
    let _ = writeln!(
        out,
        "{} waited for a connection, up to {} ms; {} connections, {} refused",
        waited.count,
        ms(waited.max_us),
        sending.connected,
        sending.refused
    );
    let _ = write!(out, "{}", limit.text());
    let slowest = report.operations.iter().map(|op| op.latency.p99_us).max();
    if sending.lag.p99_us * 2 > slowest.unwrap_or(0) {
        let _ = write!(
            out,
            "; half of the p99 and more may be this machine's: this program was late itself"
        );
    }
    out
}

fn counts(operations: &[OpReport]) -> Table {
    let mut table = table(&[
        "",
        "due",
        "unsent",
        "sent",
        "answered",
        "failed",
        "unanswered",
        "answered/s",
    ]);
    for op in operations {
        let totals = &op.totals;
        let mut row = vec![op.name.to_owned()];
        let counted = [
            totals.due,
            totals.unsent,
            totals.sent,
            totals.answered,
            totals.failed,
            totals.unanswered,
        ];
        row.extend(counted.map(|count| count.to_string()));
        row.push(whole(op.rate));
        table.add_row(row);
    }
    table
}

fn latencies(operations: &[OpReport]) -> Table {
    let mut table = table(&["", "count", "p50", "p90", "p99", "p99.9", "p99.99", "max"]);
    for op in operations {
        table.add_row(spread(op.name, &op.latency));
        let outcomes = op.outcomes.iter().filter(|_| op.outcomes.len() > 1);
        for outcome in outcomes.filter(|outcome| outcome.count > 0) {
            table.add_row(spread(&format!("  {}", outcome.name), &outcome.latency));
        }
        let phases = op.phases.iter().filter(|_| op.phases.len() > 1);
        for phase in phases.filter(|phase| phase.latency.count > 0) {
            let name = format!("  {}, from {} s", phase.name, phase.from_s);
            table.add_row(spread(&name, &phase.latency));
        }
    }
    table
}

fn spread(name: &str, spread: &Spread) -> Vec<String> {
    let mut row = vec![name.to_owned(), spread.count.to_string()];
    let times = [
        spread.p50_us,
        spread.p90_us,
        spread.p99_us,
        spread.p999_us,
        spread.p9999_us,
        spread.max_us,
    ];
    row.extend(times.map(ms));
    row
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.to_vec());
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Microseconds in milliseconds.
fn ms(us: u64) -> String {
    format!("{:.3}", us as f64 / 1e3)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

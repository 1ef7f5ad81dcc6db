//! What came of a run, as curves.

use super::plot::{Bar, Line, Plot, PlotError, svg};
use super::report::{IntervalReport, OpReport, Report};

/// Latency percentiles, rate and latency over time; and what came of requests that may end in several ways.
pub(super) fn page(report: &Report) -> Result<String, PlotError> {
    let ops = &report.operations;
    let title = |what: &str| format!("{} on {}: {what}", report.scenario, report.surface);
    let mut plots = vec![
        Plot::percentiles(
            &title("latency from when a request was due"),
            "ms",
            ops.iter().flat_map(percentiles).collect(),
        )
        .logarithmic(),
        Plot::over_time(
            &title("requests a second"),
            "1/s",
            ops.iter().flat_map(rates).collect(),
        ),
        Plot::over_time(
            &title("latency of requests due in an interval"),
            "ms",
            ops.iter().flat_map(latencies).collect(),
        )
        .logarithmic(),
    ];
    let several = ops.iter().filter(|op| op.outcomes.len() > 1);
    plots.extend(several.map(|op| {
        let bar = |name: &str, count: u64| Bar {
            name: name.to_owned(),
            value: count as f64,
            spread: None,
        };
        let mut bars: Vec<Bar> = op
            .outcomes
            .iter()
            .map(|outcome| bar(outcome.name, outcome.count))
            .collect();
        bars.push(bar("failed", op.totals.failed));
        Plot::bars(
            &title(&format!("what came of {}", op.name)),
            "requests",
            bars,
        )
    }));
    svg(&plots)
}

fn line(name: String, points: Vec<(f64, f64)>) -> Line {
    Line { name, points }
}

fn percentiles(op: &OpReport) -> [Line; 1] {
    // Of so many latencies the longest is the last percentile that says something.
    let last = 100.0 * (1.0 - 1.0 / op.latency.count.max(1) as f64);
    let told = op.percentiles.iter().filter(|(p, _)| *p < last);
    let longest = (last, op.latency.max_us);
    let points = told.chain([&longest]);
    let points = points.map(|(p, us)| (*p, *us as f64 / 1e3)).collect();
    [line(op.name.to_owned(), points)]
}

fn rates(op: &OpReport) -> Vec<Line> {
    let over = |of: fn(&IntervalReport) -> u64| {
        let points = op.over_time.iter();
        let points = points.map(|i| (i.from_s + i.lasts_s / 2.0, of(i) as f64 / i.lasts_s));
        points.collect()
    };
    let mut lines = vec![
        line(format!("{}: due", op.name), over(|i| i.due)),
        line(format!("{}: answered", op.name), over(|i| i.answered)),
    ];
    if op.totals.answered != op.totals.due {
        lines.push(line(format!("{}: failed", op.name), over(|i| i.failed)));
    }
    lines
}

fn latencies(op: &OpReport) -> [Line; 2] {
    let over = |of: fn(&IntervalReport) -> u64| {
        let points = op.over_time.iter().filter(|i| of(i) > 0);
        let points = points.map(|i| (i.from_s + i.lasts_s / 2.0, of(i) as f64 / 1e3));
        points.collect()
    };
    [
        line(format!("{}: p50", op.name), over(|i| i.p50_us)),
        line(format!("{}: p99", op.name), over(|i| i.p99_us)),
    ]
}

//! What came of a run, as JSON. Source: docs/BENCH.md, The figures.
//!
//! Version 1. Members may be added; none changes its meaning. Times are whole microseconds (`…_us`) or seconds with a
//! fraction (`…_s`).

use serde::Serialize;

use super::engine::Limit;
use super::plan::{Op, Pace, Plan, Stream};
use super::tally::{Interval, OpTally, Tally, Times};

/// The version of the format.
const VERSION: u32 = 1;
/// Percentiles of a curve.
const CURVE: [f64; 22] = [
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 97.5, 99.0, 99.5,
    99.75, 99.9, 99.95, 99.99, 99.999, 100.0,
];

/// All figures of a run.
#[derive(Serialize)]
pub(super) struct Report {
    version: u32,
    program: String,
    pub(super) scenario: &'static str,
    began_at: String,
    pub(super) url: String,
    pub(super) surface: String,
    pub(super) duration_s: f64,
    timeout_s: f64,
    warmup_s: f64,
    threads: usize,
    pub(super) bound: Bound,
    /// Sessions and accounts that were made for the run, and how long that took.
    pub(super) seeded: Seeded,
    pub(super) streams: Vec<StreamReport>,
    pub(super) totals: Totals,
    pub(super) operations: Vec<OpReport>,
    pub(super) sending: SendingReport,
}

/// What the run was bound to from the start.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Bound {
    pub(super) requests: u64,
    pub(super) seconds: f64,
}

#[derive(Serialize)]
pub(super) struct Seeded {
    pub(super) sessions: usize,
    pub(super) accounts: usize,
    pub(super) took_s: f64,
}

#[derive(Serialize)]
pub(super) struct StreamReport {
    pub(super) name: &'static str,
    #[serde(rename = "loop")]
    pub(super) kind: &'static str,
    pub(super) rate: Option<f64>,
    from_s: f64,
    connections: usize,
    pipeline: usize,
    renewed_every_s: Option<f64>,
}

/// due = sent + unsent, sent = answered + failed + unanswered.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Totals {
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) unsent: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) unanswered: u64,
}

#[derive(Serialize)]
pub(super) struct OpReport {
    pub(super) name: &'static str,
    #[serde(flatten)]
    pub(super) totals: Totals,
    /// Answers that count, a second.
    pub(super) rate: f64,
    /// Sessions that one answer speaks of.
    pub(super) items: u32,
    pub(super) outcomes: Vec<OutcomeReport>,
    pub(super) failures: Vec<FailureReport>,
    /// From when a request was due; what was given up counts as long as it waited.
    pub(super) latency: Spread,
    /// From when it was sent.
    pub(super) service: Spread,
    /// Percentile and microseconds.
    pub(super) percentiles: Vec<(f64, u64)>,
    /// Microseconds and how many latencies were so long, of those that occurred.
    histogram: Vec<(u64, u64)>,
    pub(super) phases: Vec<PhaseReport>,
    pub(super) over_time: Vec<IntervalReport>,
}

#[derive(Serialize)]
pub(super) struct OutcomeReport {
    pub(super) name: &'static str,
    pub(super) count: u64,
    pub(super) latency: Spread,
}

#[derive(Serialize)]
pub(super) struct FailureReport {
    pub(super) kind: &'static str,
    pub(super) status: Option<u16>,
    pub(super) count: u64,
}

#[derive(Serialize)]
pub(super) struct PhaseReport {
    pub(super) name: &'static str,
    pub(super) from_s: f64,
    pub(super) latency: Spread,
}

/// One interval of time: what was due in it and how long that took; what was answered and failed in it.
#[derive(Serialize)]
pub(super) struct IntervalReport {
    pub(super) from_s: f64,
    pub(super) lasts_s: f64,
    pub(super) due: u64,
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) max_us: u64,
}

#[derive(Clone, Copy, Serialize)]
pub(super) struct Spread {
    pub(super) count: u64,
    pub(super) min_us: u64,
    pub(super) mean_us: f64,
    pub(super) p50_us: u64,
    pub(super) p90_us: u64,
    pub(super) p99_us: u64,
    pub(super) p999_us: u64,
    pub(super) p9999_us: u64,
    pub(super) max_us: u64,
}

/// What this program says of itself.
#[derive(Serialize)]
pub(super) struct SendingReport {
    /// How late it noticed that requests were due.
    pub(super) lag: Spread,
    /// Requests that found no connection free, and how long they waited for one.
    pub(super) waited_for_connection: Spread,
    /// Of each thread, the share of time in which it did not sleep.
    pub(super) busy: Vec<f64>,
    pub(super) connected: u64,
    pub(super) refused: u64,
    pub(super) renewed: u64,
    /// Who kept the rate from being kept: none, generator, connections, closed-loop.
    pub(super) limited_by: &'static str,
}

/// What is known of a run beside its plan.
pub(super) struct Setting {
    pub(super) scenario: &'static str,
    pub(super) began_at: String,
    pub(super) url: String,
    pub(super) surface: String,
    pub(super) warmup_s: f64,
    pub(super) seeded: Seeded,
    pub(super) bound: Bound,
}

impl Report {
    /// Of a plan and what was counted, and of what was asked once the load was over.
    pub(super) fn new(
        setting: Setting,
        (plan, tally): (&Plan, &Tally),
        epilogue: Option<(&Plan, &Tally)>,
        limit: Limit,
    ) -> Self {
        let parts = [Some((plan, tally)), epilogue];
        let operations: Vec<OpReport> = parts
            .into_iter()
            .flatten()
            .flat_map(|(plan, tally)| operations(plan, tally))
            .collect();
        let mut totals = Totals::default();
        operations.iter().for_each(|op| totals.add(&op.totals));
        Self {
            version: VERSION,
            program: concat!("sessile ", env!("CARGO_PKG_VERSION")).into(),
            scenario: setting.scenario,
            began_at: setting.began_at,
            url: setting.url,
            surface: setting.surface,
            duration_s: seconds(plan.duration_ns),
            timeout_s: seconds(plan.timeout_ns),
            warmup_s: setting.warmup_s,
            threads: plan.threads,
            bound: setting.bound,
            seeded: setting.seeded,
            streams: plan.streams.iter().map(StreamReport::new).collect(),
            totals,
            operations,
            sending: SendingReport {
                lag: Spread::of(&tally.sending.lag),
                waited_for_connection: Spread::of(&tally.sending.waited),
                busy: tally.sending.busy.clone(),
                connected: tally.sending.connected,
                refused: tally.sending.refused,
                renewed: tally.sending.renewed,
                limited_by: limit.name(),
            },
        }
    }
}

fn operations(plan: &Plan, tally: &Tally) -> Vec<OpReport> {
    let pairs = plan.ops.iter().zip(&tally.ops);
    let all = pairs.map(|(op, counted)| OpReport::new(op, counted, plan, tally.cut.interval_ns));
    all.filter(|op| op.totals.due > 0).collect()
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.answered += other.answered;
        self.failed += other.failed;
        self.unanswered += other.unanswered;
    }

    /// Whether every request that was due was sent and rightly answered.
    pub(super) fn are_right(&self) -> bool {
        self.answered == self.due
    }
}

impl OpReport {
    fn new(op: &Op, counted: &OpTally, plan: &Plan, interval_ns: u64) -> Self {
        let latency = counted.latency();
        let outcomes = op.outcomes.iter().zip(&counted.outcomes);
        let phases = plan.phases.iter().zip(&counted.phases);
        let curve = CURVE.iter().filter(|_| !latency.0.is_empty());
        let intervals = counted.intervals.iter().zip(0_u32..);
        let mut over_time: Vec<_> = intervals
            .map(|(interval, number)| IntervalReport::new(interval, number, interval_ns))
            .collect();
        while over_time.last().is_some_and(IntervalReport::is_empty) {
            over_time.pop();
        }
        let recorded = latency.0.iter_recorded();
        Self {
            name: op.name,
            totals: Totals {
                due: counted.due,
                sent: counted.sent,
                unsent: counted.unsent,
                answered: counted.answered(),
                failed: counted.failed(),
                unanswered: counted.unanswered,
            },
            rate: counted.answered() as f64 / seconds(plan.duration_ns),
            items: op.items,
            outcomes: outcomes
                .map(|(name, outcome)| OutcomeReport {
                    name,
                    count: outcome.count,
                    latency: Spread::of(&outcome.latency),
                })
                .collect(),
            failures: counted
                .failures
                .iter()
                .map(|(failure, count)| FailureReport {
                    kind: failure.name(),
                    status: failure.status(),
                    count: *count,
                })
                .collect(),
            latency: Spread::of(&latency),
            service: Spread::of(&counted.service),
            percentiles: curve
                .map(|p| (*p, latency.0.value_at_quantile(p / 100.0)))
                .collect(),
            histogram: recorded
                .map(|step| (step.value_iterated_to(), step.count_at_value()))
                .collect(),
            phases: phases
                .map(|(phase, times)| PhaseReport {
                    name: phase.name,
                    from_s: seconds(phase.from_ns),
                    latency: Spread::of(times),
                })
                .collect(),
            over_time,
        }
    }
}

impl StreamReport {
    fn new(stream: &Stream) -> Self {
        let (kind, rate) = match stream.pace {
            Pace::Open { rate } => ("open", Some(rate)),
            Pace::Closed => ("closed", None),
        };
        Self {
            name: stream.name,
            kind,
            rate,
            from_s: seconds(stream.from_ns),
            connections: stream.connections,
            pipeline: stream.depth,
            renewed_every_s: stream.renew_every_ns.map(seconds),
        }
    }
}

impl IntervalReport {
    fn new(interval: &Interval, number: u32, interval_ns: u64) -> Self {
        let lasts_s = seconds(interval_ns);
        let latency = interval.latency.as_ref().map(Spread::of);
        Self {
            from_s: f64::from(number) * lasts_s,
            lasts_s,
            due: interval.due,
            answered: interval.answered,
            failed: interval.failed,
            p50_us: latency.map_or(0, |spread| spread.p50_us),
            p99_us: latency.map_or(0, |spread| spread.p99_us),
            max_us: latency.map_or(0, |spread| spread.max_us),
        }
    }

    fn is_empty(&self) -> bool {
        self.due + self.answered + self.failed == 0
    }
}

impl Spread {
    fn of(times: &Times) -> Self {
        let at = |quantile| times.0.value_at_quantile(quantile);
        let empty = times.0.is_empty();
        Self {
            count: times.0.len(),
            min_us: if empty { 0 } else { times.0.min() },
            mean_us: (times.0.mean() * 10.0).round() / 10.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            p9999_us: at(0.9999),
            max_us: times.0.max(),
        }
    }
}

/// Seconds, to the millisecond.
fn seconds(ns: u64) -> f64 {
    (ns as f64 / 1e6).round() / 1e3
}

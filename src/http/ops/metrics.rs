//! Metrics in the text format of Prometheus. Everything is read when asked for: counting costs the
//! request path nothing that it does not do anyway.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::door::{Engine, Figures};
use crate::edge::counts::Counts;

const TEXT_FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics<E: Engine>(engine: Data<E>, counts: Data<Counts>) -> HttpResponse {
    let figures = engine.figures().get().await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(figures, counts)));
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, TEXT_FORMAT))
            .body(body),
        Err(_) => HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The figures of one moment, and what happened at the public listener.
#[derive(Debug)]
struct Snapshot(Figures, Data<Counts>);

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Figures {
            sessions,
            accounts,
            commands,
            overloaded,
            events,
            memory,
            audit,
            logins,
            delayed,
        } = self.0;
        let mut gauges = vec![
            (
                "sessile_sessions",
                "Sessions in memory, dead ones that were not swept yet included",
                sessions as u64,
            ),
            ("sessile_accounts", "Accounts", accounts as u64),
            (
                "sessile_connections",
                "Connections to the public listener",
                self.1.open() as u64,
            ),
            (
                "sessile_audit_blocked",
                "Whether the disk takes no lines of the audit stream at the moment",
                u64::from(audit.blocked),
            ),
        ];
        let mut counters = vec![
            ("sessile_commands", "Commands decided since start", commands),
            (
                "sessile_commands_overloaded",
                "Commands turned away: full or too old",
                overloaded,
            ),
            (
                "sessile_events_applied",
                "Events applied since start",
                events,
            ),
            (
                "sessile_audit_lines",
                "Lines of the audit stream written since start",
                audit.written,
            ),
            (
                "sessile_audit_dropped",
                "Entries of the audit stream dropped since start: the buffer was full, or the disk failed",
                audit.dropped,
            ),
            (
                "sessile_logins_checked",
                "Logins looked at since start, right or wrong, of accounts or of nobody",
                logins,
            ),
            (
                "sessile_logins_delayed",
                "Logins not looked at since start: too many had failed",
                delayed,
            ),
        ];
        if let Some(memory) = memory {
            gauges.extend([
                (
                    "sessile_memory_resident_bytes",
                    "Memory of the process that is resident",
                    memory.resident_bytes,
                ),
                (
                    "sessile_memory_ceiling_bytes",
                    "What may be resident (limits.memory)",
                    memory.ceiling_bytes,
                ),
                (
                    "sessile_memory_full",
                    "1 while grants are refused because of the ceiling",
                    u64::from(memory.full),
                ),
            ]);
            counters.push((
                "sessile_memory_refused",
                "Grants refused because of the ceiling",
                memory.refused,
            ));
        }
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        for (name, help, value) in counters.into_iter().chain(self.1.totals()) {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

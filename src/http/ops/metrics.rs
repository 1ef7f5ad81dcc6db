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
        } = self.0;
        let gauges = [
            (
                "sessile_sessions",
                "Sessions in memory, dead ones that were not swept yet included",
                sessions,
            ),
            ("sessile_accounts", "Accounts", accounts),
            (
                "sessile_connections",
                "Connections to the public listener",
                self.1.open(),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
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
        ];
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

//! Events to the payload of a record, and back.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use sessile::clock::ManualClock;
use sessile::durability::events::{EVENTS, EventEncoder, events_of};
use sessile::durability::format::InstanceId;
use sessile::durability::journal::Encode;
use sessile::durability::record::{Label, Link, Record};
use sessile::durability::sealing::{Sealer, SealingKey};
use sessile::engine::event::Part;
use sessile::entropy::SystemEntropy;

use crate::{AT, subjects};

/// Events of a record: of one open, and of as many as one call may ask for.
const EVENTS_OF_A_RECORD: [u64; 2] = [1, 256];

pub(crate) fn bench(criterion: &mut Criterion) {
    // Nothing is sealed here.
    let (instance, key) = (InstanceId([1; 16]), SealingKey::new(&[9; 32]));
    let sealer = Arc::new(Sealer::new(instance, key, Arc::new(SystemEntropy)));
    let encoder = EventEncoder {
        sealer: sealer.clone(),
        clock: Arc::new(ManualClock::at_ms(AT.ms())),
    };
    let mut group = criterion.benchmark_group("codec");
    for events in EVENTS_OF_A_RECORD {
        let parts = opens(events);
        group.throughput(Throughput::Elements(events));
        let mut payload = Vec::new();
        group.bench_function(BenchmarkId::new("encode opens", events), |bench| {
            bench.iter(|| {
                payload.clear();
                encoder.encode(black_box(&parts), &mut payload)
            });
        });
        let label = Label {
            kind: EVENTS,
            after_sync: false,
        };
        let record = Record {
            label,
            link: Link::default(),
            before: 0,
            payload: &payload,
        };
        group.bench_function(BenchmarkId::new("decode opens", events), |bench| {
            bench.iter(|| events_of(black_box(&record), &*sealer));
        });
    }
    group.finish();
}

fn opens(count: u64) -> Vec<Part> {
    let (key, grant) = (subjects::install_key(), subjects::grant(AT));
    let open = |n| subjects::opened(subjects::id(&key, n), AT, &grant);
    (0..count).map(open).collect()
}

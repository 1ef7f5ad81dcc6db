//! Framing of records, and their checksum.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use sessile::durability::record::{self, Label, Link};

/// Bytes of a payload: about an open, and a large record.
const PAYLOADS: [usize; 2] = [128, 16 << 10];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log");
    let label = Label {
        kind: 1,
        after_sync: false,
    };
    for bytes in PAYLOADS {
        let payload = vec![7; bytes];
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut framed = Vec::new();
        group.bench_function(BenchmarkId::new("write a record", bytes), |bench| {
            bench.iter(|| {
                framed.clear();
                record::write(&mut framed, label, Link::default(), black_box(&payload))
            });
        });
        group.bench_function(BenchmarkId::new("read a record", bytes), |bench| {
            bench.iter(|| match record::read(black_box(&framed)) {
                record::Read::Complete { record, .. } => record.payload.len(),
                record::Read::Incomplete | record::Read::Corrupt(_) => 0,
            });
        });
    }
    group.finish();
}

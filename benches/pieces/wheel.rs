//! What is due in a slot, and that nothing is: the timing wheel, as a shard looks at it.

use criterion::{BatchSize, Criterion, Throughput};
use sessile::engine::slot::SlotNumber;
use sessile::engine::sweep;
use sessile::session::time::Timestamp;

use crate::{AT, engine, subjects};

/// Sessions of the world that expire at one instant; a slot has one in 4,096 of them.
const EXPIRING: u64 = 1_000_000;
/// What a shard takes from a slot at once.
const AT_MOST: usize = 4_096;
/// When all of them are over.
const OVER: Timestamp = AT.plus_ms(subjects::LIFE_MS);

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wheel");
    let slots: Vec<_> = SlotNumber::from(0).collect();
    let count = slots.len() as u64;
    let world = engine::world(EXPIRING);
    let mut seconds = 0;
    group.throughput(Throughput::Elements(count));
    group.bench_function("a tick of all slots, nothing due", |bench| {
        bench.iter(|| {
            // Far fewer than they live for.
            seconds += 1;
            let now = AT.plus_ms(seconds * 1_000);
            let looked = |slot: &SlotNumber| sweep::due(&world, *slot, now, AT_MOST).looked;
            slots.iter().map(looked).sum::<usize>()
        });
    });
    group.throughput(Throughput::Elements(EXPIRING / 10));
    group.sample_size(10);
    group.bench_function("a hundred thousand sessions end", |bench| {
        let full = || engine::world(EXPIRING / 10);
        bench.iter_batched_ref(
            full,
            |world| {
                let mut ended = 0;
                for slot in &slots {
                    for part in sweep::due(world, *slot, OVER, AT_MOST).parts {
                        world.apply(&part, None);
                        ended += 1;
                    }
                }
                ended
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

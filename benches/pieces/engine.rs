//! Deciding and applying an open; looking a session up among a million.

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use sessile::engine::command::{Command, Open};
use sessile::engine::facts::decide_in_slot;
use sessile::engine::world::World;
use sessile::session::activity::Touch;
use sessile::session::id::SessionId;
use sessile::session::policy::WhenFull;

use crate::{AT, subjects};

/// Sessions that are looked up, in no order.
const SESSIONS: u64 = 1_000_000;

/// A world with the owner and so many of his sessions.
pub(crate) fn world(sessions: u64) -> World {
    let key = subjects::install_key();
    let world = World::new(subjects::install_key());
    if let Some(owner) = subjects::owner(AT) {
        world.apply(&owner, None);
    }
    let grant = subjects::grant(AT);
    for n in 0..sessions {
        let opened = subjects::opened(subjects::id(&key, n), AT, &grant);
        world.apply(&opened, None);
    }
    world
}

fn open(id: SessionId) -> Command {
    Command::Open(Open {
        ids: vec![id],
        grant: subjects::grant(AT),
        per_account: None,
        when_full: WhenFull::Deny,
        otp_step: None,
    })
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let key = subjects::install_key();
    let mut group = criterion.benchmark_group("engine");
    let empty = world(0);
    let mut next = 0;
    group.bench_function("open: decide", |bench| {
        let command = open(subjects::id(&key, 0));
        bench.iter(|| decide_in_slot(&empty, black_box(&command), AT));
    });
    group.bench_function("open: decide and apply", |bench| {
        let fresh = || {
            next += 1;
            open(subjects::id(&key, next))
        };
        let run = |command: Command| {
            if let Ok(decision) = decide_in_slot(&empty, &command, AT) {
                for part in &decision.parts {
                    empty.apply(part, None);
                }
            }
        };
        bench.iter_batched(fresh, run, BatchSize::SmallInput);
    });
    let full = world(SESSIONS);
    let now = AT.plus_ms(1_000);
    let verify = |id, touch| full.with_session(id, now, touch, |view| view.map(|v| v.account_id()));
    let mut drawn = Drawn::new();
    group.bench_function("verify: look-up among a million", |bench| {
        let ids = || subjects::id(&key, drawn.next());
        bench.iter_batched(ids, |id| verify(id, Touch::No), BatchSize::SmallInput);
    });
    group.bench_function("verify: the same, touching", |bench| {
        let ids = || subjects::id(&key, drawn.next());
        bench.iter_batched(ids, |id| verify(id, Touch::Yes), BatchSize::SmallInput);
    });
    for (name, approaches) in [("one by one", false), ("together", true)] {
        group.bench_function(format!("verify: eight, {name}"), |bench| {
            let ids = || [(); 8].map(|()| subjects::id(&key, drawn.next()));
            let look = |ids: [SessionId; 8]| {
                if approaches {
                    ids.iter().for_each(|id| full.approach(*id));
                    ids.iter().for_each(|id| full.fetch(*id));
                }
                ids.map(|id| verify(id, Touch::Yes))
            };
            bench.iter_batched(ids, look, BatchSize::LargeInput);
        });
    }
    group.bench_function("verify: digest of a secret", |bench| {
        let secret = [b'a'; 32];
        bench.iter(|| key.session_id(black_box(&secret)));
    });
    group.finish();
}

/// Numbers of sessions in no order, the same in every run (xorshift).
struct Drawn(u64);

impl Drawn {
    fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % SESSIONS
    }
}

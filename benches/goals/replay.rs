//! Recovery from the log alone, without an image (G13): the library's own, on a directory that its own log wrote.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sessile::clock::{self, SystemClock};
use sessile::durability::directory::DataDirectory;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKey;
use sessile::durability::storage::SharedStorage;
use sessile::durability::storage::os::OsStorage;
use sessile::durability::store::{Found, StoreSettings};
use sessile::engine::command::OPEN_BATCH_MAX;
use sessile::engine::event::{Part, SlotEvent};
use sessile::entropy::{SharedEntropy, SystemEntropy};
use sessile::journal::{Entry, SharedJournal};
use sessile::session::state::EndReason;

use crate::common::goals::Row;
use crate::common::stats::Spread;
use crate::common::subjects;
use crate::{Size, room};

/// Replays of each log.
const REPLAYS: usize = 3;
/// How long the log may take to take more.
const WITHIN: Duration = Duration::from_secs(60);

/// A record, and the count of those that are written.
struct Told {
    parts: Vec<Part>,
    written: Arc<AtomicU64>,
}

impl Entry for Told {
    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn durable(self: Arc<Self>, _: u64) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    fn refused(self: Arc<Self>) {}
}

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let sessions = size.count(2_000_000);
    let mut rows = Vec::new();
    for (what, per_record) in [
        ("replay of the log alone, one event a record, a second", 1),
        ("the same, as many a record as one open has", OPEN_BATCH_MAX),
    ] {
        let own = room.path().join(per_record.to_string());
        let events = write(&own, sessions, per_record)?;
        let mut took = Vec::new();
        for _ in 0..size.rounds(REPLAYS) {
            took.push(replay(&own, events)?);
        }
        let rate = Spread::of(took.iter().map(|seconds| events as f64 / seconds));
        let rate = rate.context("no replays")?;
        eprintln!("{what}: {events} events, {rate} a second");
        rows.push(Row::at_least("G13", what, rate.median, 2.5e6, ""));
    }
    Ok(rows)
}

fn settings() -> StoreSettings {
    StoreSettings {
        log: LogSettings::new(Mode::Balanced),
        development: false,
        accept_clock: false,
        revive: false,
        rows: 2,
    }
}

fn found(own: &Path) -> Result<Found> {
    let storage: SharedStorage = Arc::new(OsStorage::open(own)?);
    let entropy: SharedEntropy = Arc::new(SystemEntropy);
    Ok(Found::read(
        storage,
        &settings(),
        // Nothing is sealed here.
        SealingKey::new(&[9; 32]),
        entropy,
        clock::wall(),
        &Progress::default(),
    )?)
}

/// Opens so many sessions and ends every second one, so many events a record. Gives how many events there are.
fn write(own: &Path, sessions: u64, per_record: usize) -> Result<u64> {
    let _lock = DataDirectory::open(own)?;
    let at = clock::wall();
    let clock = Arc::new(SystemClock::start(at));
    let on_failure = Box::new(|why| eprintln!("the log failed: {why}"));
    let (store, _) = found(own)?.serve(&settings(), clock, on_failure)?;
    let written = Arc::new(AtomicU64::new(0));
    let mut writer = Writer {
        journal: store.journal(),
        written: written.clone(),
        records: 0,
        events: 0,
    };
    let key = subjects::install_key();
    let grant = subjects::grant(at);
    writer.tell(vec![subjects::owner(at).context("no account")?])?;
    let opens = (0..sessions).map(|n| subjects::opened(subjects::id(&key, n), at, &grant));
    writer.tell_all(opens, per_record)?;
    let ends = (0..sessions).step_by(2).map(|n| {
        let id = subjects::id(&key, n);
        Part::session(id, SlotEvent::SessionEnded(id, at, EndReason::Logout))
    });
    writer.tell_all(ends, per_record)?;
    writer.wait_for(writer.records)?;
    store.close();
    Ok(writer.events)
}

struct Writer {
    journal: SharedJournal,
    written: Arc<AtomicU64>,
    records: u64,
    events: u64,
}

impl Writer {
    fn tell_all(&mut self, parts: impl Iterator<Item = Part>, per_record: usize) -> Result<()> {
        let mut parts = parts.peekable();
        while parts.peek().is_some() {
            self.tell(parts.by_ref().take(per_record).collect())?;
        }
        Ok(())
    }

    fn tell(&mut self, parts: Vec<Part>) -> Result<()> {
        self.events += u64::try_from(parts.len())?;
        let told = Arc::new(Told {
            parts,
            written: self.written.clone(),
        });
        // It refuses while too much waits for the disk.
        while self.journal.append(told.clone()).is_err() {
            self.wait_for(self.records)?;
        }
        self.records += 1;
        Ok(())
    }

    fn wait_for(&self, records: u64) -> Result<()> {
        let began = Instant::now();
        while self.written.load(Ordering::Relaxed) < records {
            ensure!(began.elapsed() < WITHIN, "the log does not go on");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

/// Seconds from a directory to the state.
fn replay(own: &Path, events: u64) -> Result<f64> {
    let _lock = DataDirectory::open(own)?;
    let began = Instant::now();
    let found = found(own)?;
    let took = began.elapsed().as_secs_f64();
    let recovered = &found.recovered;
    ensure!(recovered.generation.is_none(), "there is an image");
    ensure!(recovered.log.cut.is_none(), "the log is torn");
    let left = u64::try_from(recovered.state.world.session_count())?;
    // Two opens and one end make one session that is left.
    ensure!(
        left.abs_diff(events / 3) <= 1,
        "{left} sessions of {events} events"
    );
    Ok(took)
}

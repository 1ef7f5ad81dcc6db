//! A log on a faulty disk, driven by hand, and a note of everything it promised.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use sessile::clock::ManualClock;
use sessile::durability::format::{InstanceId, Origin};
use sessile::durability::log::{Class, Log, LogSettings, LogWriter, Mode, begin};
use sessile::durability::manifest::Manifest;
use sessile::durability::reading::{LogError, LogReport, read_log};
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::durability::storage::{SharedStorage, Storage};
use sessile::engine::event::Part;
use sessile::journal::Entry;
use sessile::session::time::Timestamp;

pub(crate) const ORIGIN: Origin = Origin {
    instance: InstanceId([7; 16]),
    codec: 1,
};
pub(crate) const KIND: u8 = 1;

/// Small, so that a short script changes segments.
pub(crate) fn settings(mode: Mode) -> LogSettings {
    LogSettings {
        mode,
        segment_bytes: 3 << 10,
        room_bytes: 1 << 10,
        reserve_bytes: 4 << 10,
        buffer_bytes: 64 << 10,
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest::new(
        ORIGIN.instance,
        [9; 32],
        vec![3; 36],
        false,
        Timestamp::from_ms(1),
    )
}

/// The bytes of record `number`: itself, and so many more that lengths differ.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    let len = usize::try_from(number * 37 % 150).unwrap();
    payload.resize(8 + len, u8::try_from(number % 251).unwrap());
    payload
}

fn number_of(bytes: &[u8]) -> u64 {
    let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(bytes, payload(number), "a payload is not what was appended");
    number
}

/// How a promise is noted in the history of the disk.
pub(crate) const SURVIVES_POWER: u64 = 0;
pub(crate) const SURVIVES_PROCESS: u64 = 1;

/// What became of the records, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    /// Sequence, and which loss it survives.
    pub(crate) durable: BTreeMap<u64, (u64, u64)>,
    /// Numbers in the order in which they were reported.
    pub(crate) order: Vec<u64>,
    pub(crate) refused: Vec<u64>,
}

pub(crate) type SharedFates = Arc<Mutex<Fates>>;

struct Waiter {
    number: u64,
    /// `None`: this mode promises nothing.
    survives: Option<u64>,
    fates: SharedFates,
    storage: FaultyStorage,
}

impl Entry for Waiter {
    fn parts(&self) -> &[Part] {
        &[]
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        let mut fates = self.fates.lock();
        fates.order.push(self.number);
        let Some(survives) = self.survives else {
            return;
        };
        let again = fates.durable.insert(self.number, (sequence, survives));
        assert_eq!(again, None, "{} was reported twice", self.number);
        self.storage.mark(self.number * 2 + survives);
    }

    fn refused(self: Arc<Self>) {
        let mut fates = self.fates.lock();
        assert!(!fates.durable.contains_key(&self.number));
        fates.refused.push(self.number);
    }
}

/// A log that is driven by hand.
pub(crate) struct Rig {
    pub(crate) storage: FaultyStorage,
    pub(crate) log: Log,
    pub(crate) writer: LogWriter,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) fates: SharedFates,
    pub(crate) failures: Arc<AtomicU64>,
    mode: Mode,
}

/// A disk with an empty log on it.
pub(crate) fn fresh() -> FaultyStorage {
    let storage = FaultyStorage::new();
    begin(&storage, ORIGIN, settings(Mode::Sync).room_bytes).unwrap();
    manifest().store(&storage).unwrap();
    storage
}

/// Reads everything from `from` on: sequence and number of each record.
pub(crate) fn read_from(
    storage: &dyn Storage,
    from: u64,
) -> Result<(Vec<(u64, u64)>, LogReport), LogError> {
    let mut records = Vec::new();
    let report = read_log(storage, ORIGIN, from, |record| {
        records.push((record.link.sequence, number_of(record.payload)));
        Ok(())
    })?;
    Ok((records, report))
}

pub(crate) fn read(storage: &dyn Storage) -> (Vec<u64>, LogReport) {
    let (records, report) = read_from(storage, 1).unwrap();
    (
        records.into_iter().map(|(_, number)| number).collect(),
        report,
    )
}

impl Rig {
    /// Goes on with the log on this disk.
    pub(crate) fn open(storage: &FaultyStorage, mode: Mode) -> Result<Self, LogError> {
        let fates = SharedFates::default();
        let (_, report) = read_from(storage, 1)?;
        Self::go_on(storage, mode, &report, fates)
    }

    pub(crate) fn go_on(
        storage: &FaultyStorage,
        mode: Mode,
        report: &LogReport,
        fates: SharedFates,
    ) -> Result<Self, LogError> {
        Self::with(storage, settings(mode), report, fates)
    }

    pub(crate) fn with(
        storage: &FaultyStorage,
        settings: LogSettings,
        report: &LogReport,
        fates: SharedFates,
    ) -> Result<Self, LogError> {
        let clock = Arc::new(ManualClock::at_ms(1_000));
        let failures = Arc::new(AtomicU64::new(0));
        let told = failures.clone();
        let (log, writer) = Log::open(
            Arc::new(storage.clone()) as SharedStorage,
            ORIGIN,
            settings,
            clock.clone(),
            &report.end,
            Box::new(move |_| {
                told.fetch_add(1, Ordering::SeqCst);
            }),
        )?;
        Ok(Self {
            storage: storage.clone(),
            log,
            writer,
            clock,
            fates,
            failures,
            mode: settings.mode,
        })
    }

    /// Appends record `number`; false if it was refused at once.
    pub(crate) fn append(&self, number: u64, class: Class) -> bool {
        let strict = class.restriction || class.always;
        let survives = match self.mode {
            Mode::Sync => Some(SURVIVES_POWER),
            Mode::Balanced if strict => Some(SURVIVES_POWER),
            Mode::Balanced => Some(SURVIVES_PROCESS),
            Mode::Snapshot => class.always.then_some(SURVIVES_POWER),
        };
        let waiter = Waiter {
            number,
            survives,
            fates: self.fates.clone(),
            storage: self.storage.clone(),
        };
        let payload = payload(number);
        self.log
            .append(KIND, class, &payload, Arc::new(waiter))
            .is_ok()
    }

    /// Appends these and writes them as one batch.
    pub(crate) fn batch(&mut self, numbers: impl IntoIterator<Item = u64>, class: Class) {
        for number in numbers {
            assert!(self.append(number, class), "{number}");
        }
        self.writer.turn(false);
    }

    pub(crate) fn durable(&self) -> Vec<u64> {
        self.fates.lock().order.clone()
    }
}

//! The journal port over the log. What a record's bytes mean is the encoder's business.

use std::cell::RefCell;
use std::sync::Arc;

use super::log::{Class, Log};
use crate::engine::event::Part;
use crate::journal::{Entry, Journal, JournalRefused, Stake};

/// Turns what happened into the payload of a record.
pub trait Encode: Send + Sync + 'static {
    /// The kind of record that is written; not 0.
    fn kind(&self) -> u8;
    /// Appends the payload to `out`, which is empty and reused. What cannot be encoded is refused.
    fn encode(&self, parts: &[Part], out: &mut Vec<u8>) -> Result<(), JournalRefused>;
    /// What the record is to the log: by its parts, whether it gives or takes.
    fn class(&self, parts: &[Part]) -> Class;
}

/// A payload's buffer longer than this is given back after use.
const SCRATCH_BYTES_MAX: usize = 64 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A journal that is a log on disk.
pub struct LogJournal<E> {
    log: Arc<Log>,
    encode: E,
}

impl<E: Encode> LogJournal<E> {
    /// The journal that writes to this log.
    pub fn new(log: Arc<Log>, encode: E) -> Self {
        Self { log, encode }
    }
}

impl<E: Encode> Journal for LogJournal<E> {
    fn append(&self, entry: Arc<dyn Entry>) -> Result<(), JournalRefused> {
        // Encoded before the log's lock is taken, into a buffer of this thread's own.
        let mut payload = SCRATCH.take();
        payload.clear();
        self.encode.encode(entry.parts(), &mut payload)?;
        let by_parts = self.encode.class(entry.parts());
        let class = match entry.stake() {
            Stake::Parts => by_parts,
            Stake::Grant => Class {
                room: false,
                ..by_parts
            },
            // Not to be synced for, and not worth the last room on a disk.
            Stake::Upkeep => Class {
                restriction: false,
                room: false,
                ..by_parts
            },
            Stake::Everything => Class::LASTING,
        };
        let appended = self.log.append(self.encode.kind(), class, &payload, entry);
        if payload.capacity() <= SCRATCH_BYTES_MAX {
            SCRATCH.set(payload);
        }
        appended
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::clock::ManualClock;
    use crate::durability::format::{InstanceId, Origin};
    use crate::durability::log::{LogSettings, Mode, begin};
    use crate::durability::reading::read_log;
    use crate::durability::storage::faulty::FaultyStorage;

    /// Says how many parts there are, and nothing of them.
    struct Counts;

    impl Encode for Counts {
        fn kind(&self) -> u8 {
            3
        }

        fn encode(&self, parts: &[Part], out: &mut Vec<u8>) -> Result<(), JournalRefused> {
            assert!(out.is_empty());
            out.extend_from_slice(&parts.len().to_le_bytes());
            Ok(())
        }

        fn class(&self, _: &[Part]) -> Class {
            Class::GRANT
        }
    }

    #[derive(Default)]
    struct Waiter(Mutex<Vec<u64>>);

    impl Entry for Waiter {
        fn parts(&self) -> &[Part] {
            &[]
        }

        fn durable(self: Arc<Self>, sequence: u64) {
            self.0.lock().push(sequence);
        }

        fn refused(self: Arc<Self>) {}
    }

    #[test]
    fn an_entry_is_encoded_logged_and_told_its_sequence() {
        let storage = FaultyStorage::new();
        let origin = Origin {
            instance: InstanceId([1; 16]),
            codec: 1,
        };
        begin(&storage, origin, 1 << 10).unwrap();
        let end = read_log(&storage, origin, 1, |_| Ok(())).unwrap().end;
        let opened = Log::open(
            Arc::new(storage.clone()),
            origin,
            LogSettings::new(Mode::Sync),
            Arc::new(ManualClock::at_ms(1)),
            &end,
            Box::new(|_| {}),
        );
        let (log, mut writer) = opened.unwrap();
        let journal = LogJournal::new(Arc::new(log), Counts);
        let entry = Arc::new(Waiter::default());
        for _ in 0..2 {
            journal.append(entry.clone()).unwrap();
        }
        assert!(entry.0.lock().is_empty());
        writer.turn(false);
        assert_eq!(*entry.0.lock(), [1, 2]);
        let mut kinds = Vec::new();
        let report = read_log(&storage, origin, 1, |record| {
            kinds.push((record.label.kind, record.payload.to_vec()));
            Ok(())
        });
        assert_eq!(report.unwrap().records, 2);
        assert_eq!(kinds, vec![(3, vec![0; 8]); 2]);
        journal.log.close();
        assert!(journal.append(entry).is_err());
    }
}

//! The same log on real files.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::mpsc::channel;

use sessile::clock::SystemClock;
use sessile::durability::log::{Class, Log, LogSettings, Mode, begin, trim};
use sessile::durability::manifest::Manifest;
use sessile::durability::storage::Storage;
use sessile::durability::storage::os::OsStorage;
use sessile::engine::event::Part;
use sessile::journal::Entry;
use sessile::session::time::Timestamp;

use crate::rig::{KIND, ORIGIN, manifest, payload, read_from};

struct Told(std::sync::mpsc::Sender<u64>);

impl Entry for Told {
    fn parts(&self) -> &[Part] {
        &[]
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        self.0.send(sequence).unwrap();
    }

    fn refused(self: Arc<Self>) {}
}

#[test]
fn a_log_on_real_files_is_written_stopped_read_and_trimmed() {
    let directory = tempfile::tempdir().unwrap();
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(directory.path(), private).unwrap();
    let storage = Arc::new(OsStorage::open(directory.path()).unwrap());
    let sizes = LogSettings {
        segment_bytes: 16 << 10,
        room_bytes: 4 << 10,
        ..LogSettings::new(Mode::Sync)
    };
    begin(&*storage, ORIGIN, sizes.room_bytes).unwrap();
    manifest().store(&*storage).unwrap();
    let mut next = 0;
    for life in 1..=3 {
        let found = Manifest::load(&*storage).unwrap().unwrap();
        assert_eq!(found.instance, ORIGIN.instance);
        let (records, report) = read_from(&*storage, 1).unwrap();
        assert_eq!(records.len(), usize::try_from(next).unwrap());
        assert_eq!((report.end.stopped, report.cut), (life > 1, None));
        let clock = Arc::new(SystemClock::start(Timestamp::default()));
        let failed = Box::new(|what| panic!("{what}"));
        let log = Log::start(storage.clone(), ORIGIN, sizes, clock, &report.end, failed).unwrap();
        let (tell, told) = channel();
        for number in next..next + 300 {
            let entry = Arc::new(Told(tell.clone()));
            log.append(KIND, Class::GRANT, &payload(number), entry)
                .unwrap();
            // A few at a time, or all of them would be one batch in one segment.
            if number % 10 == 9 {
                for sequence in number - 8..=number + 1 {
                    assert_eq!(told.recv(), Ok(sequence));
                }
            }
        }
        next += 300;
        log.close();
        println!("life {life}: {:?}", log.counts());
    }
    let segments = storage.list("log").unwrap().len();
    assert!(segments > 5);
    let removed = trim(&*storage, 600).unwrap();
    assert_eq!(storage.list("log").unwrap().len(), segments - removed);
    assert_eq!(read_from(&*storage, 600).unwrap().0.len(), 301);
}

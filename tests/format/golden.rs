//! The images of released formats: `snapshots/golden/vN/`, added and never edited.

use std::path::{Path, PathBuf};

use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::engine::slot::SlotNumber;

use crate::scene::{digest_of, files, read, written};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/golden/v1")
}

/// The golden files of a directory, by name, in order.
pub(crate) fn bytes_of(directory: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(golden().join(directory)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .iter()
        .map(|path| (name(path), std::fs::read(path).unwrap()))
        .collect()
}

/// The golden directory, on a disk in memory.
fn stored() -> FaultyStorage {
    let storage = FaultyStorage::new();
    storage.put(
        "manifest",
        &std::fs::read(golden().join("manifest")).unwrap(),
    );
    for directory in ["log", "shards"] {
        storage.create_dir(directory).unwrap();
        for (name, bytes) in bytes_of(directory) {
            storage.put(&format!("{directory}/{name}"), &bytes);
        }
    }
    storage
}

/// A change of what is written is a new version beside this one, which goes on being read. A new
/// golden directory is written by `SESSILE_WRITE_GOLDEN=1`, only where there is none.
#[test]
fn what_is_written_is_what_version_1_wrote() {
    let (storage, _) = written();
    if std::env::var_os("SESSILE_WRITE_GOLDEN").is_some() && !golden().exists() {
        for (name, bytes) in files(&storage) {
            let path = golden().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let (new, old) = (files(&storage), files(&stored()));
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&new), names(&old));
    for ((name, new), (_, old)) in new.iter().zip(&old) {
        let differs = new.iter().zip(old).position(|(a, b)| a != b);
        let (is, was) = (new.len(), old.len());
        assert!(new == old, "{name}: {is} and {was} bytes, from {differs:?}");
    }
}

#[test]
fn version_1_is_read_and_holds_what_was_put_into_it() {
    let (_, digest) = written();
    let recovered = read(&stored()).unwrap().recovered;
    assert_eq!(
        (recovered.generation, recovered.log.cut.as_ref()),
        (Some(2), None)
    );
    assert_eq!(digest_of(&recovered.state), digest);
    let world = &recovered.state.world;
    let count = |of: fn(&sessile::engine::image::SlotImage) -> usize| {
        let slots = SlotNumber::from(0).filter_map(|number| world.slot_at(number));
        slots.map(|slot| of(&slot.read().image())).sum::<usize>()
    };
    assert_eq!(count(|image| image.sessions.len()), 5);
    assert_eq!(count(|image| image.handoffs.len()), 1);
    assert_eq!(count(|image| image.clients.len()), 2);
    assert_eq!(world.accounts.count(), 3);
}

#[test]
fn it_holds_the_same_whichever_generation_recovery_begins_with() {
    let (storage, digest) = written();
    let images: Vec<_> = files(&storage)
        .into_iter()
        .filter(|(name, _)| name.starts_with("shards/"))
        .collect();
    assert_eq!(images.len(), 6);
    for (name, bytes) in images.iter().filter(|(name, _)| name.contains("0002-")) {
        let copy = storage.copy();
        let mut flipped = bytes.clone();
        flipped[600.min(bytes.len() - 1)] ^= 1;
        copy.put(name, &flipped);
        let recovered = read(&copy).unwrap().recovered;
        assert_eq!(recovered.generation, Some(1), "{name}");
        assert_eq!(digest_of(&recovered.state), digest, "{name}");
        assert!(
            recovered.passed_over[0].contains(name.as_str()),
            "{:?}",
            recovered.passed_over
        );
    }
    // Neither of them: the log is no longer whole, so nothing stands in.
    let copy = storage.copy();
    for (name, _) in &images {
        copy.put(name, b"");
    }
    let refused = read(&copy).err().unwrap().to_string();
    assert!(
        refused.contains("shards/") && refused.contains("0002-"),
        "{refused}"
    );
}

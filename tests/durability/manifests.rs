//! The manifest: whole, or refused.

use proptest::prelude::*;

use sessile::durability::format::HeadFlaw;
use sessile::durability::manifest::{Generation, ImageEntry, Manifest, ManifestError};
use sessile::durability::storage::faulty::FaultyStorage;

use crate::rig::manifest;

fn image(number: u64) -> ImageEntry {
    ImageEntry {
        name: format!("shards/{number}.image"),
        size: 1_000 + number,
        digest: [u8::try_from(number).unwrap(); 32],
        records: number,
        position: 70 + number,
    }
}

fn full() -> Manifest {
    let mut manifest = manifest();
    for number in 1..=3 {
        manifest.advance(Generation {
            number,
            position: number * 70,
            unlogged: number == 2,
            images: (0..3).map(image).collect(),
        });
    }
    manifest
}

#[test]
fn what_was_stored_is_loaded() {
    let storage = FaultyStorage::new();
    assert!(Manifest::load(&storage).unwrap().is_none());
    let manifest = full();
    manifest.store(&storage).unwrap();
    let found = Manifest::load(&storage).unwrap().unwrap();
    assert_eq!(found.encode().unwrap(), manifest.encode().unwrap());
    assert_eq!(found.generations, manifest.generations);
    let numbers: Vec<u64> = found.generations.iter().map(|g| g.number).collect();
    assert_eq!(numbers, [3, 2]);
    assert_eq!(found.log_needed_from(), 141);
    let secret = b"secret";
    let (a, b) = (found.install_key(), manifest.install_key());
    assert_eq!(a.session_id(secret), b.session_id(secret));
    assert!(!format!("{found:?}").contains("9, 9"), "{found:?}");
}

#[test]
fn every_cut_and_every_flipped_bit_is_refused() {
    let storage = FaultyStorage::new();
    full().store(&storage).unwrap();
    let bytes = storage.contents("manifest").unwrap();
    let refused = |bytes: &[u8], what: &str| {
        storage.put("manifest", bytes);
        let error = Manifest::load(&storage).expect_err(what);
        assert!(matches!(error, ManifestError::Damage(_)), "{what}: {error}");
    };
    for len in 0..bytes.len() {
        refused(&bytes[..len], &format!("cut at {len}"));
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused(&flipped, &format!("bit {bit}"));
    }
    refused(&[bytes.clone(), vec![0]].concat(), "one byte more");
    println!("{} cuts and {} flips refused", bytes.len(), bytes.len() * 8);
}

#[test]
fn a_newer_version_is_refused_as_such() {
    let mut bytes = full().encode().unwrap().to_vec();
    bytes.truncate(bytes.len() - 32);
    bytes[8] = 2;
    let digest = blake3::hash(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    assert_eq!(Manifest::decode(&bytes).err(), Some(HeadFlaw::Version(2)));
}

#[test]
fn more_than_a_manifest_may_name_is_not_written() {
    let mut long = full();
    long.generations[0].images[0].name = "x".repeat(101);
    assert!(long.encode().is_err());
    let mut many = full();
    many.generations[0].images = (0..5_000).map(|_| image(1)).collect();
    assert!(many.encode().is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_no_manifest(mut bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Manifest::decode(&bytes).is_err());
        // With a right digest, so that the fields are looked at.
        let magic = b"SESSMAN\n\x01\0\0\0";
        for (place, byte) in bytes.iter_mut().zip(magic) {
            *place = *byte;
        }
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        if let Ok(manifest) = Manifest::decode(&bytes) {
            prop_assert_eq!(&manifest.encode().unwrap()[..], &bytes[..]);
        }
    }
}

//! What damaged bytes can make a reader ask for.

use proptest::prelude::*;

use sessile::durability::format::{Seal, SegmentHead};
use sessile::durability::manifest::Manifest;
use sessile::durability::record;

use crate::counting::asked;
use crate::rig::{fresh, read_from};

/// For the text of an error, names, and the list of segments.
const TALK_BYTES: usize = 4 << 10;

proptest! {
    #[test]
    fn records_and_heads_are_read_in_place(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let (asked, ()) = asked(|| {
            let _ = record::read(&bytes);
            let _ = record::find(&bytes, 0..u64::MAX, &mut sessile::durability::format::RECORD_TRIED_BYTES.clone());
            let _ = SegmentHead::decode(&bytes);
            let _ = Seal::decode(&bytes);
        });
        prop_assert_eq!(asked, 0);
    }

    #[test]
    fn a_manifest_costs_at_most_twice_its_length(
        head in prop::collection::vec(any::<u8>(), 49),
        images in any::<u16>(),
        rest in prop::collection::vec(any::<u8>(), 0..3_000),
    ) {
        let mut bytes = b"SESSMAN\n\x01\0\0\0".to_vec();
        bytes.extend_from_slice(&head[..48]);
        bytes.push(0);
        bytes.extend_from_slice(&[0; 8]);
        bytes.push(1);
        bytes.extend_from_slice(&[0; 16]);
        bytes.extend_from_slice(&(images % 100).to_le_bytes());
        bytes.extend_from_slice(&rest);
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        let (asked, _) = asked(|| Manifest::decode(&bytes));
        prop_assert!(asked <= 2 * bytes.len(), "{} for {}", asked, bytes.len());
    }

    #[test]
    fn a_segment_costs_its_length_and_the_words_for_what_is_wrong(
        bytes in prop::collection::vec(any::<u8>(), 0..20_000),
        head in any::<bool>(),
    ) {
        let storage = fresh();
        let name = "log/00000000000000000001.log";
        let mut contents = if head { storage.contents(name).unwrap()[..1_024].to_vec() } else { Vec::new() };
        contents.extend_from_slice(&bytes);
        storage.put(name, &contents);
        let (asked, _) = asked(|| read_from(&storage, 1).map(|(records, _)| records.len()));
        prop_assert!(asked <= contents.len() + TALK_BYTES, "{} for {}", asked, contents.len());
    }
}

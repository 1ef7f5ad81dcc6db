//! Images whose checksums and digests are right and whose lengths lie.

use std::sync::Arc;

use sessile::durability::codec::CODEC;
use sessile::durability::format::{ImageEnd, ImageHead, Origin, SECTOR_BYTES, SHARDS};
use sessile::durability::manifest::{Generation, Manifest};
use sessile::durability::record::{self, Label, Link, Read};
use sessile::durability::sealing::{Sealer, SealingKey};
use sessile::durability::snapshot::read_generation;
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;

use crate::counting::asked;
use crate::whole::{MADE, Whole};

const NAME: &str = "shards/00000000000000000002-directory.image";
/// What a length is made to say.
const LIES: [u64; 7] = [
    u64::MAX,
    1 << 62,
    1 << 40,
    1 << 32,
    1 << 20,
    (256 << 10) - 1,
    4_096,
];
/// Frames of each kind that are forged.
const FRAMES: usize = 2;
/// What is set aside for a list before its first element is read, however long it says it is: serde
/// believes a length for one MiB at most.
const BELIEVED_BYTES: usize = 1 << 20;

/// Kind and payload of each frame of an image.
fn frames(image: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &image[SECTOR_BYTES..image.len() - ImageEnd::BYTES];
    let mut frames = Vec::new();
    while let Read::Complete {
        record,
        rest: behind,
    } = record::read(rest)
    {
        frames.push((record.label.kind, record.payload.to_vec()));
        rest = behind;
    }
    assert!(rest.is_empty());
    frames
}

/// All of them for `tests/campaigns/decay`, else one after another.
fn lies_at(at: usize) -> Vec<u64> {
    if std::env::var_os("DECAY_EVERY").is_some() {
        LIES.to_vec()
    } else {
        vec![LIES[at % LIES.len()]]
    }
}

struct Forger {
    origin: Origin,
    sealer: Sealer,
    manifest: Manifest,
    template: Generation,
}

impl Forger {
    fn of(whole: &Whole) -> Self {
        let manifest = Manifest::load(&whole.storage).unwrap().unwrap();
        let instance = manifest.instance;
        Self {
            origin: Origin {
                instance,
                codec: CODEC,
            },
            sealer: Sealer::new(instance, SealingKey::new(&[5; 32]), Arc::new(SystemEntropy)),
            template: manifest.generations.first().unwrap().clone(),
            manifest,
        }
    }

    /// Reads an image that holds this frame alone: what that asks for, and whether it was taken.
    fn read(&self, kind: u8, payload: &[u8]) -> (usize, usize, bool) {
        let head = ImageHead {
            origin: self.origin,
            generation: self.template.number,
        };
        let mut image = head.encode().to_vec();
        let label = Label {
            kind,
            after_sync: false,
        };
        record::write(&mut image, label, Link::default(), payload);
        let digest = *blake3::hash(&image).as_bytes();
        let end = ImageEnd { records: 1, digest };
        image.extend_from_slice(&end.encode());
        let mut generation = self.template.clone();
        generation.images.truncate(1);
        for entry in &mut generation.images {
            entry.name = NAME.into();
            entry.size = image.len() as u64;
            entry.digest = *blake3::hash(&image).as_bytes();
            entry.records = 1;
        }
        let storage = FaultyStorage::new();
        storage.create_dir(SHARDS).unwrap();
        storage.put(NAME, &image);
        let mut state = State::empty(self.manifest.install_key());
        let (asked, read) = asked(|| {
            read_generation(
                &storage,
                self.origin,
                &generation,
                &self.sealer,
                &mut state,
                MADE,
                |_| {},
            )
            .is_ok()
        });
        (asked, image.len(), read)
    }
}

#[test]
fn a_length_that_lies_costs_a_fixed_sum_more_than_the_truth_and_twice_the_file() {
    let whole = Whole::make();
    let forger = Forger::of(&whole);
    let generation = &forger.template;
    let mut kinds = std::collections::BTreeMap::<u8, Vec<Vec<u8>>>::new();
    for image in &generation.images {
        let mut frames = frames(&whole.contents(&image.name));
        // The fattest first: those have sessions, clients and hand-off tokens.
        frames.sort_by_key(|(_, payload)| std::cmp::Reverse(payload.len()));
        for (kind, payload) in frames {
            let some = kinds.entry(kind).or_default();
            if some.len() < FRAMES {
                some.push(payload);
            }
        }
    }
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        [2, 3, 4, 5, 6, 7, 8]
    );
    let (mut forged, mut taken, mut worst) = (0, 0, 0);
    for (kind, payloads) in kinds {
        for payload in payloads {
            let (truth, _, good) = forger.read(kind, &payload);
            assert!(good, "kind {kind}");
            for at in 0..payload.len() {
                for lie in lies_at(at) {
                    let mut lying = payload.clone();
                    for (byte, said) in lying[at..].iter_mut().zip(lie.to_le_bytes()) {
                        *byte = said;
                    }
                    let (asked, size, read) = forger.read(kind, &lying);
                    let more = asked.saturating_sub(truth);
                    worst = worst.max(more);
                    assert!(
                        more <= 2 * size + BELIEVED_BYTES,
                        "kind {kind}, {lie:#x} at {at}: {asked} bytes for a file of {size}, {truth} for the truth"
                    );
                    forged += 1;
                    taken += u64::from(read);
                }
            }
        }
    }
    println!(
        "{forged} forged images, {taken} of them taken: at most {worst} bytes more than the truth"
    );
}

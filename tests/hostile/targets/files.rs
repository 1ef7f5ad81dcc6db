//! Heads, manifests and images, one at a time: what is taken is what an encoder writes, and nothing is left
//! over. Checksums are put right, since whoever makes a file can do that, too.

use std::sync::{Arc, LazyLock};

use arbitrary::Unstructured;
use sessile::durability::codec::CODEC;
use sessile::durability::format::{
    ImageEnd, ImageHead, Origin, SECTOR_BYTES, SHARDS, Seal, SegmentHead,
};
use sessile::durability::images::Priority;
use sessile::durability::manifest::{Generation, ImageEntry, Manifest};
use sessile::durability::record::{self, Label, Link, Read};
use sessile::durability::sealing::{Sealer, SealingKey};
use sessile::durability::snapshot::{Images, read_generation};
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::engine::digest;
use sessile::engine::image::{DirectoryImage, SlotImage};
use sessile::engine::slot::SlotNumber;
use sessile::engine::state::State;
use sessile::entropy::SystemEntropy;
use sessile::journal::images::{ImageSource, NoImage};
use sessile::session::time::Timestamp;

use super::Fate;
use crate::counting::asked;

/// The key of the golden directory's sealed values.
pub(super) const SEALING_KEY: [u8; 32] = [42; 32];
/// What serde sets aside for a list before its first element is read, however long it says it is.
pub(super) const BELIEVED_BYTES: usize = 1 << 20;
const NAME: &str = "shards/00000000000000000002-directory.image";

/// The golden directory: every file with its name.
pub(super) static GOLDEN: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = here
        .ancestors()
        .map(|folder| folder.join("snapshots/golden/v1"))
        .find(|folder| folder.is_dir())
        .expect("the golden directory is in the repository");
    let mut files = Vec::new();
    for folder in ["", "log", "shards"] {
        let listed = std::fs::read_dir(golden.join(folder)).expect("it can be read");
        for entry in listed.map(|entry| entry.expect("it can be read")) {
            if entry.path().is_file() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let name = format!("{folder}/{name}");
                let bytes = std::fs::read(entry.path()).expect("it can be read");
                files.push((name.trim_start_matches('/').to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
});

/// The frames of all golden images: kind and payload.
static FRAMES: LazyLock<Vec<(u8, Vec<u8>)>> = LazyLock::new(|| {
    let images = GOLDEN.iter().filter(|(name, _)| name.ends_with(".image"));
    let mut frames: Vec<_> = images.flat_map(|(_, image)| frames(image)).collect();
    frames.sort();
    frames.dedup();
    frames
});

static MANIFEST: LazyLock<Manifest> = LazyLock::new(|| {
    let bytes = GOLDEN.iter().find(|(name, _)| name == "manifest");
    let (_, bytes) = bytes.expect("there is a manifest");
    Manifest::decode(bytes).expect("it is good")
});

/// Kind and payload of each frame of an image.
pub(super) fn frames(image: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let end = image.len().saturating_sub(ImageEnd::BYTES);
    let mut rest = image.get(SECTOR_BYTES..end).unwrap_or_default();
    let mut frames = Vec::new();
    while let Read::Complete {
        record,
        rest: behind,
    } = record::read(rest)
    {
        frames.push((record.label.kind, record.payload.to_vec()));
        rest = behind;
    }
    frames
}

/// An image of these frames, and its entry in a manifest.
pub(super) fn image(
    head: &ImageHead,
    name: &str,
    position: u64,
    frames: &[(u8, Vec<u8>)],
) -> (Vec<u8>, ImageEntry) {
    let mut image = head.encode().to_vec();
    let mut last = Link::default();
    for (kind, payload) in frames {
        let label = Label {
            kind: *kind,
            after_sync: false,
        };
        last = record::write(&mut image, label, last, payload);
    }
    let records = frames.len() as u64;
    let digest = *blake3::hash(&image).as_bytes();
    image.extend_from_slice(&ImageEnd { records, digest }.encode());
    let entry = ImageEntry {
        name: name.into(),
        size: image.len() as u64,
        digest: *blake3::hash(&image).as_bytes(),
        records,
        position,
    };
    (image, entry)
}

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let mut input = Unstructured::new(bytes);
    let Ok(which) = input.int_in_range(0..=3) else {
        return Fate::Idle;
    };
    match which {
        0 => heads(input.take_rest()),
        1 => manifest(input.take_rest().to_vec()),
        _ => frame(&mut input).unwrap_or(Fate::Idle),
    }
}

/// The sectors: what is taken is written the same way, but for zeros that nobody looks at.
fn heads(bytes: &[u8]) -> Fate {
    let mut sector = [0; SECTOR_BYTES];
    for (place, byte) in sector.iter_mut().zip(bytes) {
        *place = *byte;
    }
    let (summed, sum) = sector.split_at_mut(SECTOR_BYTES - 4);
    if bytes.len().is_multiple_of(2) {
        sum.copy_from_slice(&crc32c::crc32c(summed).to_le_bytes());
    }
    let meant = |written: [u8; SECTOR_BYTES], fields: usize| {
        assert_eq!(written.get(..fields), sector.get(..fields));
    };
    let (segment, seal) = (SegmentHead::decode(&sector), Seal::decode(&sector));
    let image = ImageHead::decode(&sector);
    let taken = segment.is_ok() || matches!(seal, Ok(Some(_))) || image.is_ok();
    if let Ok(head) = segment {
        meant(head.encode(), 44);
    }
    if let Ok(Some(seal)) = seal {
        meant(seal.encode(), 32);
    }
    if let Ok(head) = image {
        meant(head.encode(), 40);
    }
    Fate::of(taken)
}

fn manifest(mut bytes: Vec<u8>) -> Fate {
    for (place, byte) in bytes.iter_mut().zip(b"SESSMAN\n\x01\0\0\0") {
        *place = *byte;
    }
    let sound = |bytes: &[u8]| [bytes, blake3::hash(bytes).as_bytes()].concat();
    let whole = sound(&bytes);
    let (cost, read) = asked(|| Manifest::decode(&whole));
    assert!(cost <= 2 * whole.len() + 64, "{cost} bytes were asked for");
    let Ok(read) = read else {
        return Fate::Refused;
    };
    let again = read.encode().expect("what was read can be written");
    assert_eq!(again.as_slice(), whole.as_slice());
    bytes.push(0);
    assert!(Manifest::decode(&sound(&bytes)).is_err(), "a byte was left");
    // What a start asks of it does not overflow, whatever the numbers are.
    let needed = read.log_needed_from();
    let sizes = read.generations.iter().map(Generation::bytes).max();
    assert!(needed > 0 && sizes >= read.generations.first().map(|_| 0));
    Fate::Taken
}

/// An image that holds one frame: a golden one, changed, or anything at all.
fn frame(input: &mut Unstructured<'_>) -> arbitrary::Result<Fate> {
    let (mut kind, mut payload) = input.choose(&FRAMES)?.clone();
    let edits = input.int_in_range(0..=4)?;
    for _ in 0..edits {
        let mut at = input.choose_index(payload.len().max(1))?;
        if input.ratio(1, 4)? {
            at = 0;
        }
        match input.int_in_range(0..=4)? {
            0 => {
                let lies = [u64::MAX, 1 << 40, (1 << 22) - 1, 1 << 20, 255, 1, 0];
                let lie: u64 = *input.choose(&lies)?;
                let wide = input.choose(&[4, 8])?;
                let lie = lie.to_le_bytes();
                for (place, byte) in payload.iter_mut().skip(at).zip(lie).take(*wide) {
                    *place = byte;
                }
            }
            1 => {
                let tail = payload.split_off(at.min(payload.len()));
                payload.extend(tail.iter().skip(1));
            }
            2 => payload.insert(at.min(payload.len()), input.arbitrary()?),
            3 => kind = input.int_in_range(0..=10)?,
            _ => {
                if let Some(byte) = payload.get_mut(at) {
                    *byte = input.arbitrary()?;
                }
            }
        }
    }
    let taken = check(kind, &payload, edits == 0);
    if taken {
        payload.push(0);
        assert!(!check(kind, &payload, false), "a byte was left over");
    }
    Ok(Fate::of(taken))
}

fn check(kind: u8, payload: &[u8], must: bool) -> bool {
    let origin = origin_of(&MANIFEST);
    let head = ImageHead {
        origin,
        generation: 2,
    };
    let (bytes, entry) = image(&head, NAME, 0, &[(kind, payload.to_vec())]);
    let generation = Generation {
        number: 2,
        position: 0,
        unlogged: false,
        images: vec![entry],
    };
    let storage = FaultyStorage::new();
    storage.create_dir(SHARDS).expect("this disk is healthy");
    storage.put(NAME, &bytes);
    let sealer = sealer_of(&MANIFEST);
    let mut state = State::empty(MANIFEST.install_key());
    let now = Timestamp::from_ms(1_790_000_000_000);
    let (cost, read) = asked(|| {
        read_generation(
            &storage,
            origin,
            &generation,
            &sealer,
            &mut state,
            now,
            |_| {},
        )
    });
    // The lists of a slot lie within each other and one behind the other, and each length may lie once.
    let bound = 4 * bytes.len() + 6 * BELIEVED_BYTES;
    assert!(
        cost <= bound,
        "{cost} bytes for a file of {}: kind {kind}, {}",
        bytes.len(),
        payload.escape_ascii()
    );
    let taken = read.is_ok();
    assert!(
        taken || !must,
        "what was written is refused: {:?}",
        read.err()
    );
    if taken {
        assert_eq!(
            written_again(&state, origin, &sealer, now),
            digest::of(&state.world)
        );
    }
    taken
}

pub(super) fn origin_of(manifest: &Manifest) -> Origin {
    Origin {
        instance: manifest.instance,
        codec: CODEC,
    }
}

pub(super) fn sealer_of(manifest: &Manifest) -> Sealer {
    Sealer::new(
        manifest.instance,
        SealingKey::new(&SEALING_KEY),
        Arc::new(SystemEntropy),
    )
}

/// The state that is read after this one was written: its digest. Whatever was read can be written.
pub(super) fn written_again(
    state: &State,
    origin: Origin,
    sealer: &Sealer,
    now: Timestamp,
) -> u128 {
    let storage = FaultyStorage::new();
    storage.create_dir(SHARDS).expect("this disk is healthy");
    let images = Images {
        origin,
        number: 1,
        rows: 1,
        priority: Priority::Foreground,
    };
    let generation = images
        .write(&storage, sealer, &Source::of(state), 0)
        .expect("what was read can be written");
    let mut again = State::empty(MANIFEST.install_key());
    read_generation(
        &storage,
        origin,
        &generation,
        sealer,
        &mut again,
        now,
        |_| {},
    )
    .expect("what was written can be read");
    digest::of(&again.world)
}

/// The images of a state, taken beforehand.
struct Source {
    slots: Vec<(SlotImage, u64)>,
    directory: (DirectoryImage, u64),
}

impl Source {
    fn of(state: &State) -> Self {
        let slots = SlotNumber::from(0).filter_map(|number| state.world.slot_at(number));
        let slots = slots.map(|slot| {
            let slot = slot.read();
            (slot.image(), slot.position())
        });
        Self {
            slots: slots.collect(),
            directory: (
                DirectoryImage::of(&state.world, &state.directory),
                state.directory.position(),
            ),
        }
    }
}

impl ImageSource for Source {
    fn settle(&self) -> Result<u64, NoImage> {
        Ok(0)
    }

    fn slot(&self, number: SlotNumber) -> (SlotImage, u64) {
        let slot = self.slots.get(usize::from(number.get()));
        slot.cloned().unwrap_or_default()
    }

    fn directory(&self) -> Result<(DirectoryImage, u64), NoImage> {
        Ok(self.directory.clone())
    }
}

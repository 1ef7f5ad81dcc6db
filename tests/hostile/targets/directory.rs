//! Recovery of a whole data directory in which any file was changed, cut, lengthened, swapped or forged: it ends,
//! it costs no more than the files, and what it recovers is a state that can be written.

use arbitrary::Unstructured;
use sessile::durability::format::{
    ImageHead, SECTOR_BYTES, SEGMENT_HEAD_BYTES, SHARDS, Seal, SegmentHead,
};
use sessile::durability::manifest::{ImageEntry, Manifest};
use sessile::durability::record::{self, Read};
use sessile::durability::recovery::{Progress, recover};
use sessile::durability::storage::Storage;
use sessile::durability::storage::faulty::FaultyStorage;
use sessile::engine::digest;

use super::Fate;
use super::files::{BELIEVED_BYTES, GOLDEN, frames, image, origin_of, sealer_of, written_again};
use crate::counting::asked;

type Files = Vec<(String, Vec<u8>)>;

pub(crate) fn run(bytes: &[u8]) -> Fate {
    let mut input = Unstructured::new(bytes);
    let mut files = GOLDEN.clone();
    let Ok(edits) = input.int_in_range(0..=6_usize) else {
        return Fate::Idle;
    };
    for _ in 0..edits {
        if edit(&mut files, &mut input).is_err() {
            break;
        }
    }
    let storage = FaultyStorage::new();
    for folder in ["log", SHARDS] {
        storage.create_dir(folder).expect("this disk is healthy");
    }
    let mut size = 0;
    for (name, bytes) in &files {
        storage.put(name, bytes);
        size += bytes.len();
    }
    let Ok(Some(manifest)) = Manifest::load(&storage) else {
        assert!(edits > 0, "the golden manifest is refused");
        return Fate::Refused;
    };
    let (origin, sealer) = (origin_of(&manifest), sealer_of(&manifest));
    let progress = Progress::default();
    let (cost, recovered) =
        asked(|| recover(&storage, origin, &manifest, &sealer, false, &progress));
    for (name, bytes) in &files {
        let now = storage.contents(name);
        assert_eq!(now.as_deref(), Some(bytes.as_slice()), "{name} was changed");
    }
    // A table of all slots for each generation that is tried, twice the files, and what a length that
    // lies can have set aside.
    let bound = STARTS * EMPTY_STATE_BYTES + 4 * size + (edits + 1) * 2 * BELIEVED_BYTES;
    assert!(cost <= bound, "{cost} bytes for files of {size}");
    let Ok(recovered) = recovered else {
        assert!(edits > 0, "the golden directory is refused");
        return Fate::Refused;
    };
    let state = &recovered.state;
    let again = written_again(state, origin, &sealer, recovered.clock_floor);
    assert_eq!(again, digest::of(&state.world));
    Fate::Taken
}

/// Two generations, and nothing at all.
const STARTS: usize = 3;
/// What a state costs in which nothing is, at most.
const EMPTY_STATE_BYTES: usize = 8 << 20;

fn edit(files: &mut Files, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let at = input.choose_index(files.len())?;
    let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    let other = input.choose(&names)?.clone();
    let kind = input.int_in_range(0..=9)?;
    let Some((name, bytes)) = files.get_mut(at) else {
        return Ok(());
    };
    match kind {
        0 => {
            let place = input.choose_index(bytes.len().max(1))?;
            let length = input.int_in_range(0..=input.len().min(64))?;
            for (byte, new) in bytes.iter_mut().skip(place).zip(input.bytes(length)?) {
                *byte = *new;
            }
        }
        1 => bytes.truncate(input.choose_index(bytes.len().max(1))?),
        2 => bytes.extend_from_slice(input.bytes(input.len().min(200))?),
        3 => {
            files.remove(at);
        }
        4 => {
            // One under the name of another, which is then not there.
            files.retain(|(name, _)| *name != other);
            if let Some((name, _)) = files.get_mut(at) {
                *name = other;
            }
        }
        5 if name == "manifest" => {
            let place = input.choose_index(bytes.len().saturating_sub(32).max(1))?;
            let value = input.arbitrary()?;
            forged_manifest(bytes, |body| {
                if let Some(byte) = body.get_mut(place) {
                    *byte = value;
                }
            });
        }
        _ if name.ends_with(".log") => forged_segment(bytes, input)?,
        _ if name.ends_with(".image") => {
            let (name, forged) = (name.clone(), forged_image(bytes, &name.clone(), input)?);
            if let Some((bytes, entry)) = forged {
                named_anew(files, &name, bytes, &entry);
            }
        }
        _ => {
            let place = input.choose_index(bytes.len().max(1))?;
            let value: u8 = input.arbitrary()?;
            forged_manifest(bytes, |body| {
                if let Some(byte) = body.get_mut(place) {
                    *byte = value;
                }
            });
        }
    }
    Ok(())
}

/// The manifest with something changed and its digest right.
fn forged_manifest(bytes: &mut Vec<u8>, change: impl FnOnce(&mut [u8])) {
    bytes.truncate(bytes.len().saturating_sub(32));
    change(bytes);
    let digest = blake3::hash(bytes);
    bytes.extend_from_slice(digest.as_bytes());
}

/// A segment whose payloads were changed, its chain of checksums and its seal right.
fn forged_segment(bytes: &mut Vec<u8>, input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let Ok(head) = SegmentHead::decode(bytes) else {
        return Ok(());
    };
    let seal = bytes.get(SECTOR_BYTES..).map(Seal::decode);
    let mut rest = bytes.get(SEGMENT_HEAD_BYTES..).unwrap_or_default();
    let mut records = Vec::new();
    while let Read::Complete {
        record,
        rest: behind,
    } = record::read(rest)
    {
        records.push((record.label, record.payload.to_vec()));
        rest = behind;
    }
    if records.is_empty() {
        return Ok(());
    }
    for _ in 0..input.int_in_range(1..=3)? {
        let at = input.choose_index(records.len())?;
        let Some((_, payload)) = records.get_mut(at) else {
            break;
        };
        let place = input.choose_index(payload.len().max(1))?;
        if let Some(byte) = payload.get_mut(place) {
            *byte = input.arbitrary()?;
        }
    }
    let (mut forged, mut last) = (Vec::new(), head.before);
    for (label, payload) in &records {
        last = record::write(&mut forged, *label, last, payload);
    }
    let mut sectors = head.encode().to_vec();
    if let Some(Ok(Some(mut seal))) = seal {
        seal.last = last;
        sectors.extend_from_slice(&seal.encode());
    }
    sectors.resize(SEGMENT_HEAD_BYTES, 0);
    *bytes = [sectors, forged].concat();
    Ok(())
}

/// An image with a frame changed, and its entry in the manifest.
fn forged_image(
    bytes: &[u8],
    name: &str,
    input: &mut Unstructured<'_>,
) -> arbitrary::Result<Option<(Vec<u8>, ImageEntry)>> {
    let sector: Option<&[u8; SECTOR_BYTES]> = bytes.first_chunk();
    let Some(Ok(head)) = sector.map(ImageHead::decode) else {
        return Ok(None);
    };
    let mut frames = frames(bytes);
    if frames.is_empty() {
        return Ok(None);
    }
    let at = input.choose_index(frames.len())?;
    let copy = input.ratio(1, 6)?;
    if let Some((kind, payload)) = frames.get_mut(at) {
        let place = input.choose_index(payload.len().max(1))?;
        if let Some(byte) = payload.get_mut(place) {
            *byte = input.arbitrary()?;
        }
        if copy {
            // The same thing twice, in one image.
            let twice = (*kind, payload.clone());
            frames.push(twice);
        }
    }
    Ok(Some(image(&head, name, 0, &frames)))
}

/// Puts an image in its place and tells the manifest.
fn named_anew(files: &mut Files, name: &str, bytes: Vec<u8>, entry: &ImageEntry) {
    for (file, old) in files.iter_mut() {
        if file == name {
            old.clone_from(&bytes);
        }
    }
    let found = files.iter_mut().find(|(file, _)| file == "manifest");
    let Some((_, text)) = found else { return };
    let Ok(mut manifest) = Manifest::decode(text) else {
        return;
    };
    for image in manifest.generations.iter_mut().flat_map(|g| &mut g.images) {
        if image.name == name {
            let position = image.position;
            image.clone_from(entry);
            image.position = position;
        }
    }
    if let Ok(again) = manifest.encode() {
        *text = again.to_vec();
    }
}

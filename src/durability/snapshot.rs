//! Generations of images: what a frame of an image means, writing one, and taking one in.
//!
//! Invariants: what a manifest will name is durable before it does; a generation holds everything up to
//! its position, each slot perhaps more, and says how much.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::codec;
use super::format::{ImageHead, Origin, SHARDS, image_name, is_image};
use super::images::{ImageError, ImageWriter, Priority, read_image};
use super::manifest::{Generation, Manifest};
use super::reading::LogError;
use super::sealing::{Sealer, SealingError, Unseal};
use super::segment::remove_leftover;
use super::storage::{Storage, StorageError, SyncSite};
use super::stored::{
    ReadError, StoredAccount, StoredError, StoredKey, StoredKnown, StoredListed, StoredSigningKey,
    StoredTally, StoredTemplate, read_slot, write_slot,
};
use crate::engine::guesses::KnownNetwork;
use crate::engine::image::{DirectoryImage, Listing, SlotImage};
use crate::engine::slot::SlotNumber;
use crate::engine::state::State;
use crate::engine::world::SharedWorld;
use crate::journal::images::{ImageSource, NoImage};
use crate::session::account::Account;
use crate::session::guessing::{Counted, Tally};
use crate::session::id::{AccountId, KeyId};
use crate::session::jwt::{SigningKey, Template};
use crate::session::key::Key;
use crate::session::time::Timestamp;

pub(super) const SLOT: u8 = 2;
pub(super) const PLACES: u8 = 3;
pub(super) const ACCOUNT: u8 = 4;
pub(super) const KEY: u8 = 5;
pub(super) const SIGNING_KEY: u8 = 6;
pub(super) const TEMPLATE: u8 = 7;
pub(super) const LISTING: u8 = 8;
pub(super) const TALLIES: u8 = 9;
pub(super) const KNOWN: u8 = 10;

/// Sessions in one frame, and clients: a frame of the fattest ones is shorter than a frame may be.
const SESSIONS_MAX: usize = 128;
/// What looking at a run of sessions takes, in bytes that are encoded in that time.
const LOOKED_AT_BYTES: usize = 4 << 10;
/// Hand-off tokens in one frame.
const HANDOFFS_MAX: usize = 4_096;
/// Counts of failures in one frame, and accounts with their known networks.
const COUNTS_MAX: usize = 4_096;

/// The first frame of the directory: where it stands, and the first places never given away.
#[derive(Serialize, Deserialize)]
pub(super) struct PlacesFrame {
    pub(super) position: u64,
    next_account: u32,
    next_key: u32,
}

/// Why there is no new generation. The old ones are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The engine gave no image.
    #[error(transparent)]
    NoImage(#[from] NoImage),
    /// An image was not written.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Something could not be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The manifest was not replaced.
    #[error(transparent)]
    Manifest(#[from] super::manifest::ManifestError),
}

/// The images of a generation.
pub struct Images {
    /// Of which directory, and how encoded.
    pub origin: Origin,
    /// The generation.
    pub number: u64,
    /// In how many files the slots are.
    pub rows: u16,
    /// How they are written.
    pub priority: Priority,
}

impl Images {
    /// Writes them, and makes them durable, names included. Everything up to `settled` is in them.
    pub fn write(
        &self,
        storage: &dyn Storage,
        sealer: &Sealer,
        source: &dyn ImageSource,
        settled: u64,
    ) -> Result<Generation, SnapshotError> {
        let (number, rows) = (self.number, self.rows);
        let head = ImageHead {
            origin: self.origin,
            generation: number,
        };
        let mut images = Vec::with_capacity(usize::from(rows) + 1);
        for row in 0..rows {
            let mut image =
                ImageWriter::begin(storage, image_name(number, Some(row)), &head, self.priority)?;
            for slot in SlotNumber::from(0).filter(|slot| slot.shard(rows) == row) {
                // A slot is locked while it is copied, and waiting for its memory is most of what that takes.
                for _ in (0..).take_while(|run| source.look_at(slot, *run)) {
                    image.prepared(LOOKED_AT_BYTES);
                }
                image.before_a_lock();
                let (held, position) = source.slot(slot);
                // What is not in the image is empty, and complete up to the generation's position.
                if !held.is_empty() || position > settled {
                    write_image(&mut image, slot, &held, position.max(settled))?;
                }
            }
            images.push(image.finish(storage, settled)?);
        }
        let (directory, position) = source.directory()?;
        let mut image =
            ImageWriter::begin(storage, image_name(number, None), &head, self.priority)?;
        write_directory(&mut image, &directory, position.max(settled), sealer)?;
        images.push(image.finish(storage, settled)?);
        storage.sync_dir(SHARDS, SyncSite::ImageNames)?;
        Ok(Generation {
            number,
            position: settled,
            unlogged: false,
            images,
        })
    }

    /// Removes as many of them as there are and can be removed.
    pub fn remove(&self, storage: &dyn Storage) {
        let rows = (0..self.rows).map(Some).chain([None]);
        for row in rows {
            // The next start looks again.
            let _ = remove_leftover(storage, &image_name(self.number, row));
        }
    }
}

fn write_image(
    image: &mut ImageWriter,
    slot: SlotNumber,
    held: &SlotImage,
    position: u64,
) -> Result<(), ImageError> {
    // Clients before their sessions, so that what is taken in is never without its client.
    for clients in held.clients.chunks(SESSIONS_MAX) {
        image.push_by(SLOT, |out| {
            write_slot(slot, position, &[], &[], clients, out)
        })?;
    }
    for sessions in held.sessions.chunks(SESSIONS_MAX) {
        image.push_by(SLOT, |out| {
            write_slot(slot, position, sessions, &[], &[], out)
        })?;
    }
    for handoffs in held.handoffs.chunks(HANDOFFS_MAX) {
        image.push_by(SLOT, |out| {
            write_slot(slot, position, &[], handoffs, &[], out)
        })?;
    }
    // An empty slot that is further than the generation says so.
    if held.is_empty() {
        image.push_by(SLOT, |out| write_slot(slot, position, &[], &[], &[], out))?;
    }
    Ok(())
}

fn write_directory(
    image: &mut ImageWriter,
    directory: &DirectoryImage,
    position: u64,
    sealer: &Sealer,
) -> Result<(), SnapshotError> {
    let (next_account, next_key) = directory.next;
    let places = PlacesFrame {
        position,
        next_account,
        next_key,
    };
    image.push(PLACES, &places)?;
    for (id, account) in &directory.accounts {
        image.push(ACCOUNT, &StoredAccount::of(*id, account, sealer)?)?;
    }
    for (id, key) in &directory.keys {
        image.push(KEY, &StoredKey::of(*id, key))?;
    }
    for key in &directory.signing_keys {
        image.push(SIGNING_KEY, &StoredSigningKey::of(key, sealer)?)?;
    }
    for template in &directory.templates {
        image.push(TEMPLATE, &StoredTemplate::of(template))?;
    }
    for ((account, surface), sessions) in &directory.listings {
        image.push(
            LISTING,
            &StoredListed::of(*account, *surface, sessions, &[]),
        )?;
    }
    for tallies in directory.tallies.chunks(COUNTS_MAX) {
        let tallies = tallies.iter();
        let tallies: Vec<_> = tallies
            .map(|(of, tally)| StoredTally::of(of, tally))
            .collect();
        image.push(TALLIES, &tallies)?;
    }
    for known in directory.known.chunks(COUNTS_MAX) {
        let known = known.iter();
        let known: Vec<_> = known.map(|(id, of)| StoredKnown::of(*id, of)).collect();
        image.push(KNOWN, &known)?;
    }
    Ok(())
}

/// Takes a generation into an empty state, several files at once; `read` hears of the bytes of each file that was read.
///
/// After an error the state holds a part of it, and is to be thrown away.
pub fn read_generation(
    storage: &dyn Storage,
    origin: Origin,
    generation: &Generation,
    sealer: &Sealer,
    state: &mut State,
    now: Timestamp,
    read: impl Fn(u64) + Sync,
) -> Result<(), LogError> {
    let head = ImageHead {
        origin,
        generation: generation.number,
    };
    let taking = Taking {
        world: state.world.clone(),
        state: Mutex::new(state),
        sealer,
        now,
    };
    let (next, flaws) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let take_files = || {
        while let Some((at, entry)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            generation.images.get(at).map(|entry| (at, entry))
        } {
            let mut position = 0;
            let taken = read_image(storage, &head, entry, |kind, payload| {
                let taken = taking.frame(kind, payload, &mut position);
                taken.map_err(|error| error.to_string())
            });
            match taken {
                Ok(()) => read(entry.size),
                Err(error) => {
                    flaws.lock().insert(at, error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let helpers = generation.images.len().min(readers()).saturating_sub(1);
        for _ in 0..helpers {
            let helper = std::thread::Builder::new().name("sessile-reading".into());
            // A system that gives no thread leaves the work to this one.
            let _ = helper.spawn_scoped(scope, take_files);
        }
        take_files();
    });
    let Taking { state, .. } = taking;
    // The first in the order of the files, whoever was faster.
    match flaws.into_inner().pop_first() {
        Some((_, error)) => Err(error),
        None => {
            state.into_inner().reached_everywhere(generation.position);
            Ok(())
        }
    }
}

/// How many files are read at once: one for each processor.
fn readers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Why a frame is not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error(transparent)]
    Codec(#[from] codec::CodecError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Stored(#[from] StoredError),
    #[error("this program knows no frames of kind {0}")]
    Kind(u8),
}

/// What a frame says.
pub(super) enum Frame {
    /// A piece of a slot, and the sequence up to which everything is in it.
    Slot(SlotNumber, u64, SlotImage),
    /// Where the directory stands, and the first places never given away.
    Places(u64, (u32, u32)),
    Account(AccountId, Arc<Account>),
    Key(KeyId, Key),
    SigningKey(SigningKey),
    Template(Template),
    Listing(Listing),
    Tallies(Vec<(Counted, Tally)>),
    Known(Vec<(AccountId, Vec<KnownNetwork>)>),
}

/// Reads a frame.
pub(super) fn frame_of(kind: u8, payload: &[u8], sealer: &dyn Unseal) -> Result<Frame, FrameError> {
    Ok(match kind {
        SLOT => {
            let (slot, position, image) = read_slot(payload)?;
            Frame::Slot(slot, position, image)
        }
        PLACES => {
            let places: PlacesFrame = codec::decode(payload)?;
            Frame::Places(places.position, (places.next_account, places.next_key))
        }
        ACCOUNT => {
            let account: StoredAccount = codec::decode(payload)?;
            let (id, account) = account.open(sealer)?;
            Frame::Account(id, account)
        }
        KEY => {
            let (id, key) = codec::decode::<StoredKey>(payload)?.open()?;
            Frame::Key(id, key)
        }
        SIGNING_KEY => {
            let key: StoredSigningKey = codec::decode(payload)?;
            Frame::SigningKey(key.open(sealer)?)
        }
        TEMPLATE => {
            let template: StoredTemplate = codec::decode(payload)?;
            Frame::Template(template.open()?)
        }
        LISTING => {
            let listed: StoredListed = codec::decode(payload)?;
            let (account, surface, opened, _) = listed.open()?;
            Frame::Listing(((account, surface), opened))
        }
        TALLIES => {
            let tallies: Vec<StoredTally> = codec::decode(payload)?;
            let tallies = tallies.into_iter().map(StoredTally::open);
            Frame::Tallies(tallies.collect::<Result<_, _>>()?)
        }
        KNOWN => {
            let known: Vec<StoredKnown> = codec::decode(payload)?;
            let known = known.into_iter().map(StoredKnown::open);
            Frame::Known(known.collect::<Result<_, _>>()?)
        }
        other => return Err(FrameError::Kind(other)),
    })
}

/// Where frames go: slots, which have locks of their own, from any thread; the directory from one after the other.
struct Taking<'a> {
    world: SharedWorld,
    state: Mutex<&'a mut State>,
    sealer: &'a Sealer,
    now: Timestamp,
}

impl Taking<'_> {
    /// Takes a frame in; `position` is the directory's, as its first frame said.
    fn frame(&self, kind: u8, payload: &[u8], position: &mut u64) -> Result<(), FrameError> {
        let mut part = DirectoryImage::default();
        match frame_of(kind, payload, self.sealer)? {
            Frame::Slot(slot, at, image) => {
                self.world.restore(slot, image, at, self.now);
                return Ok(());
            }
            Frame::Places(at, next) => {
                *position = at;
                part.next = next;
            }
            Frame::Account(id, account) => part.accounts.push((id, account)),
            Frame::Key(id, key) => part.keys.push((id, key)),
            Frame::SigningKey(key) => part.signing_keys.push(key.into()),
            Frame::Template(template) => part.templates.push(template.into()),
            Frame::Listing(listing) => part.listings.push(listing),
            Frame::Tallies(tallies) => part.tallies = tallies,
            Frame::Known(known) => part.known = known,
        }
        self.state.lock().restore_directory(part, *position);
        Ok(())
    }
}

/// Removes images that the manifest, which must be durable, does not name; returns how many.
pub fn remove_unnamed(storage: &dyn Storage, manifest: &Manifest) -> Result<usize, StorageError> {
    let named = |name: &str| {
        let images = manifest.generations.iter().flat_map(|g| &g.images);
        images.into_iter().any(|image| image.name == name)
    };
    let mut removed = 0;
    for file in storage.list(SHARDS)? {
        let name = format!("{SHARDS}/{file}");
        if is_image(&file) && !named(&name) {
            storage.remove(&name)?;
            removed += 1;
        }
    }
    Ok(removed)
}

//! What a data directory is, and which images and which part of the log are its state.
//!
//! Invariants: it is replaced whole, by a file that was durable before it got the name; what
//! [`Manifest::store`] and [`Manifest::load`] return from is durable, name included, so that what it no longer
//! names may be removed; every byte is covered by its digest; two generations at most, the newer first.

use std::fmt;

use zeroize::Zeroizing;

use super::format::{
    Fields, HeadFlaw, InstanceId, MANIFEST, MANIFEST_BYTES_MAX, MANIFEST_MAGIC, MANIFEST_NEW,
    VERSION,
};
use super::sealing::{SEALING_KEYS_MAX, SealingKeyId, sealed_by};
use super::segment::remove_leftover;
use super::storage::{Storage, StorageError, SyncSite, read_file};
use crate::session::time::Timestamp;
use crate::session::token::InstallKey;

const KEY_BYTES: usize = 32;
const DIGEST_BYTES: usize = 32;
/// Generations a manifest names at most: one to use, one to fall back to.
pub const GENERATIONS_MAX: usize = 2;
/// Images of a generation: one per shard, one of the directory.
pub const IMAGES_MAX: usize = 4_097;
const NAME_BYTES_MAX: usize = 100;
const PROOF_BYTES_MAX: usize = 128;
/// Length of the name, size, digest, records, position; the name is beside it.
const IMAGE_BYTES_MIN: usize = 1 + 8 + DIGEST_BYTES + 8 + 8;

/// One image file of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageEntry {
    /// Its name, relative to the data directory, at most 100 bytes.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// BLAKE3 of all of it.
    pub digest: [u8; DIGEST_BYTES],
    /// Records in it.
    pub records: u64,
    /// The sequence up to which everything is in it.
    pub position: u64,
}

/// A row of images from which, with the log behind `position`, the state follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Grows by one from generation to generation.
    pub number: u64,
    /// The lowest sequence up to which everything is in its images; the log is needed from the next one.
    pub position: u64,
    /// Something happened to sessions after it that the log does not tell: none of its sessions may live.
    pub unlogged: bool,
    /// Its files.
    pub images: Vec<ImageEntry>,
}

impl Generation {
    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.images.iter().map(|image| image.size).sum()
    }
}

/// The manifest. Its `Debug` shows no key.
#[derive(Clone)]
pub struct Manifest {
    /// Which data directory this is.
    pub instance: InstanceId,
    install_key: Zeroizing<[u8; KEY_BYTES]>,
    /// Development mode filled it: it is not to be served to others.
    pub development: bool,
    /// A process served it that does not log sessions: the log from its beginning does not tell of them.
    pub unlogged: bool,
    /// Something sealed, so that another key is noticed before anything depends on it.
    pub sealing_proof: Vec<u8>,
    /// Keys by which anything in images or log may be sealed: all of them are needed.
    pub sealed_by: Vec<SealingKeyId>,
    /// No clock of this directory was ever later than this; engine time never falls below it.
    pub clock_floor: Timestamp,
    /// At most two, the newer first.
    pub generations: Vec<Generation>,
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest")
            .field("instance", &self.instance)
            .field("development", &self.development)
            .field("unlogged", &self.unlogged)
            .field("sealed_by", &self.sealed_by)
            .field("clock_floor", &self.clock_floor)
            .field("generations", &self.generations)
            .finish_non_exhaustive()
    }
}

/// Why there is no manifest to go by. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The disk refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It is not what was written.
    #[error("manifest is damaged: {0}; nothing was changed: restore a backup")]
    Damage(HeadFlaw),
    /// A newer program wrote it.
    #[error("manifest: {0}")]
    Version(HeadFlaw),
}

impl From<HeadFlaw> for ManifestError {
    fn from(flaw: HeadFlaw) -> Self {
        match flaw {
            HeadFlaw::Version(_) => Self::Version(flaw),
            _ => Self::Damage(flaw),
        }
    }
}

impl Manifest {
    /// The manifest of a new data directory, from random bytes.
    #[must_use]
    pub fn new(
        instance: InstanceId,
        install_key: [u8; KEY_BYTES],
        sealing_proof: Vec<u8>,
        development: bool,
        clock_floor: Timestamp,
    ) -> Self {
        Self {
            instance,
            install_key: Zeroizing::new(install_key),
            development,
            unlogged: false,
            sealed_by: sealed_by(&sealing_proof).into_iter().collect(),
            sealing_proof,
            clock_floor,
            generations: Vec::new(),
        }
    }

    /// The key under which secrets of this directory are digested.
    #[must_use]
    pub fn install_key(&self) -> InstallKey {
        InstallKey::new(*self.install_key)
    }

    /// The lowest sequence that the log must still have: the older generation may be needed, and as
    /// long as there is none, all of it.
    #[must_use]
    pub fn log_needed_from(&self) -> u64 {
        let oldest = self.starts().last().flatten();
        oldest.map_or(0, |g| g.position).saturating_add(1)
    }

    /// What recovery may begin with, the best first: a generation, or nothing at all.
    pub fn starts(&self) -> impl Iterator<Item = Option<&Generation>> {
        let nothing = self.generations.len() < GENERATIONS_MAX;
        let generations = self.generations.iter().map(Some);
        generations.chain(nothing.then_some(None))
    }

    /// Whether the log tells everything that happened to sessions since this start.
    #[must_use]
    pub fn is_logged_since(&self, start: Option<&Generation>) -> bool {
        !start.map_or(self.unlogged, |generation| generation.unlogged)
    }

    /// From now on things happen to sessions that the log does not tell.
    pub fn leave_unlogged(&mut self) {
        self.unlogged = true;
        for generation in &mut self.generations {
            generation.unlogged = true;
        }
    }

    /// Names a new generation; the oldest one falls out if there are more than two.
    pub fn advance(&mut self, generation: Generation) {
        self.generations.insert(0, generation);
        self.generations.truncate(GENERATIONS_MAX);
    }

    /// Reads the manifest, if there is one. The name it was found under is durable afterwards.
    pub fn load(storage: &dyn Storage) -> Result<Option<Self>, ManifestError> {
        let bytes = match read_file(storage, MANIFEST, MANIFEST_BYTES_MAX) {
            Err(error) if error.is_missing() => return Ok(None),
            read => read?.ok_or(HeadFlaw::Long)?,
        };
        let manifest = Self::decode(&bytes)?;
        storage.sync_dir("", SyncSite::FoundManifest)?;
        Ok(Some(manifest))
    }

    /// Replaces the manifest. After an error either one may be there after a restart, and what
    /// either names must stay.
    pub fn store(&self, storage: &dyn Storage) -> Result<(), ManifestError> {
        let bytes = self.encode()?;
        remove_leftover(storage, MANIFEST_NEW)?;
        let mut file = storage.create(MANIFEST_NEW)?;
        file.write_at(0, &bytes)?;
        file.sync_data(SyncSite::Manifest)?;
        drop(file);
        storage.rename(MANIFEST_NEW, MANIFEST)?;
        storage.sync_dir("", SyncSite::ManifestName)?;
        Ok(())
    }

    /// The bytes of the file. An error if it names more than a manifest may.
    pub fn encode(&self) -> Result<Zeroizing<Vec<u8>>, HeadFlaw> {
        let mut out = Zeroizing::new(Vec::with_capacity(512));
        out.extend_from_slice(&MANIFEST_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.instance.0);
        out.extend_from_slice(&*self.install_key);
        out.push(u8::from(self.development));
        out.push(u8::from(self.unlogged));
        let proof: u8 = bounded(self.sealing_proof.len(), PROOF_BYTES_MAX, "sealing proof")?;
        out.push(proof);
        out.extend_from_slice(&self.sealing_proof);
        out.push(bounded(
            self.sealed_by.len(),
            SEALING_KEYS_MAX,
            "number of sealing keys",
        )?);
        for id in &self.sealed_by {
            out.extend_from_slice(&id.0);
        }
        out.extend_from_slice(&self.clock_floor.ms().to_le_bytes());
        out.push(bounded(
            self.generations.len(),
            GENERATIONS_MAX,
            "number of generations",
        )?);
        for generation in &self.generations {
            out.extend_from_slice(&generation.number.to_le_bytes());
            out.extend_from_slice(&generation.position.to_le_bytes());
            out.push(u8::from(generation.unlogged));
            let images: u16 = bounded(generation.images.len(), IMAGES_MAX, "number of images")?;
            out.extend_from_slice(&images.to_le_bytes());
            for image in &generation.images {
                out.push(bounded(
                    image.name.len(),
                    NAME_BYTES_MAX,
                    "name of an image",
                )?);
                out.extend_from_slice(image.name.as_bytes());
                out.extend_from_slice(&image.size.to_le_bytes());
                out.extend_from_slice(&image.digest);
                out.extend_from_slice(&image.records.to_le_bytes());
                out.extend_from_slice(&image.position.to_le_bytes());
            }
        }
        let digest = blake3::hash(&out);
        out.extend_from_slice(digest.as_bytes());
        Ok(out)
    }

    /// Reads the bytes of the file.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeadFlaw> {
        let (body, digest) = bytes
            .split_last_chunk::<DIGEST_BYTES>()
            .ok_or(HeadFlaw::Short)?;
        let mut fields = Fields(body);
        if fields.take()? != MANIFEST_MAGIC {
            return Err(HeadFlaw::Magic);
        }
        // Every version begins and ends alike, so that a newer one is told from damage.
        let version = u32::from_le_bytes(fields.take()?);
        let sound = blake3::hash(body) == *digest;
        match version {
            VERSION if sound => {}
            newer if newer > VERSION && sound => return Err(HeadFlaw::Version(newer)),
            _ => return Err(HeadFlaw::Checksum),
        }
        let instance = InstanceId(fields.take()?);
        let install_key = Zeroizing::new(fields.take()?);
        let [development, unlogged, proof] = fields.take()?;
        if development > 1 || unlogged > 1 {
            return Err(HeadFlaw::Value("mark"));
        }
        let sealing_proof = fields.bytes(usize::from(proof))?.to_vec();
        let [keys] = fields.take()?;
        if usize::from(keys) > SEALING_KEYS_MAX {
            return Err(HeadFlaw::Value("number of sealing keys"));
        }
        let mut sealed_by = Vec::with_capacity(usize::from(keys));
        for _ in 0..keys {
            sealed_by.push(SealingKeyId(fields.take()?));
        }
        let clock_floor = Timestamp::from_ms(fields.u64()?);
        let [count] = fields.take()?;
        if usize::from(count) > GENERATIONS_MAX {
            return Err(HeadFlaw::Value("number of generations"));
        }
        let mut generations = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            generations.push(fields.generation()?);
        }
        if !fields.0.is_empty() {
            return Err(HeadFlaw::Long);
        }
        Ok(Self {
            instance,
            install_key,
            development: development == 1,
            unlogged: unlogged == 1,
            sealing_proof,
            sealed_by,
            clock_floor,
            generations,
        })
    }
}

fn bounded<N: TryFrom<usize>>(value: usize, max: usize, what: &'static str) -> Result<N, HeadFlaw> {
    let value = Some(value).filter(|value| *value <= max);
    value
        .and_then(|value| N::try_from(value).ok())
        .ok_or(HeadFlaw::Value(what))
}

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], HeadFlaw> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(HeadFlaw::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn generation(&mut self) -> Result<Generation, HeadFlaw> {
        let number = self.number("number of a generation")?;
        let position = self.number("position of a generation")?;
        let [unlogged] = self.take()?;
        if unlogged > 1 {
            return Err(HeadFlaw::Value("mark"));
        }
        let count = usize::from(u16::from_le_bytes(self.take()?));
        // A number is believed only as far as there are bytes for it.
        if count > IMAGES_MAX || count * IMAGE_BYTES_MIN > self.0.len() {
            return Err(HeadFlaw::Value("number of images"));
        }
        let mut images = Vec::with_capacity(count);
        for _ in 0..count {
            let [len] = self.take()?;
            let name = std::str::from_utf8(self.bytes(usize::from(len))?)
                .ok()
                .filter(|name| name.len() <= NAME_BYTES_MAX)
                .ok_or(HeadFlaw::Value("name of an image"))?;
            images.push(ImageEntry {
                name: name.to_owned(),
                size: self.number("size of an image")?,
                digest: self.take()?,
                records: self.u64()?,
                position: self.number("position of an image")?,
            });
        }
        Ok(Generation {
            number,
            position,
            unlogged: unlogged == 1,
            images,
        })
    }
}

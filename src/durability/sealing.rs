//! Secrets that must be read again (one-time-password seeds, private keys), sealed under a key that
//! is not in the data directory. Source: R13, I9.
//!
//! AES-256-GCM; what is sealed is bound to its name, so that it opens nowhere else, and says by which key.
//! There may be several keys: the first one seals, all of them open ([`SealingKeys`]). Invariants: neither key
//! nor contents are in any error or `Debug`; nothing is returned of what does not open.

mod keys;

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use parking_lot::RwLock;
use zeroize::Zeroizing;

pub use self::keys::{SEALING_KEYS_MAX, SealingKeys};
use super::directory::sync_name;
use super::format::InstanceId;
use crate::entropy::{Entropy, SharedEntropy, random};

const KEY_BYTES: usize = 32;
/// The first byte of what is sealed: AES-256-GCM with a random nonce.
const SCHEME: u8 = 1;
/// Bytes of a key's id.
const KEY_ID_BYTES: usize = 8;
/// The longest thing that is sealed.
pub const SEALED_BYTES_MAX: usize = 64 << 10;

/// What is sealed, and of whom: it opens under the same name only.
#[derive(Clone, Copy, Debug)]
pub struct SealedName<'a> {
    /// The data directory.
    pub instance: InstanceId,
    /// What it is, for people: "one-time-password seed".
    pub what: &'static str,
    /// Which one, for people and machines: the account's number, the key's id.
    pub of: &'a str,
}

impl SealedName<'_> {
    /// Unambiguous: the parts cannot run into each other.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"sessile sealed 1\0".to_vec();
        bytes.extend_from_slice(&self.instance.0);
        for part in [self.what, self.of] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

impl fmt::Display for SealedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of {}", self.what, self.of)
    }
}

/// Why something was not sealed or opened, or why there is no key to do so.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Another key, or damage: they cannot be told apart.
    #[error(
        "{0} does not open: the sealing key is another one, or it is damaged; restore the key or a backup"
    )]
    DoesNotOpen(String),
    /// By a key that is not there.
    #[error(
        "{0} was sealed by the key {1}, and the sealing key file has only {2}: add that key as another line, or restore \
         a backup"
    )]
    AnotherKey(String, SealingKeyId, String),
    /// Keys that are needed are not there.
    #[error(
        "something on disk is sealed by the key {0}, which is not in the sealing key file (it has {1}): add that key as \
         another line; once nothing needs it any more, the node says so"
    )]
    Lacks(SealingKeyId, String),
    /// It could not be sealed.
    #[error("{0} cannot be sealed: {1}")]
    NotSealed(String, &'static str),
    /// It does not even look like something sealed.
    #[error("{0} is nothing that was sealed")]
    NotSealedRight(String),
    /// The key file could not be read.
    #[error("{0}: {1}: give the sealing key with --sealing-key-file")]
    File(PathBuf, std::io::Error),
    /// A key file could not be made.
    #[error("{0}: {1}: a new sealing key needs a place where no file is yet")]
    NotMade(PathBuf, std::io::Error),
    /// Others may read the key file.
    #[error("{0} has mode {1:04o}, so others can reach it: chmod 0600 it")]
    Mode(PathBuf, u32),
    /// The key file is something else than a file.
    #[error("{0} is no file: give a file with the sealing key with --sealing-key-file")]
    NoFile(PathBuf),
    /// The key file holds something else.
    #[error(
        "{0} holds no sealing key (32 bytes, in hexadecimal or base64): make one with `sessile keys new-sealing-key`"
    )]
    NoKey(PathBuf),
    /// It holds a key that nobody drew.
    #[error(
        "{0} holds a sample, which anybody may know, and no key: make one with `sessile keys new-sealing-key`"
    )]
    Sample(PathBuf),
    /// A line of the key file holds something else.
    #[error(
        "line {1} of {0} {2}: one key a line (32 bytes, in hexadecimal or base64), the one that seals first"
    )]
    Line(PathBuf, usize, &'static str),
}

/// By which a key is known: a digest of it, of which nothing leads back.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealingKeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Display for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SealingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeyId({self})")
    }
}

/// By which key something was sealed; `None` if it is nothing that was sealed.
#[must_use]
pub fn sealed_by(sealed: &[u8]) -> Option<SealingKeyId> {
    let (scheme, rest) = sealed.split_first()?;
    let id = rest.first_chunk().filter(|_| *scheme == SCHEME)?;
    Some(SealingKeyId(*id))
}

/// A sealing key.
pub struct SealingKey {
    id: SealingKeyId,
    key: LessSafeKey,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl SealingKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the cipher's length");
        let digest = blake3::derive_key("sessile 2026-11 id of a sealing key", bytes);
        let id = digest.first_chunk().copied().unwrap_or_default();
        Self {
            id: SealingKeyId(id),
            key: LessSafeKey::new(key),
        }
    }

    /// By which it is known.
    #[must_use]
    pub fn id(&self) -> SealingKeyId {
        self.id
    }

    /// Makes a file with a new key, readable by its owner only; a file that is there is left alone.
    pub fn create(path: &Path, entropy: &dyn Entropy) -> Result<(), SealingError> {
        let failed = |error| SealingError::NotMade(path.to_owned(), error);
        let key: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(
            random(entropy).map_err(|_| failed(std::io::Error::other("no random bytes")))?,
        );
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
        for byte in key.iter() {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        // Whole before it has its name, which is durable before anything is sealed by it.
        let mut fresh = path.as_os_str().to_owned();
        fresh.push(".new");
        let make = || {
            if let Err(error) = std::fs::remove_file(&fresh)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut options = File::options();
            let options = options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            let named = std::fs::hard_link(&fresh, path);
            std::fs::remove_file(&fresh)?;
            named?;
            sync_name(path)
        };
        make().map_err(failed)
    }

    /// Seals `plain` under its name.
    pub fn seal(
        &self,
        entropy: &dyn Entropy,
        name: &SealedName<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealingError> {
        let failed = |why| SealingError::NotSealed(name.to_string(), why);
        if plain.len() > SEALED_BYTES_MAX {
            return Err(failed("it is too long"));
        }
        let nonce: [u8; NONCE_LEN] =
            random(entropy).map_err(|_| failed("the system gave no random bytes"))?;
        // With its whole room at once: growing would leave a copy of the secret behind.
        let tag = AES_256_GCM.tag_len();
        let mut inside = Zeroizing::new(Vec::with_capacity(plain.len() + tag));
        inside.extend_from_slice(plain);
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(unique, Aad::from(name.bytes()), &mut *inside)
            .map_err(|_| failed("the cipher refused"))?;
        Ok([&[SCHEME], &self.id.0[..], &nonce, &inside].concat())
    }

    /// Opens what was sealed under this name.
    pub fn open(
        &self,
        name: &SealedName<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let failed = || SealingError::DoesNotOpen(name.to_string());
        if sealed_by(sealed) != Some(self.id) {
            return Err(failed());
        }
        let rest = sealed.get(1 + KEY_ID_BYTES..).unwrap_or_default();
        let (nonce, inside) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(failed)?;
        if inside.len() > SEALED_BYTES_MAX + AES_256_GCM.tag_len() {
            return Err(failed());
        }
        let mut inside = Zeroizing::new(inside.to_vec());
        let unique = Nonce::assume_unique_for_key(*nonce);
        let len = self
            .key
            .open_in_place(unique, Aad::from(name.bytes()), &mut inside)
            .map_err(|_| failed())?
            .len();
        inside.truncate(len);
        Ok(inside)
    }
}

/// Seals and opens for one data directory.
pub struct Sealer {
    instance: InstanceId,
    keys: RwLock<Arc<SealingKeys>>,
    entropy: SharedEntropy,
}

/// What the manifest's proof is called.
const PROOF: &str = "proof of the sealing key";
/// What it seals.
const PROVEN: &[u8] = b"sessile";

impl Sealer {
    /// The sealer of this directory, by these keys; nonces come from there.
    #[must_use]
    pub fn new(instance: InstanceId, keys: impl Into<SealingKeys>, entropy: SharedEntropy) -> Self {
        let keys = RwLock::new(Arc::new(keys.into()));
        Self {
            instance,
            keys,
            entropy,
        }
    }

    /// The keys, the one that seals first.
    #[must_use]
    pub fn keys(&self) -> Arc<SealingKeys> {
        self.keys.read().clone()
    }

    /// Seals and opens by these from now on. Who is sealing by another one at this instant may still do so.
    pub fn replace_keys(&self, keys: SealingKeys) {
        *self.keys.write() = Arc::new(keys);
    }

    /// Something sealed that only the key opens that seals.
    pub fn proof(&self) -> Result<Vec<u8>, SealingError> {
        self.seal(PROOF, "this data directory", PROVEN)
    }

    /// Whether one of the keys is that by which the proof was sealed.
    pub fn open_proof(&self, sealed: &[u8]) -> Result<(), SealingError> {
        self.open(PROOF, "this data directory", sealed).map(drop)
    }

    /// Whether one of these other keys is that by which the proof was sealed.
    pub fn would_open_proof(&self, keys: &SealingKeys, sealed: &[u8]) -> Result<(), SealingError> {
        let name = self.name(PROOF, "this data directory");
        keys.open(&name, sealed).map(drop)
    }

    fn name<'a>(&self, what: &'static str, of: &'a str) -> SealedName<'a> {
        let instance = self.instance;
        SealedName { instance, what, of }
    }

    /// Seals `plain` as this of that.
    pub fn seal(
        &self,
        what: &'static str,
        of: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealingError> {
        let keys = self.keys();
        keys.first()
            .seal(&*self.entropy, &self.name(what, of), plain)
    }

    /// Opens what was sealed as this of that.
    pub fn open(
        &self,
        what: &'static str,
        of: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        self.keys().open(&self.name(what, of), sealed)
    }
}

/// Opens what is sealed, or stands for it.
pub trait Unseal {
    /// The contents of what was sealed as this of that.
    fn unseal(
        &self,
        what: &'static str,
        of: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError>;
}

impl Unseal for Sealer {
    fn unseal(
        &self,
        what: &'static str,
        of: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        self.open(what, of, sealed)
    }
}

/// For whoever has no key and only looks: zeros, as many as there are bytes sealed.
#[derive(Clone, Copy, Debug)]
pub struct Unopened;

impl Unseal for Unopened {
    fn unseal(
        &self,
        what: &'static str,
        of: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let around = 1 + KEY_ID_BYTES + NONCE_LEN + AES_256_GCM.tag_len();
        let inside = sealed.len().checked_sub(around);
        let inside = inside.filter(|_| sealed.first() == Some(&SCHEME));
        let len = inside.ok_or_else(|| SealingError::NotSealedRight(format!("the {what} of {of}")));
        len.map(|len| Zeroizing::new(vec![0; len]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::{EntropyFailed, SystemEntropy};

    const SEED: &[u8] = b"twenty bytes of seed";

    fn name(of: &str) -> SealedName<'_> {
        SealedName {
            instance: InstanceId([1; 16]),
            what: "one-time-password seed",
            of,
        }
    }

    fn sealed() -> (SealingKey, Vec<u8>) {
        let key = SealingKey::new(&[5; 32]);
        let sealed = key.seal(&SystemEntropy, &name("account 17"), SEED);
        (key, sealed.unwrap())
    }

    #[test]
    fn what_was_sealed_opens_under_its_name_and_key_only() {
        let (key, sealed) = sealed();
        let of = name("account 17");
        assert_eq!(&key.open(&of, &sealed).unwrap()[..], SEED);
        assert!(!sealed.windows(SEED.len()).any(|window| window == SEED));
        let elsewhere = [
            name("account 18"),
            SealedName {
                what: "private key",
                ..of
            },
            SealedName {
                instance: InstanceId([2; 16]),
                ..of
            },
        ];
        for other in elsewhere {
            assert!(key.open(&other, &sealed).is_err(), "{other}");
        }
        let refused = SealingKey::new(&[6; 32]).open(&of, &sealed).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the one-time-password seed of account 17 does not open: the sealing key is another one, \
             or it is damaged; restore the key or a backup"
        );
        assert_eq!(format!("{key:?}"), format!("SealingKey({})", key.id()));
        assert_eq!(sealed_by(&sealed), Some(key.id()));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let (key, sealed) = sealed();
        for len in 0..sealed.len() {
            assert!(key.open(&name("account 17"), &sealed[..len]).is_err());
        }
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&name("account 17"), &flipped).is_err(), "{bit}");
        }
    }

    #[test]
    fn nothing_is_sealed_twice_alike_nor_without_randomness() {
        struct Dry;
        impl Entropy for Dry {
            fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
                Err(EntropyFailed)
            }
        }
        assert_ne!(sealed().1, sealed().1);
        let key = SealingKey::new(&[5; 32]);
        assert!(key.seal(&Dry, &name("a"), SEED).is_err());
        let long = vec![0; SEALED_BYTES_MAX + 1];
        assert!(key.seal(&SystemEntropy, &name("a"), &long).is_err());
    }

    #[test]
    fn a_key_file_is_made_whole_beside_what_an_interrupted_attempt_left_and_never_over_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let left = directory.path().join("key.new");
        std::fs::write(&left, b"half a k").unwrap();
        SealingKey::create(&path, &SystemEntropy).unwrap();
        SealingKeys::read(&path).unwrap();
        let made = std::fs::read(&path).unwrap();
        let refused = SealingKey::create(&path, &SystemEntropy);
        assert!(matches!(refused, Err(SealingError::NotMade(..))));
        assert_eq!(std::fs::read(&path).unwrap(), made);
        assert!(!left.exists());
    }
}

//! Secrets that leave the process once, and the digests that are kept of them.
//!
//! Invariants: a secret's `Debug` shows nothing; a secret is wiped when dropped; what is kept is a
//! keyed BLAKE3 digest, so whoever holds a copy of the tables holds no token. The digest does not
//! depend on the surface (R25). Source: I9, ADR 5.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::id::{ClientId, HandoffId, SessionId};

/// The longest opaque credential that is looked at; longer ones are unknown without hashing.
pub const CREDENTIAL_BYTES_MAX: usize = 256;

/// A secret in its text form, as the client will hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// A 32-digit lower-case hexadecimal secret from 16 random bytes. Source: M-30.
    #[must_use]
    pub fn hex(random: [u8; 16]) -> Self {
        Self::new(format!("{:032x}", u128::from_be_bytes(random)))
    }

    /// A version-4 UUID from 16 random bytes. Source: X-21.
    #[must_use]
    pub fn uuid_v4(random: [u8; 16]) -> Self {
        Self::new(
            uuid::Builder::from_random_bytes(random)
                .into_uuid()
                .hyphenated()
                .to_string(),
        )
    }

    /// 32 random bytes in base64url, 43 characters.
    #[must_use]
    pub fn base64url(random: [u8; 32]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(random))
    }

    /// The hand-off token of a session: its family and 32 random bytes, base64url. Source: R6.
    #[must_use]
    pub fn handoff(session: SessionId, random: [u8; 32]) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 36]);
        let (family, rest) = bytes.split_at_mut(4);
        family.copy_from_slice(&session.family());
        rest.copy_from_slice(&random);
        Self::new(URL_SAFE_NO_PAD.encode(&bytes[..]))
    }

    /// The secret of a browser's client: its id and 24 secret bytes, base64url, 54 characters. Source: R7.
    #[must_use]
    pub fn client(id: ClientId, secret: [u8; 24]) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 40]);
        let (name, rest) = bytes.split_at_mut(16);
        name.copy_from_slice(id.as_bytes());
        rest.copy_from_slice(&secret);
        Self::new(URL_SAFE_NO_PAD.encode(&bytes[..]))
    }

    /// An i3D key: 24 letters and digits, of 32 random bytes. Source: R8.
    #[must_use]
    pub fn letters_and_digits(random: [u8; 32]) -> Self {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        // Each half has 128 bits and gives 12 digits, which is 72 bits: how uneven they are is below
        // anything that can be noticed.
        let mut text = String::with_capacity(24);
        for half in random.chunks(16) {
            let mut number = half.iter().fold(0_u128, |n, b| n << 8 | u128::from(*b));
            for _ in 0..12 {
                let digit = usize::try_from(number % 62).unwrap_or(0);
                text.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'0')));
                number /= 62;
            }
        }
        Self::new(text)
    }

    /// The text, for the one answer that hands it out.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The key under which secrets are digested: random per data directory. Whoever has it still has no token.
#[derive(Clone)]
pub struct InstallKey(Zeroizing<[u8; 32]>);

impl InstallKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The id of the session whose secret this is. Source: ADR 5.
    #[must_use]
    pub fn session_id(&self, secret: &[u8]) -> SessionId {
        SessionId::from_bytes(self.digest16(secret))
    }

    /// The id of a hand-off token, or `None` if the text cannot be one (then it is unknown).
    #[must_use]
    pub fn handoff_id(&self, secret: &[u8]) -> Option<HandoffId> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
        let family = bytes.first_chunk::<4>().filter(|_| bytes.len() == 36)?;
        let mut id = self.digest16(secret);
        id.first_chunk_mut::<4>()?.copy_from_slice(family);
        Some(HandoffId::from_bytes(id))
    }

    /// The id of the client whose secret this text is, or `None` if it cannot be one. Whether the
    /// secret is right is still to be seen.
    #[must_use]
    pub fn client_id(secret: &[u8]) -> Option<ClientId> {
        if secret.len() != 54 {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(secret).ok()?);
        bytes
            .first_chunk::<16>()
            .map(|id| ClientId::from_bytes(*id))
    }

    /// The secret by which a client that was never signed in proves itself: nothing is kept of it,
    /// it follows from the id. Source: R7.
    #[must_use]
    pub fn anonymous_client(&self, id: ClientId) -> Secret {
        let key = Zeroizing::new(blake3::derive_key(
            "sessile 2026-11 anonymous clients",
            &*self.0,
        ));
        let hash = blake3::keyed_hash(&key, id.as_bytes());
        let secret = hash.as_bytes().first_chunk::<24>().copied();
        Secret::client(id, secret.unwrap_or_default())
    }

    /// The full digest of a long-lived secret such as an API key's.
    #[must_use]
    pub fn digest(&self, secret: &[u8]) -> Digest {
        Digest(blake3::keyed_hash(&self.0, secret))
    }

    /// What is kept of a name or an address whose failures are counted: each kind of count has digests of
    /// its own, and none is a credential's. Source: R26.
    #[must_use]
    pub fn guess_mark(&self, kind: &str, parts: &[&[u8]]) -> [u8; 16] {
        let key = blake3::derive_key("sessile 2026-11 counted guesses", &*self.0);
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let hash = hasher.finalize();
        hash.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    fn digest16(&self, secret: &[u8]) -> [u8; 16] {
        let hash = blake3::keyed_hash(&self.0, secret);
        hash.as_bytes()
            .first_chunk::<16>()
            .copied()
            .unwrap_or_default()
    }
}

impl fmt::Debug for InstallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallKey(..)")
    }
}

/// What is kept of a secret. Comparison takes the same time wherever the difference lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest(blake3::Hash);

impl Digest {
    /// The digest with these bytes, as they were kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(blake3::Hash::from_bytes(bytes))
    }

    /// The 32 bytes of the digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret_or_a_key() {
        let secret = Secret::hex([7; 16]);
        let key = InstallKey::new([9; 32]);
        let shown = format!(
            "{secret:?} {key:?} {:?}",
            key.digest(secret.reveal().as_bytes())
        );
        assert_eq!(shown, "Secret(..) InstallKey(..) Digest(..)");
    }

    #[test]
    fn secrets_have_the_shapes_of_their_contracts() {
        assert_eq!(Secret::hex([0xab; 16]).reveal(), "ab".repeat(16));
        let uuid = Secret::uuid_v4([0xff; 16]);
        assert_eq!(uuid.reveal(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_client_secret_names_its_client_and_an_anonymous_one_follows_from_the_id() {
        let (key, other) = (InstallKey::new([1; 32]), InstallKey::new([2; 32]));
        let id = ClientId::from_bytes([5; 16]);
        let secret = Secret::client(id, [7; 24]);
        assert_eq!(InstallKey::client_id(secret.reveal().as_bytes()), Some(id));
        let anonymous = key.anonymous_client(id);
        assert_eq!(
            InstallKey::client_id(anonymous.reveal().as_bytes()),
            Some(id)
        );
        assert_eq!(anonymous, key.anonymous_client(id));
        assert_ne!(anonymous, other.anonymous_client(id));
        assert_ne!(anonymous, secret);
        for bad in [
            "",
            "AAAA",
            &"A".repeat(53),
            &"A".repeat(55),
            &"!".repeat(54),
        ] {
            assert_eq!(InstallKey::client_id(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn an_i3d_key_has_24_letters_and_digits() {
        for byte in [0, 1, 127, 255] {
            let key = Secret::letters_and_digits([byte; 32]);
            assert_eq!(key.reveal().len(), 24);
            assert!(key.reveal().bytes().all(|b| b.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn a_handoff_token_lies_in_the_slot_of_its_session() {
        let key = InstallKey::new([1; 32]);
        let session = SessionId::from_bytes(*b"familyxxxxxxxxxx");
        let token = Secret::handoff(session, [3; 32]);
        assert_eq!(token.reveal().len(), 48);
        let id = key
            .handoff_id(token.reveal().as_bytes())
            .map(|id| id.family());
        assert_eq!(id, Some(session.family()));
        for bad in [
            "",
            "AAAA",
            "not base64url!",
            &"A".repeat(47),
            &"A".repeat(49),
        ] {
            assert!(key.handoff_id(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}

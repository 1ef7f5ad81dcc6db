//! The keys of a node, as its sealing key file has them: one a line, the first one seals, all of them open.
//!
//! So a key can be changed while the node runs: the new one comes first, the old one stays until nothing on
//! disk needs it. Invariant: there is at least one, and none twice.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::{KEY_BYTES, SealedName, SealingError, SealingKey, SealingKeyId, sealed_by};
use crate::entropy::is_made_up;

/// Keys that a file may have.
pub const SEALING_KEYS_MAX: usize = 4;
/// The longest key file: for each key 64 digits and a little white space.
const KEY_FILE_BYTES_MAX: u64 = 128 * SEALING_KEYS_MAX as u64;

/// Sealing keys, of which the first one seals.
#[derive(Debug)]
pub struct SealingKeys {
    first: SealingKey,
    others: Vec<SealingKey>,
}

impl From<SealingKey> for SealingKeys {
    fn from(first: SealingKey) -> Self {
        let others = Vec::new();
        Self { first, others }
    }
}

impl SealingKeys {
    /// Reads a key file: one key a line, each 32 bytes as 64 hexadecimal digits or as base64 of either alphabet,
    /// with white space around them; readable by its owner only.
    pub fn read(path: &Path) -> Result<Self, SealingError> {
        let failed = |error| SealingError::File(path.to_owned(), error);
        // A pipe without a writer would hold the start up for ever.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options()
            .read(true)
            .custom_flags(nonblock)
            .open(path)
            .map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !about.is_file() {
            return Err(SealingError::NoFile(path.to_owned()));
        }
        let mode = about.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SealingError::Mode(path.to_owned(), mode));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
        file.take(KEY_FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let no_key = || SealingError::NoKey(path.to_owned());
        let text = std::str::from_utf8(&bytes).map_err(|_| no_key())?;
        if text.len() as u64 > KEY_FILE_BYTES_MAX {
            return Err(no_key());
        }
        let lines = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()));
        let lines: Vec<_> = lines.filter(|(_, line)| !line.is_empty()).collect();
        let wrong = |at, why| SealingError::Line(path.to_owned(), at, why);
        let mut keys: Option<Self> = None;
        for (at, line) in &lines {
            let key = key_of(line).ok_or_else(|| match lines.len() {
                1 => no_key(),
                _ => wrong(*at, "is no sealing key"),
            })?;
            if is_made_up(&*key) {
                return Err(SealingError::Sample(path.to_owned()));
            }
            let key = SealingKey::new(&key);
            match &mut keys {
                None => keys = Some(key.into()),
                Some(keys) if keys.has(key.id()) => {
                    return Err(wrong(*at, "has a key that stands there already"));
                }
                Some(keys) if keys.others.len() + 1 == SEALING_KEYS_MAX => {
                    return Err(wrong(*at, "is one too many: at most four keys"));
                }
                Some(keys) => keys.others.push(key),
            }
        }
        keys.ok_or_else(no_key)
    }

    /// These, and then this one.
    #[must_use]
    pub fn and(mut self, key: SealingKey) -> Self {
        if !self.has(key.id()) {
            self.others.push(key);
        }
        self
    }

    /// The one that seals.
    #[must_use]
    pub fn first(&self) -> &SealingKey {
        &self.first
    }

    /// By which they are known, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = SealingKeyId> {
        std::iter::once(&self.first)
            .chain(&self.others)
            .map(SealingKey::id)
    }

    /// Whether there is one that is known by this.
    #[must_use]
    pub fn has(&self, id: SealingKeyId) -> bool {
        self.ids().any(|known| known == id)
    }

    /// Whether all of these are there; the error names one that is not.
    pub fn must_have(&self, ids: &[SealingKeyId]) -> Result<(), SealingError> {
        match ids.iter().find(|id| !self.has(**id)) {
            Some(id) => Err(SealingError::Lacks(*id, self.names())),
            None => Ok(()),
        }
    }

    /// Opens what was sealed under this name, by the key that sealed it.
    pub fn open(
        &self,
        name: &SealedName<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let by = sealed_by(sealed);
        let id = by.ok_or_else(|| SealingError::NotSealedRight(name.to_string()))?;
        let mut keys = std::iter::once(&self.first).chain(&self.others);
        match keys.find(|key| key.id() == id) {
            Some(key) => key.open(name, sealed),
            None => Err(SealingError::AnotherKey(name.to_string(), id, self.names())),
        }
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.ids().map(|id| id.to_string()).collect();
        names.join(", ")
    }
}

fn key_of(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if text.len() == 2 * KEY_BYTES {
        let mut digits = text.chars().map(|digit| digit.to_digit(16));
        for byte in key.iter_mut() {
            let value = digits.next()?? * 16 + digits.next()??;
            *byte = u8::try_from(value).ok()?;
        }
        return Some(key);
    }
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    // One byte more than is wanted, so that a longer key is seen; the decoder asks for whole groups.
    let mut room = Zeroizing::new([0_u8; 3 * KEY_BYTES]);
    for letters in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
        let engine = GeneralPurpose::new(letters, lenient);
        if let Ok(len) = engine.decode_slice(text, &mut room[..])
            && len == KEY_BYTES
        {
            key.copy_from_slice(room.get(..len)?);
            return Some(key);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use base64::engine::general_purpose;

    use super::*;
    use crate::durability::format::InstanceId;
    use crate::entropy::SystemEntropy;

    const SEED: &[u8] = b"twenty bytes of seed";

    fn name(of: &str) -> SealedName<'_> {
        SealedName {
            instance: InstanceId([1; 16]),
            what: "one-time-password seed",
            of,
        }
    }

    #[test]
    fn a_key_file_is_hexadecimal_or_base64_and_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode).unwrap();
        };
        // Bits that show the letters which the two alphabets write differently.
        let key = *b"\xfb\xff\xbf7a key of thirty-two bytes.\xfe\xff";
        let sealed = SealingKey::new(&key)
            .seal(&SystemEntropy, &name("a"), SEED)
            .unwrap();
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let standard = general_purpose::STANDARD.encode(key);
        assert!(
            standard.contains('/') && standard.contains('+'),
            "{standard}"
        );
        for text in [
            digits.clone(),
            format!("  {}\n", digits.to_uppercase()),
            standard.clone(),
            standard.trim_end_matches('=').to_owned() + "\n",
            standard.replace('/', "_").replace('+', "-"),
        ] {
            for mode in [0o600, 0o400] {
                write(&text, mode);
                let key = SealingKeys::read(&path).unwrap();
                assert_eq!(&key.open(&name("a"), &sealed).unwrap()[..], SEED, "{text}");
                let again = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(&path, again).unwrap();
            }
        }
        for text in [
            "",
            "ff",
            &"ff".repeat(31),
            &"fg".repeat(32),
            &"ff".repeat(33),
            &"A".repeat(60),
            &" ".repeat(200),
        ] {
            write(text, 0o600);
            let refused = SealingKeys::read(&path).unwrap_err();
            assert!(
                matches!(refused, SealingError::NoKey(_)),
                "{text}: {refused}"
            );
        }
        write(&"5a".repeat(32), 0o600);
        let refused = SealingKeys::read(&path).unwrap_err();
        assert!(matches!(refused, SealingError::Sample(_)), "{refused}");
        write(&digits, 0o640);
        let refused = SealingKeys::read(&path).unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with("has mode 0640, so others can reach it: chmod 0600 it")
        );
        assert!(matches!(
            SealingKeys::read(&directory.path().join("none")),
            Err(SealingError::File(..))
        ));
    }

    #[test]
    fn a_file_may_have_several_keys_of_which_the_first_seals_and_all_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
            SealingKeys::read(&path)
        };
        // As if they had been drawn by chance.
        let bytes = |n: u8| *blake3::hash(&[n]).as_bytes();
        let digits = |n: u8| blake3::hash(&[n]).to_hex().to_string();
        let key = |n: u8| SealingKey::new(&bytes(n));
        let read = write(&format!(
            "\n{}\r\n  {}  \n\n{}",
            digits(2),
            digits(1),
            digits(3)
        ))
        .unwrap();
        let ids: Vec<_> = read.ids().collect();
        assert_eq!(ids, [2, 1, 3].map(|n| key(n).id()));
        assert_eq!(read.first().id(), key(2).id());
        for n in 1..=3 {
            let sealed = key(n).seal(&SystemEntropy, &name("a"), SEED).unwrap();
            assert_eq!(&read.open(&name("a"), &sealed).unwrap()[..], SEED);
            assert!(read.open(&name("b"), &sealed).is_err());
        }
        let sealed = key(4).seal(&SystemEntropy, &name("a"), SEED).unwrap();
        let refused = read.open(&name("a"), &sealed).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("by the key {}", key(4).id()))
                && refused.contains(&key(1).id().to_string()),
            "{refused}"
        );
        assert!(read.must_have(&[key(1).id(), key(3).id()]).is_ok());
        assert!(matches!(
            read.must_have(&[key(1).id(), key(4).id()]),
            Err(SealingError::Lacks(id, _)) if id == key(4).id()
        ));
        for (text, line) in [
            (format!("{}\n{}", digits(1), "x"), 2),
            (format!("x\n{}", digits(1)), 1),
            (format!("{}\n\n{}", digits(1), digits(1)), 3),
            (format!("{} {}\n{}", digits(1), digits(2), digits(3)), 1),
            ((1..=5).map(digits).collect::<Vec<_>>().join("\n"), 5),
        ] {
            let refused = write(&text).unwrap_err();
            assert!(
                matches!(refused, SealingError::Line(_, at, _) if at == line),
                "{line}: {refused}"
            );
            assert!(!refused.to_string().contains(&digits(1)), "no key");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        for path in [&path, directory.path(), Path::new("/dev/null")] {
            let refused = SealingKeys::read(path).unwrap_err();
            assert!(matches!(refused, SealingError::NoFile(_)), "{refused}");
        }
        let binary = directory.path().join("binary");
        std::fs::write(&binary, [0xff; 32]).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o600)).unwrap();
        let refused = SealingKeys::read(&binary).unwrap_err();
        assert!(matches!(refused, SealingError::NoKey(_)), "{refused}");
    }
}

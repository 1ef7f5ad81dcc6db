//! Argon2id: what it costs, what stands in for no hash, and the comparison of a password with a hash.
//!
//! It must never know threads or queues. Invariants: with a hash or without one a comparison costs the same; it works in
//! memory that its caller keeps, so that whoever compares over and over asks the system for nothing.

use argon2::password_hash::phc::{Output, PasswordHash as Phc};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use zeroize::Zeroizing;

use crate::session::account::PasswordHash;

/// Memory in KiB, passes, lanes: OWASP's first choice, ASVS 11.4.2.
#[cfg(not(feature = "testing"))]
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Cheap, so that tests log in by the thousand. Refused by release builds.
#[cfg(feature = "testing")]
const COST: (u32, u32, u32) = (8, 1, 1);

/// Stands in for the hash of an account that has none. No password fits it: nobody knows a
/// preimage of the constant.
#[cfg(not(feature = "testing"))]
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2Vzc2lsZSBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
#[cfg(feature = "testing")]
const NOBODY: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2Vzc2lsZSBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password, and what it is to fit: no password fits where there is no hash. Wiped when it is dropped.
pub(super) struct Comparison {
    pub(super) password: Zeroizing<String>,
    pub(super) hash: Option<PasswordHash>,
}

impl Comparison {
    /// Whether the password fits. What is no hash fits nothing.
    pub(super) fn fits(&self, memory: &mut Memory) -> bool {
        let phc = self.hash.as_ref().map_or(NOBODY, |hash| &hash.0);
        let fits = compare(self.password.as_bytes(), phc, memory);
        fits == Some(true) && self.hash.is_some()
    }
}

/// What Argon2 works in: as much as a hash of [`COST`] takes, from the first use on.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        self.0.get_mut(..blocks).unwrap_or_default()
    }

    /// Gives back what a hash of a higher cost took.
    fn settle(&mut self) {
        let usual = params().block_count();
        if self.0.len() > usual {
            self.0.truncate(usual);
            self.0.shrink_to_fit();
        }
    }
}

/// Hashes a password with this salt, as accounts are given it.
pub(super) fn hash(password: &str, salt: &[u8; 16]) -> Option<PasswordHash> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params());
    let hash = argon2.hash_password_with_salt(password.as_bytes(), salt);
    Some(PasswordHash(hash.ok()?.to_string().into()))
}

fn params() -> Params {
    Params::new(COST.0, COST.1, COST.2, None).unwrap_or(Params::DEFAULT)
}

/// Hashes as that hash was made, and compares: in constant time, which is what [`Output`] does.
fn compare(password: &[u8], phc: &str, memory: &mut Memory) -> Option<bool> {
    let phc = Phc::new(phc).ok()?;
    let (salt, wanted) = (phc.salt.as_ref()?, phc.hash.as_ref()?);
    let algorithm = Algorithm::try_from(phc.algorithm.as_str()).ok()?;
    let version = phc.version.map(Version::try_from).transpose().ok()?;
    let params = Params::try_from(&phc).ok()?;
    let blocks = params.block_count();
    let argon2 = Argon2::new(algorithm, version.unwrap_or_default(), params);
    let mut found = Zeroizing::new([0; Output::MAX_LENGTH]);
    let found = found.get_mut(..wanted.as_ref().len())?;
    let hashed =
        argon2.hash_password_into_with_memory(password, salt.as_ref(), found, memory.of(blocks));
    memory.settle();
    hashed.ok()?;
    Some(Output::new(found).ok()? == *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(password: &str, phc: &str) -> Comparison {
        Comparison {
            password: Zeroizing::new(password.to_owned()),
            hash: Some(PasswordHash(phc.into())),
        }
    }

    #[test]
    fn the_stand_in_for_no_hash_costs_what_a_real_one_costs() {
        let hash = Phc::new(NOBODY).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), COST);
    }

    #[test]
    fn a_hash_made_by_an_older_release_of_the_library_still_fits() {
        // Made with argon2 0.5: password "hunter42", cost m=19456 t=2 p=1.
        let old = include_str!("../../tests/vectors/argon2-0.5.phc").trim();
        let mut memory = Memory::default();
        assert!(comparison("hunter42", old).fits(&mut memory));
        assert!(!comparison("hunter43", old).fits(&mut memory));
    }

    #[test]
    fn memory_that_was_used_before_changes_nothing_and_does_not_grow() {
        let (usual, dear) = (
            hash("correct horse 1", &[7; 16]).unwrap(),
            include_str!("../../tests/vectors/argon2-0.5.phc").trim(),
        );
        let mut memory = Memory::default();
        for _ in 0..3 {
            assert!(comparison("correct horse 1", &usual.0).fits(&mut memory));
            assert!(!comparison("correct horse 2", &usual.0).fits(&mut memory));
            assert!(comparison("hunter42", dear).fits(&mut memory));
            assert_eq!(memory.0.len(), params().block_count());
        }
    }

    #[test]
    fn it_says_what_the_library_says() {
        use argon2::PasswordVerifier;
        let right = hash("correct horse 1", &[7; 16]).unwrap().0.to_string();
        let (head, output) = right.rsplit_once('$').unwrap();
        let without_version = right.replace("$v=19", "");
        for phc in [
            right.as_str(),
            without_version.as_str(),
            &right.replace("argon2id", "argon2i"),
            &right.replace("argon2id", "scrypt"),
            &right.replace("v=19", "v=16"),
            &right.replace("v=19", "v=7"),
            &format!("{head}${}", output.get(..output.len() - 8).unwrap()),
            head,
            "",
            "$argon2id$",
        ] {
            for password in ["correct horse 1", "correct horse 2", ""] {
                let library = Argon2::default().verify_password(password.as_bytes(), phc);
                let fits = comparison(password, phc).fits(&mut Memory::default());
                assert_eq!(fits, library.is_ok(), "{password:?} and {phc}");
            }
        }
    }
}

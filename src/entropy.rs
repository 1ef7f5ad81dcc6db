//! Randomness as a port. Secrets come from the operating system and from nowhere else: if it
//! fails, nothing is issued, and no weaker source stands in.

use std::sync::Arc;

/// Where random bytes come from.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes`. An error means that nothing may be issued.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed>;
}

/// A source that many share.
pub type SharedEntropy = Arc<dyn Entropy>;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct EntropyFailed;

/// An array of random bytes.
pub fn random<const N: usize>(source: &dyn Entropy) -> Result<[u8; N], EntropyFailed> {
    let mut bytes = [0; N];
    source.fill(&mut bytes)?;
    Ok(bytes)
}

/// Whether a key or a token was plainly not drawn by chance: it has few different bytes, repeats a piece of
/// itself from end to end, or counts. So samples from a document are not taken for secrets; chance makes one
/// such value of 32 hexadecimal digits in ten million, of 32 bytes none. Source: CVE-2023-27524.
#[must_use]
pub fn is_made_up(secret: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let few = seen.iter().filter(|seen| **seen).count() < DIFFERENT_BYTES_MIN;
    let repeats = (1..=secret.len() / 2).any(|piece| {
        let behind = secret.iter().skip(piece);
        secret.iter().zip(behind).all(|(one, other)| one == other)
    });
    let mut steps = secret.array_windows().map(|[a, b]| b.wrapping_sub(*a));
    let first = steps.next();
    let counts = first.is_some() && steps.all(|step| Some(step) == first);
    few || repeats || counts
}

/// Different bytes that a secret has, at least.
const DIFFERENT_BYTES_MIN: usize = 8;

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the room where random bytes are drawn"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed> {
        getrandom::fill(bytes).map_err(|_| EntropyFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_told_from_what_was_drawn() {
        let counting: Vec<u8> = (0..32).collect();
        for sample in [
            &[0; 32][..],
            &[0xff; 32],
            &counting,
            b"changemechangemechangemechangeme",
            b"0123456789012345678901234567890123456789",
            b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
            b"",
        ] {
            assert!(is_made_up(sample), "{sample:?}");
        }
        for _ in 0..200 {
            let drawn: [u8; 32] = random(&SystemEntropy).unwrap();
            assert!(!is_made_up(&drawn), "{drawn:?}");
            let digits: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!is_made_up(digits.as_bytes()), "{digits}");
        }
    }
}

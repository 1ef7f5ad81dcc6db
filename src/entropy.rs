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

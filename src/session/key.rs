//! API keys: long-lived credentials of a program, kept as a digest.

use compact_str::CompactString;

use super::id::AccountId;
use super::token::Digest;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An xData pair: the sessions it opens belong to it. Source: R21.
    Xdata,
}

impl KeyKind {
    /// The name used by operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdata => "xdata",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Xdata].into_iter().find(|k| k.name() == name)
    }
}

/// An API key. Its name is public; of its secret only a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub kind: KeyKind,
    /// Its public half (`APIKey`): a UUID.
    pub name: CompactString,
    /// What is kept of its secret half.
    pub secret: Digest,
    /// The account it acts for.
    pub account: AccountId,
    /// The account's generation when the key was made; an older one is dead. Source: R5.
    pub generation: u32,
}

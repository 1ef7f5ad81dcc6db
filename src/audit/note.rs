//! What is told without being a command: refusals before anything could be asked, and what is asked of the disk.

use compact_str::CompactString;

use super::codes;
use super::deed::{Facts, from};
use super::entry::{Entry, Outcome};
use crate::session::origin::Origin;

/// What a surface tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A call on the admin listener had no token that is known, or one whose role does not reach.
    AdminRefused {
        /// The method.
        method: CompactString,
        /// The route that it was for, never the path: `/admin/v1/accounts/{username}`.
        route: Option<CompactString>,
        /// The token is known, its role does not reach.
        known: bool,
    },
    /// An API key was refused, or a pair of name and secret.
    KeyRefused {
        /// The public half, if there is one and it was sent.
        name: Option<CompactString>,
    },
    /// A snapshot was asked for.
    Snapshot {
        /// What for: `snapshot` or `backup`.
        purpose: &'static str,
        /// The generation that was written, or a code that says why none was.
        written: Result<u64, &'static str>,
    },
    /// The sealing keys were to be read again.
    SealingKeys {
        /// Whether they were.
        read: bool,
    },
}

impl Note {
    /// The entry of it.
    #[must_use]
    pub fn entry(self, facts: Facts<'_>, origin: &Origin) -> Entry {
        match self {
            Self::AdminRefused {
                method,
                route,
                known,
            } => {
                let reason = if known {
                    codes::FORBIDDEN
                } else {
                    codes::UNAUTHORIZED
                };
                let mut entry = refused(from(facts, origin, "admin.refused"), reason);
                entry.say("method", method.as_str());
                if let Some(route) = route {
                    entry.say("route", route.as_str());
                }
                entry
            }
            Self::KeyRefused { name } => {
                let mut entry = refused(from(facts, origin, "key.refused"), codes::KEY_REFUSED);
                entry.named = name;
                entry
            }
            Self::SealingKeys { read } => {
                let mut entry = from(facts, origin, "sealing_key.rotate");
                if !read {
                    entry.outcome = Outcome::Failed;
                    entry.reason = Some(codes::NOT_READ);
                }
                entry
            }
            Self::Snapshot { purpose, written } => {
                let mut entry = from(facts, origin, "snapshot").with("purpose", purpose);
                match written {
                    Ok(generation) => entry.say("generation", generation),
                    Err(reason) => {
                        entry.outcome = Outcome::Failed;
                        entry.reason = Some(reason);
                    }
                }
                entry
            }
        }
    }
}

fn refused(mut entry: Entry, reason: &'static str) -> Entry {
    entry.outcome = Outcome::Refused;
    entry.reason = Some(reason);
    entry
}

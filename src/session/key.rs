//! API keys: long-lived credentials of a program, kept as a digest.

use std::net::IpAddr;

use compact_str::CompactString;
use ipnet::IpNet;

use super::id::{AccountId, ClientId};
use super::time::Timestamp;
use super::token::Digest;

/// Networks that the list of one key may name.
pub const NETWORKS_MAX: usize = 32;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// An xData pair: the sessions it opens belong to it. Source: R21.
    Xdata,
    /// An i3D account key: it acts for its account, without a session.
    I3d,
    /// An i3D guest key: nobody's; it carries at most one login at a time. Source: R8.
    I3dGuest,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Xdata, Self::I3d, Self::I3dGuest];

    /// The name used by operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdata => "xdata",
            Self::I3d => "i3d",
            Self::I3dGuest => "i3d-guest",
        }
    }

    /// Whether such a key acts for an account; otherwise it is nobody's.
    #[must_use]
    pub const fn has_account(self) -> bool {
        match self {
            Self::Xdata | Self::I3d => true,
            Self::I3dGuest => false,
        }
    }

    /// Whether the holder of such a key shows its secret alone, which then must be one key's.
    #[must_use]
    pub const fn is_named_by_secret(self) -> bool {
        match self {
            Self::I3d | Self::I3dGuest => true,
            Self::Xdata => false,
        }
    }

    /// The client behind a key of this kind, for its secret: a guest key has one.
    #[must_use]
    pub fn client(self, secret: &Digest) -> Option<ClientId> {
        let id = secret.as_bytes().first_chunk::<16>().copied();
        match self {
            Self::I3dGuest => id.map(ClientId::from_bytes),
            Self::Xdata | Self::I3d => None,
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// An API key. Its name is public; of its secret only a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub kind: KeyKind,
    /// Its public half: a UUID. An i3D key is known to its holder by the secret alone.
    pub name: CompactString,
    /// What is kept of its secret half.
    pub secret: Digest,
    /// The account it acts for; a guest key is nobody's.
    pub account: Option<AccountId>,
    /// The account's generation when the key was made; an older one is dead. Source: R5.
    pub generation: u32,
    /// When it is no longer good by itself.
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from; none listed means any.
    pub networks: Vec<IpNet>,
}

impl Key {
    /// The client behind a guest key: its id is the first half of the secret's digest (R6).
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.kind.client(&self.secret)
    }

    /// Whether the key itself lets somebody at `address` in at `now`, apart from its account.
    #[must_use]
    pub fn admits(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let listed = |address: IpAddr| {
            self.networks
                .iter()
                .any(|network| network.contains(&address.to_canonical()))
        };
        self.expires_at.is_none_or(|at| now < at)
            && (self.networks.is_empty() || address.is_some_and(listed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::token::InstallKey;

    #[test]
    fn a_key_lets_in_before_its_expiry_and_from_its_networks() {
        let at = Timestamp::from_ms;
        let key = |expires_at, networks: &[&str]| Key {
            kind: KeyKind::I3d,
            name: "k".into(),
            secret: InstallKey::new([0; 32]).digest(b""),
            account: None,
            generation: 0,
            expires_at,
            networks: networks.iter().map(|n| n.parse().unwrap()).collect(),
        };
        let from = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert!(key(None, &[]).admits(None, at(9)));
        assert!(key(Some(at(10)), &[]).admits(None, at(9)));
        assert!(!key(Some(at(10)), &[]).admits(None, at(10)));
        let listed = key(None, &["192.0.2.0/24", "2001:db8::/32"]);
        for (address, fits) in [
            ("192.0.2.77", true),
            ("::ffff:192.0.2.77", true),
            ("192.0.3.1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ] {
            assert_eq!(listed.admits(from(address), at(0)), fits, "{address}");
        }
        assert!(!listed.admits(None, at(0)));
    }
}

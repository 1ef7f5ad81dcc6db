//! The states of a session, why one ended, and which surface issued it.

use std::fmt;

/// The published API through which a session was opened. A credential is good on this one only
/// (and at the gateway). Source: I15, R25.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Surface {
    /// MollyBet sessions.
    Mollybet = 1,
    /// i3D.net v3 sessions.
    I3d = 2,
    /// Clerk's Frontend API.
    Clerk = 3,
    /// NICT xData JSON-RPC.
    Xdata = 4,
}

impl Surface {
    /// Every surface that issues sessions.
    pub const ALL: [Self; 4] = [Self::Mollybet, Self::I3d, Self::Clerk, Self::Xdata];

    /// The name used in paths, configuration, headers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mollybet => "mollybet",
            Self::I3d => "i3d",
            Self::Clerk => "clerk",
            Self::Xdata => "xdata",
        }
    }

    /// The surface of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a session ended. Kept in the event that ended it; clients never learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EndReason {
    /// Its holder asked (logout, close).
    Logout = 1,
    /// An operator or the revocation call ended it.
    Revoked = 2,
    /// It made room for a newer one of its account.
    Limit = 3,
    /// No activity for its idle timeout.
    Idle = 4,
    /// Its absolute lifetime was over.
    Absolute = 5,
    /// The account was changed so that older sessions no longer count (revoke-all, password,
    /// factor, disabled, deleted).
    Account = 6,
    /// The session or client it hung on ended.
    Parent = 7,
    /// The key it was opened with was withdrawn.
    Key = 8,
    /// Its holder asked to have it forgotten: its client no longer lists it.
    Removed = 9,
}

impl EndReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Logout,
        Self::Revoked,
        Self::Limit,
        Self::Idle,
        Self::Absolute,
        Self::Account,
        Self::Parent,
        Self::Key,
        Self::Removed,
    ];

    /// The name shown to operators.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::Limit => "limit",
            Self::Idle => "idle",
            Self::Absolute => "absolute",
            Self::Account => "account",
            Self::Parent => "parent",
            Self::Key => "key",
            Self::Removed => "removed",
        }
    }
}

/// The factors that were proven when a session was opened, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Factors(u8);

impl Factors {
    /// Nothing proven.
    pub const NONE: Self = Self(0);
    /// A password.
    pub const PASSWORD: Self = Self(1);
    /// A time-based one-time password.
    pub const TOTP: Self = Self(2);
    /// The caller of trusted issue vouched for the user.
    pub const VOUCHED: Self = Self(4);
    /// An API key and its secret.
    pub const API_KEY: Self = Self(8);
    /// The session of another account, by impersonation.
    pub const SUDO: Self = Self(16);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::PASSWORD, "password"),
        (Self::TOTP, "totp"),
        (Self::VOUCHED, "vouched"),
        (Self::API_KEY, "api_key"),
        (Self::SUDO, "sudo"),
    ];

    /// Whether every factor of `other` is in the set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits, as a record keeps them.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The factor of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(_, n)| *n == name)
            .map(|(factor, _)| *factor)
    }

    /// The names in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(f, _)| self.0 & f.0 != 0)
            .map(|(_, name)| name)
    }
}

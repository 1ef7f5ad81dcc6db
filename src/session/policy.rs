//! Bounds that configuration supplies: how long sessions live, how many an account may have.

use super::lifetime::Lifetime;
use super::state::Surface;
use super::time::Timestamp;

/// What happens to an open when the account already has as many live sessions as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The open is refused.
    Deny,
    /// The session opened first ends.
    EvictOldest,
    /// The session idle for longest ends.
    EvictIdle,
}

impl WhenFull {
    /// The policy with this name in configuration: `deny`, `evict-oldest`, `evict-idle`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "deny" => Some(Self::Deny),
            "evict-oldest" => Some(Self::EvictOldest),
            "evict-idle" => Some(Self::EvictIdle),
            _ => None,
        }
    }
}

/// The bounds of one surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfacePolicy {
    /// Idle timeout of a new session in milliseconds; 0 for none.
    pub idle_timeout_ms: u32,
    /// Absolute lifetime of a new session in milliseconds.
    pub absolute_ms: u64,
    /// Live sessions an account may have on this surface; `None` for no limit.
    pub per_account: Option<u32>,
    /// What happens at the limit.
    pub when_full: WhenFull,
}

/// One day, in milliseconds.
pub const DAY_MS: u64 = 86_400_000;
/// The longest absolute lifetime that anything may ask for: 365 days. Source: `docs/surfaces/xdata.md`.
pub const ABSOLUTE_MAX_MS: u64 = 365 * DAY_MS;
/// The longest idle timeout that fits a record: 49 days.
pub const IDLE_TIMEOUT_MAX_MS: u32 = 49 * 86_400_000;
/// The most live sessions a limit may allow, so that the list it is decided from stays short.
pub const PER_ACCOUNT_MAX: u32 = 10_000;
/// How long a hand-off token lives. Source: M-82.
pub const HANDOFF_LIFETIME_MS: u64 = 60_000;
/// Hand-off tokens of one session that may be outstanding; then the oldest dies. Source: M-83.
pub const HANDOFFS_PER_SESSION_MAX: usize = 16;
/// Accounts in the chain of an impersonation, the first actor included. Source: R17.
pub const SUDO_CHAIN_MAX: usize = 4;

/// Bounds of all surfaces, and those that belong to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// MollyBet sessions: 24 h idle, 30 days in all, 100 per account.
    pub mollybet: SurfacePolicy,
    /// xData sessions: 30 days, no idle timeout, no limit.
    pub xdata: SurfacePolicy,
    /// How long an impersonation lives at most. Source: R17.
    pub sudo_absolute_ms: u64,
}

impl Policy {
    /// The bounds of one surface.
    #[must_use]
    pub const fn of(&self, surface: Surface) -> &SurfacePolicy {
        match surface {
            Surface::Mollybet => &self.mollybet,
            Surface::Xdata => &self.xdata,
        }
    }

    /// The lifetime of a session of `surface` opened at `now`.
    #[must_use]
    pub fn lifetime(&self, surface: Surface, now: Timestamp) -> Lifetime {
        let bounds = self.of(surface);
        Lifetime {
            idle_timeout_ms: bounds.idle_timeout_ms,
            absolute: now.plus_ms(bounds.absolute_ms),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mollybet: SurfacePolicy {
                idle_timeout_ms: 86_400_000,
                absolute_ms: 30 * DAY_MS,
                per_account: Some(100),
                when_full: WhenFull::EvictIdle,
            },
            xdata: SurfacePolicy {
                idle_timeout_ms: 0,
                absolute_ms: 30 * DAY_MS,
                per_account: None,
                when_full: WhenFull::Deny,
            },
            sudo_absolute_ms: 3_600_000,
        }
    }
}

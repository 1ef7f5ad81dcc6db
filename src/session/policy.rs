//! Bounds that configuration supplies: how long sessions live, how many an account may have.

use super::guessing::GuessPolicy;
use super::lifetime::Lifetime;
use super::rotation::RotationPolicy;
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

/// How long sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeRule {
    /// Idle timeout of a new session in milliseconds; 0 for none.
    pub idle_timeout_ms: u32,
    /// Absolute lifetime of a new session in milliseconds.
    pub absolute_ms: u64,
}

impl LifetimeRule {
    /// The lifetime of a session opened at `now`.
    #[must_use]
    pub fn from(self, now: Timestamp) -> Lifetime {
        Lifetime {
            idle_timeout_ms: self.idle_timeout_ms,
            absolute: now.plus_ms(self.absolute_ms),
        }
    }
}

/// The bounds of one surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfacePolicy {
    /// How long a new session lives.
    pub life: LifetimeRule,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// MollyBet sessions: 24 h idle, 30 days in all, 100 per account.
    pub mollybet: SurfacePolicy,
    /// i3D sessions: 30 min idle, 12 h in all, 100 per account.
    pub i3d: SurfacePolicy,
    /// i3D sessions of those who asked to be remembered: 14 days idle, 30 days in all.
    pub i3d_remembered: LifetimeRule,
    /// Clerk sessions: no idle timeout, 7 days in all, 100 per account.
    pub clerk: SurfacePolicy,
    /// xData sessions: 30 days, no idle timeout, no limit.
    pub xdata: SurfacePolicy,
    /// How long an impersonation lives at most. Source: R17.
    pub sudo_absolute_ms: u64,
    /// How signing keys follow each other.
    pub signing_keys: RotationPolicy,
    /// What failed guesses cost. Source: R26.
    pub guessing: GuessPolicy,
}

impl Policy {
    /// The bounds of one surface.
    #[must_use]
    pub const fn of(&self, surface: Surface) -> &SurfacePolicy {
        match surface {
            Surface::Mollybet => &self.mollybet,
            Surface::I3d => &self.i3d,
            Surface::Clerk => &self.clerk,
            Surface::Xdata => &self.xdata,
        }
    }

    /// The lifetime of a session of `surface` opened at `now`.
    #[must_use]
    pub fn lifetime(&self, surface: Surface, now: Timestamp) -> Lifetime {
        self.of(surface).life.from(now)
    }
}

impl Default for Policy {
    fn default() -> Self {
        const MINUTE_MS: u32 = 60_000;
        let life = |idle_timeout_ms, absolute_ms| LifetimeRule {
            idle_timeout_ms,
            absolute_ms,
        };
        let limited = |life| SurfacePolicy {
            life,
            per_account: Some(100),
            when_full: WhenFull::EvictIdle,
        };
        Self {
            mollybet: limited(life(24 * 60 * MINUTE_MS, 30 * DAY_MS)),
            i3d: limited(life(30 * MINUTE_MS, DAY_MS / 2)),
            i3d_remembered: life(14 * 24 * 60 * MINUTE_MS, 30 * DAY_MS),
            clerk: limited(life(0, 7 * DAY_MS)),
            xdata: SurfacePolicy {
                life: life(0, 30 * DAY_MS),
                per_account: None,
                when_full: WhenFull::Deny,
            },
            sudo_absolute_ms: 3_600_000,
            signing_keys: RotationPolicy::default(),
            guessing: GuessPolicy::default(),
        }
    }
}

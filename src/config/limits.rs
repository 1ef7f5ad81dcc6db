//! How many sessions an account may have, how long they live, and how much memory all of them may take.

use bytesize::ByteSize;
use jiff::{Span, SpanRelativeTo, Unit};
use serde::Deserialize;

use super::ConfigError;
use crate::session::guessing::GuessPolicy;
use crate::session::policy::{
    ABSOLUTE_MAX_MS, IDLE_TIMEOUT_MAX_MS, LifetimeRule, PER_ACCOUNT_MAX, Policy, SurfacePolicy,
    WhenFull,
};

/// How much memory the process may hold: the ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// So many bytes.
    Bytes(u64),
    /// So much, from 1 to 100, of what there is for the process.
    Percent(u8),
}

impl Default for MemoryLimit {
    fn default() -> Self {
        Self::Percent(80)
    }
}

impl MemoryLimit {
    /// Reads `2 GiB`, `1500MB`, a number of bytes, or `75%`.
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError(format!(
                "limits.memory: {text:?} is neither a size such as \"2 GiB\" nor a part such as \"80%\""
            ))
        };
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim_end().parse().map_err(|_| wrong())?;
                let known = (1..=100).contains(&percent);
                known.then_some(Self::Percent(percent)).ok_or_else(wrong)
            }
            None => {
                let size: ByteSize = text.parse().map_err(|_| wrong())?;
                Ok(Self::Bytes(size.as_u64()))
            }
        }
    }
}

/// `[limits]` and `[limits.<surface>]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsSection {
    pub(super) connections: Option<usize>,
    pub(super) connections_per_address: Option<usize>,
    pub(super) connections_exempt: Option<Vec<String>>,
    pub(super) head_timeout: Option<String>,
    pub(super) body_timeout: Option<String>,
    pub(super) write_timeout: Option<String>,
    pub(super) idle_timeout: Option<String>,
    memory: Option<String>,
    mollybet: LimitSection,
    i3d: LimitSection,
    clerk: LimitSection,
    xdata: LimitSection,
    failures: FailuresSection,
}

/// `[limits.failures]`; 0 stands for no bound.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FailuresSection {
    per_address: Option<u32>,
    per_network: Option<u32>,
    per_minute: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitSection {
    per_account: Option<u32>,
    when_full: Option<String>,
}

/// `[lifetimes.<surface>]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LifetimesSection {
    pub(super) mollybet: LifetimeSection,
    pub(super) i3d: LifetimeSection,
    pub(super) i3d_remembered: LifetimeSection,
    pub(super) clerk: LifetimeSection,
    pub(super) xdata: LifetimeSection,
    pub(super) sudo: SudoSection,
}

/// Durations as people write them: `24h`, `30 days`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LifetimeSection {
    pub(super) idle_timeout: Option<String>,
    pub(super) absolute: Option<String>,
}

/// Impersonations end with their parent, so they have an absolute limit only.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SudoSection {
    pub(super) absolute: Option<String>,
}

impl LimitsSection {
    pub(super) fn apply(&self, policy: &mut Policy) -> Result<(), ConfigError> {
        self.mollybet
            .apply("limits.mollybet", &mut policy.mollybet)?;
        self.i3d.apply("limits.i3d", &mut policy.i3d)?;
        self.clerk.apply("limits.clerk", &mut policy.clerk)?;
        self.failures.apply(&mut policy.guessing);
        self.xdata.apply("limits.xdata", &mut policy.xdata)
    }

    pub(super) fn memory(&self) -> Result<MemoryLimit, ConfigError> {
        let text = self.memory.as_deref();
        text.map_or(Ok(MemoryLimit::default()), MemoryLimit::parse)
    }
}

impl FailuresSection {
    fn apply(&self, guessing: &mut GuessPolicy) {
        for (said, bound) in [
            (self.per_address, &mut guessing.per_address),
            (self.per_network, &mut guessing.per_network),
            (self.per_minute, &mut guessing.per_minute),
        ] {
            *bound = said.unwrap_or(*bound);
        }
    }
}

impl LimitSection {
    fn apply(&self, section: &str, bounds: &mut SurfacePolicy) -> Result<(), ConfigError> {
        match self.per_account {
            None => {}
            Some(0) => bounds.per_account = None,
            Some(limit) if limit <= PER_ACCOUNT_MAX => bounds.per_account = Some(limit),
            Some(_) => {
                return Err(ConfigError(format!(
                    "{section}.per_account: at most {PER_ACCOUNT_MAX}, 0 for no limit"
                )));
            }
        }
        if let Some(name) = &self.when_full {
            bounds.when_full = WhenFull::parse(name).ok_or_else(|| {
                ConfigError(format!(
                    "{section}.when_full: {name:?} is none of deny, evict-oldest, evict-idle"
                ))
            })?;
        }
        Ok(())
    }
}

impl LifetimeSection {
    pub(super) fn apply(&self, section: &str, rule: &mut LifetimeRule) -> Result<(), ConfigError> {
        if let Some(text) = &self.idle_timeout {
            let key = format!("{section}.idle_timeout");
            let ms = u32::try_from(duration_ms(&key, text)?)
                .ok()
                .filter(|ms| *ms <= IDLE_TIMEOUT_MAX_MS);
            rule.idle_timeout_ms =
                ms.ok_or_else(|| ConfigError(format!("{key}: at most 49 days")))?;
        }
        if let Some(text) = &self.absolute {
            rule.absolute_ms = duration_ms(&format!("{section}.absolute"), text)?;
        }
        Ok(())
    }
}

/// A duration between 1 ms and 365 days.
pub(crate) fn duration_ms(key: &str, text: &str) -> Result<u64, ConfigError> {
    let wrong = |why: String| ConfigError(format!("{key}: {text:?} {why}"));
    let span: Span = text
        .parse()
        .map_err(|_| wrong("is not a duration such as \"24h\" or \"30 days\"".into()))?;
    let ms = span.total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours()));
    let ms = ms.map_err(|error| wrong(format!("cannot be used: {error}")))?;
    if !(1.0..=ABSOLUTE_MAX_MS as f64).contains(&ms) {
        return Err(wrong("is not between 1 ms and 365 days".into()));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Ok(ms as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_size_or_a_part() {
        for (text, limit) in [
            ("2 GiB", MemoryLimit::Bytes(2 << 30)),
            ("1500MB", MemoryLimit::Bytes(1_500_000_000)),
            ("268435456", MemoryLimit::Bytes(256 << 20)),
            ("80%", MemoryLimit::Percent(80)),
            (" 100 % ", MemoryLimit::Percent(100)),
        ] {
            assert_eq!(MemoryLimit::parse(text).unwrap(), limit, "{text}");
        }
        for text in ["", "%", "0%", "101%", "-1", "much", "2 GiBs", "1 %%"] {
            assert!(MemoryLimit::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("24h", 86_400_000),
            ("30 days", 2_592_000_000),
            ("300s", 300_000),
            ("1h 30m", 5_400_000),
        ] {
            assert_eq!(duration_ms("k", text).unwrap(), ms, "{text}");
        }
        for text in ["", "24", "-1h", "0s", "366 days", "soon"] {
            assert!(duration_ms("k", text).is_err(), "{text}");
        }
    }
}

//! How many sessions an account may have, and how long they live.

use jiff::{Span, SpanRelativeTo, Unit};
use serde::Deserialize;

use super::ConfigError;
use crate::session::policy::{
    ABSOLUTE_MAX_MS, IDLE_TIMEOUT_MAX_MS, LifetimeRule, PER_ACCOUNT_MAX, Policy, SurfacePolicy,
    WhenFull,
};

/// `[limits]`, and `[limits.<surface>]`
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
    mollybet: LimitSection,
    i3d: LimitSection,
    clerk: LimitSection,
    xdata: LimitSection,
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
        self.xdata.apply("limits.xdata", &mut policy.xdata)
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

//! `[tokens]`: how the keys that sign tokens follow each other.

use serde::Deserialize;

use super::ConfigError;
use super::limits::duration_ms;
use crate::session::rotation::{KEYS_PER_ALGORITHM_MAX, RotationPolicy, TOKEN_SKEW_MS};

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TokensSection {
    publish_lead: Option<String>,
    rotate_every: Option<String>,
}

impl TokensSection {
    /// The rules for keys whose tokens live this long at most.
    pub(super) fn read(&self, token_lifetime_max_s: u32) -> Result<RotationPolicy, ConfigError> {
        let mut policy = RotationPolicy::default();
        // A session's own token lives a minute, whatever is configured for templates.
        let lifetime_ms = u64::from(token_lifetime_max_s.max(60)) * 1_000;
        policy.keep_ms = lifetime_ms + TOKEN_SKEW_MS;
        if let Some(text) = &self.publish_lead {
            policy.lead_ms = duration_ms("tokens.publish_lead", text)?;
        }
        let Some(text) = &self.rotate_every else {
            return Ok(policy);
        };
        let every_ms = duration_ms("tokens.rotate_every", text)?;
        // One is left free for whoever rotates by hand.
        if policy.keys_at_once(every_ms) >= KEYS_PER_ALGORITHM_MAX as u64 {
            let at_least_s = (policy.lead_ms + policy.keep_ms)
                .div_ceil(KEYS_PER_ALGORITHM_MAX as u64 - 2)
                .div_ceil(1_000);
            return Err(ConfigError(format!(
                "tokens.rotate_every: {text:?} is too often: a key is kept until its last token is over, so say at \
                 least \"{at_least_s}s\", or shorten clerk.token_lifetime_max or tokens.publish_lead"
            )));
        }
        policy.every_ms = Some(every_ms);
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lead: Option<&str>, every: Option<&str>, s: u32) -> Result<RotationPolicy, String> {
        let section = TokensSection {
            publish_lead: lead.map(str::to_owned),
            rotate_every: every.map(str::to_owned),
        };
        section.read(s).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_kept_as_long_as_the_longest_token_and_follows_another_not_too_often() {
        assert_eq!(read(None, None, 86_400).unwrap(), RotationPolicy::default());
        assert_eq!(read(None, None, 1).unwrap().keep_ms, 360_000);
        let policy = read(Some("5m"), Some("90 days"), 60).unwrap();
        assert_eq!(
            (policy.lead_ms, policy.every_ms),
            (300_000, Some(7_776_000_000))
        );
        let refused = read(Some("1s"), Some("2s"), 60).unwrap_err();
        assert!(refused.contains("at least \"61s\""), "{refused}");
        assert!(read(Some("1s"), Some("61s"), 60).is_ok());
        assert!(read(Some("0s"), None, 60).is_err());
        assert!(read(None, Some("soon"), 60).is_err());
    }
}

//! `[clerk]`: under which address browsers reach the surface, and which pages may call it.

use serde::Deserialize;

use super::ConfigError;
use super::limits::duration_ms;

/// The longest lifetime a template gives a token if nothing is configured: a day.
const TOKEN_LIFETIME_MAX_S: u32 = 86_400;

/// What is configured of the clerk surface.
#[derive(Clone, Debug)]
pub struct ClerkConfig {
    /// `iss` of tokens; `None` for the address that is listened on.
    pub issuer: Option<String>,
    /// Origins whose pages may call, spelled as browsers send them.
    pub allowed_origins: Vec<String>,
    /// The longest lifetime that a template may give a token, in seconds.
    pub token_lifetime_max_s: u32,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ClerkSection {
    issuer: Option<String>,
    allowed_origins: Vec<String>,
    token_lifetime_max: Option<String>,
}

impl ClerkSection {
    pub(super) fn read(&self) -> Result<ClerkConfig, ConfigError> {
        let wrong = |key: &str, text: &str| {
            ConfigError(format!(
                "clerk.{key}: {text:?} is not an address such as \"https://app.example\", without a slash at the end"
            ))
        };
        if let Some(issuer) = self.issuer.as_deref().filter(|text| !is_address(text)) {
            return Err(wrong("issuer", issuer));
        }
        let mut origins = self.allowed_origins.iter();
        if let Some(origin) = origins.find(|text| !is_address(text) || has_path(text)) {
            return Err(wrong("allowed_origins", origin));
        }
        let lifetime_s = match &self.token_lifetime_max {
            Some(text) => {
                let seconds = duration_ms("clerk.token_lifetime_max", text)? / 1_000;
                u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
            }
            None => TOKEN_LIFETIME_MAX_S,
        };
        Ok(ClerkConfig {
            issuer: self.issuer.clone(),
            allowed_origins: self.allowed_origins.clone(),
            token_lifetime_max_s: lifetime_s,
        })
    }
}

fn authority(text: &str) -> Option<&str> {
    text.strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
}

fn is_address(text: &str) -> bool {
    authority(text).is_some_and(|rest| {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '@' | '"' | '\\');
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.ends_with('/')
            && rest.chars().all(plain)
    })
}

fn has_path(text: &str) -> bool {
    authority(text).is_some_and(|rest| rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_spell_them() {
        let read = |issuer: Option<&str>, origin: &str| {
            let section = ClerkSection {
                issuer: issuer.map(str::to_owned),
                allowed_origins: vec![origin.to_owned()],
                token_lifetime_max: None,
            };
            section.read().is_ok()
        };
        assert!(read(
            Some("https://auth.example/base"),
            "https://app.example:8443"
        ));
        for bad in [
            "",
            "app.example",
            "https://",
            "https://a/",
            "https://a/b",
            "ftp://a",
            "https://a?b",
        ] {
            assert!(!read(None, bad), "{bad}");
        }
        assert!(!read(Some("https://auth.example/"), "https://a"));
    }
}

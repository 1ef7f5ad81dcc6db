//! `[audit]`: whether the stream is required, and how long its files are kept.

use serde::Deserialize;

use super::ConfigError;

/// The most days that files may be kept: ten years.
const KEEP_DAYS_MAX: u32 = 3_653;
/// Days that files are kept if nothing is said.
const KEEP_DAYS: u32 = 180;

/// What is configured of the audit stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditConfig {
    /// Nothing is granted and answered that the stream does not hold.
    pub required: bool,
    /// Days after which its files are removed.
    pub keep_days: u32,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditSection {
    required: Option<bool>,
    keep_days: Option<u32>,
}

impl AuditSection {
    pub(super) fn read(&self) -> Result<AuditConfig, ConfigError> {
        let keep_days = self.keep_days.unwrap_or(KEEP_DAYS);
        if !(1..=KEEP_DAYS_MAX).contains(&keep_days) {
            return Err(ConfigError(format!(
                "audit.keep_days: 1 to {KEEP_DAYS_MAX} days, not {keep_days}"
            )));
        }
        Ok(AuditConfig {
            required: self.required.unwrap_or(false),
            keep_days,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_the_usual_and_what_cannot_be_is_refused() {
        let read = |text| toml::from_str::<AuditSection>(text).unwrap().read();
        let usual = read("").unwrap();
        assert_eq!((usual.required, usual.keep_days), (false, 180));
        let strict = read("required = true\nkeep_days = 400").unwrap();
        assert_eq!((strict.required, strict.keep_days), (true, 400));
        for bad in ["keep_days = 0", "keep_days = 4000"] {
            assert!(read(bad).unwrap_err().to_string().contains("keep_days"));
        }
        assert!(toml::from_str::<AuditSection>("keep = 3").is_err());
    }
}

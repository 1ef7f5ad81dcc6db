//! `[limits]`, what it says of connections: how many, and how long a client may take for each step.

use ipnet::IpNet;

use super::ConfigError;
use super::file::named;
use super::limits::{LimitsSection, duration_ms};

/// The most connections that can be asked for.
const CONNECTIONS_MAX: usize = 1_000_000;
/// The longest time that a client may be given for a step: an hour.
const STEP_MAX_MS: u64 = 3_600_000;

/// What is configured of connections; where nothing is, the edge's own defaults hold.
#[derive(Clone, Debug, Default)]
pub struct EdgeConfig {
    /// Connections to the public listener at a time.
    pub connections: Option<usize>,
    /// Of them, those from one address.
    pub connections_per_address: Option<usize>,
    /// Networks without a limit per address; if not said, loopback and the trusted proxies.
    pub connections_exempt: Option<Vec<IpNet>>,
    /// For a head, in milliseconds.
    pub head_timeout_ms: Option<u64>,
    /// For a body.
    pub body_timeout_ms: Option<u64>,
    /// For taking some of an answer.
    pub write_timeout_ms: Option<u64>,
    /// Between an answer and the next request.
    pub idle_timeout_ms: Option<u64>,
}

impl LimitsSection {
    pub(super) fn edge(&self) -> Result<EdgeConfig, ConfigError> {
        let count = |key: &str, said: Option<usize>| match said {
            Some(count) if !(1..=CONNECTIONS_MAX).contains(&count) => {
                Err(ConfigError(format!("limits.{key}: 1 to {CONNECTIONS_MAX}")))
            }
            other => Ok(other),
        };
        let time = |key: &str, said: &Option<String>| {
            let Some(text) = said else { return Ok(None) };
            let key = format!("limits.{key}");
            match duration_ms(&key, text)? {
                ms if ms <= STEP_MAX_MS => Ok(Some(ms)),
                _ => Err(ConfigError(format!("{key}: {text:?} is more than 1 h"))),
            }
        };
        let exempt = self.connections_exempt.as_deref();
        let exempt = named("limits.connections_exempt", exempt)?;
        Ok(EdgeConfig {
            connections: count("connections", self.connections)?,
            connections_per_address: count(
                "connections_per_address",
                self.connections_per_address,
            )?,
            connections_exempt: exempt,
            head_timeout_ms: time("head_timeout", &self.head_timeout)?,
            body_timeout_ms: time("body_timeout", &self.body_timeout)?,
            write_timeout_ms: time("write_timeout", &self.write_timeout)?,
            idle_timeout_ms: time("idle_timeout", &self.idle_timeout)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_connections_is_read_and_checked() {
        let read = |text: &str| toml::from_str::<LimitsSection>(text).unwrap().edge();
        let said = read(
            "connections = 50\nconnections_per_address = 5\nconnections_exempt = [\"10.0.0.0/8\", \"192.0.2.1\"]\n\
             head_timeout = \"2s\"\nbody_timeout = \"20s\"\nwrite_timeout = \"500ms\"\nidle_timeout = \"1h\"\n",
        );
        let said = said.unwrap();
        assert_eq!(
            (said.connections, said.connections_per_address),
            (Some(50), Some(5))
        );
        let exempt = said.connections_exempt.unwrap();
        assert_eq!(
            exempt.first().map(ToString::to_string),
            Some("10.0.0.0/8".to_owned())
        );
        assert_eq!(
            exempt.get(1).map(ToString::to_string),
            Some("192.0.2.1/32".to_owned())
        );
        assert_eq!(
            (said.head_timeout_ms, said.body_timeout_ms),
            (Some(2_000), Some(20_000))
        );
        assert_eq!(
            (said.write_timeout_ms, said.idle_timeout_ms),
            (Some(500), Some(3_600_000))
        );
        assert!(read("").unwrap().connections.is_none());
        for (wrong, named) in [
            ("connections = 0", "limits.connections"),
            (
                "connections_per_address = 1000001",
                "limits.connections_per_address",
            ),
            (
                "connections_exempt = [\"all\"]",
                "limits.connections_exempt",
            ),
            ("head_timeout = \"soon\"", "limits.head_timeout"),
            ("idle_timeout = \"61m\"", "limits.idle_timeout"),
        ] {
            let why = read(wrong).unwrap_err().to_string();
            assert!(why.starts_with(named), "{why}");
        }
    }
}

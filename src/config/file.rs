//! The configuration file, in TOML. A key that is not known is an error, with its line.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;

use super::address::AdminAddress;
use super::audit::{AuditConfig, AuditSection};
use super::clerk::{ClerkConfig, ClerkSection};
use super::edge::EdgeConfig;
use super::limits::{LifetimeSection, LifetimesSection, LimitsSection, MemoryLimit};
use super::tls::TlsSection;
use super::tokens::TokensSection;
use super::{AdminTokenFile, ConfigError};
use crate::session::policy::Policy;

/// Characters of what an admin token is called.
const TOKEN_NAME_CHARS_MAX: usize = 64;

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileConfig {
    /// Where the surfaces are served.
    pub listen: Option<SocketAddr>,
    /// Where administration is served.
    pub admin_listen: Option<String>,
    /// Where files are kept.
    pub data_dir: Option<PathBuf>,
    /// `sync`, `balanced` or `snapshot`.
    pub durability: Option<String>,
    /// A duration such as "5m".
    pub snapshot_every: Option<String>,
    /// A file with the sealing key.
    pub sealing_key_file: Option<PathBuf>,
    /// The wall clock is right.
    pub accept_clock: Option<bool>,
    /// Sessions of the last snapshot live on after a crash in mode `snapshot`.
    pub revive_sessions_after_crash: Option<bool>,
    /// Development mode.
    pub dev: Option<bool>,
    /// Actors that own sessions.
    pub shards: Option<u16>,
    /// Threads that serve requests.
    pub workers: Option<usize>,
    /// `text` or `json`.
    pub log_format: Option<String>,
    /// Networks of the proxies whose word about a caller's address is taken.
    pub trusted_proxies: Option<Vec<String>>,
    /// Networks of callers who call for many: no bound per address.
    pub trusted_backends: Option<Vec<String>>,
    /// Countries of addresses.
    pub geoip: GeoipSection,
    admin: AdminSection,
    tls: TlsSection,
    limits: LimitsSection,
    lifetimes: LifetimesSection,
    clerk: ClerkSection,
    tokens: TokensSection,
    audit: AuditSection,
}

/// `[geoip]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoipSection {
    /// The country database, in the MMDB format.
    pub database: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AdminSection {
    hosts: Vec<String>,
    tokens: Vec<TokenSection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenSection {
    name: Option<String>,
    role: String,
    file: PathBuf,
}

impl TokenSection {
    /// What the token is called: like its file, if nothing is said.
    fn name(&self) -> Result<String, ConfigError> {
        let stem = || self.file.file_stem().unwrap_or_default().to_string_lossy();
        let name = self.name.clone().unwrap_or_else(|| stem().into_owned());
        if (1..=TOKEN_NAME_CHARS_MAX).contains(&name.chars().count()) {
            return Ok(name);
        }
        Err(ConfigError(format!(
            "admin.tokens: name {name:?} has not 1 to {TOKEN_NAME_CHARS_MAX} characters"
        )))
    }
}

impl FileConfig {
    /// Reads a file. Errors name the file, the line and what is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError(format!("{}: {error}: check --config", path.display())))?;
        toml::from_str(&text).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
    }

    /// The bounds it sets, over the defaults.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let mut policy = Policy::default();
        self.limits.apply(&mut policy)?;
        self.lifetimes.apply(&mut policy)?;
        policy.signing_keys = self.tokens.read(self.clerk()?.token_lifetime_max_s)?;
        Ok(policy)
    }

    /// How much memory the process may hold.
    pub fn memory(&self) -> Result<MemoryLimit, ConfigError> {
        self.limits.memory()
    }

    /// What it says of the audit stream.
    pub fn audit(&self) -> Result<AuditConfig, ConfigError> {
        self.audit.read()
    }

    /// What it says of the clerk surface.
    pub fn clerk(&self) -> Result<ClerkConfig, ConfigError> {
        self.clerk.read()
    }

    /// Where it says that administration is served.
    pub fn admin_listen(&self) -> Result<Option<AdminAddress>, ConfigError> {
        self.admin_listen.as_deref().map(str::parse).transpose()
    }

    /// The files of its certificate, and of the key.
    #[must_use]
    pub fn tls(&self) -> (Option<PathBuf>, Option<PathBuf>) {
        (self.tls.certificate.clone(), self.tls.key.clone())
    }

    /// What it says of connections.
    pub fn edge(&self) -> Result<EdgeConfig, ConfigError> {
        self.limits.edge()
    }

    /// Under which names administration may be asked besides its own.
    #[must_use]
    pub fn admin_hosts(&self) -> Vec<String> {
        self.admin.hosts.clone()
    }

    /// The proxies it names: networks, or single addresses.
    pub fn trusted_proxies(&self) -> Result<Option<Vec<IpNet>>, ConfigError> {
        named("trusted_proxies", self.trusted_proxies.as_deref())
    }

    /// The backends it names, likewise.
    pub fn trusted_backends(&self) -> Result<Option<Vec<IpNet>>, ConfigError> {
        named("trusted_backends", self.trusted_backends.as_deref())
    }

    /// The admin tokens it names.
    pub fn admin_tokens(&self) -> Result<Vec<AdminTokenFile>, ConfigError> {
        let tokens = self
            .admin
            .tokens
            .iter()
            .map(|token| match token.role.as_str() {
                "read" | "issue" | "operate" | "own" => Ok(AdminTokenFile {
                    name: token.name()?,
                    path: token.file.clone(),
                    role: token.role.clone(),
                }),
                role => Err(ConfigError(format!(
                    "admin.tokens: role {role:?} is none of read, issue, operate, own"
                ))),
            });
        tokens.collect()
    }
}

/// Reads what a key names, if it is there: networks such as `10.0.0.0/8`, or single addresses.
pub(crate) fn named(
    key: &str,
    texts: Option<&[String]>,
) -> Result<Option<Vec<IpNet>>, ConfigError> {
    let read = |text: &String| {
        let text = text.trim();
        let network = text.parse::<IpNet>().ok();
        let network = network.or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
        network.ok_or_else(|| {
            ConfigError(format!(
                "{key}: {text:?} is neither a network such as 10.0.0.0/8 nor an address"
            ))
        })
    };
    texts
        .map(|texts| texts.iter().map(read).collect())
        .transpose()
}

impl LifetimesSection {
    fn apply(&self, policy: &mut Policy) -> Result<(), ConfigError> {
        self.mollybet
            .apply("lifetimes.mollybet", &mut policy.mollybet.life)?;
        self.i3d.apply("lifetimes.i3d", &mut policy.i3d.life)?;
        self.i3d_remembered
            .apply("lifetimes.i3d_remembered", &mut policy.i3d_remembered)?;
        self.clerk
            .apply("lifetimes.clerk", &mut policy.clerk.life)?;
        let LifetimeSection {
            idle_timeout,
            absolute,
        } = &self.xdata;
        if idle_timeout.is_some() {
            return Err(ConfigError(
                "lifetimes.xdata.idle_timeout: xData sessions do not idle".into(),
            ));
        }
        LifetimeSection {
            idle_timeout: None,
            absolute: absolute.clone(),
        }
        .apply("lifetimes.xdata", &mut policy.xdata.life)?;
        if let Some(text) = &self.sudo.absolute {
            policy.sudo_absolute_ms = super::limits::duration_ms("lifetimes.sudo.absolute", text)?;
        }
        Ok(())
    }
}

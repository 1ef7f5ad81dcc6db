//! Configuration: flags over environment over file over defaults, checked once, then immutable.
//!
//! This room knows names, units and ranges. It must never start or open anything but the
//! configuration file itself.

pub mod address;
pub mod audit;
pub mod clerk;
pub mod edge;
pub mod file;
pub mod limits;
pub mod tls;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use self::address::AdminAddress;
use self::audit::AuditConfig;
use self::clerk::ClerkConfig;
use self::edge::EdgeConfig;
use self::limits::MemoryLimit;
use self::tls::TlsConfig;
use crate::session::policy::Policy;

/// The most shards a node may have.
pub const SHARDS_MAX: u16 = 256;
/// The most HTTP workers.
pub const WORKERS_MAX: usize = 256;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// What an acknowledged change survives. Source: README, Durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything survives the loss of power.
    Sync,
    /// What takes away survives it; what gives, once it is a second old.
    Balanced,
    /// Sessions survive a clean stop only; accounts, keys and spent steps everything.
    Snapshot,
}

impl Durability {
    /// The one of this name.
    pub fn parse(name: &str) -> Result<Self, ConfigError> {
        match name {
            "sync" => Ok(Self::Sync),
            "balanced" => Ok(Self::Balanced),
            "snapshot" => Ok(Self::Snapshot),
            other => Err(ConfigError(format!(
                "durability: {other:?} is none of sync, balanced, snapshot"
            ))),
        }
    }
}

/// How often a snapshot is written if nothing else asks for one: 5 minutes.
pub const SNAPSHOT_EVERY_MS: u64 = 300_000;

/// Everything `serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the surfaces are served.
    pub listen: SocketAddr,
    /// Where administration is served.
    pub admin_listen: AdminAddress,
    /// Where files are kept.
    pub data_dir: PathBuf,
    /// What an acknowledged change survives.
    pub durability: Durability,
    /// How often a snapshot is written, in milliseconds.
    pub snapshot_every_ms: u64,
    /// By what seeds and private keys are sealed.
    pub sealing_key_file: Option<PathBuf>,
    /// The wall clock is right, even if it is a year ahead of the last record.
    pub accept_clock: bool,
    /// In mode `snapshot`, sessions of the last snapshot live on after a crash.
    pub revive_sessions_after_crash: bool,
    /// Whether to fill an empty node with demonstration accounts. Loopback only.
    pub dev: bool,
    /// Actors that own sessions.
    pub shards: u16,
    /// Threads that serve requests.
    pub workers: usize,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Bounds of the surfaces.
    pub policy: Policy,
    /// Connections.
    pub edge: EdgeConfig,
    /// The certificate; without one, nothing is encrypted.
    pub tls: Option<TlsConfig>,
    /// Under which names administration may be asked besides its own.
    pub admin_hosts: Vec<String>,
    /// How much memory the process may hold.
    pub memory: MemoryLimit,
    /// The audit stream.
    pub audit: AuditConfig,
    /// The clerk surface.
    pub clerk: ClerkConfig,
    /// Networks of the proxies whose word about a caller's address is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// The country database, in the MMDB format.
    pub geoip_database: Option<PathBuf>,
    /// Files with admin tokens, and the role of each.
    pub admin_tokens: Vec<AdminTokenFile>,
}

/// A file that holds one admin token.
#[derive(Clone, Debug)]
pub struct AdminTokenFile {
    /// What the operator calls it: the audit stream names it so.
    pub name: String,
    /// Which file.
    pub path: PathBuf,
    /// The name of its role: `read`, `issue`, `operate`, `own`.
    pub role: String,
}

/// What is wrong with the configuration, and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Checks what one value alone cannot tell.
    pub fn check(&self) -> Result<(), ConfigError> {
        let is_local = self.listen.ip().is_loopback() && self.admin_listen.is_local();
        if self.dev && !is_local {
            return Err(ConfigError(
                "development mode listens on loopback only: choose a loopback address, or serve without --dev"
                    .into(),
            ));
        }
        if self.dev && self.tls.is_some() {
            return Err(ConfigError(
                "development mode is not encrypted: leave tls out, or serve without --dev".into(),
            ));
        }
        if !self.listen.ip().is_loopback() && self.tls.is_none() && self.trusted_proxies.is_empty()
        {
            return Err(ConfigError(format!(
                "listen {}: passwords and sessions would cross a network in clear: give tls.certificate and tls.key, \
                 or name the proxy that encrypts in trusted_proxies, or listen on loopback",
                self.listen
            )));
        }
        if !self.admin_listen.is_local() && self.tls.is_none() {
            return Err(ConfigError(format!(
                "admin_listen {}: its tokens would cross a network in clear: give tls.certificate and tls.key, or \
                 listen on loopback or on unix:/PATH",
                self.admin_listen
            )));
        }
        if self.shards == 0 || self.shards > SHARDS_MAX {
            return Err(ConfigError(format!("shards: 1 to {SHARDS_MAX}")));
        }
        if self.workers == 0 || self.workers > WORKERS_MAX {
            return Err(ConfigError(format!("workers: 1 to {WORKERS_MAX}")));
        }
        Ok(())
    }
}

/// As many as the machine has processors.
#[must_use]
pub fn processors() -> u16 {
    let found = std::thread::available_parallelism().map_or(1, usize::from);
    u16::try_from(found).unwrap_or(SHARDS_MAX).min(SHARDS_MAX)
}

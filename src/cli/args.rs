//! Arguments, environment and defaults. Source: README, Serving for real.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::admin::{AccountCommand, KeyCommand, SessionCommand, TemplateCommand};
use super::bench::BenchArguments;
use super::offline::{BackupArguments, CheckArguments, InspectArguments, RestoreArguments};
use super::rotation::RotationCommand;
use crate::config::address::AdminAddress;
use crate::config::file::{FileConfig, named};
use crate::config::limits::duration_ms;
use crate::config::tls::TlsConfig;
use crate::config::{Config, ConfigError, Durability, LogFormat, SNAPSHOT_EVERY_MS, processors};

/// The default data directory, below the directory the process was started in.
pub const DATA_DIR: &str = "snapshots/live";

/// A session server in one binary.
///
/// Without arguments it serves in development mode: demonstration accounts, on loopback.
#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of `serve`.
    #[command(flatten)]
    pub serve: ServeArguments,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the session APIs.
    Serve(ServeArguments),
    /// Make, show, change and delete accounts on a running node.
    Account(AdminArguments<AccountCommand>),
    /// Make, list and withdraw API keys on a running node.
    Keys(AdminArguments<KeysCommand>),
    /// Open, list and end sessions on a running node.
    Sessions(AdminArguments<SessionCommand>),
    /// Make, list, show and delete templates for tokens on a running node.
    Templates(AdminArguments<TemplateCommand>),
    /// Write a snapshot on a running node, now.
    Snapshot(NodeArguments),
    /// Read all of a data directory and say what is damaged; changes nothing, needs no key.
    Check(CheckArguments),
    /// Print what a data directory holds, as JSON lines without any secret; changes nothing, needs no key.
    Inspect(InspectArguments),
    /// Copy a data directory, served or not, to a new one.
    Backup(BackupArguments),
    /// Make a data directory from a backup, with its sessions or without.
    Restore(RestoreArguments),
    /// Load a node, judge every answer, and say how long answers took.
    Bench(BenchArguments),
    /// Look at the configuration.
    Config(ConfigArguments),
    /// Print the OpenAPI document of the i3D calls.
    Openapi,
}

/// `keys …`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a file with a new sealing key; asks no node.
    NewSealingKey {
        /// Which file; it must not be there yet. Keep it apart from the data directory and its backups.
        file: PathBuf,
    },
    /// What a node is asked.
    #[command(flatten)]
    OnNode(KeyCommand),
    /// What a node is asked about its own keys.
    #[command(flatten)]
    OfNode(RotationCommand),
}

/// `config …`
#[derive(Debug, Args)]
pub struct ConfigArguments {
    /// What to do with it.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what would be in force.
    Print(ServeArguments),
    /// Say whether it can be used.
    Check(ServeArguments),
}

/// Flags of `serve`. Each has an environment variable; the file has a key for each.
#[derive(Debug, Default, Args)]
pub struct ServeArguments {
    /// Configuration file, in TOML.
    #[arg(long, env = "SESSILE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Development mode: fills an empty node with demonstration accounts. Loopback only.
    #[arg(long, env = "SESSILE_DEV")]
    pub dev: bool,
    /// Where to serve the session APIs [default: 127.0.0.1:8080].
    #[arg(long, env = "SESSILE_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Where to serve administration, health and metrics: an address, or unix:/PATH [default: 127.0.0.1:8081].
    #[arg(long, env = "SESSILE_ADMIN_LISTEN", value_name = "ADDR")]
    pub admin_listen: Option<AdminAddress>,
    /// Certificate and chain in PEM, read again on SIGHUP [default: none, nothing is encrypted].
    #[arg(long, env = "SESSILE_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// Its private key in PEM, mode 0600.
    #[arg(long, env = "SESSILE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Where to keep files [default: snapshots/live].
    #[arg(long, env = "SESSILE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What an acknowledged change survives: sync, balanced or snapshot [default: sync].
    #[arg(long, env = "SESSILE_DURABILITY", value_name = "MODE")]
    pub durability: Option<String>,
    /// How often to write a snapshot [default: 5m].
    #[arg(long, env = "SESSILE_SNAPSHOT_EVERY", value_name = "DURATION")]
    pub snapshot_every: Option<String>,
    /// The key by which seeds and private keys are sealed; not in the data directory.
    #[arg(long, env = "SESSILE_SEALING_KEY_FILE", value_name = "FILE")]
    pub sealing_key_file: Option<PathBuf>,
    /// Start even if the wall clock is more than a year ahead of the last record.
    #[arg(long, env = "SESSILE_ACCEPT_CLOCK")]
    pub accept_clock: bool,
    /// After a crash in mode snapshot, let the sessions of the last snapshot live on. Those that had ended
    /// since, by logout or by revocation, live again.
    #[arg(long, env = "SESSILE_REVIVE_SESSIONS_AFTER_CRASH")]
    pub revive_sessions_after_crash: bool,
    /// Actors that own sessions [default: one per processor].
    #[arg(long, env = "SESSILE_SHARDS", value_name = "N")]
    pub shards: Option<u16>,
    /// Threads that serve requests [default: one per processor].
    #[arg(long, env = "SESSILE_WORKERS", value_name = "N")]
    pub workers: Option<usize>,
    /// Networks of proxies whose X-Forwarded-For is believed, separated by commas [default: none].
    #[arg(
        long,
        env = "SESSILE_TRUSTED_PROXIES",
        value_name = "CIDR,...",
        value_delimiter = ','
    )]
    pub trusted_proxies: Option<Vec<String>>,
    /// Networks of callers who log in for many users: no bound of failures per address, separated by commas
    /// [default: loopback, always].
    #[arg(
        long,
        env = "SESSILE_TRUSTED_BACKENDS",
        value_name = "CIDR,...",
        value_delimiter = ','
    )]
    pub trusted_backends: Option<Vec<String>>,
    /// Country database in the MMDB format, read again on SIGHUP [default: none].
    #[arg(long, env = "SESSILE_GEOIP_DATABASE", value_name = "FILE")]
    pub geoip_database: Option<PathBuf>,
    /// How to write log lines: text or json [default: text].
    #[arg(long, env = "SESSILE_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Where a running node's admin listener is.
#[derive(Clone, Debug, Args)]
pub struct NodeArguments {
    /// The admin listener: http://…, https://…, or unix:/PATH, which needs no token
    /// [default: that of ./snapshots/live/dev-credentials.json].
    #[arg(long, env = "SESSILE_ADMIN", value_name = "URL", global = true)]
    pub admin: Option<String>,
    /// Certificates in PEM by which an https:// listener is known [default: those of this machine].
    #[arg(long, env = "SESSILE_ADMIN_CA", value_name = "FILE", global = true)]
    pub admin_ca: Option<PathBuf>,
    /// A file with an admin token [default: that of ./snapshots/live/dev-credentials.json].
    #[arg(
        long,
        env = "SESSILE_ADMIN_TOKEN_FILE",
        value_name = "FILE",
        global = true
    )]
    pub admin_token_file: Option<PathBuf>,
}

/// What is asked of a running node.
#[derive(Debug, Args)]
pub struct AdminArguments<C: Subcommand> {
    /// Which node.
    #[command(flatten)]
    pub node: NodeArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: C,
}

impl ServeArguments {
    /// What is in force: flags and environment over the file over defaults.
    pub fn resolve(self, bare: bool) -> Result<Config, ConfigError> {
        let file = match &self.config {
            Some(path) => FileConfig::read(path)?,
            None => FileConfig::default(),
        };
        let admin_listen = match self.admin_listen {
            Some(address) => Some(address),
            None => file.admin_listen()?,
        };
        let (certificate, key) = file.tls();
        let tls = TlsConfig::of(self.tls_certificate.or(certificate), self.tls_key.or(key))?;
        let default = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let log_format = match self.log_format.as_deref().or(file.log_format.as_deref()) {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                return Err(ConfigError(format!(
                    "log_format: {other:?} is neither text nor json"
                )));
            }
        };
        let trusted_proxies = named("trusted_proxies", self.trusted_proxies.as_deref())?;
        let trusted_proxies =
            trusted_proxies.map_or_else(|| file.trusted_proxies(), |it| Ok(Some(it)))?;
        let backends = named("trusted_backends", self.trusted_backends.as_deref())?;
        let backends = backends.map_or_else(|| file.trusted_backends(), |it| Ok(Some(it)))?;
        let mut policy = file.policy()?;
        policy.guessing.backends = backends.unwrap_or_default();
        let durability = self.durability.as_deref().or(file.durability.as_deref());
        let snapshot_every = self.snapshot_every.or(file.snapshot_every.clone());
        let snapshot_every_ms = snapshot_every.map(|text| duration_ms("snapshot_every", &text));
        Ok(Config {
            durability: durability.map_or(Ok(Durability::Sync), Durability::parse)?,
            snapshot_every_ms: snapshot_every_ms.transpose()?.unwrap_or(SNAPSHOT_EVERY_MS),
            sealing_key_file: self.sealing_key_file.or(file.sealing_key_file.clone()),
            revive_sessions_after_crash: self.revive_sessions_after_crash
                || file.revive_sessions_after_crash.unwrap_or(false),
            accept_clock: self.accept_clock || file.accept_clock.unwrap_or(false),
            trusted_proxies: trusted_proxies.unwrap_or_default(),
            geoip_database: self.geoip_database.or(file.geoip.database.clone()),
            listen: self.listen.or(file.listen).unwrap_or(default(8080)),
            admin_listen: admin_listen.unwrap_or(default(8081).into()),
            tls,
            data_dir: self
                .data_dir
                .or(file.data_dir.clone())
                .unwrap_or(DATA_DIR.into()),
            dev: self.dev || file.dev.unwrap_or(false) || bare,
            shards: self.shards.or(file.shards).unwrap_or_else(processors),
            workers: self
                .workers
                .or(file.workers)
                .unwrap_or_else(|| usize::from(processors())),
            log_format,
            policy,
            edge: file.edge()?,
            admin_hosts: file.admin_hosts(),
            memory: file.memory()?,
            clerk: file.clerk()?,
            audit: file.audit()?,
            admin_tokens: file.admin_tokens()?,
        })
    }
}

//! The composition root: binds, starts the engine, mounts the surfaces; and the reverse on stop.

mod admin_tokens;
mod audited;
mod listeners;
mod memory;
pub mod offline;
mod progress;
mod signals;
pub mod storage;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use anyhow::Context;
use tokio::time::MissedTickBehavior;

pub use self::listeners::Listeners;
use self::signals::{StopSignals, load_countries, reload_on_hangup};
use self::storage::{Images, Opened};
use crate::actors::handle::EngineHandle;
use crate::actors::runtime::{self, Owners, Ports};
use crate::config::Config;
use crate::config::address::AdminAddress;
use crate::dev::DevCredentials;
use crate::door::{Archive, Engine, SharedArchive};
use crate::durability::directory::{DataDirectory, DirectoryError};
use crate::durability::recovery::Progress;
use crate::durability::tools::ToolError;
use crate::edge::unix::SocketFile;
use crate::engine::state::State;
use crate::entropy::{SharedEntropy, SystemEntropy, random};
use crate::geo::Countries;
use crate::http::address::TrustedProxies;
use crate::http::admin::{AdminTokens, Role};
use crate::http::ops::{PublicSide, Stopping};
use crate::http::server;
use crate::http::settings::ClerkSettings;
use crate::http::surroundings::Surroundings;
use crate::session::policy::Policy;
use crate::session::token::InstallKey;

/// Why the process ends, as an exit code. Source: README, Serving for real.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Bad arguments or configuration: 2.
    #[error("{0}")]
    Configuration(String),
    /// The data directory is damaged or refused: 3.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A command on a data directory refuses it: 3.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A data directory was read, and is damaged: 3.
    #[error("{0}")]
    Damage(String),
    /// The disk failed while running: 4.
    #[error(
        "the log failed, and nothing is acknowledged any more: {0}: check the disk and start again"
    )]
    Log(String),
    /// An address is in use or cannot be had: 5.
    #[error("{address}: {source}: choose another address, or stop what listens there")]
    Address {
        /// Which.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A load was not rightly answered (`bench`): 1.
    #[error("{0}")]
    Load(String),
    /// Anything else: 6.
    #[error("internal fault: {0:#}")]
    Internal(anyhow::Error),
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Load(_) => 1,
            Self::Configuration(_) => 2,
            Self::Directory(_) | Self::Tool(_) | Self::Damage(_) => 3,
            Self::Log(_) => 4,
            Self::Address { .. } => 5,
            Self::Internal(_) => 6,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<DirectoryError>() {
            Ok(directory) => Self::Directory(directory),
            Err(error) => Self::Internal(error),
        }
    }
}

/// A running node.
pub struct Node {
    /// The door of its engine.
    pub engine: EngineHandle,
    owners: Owners,
    servers: Vec<ServerHandle>,
    stopping: Stopping,
    // The name of the socket of administration goes with the node.
    _file: Option<SocketFile>,
}

impl Node {
    /// Serves an engine on bound listeners. Must be called inside an actix system.
    pub fn serve(
        engine: EngineHandle,
        owners: Owners,
        listeners: Listeners,
        workers: usize,
        tokens: AdminTokens,
        archive: Option<SharedArchive>,
        surroundings: Surroundings,
    ) -> io::Result<Self> {
        let surroundings = Data::new(surroundings);
        let at_private = listeners.at_private();
        let at_public = listeners.at_public();
        let stopping = Stopping::default();
        let public = PublicSide {
            counts: at_public.counts.clone(),
            stopping: stopping.clone(),
        };
        let private = server::private(
            listeners.private,
            at_private,
            public,
            tokens,
            archive,
            engine.clone(),
            surroundings.clone(),
        )?;
        let public = server::public(
            listeners.public,
            at_public,
            workers,
            engine.clone(),
            surroundings,
        )?;
        let servers = vec![public.handle(), private.handle()];
        actix::spawn(private);
        actix::spawn(public);
        Ok(Self {
            engine,
            owners,
            servers,
            stopping,
            _file: listeners.file,
        })
    }

    /// Is not ready any more, takes no more connections, and lets requests under way finish: first those to
    /// the surfaces, so that administration can be asked how it stands meanwhile. Idle connections are closed,
    /// the others with their next answer. Source: ARCHITECTURE, Bounds.
    pub async fn stop_listening(&mut self) {
        self.stopping.begin();
        for server in self.servers.drain(..) {
            server.stop(true).await;
        }
    }

    /// The same, and then ends the engine.
    pub async fn stop(mut self) {
        self.stop_listening().await;
        self.owners.stop();
    }
}

/// What the surfaces are told of the configuration.
fn surroundings(config: &Config, listen: SocketAddr) -> Surroundings {
    let clerk = &config.clerk;
    // Off loopback browsers come by encrypted connections, ours or their proxy's.
    let is_plain = config.tls.is_none() && listen.ip().is_loopback();
    let scheme = if is_plain { "http" } else { "https" };
    Surroundings {
        proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        countries: Countries::default(),
        clerk: ClerkSettings {
            issuer: clerk
                .issuer
                .clone()
                .unwrap_or(format!("{scheme}://{listen}")),
            allowed_origins: clerk.allowed_origins.clone(),
            development: config.dev,
            token_lifetime_max_s: clerk.token_lifetime_max_s,
        },
    }
}

/// Starts an engine for tests and for `serve`.
pub fn start_engine(
    ports: Ports,
    policy: Policy,
    shards: u16,
) -> anyhow::Result<(EngineHandle, Owners)> {
    let install_key = InstallKey::new(random(&*ports.entropy)?);
    runtime::start(ports, policy, shards, State::empty(install_key))
}

/// Serves until a signal says stop. Must be called inside an actix system.
pub async fn serve(config: Config) -> Result<(), Failure> {
    config
        .check()
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    let mut tokens = admin_tokens::read(&config.admin_tokens)?;
    let ceiling_bytes = memory::ceiling_bytes(config.memory)?;
    let listeners = Listeners::configured(&config)?;
    let (listen, admin_listen) = (listeners.listen, listeners.admin_listen.clone());
    let directory = DataDirectory::open(&config.data_dir)?;
    let surroundings = surroundings(&config, listen);
    if let Some(file) = config.geoip_database.clone() {
        let countries = surroundings.countries.clone();
        load_countries(&countries, &file)
            .map_err(|error| Failure::Configuration(format!("geoip.database: {error:#}")))?;
        let again = move || load_countries(&countries, &file);
        reload_on_hangup("country database", again).context("waiting for signals")?;
    }
    if let Some(tls) = listeners.tls.clone() {
        let again = move || Ok(tls.reload()?);
        reload_on_hangup("certificate", again).context("waiting for signals")?;
    }
    let entropy: SharedEntropy = Arc::new(SystemEntropy);
    let progress = Arc::new(Progress::default());
    let starting = server::starting(
        listeners
            .private
            .try_clone()
            .context("starting the listeners")?,
        listeners.at_private(),
        watch(progress.clone()),
    );
    let starting = starting.context("starting the listeners")?;
    let starting_handle = starting.handle();
    actix::spawn(starting);
    let opened = {
        let (config, entropy) = (config.clone(), entropy.clone());
        let open = move || storage::open(&config, &entropy, &progress);
        let opened = tokio::task::spawn_blocking(open).await;
        opened.context("reading the data directory")??
    };
    let Opened {
        store,
        state,
        clock,
        fresh,
        keys_file,
        mut failed,
    } = opened;
    let audit = audited::start(&config, clock.clone())?;
    // From here on a signal is waited for, and does not end the process by itself.
    let mut signals = StopSignals::new().context("waiting for signals")?;
    let ports = Ports {
        clock: clock.clone(),
        entropy: entropy.clone(),
        journal: store.journal(),
        audit: audit.clone(),
    };
    let (engine, owners) = runtime::start(ports, config.policy, config.shards, state)?;
    let images = Images::start(
        &store,
        keys_file,
        engine.clone(),
        clock,
        config.snapshot_every_ms,
    );
    let images = images.context("starting the thread that writes images")?;
    let refused = |what: String| DirectoryError::Refused {
        path: config.data_dir.clone(),
        what,
    };
    if store.must_write() && !matches!(images.write().await, Ok(Ok(_))) {
        let why =
            "its sessions had to end, and no snapshot could be written that says so: see the log";
        return Err(refused(why.into()).into());
    }
    let mut dev = None;
    if config.dev {
        let fresh = fresh || engine.figures().get().await.accounts == 0;
        let mut found = DevCredentials::load(&directory, &*entropy, fresh)?;
        // Before the accounts: whoever is interrupted in between goes on with these.
        found.save(&directory, listen, &admin_listen)?;
        found.provision(&engine).await?;
        let token = found.admin_token().to_owned();
        tokens.push(("development".to_owned(), token, Role::Own));
        dev = Some(found);
    }
    let tokens = tokens
        .iter()
        .map(|(name, token, role)| (name.as_str(), token.as_str(), *role));
    let tokens = AdminTokens::new(tokens);
    actix::spawn(note_time(engine.clone()));
    actix::spawn(look_after_keys(engine.clone()));
    memory::watch(engine.clone(), ceiling_bytes);
    storage::reread_keys_on_hangup(images.clone()).context("waiting for signals")?;
    starting_handle.stop(false).await;
    store
        .begin_serving()
        .map_err(|error| refused(error.to_string()))?;
    let mut node = Node::serve(
        engine,
        owners,
        listeners,
        config.workers,
        tokens,
        Some(images.clone()),
        surroundings,
    )
    .context("starting the listeners")?;
    announce(listen, &admin_listen, dev.as_ref());
    tokio::select! {
        () = signals.next() => {}
        why = &mut failed => {
            let why = why.unwrap_or_else(|_| "its thread ended".into());
            tracing::error!("the log failed: {why}");
            audited::stop(audit, Some("log_failed")).await;
            // What waited was refused; its answers may leave.
            tokio::time::sleep(FAREWELL).await;
            return Err(Failure::Log(why));
        }
    }
    tracing::info!("stopping; a second signal does not wait");
    actix::spawn(async move {
        signals.next().await;
        #[expect(clippy::exit, reason = "whoever says so twice does not want to wait")]
        std::process::exit(6);
    });
    node.stop_listening().await;
    let written = tokio::task::spawn_blocking(move || images.finish()).await;
    node.stop().await;
    store.close();
    audited::stop(audit, None).await;
    if let Ok(why) = failed.try_recv() {
        return Err(Failure::Log(why));
    }
    if store.is_unlogged() && !written.unwrap_or(false) {
        let why = "the last snapshot was not written: the sessions since the one before are lost";
        return Err(Failure::Log(why.into()));
    }
    Ok(())
}

/// How long no key is made after one could not be.
const KEYS_PAUSE: Duration = Duration::from_secs(60);

/// How long answers have to leave after the log failed.
const FAREWELL: Duration = Duration::from_millis(500);

/// How far recovery is, for whoever asks the admin listener.
fn watch(progress: Arc<Progress>) -> impl Fn() -> (u64, u64) + Clone + Send + 'static {
    move || {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (of(&progress.bytes), of(&progress.records))
    }
}

/// Has the log know the time, once a second.
async fn note_time(engine: EngineHandle) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        engine.note_time();
    }
}

/// Has signing keys follow each other in time, and forgets those that were withdrawn.
async fn look_after_keys(engine: EngineHandle) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        match engine.look_after_signing_keys().await {
            Ok(made) => {
                for algorithm in made {
                    let algorithm = algorithm.name();
                    tracing::info!(algorithm, "another signing key was made and is published");
                }
            }
            Err(error) => {
                tracing::error!("no signing key follows the last one, which goes on: {error}");
                tokio::time::sleep(KEYS_PAUSE).await;
            }
        }
    }
}

/// The first line on standard output, once ready; then the lines to paste.
#[expect(
    clippy::print_stdout,
    reason = "the ready line is an interface: README, Serving for real"
)]
fn announce(listen: SocketAddr, admin_listen: &AdminAddress, dev: Option<&DevCredentials>) {
    println!("sessile ready listen={listen} admin={admin_listen}");
    if let Some(dev) = dev {
        print!("{}", dev.tour());
    }
}

//! The two listeners: bound before anything else, and how they serve.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Failure;
use crate::config::Config;
use crate::config::address::AdminAddress;
use crate::edge::descriptors;
use crate::edge::limits::{Limits, loopback};
use crate::edge::serve::Socket;
use crate::edge::tls::Tls;
use crate::edge::unix::{self, SocketError, SocketFile};
use crate::http::host::Hosts;
use crate::http::server::Listening;

/// Both listeners, bound.
#[derive(Debug)]
pub struct Listeners {
    pub(super) public: Socket,
    pub(super) private: Socket,
    /// How many connections the public one has, and how long a step of a client may take at both.
    pub limits: Limits,
    /// Under which names administration may be asked besides its own.
    pub admin_hosts: Vec<String>,
    /// With which certificate connections from elsewhere are encrypted.
    pub tls: Option<Arc<Tls>>,
    /// Where the surfaces are served.
    pub listen: SocketAddr,
    /// Where administration is served.
    pub admin_listen: AdminAddress,
    /// The name of the socket of administration, as long as it is served there.
    pub(super) file: Option<SocketFile>,
}

impl Listeners {
    /// Binds both addresses; port 0 picks a free one.
    pub fn bind(
        listen: SocketAddr,
        admin_listen: impl Into<AdminAddress>,
    ) -> Result<Self, Failure> {
        let bind = |address: SocketAddr| {
            let bound = TcpListener::bind(address).and_then(|listener| {
                let local = listener.local_addr()?;
                Ok((listener, local))
            });
            bound.map_err(|source| Failure::Address {
                address: address.to_string(),
                source,
            })
        };
        let (public, listen) = bind(listen)?;
        let (private, admin_listen, file) = match admin_listen.into() {
            AdminAddress::Tcp(address) => {
                let (private, local) = bind(address)?;
                (Socket::Tcp(private), local.into(), None)
            }
            AdminAddress::Unix(path) => {
                let (private, file) = unix::bind(&path).map_err(|error| refused(&path, error))?;
                (Socket::Unix(private), AdminAddress::Unix(path), Some(file))
            }
        };
        Ok(Self {
            public: Socket::Tcp(public),
            private,
            tls: None,
            file,
            limits: Limits::default(),
            admin_hosts: Vec::new(),
            listen,
            admin_listen,
        })
    }

    /// Those that are configured.
    pub(super) fn configured(config: &Config) -> Result<Self, Failure> {
        let limits = limits(config)?;
        let files = config.tls.as_ref();
        let tls = files.map(|files| Tls::read(&files.certificate, &files.key));
        let tls = tls
            .transpose()
            .map_err(|error| Failure::Configuration(error.to_string()))?;
        Ok(Self {
            limits,
            tls: tls.map(Arc::new),
            admin_hosts: config.admin_hosts.clone(),
            ..Self::bind(config.listen, config.admin_listen.clone())?
        })
    }

    /// How the surfaces are served.
    pub(super) fn at_public(&self) -> Listening {
        Listening {
            limits: self.limits.clone(),
            tls: self.tls.clone(),
            ..Listening::default()
        }
    }

    /// How administration is served.
    pub(super) fn at_private(&self) -> Listening {
        // To a socket of this machine no page leads.
        let hosts = self.admin_listen.tcp();
        let hosts = hosts.map(|address| Hosts::of(address, &self.admin_hosts));
        let is_local = self.admin_listen.is_local();
        Listening {
            limits: self.limits.of_administration(),
            tls: self.tls.clone().filter(|_| !is_local),
            hosts,
            ..Listening::default()
        }
    }
}

fn refused(path: &Path, error: SocketError) -> Failure {
    let address = AdminAddress::Unix(path.to_owned()).to_string();
    match error {
        SocketError::InUse => Failure::Address {
            address,
            source: io::ErrorKind::AddrInUse.into(),
        },
        SocketError::Io(source) => Failure::Address { address, source },
        SocketError::Refused(why) => Failure::Configuration(format!("{address}: {why}")),
    }
}

/// The limits in force: what is configured, within what the process may have.
fn limits(config: &Config) -> Result<Limits, Failure> {
    let (asked, usual) = (&config.edge, Limits::default());
    let most = descriptors::connections(config.workers).unwrap_or(usize::MAX);
    let few = |what: String| {
        Failure::Configuration(format!(
            "{what}: the process may have too few open files: raise its limit (ulimit -n, LimitNOFILE=)"
        ))
    };
    let connections = match asked.connections {
        Some(asked) if asked > most => {
            return Err(few(format!(
                "limits.connections {asked}: at most {most} here"
            )));
        }
        Some(asked) => asked,
        None if most < descriptors::CONNECTIONS_MIN => {
            return Err(few(format!("there is room for {most} connections")));
        }
        None => usual.connections.min(most),
    };
    let exempt = asked.connections_exempt.clone().unwrap_or_else(|| {
        let proxies = config.trusted_proxies.iter().copied();
        loopback().into_iter().chain(proxies).collect()
    });
    let time = |said: Option<u64>, usual| said.map_or(usual, Duration::from_millis);
    Ok(Limits {
        connections,
        per_address: asked.connections_per_address.unwrap_or(usual.per_address),
        exempt,
        head: time(asked.head_timeout_ms, usual.head),
        body: time(asked.body_timeout_ms, usual.body),
        write: time(asked.write_timeout_ms, usual.write),
        idle: time(asked.idle_timeout_ms, usual.idle),
        handshake: time(asked.head_timeout_ms, usual.handshake),
    })
}

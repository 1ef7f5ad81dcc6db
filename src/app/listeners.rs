//! The two listeners: bound before anything else, and how they serve.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use super::Failure;
use crate::config::Config;
use crate::edge::descriptors;
use crate::edge::limits::{Limits, loopback};
use crate::edge::serve::Socket;
use crate::http::entry::Rules;
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
    /// Where the surfaces are served.
    pub listen: SocketAddr,
    /// Where administration is served.
    pub admin_listen: SocketAddr,
}

impl Listeners {
    /// Binds both addresses; port 0 picks a free one.
    pub fn bind(listen: SocketAddr, admin_listen: SocketAddr) -> Result<Self, Failure> {
        let bind = |address: SocketAddr| {
            let bound = TcpListener::bind(address).and_then(|listener| {
                let local = listener.local_addr()?;
                Ok((listener, local))
            });
            bound.map_err(|source| Failure::Address { address, source })
        };
        let (public, listen) = bind(listen)?;
        let (private, admin_listen) = bind(admin_listen)?;
        Ok(Self {
            public: Socket::Tcp(public),
            private: Socket::Tcp(private),
            limits: Limits::default(),
            admin_hosts: Vec::new(),
            listen,
            admin_listen,
        })
    }

    /// Those that are configured.
    pub(super) fn configured(config: &Config) -> Result<Self, Failure> {
        let limits = limits(config)?;
        Ok(Self {
            limits,
            admin_hosts: config.admin_hosts.clone(),
            ..Self::bind(config.listen, config.admin_listen)?
        })
    }

    /// How the surfaces are served.
    pub(super) fn at_public(&self) -> Listening {
        Listening {
            limits: self.limits.clone(),
            ..Listening::default()
        }
    }

    /// How administration is served.
    pub(super) fn at_private(&self) -> Listening {
        let hosts = Hosts::of(self.admin_listen, &self.admin_hosts);
        Listening {
            limits: self.limits.of_administration(),
            rules: Rules {
                hosts: Some(hosts),
                ..Rules::default()
            },
            ..Listening::default()
        }
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
    })
}

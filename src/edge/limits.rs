//! How many connections a listener has, and how long a client may take for each step.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

/// The most connections unless something else is configured.
pub const CONNECTIONS: usize = 10_000;
/// The most connections from one address unless something else is configured.
pub const CONNECTIONS_PER_ADDRESS: usize = 1_000;
/// The most connections to administration: it is for few, and its descriptors are kept free for it.
pub const ADMIN_CONNECTIONS: usize = 64;
/// Connections that a worker may have accepted above the bound, while they replace idle ones or are turned away.
pub(super) const ABOVE_PER_WORKER: usize = 16;

/// The limits of one listener. Source: ARCHITECTURE, Bounds.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time. One more replaces an idle one, or is turned away.
    pub connections: usize,
    /// Connections at a time from one address (of IPv6: from one /64).
    pub per_address: usize,
    /// Networks that have no limit per address: many users come from there, or none but ours.
    pub exempt: Vec<IpNet>,
    /// For a head: the first from the connection on, any other from its first byte on.
    pub head: Duration,
    /// For a body, in total, from the end of its head on.
    pub body: Duration,
    /// For taking some of an answer.
    pub write: Duration,
    /// Between an answer and the next request. Proxies reuse theirs for 60 s.
    pub idle: Duration,
    /// For shaking hands, where connections are encrypted.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            per_address: CONNECTIONS_PER_ADDRESS,
            exempt: loopback(),
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            handshake: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The same for administration: few connections, wherever they come from.
    #[must_use]
    pub fn of_administration(&self) -> Self {
        Self {
            connections: ADMIN_CONNECTIONS,
            per_address: ADMIN_CONNECTIONS,
            ..self.clone()
        }
    }

    /// Whether an address has no limit of its own.
    pub(super) fn exempts(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(&address))
    }
}

/// This machine.
#[must_use]
pub fn loopback() -> Vec<IpNet> {
    let v4 = IpNet::new(IpAddr::from([127, 0, 0, 0]), 8).ok();
    let v6 = IpNet::new(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 128).ok();
    v4.into_iter().chain(v6).collect()
}

//! Who gets a connection: so many in total, so many from one address. A ticket is given back by being dropped.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::counts::Counts;
use super::limits::Limits;

/// The tickets of one listener, for all its workers.
#[derive(Debug)]
pub(super) struct Tickets {
    pub(super) limits: Limits,
    pub(super) counts: Arc<Counts>,
    /// Connections of each address that has a limit: no more entries than connections.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place among those there may be.
#[derive(Debug)]
pub(super) struct Ticket {
    tickets: Arc<Tickets>,
    block: Option<IpAddr>,
}

/// The address has as many connections as it may have.
#[derive(Debug)]
pub(super) struct Crowded;

impl Tickets {
    pub(super) fn new(limits: Limits, counts: Arc<Counts>) -> Self {
        Self {
            limits,
            counts,
            addresses: Mutex::default(),
        }
    }

    /// Whether there are as many connections as there may be, or more.
    pub(super) fn is_full(&self) -> bool {
        self.counts.open() >= self.limits.connections
    }

    /// A ticket for a connection from this address; from a socket without one, `None`.
    pub(super) fn take(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Ticket, Crowded> {
        let limited = from
            .map(|address| address.to_canonical())
            .filter(|address| !self.limits.exempts(*address));
        let block = limited.map(block);
        if let Some(block) = block {
            let mut addresses = self.addresses.lock();
            let open = addresses.entry(block).or_insert(0);
            if *open >= self.limits.per_address {
                return Err(Crowded);
            }
            *open += 1;
        }
        self.counts.open.fetch_add(1, Ordering::Relaxed);
        let tickets = self.clone();
        Ok(Ticket { tickets, block })
    }
}

impl Ticket {
    pub(super) fn counts(&self) -> &Counts {
        &self.tickets.counts
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.tickets.counts.open.fetch_sub(1, Ordering::Relaxed);
        let Some(block) = self.block else { return };
        let mut addresses = self.tickets.addresses.lock();
        if let Some(open) = addresses.get_mut(&block) {
            *open -= 1;
            if *open == 0 {
                addresses.remove(&block);
            }
        }
    }
}

/// What one subscriber has: an IPv4 address, or a /64.
fn block(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(whole) => {
            let [a, b, c, d, ..] = whole.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_connections_and_gives_them_back() {
        let limits = Limits {
            per_address: 2,
            exempt: vec!["192.0.2.0/24".parse().unwrap()],
            ..Limits::default()
        };
        let tickets = Arc::new(Tickets::new(limits, Arc::default()));
        let take = |address: &str| tickets.take(Some(address.parse().unwrap()));
        let first = take("2001:db8::1").unwrap();
        let second = take("2001:db8::ffff:1").unwrap();
        assert!(take("2001:db8::2").is_err());
        let others: Vec<_> = ["2001:db8:0:1::1", "::ffff:198.51.100.7", "198.51.100.7"]
            .map(|address| take(address).unwrap())
            .into();
        assert!(take("198.51.100.7").is_err());
        let exempt: Vec<_> = (0..9).map(|_| take("192.0.2.7").unwrap()).collect();
        let local: Vec<_> = (0..9).map(|_| tickets.take(None).unwrap()).collect();
        assert_eq!(tickets.counts.open(), 2 + 3 + 9 + 9);
        drop(first);
        drop(take("2001:db8::2").unwrap());
        drop((second, others, exempt, local));
        assert_eq!(tickets.counts.open(), 0);
        assert!(tickets.addresses.lock().is_empty());
    }
}

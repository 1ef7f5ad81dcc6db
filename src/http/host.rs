//! Under which names a listener may be asked: a page of somebody else whose name leads here is no friend.
//! Source: OWASP ASVS 13.4.5 (administration apart); DNS rebinding.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The names of a listener. Ports do not count: they may be forwarded.
#[derive(Clone, Debug)]
pub struct Hosts {
    address: IpAddr,
    names: Arc<[String]>,
}

impl Hosts {
    /// The names of what listens there: its address, `localhost`, and those that are configured.
    #[must_use]
    pub fn of(listener: SocketAddr, configured: &[String]) -> Self {
        Self {
            address: listener.ip().to_canonical(),
            names: configured
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }

    /// Whether a `Host` header names it.
    #[must_use]
    pub fn allows(&self, host: &[u8]) -> bool {
        let Ok(host) = std::str::from_utf8(host) else {
            return false;
        };
        let name = without_port(host);
        let bare = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(name).parse::<IpAddr>() {
            return self.is_here(address.to_canonical());
        }
        name.eq_ignore_ascii_case("localhost")
            || self
                .names
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
    }

    /// What listens everywhere has every address that leads to it.
    fn is_here(&self, address: IpAddr) -> bool {
        address == self.address
            || self.address.is_unspecified()
            || (self.address.is_loopback() && address.is_loopback())
            || self.names.iter().any(|known| known.parse() == Ok(address))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_its_own_names() {
        let names = ["admin.example".to_owned(), "192.0.2.9".to_owned()];
        let hosts = |address: &str| Hosts::of(address.parse().unwrap(), &names);
        let (local, far, any) = (
            hosts("127.0.0.1:8081"),
            hosts("192.0.2.1:8081"),
            hosts("[::]:8081"),
        );
        // (Host, on loopback, elsewhere, everywhere)
        for (host, on_loopback, elsewhere, everywhere) in [
            ("127.0.0.1:8081", true, false, true),
            ("127.0.0.1", true, false, true),
            ("[::1]:8081", true, false, true),
            ("localhost:9000", true, true, true),
            ("LOCALHOST", true, true, true),
            ("admin.example", true, true, true),
            ("Admin.Example:8081", true, true, true),
            ("192.0.2.1:8081", false, true, true),
            ("192.0.2.9", true, true, true),
            ("192.0.2.2:8081", false, false, true),
            ("evil.example:8081", false, false, false),
            ("localhost.evil.example", false, false, false),
            ("127.0.0.1.evil.example", false, false, false),
            ("evil.example@localhost", false, false, false),
            ("localhost:x", false, false, false),
            ("", false, false, false),
        ] {
            let found = [&local, &far, &any].map(|hosts| hosts.allows(host.as_bytes()));
            assert_eq!(found, [on_loopback, elsewhere, everywhere], "{host:?}");
        }
    }
}

//! Whose address a request comes from: the end user's, behind proxies that the operator named.
//!
//! The framework's own guess is never asked: it believes any header. Source: R24.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use ipnet::IpNet;

use super::headers::Fields;

/// Where each proxy adds the address it was asked from, the nearest hop last.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Hops that are looked at; what came before them is not believed.
const HOPS_MAX: usize = 32;

/// The proxies whose word about a caller's address is taken. None by default.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Those in these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address of whoever sent a request: the peer, or, if the peer is a trusted proxy, the last
    /// hop that it was told of and that is no trusted proxy itself. IPv4 inside IPv6 is shown as IPv4.
    #[must_use]
    pub fn end_user(&self, request: &HttpRequest) -> Option<IpAddr> {
        let peer = request.peer_addr()?.ip();
        Some(self.behind(peer, request.headers()))
    }

    /// The same, of a request with these header fields that this peer sent.
    #[must_use]
    pub fn behind(&self, peer: IpAddr, headers: &impl Fields) -> IpAddr {
        let mut nearest = peer.to_canonical();
        if !self.trusts(nearest) {
            return nearest;
        }
        let values: Vec<_> = headers.values(&FORWARDED_FOR).collect();
        // By bytes: what a client wrote into a hop of his own spoils none that a proxy added behind it.
        let hops = values
            .iter()
            .rev()
            .flat_map(|value| value.rsplit(|byte| *byte == b','));
        for hop in hops.take(HOPS_MAX) {
            // What cannot be read was not written by a proxy that deserves trust: stop before it.
            let Some(address) = address(hop) else { break };
            nearest = address;
            if !self.trusts(nearest) {
                break;
            }
        }
        nearest
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(hop);
    let found = bare.parse::<IpAddr>().ok();
    let found = found.or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    found.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn the_last_hop_that_is_no_trusted_proxy_is_the_end_user() {
        let proxies = ["10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32"];
        let proxies = TrustedProxies::new(proxies.map(|n| n.parse().unwrap()).to_vec());
        // (peer, X-Forwarded-For, the end user)
        let cases: &[(&str, &[&'static str], &str)] = &[
            ("192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("::ffff:192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
            (
                "127.0.0.1",
                &["203.0.113.9", "198.51.100.7"],
                "198.51.100.7",
            ),
            ("127.0.0.1", &["203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            ("127.0.0.1", &["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
            ("127.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
            ("127.0.0.1", &["[2001:db9::1]:4711"], "2001:db9::1"),
            ("127.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
            ("2001:db8::1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            ("127.0.0.1", &["198.51.100.7, what"], "127.0.0.1"),
            ("127.0.0.1", &["203.0.113.9, what, 10.1.2.3"], "10.1.2.3"),
            ("127.0.0.1", &[""], "127.0.0.1"),
        ];
        for (peer, sent, wanted) in cases {
            let mut headers = HeaderMap::new();
            for value in *sent {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            let found = proxies.behind(peer.parse().unwrap(), &headers);
            assert_eq!(found.to_string(), *wanted, "{peer} {sent:?}");
        }
        let nobody = TrustedProxies::default();
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, HeaderValue::from_static("198.51.100.7"));
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(nobody.behind(peer, &headers), peer);
    }

    /// Were the whole header not read for the sake of one odd byte, the client would pass for the proxy.
    #[test]
    fn an_odd_byte_of_the_clients_does_not_hide_what_the_proxy_added() {
        let proxies = TrustedProxies::new(vec!["127.0.0.0/8".parse().unwrap()]);
        for odd in [
            &b"\xff"[..],
            b"\x80, 203.0.113.9\xc3",
            "Ä".as_bytes(),
            b"\t\t",
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_bytes(&[odd, b", 198.51.100.7"].concat()).unwrap();
            headers.append(FORWARDED_FOR, value);
            let found = proxies.behind("127.0.0.1".parse().unwrap(), &headers);
            assert_eq!(found.to_string(), "198.51.100.7", "{odd:?}");
        }
    }

    #[test]
    fn no_more_hops_are_looked_at_than_there_may_be() {
        let everybody = TrustedProxies::new(vec!["0.0.0.0/0".parse().unwrap()]);
        let hops: Vec<_> = (0..100).map(|n| format!("10.0.0.{n}")).collect();
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(&hops.join(", ")).unwrap();
        headers.append(FORWARDED_FOR, value);
        let found = everybody.behind("127.0.0.1".parse().unwrap(), &headers);
        assert_eq!(found.to_string(), "10.0.0.68");
    }
}

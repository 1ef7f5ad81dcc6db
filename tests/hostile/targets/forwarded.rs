//! Whose address: the peer's, or one that a header names; behind a peer that nobody trusts, never the header's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use actix_web::http::header::HeaderValue;
use actix_web::test::TestRequest;
use arbitrary::Unstructured;
use sessile::http::address::TrustedProxies;

use super::Fate;

pub(crate) const WORDS: &[&str] = &[
    "198.51.100.7",
    "10.1.2.3",
    "127.0.0.1",
    "2001:db8::1",
    "[2001:db9::1]:4711",
    "::ffff:10.0.0.1",
    "203.0.113.9:80",
    ", ",
    ",",
    "unknown",
    "for=192.0.2.43",
    "\n",
];
const TRUSTED: [&str; 4] = ["10.0.0.0/8", "127.0.0.0/8", "2001:db8::/32", "0.0.0.0/0"];
/// Source: ARCHITECTURE, Bounds.
const HOPS_MAX: usize = 32;

/// First who is trusted and who asks, then a header on each line.
pub(crate) fn run(bytes: &[u8]) -> Fate {
    let mut input = Unstructured::new(bytes);
    let Ok((mask, peer)) = input.arbitrary::<(u8, u8)>() else {
        return Fate::Idle;
    };
    // All of IPv4 is trusted seldom.
    let chosen = TRUSTED
        .iter()
        .enumerate()
        .filter(|(at, _)| mask & (1 << at) != 0 && (*at < 3 || mask & 0xf0 == 0xf0));
    let networks: Vec<ipnet::IpNet> = chosen
        .map(|(_, network)| network.parse().expect("they are networks"))
        .collect();
    let peer = match peer % 4 {
        0 => IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)),
        1 => IpAddr::V4(Ipv4Addr::new(10, 0, 0, peer)),
        2 => IpAddr::V6(Ipv4Addr::new(10, 0, 0, peer).to_ipv6_mapped()),
        _ => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(peer))),
    };
    let values: Vec<_> = input
        .take_rest()
        .split(|byte| *byte == b'\n')
        .take(6)
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let mut request = TestRequest::default().peer_addr(SocketAddr::new(peer, 4_711));
    for value in &values {
        request = request
            .append_header(("x-forwarded-for", value.clone()))
            .append_header(("forwarded", value.clone()))
            .append_header(("x-real-ip", value.clone()));
    }
    let request = request.to_http_request();
    let proxies = TrustedProxies::new(networks.clone());
    let found = proxies.end_user(&request).expect("there is a peer");

    let trusts = |address: IpAddr| networks.iter().any(|network| network.contains(&address));
    let nearest = peer.to_canonical();
    if !trusts(nearest) {
        assert_eq!(found, nearest, "a stranger was believed");
        return Fate::Refused;
    }
    let hops: Vec<_> = values
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|hop| std::str::from_utf8(hop).ok().and_then(read))
        .collect();
    let believed = hops.iter().rev().take(HOPS_MAX);
    // As far from the right as there is an address at all, and trust before it.
    let mut last = nearest;
    for hop in believed {
        let Some(hop) = hop else { break };
        last = *hop;
        if !trusts(last) {
            break;
        }
    }
    assert_eq!(found, last);
    assert!(found == nearest || hops.contains(&Some(found)));
    Fate::of(found != nearest)
}

fn read(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bracketed = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let address = hop.parse().ok().or_else(|| bracketed?.parse().ok());
    let address = address.or_else(|| hop.parse().ok().map(|hop: SocketAddr| hop.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

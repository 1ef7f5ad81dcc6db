//! Where what is asked comes from, and who asks it.
//!
//! An origin goes through the door with every change and every login: delays after failures count by its
//! address, and the audit stream tells of it. Verifications have none. It decides nothing by itself.
//!
//! Invariant: no secret stands in it. Whoever acts is named by a public id, or by a name that the operator
//! chose; what a request wrote is cut to [`TEXT_BYTES_MAX`] and may hold any character.

use std::net::IpAddr;

use compact_str::CompactString;

use super::id::{ClientId, KeyId, SessionId};
use super::state::Surface;

/// Bytes that are kept of a text in a request: of its user agent, and of the page that sent it.
pub const TEXT_BYTES_MAX: usize = 256;

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// On a published surface.
    Surface(Surface),
    /// On the admin listener.
    Admin,
    /// Nowhere: the node does it of its own accord.
    Node,
}

impl Entrance {
    /// The name of the surface, `admin` or `node`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Surface(surface) => surface.name(),
            Self::Admin => "admin",
            Self::Node => "node",
        }
    }
}

/// An admin token that was presented and is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name of its role.
    pub role: &'static str,
    /// What the operator calls the token; not the token.
    pub token: CompactString,
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody who has shown anything yet: somebody who logs in, or an admin call without a known token.
    Unknown,
    /// The account of this session, in the name of those before it in its chain of impersonation.
    Session(SessionId),
    /// Whoever is, or wants to be, logged in on this client: a browser, or the holder of a guest key.
    Client(ClientId),
    /// The account of this API key.
    Key(KeyId),
    /// The holder of an admin token.
    Operator(Operator),
    /// The node itself.
    Node,
}

/// Where a request comes from, and who makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where it came in.
    pub entrance: Entrance,
    /// Who makes it.
    pub actor: Actor,
    /// The end user's address. Source: R24.
    pub address: Option<IpAddr>,
    /// The agent it was made with.
    pub user_agent: Option<CompactString>,
    /// The page that sent it, as browsers say in the header `Origin`.
    pub page: Option<CompactString>,
}

static NODE: Origin = Origin {
    entrance: Entrance::Node,
    actor: Actor::Node,
    address: None,
    user_agent: None,
    page: None,
};

impl Origin {
    /// That of what the node does of its own accord.
    #[must_use]
    pub fn node() -> &'static Self {
        &NODE
    }
}

/// What is kept of a text in a request.
#[must_use]
pub fn kept(text: &str) -> CompactString {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    CompactString::new(text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_request_is_cut_between_characters() {
        assert_eq!(kept("curl/8\r\n"), "curl/8\r\n");
        let long = "é".repeat(TEXT_BYTES_MAX);
        assert_eq!(kept(&long), "é".repeat(TEXT_BYTES_MAX / 2));
        let odd = format!("x{long}");
        assert_eq!(kept(&odd).len(), TEXT_BYTES_MAX - 1);
    }
}

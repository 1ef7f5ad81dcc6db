//! What is asked: the cases, and their requests byte for byte.
//!
//! A new case is a variant here and, if it needs another kind of session, one in `seed.rs`.

use anyhow::{Context, Result};

use crate::seed::Supply;

/// `Host` of every request: the same bytes go to every server, whatever its port.
const HOST: &str = "127.0.0.1";

/// One question that is asked of Sessile and of the no-op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// The gateway's verify with a MollyBet session in the header.
    Verify,
    /// MollyBet's metadata of the caller's own session.
    MollybetMetadata,
    /// i3D's user behind a guest key.
    I3dUser,
    /// Clerk's session of a browser's client.
    ClerkSession,
    /// xData's `session.verify_session_token` over JSON-RPC.
    XdataVerify,
}

impl Case {
    /// Every case, in the order of the report.
    pub(crate) const ALL: [Self; 5] = [
        Self::Verify,
        Self::MollybetMetadata,
        Self::I3dUser,
        Self::ClerkSession,
        Self::XdataVerify,
    ];

    /// The name on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::MollybetMetadata => "mollybet-metadata",
            Self::I3dUser => "i3d-user",
            Self::ClerkSession => "clerk-session",
            Self::XdataVerify => "xdata-verify",
        }
    }

    /// The case of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|case| case.name() == name)
            .with_context(|| format!("no case {name}"))
    }

    /// Method and route pattern under which the no-op answers.
    pub(crate) fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Verify => ("GET", "/auth/verify"),
            Self::MollybetMetadata => ("GET", "/v1/sessions/{id}/"),
            Self::I3dUser => ("GET", "/v3/session/user"),
            Self::ClerkSession => ("GET", "/v1/client/sessions/{id}"),
            Self::XdataVerify => ("POST", "/api/v2/session/jsonrpc"),
        }
    }

    /// The goal of the case at this depth of pipelining: its number, the least share of the no-op's requests/s, and the
    /// largest of its processor time per request if there is one. Source: docs/BENCHMARKS.md, Goals.
    pub(crate) fn goal(self, pipeline: usize) -> Option<(&'static str, f64, Option<f64>)> {
        match (self, pipeline) {
            (Self::Verify | Self::MollybetMetadata, 1) => Some(("G1", 1.03, Some(0.97))),
            (Self::Verify | Self::MollybetMetadata, 16) => Some(("G2", 0.95, None)),
            (Self::XdataVerify, 1) => Some(("G3", 1.10, None)),
            (Self::I3dUser | Self::ClerkSession, 1) => Some(("G4", 0.90, None)),
            _ => None,
        }
    }

    /// What the body of an answer for a live session contains.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Verify => "",
            Self::MollybetMetadata => r#""status":"ok""#,
            Self::I3dUser => r#""userName":"load""#,
            Self::ClerkSession => r#""status":"active""#,
            Self::XdataVerify => r#""active":true"#,
        }
    }

    /// The tokens this case presents.
    pub(crate) fn tokens(self, supply: &Supply) -> &[String] {
        match self {
            Self::Verify | Self::MollybetMetadata => &supply.mollybet,
            Self::I3dUser => &supply.i3d,
            Self::ClerkSession => &supply.clerk,
            Self::XdataVerify => &supply.xdata,
        }
    }

    /// The request for one token, as it goes over the wire.
    pub(crate) fn request(self, token: &str, supply: &Supply) -> Vec<u8> {
        let (method, _) = self.route();
        let (path, fields, body) = match self {
            Self::Verify => (
                "/auth/verify".to_owned(),
                format!("Session: {token}\r\n"),
                String::new(),
            ),
            Self::MollybetMetadata => (
                format!("/v1/sessions/{token}/"),
                format!("Session: {token}\r\n"),
                String::new(),
            ),
            Self::I3dUser => (
                "/v3/session/user".to_owned(),
                format!("PRIVATE-TOKEN: {token}\r\n"),
                String::new(),
            ),
            Self::ClerkSession => {
                let (id, secret) = token.split_once(' ').unwrap_or_default();
                (
                    format!("/v1/client/sessions/{id}"),
                    format!("Cookie: __client={secret}\r\n"),
                    String::new(),
                )
            }
            Self::XdataVerify => {
                let body = format!(
                    concat!(
                        r#"{{"jsonrpc":"2.0","method":"session.verify_session_token","#,
                        r#""params":{{"token":"{}"}},"id":1}}"#
                    ),
                    token
                );
                let fields = format!(
                    "Content-Type: application/json\r\nAPIKey: {}\r\nSecret: {}\r\nContent-Length: {}\r\n",
                    supply.xdata_key.api_key,
                    supply.xdata_key.secret,
                    body.len()
                );
                ("/api/v2/session/jsonrpc".to_owned(), fields, body)
            }
        };
        format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n{body}").into_bytes()
    }
}

//! Sessions to ask for, of every kind that a case needs.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::common::admin::{ACCOUNT, Admin, KeyPair, PER_CALL_OF_CLIENTS};
use crate::common::servers::Server;
use crate::options::Options;

/// Tokens drawn of each kind, hence requests prepared for each case.
pub(crate) const DRAWN: u64 = 65_536;
/// i3D and Clerk sessions that are opened at most: each needs a key or a client of its own.
const BEHIND_CLIENTS_MAX: u64 = 16_384;

/// What the requests are made of.
#[derive(Debug)]
pub(crate) struct Supply {
    /// Secrets of MollyBet sessions.
    pub(crate) mollybet: Vec<String>,
    /// Guest keys on which a user is logged in.
    pub(crate) i3d: Vec<String>,
    /// Ids of Clerk sessions, and behind a blank the secrets of their clients.
    pub(crate) clerk: Vec<String>,
    /// Tokens of xData sessions.
    pub(crate) xdata: Vec<String>,
    /// The key pair that owns the xData sessions.
    pub(crate) xdata_key: KeyPair,
    /// Sessions opened: MollyBet, i3D and Clerk each, xData.
    opened: (u64, u64, u64),
    /// How long opening them took.
    took: Duration,
}

impl fmt::Display for Supply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mollybet, others, xdata) = self.opened;
        write!(
            out,
            "seeded: {mollybet} mollybet, {others} i3d, {others} clerk and {xdata} xdata sessions "
        )?;
        write!(
            out,
            "in {:.1} s, {DRAWN} tokens drawn of each at most",
            self.took.as_secs_f64()
        )
    }
}

/// Opens the sessions and draws the tokens.
///
/// Errors: the server has no admin listener or credentials file, or refuses a call.
pub(crate) fn seed(server: &Server, room: &Path, options: &Options) -> Result<Supply> {
    let start = Instant::now();
    let admin = Admin::of(server, room)?;
    admin.make_owner()?;
    let opened = (
        options.sessions,
        options.sessions.min(BEHIND_CLIENTS_MAX),
        options.sessions / 4,
    );
    let mollybet = admin.open_plain(opened.0, DRAWN)?;
    let behind = |surface: &'static str| move |count| json!({"username": ACCOUNT, "surface": surface, "count": count});
    let many = PER_CALL_OF_CLIENTS;
    let i3d = admin.open(opened.1, many, DRAWN, behind("i3d"), |issued| issued.secret)?;
    let clerk = admin.open(opened.1, many, DRAWN, behind("clerk"), |issued| {
        format!("{} {}", issued.id, issued.secret)
    })?;
    let xdata = admin.open_xdata(opened.2, DRAWN)?;
    Ok(Supply {
        mollybet,
        i3d,
        clerk,
        xdata,
        xdata_key: admin.xdata_key,
        opened,
        took: start.elapsed(),
    })
}

//! Sessions to ask for: opened through trusted issue on the admin listener, then drawn from.
//!
//! Invariant: the drawn tokens are spread evenly over everything that was opened and are in no order, so that
//! neither the place of a record nor the order of opening helps a server.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::blocking::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::options::Options;
use crate::servers::{self, Server};

/// Tokens drawn of each kind, hence requests prepared for each case.
pub(crate) const DRAWN: u64 = 65_536;
/// Sessions opened by one call.
const PER_CALL: u64 = 10_000;
/// Sessions opened by one call on i3D, where each needs a key of its own.
const PER_CALL_I3D: u64 = 256;
/// i3D sessions that are opened at most, for the same reason.
const I3D_MAX: u64 = 16_384;
/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(120);
/// The account that owns the MollyBet sessions.
const ACCOUNT: &str = "load";

/// What the requests are made of.
#[derive(Debug)]
pub(crate) struct Supply {
    /// Secrets of MollyBet sessions.
    pub(crate) mollybet: Vec<String>,
    /// Guest keys on which a user is logged in.
    pub(crate) i3d: Vec<String>,
    /// Tokens of xData sessions.
    pub(crate) xdata: Vec<String>,
    /// The key pair that owns the xData sessions.
    pub(crate) xdata_key: KeyPair,
    /// Sessions opened: MollyBet, i3D, xData.
    opened: (u64, u64, u64),
    /// How long opening them took.
    took: Duration,
}

impl fmt::Display for Supply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mollybet, i3d, xdata) = self.opened;
        write!(
            out,
            "seeded: {mollybet} mollybet, {i3d} i3d and {xdata} xdata sessions "
        )?;
        write!(out, "in {:.1} s, ", self.took.as_secs_f64())?;
        write!(
            out,
            "{}, {} and {} tokens drawn",
            self.mollybet.len(),
            self.i3d.len(),
            self.xdata.len()
        )
    }
}

/// An xData key pair.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyPair {
    /// Value of the header `APIKey`.
    pub(crate) api_key: String,
    /// Value of the header `Secret`.
    pub(crate) secret: String,
}

/// The part of `dev-credentials.json` that is needed here.
#[derive(Deserialize)]
struct Credentials {
    admin_token: String,
    xdata: Keys,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<KeyPair>,
}

#[derive(Deserialize)]
struct Issued {
    sessions: Vec<IssuedSession>,
}

#[derive(Deserialize)]
struct IssuedSession {
    secret: String,
}

/// Opens the sessions and draws the tokens.
///
/// Errors: the server has no admin listener or credentials file, or refuses a call.
pub(crate) fn seed(server: &Server, room: &Path, options: &Options) -> Result<Supply> {
    let start = Instant::now();
    let file = servers::data_dir(room).join("dev-credentials.json");
    let text = std::fs::read(&file).context("the server wrote no dev-credentials.json")?;
    let credentials: Credentials = serde_json::from_slice(&text).context("dev-credentials.json")?;
    let xdata_key = credentials
        .xdata
        .keys
        .into_iter()
        .next()
        .context("dev-credentials.json lists no xData key")?;
    let admin = Admin {
        client: Client::builder().no_proxy().timeout(CALL_WITHIN).build()?,
        address: server
            .admin
            .context("the ready line names no admin listener")?,
        token: credentials.admin_token,
    };

    // 0 is: no limit on the sessions of this account.
    admin.post(
        "accounts",
        &json!({"username": ACCOUNT, "password": null, "max_sessions": 0}),
    )?;
    let opened = (
        options.sessions,
        options.sessions.min(I3D_MAX),
        options.sessions / 4,
    );
    let mollybet = admin
        .open(opened.0, PER_CALL, |count| json!({"username": ACCOUNT, "surface": "mollybet", "client_type": "direct", "count": count}))?;
    let i3d = admin.open(
        opened.1,
        PER_CALL_I3D,
        |count| json!({"username": ACCOUNT, "surface": "i3d", "count": count}),
    )?;
    let xdata = admin.open(
        opened.2,
        PER_CALL,
        |count| json!({"surface": "xdata", "api_key": xdata_key.api_key, "count": count}),
    )?;
    Ok(Supply {
        mollybet,
        i3d,
        xdata,
        xdata_key,
        opened,
        took: start.elapsed(),
    })
}

/// The admin listener and the right to use it.
struct Admin {
    client: Client,
    address: SocketAddr,
    token: String,
}

impl Admin {
    /// Opens `count` sessions and returns the tokens drawn from them.
    fn open(&self, count: u64, per_call: u64, body: impl Fn(u64) -> Value) -> Result<Vec<String>> {
        let wanted = count.min(DRAWN);
        let mut drawn = Vec::new();
        let mut position = 0;
        while position < count {
            let asked = per_call.min(count - position);
            let issued: Issued = serde_json::from_slice(&self.post("sessions", &body(asked))?)?;
            let got = u64::try_from(issued.sessions.len())?;
            ensure!(got == asked, "asked for {asked} sessions and got {got}");
            for session in issued.sessions {
                // True exactly `wanted` times in `count`, evenly spread.
                if (position + 1) * wanted / count > position * wanted / count {
                    drawn.push(session.secret);
                }
                position += 1;
            }
        }
        shuffle(&mut drawn);
        Ok(drawn)
    }

    /// The body of the answer to one call.
    fn post(&self, what: &str, body: &Value) -> Result<Vec<u8>> {
        let url = format!("http://{}/admin/v1/{what}", self.address);
        let answer = self
            .client
            .post(url)
            .bearer_auth(&self.token)
            .json(body)
            .send()
            .context(what.to_owned())?;
        let status = answer.status();
        let bytes = answer.bytes()?.to_vec();
        if !status.is_success() {
            let text: String = String::from_utf8_lossy(&bytes).chars().take(300).collect();
            bail!("POST /admin/v1/{what}: {status}: {text}");
        }
        Ok(bytes)
    }
}

/// Puts the tokens in an order that is the same in every run (xorshift, Fisher–Yates).
fn shuffle(tokens: &mut [String]) {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for last in (1..tokens.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = u64::try_from(last).unwrap_or(u64::MAX - 1) + 1;
        tokens.swap(last, usize::try_from(state % bound).unwrap_or(last));
    }
}

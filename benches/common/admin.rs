//! Accounts and sessions through the admin listener of a server in development mode; drawing tokens.
//!
//! Invariant: drawn tokens are spread evenly over everything that was opened and are in no order, so that neither the
//! place of a record nor the order of opening helps a server.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::blocking::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::servers::{self, Server};

/// Sessions opened by one call.
pub(crate) const PER_CALL: u64 = 10_000;
/// Sessions opened by one call where each needs a key or a client of its own.
pub(crate) const PER_CALL_OF_CLIENTS: u64 = 256;
/// The account that owns the sessions.
pub(crate) const ACCOUNT: &str = "load";
/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(300);

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

/// A session as it is handed out.
#[derive(Deserialize)]
pub(crate) struct IssuedSession {
    /// Its public id.
    pub(crate) id: String,
    /// What its holder presents.
    pub(crate) secret: String,
}

/// The admin listener and the right to use it.
#[derive(Debug)]
pub(crate) struct Admin {
    client: Client,
    address: SocketAddr,
    token: String,
    /// The key pair that owns xData sessions.
    pub(crate) xdata_key: KeyPair,
}

impl Admin {
    /// Administration of a server whose data is in `room`.
    ///
    /// Errors: the server has no admin listener or credentials file.
    pub(crate) fn of(server: &Server, room: &Path) -> Result<Self> {
        let file = servers::data_dir(room).join("dev-credentials.json");
        let text = std::fs::read(&file).context("the server wrote no dev-credentials.json")?;
        let credentials: Credentials =
            serde_json::from_slice(&text).context("dev-credentials.json")?;
        let pair = credentials.xdata.keys.into_iter().next();
        let address = server.admin;
        Ok(Self {
            client: Client::builder().no_proxy().timeout(CALL_WITHIN).build()?,
            address: address.context("the ready line names no admin listener")?,
            token: credentials.admin_token,
            xdata_key: pair.context("dev-credentials.json lists no xData key")?,
        })
    }

    /// Makes the account that owns the sessions; it has no limit.
    ///
    /// Errors: the server refuses.
    pub(crate) fn make_owner(&self) -> Result<()> {
        // 0 is: no limit on the sessions of this account.
        let account = json!({"username": ACCOUNT, "password": null, "max_sessions": 0});
        self.post("accounts", &account).map(|_| ())
    }

    /// Opens MollyBet sessions of the owner that have neither client nor attributes, and draws from their secrets.
    ///
    /// Errors: the server refuses.
    pub(crate) fn open_plain(&self, count: u64, drawn: u64) -> Result<Vec<String>> {
        let body = |count| json!({"username": ACCOUNT, "surface": "mollybet", "client_type": "direct", "count": count});
        self.open(count, PER_CALL, drawn, body, |session| session.secret)
    }

    /// Opens xData sessions of the key pair, and draws from their tokens.
    ///
    /// Errors: the server refuses.
    pub(crate) fn open_xdata(&self, count: u64, drawn: u64) -> Result<Vec<String>> {
        let key = &self.xdata_key.api_key;
        let body = |count| json!({"surface": "xdata", "api_key": key, "count": count});
        self.open(count, PER_CALL, drawn, body, |session| session.secret)
    }

    /// Opens `count` sessions, so many by a call, and returns what `keep` makes of `drawn` of them.
    ///
    /// Errors: the server refuses, or opens fewer.
    pub(crate) fn open(
        &self,
        count: u64,
        per_call: u64,
        drawn: u64,
        body: impl Fn(u64) -> Value,
        keep: impl Fn(IssuedSession) -> String,
    ) -> Result<Vec<String>> {
        let wanted = count.min(drawn);
        let mut kept = Vec::new();
        let mut position = 0;
        while position < count {
            let asked = per_call.min(count - position);
            let issued: Issued = serde_json::from_slice(&self.post("sessions", &body(asked))?)?;
            let got = u64::try_from(issued.sessions.len())?;
            ensure!(got == asked, "asked for {asked} sessions and got {got}");
            for session in issued.sessions {
                // True exactly `wanted` times in `count`, evenly spread.
                if (position + 1) * wanted / count > position * wanted / count {
                    kept.push(keep(session));
                }
                position += 1;
            }
        }
        shuffle(&mut kept);
        Ok(kept)
    }

    /// The body of the answer to one call.
    ///
    /// Errors: the server refuses.
    pub(crate) fn post(&self, what: &str, body: &Value) -> Result<Vec<u8>> {
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
pub(crate) fn shuffle(tokens: &mut [String]) {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    for last in (1..tokens.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = u64::try_from(last).unwrap_or(u64::MAX - 1) + 1;
        tokens.swap(last, usize::try_from(state % bound).unwrap_or(last));
    }
}

//! The server that is loaded, and what is asked of its administration.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::blocking::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::servers::{self, Server};

/// The account that owns the sessions.
pub(crate) const OWNER: &str = "load";
/// Sessions opened by one call.
const PER_CALL: usize = 10_000;
/// How long one call may take.
const WITHIN: Duration = Duration::from_secs(120);
/// The last seconds of a session that lives as long as usual.
pub(crate) const USUAL_MS: u64 = 86_400_000;

/// A session as it is handed out.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// A server, and the right to administer it.
pub(crate) struct Desk {
    pub(crate) server: Server,
    client: Client,
    token: String,
    room: TempDir,
}

impl Desk {
    /// Starts a server on a new data directory, with these arguments besides.
    pub(crate) fn open(besides: &[&str]) -> Result<Self> {
        // Below `target/`, so that the log lies on a disk.
        let room = tempfile::Builder::new()
            .prefix("overload-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let desk = Self::serve(room, besides)?;
        let account = json!({"username": OWNER, "password": null, "max_sessions": 0});
        desk.post("accounts", &account)?;
        Ok(desk)
    }

    fn serve(room: TempDir, besides: &[&str]) -> Result<Self> {
        let workers = std::thread::available_parallelism()?.get();
        let server = Server::sessile(room.path(), workers, besides)?;
        let file = servers::data_dir(room.path()).join("dev-credentials.json");
        let credentials: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let token = credentials["admin_token"]
            .as_str()
            .context("no admin_token")?;
        Ok(Self {
            server,
            client: Client::builder().no_proxy().timeout(WITHIN).build()?,
            token: token.to_owned(),
            room,
        })
    }

    /// Kills the server and starts another one on the same directory: how long that one took to be ready.
    pub(crate) fn killed(self, besides: &[&str]) -> Result<(Self, Duration)> {
        let Self { server, room, .. } = self;
        drop(server);
        let began = Instant::now();
        let desk = Self::serve(room, besides)?;
        Ok((desk, began.elapsed()))
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.server.listen
    }

    /// Resident memory of the server in bytes, as it was looked at within the last tenth of a second.
    pub(crate) fn resident(&self) -> Result<u64> {
        let ready = self.ready()?;
        ready["memory"]["resident_bytes"]
            .as_u64()
            .context("no resident_bytes")
    }

    pub(crate) fn credentials(&self) -> Result<Value> {
        let file = self.data_dir().join("dev-credentials.json");
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    fn data_dir(&self) -> std::path::PathBuf {
        servers::data_dir(Path::new(self.room.path()))
    }

    /// One call that must succeed.
    pub(crate) fn post(&self, what: &str, body: &Value) -> Result<Value> {
        let admin = self.server.admin.context("no admin listener")?;
        let call = self.client.post(format!("http://{admin}/admin/v1/{what}"));
        let answer = call.bearer_auth(&self.token).json(body).send()?;
        let status = answer.status();
        let text = answer.text()?;
        ensure!(status.is_success(), "POST {what}: {status}: {text:.300}");
        Ok(serde_json::from_str(&text)?)
    }

    /// What the node says of itself.
    pub(crate) fn ready(&self) -> Result<Value> {
        let admin = self.server.admin.context("no admin listener")?;
        let answer = self
            .client
            .get(format!("http://{admin}/health/ready"))
            .send()?;
        Ok(serde_json::from_str(&answer.text()?)?)
    }

    /// Opens so many MollyBet sessions that live so long.
    pub(crate) fn issue(&self, count: usize, absolute_ms: u64) -> Result<Vec<Issued>> {
        let mut issued = Vec::with_capacity(count);
        while issued.len() < count {
            let body = json!({"username": OWNER, "surface": "mollybet", "idle_timeout_ms": 0,
                "absolute_ms": absolute_ms, "count": PER_CALL.min(count - issued.len())});
            let answer = self.post("sessions", &body)?;
            let sessions = answer["sessions"].as_array().context("no sessions")?;
            let text =
                |session: &Value, name: &str| session[name].as_str().unwrap_or_default().to_owned();
            issued.extend(sessions.iter().map(|session| Issued {
                id: text(session, "id"),
                secret: text(session, "secret"),
            }));
        }
        Ok(issued)
    }
}

/// The secrets of these sessions.
pub(crate) fn secrets(issued: &[Issued]) -> Vec<String> {
    issued.iter().map(|issued| issued.secret.clone()).collect()
}

//! Speaking to a running node's admin listener.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail};
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::{Certificate, Method, Url};
use serde::Deserialize;
use serde_json::Value;

use super::args::{DATA_DIR, NodeArguments};
use crate::config::address::AdminAddress;

/// A node's admin listener, and the token to use there.
pub struct AdminClient {
    /// What was said, for people.
    shown: String,
    base: Url,
    client: Client,
    /// A socket of this machine asks for none.
    token: Option<String>,
}

#[derive(Deserialize)]
struct DevFile {
    listen: String,
    admin_listen: String,
    admin_token: String,
}

impl DevFile {
    fn read(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("dev-credentials.json");
        let text = read(&path)?;
        // What serde says could quote the token.
        serde_json::from_str(&text).map_err(|error| {
            anyhow::anyhow!("{}: damaged at line {}", path.display(), error.line())
        })
    }
}

impl AdminClient {
    /// Finds the node: what was said, else the default directory's development credentials.
    pub fn find(asked: NodeArguments) -> anyhow::Result<Self> {
        Self::find_in(Path::new(DATA_DIR), asked)
    }

    /// The same with the development credentials of this data directory.
    pub fn find_in(data_dir: &Path, asked: NodeArguments) -> anyhow::Result<Self> {
        let NodeArguments {
            admin,
            admin_token_file,
            admin_ca,
        } = asked;
        let token = admin_token_file.map(|file| read(&file)).transpose()?;
        let token = token.map(|text| text.trim().to_owned());
        let is_socket = admin
            .as_deref()
            .is_some_and(|admin| admin.starts_with("unix:"));
        if let Some(admin) = &admin
            && (token.is_some() || is_socket)
        {
            return Self::at(admin, token, admin_ca.as_deref());
        }
        let found = DevFile::read(data_dir).context(
            "say --admin URL and --admin-token-file FILE, or --admin unix:/PATH, or start a node here",
        )?;
        let admin = match admin {
            Some(admin) => admin,
            None => AdminAddress::from_str(&found.admin_listen)?.url(),
        };
        let token = token.unwrap_or(found.admin_token);
        Self::at(&admin, Some(token), admin_ca.as_deref())
    }

    fn at(admin: &str, token: Option<String>, ca: Option<&Path>) -> anyhow::Result<Self> {
        let mut builder = ClientBuilder::new();
        let base = match admin.strip_prefix("unix:") {
            Some(path) => {
                builder = builder.unix_socket(PathBuf::from(path));
                // No name is looked up: the socket is the node.
                "http://localhost"
            }
            None => admin.trim_end_matches('/'),
        };
        if let Some(file) = ca {
            let named = || format!("{}: --admin-ca", file.display());
            let certificates = Certificate::from_pem_bundle(read(file)?.as_bytes());
            builder = builder.tls_certs_only(certificates.with_context(named)?);
        }
        Ok(Self {
            shown: admin.to_owned(),
            base: Url::parse(base).with_context(|| format!("{admin} is not a URL"))?,
            client: builder
                .build()
                .with_context(|| format!("{admin} cannot be asked"))?,
            token,
        })
    }

    /// Where the public listener of the default directory's development node is.
    pub fn development_url() -> anyhow::Result<String> {
        let found = DevFile::read(Path::new(DATA_DIR));
        let found = found.context("say --url URL, or start a node here")?;
        Ok(format!("http://{}", found.listen))
    }

    /// The admin listener, as it was said.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// The token to use there, for requests that are not made by this client.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Asks, and gives the answer; an error of the node becomes an error with its text.
    pub fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} cannot be the admin listener's URL", self.shown))?
            .pop_if_empty()
            .extend(["admin", "v1"])
            .extend(path);
        url.query_pairs_mut().extend_pairs(query);
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .with_context(|| format!("no answer from {}: is the node running?", self.shown))?;
        let status = answer.status();
        let body: Value = answer
            .json()
            .with_context(|| format!("{} answered {status} without JSON", self.shown))?;
        if !status.is_success() {
            let text = body
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("no reason given");
            bail!("{status}: {text}");
        }
        Ok(body)
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

//! Speaking to a running node's admin listener.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::args::DATA_DIR;

/// A node's admin listener, and the token to use there.
pub struct AdminClient {
    base: String,
    token: String,
}

#[derive(Deserialize)]
struct DevFile {
    admin_listen: String,
    admin_token: String,
}

impl AdminClient {
    /// Finds the node: what was said, else the default directory's development credentials.
    pub fn find(url: Option<String>, token_file: Option<PathBuf>) -> anyhow::Result<Self> {
        Self::find_in(Path::new(DATA_DIR), url, token_file)
    }

    /// The same with the development credentials of this data directory.
    pub fn find_in(
        data_dir: &Path,
        url: Option<String>,
        token_file: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let read =
            |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
        if let (Some(url), Some(file)) = (&url, &token_file) {
            return Ok(Self {
                base: url.trim_end_matches('/').into(),
                token: read(file)?.trim().into(),
            });
        }
        let path = data_dir.join("dev-credentials.json");
        let text = read(&path)
            .context("say --admin URL and --admin-token-file FILE, or start a node here")?;
        // What serde says could quote the token.
        let found: DevFile = serde_json::from_str(&text).map_err(|error| {
            anyhow::anyhow!("{}: damaged at line {}", path.display(), error.line())
        })?;
        let token = match token_file {
            Some(file) => read(&file)?.trim().into(),
            None => found.admin_token,
        };
        let base = url.unwrap_or_else(|| format!("http://{}", found.admin_listen));
        Ok(Self {
            base: base.trim_end_matches('/').into(),
            token,
        })
    }

    /// Asks, and gives the answer; an error of the node becomes an error with its text.
    pub fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let mut url = reqwest::Url::parse(&self.base)
            .with_context(|| format!("{} is not a URL", self.base))?;
        url.path_segments_mut()
            .map_err(|()| anyhow::anyhow!("{} cannot be the admin listener's URL", self.base))?
            .pop_if_empty()
            .extend(["admin", "v1"])
            .extend(path);
        url.query_pairs_mut().extend_pairs(query);
        let client = reqwest::blocking::Client::new();
        let mut request = client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .with_context(|| format!("no answer from {}: is the node running?", self.base))?;
        let status = answer.status();
        let body: Value = answer
            .json()
            .with_context(|| format!("{} answered {status} without JSON", self.base))?;
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

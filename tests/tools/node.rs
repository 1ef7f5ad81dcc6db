//! The binary, serving.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::rig::{KEY, Scratch, binary, set_mode};

const TOKEN: &str = "owner-token-of-a-test-node-000000";

/// A serving process; killed when dropped.
pub(crate) struct Node {
    child: Child,
    /// Where its admin listener is.
    pub(crate) admin: String,
    /// The file with the token for it.
    pub(crate) token: PathBuf,
}

impl Node {
    /// Serves a directory, by the usual key or another one.
    pub(crate) fn serve(scratch: &Scratch, directory: &Path, key: [u8; 32]) -> Self {
        let token = scratch.path("token");
        std::fs::write(&token, TOKEN).unwrap();
        set_mode(&token, 0o600);
        let config = scratch.path("sessile.toml");
        let role = format!("[[admin.tokens]]\nfile = {token:?}\nrole = \"own\"\n");
        std::fs::write(&config, role).unwrap();
        let mut child = binary(scratch)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
            ])
            .args(["--shards", "2", "--workers", "1", "--accept-clock"])
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(directory)
            .arg("--sealing-key-file")
            .arg(scratch.key_file("serving.key", key))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        let admin = first.trim().split("admin=").nth(1);
        let Some(admin) = admin else {
            let said = child.wait_with_output().unwrap();
            panic!(
                "no ready line: {first:?} {}",
                String::from_utf8_lossy(&said.stderr)
            );
        };
        Self {
            admin: format!("http://{admin}"),
            token,
            child,
        }
    }

    /// A node on a key that is the usual one.
    pub(crate) fn usual(scratch: &Scratch, directory: &Path) -> Self {
        Self::serve(scratch, directory, KEY)
    }

    /// Opens a session and says which, once it was acknowledged.
    pub(crate) fn open_session(
        &self,
        client: &reqwest::blocking::Client,
        username: &str,
    ) -> String {
        let body = json!({"username": username, "surface": "mollybet", "count": 1});
        let answer = client
            .post(format!("{}/admin/v1/sessions", self.admin))
            .bearer_auth(TOKEN)
            .json(&body)
            .send()
            .unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
        let answer: Value = answer.json().unwrap();
        answer["sessions"][0]["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

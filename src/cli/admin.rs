//! `account`, `keys`, `sessions`, `templates`: one call to the admin listener each, its JSON printed.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::AdminClient;

/// `account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account.
    Create {
        /// Its name.
        username: String,
        /// Read its password from this file (`-`: standard input); without it the account has none.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// What else to say of it.
        #[command(flatten)]
        describe: Describe,
    },
    /// List accounts.
    List(Page),
    /// Show an account.
    Show {
        /// Its name.
        username: String,
    },
    /// Change what is said.
    Set {
        /// Its name.
        username: String,
        /// What to change.
        #[command(flatten)]
        describe: Describe,
    },
    /// Change its password; ends its sessions.
    Password {
        /// Its name.
        username: String,
        /// Read it from this file (`-`: standard input).
        #[arg(long, value_name = "FILE", required_unless_present = "none")]
        password_file: Option<PathBuf>,
        /// It shall have none.
        #[arg(long, conflicts_with = "password_file")]
        none: bool,
    },
    /// Enrol a second factor; prints the secret once and ends its sessions.
    Totp {
        /// Its name.
        username: String,
        /// Remove the second factor instead.
        #[arg(long)]
        remove: bool,
    },
    /// End all its sessions, or all but one.
    Revoke {
        /// Its name.
        username: String,
        /// The session that stays (sess_…).
        #[arg(long)]
        keep: Option<String>,
    },
    /// Show the failed guesses of its password, and whether strangers are stopped because of them.
    Failures {
        /// Its name.
        username: String,
        /// Forget them: whoever waits may try again.
        #[arg(long)]
        clear: bool,
    },
    /// Delete it, with its sessions and keys.
    Delete {
        /// Its name.
        username: String,
    },
}

/// What can be said of an account. An empty text takes a value away.
#[derive(Debug, Default, Args)]
pub struct Describe {
    /// Who it is elsewhere.
    #[arg(long)]
    external_subject: Option<String>,
    /// What its sessions say by default.
    #[arg(long)]
    client_type: Option<String>,
    /// The group it belongs to.
    #[arg(long)]
    group: Option<String>,
    /// A group whose members it sees; may be said more than once.
    #[arg(long, value_name = "GROUP")]
    manages: Vec<String>,
    /// The account that is its agent.
    #[arg(long)]
    agent: Option<String>,
    /// Whether it may open sessions of accounts it sees.
    #[arg(long, value_name = "BOOL")]
    may_sudo: Option<bool>,
    /// Whether it may log in at all; disabling ends its sessions.
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    /// Whether it gets no new sessions.
    #[arg(long, value_name = "BOOL")]
    locked: Option<bool>,
    /// From when on it gets no new sessions, in milliseconds since 1970.
    #[arg(long)]
    expires_at_ms: Option<u64>,
    /// Its own limit of live sessions per surface; 0 for none.
    #[arg(long)]
    max_sessions: Option<u32>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub struct Page {
    /// Go on after this one.
    #[arg(long)]
    after: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// `keys …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; prints its secret once.
    Create {
        /// What it is for: xdata, i3d (acts for an account), i3d-guest (nobody's: log in on it).
        kind: String,
        /// The account it acts for; a guest key has none.
        username: Option<String>,
        /// When it expires, such as 2027-01-31T12:00:00Z; not for xdata.
        #[arg(long, value_name = "INSTANT")]
        expires_at: Option<jiff::Timestamp>,
        /// A network it may be used from; may be said more than once; not for xdata.
        #[arg(long, value_name = "CIDR")]
        network: Vec<String>,
    },
    /// List keys.
    List(Page),
    /// Withdraw a key; ends the sessions it opened.
    Delete {
        /// Its public half.
        api_key: String,
    },
}

/// `sessions …`
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// Open sessions for a user whom you authenticated yourself; prints the secrets once.
    Open {
        /// Whose.
        username: String,
        /// Where they are good: mollybet, i3d, clerk or xdata.
        #[arg(long)]
        surface: String,
        /// The key pair they belong to (xdata).
        #[arg(long)]
        api_key: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 1)]
        count: u32,
    },
    /// List live sessions.
    List {
        /// Only this account's.
        #[arg(long)]
        username: Option<String>,
        /// Which part.
        #[command(flatten)]
        page: Page,
    },
    /// Show a session.
    Show {
        /// Its public id (sess_…).
        id: String,
    },
    /// End a session.
    Revoke {
        /// Its public id (sess_…).
        id: String,
    },
}

/// `templates …`
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Make a template, or have it be another.
    Put {
        /// Its name: letters, digits, _ and -.
        name: String,
        /// Read its claims, a JSON object, from this file (`-`: standard input).
        #[arg(long, value_name = "FILE")]
        claims_file: PathBuf,
        /// How long its tokens live, in seconds.
        #[arg(long, default_value_t = 60)]
        lifetime_s: u32,
        /// How far in the past its tokens become valid, in seconds.
        #[arg(long, default_value_t = 5)]
        allowed_clock_skew_s: u32,
        /// How its tokens are signed: RS256, ES256 or EdDSA.
        #[arg(long, default_value = "RS256")]
        algorithm: String,
    },
    /// List templates.
    List,
    /// Show a template.
    Show {
        /// Its name.
        name: String,
    },
    /// Delete a template; tokens made by it live on until their end.
    Delete {
        /// Its name.
        name: String,
    },
}

impl Describe {
    fn json(self) -> Map<String, Value> {
        let mut body = Map::new();
        let text = |value: Option<String>| {
            value.map(|v| if v.is_empty() { Value::Null } else { v.into() })
        };
        let managed = (!self.manages.is_empty()).then(|| {
            json!(
                self.manages
                    .iter()
                    .filter(|group| !group.is_empty())
                    .collect::<Vec<_>>()
            )
        });
        let said = [
            ("external_subject", text(self.external_subject)),
            ("client_type", self.client_type.map(Value::from)),
            ("group", text(self.group)),
            ("managed_groups", managed),
            ("agent", text(self.agent)),
            ("may_sudo", self.may_sudo.map(Value::from)),
            ("enabled", self.enabled.map(Value::from)),
            ("locked", self.locked.map(Value::from)),
            ("expires_at_ms", self.expires_at_ms.map(Value::from)),
            ("max_sessions", self.max_sessions.map(Value::from)),
        ];
        body.extend(
            said.into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        body
    }
}

impl Page {
    fn query(self) -> Vec<(&'static str, String)> {
        let after = self.after.map(|after| ("after", after));
        after
            .into_iter()
            .chain([("limit", self.limit.to_string())])
            .collect()
    }
}

/// Reads a secret; from a terminal, the one line that is typed.
fn secret(file: &PathBuf) -> anyhow::Result<String> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        if std::io::stdin().is_terminal() {
            tracing::info!("type the password and press return");
        }
        std::io::stdin().lock().read_line(&mut text)?;
    } else {
        text = whole(file)?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a whole file; `-` stands for standard input.
fn whole(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        return Ok(std::io::read_to_string(std::io::stdin())?);
    }
    std::fs::read_to_string(file).with_context(|| file.display().to_string())
}

/// Runs `account …`.
pub fn account(node: &AdminClient, command: AccountCommand) -> anyhow::Result<Value> {
    const PATH: &str = "accounts";
    match command {
        AccountCommand::Create {
            username,
            password_file,
            describe,
        } => {
            let mut body = describe.json();
            body.insert("username".into(), username.into());
            if let Some(file) = password_file {
                body.insert("password".into(), secret(&file)?.into());
            }
            node.ask(Method::POST, &[PATH], &[], Some(body.into()))
        }
        AccountCommand::List(page) => node.ask(Method::GET, &[PATH], &page.query(), None),
        AccountCommand::Show { username } => node.ask(Method::GET, &[PATH, &username], &[], None),
        AccountCommand::Set { username, describe } => node.ask(
            Method::PATCH,
            &[PATH, &username],
            &[],
            Some(describe.json().into()),
        ),
        AccountCommand::Password {
            username,
            password_file,
            ..
        } => {
            let password = password_file.as_ref().map(secret).transpose()?;
            let body = json!({"password": password});
            node.ask(Method::PUT, &[PATH, &username, "password"], &[], Some(body))
        }
        AccountCommand::Totp { username, remove } => {
            let method = if remove { Method::DELETE } else { Method::POST };
            node.ask(method, &[PATH, &username, "totp"], &[], None)
        }
        AccountCommand::Revoke { username, keep } => {
            let body = keep.map_or(json!({}), |keep| json!({"keep": keep}));
            node.ask(Method::POST, &[PATH, &username, "revoke"], &[], Some(body))
        }
        AccountCommand::Failures { username, clear } => {
            let method = if clear { Method::DELETE } else { Method::GET };
            node.ask(method, &[PATH, &username, "failures"], &[], None)
        }
        AccountCommand::Delete { username } => {
            node.ask(Method::DELETE, &[PATH, &username], &[], None)
        }
    }
}

/// Runs `keys …`.
pub fn keys(node: &AdminClient, command: KeyCommand) -> anyhow::Result<Value> {
    match command {
        KeyCommand::Create {
            kind,
            username,
            expires_at,
            network,
        } => {
            let mut body = Map::new();
            body.insert("kind".into(), kind.into());
            body.extend(username.map(|name| ("username".into(), name.into())));
            let expires_at_ms = expires_at.map(|at| at.as_millisecond().into());
            body.extend(expires_at_ms.map(|ms| ("expires_at_ms".into(), ms)));
            let networks = (!network.is_empty()).then(|| network.into());
            body.extend(networks.map(|list| ("networks".into(), list)));
            node.ask(Method::POST, &["keys"], &[], Some(body.into()))
        }
        KeyCommand::List(page) => node.ask(Method::GET, &["keys"], &page.query(), None),
        KeyCommand::Delete { api_key } => node.ask(Method::DELETE, &["keys", &api_key], &[], None),
    }
}

/// Runs `templates …`.
pub fn templates(node: &AdminClient, command: TemplateCommand) -> anyhow::Result<Value> {
    const PATH: &str = "templates";
    match command {
        TemplateCommand::Put {
            name,
            claims_file,
            lifetime_s,
            allowed_clock_skew_s,
            algorithm,
        } => {
            let text = whole(&claims_file)?;
            let claims: Map<String, Value> =
                serde_json::from_str(&text).context("the claims are no JSON object")?;
            let body = json!({
                "claims": claims,
                "lifetime_s": lifetime_s,
                "allowed_clock_skew_s": allowed_clock_skew_s,
                "algorithm": algorithm,
            });
            node.ask(Method::PUT, &[PATH, &name], &[], Some(body))
        }
        TemplateCommand::List => node.ask(Method::GET, &[PATH], &[], None),
        TemplateCommand::Show { name } => node.ask(Method::GET, &[PATH, &name], &[], None),
        TemplateCommand::Delete { name } => node.ask(Method::DELETE, &[PATH, &name], &[], None),
    }
}

/// Runs `snapshot`.
pub fn snapshot(node: &AdminClient) -> anyhow::Result<Value> {
    node.ask(Method::POST, &["snapshot"], &[], None)
}

/// Asks for the snapshot that a backup begins with.
pub fn snapshot_for_backup(node: &AdminClient) -> anyhow::Result<Value> {
    let purpose = json!({"purpose": "backup"});
    node.ask(Method::POST, &["snapshot"], &[], Some(purpose))
}

/// Runs `sessions …`.
pub fn sessions(node: &AdminClient, command: SessionCommand) -> anyhow::Result<Value> {
    const PATH: &str = "sessions";
    match command {
        SessionCommand::Open {
            username,
            surface,
            api_key,
            count,
        } => {
            let mut body = json!({"username": username, "surface": surface, "count": count});
            if let (Some(key), Some(object)) = (api_key, body.as_object_mut()) {
                object.insert("api_key".into(), key.into());
            }
            node.ask(Method::POST, &[PATH], &[], Some(body))
        }
        SessionCommand::List { username, page } => {
            let mut query = page.query();
            query.extend(username.map(|name| ("username", name)));
            node.ask(Method::GET, &[PATH], &query, None)
        }
        SessionCommand::Show { id } => node.ask(Method::GET, &[PATH, &id], &[], None),
        SessionCommand::Revoke { id } => node.ask(Method::DELETE, &[PATH, &id], &[], None),
    }
}

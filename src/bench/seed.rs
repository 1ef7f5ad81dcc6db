//! Accounts and sessions for a run, made through administration, and taken away afterwards.
//!
//! Invariant: what was made is deleted when the run is over, however it ends, unless it is to be kept.

use anyhow::{Context, ensure};
use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use super::progress::bar;
use super::requests::issued_on;
use crate::cli::bench::BenchSurface;
use crate::cli::client::AdminClient;
use crate::clock::monotonic_ns;
use crate::entropy::{SystemEntropy, random};

/// Sessions opened by one call, and by one where each needs a key or a client of its own.
const PER_CALL: usize = 10_000;
const PER_CALL_BEHIND_CLIENTS: usize = 256;

/// An account that owns sessions.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) user_id: u64,
    /// Its xData key pair, if the run needs one.
    pub(super) key: Option<KeyPair>,
}

/// An xData key pair.
pub(super) struct KeyPair {
    pub(super) api_key: String,
    pub(super) secret: String,
}

/// A session that was opened.
#[derive(Clone)]
pub(super) struct Session {
    /// Whose, by place.
    pub(super) account: usize,
    pub(super) id: Box<str>,
    pub(super) secret: Box<str>,
}

/// Somebody who can log in.
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: String,
}

/// What was made on a node for a run.
pub(super) struct Seeds<'a> {
    admin: &'a AdminClient,
    name: String,
    keep: bool,
    /// Names of what is to be deleted.
    made: Vec<String>,
    pub(super) accounts: Vec<Account>,
}

impl<'a> Seeds<'a> {
    /// Nothing yet; names of accounts will begin with `name`.
    pub(super) fn new(admin: &'a AdminClient, name: &str, keep: bool) -> Self {
        Self {
            admin,
            name: name.to_owned(),
            keep,
            made: Vec::new(),
            accounts: Vec::new(),
        }
    }

    /// Makes accounts without a limit on their sessions, with key pairs if the surface needs them.
    ///
    /// An account that an interrupted run left behind is taken as it is.
    pub(super) fn make_accounts(
        &mut self,
        count: usize,
        surface: BenchSurface,
    ) -> anyhow::Result<()> {
        for number in 0..count {
            let name = format!("{}-{number}", self.name);
            let account = self.account(&name, json!({"max_sessions": 0}))?;
            let user_id = account.get("user_id").and_then(Value::as_u64);
            let key = match surface {
                BenchSurface::Xdata => Some(self.key(&name)?),
                _ => None,
            };
            self.accounts.push(Account {
                user_id: user_id.context("the node names no user_id")?,
                name,
                key,
            });
        }
        Ok(())
    }

    /// Makes accounts that can log in, each with a password by chance.
    pub(super) fn make_logins(&mut self, count: usize) -> anyhow::Result<Vec<Login>> {
        let mut logins = Vec::new();
        let bar = bar("passwords", count as u64);
        for number in 0..count {
            let name = format!("{}-login-{number}", self.name);
            let bytes: [u8; 16] = random(&SystemEntropy)?;
            let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            self.account(&name, json!({}))?;
            let body = json!({"password": password});
            self.admin.ask(
                Method::PUT,
                &["accounts", &name, "password"],
                &[],
                Some(body),
            )?;
            logins.push(Login { name, password });
            step(bar.as_ref(), 1);
        }
        clear(bar);
        Ok(logins)
    }

    fn account(&mut self, name: &str, said: Value) -> anyhow::Result<Value> {
        let mut body = said.clone();
        if let Some(body) = body.as_object_mut() {
            body.insert("username".into(), name.into());
        }
        let made = self.admin.ask(Method::POST, &["accounts"], &[], Some(body));
        let account = match made {
            Ok(account) => account,
            Err(error) => {
                let there = self
                    .admin
                    .ask(Method::PATCH, &["accounts", name], &[], Some(said));
                there.map_err(|_| error.context(format!("making the account {name}")))?
            }
        };
        self.made.push(name.to_owned());
        Ok(account)
    }

    fn key(&self, name: &str) -> anyhow::Result<KeyPair> {
        let body = json!({"kind": "xdata", "username": name});
        let key = self.admin.ask(Method::POST, &["keys"], &[], Some(body))?;
        let text = |member: &str| key.get(member).and_then(Value::as_str).map(str::to_owned);
        Ok(KeyPair {
            api_key: text("api_key").context("the node names no api_key")?,
            secret: text("secret").context("the node names no secret")?,
        })
    }

    /// Opens sessions, spread over the accounts; those with a deadline end at that instant of the monotonic clock.
    pub(super) fn open(
        &self,
        surface: BenchSurface,
        count: usize,
        deadline_ns: Option<u64>,
    ) -> anyhow::Result<Vec<Session>> {
        let per_call = match surface {
            BenchSurface::I3d | BenchSurface::Clerk => PER_CALL_BEHIND_CLIENTS,
            _ => PER_CALL,
        };
        let mut sessions = Vec::with_capacity(count);
        let bar = bar("sessions", count as u64);
        let among = self.accounts.len().max(1);
        for (number, account) in self.accounts.iter().enumerate() {
            let mut wanted = count / among + usize::from(number < count % among);
            while wanted > 0 {
                let asked = wanted.min(per_call);
                let body = self.wanted(account, surface, asked, deadline_ns)?;
                let answer = self
                    .admin
                    .ask(Method::POST, &["sessions"], &[], Some(body))?;
                let issued = answer.get("sessions").and_then(Value::as_array);
                let issued = issued.context("the node names no sessions")?;
                ensure!(
                    issued.len() == asked,
                    "asked for {asked} sessions and got {}",
                    issued.len()
                );
                for session in issued {
                    let text = |member: &str| session.get(member).and_then(Value::as_str);
                    sessions.push(Session {
                        account: number,
                        id: text("id").context("a session without id")?.into(),
                        secret: text("secret").context("a session without secret")?.into(),
                    });
                }
                wanted -= asked;
                step(bar.as_ref(), asked as u64);
            }
        }
        clear(bar);
        Ok(sessions)
    }

    /// Opens sessions that belong to no key pair and end at that instant of the monotonic clock.
    pub(super) fn open_wave(&self, count: usize, deadline_ns: u64) -> anyhow::Result<Vec<Session>> {
        self.open(BenchSurface::Mollybet, count, Some(deadline_ns))
    }

    fn wanted(
        &self,
        account: &Account,
        surface: BenchSurface,
        count: usize,
        deadline_ns: Option<u64>,
    ) -> anyhow::Result<Value> {
        let mut body =
            json!({"username": account.name, "surface": issued_on(surface), "count": count});
        let Some(object) = body.as_object_mut() else {
            return Ok(body);
        };
        if let Some(key) = account
            .key
            .as_ref()
            .filter(|_| surface == BenchSurface::Xdata)
        {
            object.insert("api_key".into(), key.api_key.clone().into());
        }
        if let Some(deadline) = deadline_ns {
            let left_ms = deadline.saturating_sub(monotonic_ns()) / 1_000_000;
            ensure!(
                left_ms > 0,
                "opening the sessions of the wave took longer than their time: say a smaller --wave"
            );
            object.insert("absolute_ms".into(), left_ms.into());
            object.insert("idle_timeout_ms".into(), 0.into());
        }
        Ok(body)
    }

    /// Deletes what was made, which ends its sessions.
    ///
    /// Errors: the first that the node refuses to delete; the others are deleted all the same.
    pub(super) fn clear(&mut self) -> anyhow::Result<()> {
        let mut first = Ok(());
        if self.keep {
            self.made.clear();
        }
        for name in self.made.drain(..) {
            let gone = self
                .admin
                .ask(Method::DELETE, &["accounts", &name], &[], None);
            let gone = gone.with_context(|| format!("deleting the account {name}"));
            if first.is_ok() {
                first = gone.map(|_| ());
            }
        }
        first
    }
}

fn step(bar: Option<&ProgressBar>, steps: u64) {
    if let Some(bar) = bar {
        bar.inc(steps);
    }
}

fn clear(bar: Option<ProgressBar>) {
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

impl Drop for Seeds<'_> {
    fn drop(&mut self) {
        // A run that failed has said why; that something is left behind as well comes of the same.
        let _ = self.clear();
    }
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "KeyPair({})", self.api_key)
    }
}

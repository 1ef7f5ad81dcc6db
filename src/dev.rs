//! Development mode: demonstration accounts, their credentials in a file, and lines to paste.
//!
//! Loopback only. The credentials file is the one file with secrets in clear; it is kept over a
//! restart, so that what was pasted once goes on working. Source: README, Serving for real.

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use zeroize::Zeroizing;

use crate::config::address::AdminAddress;
use crate::credentials::totp;
use crate::door::Engine;
use crate::durability::directory::{DataDirectory, DirectoryError};
use crate::engine::command::{Command, NewKey, Reply};
use crate::entropy::{Entropy, EntropyFailed, random};
use crate::session::account::{Account, ClientType, TotpSeed, Username};
use crate::session::id::AccountId;
use crate::session::key::KeyKind;
use crate::session::origin::Origin;
use crate::session::token::Secret;

/// The name of the credentials file.
pub const FILE: &str = "dev-credentials.json";

/// The credentials file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevCredentials {
    listen: String,
    admin_listen: String,
    admin_token: String,
    accounts: Vec<DevAccount>,
    /// Absent in a file that an older release wrote; then it is drawn anew.
    #[serde(default)]
    i3d: DevI3d,
    xdata: DevXdata,
    #[serde(default)]
    clerk: DevClerk,
}

/// What clerk's own clients are built with: where the surface is.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevClerk {
    publishable_key: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevI3d {
    guest_keys: Vec<String>,
    account_keys: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevAccount {
    username: String,
    password: String,
    client_type: String,
    totp_secret: Option<String>,
    user_id: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevXdata {
    keys: Vec<DevKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevKey {
    api_key: String,
    secret: String,
}

/// What tells the demonstration accounts apart.
struct Cast {
    username: &'static str,
    group: Option<&'static str>,
    manages: Option<&'static str>,
    agent: Option<&'static str>,
    may_sudo: bool,
    totp: bool,
    enabled: bool,
}

const PLAIN: Cast = Cast {
    username: "",
    group: None,
    manages: None,
    agent: None,
    may_sudo: false,
    totp: false,
    enabled: true,
};

/// In the order of their user ids.
const CAST: [Cast; 8] = [
    Cast {
        username: "alice",
        group: Some("demo"),
        agent: Some("agent1"),
        ..PLAIN
    },
    Cast {
        username: "bob",
        group: Some("demo"),
        agent: Some("agent1"),
        ..PLAIN
    },
    Cast {
        username: "agent1",
        ..PLAIN
    },
    Cast {
        username: "agent2",
        ..PLAIN
    },
    Cast {
        username: "root",
        manages: Some("demo"),
        may_sudo: true,
        ..PLAIN
    },
    Cast {
        username: "root2",
        may_sudo: true,
        ..PLAIN
    },
    Cast {
        username: "otto",
        totp: true,
        ..PLAIN
    },
    Cast {
        username: "dora",
        enabled: false,
        ..PLAIN
    },
];

/// Guest keys for i3D.
const GUEST_KEYS: usize = 8;
/// Guest keys that the file may list: its user may add some.
const GUEST_KEYS_MAX: usize = 256;

/// Those who get an i3D account key.
const ACCOUNT_KEY_HOLDERS: [&str; 1] = ["alice"];

/// Those who get an xData key pair, in order.
const KEY_HOLDERS: [&str; 2] = ["alice", "bob"];

impl DevCredentials {
    /// Reads the file of an earlier run, or draws new credentials for a directory that is `fresh`.
    pub fn load(
        directory: &DataDirectory,
        entropy: &dyn Entropy,
        fresh: bool,
    ) -> anyhow::Result<Self> {
        match directory.read(FILE)? {
            Some(bytes) => {
                let read = Self::parse(&bytes).map_err(|what| directory.damaged(FILE, what))?;
                Ok(read.complete(entropy)?)
            }
            None if fresh => Ok(Self::draw(entropy)?),
            None => {
                let what = "it is gone, and the accounts have the passwords that were in it";
                Err(directory.damaged(FILE, what.into()).into())
            }
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        // What serde says may quote a secret: only where it stopped is told.
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
        let names = read
            .accounts
            .iter()
            .map(|account| account.username.as_str());
        if !names.eq(CAST.iter().map(|cast| cast.username))
            || read.xdata.keys.len() != KEY_HOLDERS.len()
            || read.i3d.guest_keys.len() > GUEST_KEYS_MAX
            || read
                .i3d
                .account_keys
                .keys()
                .any(|name| CAST.iter().all(|cast| cast.username != name))
        {
            return Err("it does not list the demonstration accounts".into());
        }
        Ok(read)
    }

    /// Draws what an older release did not write down.
    fn complete(mut self, entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let key =
            || random(entropy).map(|bytes| Secret::letters_and_digits(bytes).reveal().to_owned());
        while self.i3d.guest_keys.len() < GUEST_KEYS {
            self.i3d.guest_keys.push(key()?);
        }
        for holder in ACCOUNT_KEY_HOLDERS {
            if !self.i3d.account_keys.contains_key(holder) {
                self.i3d.account_keys.insert(holder.to_owned(), key()?);
            }
        }
        Ok(self)
    }

    fn draw(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let text = || random(entropy).map(|bytes| Secret::base64url(bytes).reveal().to_owned());
        let mut accounts = Vec::new();
        for (cast, user_id) in CAST.iter().zip(1..) {
            let seed = random(entropy).map(|bytes| TotpSeed(Zeroizing::new(bytes)))?;
            accounts.push(DevAccount {
                username: cast.username.into(),
                password: text()?,
                client_type: "website".into(),
                totp_secret: cast.totp.then(|| totp::base32(&seed)),
                user_id,
            });
        }
        let mut keys = Vec::new();
        for _ in KEY_HOLDERS {
            let api_key =
                random(entropy).map(|bytes| Secret::uuid_v4(bytes).reveal().to_owned())?;
            keys.push(DevKey {
                api_key,
                secret: text()?,
            });
        }
        let (listen, admin_listen) = (String::new(), String::new());
        let drawn = Self {
            listen,
            admin_listen,
            admin_token: text()?,
            accounts,
            i3d: DevI3d::default(),
            xdata: DevXdata { keys },
            clerk: DevClerk::default(),
        };
        drawn.complete(entropy)
    }

    /// The token of the admin listener.
    #[must_use]
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// Writes the file, with the addresses of this run.
    pub fn save(
        &mut self,
        directory: &DataDirectory,
        listen: SocketAddr,
        admin_listen: &AdminAddress,
    ) -> Result<(), DirectoryError> {
        self.listen = listen.to_string();
        self.admin_listen = admin_listen.to_string();
        let host = STANDARD.encode(format!("{listen}$"));
        self.clerk.publishable_key = format!("pk_test_{host}");
        let json = serde_json::to_vec_pretty(self).unwrap_or_default();
        directory.write(FILE, &json)
    }

    /// Makes the accounts and keys in an empty engine.
    pub async fn provision<E: Engine>(&self, engine: &E) -> anyhow::Result<()> {
        let mut ids: Vec<AccountId> = Vec::new();
        for (cast, listed) in CAST.iter().zip(&self.accounts) {
            if let Some((id, _)) = engine.account_by_name(cast.username).get().await {
                ids.push(id);
                continue;
            }
            let account = account(engine, cast, listed).await?;
            let reply = engine
                .ask(Origin::node(), Command::CreateAccount(Box::new(account)))
                .await;
            match reply.with_context(|| format!("making the account {}", cast.username))? {
                Reply::AccountCreated(id) => ids.push(id),
                other => anyhow::bail!("making the account {} gave {other:?}", cast.username),
            }
        }
        let place = |name: &str| CAST.iter().position(|cast| cast.username == name);
        let id_of = |name: &str| place(name).and_then(|at| ids.get(at)).copied();
        for (cast, id) in CAST.iter().zip(&ids) {
            let Some(agent) = cast.agent.and_then(id_of) else {
                continue;
            };
            let patch = crate::engine::command::AccountPatch {
                agent: Some(Some(agent)),
                ..Default::default()
            };
            let change = crate::engine::command::AccountChange::Describe(Box::new(patch));
            engine
                .ask(Origin::node(), Command::ChangeAccount(*id, change, None))
                .await?;
        }
        for (holder, key) in KEY_HOLDERS.iter().zip(&self.xdata.keys) {
            if engine.key_by_name(&key.api_key).get().await.is_some() {
                continue;
            }
            let account = id_of(holder).context("the holder of a key is in the cast")?;
            let new = NewKey {
                kind: KeyKind::Xdata,
                name: key.api_key.as_str().into(),
                secret: engine.digest(key.secret.as_bytes()),
                account: Some(account),
                expires_at: None,
                networks: Vec::new(),
            };
            engine.ask(Origin::node(), Command::CreateKey(new)).await?;
        }
        let guests = self.i3d.guest_keys.iter().map(|secret| (secret, None));
        let account_keys = self.i3d.account_keys.iter();
        let owned = account_keys.map(|(holder, secret)| (secret, Some(holder)));
        for (secret, holder) in guests.chain(owned) {
            let known = engine.private_token(secret.as_bytes(), None);
            if known.get().await.is_some() {
                continue;
            }
            let account = match holder {
                Some(holder) => Some(id_of(holder).context("the holder is in the cast")?),
                None => None,
            };
            let kind = account.map_or(KeyKind::I3dGuest, |_| KeyKind::I3d);
            let new = NewKey {
                kind,
                name: Secret::uuid_v4(engine.random()?).reveal().into(),
                secret: engine.digest(secret.as_bytes()),
                account,
                expires_at: None,
                networks: Vec::new(),
            };
            engine.ask(Origin::node(), Command::CreateKey(new)).await?;
        }
        Ok(())
    }

    /// Lines that work when pasted into a shell, in this order.
    #[must_use]
    pub fn tour(&self) -> String {
        let (base, admin) = (
            format!("http://{}", self.listen),
            match self.admin_listen.strip_prefix("unix:") {
                Some(path) => format!("--unix-socket {path} http://localhost"),
                None => format!("http://{}", self.admin_listen),
            },
        );
        let password = self
            .accounts
            .first()
            .map_or("", |alice| alice.password.as_str());
        let (api_key, secret) = self
            .xdata
            .keys
            .first()
            .map_or(("", ""), |key| (key.api_key.as_str(), key.secret.as_str()));
        let guest = self.i3d.guest_keys.first().map_or("", String::as_str);
        let v3 = format!("curl -s -H 'PRIVATE-TOKEN: {guest}'");
        let token = &self.admin_token;
        let rpc = format!(
            "curl -s -H 'APIKey: {api_key}' -H 'Secret: {secret}' -H 'Content-Type: application/json'"
        );
        let url = format!("{base}/api/v2/session/jsonrpc");
        format!(
            r#"# mollybet: log in, look, hand over, log out
SESSION=$(curl -s -d 'username=alice' -d 'password={password}' {base}/v1/sessions/ | cut -d'"' -f8)
curl -s -H "Session: $SESSION" {base}/v1/sessions/$SESSION/
curl -s -X POST -H "Session: $SESSION" {base}/v1/sessions/$SESSION/tokenize/
# i3d: log in on a guest key, look, log out
{v3} -H 'Content-Type: application/json' -d '{{"userName":"alice","password":"{password}"}}' {base}/v3/session/login
{v3} {base}/v3/session/user
curl -si -H 'PRIVATE-TOKEN: {guest}' {base}/auth/verify
{v3} -X POST {base}/v3/session/logout
# clerk: sign in, get a token, sign out
curl -s -c /tmp/sessile-cookies -d 'identifier=alice' -d 'password={password}' {base}/v1/client/sign_ins | cut -c1-300
CLERK=$(curl -s -b /tmp/sessile-cookies {base}/v1/client | grep -o 'sess_[0-9A-Za-z]*' | head -n 1)
curl -s -b /tmp/sessile-cookies -X POST {base}/v1/client/sessions/$CLERK/tokens
curl -s -b /tmp/sessile-cookies -X POST "{base}/v1/client/sessions?_method=DELETE" | cut -c1-300
# gateway: is this session good, and whose is it?
curl -si -H "Session: $SESSION" {base}/auth/verify
# xdata: open, verify, close
TOKEN=$({rpc} -d '{{"jsonrpc":"2.0","method":"session.open_session","params":{{}},"id":1}}' {url} | cut -d'"' -f6)
{rpc} -d '{{"jsonrpc":"2.0","method":"session.verify_session_token","params":{{"token":"'$TOKEN'"}},"id":2}}' {url}
{rpc} -d '{{"jsonrpc":"2.0","method":"session.close_session","params":{{"token":"'$TOKEN'"}},"id":3}}' {url}
# admin: open a session for somebody you authenticated yourself; then end alice's
curl -s -H 'Authorization: Bearer {token}' -d '{{"username":"bob","surface":"mollybet"}}' {admin}/admin/v1/sessions
curl -s -X DELETE -H "Session: $SESSION" {base}/v1/sessions/$SESSION/
"#
        )
    }
}

async fn account<E: Engine>(
    engine: &E,
    cast: &Cast,
    listed: &DevAccount,
) -> anyhow::Result<Account> {
    let seed = match &listed.totp_secret {
        Some(text) => Some(
            totp::seed(text).context("the one-time-password secret is not 20 bytes of base32")?,
        ),
        None => None,
    };
    ensure!(
        seed.is_some() == cast.totp,
        "only otto has a one-time-password secret"
    );
    let username = Username::new(cast.username).map_err(anyhow::Error::msg)?;
    Ok(Account {
        password: Some(engine.hash_password(listed.password.clone()).await?),
        totp: seed,
        client_type: ClientType::new(&listed.client_type).map_err(anyhow::Error::msg)?,
        group: cast.group.map(Into::into),
        managed_groups: cast.manages.map(Into::into).into_iter().collect(),
        may_sudo: cast.may_sudo,
        enabled: cast.enabled,
        ..Account::new(username, engine.now())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn written(credentials: &DevCredentials) -> serde_json::Value {
        serde_json::to_value(credentials).unwrap()
    }

    fn read(file: &serde_json::Value) -> Result<DevCredentials, String> {
        let read = DevCredentials::parse(file.to_string().as_bytes())?;
        Ok(read.complete(&SystemEntropy).unwrap())
    }

    #[test]
    fn what_was_drawn_once_is_kept_and_what_is_missing_is_drawn() {
        let drawn = written(&DevCredentials::draw(&SystemEntropy).unwrap());
        assert_eq!(drawn["i3d"]["guest_keys"].as_array().unwrap().len(), 8);
        assert_eq!(drawn["i3d"]["account_keys"].as_object().unwrap().len(), 1);
        assert_eq!(written(&read(&drawn).unwrap()), drawn);

        // As an older release wrote it.
        let mut older = drawn.clone();
        older.as_object_mut().unwrap().remove("i3d");
        let completed = written(&read(&older).unwrap());
        let keys = completed["i3d"]["guest_keys"].as_array().unwrap();
        assert_eq!(keys.len(), 8);
        assert!(keys.iter().all(|key| key.as_str().unwrap().len() == 24));
        assert!(completed["i3d"]["account_keys"]["alice"].is_string());
        assert_eq!(completed["accounts"], drawn["accounts"]);

        let mut other = drawn;
        other["i3d"]["account_keys"]["nobody"] = "x".into();
        assert!(read(&other).is_err());
    }
}

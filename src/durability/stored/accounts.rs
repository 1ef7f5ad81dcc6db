//! Accounts and API keys.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::profile::StoredProfile;
use super::{StoredError, at};
use crate::durability::sealing::{Sealer, SealingError, Unseal};
use crate::engine::accounts::ACCOUNTS_MAX;
use crate::engine::keys::KEYS_MAX;
use crate::session::account::{Account, ClientType, PasswordHash, TotpSeed, Username};
use crate::session::id::{AccountId, KeyId};
use crate::session::key::{Key, KeyKind};
use crate::session::time::Timestamp;
use crate::session::token::Digest;

const SEED: &str = "one-time-password seed";

/// An account; its seed is sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredAccount {
    id: u32,
    pub(in crate::durability) username: CompactString,
    external_subject: Option<CompactString>,
    generation: u32,
    password: Option<StoredHash>,
    totp: Option<Vec<u8>>,
    totp_step_spent: u64,
    client_type: CompactString,
    group: Option<CompactString>,
    managed_groups: Vec<CompactString>,
    agent: Option<u32>,
    may_sudo: bool,
    enabled: bool,
    locked: bool,
    expires_at: Option<u64>,
    max_sessions: Option<u32>,
    profile: StoredProfile,
    created: u64,
    updated: u64,
}

/// A password's hash, which shows nothing of itself.
#[derive(Serialize, Deserialize)]
struct StoredHash(CompactString);

impl std::fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredHash(..)")
    }
}

/// The account with this number, which is one that the engine gives.
pub(in crate::durability) fn account_id(number: u32) -> Result<AccountId, StoredError> {
    let id = Some(number).filter(|number| *number < ACCOUNTS_MAX);
    id.map(AccountId)
        .ok_or(StoredError::Value("account number"))
}

fn account_name(id: AccountId) -> String {
    format!("account {}", id.0)
}

impl StoredAccount {
    pub(in crate::durability) fn of(
        id: AccountId,
        account: &Account,
        sealer: &Sealer,
    ) -> Result<Self, SealingError> {
        let seal = |seed: &TotpSeed| sealer.seal(SEED, &account_name(id), &*seed.0);
        Ok(Self {
            id: id.0,
            username: account.username.as_str().into(),
            external_subject: account.external_subject.clone(),
            generation: account.generation,
            password: account
                .password
                .as_ref()
                .map(|hash| StoredHash(hash.0.clone())),
            totp: account.totp.as_ref().map(seal).transpose()?,
            totp_step_spent: account.totp_step_spent,
            client_type: account.client_type.as_str().into(),
            group: account.group.clone(),
            managed_groups: account.managed_groups.clone(),
            agent: account.agent.map(|agent| agent.0),
            may_sudo: account.may_sudo,
            enabled: account.enabled,
            locked: account.locked,
            expires_at: account.expires_at.map(Timestamp::ms),
            max_sessions: account.max_sessions,
            profile: StoredProfile::from(&*account.profile),
            created: account.created.ms(),
            updated: account.updated.ms(),
        })
    }

    /// Its place.
    pub(in crate::durability) fn id(&self) -> u32 {
        self.id
    }

    /// Takes its seed, if it has one, and locks it: without the seed it would be an account of one factor.
    pub(in crate::durability) fn suspend(&mut self) -> bool {
        let had = self.totp.take().is_some();
        self.locked |= had;
        had
    }

    pub(in crate::durability) fn open(
        self,
        sealer: &dyn Unseal,
    ) -> Result<(AccountId, Arc<Account>), StoredError> {
        let id = account_id(self.id)?;
        let seed = |sealed: Vec<u8>| -> Result<TotpSeed, StoredError> {
            let plain = sealer.unseal(SEED, &account_name(id), &sealed)?;
            let seed = plain.as_slice().try_into();
            let seed = seed.map_err(|_| StoredError::Value("one-time-password seed"))?;
            Ok(TotpSeed(Zeroizing::new(seed)))
        };
        let username = Username::new(&self.username);
        let client_type = ClientType::new(&self.client_type);
        let account = Account {
            username: username.map_err(|_| StoredError::Value("user name"))?,
            external_subject: self.external_subject,
            generation: self.generation,
            password: self.password.map(|hash| PasswordHash(hash.0)),
            totp: self.totp.map(seed).transpose()?,
            totp_step_spent: self.totp_step_spent,
            client_type: client_type.map_err(|_| StoredError::Value("client type"))?,
            group: self.group,
            managed_groups: self.managed_groups,
            agent: self.agent.map(AccountId),
            may_sudo: self.may_sudo,
            enabled: self.enabled,
            locked: self.locked,
            expires_at: self.expires_at.map(at),
            max_sessions: self.max_sessions,
            profile: Arc::new(self.profile.into()),
            created: at(self.created),
            updated: at(self.updated),
        };
        Ok((id, Arc::new(account)))
    }
}

/// An API key.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredKey {
    id: u32,
    kind: u8,
    pub(in crate::durability) name: CompactString,
    secret: [u8; 32],
    account: Option<u32>,
    generation: u32,
    expires_at: Option<u64>,
    networks: Vec<CompactString>,
}

impl StoredKey {
    pub(in crate::durability) fn of(id: KeyId, key: &Key) -> Self {
        Self {
            id: id.0,
            kind: match key.kind {
                KeyKind::Xdata => 1,
                KeyKind::I3d => 2,
                KeyKind::I3dGuest => 3,
            },
            name: key.name.clone(),
            secret: *key.secret.as_bytes(),
            account: key.account.map(|account| account.0),
            generation: key.generation,
            expires_at: key.expires_at.map(Timestamp::ms),
            networks: key
                .networks
                .iter()
                .map(|network| compact_str::format_compact!("{network}"))
                .collect(),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<(KeyId, Key), StoredError> {
        let network = |text: CompactString| text.parse().map_err(|_| StoredError::Value("network"));
        let key = Key {
            kind: match self.kind {
                1 => KeyKind::Xdata,
                2 => KeyKind::I3d,
                3 => KeyKind::I3dGuest,
                _ => return Err(StoredError::Value("kind of key")),
            },
            name: self.name,
            secret: Digest::from_bytes(self.secret),
            account: self.account.map(AccountId),
            generation: self.generation,
            expires_at: self.expires_at.map(at),
            networks: self
                .networks
                .into_iter()
                .map(network)
                .collect::<Result<_, _>>()?,
        };
        let id = Some(self.id).filter(|id| *id < KEYS_MAX);
        Ok((id.map(KeyId).ok_or(StoredError::Value("key number"))?, key))
    }
}

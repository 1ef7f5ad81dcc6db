//! Sessions, hand-off tokens and clients.

use std::net::IpAddr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Id, StoredError, at};
use crate::engine::event::{Grant, Handoff};
use crate::engine::image::{MoreImage, SessionImage};
use crate::session::account::ClientType;
use crate::session::client::{Client, EndedSession, SignIn};
use crate::session::id::{AccountId, ClientId, KeyId, SessionId, SignInId};
use crate::session::lifetime::Lifetime;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::token::Digest;

pub(super) fn surface(number: u8) -> Result<Surface, StoredError> {
    let found = Surface::ALL.into_iter().find(|s| *s as u8 == number);
    found.ok_or(StoredError::Value("surface"))
}

pub(super) fn reason(number: u8) -> Result<EndReason, StoredError> {
    let found = EndReason::ALL.into_iter().find(|r| *r as u8 == number);
    found.ok_or(StoredError::Value("reason"))
}

/// What a session is from its beginning on.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredGrant {
    account: u32,
    generation: u32,
    surface: u8,
    factors: u8,
    idle_timeout_ms: u32,
    absolute: u64,
    client_type: CompactString,
    key: Option<u32>,
    more: Option<Box<StoredMore>>,
}

/// What most sessions lack.
#[derive(Debug, Serialize, Deserialize)]
struct StoredMore {
    client: Option<Id>,
    parent: Option<Id>,
    chain: Vec<u32>,
    address: Option<IpAddr>,
    user_agent: Option<CompactString>,
    attributes: Option<Box<str>>,
}

impl From<&MoreImage> for StoredMore {
    fn from(more: &MoreImage) -> Self {
        Self {
            client: more.client.map(|id| *id.as_bytes()),
            parent: more.parent.map(|id| *id.as_bytes()),
            chain: more.chain.iter().map(|account| account.0).collect(),
            address: more.address,
            user_agent: more.user_agent.clone(),
            attributes: more.attributes.clone(),
        }
    }
}

impl From<StoredMore> for MoreImage {
    fn from(stored: StoredMore) -> Self {
        Self {
            client: stored.client.map(ClientId::from_bytes),
            parent: stored.parent.map(SessionId::from_bytes),
            chain: stored.chain.into_iter().map(AccountId).collect(),
            address: stored.address,
            user_agent: stored.user_agent,
            attributes: stored.attributes,
        }
    }
}

impl StoredGrant {
    fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle_timeout_ms: self.idle_timeout_ms,
            absolute: at(self.absolute),
        }
    }

    fn client_type(&self) -> Result<ClientType, StoredError> {
        ClientType::new(&self.client_type).map_err(|_| StoredError::Value("client type"))
    }
}

impl From<&Grant> for StoredGrant {
    fn from(grant: &Grant) -> Self {
        let more = MoreImage::of(grant);
        Self {
            account: grant.account.0,
            generation: grant.generation,
            surface: grant.surface as u8,
            factors: grant.factors.bits(),
            idle_timeout_ms: grant.lifetime.idle_timeout_ms,
            absolute: grant.lifetime.absolute.ms(),
            client_type: grant.client_type.as_str().into(),
            key: grant.key.map(|key| key.0),
            more: more.as_ref().map(StoredMore::from).map(Box::new),
        }
    }
}

impl StoredGrant {
    pub(super) fn open(self) -> Result<Grant, StoredError> {
        let (lifetime, client_type) = (self.lifetime(), self.client_type()?);
        let more = self.more.map(|more| MoreImage::from(*more));
        let more = more.unwrap_or_default();
        Ok(Grant {
            account: AccountId(self.account),
            generation: self.generation,
            surface: surface(self.surface)?,
            lifetime,
            factors: Factors::from_bits(self.factors),
            client_type,
            key: self.key.map(KeyId),
            client: more.client,
            parent: more.parent,
            chain: more.chain,
            address: more.address,
            user_agent: more.user_agent,
            attributes: more.attributes,
        })
    }
}

/// A session as it is.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredSession {
    id: Id,
    created: u64,
    last_active: u64,
    grant: StoredGrant,
}

impl From<&SessionImage> for StoredSession {
    fn from(session: &SessionImage) -> Self {
        Self {
            id: *session.id.as_bytes(),
            created: session.created.ms(),
            last_active: session.last_active.ms(),
            grant: StoredGrant {
                account: session.account.0,
                generation: session.stamp,
                surface: session.surface as u8,
                factors: session.factors.bits(),
                idle_timeout_ms: session.lifetime.idle_timeout_ms,
                absolute: session.lifetime.absolute.ms(),
                client_type: session.client_type.as_str().into(),
                key: session.key.map(|key| key.0),
                more: session.more.as_deref().map(StoredMore::from).map(Box::new),
            },
        }
    }
}

impl StoredSession {
    pub(in crate::durability) fn open(self) -> Result<SessionImage, StoredError> {
        let grant = self.grant;
        Ok(SessionImage {
            id: SessionId::from_bytes(self.id),
            account: AccountId(grant.account),
            stamp: grant.generation,
            surface: surface(grant.surface)?,
            factors: Factors::from_bits(grant.factors),
            created: at(self.created),
            last_active: at(self.last_active),
            lifetime: grant.lifetime(),
            client_type: grant.client_type()?,
            key: grant.key.map(KeyId),
            more: grant.more.map(|more| Box::new(MoreImage::from(*more))),
        })
    }
}

/// A hand-off token.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredHandoff {
    session: Id,
    generation: u32,
    issued: u64,
    expires: u64,
}

impl From<&Handoff> for StoredHandoff {
    fn from(handoff: &Handoff) -> Self {
        Self {
            session: *handoff.session.as_bytes(),
            generation: handoff.generation,
            issued: handoff.issued.ms(),
            expires: handoff.expires.ms(),
        }
    }
}

impl From<StoredHandoff> for Handoff {
    fn from(stored: StoredHandoff) -> Self {
        Self {
            session: SessionId::from_bytes(stored.session),
            generation: stored.generation,
            issued: at(stored.issued),
            expires: at(stored.expires),
        }
    }
}

/// A login whose second step is still to come.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredSignIn {
    id: Id,
    account: u32,
    generation: u32,
    factors: u8,
    remember: bool,
    started: u64,
    expires: u64,
    guesses: u8,
}

impl From<&SignIn> for StoredSignIn {
    fn from(sign_in: &SignIn) -> Self {
        Self {
            id: *sign_in.id.as_bytes(),
            account: sign_in.account.0,
            generation: sign_in.generation,
            factors: sign_in.factors.bits(),
            remember: sign_in.remember,
            started: sign_in.started.ms(),
            expires: sign_in.expires.ms(),
            guesses: sign_in.guesses,
        }
    }
}

impl From<StoredSignIn> for SignIn {
    fn from(stored: StoredSignIn) -> Self {
        Self {
            id: SignInId::from_bytes(stored.id),
            account: AccountId(stored.account),
            generation: stored.generation,
            factors: Factors::from_bits(stored.factors),
            remember: stored.remember,
            started: at(stored.started),
            expires: at(stored.expires),
            guesses: stored.guesses,
        }
    }
}

/// A session that a client remembers.
#[derive(Debug, Serialize, Deserialize)]
struct StoredEnded {
    id: Id,
    account: u32,
    factors: u8,
    created: u64,
    last_active: u64,
    absolute: u64,
    reason: u8,
    ended: u64,
}

impl From<&EndedSession> for StoredEnded {
    fn from(ended: &EndedSession) -> Self {
        Self {
            id: *ended.id.as_bytes(),
            account: ended.account.0,
            factors: ended.factors.bits(),
            created: ended.created.ms(),
            last_active: ended.last_active.ms(),
            absolute: ended.absolute.ms(),
            reason: ended.reason as u8,
            ended: ended.ended.ms(),
        }
    }
}

impl StoredEnded {
    fn open(self) -> Result<EndedSession, StoredError> {
        Ok(EndedSession {
            id: SessionId::from_bytes(self.id),
            account: AccountId(self.account),
            factors: Factors::from_bits(self.factors),
            created: at(self.created),
            last_active: at(self.last_active),
            absolute: at(self.absolute),
            reason: reason(self.reason)?,
            ended: at(self.ended),
        })
    }
}

/// A client.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredClient {
    id: Id,
    opened: u64,
    changed: u64,
    secret: Option<[u8; 32]>,
    sign_in: Option<StoredSignIn>,
    selected: Option<Id>,
    sessions: Vec<Id>,
    ended: Vec<StoredEnded>,
}

impl StoredClient {
    pub(in crate::durability) fn of(id: ClientId, client: &Client) -> Self {
        Self {
            id: *id.as_bytes(),
            opened: client.opened.ms(),
            changed: client.changed.ms(),
            secret: client.secret.map(|secret| *secret.as_bytes()),
            sign_in: client.sign_in.as_ref().map(StoredSignIn::from),
            selected: client.selected.map(|id| *id.as_bytes()),
            sessions: client.sessions.iter().map(|id| *id.as_bytes()).collect(),
            ended: client.ended.iter().map(StoredEnded::from).collect(),
        }
    }

    /// What is left of it without any session: a guest key's client, which comes and goes with its key.
    pub(in crate::durability) fn without_sessions(self) -> Option<Self> {
        self.secret.is_none().then_some(Self {
            sign_in: None,
            selected: None,
            sessions: Vec::new(),
            ended: Vec::new(),
            ..self
        })
    }

    pub(in crate::durability) fn open(self) -> Result<(ClientId, Client), StoredError> {
        let ended = self.ended.into_iter().map(StoredEnded::open);
        let client = Client {
            opened: at(self.opened),
            changed: at(self.changed),
            secret: self.secret.map(Digest::from_bytes),
            sign_in: self.sign_in.map(SignIn::from),
            selected: self.selected.map(SessionId::from_bytes),
            sessions: self
                .sessions
                .into_iter()
                .map(SessionId::from_bytes)
                .collect(),
            ended: ended.collect::<Result<_, _>>()?,
        };
        Ok((ClientId::from_bytes(self.id), client))
    }
}

//! Grants, hand-off tokens and clients.

use std::net::IpAddr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{Id, StoredError, at};
use crate::engine::event::{Grant, Handoff};
use crate::engine::image::MoreImage;
use crate::session::client::{Client, EndedSession, SignIn};
use crate::session::id::{AccountId, ClientId, SessionId, SignInId};
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

/// What a session is from its beginning on. [`super::plain`] reads it, and writes it within sessions.
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
pub(super) struct StoredMore {
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

    pub(in crate::durability) fn open(self) -> Result<(ClientId, Client), StoredError> {
        let ended = self.ended.into_iter().map(StoredEnded::open);
        let sessions = self.sessions.into_iter().map(SessionId::from_bytes);
        let sessions: Vec<_> = sessions.collect();
        let client = Client {
            opened: at(self.opened),
            changed: at(self.changed),
            secret: self.secret.map(Digest::from_bytes),
            sign_in: self.sign_in.map(SignIn::from),
            // One that it does not hold is none.
            selected: self
                .selected
                .map(SessionId::from_bytes)
                .filter(|id| sessions.contains(id)),
            sessions,
            ended: ended.collect::<Result<_, _>>()?,
        };
        Ok((ClientId::from_bytes(self.id), client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::time::Timestamp;

    #[test]
    fn a_client_has_chosen_nothing_that_it_does_not_hold() {
        let [id, held, foreign] = [1, 2, 3].map(|n| [n; 16]);
        let at = Timestamp::from_ms(1);
        let mut client = Client::new(at, None);
        client.take(SessionId::from_bytes(held), at);
        for (chosen, found) in [(held, true), (foreign, false)] {
            client.selected = Some(SessionId::from_bytes(chosen));
            let stored = StoredClient::of(ClientId::from_bytes(id), &client);
            let (_, opened) = stored.open().unwrap();
            let wanted = client.selected.filter(|_| found);
            assert_eq!(opened.selected, wanted);
            assert_eq!(opened.sessions, client.sessions);
        }
    }
}

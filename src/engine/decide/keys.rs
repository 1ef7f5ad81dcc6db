//! Making and withdrawing API keys. Source: R21.

use super::{Decision, Outcome, clients};
use crate::engine::command::{NewKey, Reply};
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part, SlotEvent};
use crate::session::id::{ClientId, KeyId, SessionId};
use crate::session::key::Key;
use crate::session::time::Timestamp;

/// What the making of a key is decided from.
#[derive(Clone, Copy, Debug)]
pub struct CreateFacts {
    /// The place it would get; `None` if there is no room.
    pub place: Option<KeyId>,
    /// Whether a key of this name exists.
    pub name_taken: bool,
    /// Whether a key with this secret exists, where that must not be.
    pub secret_taken: bool,
    /// The generation of its account, if that one exists and is enabled; 0 for a key of nobody's.
    pub generation: Option<u32>,
}

/// Decides the making of a key.
pub fn create(facts: CreateFacts, new: &NewKey, now: Timestamp) -> Outcome {
    let generation = facts.generation.ok_or(Refusal::AccountNotFound)?;
    if facts.name_taken || facts.secret_taken {
        return Err(Refusal::KeyTaken);
    }
    let place = facts.place.ok_or(Refusal::Full)?;
    let key = Key {
        kind: new.kind,
        name: new.name.clone(),
        secret: new.secret,
        account: new.account.filter(|_| new.kind.has_account()),
        generation,
        expires_at: new.expires_at,
        networks: new.networks.clone(),
    };
    let client = key.client();
    let client = client.map(|id| Part::client(id, SlotEvent::ClientOpened(id, now)));
    let event = DirectoryEvent::KeyCreated(place, Box::new(key));
    Ok(Decision {
        parts: client.into_iter().chain([Part::Directory(event)]).collect(),
        reply: Reply::KeyCreated(place),
    })
}

/// What the withdrawal of a key is decided from.
#[derive(Clone, Debug)]
pub struct DeleteFacts {
    /// Whether there is such a key.
    pub exists: bool,
    /// The client behind a guest key, and its sessions.
    pub client: Option<(ClientId, Vec<SessionId>)>,
}

/// Decides the withdrawal of a key. Whoever is logged in on a guest key is logged out with it.
pub fn delete(facts: &DeleteFacts, id: KeyId, now: Timestamp) -> Outcome {
    if !facts.exists {
        return Err(Refusal::KeyNotFound);
    }
    Ok(Decision::done(withdrawal(facts.client.as_ref(), id, now)))
}

/// The end of a key, and before it of the client behind it with its sessions. The key is last, because
/// its end starts the sweep that finds a login which was under way on the client.
pub(in crate::engine) fn withdrawal(
    client: Option<&(ClientId, Vec<SessionId>)>,
    id: KeyId,
    now: Timestamp,
) -> Vec<Part> {
    let ends = client
        .into_iter()
        .flat_map(|(client, sessions)| clients::destruction(*client, sessions, now));
    let withdrawn = Part::Directory(DirectoryEvent::KeyDeleted(id));
    ends.chain([withdrawn]).collect()
}

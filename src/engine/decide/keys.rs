//! Making and withdrawing API keys. Source: R21.

use super::{Decision, Outcome};
use crate::engine::command::{NewKey, Reply};
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part};
use crate::session::id::KeyId;
use crate::session::key::Key;

/// What the making of a key is decided from.
#[derive(Clone, Copy, Debug)]
pub struct CreateFacts {
    /// The place it would get; `None` if there is no room.
    pub place: Option<KeyId>,
    /// Whether a key of this name exists.
    pub name_taken: bool,
    /// The generation of its account, if that one exists and is enabled.
    pub generation: Option<u32>,
}

/// Decides the making of a key.
pub fn create(facts: CreateFacts, new: &NewKey) -> Outcome {
    let generation = facts.generation.ok_or(Refusal::AccountNotFound)?;
    if facts.name_taken {
        return Err(Refusal::KeyTaken);
    }
    let place = facts.place.ok_or(Refusal::Full)?;
    let key = Key {
        kind: new.kind,
        name: new.name.clone(),
        secret: new.secret,
        account: new.account,
        generation,
    };
    let event = DirectoryEvent::KeyCreated(place, Box::new(key));
    Ok(Decision {
        parts: vec![Part::Directory(event)],
        reply: Reply::KeyCreated(place),
    })
}

/// Decides the withdrawal of a key.
pub fn delete(exists: bool, id: KeyId) -> Outcome {
    if !exists {
        return Err(Refusal::KeyNotFound);
    }
    Ok(Decision::done(vec![Part::Directory(
        DirectoryEvent::KeyDeleted(id),
    )]))
}

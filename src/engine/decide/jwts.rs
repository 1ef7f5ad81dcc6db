//! Signing keys and templates. Source: R4.

use std::sync::Arc;

use super::{Decision, Outcome};
use crate::engine::command::Rotation;
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part};
use crate::session::jwt::{SigningKey, TEMPLATES_MAX, Template};
use crate::session::rotation::KEYS_PER_ALGORITHM_MAX;
use crate::session::time::Timestamp;

/// Decides that a key signs from now on, if none of its algorithm does yet: of several that were made
/// at the same time the first one counts.
pub fn add_key(known: &[Arc<SigningKey>], key: &SigningKey) -> Outcome {
    if known.iter().any(|other| other.algorithm == key.algorithm) {
        return Ok(Decision::done(Vec::new()));
    }
    let added = DirectoryEvent::SigningKeyAdded(Arc::new(key.clone()));
    Ok(Decision::done(vec![Part::Directory(added)]))
}

/// Decides that these keys follow those of their algorithms: after they were listed for a while, or at
/// once and with an end of all others, of those that were to follow, too.
pub fn rotate(known: &[Arc<SigningKey>], asked: &Rotation, now: Timestamp) -> Outcome {
    let mut parts = Vec::new();
    for key in &asked.keys {
        let known = known.iter().filter(|old| old.algorithm == key.algorithm);
        let mut next = key.clone();
        (next.signs_from, next.expires) = (now, None);
        if asked.compromised {
            let gone = known.map(|old| DirectoryEvent::SigningKeyWithdrawn(old.kid.clone()));
            parts.extend(gone.map(Part::Directory));
        } else if let Some(youngest) = known.clone().next_back() {
            if known.clone().count() >= KEYS_PER_ALGORITHM_MAX {
                return Err(Refusal::Full);
            }
            // Never before one that is to sign already: each signs until the next one does.
            next.signs_from = now.plus_ms(asked.lead_ms).max(youngest.signs_from);
            let expires = next.signs_from.plus_ms(asked.keep_ms);
            let replaced = DirectoryEvent::SigningKeyReplaced(youngest.kid.clone(), expires);
            parts.push(Part::Directory(replaced));
        }
        let added = DirectoryEvent::SigningKeyAdded(Arc::new(next));
        parts.push(Part::Directory(added));
    }
    Ok(Decision::done(parts))
}

/// Decides that a template is so from now on.
pub fn put_template(known: &[Arc<Template>], template: &Template) -> Outcome {
    let new = known.iter().all(|other| other.name() != template.name());
    if new && known.len() >= TEMPLATES_MAX {
        return Err(Refusal::Full);
    }
    let put = DirectoryEvent::TemplatePut(Arc::new(template.clone()));
    Ok(Decision::done(vec![Part::Directory(put)]))
}

/// Decides the end of a template; tokens that were made by it live on until their end.
pub fn delete_template(known: &[Arc<Template>], name: &str) -> Outcome {
    let found = known.iter().find(|template| template.name() == name);
    let name = found.ok_or(Refusal::TemplateNotFound)?.name().clone();
    let deleted = DirectoryEvent::TemplateDeleted(name);
    Ok(Decision::done(vec![Part::Directory(deleted)]))
}

//! Signing keys and templates. Source: R4.

use std::sync::Arc;

use super::{Decision, Outcome};
use crate::engine::error::Refusal;
use crate::engine::event::{DirectoryEvent, Part};
use crate::engine::jwts::SIGNING_KEYS_MAX;
use crate::session::jwt::{SigningKey, TEMPLATES_MAX, Template};

/// Decides that a key signs from now on, if none of its algorithm does yet: of several that were made
/// at the same time the first one counts.
pub fn add_key(known: &[Arc<SigningKey>], key: &SigningKey) -> Outcome {
    if known.iter().any(|other| other.algorithm == key.algorithm) {
        return Ok(Decision::done(Vec::new()));
    }
    if known.len() >= SIGNING_KEYS_MAX {
        return Err(Refusal::Full);
    }
    let added = DirectoryEvent::SigningKeyAdded(Arc::new(key.clone()));
    Ok(Decision::done(vec![Part::Directory(added)]))
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

//! Signing keys and templates, published for reading. The directory is the only writer.

use std::sync::Arc;

use parking_lot::RwLock;

use super::event::{DirectoryEvent, Part};
use crate::session::jwt::{SigningAlgorithm, SigningKey, Template};
use crate::session::rotation;
use crate::session::time::Timestamp;

#[derive(Default)]
struct Table {
    /// In the order of their making.
    keys: Vec<Arc<SigningKey>>,
    /// In the order of their names.
    templates: Vec<Arc<Template>>,
}

/// All of them.
#[derive(Default)]
pub struct Jwts(RwLock<Table>);

impl Jwts {
    /// The key that signs by this algorithm at `now`.
    #[must_use]
    pub fn signing_key(
        &self,
        algorithm: SigningAlgorithm,
        now: Timestamp,
    ) -> Option<Arc<SigningKey>> {
        rotation::signer(&self.0.read().keys, algorithm, now).cloned()
    }

    /// The key of this id, if a token of it may be good at `now`. Source: C13.
    #[must_use]
    pub fn signing_key_by_id(&self, kid: &str, now: Timestamp) -> Option<Arc<SigningKey>> {
        let table = self.0.read();
        let known = table.keys.iter().find(|key| key.kid == kid);
        known.filter(|key| !key.is_expired(now)).cloned()
    }

    /// The removal of keys none of whose tokens is good any more.
    pub(super) fn expired(&self, now: Timestamp) -> Vec<Part> {
        let table = self.0.read();
        let expired = table.keys.iter().filter(|key| key.is_expired(now));
        let gone = expired.map(|key| DirectoryEvent::SigningKeyWithdrawn(key.kid.clone()));
        gone.map(Part::Directory).collect()
    }

    /// All keys, the oldest first.
    #[must_use]
    pub fn signing_keys(&self) -> Vec<Arc<SigningKey>> {
        self.0.read().keys.clone()
    }

    /// The template of this name.
    #[must_use]
    pub fn template(&self, name: &str) -> Option<Arc<Template>> {
        let table = self.0.read();
        table.templates.iter().find(|t| t.name() == name).cloned()
    }

    /// All templates, by name.
    #[must_use]
    pub fn templates(&self) -> Vec<Arc<Template>> {
        self.0.read().templates.clone()
    }

    /// Changes the table as the event says. The directory alone calls this.
    pub fn apply(&self, event: &DirectoryEvent) {
        match event {
            DirectoryEvent::SigningKeyAdded(key) => {
                let mut table = self.0.write();
                if table.keys.iter().all(|known| known.kid != key.kid) {
                    table.keys.push(key.clone());
                }
            }
            DirectoryEvent::SigningKeyReplaced(kid, expires) => {
                let mut table = self.0.write();
                if let Some(key) = table.keys.iter_mut().find(|key| key.kid == *kid) {
                    Arc::make_mut(key).expires = Some(*expires);
                }
            }
            DirectoryEvent::SigningKeyWithdrawn(kid) => {
                self.0.write().keys.retain(|key| key.kid != *kid);
            }
            DirectoryEvent::TemplatePut(template) => {
                let mut table = self.0.write();
                table.templates.retain(|t| t.name() != template.name());
                table.templates.push(template.clone());
                table.templates.sort_by(|a, b| a.name().cmp(b.name()));
            }
            DirectoryEvent::TemplateDeleted(name) => {
                self.0.write().templates.retain(|t| t.name() != name);
            }
            DirectoryEvent::AccountPut(..)
            | DirectoryEvent::AccountDeleted(_)
            | DirectoryEvent::StepSpent(..)
            | DirectoryEvent::KeyCreated(..)
            | DirectoryEvent::KeyDeleted(_)
            | DirectoryEvent::SessionsListed { .. }
            | DirectoryEvent::GuessFailed { .. }
            | DirectoryEvent::GuessesForgiven { .. }
            | DirectoryEvent::GuessesForgotten { .. } => {}
        }
    }
}

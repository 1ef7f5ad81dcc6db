//! Signing keys and templates, published for reading. The directory is the only writer.

use std::sync::Arc;

use parking_lot::RwLock;

use super::event::DirectoryEvent;
use crate::session::jwt::{SigningAlgorithm, SigningKey, Template};

/// Signing keys there can be; each algorithm has one until keys are changed for others.
pub const SIGNING_KEYS_MAX: usize = 16;

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
    /// The key that signs by this algorithm: the youngest.
    #[must_use]
    pub fn signing_key(&self, algorithm: SigningAlgorithm) -> Option<Arc<SigningKey>> {
        let table = self.0.read();
        let mut young = table.keys.iter().rev();
        young.find(|key| key.algorithm == algorithm).cloned()
    }

    /// The key of this id.
    #[must_use]
    pub fn signing_key_by_id(&self, kid: &str) -> Option<Arc<SigningKey>> {
        let table = self.0.read();
        table.keys.iter().find(|key| key.kid == kid).cloned()
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
            | DirectoryEvent::SessionsListed { .. } => {}
        }
    }
}

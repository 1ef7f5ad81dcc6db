//! Signing keys and templates.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::{StoredError, at};
use crate::durability::sealing::{Sealer, SealingError, Unseal};
use crate::session::jwt::{SigningAlgorithm, SigningKey, Template};
use crate::session::time::Timestamp;

const PRIVATE_KEY: &str = "private key";

fn number(algorithm: SigningAlgorithm) -> u8 {
    match algorithm {
        SigningAlgorithm::Rs256 => 1,
        SigningAlgorithm::Es256 => 2,
        SigningAlgorithm::EdDsa => 3,
    }
}

fn algorithm(number: u8) -> Result<SigningAlgorithm, StoredError> {
    match number {
        1 => Ok(SigningAlgorithm::Rs256),
        2 => Ok(SigningAlgorithm::Es256),
        3 => Ok(SigningAlgorithm::EdDsa),
        _ => Err(StoredError::Value("algorithm")),
    }
}

/// A signing key; its private half is sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredSigningKey {
    pub(in crate::durability) kid: CompactString,
    algorithm: u8,
    pkcs8: Vec<u8>,
    created: u64,
    signs_from: u64,
    expires: Option<u64>,
}

impl StoredSigningKey {
    pub(in crate::durability) fn of(
        key: &SigningKey,
        sealer: &Sealer,
    ) -> Result<Self, SealingError> {
        Ok(Self {
            kid: key.kid.clone(),
            algorithm: number(key.algorithm),
            pkcs8: sealer.seal(PRIVATE_KEY, &key.kid, &key.pkcs8)?,
            created: key.created.ms(),
            signs_from: key.signs_from.ms(),
            expires: key.expires.map(Timestamp::ms),
        })
    }

    pub(in crate::durability) fn open(
        self,
        sealer: &dyn Unseal,
    ) -> Result<SigningKey, StoredError> {
        Ok(SigningKey {
            algorithm: algorithm(self.algorithm)?,
            pkcs8: sealer.unseal(PRIVATE_KEY, &self.kid, &self.pkcs8)?,
            kid: self.kid,
            created: at(self.created),
            signs_from: at(self.signs_from),
            expires: self.expires.map(at),
        })
    }
}

/// A template; its claims are the text of a JSON object.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredTemplate {
    pub(in crate::durability) name: CompactString,
    claims: Box<str>,
    lifetime_s: u32,
    allowed_clock_skew_s: u32,
    algorithm: u8,
}

impl StoredTemplate {
    pub(in crate::durability) fn of(template: &Template) -> Self {
        Self {
            name: template.name().clone(),
            claims: template.claims().into(),
            lifetime_s: template.lifetime_s(),
            allowed_clock_skew_s: template.allowed_clock_skew_s(),
            algorithm: number(template.algorithm()),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<Template, StoredError> {
        let claims = serde_json::from_str(&self.claims);
        let template = Template::new(
            &self.name,
            &claims.map_err(|_| StoredError::Value("claims"))?,
            self.lifetime_s,
            self.allowed_clock_skew_s,
            algorithm(self.algorithm)?,
        );
        template.map_err(|_| StoredError::Value("template"))
    }
}

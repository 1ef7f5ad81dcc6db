//! Minting and verifying without an engine around them, for tests that feed both hostile values.

use serde_json::{Value, json};

use super::keys::{Signer, generate};
use super::mint::{self, Common};
use super::verify;
use crate::session::id::SessionId;
use crate::session::jwt::{SigningAlgorithm, Template};
use crate::session::time::Timestamp;

/// What every token says that is made here.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `azp`.
    pub party: Option<&'a str>,
    /// The wall clock, in seconds.
    pub now_s: u64,
    /// How long its key is kept, in seconds.
    pub lifetime_max_s: u64,
}

/// A published key of each algorithm.
pub struct Ring(Vec<Signer>);

impl Ring {
    /// Makes the keys. Nothing if there is no randomness.
    #[must_use]
    pub fn new() -> Option<Self> {
        let made = SigningAlgorithm::ALL.map(|algorithm| {
            let key = generate(algorithm, Timestamp::from_ms(1)).ok()?;
            Signer::new(&key).ok()
        });
        made.into_iter().collect::<Option<_>>().map(Self)
    }

    /// The public halves, as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<_> = self.0.iter().map(|signer| &signer.jwk).collect();
        json!({ "keys": keys })
    }

    /// The id of the key of this algorithm.
    #[must_use]
    pub fn kid(&self, algorithm: SigningAlgorithm) -> Option<&str> {
        self.signer(algorithm).map(|signer| &*signer.kid)
    }

    /// The signature of any message.
    #[must_use]
    pub fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
        self.signer(algorithm)?.sign(message).ok()
    }

    /// A session's own token.
    #[must_use]
    pub fn session_token(
        &self,
        algorithm: SigningAlgorithm,
        said: &Said<'_>,
        session: SessionId,
    ) -> Option<String> {
        let signer = self.signer(algorithm)?;
        let message = mint::session(signer, &common(said), &session.to_string(), [0, -1]);
        sealed(signer, message)
    }

    /// A token by a template; nothing if its claims are too long.
    #[must_use]
    pub fn template_token(
        &self,
        template: &Template,
        said: &Said<'_>,
        facts: &Value,
        lifetime_max_s: u32,
    ) -> Option<String> {
        let signer = self.signer(template.algorithm())?;
        let message = mint::by_template(signer, &common(said), template, facts, lifetime_max_s);
        sealed(signer, message.ok()?)
    }

    /// The session of a token that is taken for a session's own.
    #[must_use]
    pub fn session_of(&self, jwt: &[u8], issuer: &str, now_s: u64) -> Option<SessionId> {
        verify::session_of(jwt, issuer, now_s, |kid| {
            self.0.iter().find(|signer| &*signer.kid == kid)
        })
    }

    fn signer(&self, algorithm: SigningAlgorithm) -> Option<&Signer> {
        self.0.iter().find(|signer| signer.algorithm == algorithm)
    }
}

fn common<'a>(said: &Said<'a>) -> Common<'a> {
    Common {
        act: None,
        azp: said.party,
        iss: said.issuer,
        sub: said.subject,
        jti: "AAAAAAAAAAAAAAAAAAAAAA",
        now_s: said.now_s,
        lifetime_max_s: said.lifetime_max_s,
    }
}

fn sealed(signer: &Signer, message: String) -> Option<String> {
    let signature = signer.sign(message.as_bytes()).ok()?;
    Some(mint::sealed(message, &signature))
}

//! Where tokens are made and verified: published keys and templates, the pool, and what was signed last.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashbrown::HashMap;
use parking_lot::RwLock;
use serde_json::{Value, json};

use super::cache::{Cache, Whose};
use super::keys::Signer;
use super::mint::{self, Common};
use super::pool::Pool;
pub use super::pool::SigningFailed;
use super::verify;
use crate::clock::SharedClock;
use crate::engine::world::SharedWorld;
use crate::entropy::{SharedEntropy, random};
use crate::session::id::SessionId;
use crate::session::jwt::{SigningAlgorithm, SigningKey, Template};

/// Whose token is wanted, and what it says besides.
#[derive(Clone, Debug)]
pub struct TokenOf {
    /// The session: `sid`.
    pub session: SessionId,
    /// The user: `sub`.
    pub subject: String,
    /// The server: `iss`.
    pub issuer: String,
    /// The page that asks: `azp`.
    pub authorized_party: Option<String>,
    /// Minutes since the first and the second factor were proven, −1 for never: `fva`.
    pub factor_ages: [i64; 2],
}

/// The desk.
pub struct TokenDesk {
    world: SharedWorld,
    clock: SharedClock,
    entropy: SharedEntropy,
    pool: Pool,
    cache: Cache,
    /// Keys that were parsed, by their ids. There are as many as were ever published.
    signers: RwLock<HashMap<String, Arc<Signer>>>,
}

impl TokenDesk {
    /// Starts the pool. Errors: no thread was to be had.
    pub fn start(
        world: SharedWorld,
        clock: SharedClock,
        entropy: SharedEntropy,
    ) -> std::io::Result<Self> {
        Ok(Self {
            world,
            clock: clock.clone(),
            entropy,
            pool: Pool::start(clock)?,
            cache: Cache::default(),
            signers: RwLock::default(),
        })
    }

    /// Makes a key, which counts for nothing until it is published.
    pub async fn generate(&self, algorithm: SigningAlgorithm) -> Result<SigningKey, SigningFailed> {
        self.pool.generate(algorithm).await
    }

    /// Whether a key of this algorithm was published.
    #[must_use]
    pub fn has_key(&self, algorithm: SigningAlgorithm) -> bool {
        self.world.jwts.signing_key(algorithm).is_some()
    }

    /// A session's own token. One that was signed in this second is given again.
    ///
    /// Errors: as [`SigningFailed`]; no key is published.
    pub async fn session_token(&self, of: &TokenOf) -> Result<String, SigningFailed> {
        let now_s = self.now_s();
        let whose = (of.session, of.authorized_party.clone());
        if let Some(jwt) = self.cache.of_second(&whose, now_s) {
            return Ok(jwt);
        }
        let signer = self.signer(SigningAlgorithm::Rs256)?;
        let jti = self.token_id()?;
        let sid = of.session.to_string();
        let common = common(of, &jti, now_s);
        let message = mint::session(&signer, &common, &sid, of.factor_ages);
        let jwt = self.signed(signer, message).await?;
        self.cache.keep(whose, now_s, &jwt);
        Ok(jwt)
    }

    /// The youngest token of a session for a page, if it is younger than 30 s.
    #[must_use]
    pub fn recent(&self, session: SessionId, authorized_party: Option<&str>) -> Option<String> {
        let whose: Whose = (session, authorized_party.map(str::to_owned));
        self.cache.recent(&whose, self.now_s())
    }

    /// A token by a template, whose shortcodes name `facts`.
    ///
    /// Errors: as [`SigningFailed`]; no key of its algorithm is published.
    pub async fn template_token(
        &self,
        template: &Template,
        of: &TokenOf,
        facts: &Value,
        lifetime_max_s: u32,
    ) -> Result<String, SigningFailed> {
        let signer = self.signer(template.algorithm())?;
        let jti = self.token_id()?;
        let common = common(of, &jti, self.now_s());
        let message = mint::by_template(&signer, &common, template, facts, lifetime_max_s)
            .map_err(|_| SigningFailed::Unusable)?;
        self.signed(signer, message).await
    }

    /// The public halves of all published keys, as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let keys = self.world.jwts.signing_keys();
        let signers = keys.iter().filter_map(|key| self.parsed(key).ok());
        let list: Vec<_> = signers.map(|signer| signer.jwk.clone()).collect();
        json!({"keys": list}).to_string()
    }

    /// The session of a token that is its own, signed by us, and of now. Whether the session lives is
    /// still to be seen.
    #[must_use]
    pub fn session_of(&self, jwt: &[u8], issuer: &str) -> Option<SessionId> {
        verify::session_of(jwt, issuer, self.now_s(), |kid| {
            let key = self.world.jwts.signing_key_by_id(kid)?;
            self.parsed(&key).ok()
        })
    }

    fn signer(&self, algorithm: SigningAlgorithm) -> Result<Arc<Signer>, SigningFailed> {
        let key = self.world.jwts.signing_key(algorithm);
        self.parsed(&*key.ok_or(SigningFailed::Unusable)?)
    }

    fn parsed(&self, key: &SigningKey) -> Result<Arc<Signer>, SigningFailed> {
        if let Some(signer) = self.signers.read().get(key.kid.as_str()) {
            return Ok(signer.clone());
        }
        let signer = Arc::new(Signer::new(key)?);
        self.signers
            .write()
            .insert(key.kid.to_string(), signer.clone());
        Ok(signer)
    }

    async fn signed(&self, signer: Arc<Signer>, message: String) -> Result<String, SigningFailed> {
        let (message, signature) = self.pool.sign(signer, message).await?;
        Ok(mint::sealed(message, &signature))
    }

    fn token_id(&self) -> Result<String, SigningFailed> {
        let bytes: [u8; 16] = random(&*self.entropy).map_err(|_| SigningFailed::Unusable)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn now_s(&self) -> u64 {
        self.clock.wall_ms() / 1_000
    }
}

fn common<'a>(of: &'a TokenOf, jti: &'a str, now_s: u64) -> Common<'a> {
    Common {
        azp: of.authorized_party.as_deref(),
        iss: &of.issuer,
        sub: &of.subject,
        jti,
        now_s,
    }
}

//! Where tokens are made and verified: published keys and templates, the pool, and what was signed last.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashbrown::HashMap;
use parking_lot::RwLock;
use serde_json::{Value, json};

use super::cache::{Cache, Whose};
use super::keys::Signer;
use super::mint::{self, Act, Common};
use super::pool::Pool;
pub use super::pool::SigningFailed;
use super::verify;
use crate::clock::SharedClock;
use crate::engine::world::SharedWorld;
use crate::entropy::{SharedEntropy, random};
use crate::session::id::SessionId;
use crate::session::jwt::{SigningAlgorithm, SigningKey, Template};
use crate::session::time::Timestamp;

/// Whose token is wanted, and what it says besides.
#[derive(Clone, Debug)]
pub struct TokenOf {
    /// The session: `sid`.
    pub session: SessionId,
    /// The user: `sub`.
    pub subject: String,
    /// The users of an impersonation, whoever began it first: `act`.
    pub actors: Vec<String>,
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
    /// Keys that were parsed, by their ids; those that were withdrawn are forgotten.
    signers: RwLock<HashMap<Arc<str>, Arc<Signer>>>,
}

/// How often a token is signed anew because its key was withdrawn meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// The key that signs, and how long its tokens may live at most, in seconds.
struct Chosen {
    signer: Arc<Signer>,
    lifetime_max_s: u64,
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

    /// Whether there is a key that signs by this algorithm.
    #[must_use]
    pub fn has_key(&self, algorithm: SigningAlgorithm) -> bool {
        let now = self.clock.now();
        self.world.jwts.signing_key(algorithm, now).is_some()
    }

    /// Forgets the parsed halves of keys that were withdrawn.
    pub fn forget_withdrawn(&self) {
        let mut signers = self.signers.write();
        signers.retain(|kid, _| self.counts(kid));
    }

    /// Whether tokens of the key of this id may be good.
    fn counts(&self, kid: &str) -> bool {
        let now = self.clock.now();
        self.world.jwts.signing_key_by_id(kid, now).is_some()
    }

    /// A session's own token. One that was signed in this second is given again.
    ///
    /// Errors: as [`SigningFailed`]; no key is published.
    pub async fn session_token(&self, of: &TokenOf) -> Result<String, SigningFailed> {
        let whose = (of.session, of.authorized_party.clone());
        let shown = self
            .cache
            .of_second(&whose, self.now_s(), |kid| self.counts(kid));
        if let Some(jwt) = shown {
            return Ok(jwt);
        }
        let sid = of.session.to_string();
        for _ in 0..ATTEMPTS_MAX {
            let chosen = self.chosen(SigningAlgorithm::Rs256)?;
            let (now_s, jti) = (self.now_s(), self.token_id()?);
            let common = common(of, &jti, now_s, chosen.lifetime_max_s);
            let message = mint::session(&chosen.signer, &common, &sid, of.factor_ages);
            if let Some(jwt) = self.signed(&chosen.signer, message).await? {
                self.cache.keep(whose, now_s, &chosen.signer.kid, &jwt);
                return Ok(jwt);
            }
        }
        Err(SigningFailed::Unusable)
    }

    /// The youngest token of a session for a page, if it is younger than 30 s.
    #[must_use]
    pub fn recent(&self, session: SessionId, authorized_party: Option<&str>) -> Option<String> {
        let whose: Whose = (session, authorized_party.map(str::to_owned));
        self.cache
            .recent(&whose, self.now_s(), |kid| self.counts(kid))
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
        for _ in 0..ATTEMPTS_MAX {
            let chosen = self.chosen(template.algorithm())?;
            let jti = self.token_id()?;
            let common = common(of, &jti, self.now_s(), chosen.lifetime_max_s);
            let signer = &chosen.signer;
            let message = mint::by_template(signer, &common, template, facts, lifetime_max_s)
                .map_err(|_| SigningFailed::Unusable)?;
            if let Some(jwt) = self.signed(signer, message).await? {
                return Ok(jwt);
            }
        }
        Err(SigningFailed::Unusable)
    }

    /// The public halves of all keys whose tokens may be good, now or soon, as a JSON Web Key Set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let now = self.clock.now();
        let keys = self.world.jwts.signing_keys();
        let good = keys.iter().filter(|key| !key.is_expired(now));
        let signers = good.filter_map(|key| self.parsed(key).ok());
        let list: Vec<_> = signers.map(|signer| signer.jwk.clone()).collect();
        json!({"keys": list}).to_string()
    }

    /// The session of a token that is its own, signed by us, and of now. Whether the session lives is
    /// still to be seen.
    #[must_use]
    pub fn session_of(&self, jwt: &[u8], issuer: &str) -> Option<SessionId> {
        verify::session_of(jwt, issuer, self.now_s(), |kid| {
            let now = self.clock.now();
            let key = self.world.jwts.signing_key_by_id(kid, now)?;
            self.parsed(&key).ok()
        })
    }

    fn chosen(&self, algorithm: SigningAlgorithm) -> Result<Chosen, SigningFailed> {
        let now = self.clock.now();
        let key = self.world.jwts.signing_key(algorithm, now);
        let key = key.ok_or(SigningFailed::Unusable)?;
        // No token outlives its key, whatever was configured when the key was to be followed.
        let left_s = |at: Timestamp| at.since_ms(now) / 1_000;
        Ok(Chosen {
            signer: self.parsed(&key)?,
            lifetime_max_s: key.expires.map_or(u64::MAX, left_s),
        })
    }

    fn parsed(&self, key: &SigningKey) -> Result<Arc<Signer>, SigningFailed> {
        if let Some(signer) = self.signers.read().get(key.kid.as_str()) {
            return Ok(signer.clone());
        }
        let signer = Arc::new(Signer::new(key)?);
        self.signers
            .write()
            .insert(signer.kid.clone(), signer.clone());
        Ok(signer)
    }

    /// The whole token; `None` if its key was withdrawn while it waited for its signature.
    async fn signed(
        &self,
        signer: &Arc<Signer>,
        message: String,
    ) -> Result<Option<String>, SigningFailed> {
        let (message, signature) = self.pool.sign(signer.clone(), message).await?;
        let good = self.counts(&signer.kid);
        Ok(good.then(|| mint::sealed(message, &signature)))
    }

    fn token_id(&self) -> Result<String, SigningFailed> {
        let bytes: [u8; 16] = random(&*self.entropy).map_err(|_| SigningFailed::Unusable)?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn now_s(&self) -> u64 {
        self.clock.wall_ms() / 1_000
    }
}

fn common<'a>(of: &'a TokenOf, jti: &'a str, now_s: u64, lifetime_max_s: u64) -> Common<'a> {
    Common {
        act: Act::of(&of.actors),
        azp: of.authorized_party.as_deref(),
        iss: &of.issuer,
        sub: &of.subject,
        jti,
        now_s,
        lifetime_max_s,
    }
}

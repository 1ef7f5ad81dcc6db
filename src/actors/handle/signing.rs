//! Signing keys of the embedded engine: made when the first token needs one, and followed by others.
//!
//! Invariant: one key is made at a time, whoever asks for how many.

use super::EngineHandle;
use crate::door::{Engine, ServiceError, SigningKeySummary};
use crate::engine::command::{Command, Rotation};
use crate::session::jwt::SigningAlgorithm;
use crate::session::origin::Origin;
use crate::session::rotation;
use crate::tokens::desk::SigningFailed;

/// What a surface learns of a token that could not be made.
pub(super) fn unsigned(failed: SigningFailed) -> ServiceError {
    match failed {
        SigningFailed::PoolFull => ServiceError::Overloaded,
        SigningFailed::Unusable => ServiceError::Unavailable,
    }
}

impl EngineHandle {
    /// Has a key of this algorithm at hand. The first token that needs one waits for it; a node that
    /// mints no tokens never makes any.
    pub(super) async fn provide_key(
        &self,
        algorithm: SigningAlgorithm,
    ) -> Result<(), ServiceError> {
        if self.0.tokens.has_key(algorithm) {
            return Ok(());
        }
        // One at a time: a rush for the first token of a node would fill the pool with keys of which one
        // is needed. Whoever waited finds it made.
        let _turn = self.0.making_key.lock().await;
        if self.0.tokens.has_key(algorithm) {
            return Ok(());
        }
        let key = self.0.tokens.generate(algorithm).await.map_err(unsigned)?;
        let added = self.ask(Origin::node(), Command::AddSigningKey(key)).await;
        added.map(|_| ())
    }

    /// Has a key follow each one that has signed for as long as it may, and forgets what was withdrawn. Gives
    /// the algorithms for which there is a new one.
    pub async fn look_after_signing_keys(&self) -> Result<Vec<SigningAlgorithm>, ServiceError> {
        self.0.tokens.forget_withdrawn();
        let policy = &self.0.policy.signing_keys;
        let due = || {
            let now = self.0.shared.clock.now();
            policy.due(&self.world().jwts.signing_keys(), now)
        };
        if due().is_empty() {
            return Ok(Vec::new());
        }
        let _turn = self.0.making_key.lock().await;
        let due = due();
        self.follow(Origin::node(), &due, false).await?;
        Ok(due)
    }

    /// Has new keys of these algorithms follow those before. Whoever calls it makes keys alone.
    async fn follow(
        &self,
        origin: &Origin,
        algorithms: &[SigningAlgorithm],
        compromised: bool,
    ) -> Result<(), ServiceError> {
        let mut keys = Vec::with_capacity(algorithms.len());
        for algorithm in algorithms {
            keys.push(self.0.tokens.generate(*algorithm).await.map_err(unsigned)?);
        }
        let policy = &self.0.policy.signing_keys;
        let rotation = Rotation {
            keys,
            compromised,
            lead_ms: policy.lead_ms,
            keep_ms: policy.keep_ms,
        };
        let done = self.ask(origin, Command::RotateSigningKeys(rotation)).await;
        self.0.tokens.forget_withdrawn();
        done.map(|_| ())
    }

    /// What whoever administers the node asks for.
    pub(super) async fn follow_at_request(
        &self,
        origin: &Origin,
        algorithm: Option<SigningAlgorithm>,
        compromised: bool,
    ) -> Result<(), ServiceError> {
        let _turn = self.0.making_key.lock().await;
        let keys = self.world().jwts.signing_keys();
        let mut algorithms = SigningAlgorithm::ALL.to_vec();
        match algorithm {
            Some(wanted) => algorithms.retain(|algorithm| *algorithm == wanted),
            None => algorithms.retain(|algorithm| {
                // The one that every node has, or will have with its first token.
                *algorithm == SigningAlgorithm::Rs256
                    || keys.iter().any(|key| key.algorithm == *algorithm)
            }),
        }
        self.follow(origin, &algorithms, compromised).await
    }

    /// The keys as operators see them.
    pub(super) fn signing_keys_shown(&self) -> Vec<SigningKeySummary> {
        let keys = self.world().jwts.signing_keys();
        let now = self.0.shared.clock.now();
        let shown = keys.iter().map(|key| SigningKeySummary {
            kid: key.kid.to_string(),
            algorithm: key.algorithm,
            state: rotation::state(&keys, key, now),
            created: key.created,
            signs_from: key.signs_from,
            expires: key.expires,
        });
        shown.collect()
    }
}

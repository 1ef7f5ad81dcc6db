//! When a signing key signs, and until when its tokens are good: out of the times in its record, by
//! engine time.
//!
//! Engine time and not the wall clock, though tokens are stamped by that one: it measures what counts
//! here, the time for which others keep a list of keys and for which a token lives, and it never falls,
//! so that no key comes back (R10). Invariants: of the keys of an algorithm at most one signs at any
//! instant; a key that expires is followed by one that signs before that, in the order of their making.

use std::sync::Arc;

use super::jwt::{SigningAlgorithm, SigningKey};
use super::policy::DAY_MS;
use super::time::Timestamp;

/// Keys of one algorithm that a node keeps; each is good for tokens, or soon will be.
pub const KEYS_PER_ALGORITHM_MAX: usize = 8;
/// How much longer than its last token a key is kept: clocks are that far apart, and the wall clock may
/// have been put back by that much.
pub const TOKEN_SKEW_MS: u64 = 300_000;
/// How long a key is listed before it signs, if nothing is configured: an hour, six times as long as
/// published clients keep a list without asking again. Source: OPERATING, Signing keys.
const PUBLISH_LEAD_MS: u64 = 3_600_000;

/// Where a key is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is listed, and does not sign yet.
    Published,
    /// It signs.
    Signing,
    /// It signs no more; tokens that it signed are good until their end.
    Verifying,
    /// Nothing that it signed is good any more; it is about to be removed.
    Expired,
}

impl KeyState {
    /// Its name for people and scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Expired => "expired",
        }
    }
}

/// The key that signs by this algorithm at `now`: the last one made of those whose time has come.
///
/// `keys` are in the order of their making.
#[must_use]
pub fn signer(
    keys: &[Arc<SigningKey>],
    algorithm: SigningAlgorithm,
    now: Timestamp,
) -> Option<&Arc<SigningKey>> {
    let mut young = keys.iter().rev();
    young.find(|key| key.algorithm == algorithm && key.signs_from <= now && !key.is_expired(now))
}

/// Where a key of these is at `now`.
#[must_use]
pub fn state(keys: &[Arc<SigningKey>], key: &SigningKey, now: Timestamp) -> KeyState {
    if key.is_expired(now) {
        KeyState::Expired
    } else if now < key.signs_from {
        KeyState::Published
    } else if signer(keys, key.algorithm, now).is_some_and(|signer| signer.kid == key.kid) {
        KeyState::Signing
    } else {
        KeyState::Verifying
    }
}

/// How keys follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long a key is listed before it signs, in milliseconds.
    pub lead_ms: u64,
    /// How long a key is kept after it signed last, in milliseconds: as long as a token lives, and
    /// [`TOKEN_SKEW_MS`].
    pub keep_ms: u64,
    /// How long a key signs before another one follows by itself, in milliseconds.
    pub every_ms: Option<u64>,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            lead_ms: PUBLISH_LEAD_MS,
            keep_ms: DAY_MS + TOKEN_SKEW_MS,
            every_ms: None,
        }
    }
}

impl RotationPolicy {
    /// Keys of an algorithm that there are at once if another one follows each `every_ms`.
    #[must_use]
    pub const fn keys_at_once(&self, every_ms: u64) -> u64 {
        (self.lead_ms + self.keep_ms).div_ceil(every_ms) + 1
    }

    /// The algorithms whose youngest key is to be followed by another one, which signs when that one has
    /// signed for as long as it may.
    #[must_use]
    pub fn due(&self, keys: &[Arc<SigningKey>], now: Timestamp) -> Vec<SigningAlgorithm> {
        let Some(every_ms) = self.every_ms else {
            return Vec::new();
        };
        let is_due = |algorithm: &SigningAlgorithm| {
            let mut young = keys.iter().rev();
            let youngest = young.find(|key| key.algorithm == *algorithm);
            let next = |key: &Arc<SigningKey>| key.signs_from.plus_ms(every_ms);
            youngest.is_some_and(|key| next(key) <= now.plus_ms(self.lead_ms))
        };
        SigningAlgorithm::ALL.into_iter().filter(is_due).collect()
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn key(kid: &str, signs_from: u64, expires: Option<u64>) -> Arc<SigningKey> {
        Arc::new(SigningKey {
            kid: kid.into(),
            algorithm: SigningAlgorithm::Rs256,
            pkcs8: Zeroizing::default(),
            created: Timestamp::from_ms(0),
            signs_from: Timestamp::from_ms(signs_from),
            expires: expires.map(Timestamp::from_ms),
        })
    }

    #[test]
    fn each_key_signs_until_the_next_one_does_and_expires_after_that() {
        let keys = [
            key("a", 0, Some(150)),
            key("b", 100, Some(230)),
            key("c", 180, None),
        ];
        let states = |now| {
            let now = Timestamp::from_ms(now);
            let of = |key: &Arc<SigningKey>| state(&keys, key, now).name();
            keys.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(states(0), ["signing", "published", "published"]);
        assert_eq!(states(99), ["signing", "published", "published"]);
        assert_eq!(states(100), ["verifying", "signing", "published"]);
        assert_eq!(states(149), ["verifying", "signing", "published"]);
        assert_eq!(states(150), ["expired", "signing", "published"]);
        assert_eq!(states(180), ["expired", "verifying", "signing"]);
        assert_eq!(states(230), ["expired", "expired", "signing"]);
        for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa] {
            assert_eq!(signer(&keys, algorithm, Timestamp::from_ms(200)), None);
        }
    }

    #[test]
    fn the_next_key_is_made_a_lead_before_it_is_to_sign_and_once() {
        let policy = RotationPolicy {
            lead_ms: 10,
            keep_ms: 50,
            every_ms: Some(100),
        };
        let due = |keys: &[_], now| policy.due(keys, Timestamp::from_ms(now));
        let first = key("a", 7, None);
        assert_eq!(due(&[], 1_000), []);
        assert_eq!(due(std::slice::from_ref(&first), 96), []);
        assert_eq!(
            due(std::slice::from_ref(&first), 97),
            [SigningAlgorithm::Rs256]
        );
        assert_eq!(due(&[first.clone(), key("b", 107, None)], 196), []);
        let never = RotationPolicy {
            every_ms: None,
            ..policy
        };
        assert_eq!(never.due(&[first], Timestamp::from_ms(u64::MAX)), []);
        assert_eq!(policy.keys_at_once(100), 2);
        assert_eq!(policy.keys_at_once(20), 4);
    }
}

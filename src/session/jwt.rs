//! What JWTs are made with: signing keys and named templates, as values.
//!
//! Invariants: the private half of a key never shows in `Debug`; a template that exists keeps its
//! rules, so minting by it need not check them again.

use std::fmt;

use compact_str::CompactString;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::time::Timestamp;

/// Claims that the server alone sets. Source: C-79.
pub const RESERVED_CLAIMS: [&str; 12] = [
    "act", "azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v",
];
/// Bytes that the claims of a template may have, as JSON.
const CLAIMS_BYTES_MAX: usize = 8 * 1024;
/// How deep the claims of a template may nest.
const CLAIMS_DEPTH_MAX: usize = 16;
/// Templates a node keeps.
pub const TEMPLATES_MAX: usize = 256;

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlgorithm {
    /// RSA with 2048 bits, PKCS #1, SHA-256.
    Rs256,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Its name in a token. Source: RFC 7518 §3.1, RFC 8037 §3.1.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }
}

/// A key that signs tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// By which a token names it.
    pub kid: CompactString,
    /// How it signs, and nothing else.
    pub algorithm: SigningAlgorithm,
    /// Both halves, as PKCS #8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it signs: others have it by then.
    pub signs_from: Timestamp,
    /// From when on none of its tokens is good, once another key follows it.
    pub expires: Option<Timestamp>,
}

impl SigningKey {
    /// Whether none of its tokens is good any more.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {})", self.kid, self.algorithm.name())
    }
}

/// A named set of claims by which sessions get tokens for somebody else's service. Source: C-79, C-80.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    name: CompactString,
    claims: Box<str>,
    lifetime_s: u32,
    allowed_clock_skew_s: u32,
    algorithm: SigningAlgorithm,
}

impl Template {
    /// Checks a template. Errors say which rule it breaks.
    pub fn new(
        name: &str,
        claims: &Map<String, Value>,
        lifetime_s: u32,
        allowed_clock_skew_s: u32,
        algorithm: SigningAlgorithm,
    ) -> Result<Self, &'static str> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fine) {
            return Err("name: 1 to 64 letters, digits, '_' and '-'");
        }
        if claims
            .keys()
            .any(|key| RESERVED_CLAIMS.contains(&key.as_str()))
        {
            return Err(
                "claims: act, azp, exp, fva, iat, iss, jti, nbf, sid, sts, sub and v are the server's",
            );
        }
        if claims
            .values()
            .any(|value| depth(value) >= CLAIMS_DEPTH_MAX)
        {
            return Err("claims: nested at most 16 deep");
        }
        let text = Value::Object(claims.clone()).to_string();
        if text.len() > CLAIMS_BYTES_MAX {
            return Err("claims: at most 8 KiB of JSON");
        }
        if !(30..=315_360_000).contains(&lifetime_s) {
            return Err("lifetime: 30 to 315360000 seconds");
        }
        if allowed_clock_skew_s > 300 {
            return Err("allowed_clock_skew: 0 to 300 seconds");
        }
        Ok(Self {
            name: name.into(),
            claims: text.into_boxed_str(),
            lifetime_s,
            allowed_clock_skew_s,
            algorithm,
        })
    }

    /// Its name: letters, digits, `_` and `-`.
    #[must_use]
    pub fn name(&self) -> &CompactString {
        &self.name
    }

    /// A JSON object whose strings may hold shortcodes.
    #[must_use]
    pub fn claims(&self) -> &str {
        &self.claims
    }

    /// How long its tokens live, in seconds.
    #[must_use]
    pub const fn lifetime_s(&self) -> u32 {
        self.lifetime_s
    }

    /// How far in the past its tokens become valid, in seconds.
    #[must_use]
    pub const fn allowed_clock_skew_s(&self) -> u32 {
        self.allowed_clock_skew_s
    }

    /// How its tokens are signed.
    #[must_use]
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(
        name: &str,
        claims: Value,
        lifetime_s: u32,
        skew_s: u32,
    ) -> Result<Template, &'static str> {
        let claims = claims.as_object().unwrap();
        Template::new(name, claims, lifetime_s, skew_s, SigningAlgorithm::Rs256)
    }

    #[test]
    fn templates_keep_their_rules() {
        assert!(template("hasura_2-x", json!({"role": "{{user.id}}"}), 30, 300).is_ok());
        for name in ["", "a b", "a/b", &"x".repeat(65)] {
            assert!(template(name, json!({}), 60, 5).is_err(), "{name}");
        }
        for claim in RESERVED_CLAIMS {
            assert!(template("a", json!({claim: 1}), 60, 5).is_err(), "{claim}");
            assert!(
                template("a", json!({"x": {claim: 1}}), 60, 5).is_ok(),
                "{claim}"
            );
        }
        for (lifetime, skew) in [(29, 5), (315_360_001, 5), (60, 301)] {
            assert!(
                template("a", json!({}), lifetime, skew).is_err(),
                "{lifetime} {skew}"
            );
        }
        let nested = |levels| (0..levels).fold(json!(1), |value, _| json!([value]));
        assert!(template("a", json!({"x": nested(15)}), 60, 5).is_ok());
        assert!(template("a", json!({"x": nested(16)}), 60, 5).is_err());
        assert!(template("a", json!({"x": "y".repeat(9_000)}), 60, 5).is_err());
    }

    #[test]
    fn debug_shows_no_private_half() {
        let key = SigningKey {
            kid: "k1".into(),
            algorithm: SigningAlgorithm::EdDsa,
            pkcs8: Zeroizing::new(vec![222; 48]),
            created: Timestamp::from_ms(0),
            signs_from: Timestamp::from_ms(0),
            expires: None,
        };
        assert_eq!(format!("{key:?}"), "SigningKey(k1, EdDSA)");
    }
}

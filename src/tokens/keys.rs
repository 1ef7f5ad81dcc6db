//! Key pairs: made, parsed once, and their public halves as the world sees them.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::session::jwt::{SigningAlgorithm, SigningKey};
use crate::session::time::Timestamp;

/// A key that cannot be used, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used")]
pub(super) struct KeyFailed;

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key pair, ready to sign and to verify.
pub(super) struct Signer {
    pub(super) kid: Arc<str>,
    pub(super) algorithm: SigningAlgorithm,
    pair: Pair,
    public: ParsedPublicKey,
    /// Its public half as a JSON Web Key.
    pub(super) jwk: Value,
}

/// Makes a key. Takes up to a second for RSA: for the pool, not for a thread that serves.
pub(super) fn generate(
    algorithm: SigningAlgorithm,
    now: Timestamp,
) -> Result<SigningKey, KeyFailed> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        SigningAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFailed)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyFailed)?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::Es256 => {
            let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
            der.map_err(|_| KeyFailed)?.as_ref().to_vec()
        }
        SigningAlgorithm::EdDsa => {
            let der = Ed25519KeyPair::generate_pkcs8(&random);
            der.map_err(|_| KeyFailed)?.as_ref().to_vec()
        }
    };
    let pkcs8 = Zeroizing::new(pkcs8);
    let public = match pair(algorithm, &pkcs8)? {
        Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        Pair::Ec(pair) => pair.public_key().as_ref().to_vec(),
        Pair::Ed(pair) => pair.public_key().as_ref().to_vec(),
    };
    let name = blake3::hash(&public);
    let name = name
        .as_bytes()
        .first_chunk::<15>()
        .copied()
        .unwrap_or_default();
    Ok(SigningKey {
        kid: URL_SAFE_NO_PAD.encode(name).into(),
        algorithm,
        pkcs8,
        created: now,
        signs_from: now,
        expires: None,
    })
}

fn pair(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Pair, KeyFailed> {
    match algorithm {
        SigningAlgorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8)
            .map(Pair::Rsa)
            .map_err(|_| KeyFailed),
        SigningAlgorithm::Es256 => {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                .map(Pair::Ec)
                .map_err(|_| KeyFailed)
        }
        SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8)
            .map(Pair::Ed)
            .map_err(|_| KeyFailed),
    }
}

impl Signer {
    /// Parses a key, once.
    pub(super) fn new(key: &SigningKey) -> Result<Self, KeyFailed> {
        let pair = pair(key.algorithm, &key.pkcs8)?;
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (public, mut jwk) = match &pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let jwk = json!({
                    "kty": "RSA",
                    "n": text(n.big_endian_without_leading_zero()),
                    "e": text(e.big_endian_without_leading_zero()),
                });
                (
                    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_ref()),
                    jwk,
                )
            }
            Pair::Ec(pair) => {
                let public = pair.public_key().as_ref();
                // An uncompressed point: 4, then both coordinates.
                let point = public
                    .strip_prefix(&[4])
                    .and_then(|rest| rest.split_at_checked(32));
                let (x, y) = point.ok_or(KeyFailed)?;
                let jwk = json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)});
                (ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public), jwk)
            }
            Pair::Ed(pair) => {
                let public = pair.public_key().as_ref();
                let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text(public)});
                (ParsedPublicKey::new(&ED25519, public), jwk)
            }
        };
        let public = public.map_err(|_| KeyFailed)?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("use".into(), "sig".into());
            members.insert("kid".into(), key.kid.as_str().into());
            members.insert("alg".into(), key.algorithm.name().into());
        }
        Ok(Self {
            kid: key.kid.as_str().into(),
            algorithm: key.algorithm,
            pair,
            public,
            jwk,
        })
    }

    /// Signs a message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyFailed> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| KeyFailed)?;
                Ok(signature)
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| KeyFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }

    /// Whether the signature of a message is this key's.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_signs_and_verifies_its_own_and_no_other_message() {
        for algorithm in SigningAlgorithm::ALL {
            let key = generate(algorithm, Timestamp::from_ms(1)).unwrap();
            let signer = Signer::new(&key).unwrap();
            let signature = signer.sign(b"message").unwrap();
            assert!(signer.signed(b"message", &signature));
            assert!(!signer.signed(b"messagf", &signature));
            assert_eq!(signer.jwk["kid"], key.kid.as_str());
            assert_eq!(signer.jwk["alg"], algorithm.name());
            assert!(signer.jwk.get("d").is_none(), "no private half");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for algorithm in SigningAlgorithm::ALL {
            let mut key = generate(algorithm, Timestamp::from_ms(1)).unwrap();
            key.pkcs8.truncate(20);
            assert!(Signer::new(&key).is_err());
            key.pkcs8.clear();
            assert!(Signer::new(&key).is_err());
        }
    }
}

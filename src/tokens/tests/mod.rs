//! The minter and the verifier, judged by somebody else's library and by forgeries.
//!
//! Keys are made once per algorithm and shared by all tests: making them is what costs.

mod mint;
mod verify;

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{Signer, generate};
use super::mint::{Common, sealed};
use crate::session::jwt::SigningAlgorithm;
use crate::session::time::Timestamp;

/// The wall clock of these tests, in seconds.
const NOW_S: u64 = 1_767_225_600;
const ISSUER: &str = "https://auth.example";
/// A session in its text form.
const SESSION: &str = "sess_0123456789abcdefABCDEF";

static SIGNERS: LazyLock<[Arc<Signer>; 3]> = LazyLock::new(|| SigningAlgorithm::ALL.map(made));
/// A key of the first algorithm that was never published.
static STRANGER: LazyLock<Arc<Signer>> = LazyLock::new(|| made(SigningAlgorithm::Rs256));

fn made(algorithm: SigningAlgorithm) -> Arc<Signer> {
    let key = generate(algorithm, Timestamp::from_ms(1)).unwrap();
    Arc::new(Signer::new(&key).unwrap())
}

/// The published key of this algorithm.
fn signer(algorithm: SigningAlgorithm) -> &'static Arc<Signer> {
    let found = SIGNERS.iter().find(|signer| signer.algorithm == algorithm);
    found.unwrap()
}

/// What every token of these tests says.
const COMMON: Common<'static> = Common {
    act: None,
    azp: Some("https://app.example"),
    iss: ISSUER,
    sub: "user_7",
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
    now_s: NOW_S,
    lifetime_max_s: u64::MAX,
};

/// The whole token of a message.
fn signed(signer: &Signer, message: String) -> String {
    let signature = signer.sign(message.as_bytes()).unwrap();
    sealed(message, &signature)
}

/// Header and claims in whatever text, encoded and joined.
fn message(header: &str, claims: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}", part(header), part(claims))
}

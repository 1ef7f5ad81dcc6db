//! Verifying a session's own token: strict, and by our own keys only.
//!
//! Header and claims have exactly the members that our minter writes: what says more (`crit`, `jku`,
//! `jwk`, `x5u`), less, twice, or in another type is refused. Source: RFC 8725, C-87.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::keys::Signer;
use super::mint::{Act, SESSION_CATEGORY, SESSION_TOKEN_LIFETIME_S};
use crate::session::id::SessionId;

/// The longest token that is looked at. Source: ARCHITECTURE, Bounds.
pub(super) const JWT_BYTES_MAX: usize = 8 * 1024;
/// How far our own clocks may be apart, in seconds.
const LEEWAY_S: u64 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    cat: String,
    kid: String,
    typ: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "every claim must be there and of its type, whether it is looked at or not"
)]
struct Claims {
    #[serde(default)]
    act: Option<Act>,
    #[serde(default)]
    azp: Option<String>,
    exp: u64,
    fva: [i64; 2],
    iat: u64,
    iss: String,
    jti: String,
    nbf: u64,
    sid: String,
    sts: String,
    sub: String,
    v: u8,
}

/// The session of a token that is ours, its own, and of now.
///
/// `signer_of` finds a key of ours by its id. `now_s` is the wall clock.
pub(super) fn session_of<S: std::ops::Deref<Target = Signer>>(
    jwt: &[u8],
    issuer: &str,
    now_s: u64,
    signer_of: impl FnOnce(&str) -> Option<S>,
) -> Option<SessionId> {
    let text = std::str::from_utf8(jwt)
        .ok()
        .filter(|text| text.len() <= JWT_BYTES_MAX)?;
    let (message, signature) = text.rsplit_once('.')?;
    let (header, claims) = message.split_once('.')?;
    let header: Header = decoded(header)?;
    if header.typ != "JWT" || header.cat != SESSION_CATEGORY {
        return None;
    }
    let signer = signer_of(&header.kid)?;
    if header.alg != signer.algorithm.name() {
        return None;
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !signer.signed(message.as_bytes(), &signature) {
        return None;
    }
    let claims: Claims = decoded(claims)?;
    let in_time = now_s < claims.exp
        && claims.exp <= claims.iat.saturating_add(SESSION_TOKEN_LIFETIME_S)
        && claims.nbf <= now_s.saturating_add(LEEWAY_S)
        && claims.iat <= now_s.saturating_add(LEEWAY_S);
    if !in_time || claims.iss != issuer || claims.sts != "active" || claims.v != 2 {
        return None;
    }
    SessionId::parse(&claims.sid)
}

fn decoded<T: for<'de> Deserialize<'de>>(segment: &str) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(segment).ok()?;
    serde_json::from_slice(&bytes).ok()
}

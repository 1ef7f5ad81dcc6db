//! The text of a token: header and claims, ready to be signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::keys::Signer;
use super::template;
use crate::session::jwt::Template;

/// What marks a session's own token. Source: C-76.
pub(super) const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";
/// What marks a template's token, so that it never passes for a session's own.
pub(super) const TEMPLATE_CATEGORY: &str = "cl_B7d4PD222AAA";
/// How long a session's own token lives, in seconds.
pub(super) const SESSION_TOKEN_LIFETIME_S: u64 = 60;
/// How far in the past a session's own token becomes valid, in seconds.
const SESSION_TOKEN_SKEW_S: u64 = 10;
/// Bytes that the claims of a template's token may have.
const CLAIMS_BYTES_MAX: usize = 16 * 1024;

/// The claims of a template's token are too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claims are too long")]
pub(super) struct TooLong;

/// Who acts in the name of the subject: of an impersonation the last one outermost, and whoever began it, the real
/// actor, innermost. Source: RFC 8693 §4.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    act: Option<Box<Self>>,
    sub: String,
}

impl Act {
    /// That of these users, whoever began it first; `None` without any.
    pub(super) fn of(actors: &[String]) -> Option<Self> {
        actors.iter().fold(None, |before, sub| {
            Some(Self {
                act: before.map(Box::new),
                sub: sub.clone(),
            })
        })
    }
}

/// What every token says.
pub(super) struct Common<'a> {
    pub(super) act: Option<Act>,
    pub(super) azp: Option<&'a str>,
    pub(super) iss: &'a str,
    pub(super) sub: &'a str,
    pub(super) jti: &'a str,
    /// The wall clock, in seconds.
    pub(super) now_s: u64,
    /// How long a token may live at most, in seconds: its key is no longer kept then.
    pub(super) lifetime_max_s: u64,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    cat: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize)]
struct SessionClaims<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<&'a Act>,
    #[serde(skip_serializing_if = "Option::is_none")]
    azp: Option<&'a str>,
    exp: u64,
    fva: [i64; 2],
    iat: u64,
    iss: &'a str,
    jti: &'a str,
    nbf: u64,
    sid: &'a str,
    sts: &'static str,
    sub: &'a str,
    v: u8,
}

/// Header and claims of a session's own token, encoded and joined.
pub(super) fn session(signer: &Signer, common: &Common<'_>, sid: &str, fva: [i64; 2]) -> String {
    let claims = SessionClaims {
        act: common.act.as_ref(),
        azp: common.azp,
        exp: common.now_s + SESSION_TOKEN_LIFETIME_S.min(common.lifetime_max_s),
        fva,
        iat: common.now_s,
        iss: common.iss,
        jti: common.jti,
        nbf: common.now_s.saturating_sub(SESSION_TOKEN_SKEW_S),
        sid,
        sts: "active",
        sub: common.sub,
        v: 2,
    };
    joined(signer, SESSION_CATEGORY, &claims)
}

/// Header and claims of a token by a template, whose shortcodes name `facts`, encoded and joined. The
/// server's own claims are set last: no template overrides them.
pub(super) fn by_template(
    signer: &Signer,
    common: &Common<'_>,
    template: &Template,
    facts: &Value,
    lifetime_max_s: u32,
) -> Result<String, TooLong> {
    let claims = serde_json::from_str(template.claims()).unwrap_or_default();
    let mut claims: Map<String, Value> = template::render(claims, facts);
    for reserved in crate::session::jwt::RESERVED_CLAIMS {
        claims.remove(reserved);
    }
    let lifetime_s = u64::from(template.lifetime_s().min(lifetime_max_s));
    let lifetime_s = lifetime_s.min(common.lifetime_max_s);
    let skew_s = u64::from(template.allowed_clock_skew_s());
    let own = [
        ("exp", Value::from(common.now_s + lifetime_s)),
        ("iat", common.now_s.into()),
        ("iss", common.iss.into()),
        ("jti", common.jti.into()),
        ("nbf", common.now_s.saturating_sub(skew_s).into()),
        ("sub", common.sub.into()),
    ];
    claims.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if let Some(act) = &common.act {
        claims.insert("act".into(), json!(act));
    }
    if let Some(azp) = common.azp {
        claims.insert("azp".into(), azp.into());
    }
    let text = Value::Object(claims).to_string();
    if text.len() > CLAIMS_BYTES_MAX {
        return Err(TooLong);
    }
    Ok(joined_text(signer, TEMPLATE_CATEGORY, &text))
}

fn joined(signer: &Signer, category: &str, claims: &impl Serialize) -> String {
    let text = serde_json::to_string(claims).unwrap_or_default();
    joined_text(signer, category, &text)
}

fn joined_text(signer: &Signer, category: &str, claims: &str) -> String {
    let header = Header {
        alg: signer.algorithm.name(),
        cat: category,
        kid: &signer.kid,
        typ: "JWT",
    };
    let header = serde_json::to_vec(&header).unwrap_or_default();
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    text
}

/// The whole token.
pub(super) fn sealed(mut message: String, signature: &[u8]) -> String {
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut message);
    message
}

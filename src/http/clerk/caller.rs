//! Who calls: which client, shown by a cookie or, natively, by a header. Source: R7, C-19 to C-31.

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{AUTHORIZATION, HeaderValue, ORIGIN, SET_COOKIE};

use super::error::Problem;
use super::request::query;
use crate::door::Engine;
use crate::http::clients::{COOKIE, Standing, standing};
use crate::http::headers::{Fields, Single, cookies, single};
use crate::http::origin;
use crate::http::settings::ClerkSettings;
use crate::http::surroundings::Surroundings;
use crate::session::id::ClientId;
use crate::session::origin::{Actor, Origin};
use crate::session::state::Surface;
use crate::session::token::{Digest, Secret};

/// How long browsers keep it: 400 days, as long as they keep anything.
const COOKIE_DAYS: i64 = 400;

/// Who calls.
pub(super) struct Caller {
    /// Whether the client is shown and handed out in the header `Authorization`.
    native: bool,
    pub(super) standing: Standing,
    /// The page that calls.
    pub(super) origin: Option<String>,
}

impl Caller {
    /// Reads who calls, and whether he is who he says.
    pub(super) async fn read<E: Engine>(
        engine: &E,
        settings: &ClerkSettings,
        request: &HttpRequest,
    ) -> Result<Self, Problem> {
        Self::of(engine, settings, request.headers(), request.query_string()).await
    }

    /// The same, of a request with these header fields and this query.
    pub(super) async fn of<E: Engine>(
        engine: &E,
        settings: &ClerkSettings,
        headers: &impl Fields,
        asked: &str,
    ) -> Result<Self, Problem> {
        let origin = match single(headers, &ORIGIN) {
            Single::Absent => None,
            Single::One(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Single::Repeated => return Err(Problem::BadRequest),
        };
        let authorization = match single(headers, &AUTHORIZATION) {
            Single::Absent => None,
            Single::One(text) => Some(text),
            Single::Repeated => return Err(Problem::BadRequest),
        };
        if origin.is_some() && authorization.is_some() {
            return Err(Problem::OriginAndAuthorization);
        }
        dev_browser(engine, settings, asked)?;
        let native = query(asked, "_is_native")? == Some("1") || authorization.is_some();
        let secret = if native {
            authorization.map(bare).filter(|text| !text.is_empty())
        } else {
            match cookies(headers, COOKIE) {
                Single::Absent => None,
                Single::One(text) => Some(text),
                Single::Repeated => return Err(Problem::BadRequest),
            }
        };
        let standing = match secret {
            Some(secret) => standing(engine, secret).await,
            None => Standing::Nobody,
        };
        Ok(Self {
            native,
            standing,
            origin,
        })
    }

    /// The origin of what is asked by this caller.
    pub(super) fn asks(&self, request: &HttpRequest, surroundings: &Surroundings) -> Origin {
        let actor = match self.standing {
            Standing::Known(id, _) | Standing::Anonymous(id) => Actor::Client(id),
            Standing::Replaced | Standing::Nobody => Actor::Unknown,
        };
        origin::on(Surface::Clerk, actor, request, surroundings)
    }

    /// The client, if it exists.
    pub(super) fn known(&self) -> Option<(ClientId, Digest)> {
        match self.standing {
            Standing::Known(id, digest) => Some((id, digest)),
            Standing::Anonymous(_) | Standing::Replaced | Standing::Nobody => None,
        }
    }

    /// Puts the secret of the caller's client into the answer, once.
    pub(super) fn hand_out(
        &self,
        settings: &ClerkSettings,
        answer: &mut HttpResponse,
        secret: &Secret,
    ) -> Result<(), Problem> {
        let (name, value) = if self.native {
            (AUTHORIZATION, HeaderValue::from_str(secret.reveal()))
        } else {
            let cookie = cookie(settings, secret.reveal(), Duration::days(COOKIE_DAYS));
            (SET_COOKIE, HeaderValue::from_str(&cookie))
        };
        let value = value.map_err(|_| Problem::Internal)?;
        answer.headers_mut().append(name, value);
        Ok(())
    }

    /// Takes the cookie back: its client is no more.
    pub(super) fn take_back(
        &self,
        settings: &ClerkSettings,
        answer: &mut HttpResponse,
    ) -> Result<(), Problem> {
        if !self.native {
            let cookie = cookie(settings, "", Duration::ZERO);
            let value = HeaderValue::from_str(&cookie).map_err(|_| Problem::Internal)?;
            answer.headers_mut().append(SET_COOKIE, value);
        }
        Ok(())
    }
}

fn cookie(settings: &ClerkSettings, value: &str, max_age: Duration) -> String {
    Cookie::build(COOKIE, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.is_secure())
        .max_age(max_age)
        .finish()
        .to_string()
}

/// The value of a header that may be written with the scheme `Bearer` or without.
fn bare(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii(),
        _ => value.trim_ascii(),
    }
}

/// Checks which development browser calls, if it says so. Source: C-29.
fn dev_browser<E: Engine>(
    engine: &E,
    settings: &ClerkSettings,
    asked: &str,
) -> Result<(), Problem> {
    if !settings.development {
        return Ok(());
    }
    for name in ["__clerk_db_jwt", "__dev_session"] {
        match query(asked, name)? {
            Some(text) if !is_dev_browser(engine, text) => {
                return Err(Problem::DevBrowserUnauthenticated);
            }
            _ => {}
        }
    }
    Ok(())
}

/// A new development browser. Nothing is kept of it: its second half follows from the first.
pub(super) fn new_dev_browser<E: Engine>(engine: &E) -> Result<String, Problem> {
    let random: [u8; 16] = engine.random().map_err(|_| Problem::Internal)?;
    let id = ClientId::from_bytes(random);
    let digits = id.digits();
    let digits = std::str::from_utf8(&digits).unwrap_or_default();
    Ok(format!("dvb_{digits}{}", seal(engine, digits)))
}

fn is_dev_browser<E: Engine>(engine: &E, text: &str) -> bool {
    let halves = text
        .strip_prefix("dvb_")
        .and_then(|text| text.split_at_checked(22));
    halves.is_some_and(|(digits, half)| half == seal(engine, digits))
}

/// What shows that this server made a name. It guards nothing: a development browser is no credential.
fn seal<E: Engine>(engine: &E, digits: &str) -> String {
    let digest = engine.digest(format!("development browser {digits}").as_bytes());
    let half = digest.as_bytes().first_chunk::<16>().copied();
    let digits = ClientId::from_bytes(half.unwrap_or_default()).digits();
    String::from_utf8_lossy(&digits).into_owned()
}

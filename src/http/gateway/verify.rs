//! Forward authentication: 200 with the identity in headers, or 401.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::door::{Answer, Engine};
use crate::engine::clients::ClientView;
use crate::engine::keys::PrivateToken;
use crate::engine::view::SessionView;
use crate::http::clients::{COOKIE, Standing, standing};
use crate::http::headers::{Single, cookies, single, wanted_touch};
use crate::http::json::write_int;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Look;
use crate::session::id::SessionId;
use crate::session::state::Surface;

const USER: HeaderName = HeaderName::from_static("x-sessile-user");
const USER_ID: HeaderName = HeaderName::from_static("x-sessile-user-id");
const SESSION: HeaderName = HeaderName::from_static("x-sessile-session");
const SURFACE: HeaderName = HeaderName::from_static("x-sessile-surface");

/// Where the surfaces carry their credentials.
const MOLLYBET: HeaderName = HeaderName::from_static("session");
const I3D: HeaderName = HeaderName::from_static("private-token");
const XDATA: HeaderName = HeaderName::from_static("xdata-session-token");
/// The cookie in which a page keeps its session's own token.
const SESSION_COOKIE: &str = "__session";

/// What is escaped in a user name: all but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Who a session belongs to, ready to be sent.
struct Identity {
    user: HeaderValue,
    user_id: HeaderValue,
    session: HeaderValue,
    surface: HeaderValue,
}

/// What a request presents: the first kind that is there decides, with no falling through. Source: R22.
enum Presented<'a> {
    /// Nothing, or something that is sent twice or written in a way nobody reads.
    Nothing,
    /// The secret of a session.
    Secret(&'a [u8]),
    /// A session's own token, signed by us.
    Token(&'a [u8]),
    /// An i3D key, behind which there may be a session.
    Key(&'a [u8]),
    /// The secret of a browser's client, whose chosen session is meant.
    Client(&'a [u8]),
}

pub(super) async fn verify<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let (engine, headers) = (&**engine, request.headers());
    let touch = wanted_touch(headers);
    let (id, look) = match presented(headers) {
        Presented::Nothing => (None, touch.into()),
        Presented::Secret(secret) => (engine.session_id(secret), touch.into()),
        Presented::Token(jwt) => {
            let id = engine.session_of_token(jwt, &surroundings.clerk.issuer);
            (id, Look::on(Surface::Clerk, touch))
        }
        Presented::Key(key) => {
            let address = surroundings.proxies.end_user(&request);
            let id = behind_key(engine, key, address).await;
            (id, Look::on(Surface::I3d, touch))
        }
        Presented::Client(secret) => {
            let id = chosen(engine, secret).await;
            (id, Look::on(Surface::Clerk, touch))
        }
    };
    shown(engine, id, look).get().await
}

/// The whole answer, out of the request's headers; `None` if it takes more than one look at a session.
pub(super) fn judge<E: Engine>(headers: &HeaderMap, engine: &E) -> Option<Answer<HttpResponse>> {
    let id = match presented(headers) {
        Presented::Nothing => None,
        Presented::Secret(secret) => engine.session_id(secret),
        Presented::Token(_) | Presented::Key(_) | Presented::Client(_) => return None,
    };
    Some(shown(engine, id, wanted_touch(headers).into()))
}

/// Judges the session that was presented, and says whose it is.
fn shown<E: Engine>(engine: &E, id: Option<SessionId>, look: Look) -> Answer<HttpResponse> {
    let Some(id) = id else {
        return Answer::Now(refused());
    };
    let shown = engine.with_session(id, look, |view| view.as_ref().and_then(identity));
    shown.map(|identity| identity.map_or_else(refused, accepted))
}

/// The session on a guest key, if somebody is logged in on it. An account key has none.
async fn behind_key<E: Engine>(
    engine: &E,
    key: &[u8],
    address: Option<IpAddr>,
) -> Option<SessionId> {
    match engine.private_token(key, address).get().await? {
        PrivateToken::Account(_) => None,
        PrivateToken::Guest(client) => {
            let selected = engine.with_client(client, |client| client?.record.selected);
            selected.get().await
        }
    }
}

/// The session that was chosen last on a browser's client.
async fn chosen<E: Engine>(engine: &E, secret: &[u8]) -> Option<SessionId> {
    let Standing::Known(client, _) = standing(engine, secret).await else {
        return None;
    };
    let look = |view: Option<ClientView<'_>>| view.and_then(|view| view.selected());
    engine.with_client(client, look).get().await
}

fn presented(headers: &HeaderMap) -> Presented<'_> {
    match single(headers, &AUTHORIZATION) {
        Single::Absent => {}
        Single::Repeated => return Presented::Nothing,
        Single::One(value) => return bearer(value),
    }
    let kinds: [(_, fn(_) -> _); 3] = [
        (&MOLLYBET, Presented::Secret),
        (&I3D, Presented::Key),
        (&XDATA, Presented::Secret),
    ];
    for (name, kind) in kinds {
        match single(headers, name) {
            Single::Absent => {}
            Single::Repeated => return Presented::Nothing,
            Single::One(value) => return kind(value),
        }
    }
    match cookies(headers, SESSION_COOKIE) {
        Single::Absent => {}
        Single::Repeated => return Presented::Nothing,
        Single::One(value) => return Presented::Token(value),
    }
    match cookies(headers, COOKIE) {
        Single::Absent | Single::Repeated => Presented::Nothing,
        Single::One(value) => Presented::Client(value),
    }
}

/// What stands behind `Bearer`: a token has dots, which no secret has.
fn bearer(value: &[u8]) -> Presented<'_> {
    match value.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => {
            let rest = rest.trim_ascii();
            if rest.contains(&b'.') {
                Presented::Token(rest)
            } else {
                Presented::Secret(rest)
            }
        }
        _ => Presented::Nothing,
    }
}

/// Renders into one buffer, of which each header gets its piece.
fn identity(view: &SessionView<'_>) -> Option<Identity> {
    let name = view.account.username.as_str();
    let mut text = Vec::with_capacity(name.len() + 64);
    for piece in utf8_percent_encode(name, ESCAPED) {
        text.extend_from_slice(piece.as_bytes());
    }
    let user = text.len();
    let number = view.account_id().user_id();
    write_int(&mut text, i64::try_from(number).unwrap_or(i64::MAX));
    let user_id = text.len();
    text.extend_from_slice(SessionId::PREFIX.as_bytes());
    text.extend_from_slice(&view.id().digits());
    let text = Bytes::from(text);
    let piece = |range| HeaderValue::from_maybe_shared(text.slice(range)).ok();
    Some(Identity {
        user: piece(0..user)?,
        user_id: piece(user..user_id)?,
        session: piece(user_id..text.len())?,
        surface: HeaderValue::from_static(view.surface().name()),
    })
}

fn accepted(identity: Identity) -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::OK);
    let headers = answer.headers_mut();
    headers.insert(USER, identity.user);
    headers.insert(USER_ID, identity.user_id);
    headers.insert(SESSION, identity.session);
    headers.insert(SURFACE, identity.surface);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn refused() -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::UNAUTHORIZED);
    let headers = answer.headers_mut();
    headers.insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"sessile\""),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

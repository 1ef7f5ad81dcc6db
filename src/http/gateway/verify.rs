//! Forward authentication: 200 with the identity in headers, or 401.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::door::{Answer, Engine};
use crate::engine::view::SessionView;
use crate::http::headers::{Single, single, wanted_touch};
use crate::http::json::write_int;
use crate::session::id::SessionId;

const USER: HeaderName = HeaderName::from_static("x-sessile-user");
const USER_ID: HeaderName = HeaderName::from_static("x-sessile-user-id");
const SESSION: HeaderName = HeaderName::from_static("x-sessile-session");
const SURFACE: HeaderName = HeaderName::from_static("x-sessile-surface");

/// Where the surfaces carry their credentials.
const MOLLYBET: HeaderName = HeaderName::from_static("session");
const XDATA: HeaderName = HeaderName::from_static("xdata-session-token");

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

pub(super) async fn verify<E: Engine>(request: HttpRequest, engine: Data<E>) -> HttpResponse {
    judge(request.headers(), &**engine).get().await
}

/// The whole answer, out of the request's headers.
pub(super) fn judge<E: Engine>(headers: &HeaderMap, engine: &E) -> Answer<HttpResponse> {
    let Some(id) = credential(headers).and_then(|secret| engine.session_id(secret)) else {
        return Answer::Now(refused());
    };
    let touch = wanted_touch(headers);
    let shown = engine.with_session(id, touch, |view| view.as_ref().and_then(identity));
    shown.map(|identity| identity.map_or_else(refused, accepted))
}

/// The credential that decides: the first kind that is present, with no falling through. One that
/// is sent twice is none.
fn credential(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = |value: &[u8]| {
        let (scheme, _) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(())
    };
    match single(headers, &AUTHORIZATION) {
        Single::Absent => {}
        Single::Repeated => return None,
        Single::One(value) => {
            return bearer(value)
                .and_then(|()| value.get(7..))
                .map(<[u8]>::trim_ascii);
        }
    }
    for name in [&MOLLYBET, &XDATA] {
        match single(headers, name) {
            Single::Absent => {}
            Single::Repeated => return None,
            Single::One(value) => return Some(value),
        }
    }
    None
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

//! Forward authentication: 200 with the identity in headers, or 401.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE,
};
use actix_web::web::{BytesMut, Data};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::door::Engine;
use crate::engine::keys::PrivateToken;
use crate::engine::view::SessionView;
use crate::http::headers::{Single, single, wanted_touch};
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

pub(super) async fn verify<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let touch = wanted_touch(request.headers());
    let found = match credential(request.headers()) {
        None => None,
        Some(Credential::Secret(secret)) => {
            let id = engine.session_id(secret);
            id.map(|id| (id, Look::from(touch)))
        }
        Some(Credential::Key(key)) => {
            let address = surroundings.proxies.end_user(&request);
            let id = behind_key(&**engine, key, address).await;
            id.map(|id| (id, Look::on(Surface::I3d, touch)))
        }
    };
    let Some((id, look)) = found else {
        return refused();
    };
    match engine
        .with_session(id, look, |view| view.as_ref().and_then(identity))
        .get()
        .await
    {
        Some(identity) => accepted(identity),
        None => refused(),
    }
}

/// A credential as it was sent.
enum Credential<'a> {
    /// The secret of a session.
    Secret(&'a [u8]),
    /// An i3D key, behind which there may be a session.
    Key(&'a [u8]),
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

/// The credential that decides: the first kind that is present, with no falling through. One that
/// is sent twice is none.
fn credential(headers: &HeaderMap) -> Option<Credential<'_>> {
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
                .map(|secret| Credential::Secret(secret.trim_ascii()));
        }
    }
    let kinds: [(_, fn(_) -> _); 3] = [
        (&MOLLYBET, Credential::Secret),
        (&I3D, Credential::Key),
        (&XDATA, Credential::Secret),
    ];
    for (name, kind) in kinds {
        match single(headers, name) {
            Single::Absent => {}
            Single::Repeated => return None,
            Single::One(value) => return Some(kind(value)),
        }
    }
    None
}

/// Renders into one buffer, of which each header gets its piece.
fn identity(view: &SessionView<'_>) -> Option<Identity> {
    let name = view.account.username.as_str();
    let mut buffer = BytesMut::with_capacity(name.len() + 64);
    let mut piece = |write: &mut dyn FnMut(&mut BytesMut)| {
        write(&mut buffer);
        HeaderValue::from_maybe_shared(buffer.split().freeze()).ok()
    };
    Some(Identity {
        user: piece(&mut |out| {
            for text in utf8_percent_encode(name, ESCAPED) {
                out.extend_from_slice(text.as_bytes());
            }
        })?,
        user_id: view.account_id().user_id().into(),
        session: piece(&mut |out| {
            out.extend_from_slice(SessionId::PREFIX.as_bytes());
            out.extend_from_slice(&view.id().digits());
        })?,
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

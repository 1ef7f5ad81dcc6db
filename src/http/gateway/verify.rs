//! Forward authentication: 200 with the identity in headers, or 401.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::door::Engine;
use crate::engine::clients::ClientView;
use crate::engine::keys::PrivateToken;
use crate::engine::view::SessionView;
use crate::http::clients::{COOKIE, Standing, standing};
use crate::http::headers::{Fields, Single, cookies, single, wanted_touch};
use crate::http::json::write_int;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Look;
use crate::session::id::SessionId;
use crate::session::state::Surface;

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

/// The answer to whoever has no session that is good.
const REFUSED: &[u8] = b"www-authenticate: Bearer realm=\"sessile\"\r\ncache-control: no-store\r\n";

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
    let peer = request.peer_addr().map(|peer| peer.ip());
    let answer = judge(request.headers(), peer, &**engine, &surroundings);
    answer.await.into()
}

/// The whole answer. It only reads, so that whoever finds that it takes a while may ask again.
pub(super) async fn judge<E: Engine>(
    headers: &impl Fields,
    peer: Option<IpAddr>,
    engine: &E,
    surroundings: &Surroundings,
) -> Ready {
    let touch = wanted_touch(headers);
    let (id, look) = match presented(headers) {
        Presented::Nothing => (None, touch.into()),
        Presented::Secret(secret) => (engine.session_id(secret), touch.into()),
        Presented::Token(jwt) => {
            let id = engine.session_of_token(jwt, &surroundings.clerk.issuer);
            (id, Look::on(Surface::Clerk, touch))
        }
        Presented::Key(key) => {
            let address = peer.map(|peer| surroundings.proxies.behind(peer, headers));
            let id = behind_key(engine, key, address).await;
            (id, Look::on(Surface::I3d, touch))
        }
        Presented::Client(secret) => {
            let id = chosen(engine, secret).await;
            (id, Look::on(Surface::Clerk, touch))
        }
    };
    let identity = match id {
        Some(id) => {
            engine.approach(id).await;
            let shown = engine.with_session(id, look, |view| view.as_ref().map(identity));
            shown.get().await
        }
        None => None,
    };
    match identity {
        Some(identity) => Ready::fields(StatusCode::OK, identity),
        None => Ready::fields(StatusCode::UNAUTHORIZED, REFUSED),
    }
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

fn presented(headers: &impl Fields) -> Presented<'_> {
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

/// The header fields that say whose a session is.
fn identity(view: &SessionView<'_>) -> Vec<u8> {
    let name = view.account.username.as_str();
    let mut lines = Vec::with_capacity(name.len() + 160);
    lines.extend_from_slice(b"x-sessile-user: ");
    for piece in utf8_percent_encode(name, ESCAPED) {
        lines.extend_from_slice(piece.as_bytes());
    }
    lines.extend_from_slice(b"\r\nx-sessile-user-id: ");
    let number = view.account_id().user_id();
    write_int(&mut lines, i64::try_from(number).unwrap_or(i64::MAX));
    lines.extend_from_slice(b"\r\nx-sessile-session: ");
    lines.extend_from_slice(SessionId::PREFIX.as_bytes());
    lines.extend_from_slice(&view.id().digits());
    lines.extend_from_slice(b"\r\nx-sessile-surface: ");
    lines.extend_from_slice(view.surface().name().as_bytes());
    lines.extend_from_slice(b"\r\ncache-control: no-store\r\n");
    lines
}

//! Who calls: a key pair, or a session that one opened. Source.

use actix_web::http::header::HeaderName;
use compact_str::CompactString;

use super::error::Problem;
use crate::door::Engine;
use crate::engine::keys::Principal;
use crate::http::headers::{Fields, Single, single};
use crate::session::activity::{Look, Touch};
use crate::session::key::KeyKind;
use crate::session::origin::kept;
use crate::session::state::Surface;

const TOKEN: HeaderName = HeaderName::from_static("xdata-session-token");
const API_KEY: HeaderName = HeaderName::from_static("apikey");
const SECRET: HeaderName = HeaderName::from_static("secret");

/// The principal of a call. A session token decides if there is one, even beside a key pair.
pub(super) async fn principal<E: Engine>(
    engine: &E,
    headers: &impl Fields,
) -> Result<Principal, Problem> {
    let found = match single(headers, &TOKEN) {
        Single::Repeated => None,
        Single::One(token) => by_token(engine, token).await,
        Single::Absent => match (single(headers, &API_KEY), single(headers, &SECRET)) {
            (Single::One(name), Single::One(secret)) => match std::str::from_utf8(name) {
                Ok(name) => engine.principal(KeyKind::Xdata, name, secret).get().await,
                Err(_) => None,
            },
            _ => None,
        },
    };
    found.ok_or(Problem::Unauthorized)
}

/// The public half of the pair that was sent, if it is one.
pub(super) fn named(headers: &impl Fields) -> Option<CompactString> {
    let Single::One(name) = single(headers, &API_KEY) else {
        return None;
    };
    std::str::from_utf8(name).ok().map(kept)
}

/// A session acts with the rights of the key pair that opened it.
async fn by_token<E: Engine>(engine: &E, token: &[u8]) -> Option<Principal> {
    let id = engine.session_id(token)?;
    let shown = engine.with_session(id, Look::on(Surface::Xdata, Touch::No), |view| {
        let view = view?;
        let generation = view.account.generation;
        Some(Principal {
            key: view.key()?,
            account: view.account_id(),
            generation,
        })
    });
    shown.get().await
}

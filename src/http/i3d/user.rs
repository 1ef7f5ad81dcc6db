//! Who is logged in on a key. Source: V-17 to V-26.

use std::net::IpAddr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::caller::caller;
use super::error::{Problem, answer};
use super::model::{self, Origin};
use crate::door::Engine;
use crate::engine::keys::PrivateToken;
use crate::http::headers::{Fields, wanted_touch};
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Look;
use crate::session::state::Surface;

pub(super) async fn user<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let user = show(request.headers(), peer, &**engine, &surroundings).await;
    answer(user.map(HttpResponse::from))
}

/// Shows who is logged in. It only reads.
pub(super) async fn show<E: Engine>(
    headers: &impl Fields,
    peer: Option<IpAddr>,
    engine: &E,
    surroundings: &Surroundings,
) -> Result<Ready, Problem> {
    let caller = caller(engine, surroundings, headers, peer).await?;
    let origin = Origin {
        address: caller.address,
        country: caller
            .address
            .and_then(|from| surroundings.countries.of(from)),
    };
    let body = match caller.token {
        // Its owner is always logged in, and has no session that could be touched.
        PrivateToken::Account(id) => {
            let account = engine.account(id).get().await;
            account.map(|account| model::user(id, &account, &origin))
        }
        PrivateToken::Guest(client) => {
            let selected = engine.with_client(client, |client| client?.record.selected);
            let session = selected.get().await.ok_or(Problem::NotFound)?;
            let look = Look::on(Surface::I3d, wanted_touch(headers));
            engine.approach(session).await;
            let shown = engine.with_session(session, look, move |view| {
                let view = view?;
                Some(model::user(view.account_id(), view.account, &origin))
            });
            shown.get().await
        }
    };
    let body = body.ok_or(Problem::NotFound)?;
    Ok(Ready::json(StatusCode::OK, body))
}

//! Who is logged in on a key. Source: V-17 to V-26.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::caller::caller;
use super::error::{Outcome, Problem, answer};
use super::model::{self, Origin};
use crate::door::Engine;
use crate::engine::keys::PrivateToken;
use crate::http::headers::wanted_touch;
use crate::http::reply;
use crate::http::surroundings::Surroundings;
use crate::session::activity::Look;
use crate::session::state::Surface;

pub(super) async fn user<E: Engine>(
    request: HttpRequest,
    engine: Data<E>,
    surroundings: Data<Surroundings>,
) -> HttpResponse {
    answer(show(&request, &**engine, &surroundings).await)
}

async fn show<E: Engine>(
    request: &HttpRequest,
    engine: &E,
    surroundings: &Surroundings,
) -> Outcome {
    let caller = caller(engine, surroundings, request).await?;
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
            let look = Look::on(Surface::I3d, wanted_touch(request.headers()));
            let shown = engine.with_session(session, look, move |view| {
                let view = view?;
                Some(model::user(view.account_id(), view.account, &origin))
            });
            shown.get().await
        }
    };
    let body = body.ok_or(Problem::NotFound)?;
    Ok(reply::ready(StatusCode::OK, body))
}

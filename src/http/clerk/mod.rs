//! Clerk's Frontend API, the part about sessions: clients, sign-in, sessions and their tokens.
//!
//! Contract, quirks and row ids: `docs/surfaces/clerk.md`. Checks are made in this order: path,
//! method, page, client, session and whether it lives, body.

mod caller;
mod client;
mod error;
mod guard;
mod instance;
mod model;
mod request;
mod session;
mod sign_in;
mod tokens;

use self::error::Problem;
use self::request::method;
use crate::door::Engine;
use crate::edge::fast::Request;
use crate::http::headers::Fields as _;
use crate::http::ready::Ready;
use crate::http::surroundings::Surroundings;
use actix_web::http::Method;
use actix_web::http::header::ORIGIN;
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route};

/// Mounts the surface's routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let get = || web::route().guard(method(Method::GET));
    let post = || web::route().guard(method(Method::POST));
    let delete = || web::route().guard(method(Method::DELETE));
    let patch = || web::route().guard(method(Method::PATCH));
    routes.service(
        web::scope("/v1/client")
            .wrap(from_fn(guard::pages))
            .service(resource(
                "",
                "DELETE, GET, HEAD",
                [
                    get().to(client::get::<E>),
                    delete().to(client::destroy::<E>),
                ],
            ))
            .service(resource(
                "/sessions",
                "DELETE",
                [delete().to(client::sign_out::<E>)],
            ))
            .service(resource(
                "/sessions/{id}",
                "GET, HEAD",
                [get().to(session::get::<E>)],
            ))
            .service(resource(
                "/sessions/{id}/touch",
                "POST",
                [post().to(session::touch::<E>)],
            ))
            .service(resource(
                "/sessions/{id}/end",
                "POST",
                [post().to(session::end::<E>)],
            ))
            .service(resource(
                "/sessions/{id}/remove",
                "POST",
                [post().to(session::remove::<E>)],
            ))
            .service(resource(
                "/sessions/{id}/tokens",
                "POST",
                [post().to(tokens::session_token::<E>)],
            ))
            .service(resource(
                "/sessions/{id}/tokens/{template}",
                "POST",
                [post().to(tokens::template_token::<E>)],
            ))
            .service(resource(
                "/sign_ins",
                "POST",
                [post().to(sign_in::create::<E>)],
            ))
            .service(resource(
                "/sign_ins/{id}",
                "GET, HEAD",
                [get().to(sign_in::show::<E>)],
            ))
            .service(resource(
                "/sign_ins/{id}/attempt_first_factor",
                "POST",
                [post().to(sign_in::first_factor::<E>)],
            ))
            .service(resource(
                "/sign_ins/{id}/attempt_second_factor",
                "POST",
                [post().to(sign_in::second_factor::<E>)],
            ))
            .default_service(web::to(no_such_path)),
    );
    for (path, allow, list) in [
        (
            "/v1/environment",
            "GET, HEAD, PATCH",
            vec![
                get().to(instance::environment),
                patch().to(instance::environment),
            ],
        ),
        (
            "/v1/dev_browser",
            "POST",
            vec![post().to(instance::dev_browser::<E>)],
        ),
        ("/v1/me", "GET, HEAD", vec![get().to(instance::me::<E>)]),
        (
            "/v1/me/sessions/active",
            "GET, HEAD",
            vec![get().to(instance::active_sessions::<E>)],
        ),
        ("/v1/jwks", "GET, HEAD", vec![get().to(instance::jwks::<E>)]),
        (
            "/.well-known/jwks.json",
            "GET, HEAD",
            vec![get().to(instance::jwks::<E>)],
        ),
    ] {
        routes.service(resource(path, allow, list).wrap(from_fn(guard::pages)));
    }
}

/// The session that a request wants shown, if it may be answered on the spot: no page of somewhere asks.
pub fn is_fast<'a>(request: &Request<'a>) -> Option<&'a str> {
    let id = request.target.strip_prefix("/v1/client/sessions/")?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mine = matches!(*request.method, Method::GET | Method::HEAD)
        && id.bytes().all(is_plain)
        && request.values(&ORIGIN).next().is_none();
    mine.then_some(id)
}

/// The answer to such a request; `None` leaves it to the routes.
pub async fn fast<E: Engine>(
    request: &Request<'_>,
    id: &str,
    engine: &E,
    surroundings: &Surroundings,
) -> Option<Ready> {
    let session = session::read(request, "", id, engine, surroundings).await;
    Some(session.ok()?.with(guard::LINE))
}

/// A path with its routes; any other method is told which ones there are.
fn resource(path: &str, allow: &'static str, list: impl IntoIterator<Item = Route>) -> Resource {
    let other = move || async move { Problem::MethodNotAllowed { allow }.answer() };
    let resource = web::resource(path).default_service(web::to(other));
    list.into_iter().fold(resource, Resource::route)
}

async fn no_such_path() -> actix_web::HttpResponse {
    Problem::NoSuchPath.answer()
}

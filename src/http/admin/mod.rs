//! Administration: accounts, keys, sessions, templates. Bearer tokens with roles, on the admin listener only.
//!
//! `docs/ADMIN.md` lists the calls. Every answer is JSON; errors are `{"error":code,"message":text}`.

mod access;
mod accounts;
mod behind;
mod error;
mod failures;
mod input;
mod issue;
mod keys;
mod profile;
mod sealing;
mod sessions;
mod signing_keys;
mod snapshot;
mod templates;

use actix_web::error::QueryPayloadError;
use actix_web::web::{self, QueryConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource};

pub use access::{AdminTokens, Refusals, Role};

use crate::door::Engine;

/// Mounts the routes.
pub fn mount<E: Engine>(routes: &mut ServiceConfig) {
    let unreadable = |error: QueryPayloadError, _: &HttpRequest| {
        error::Problem::Invalid(format!("query: {error}")).into()
    };
    routes
        .app_data(QueryConfig::default().error_handler(unreadable))
        .service(
            resource("/admin/v1/accounts", "GET, POST")
                .route(web::get().to(accounts::list::<E>))
                .route(web::post().to(accounts::create::<E>)),
        )
        .service(
            resource("/admin/v1/accounts/{username}", "DELETE, GET, PATCH")
                .route(web::get().to(accounts::show::<E>))
                .route(web::patch().to(accounts::change::<E>))
                .route(web::delete().to(accounts::delete::<E>)),
        )
        .service(
            resource("/admin/v1/accounts/{username}/password", "PUT")
                .route(web::put().to(accounts::set_password::<E>)),
        )
        .service(
            resource("/admin/v1/accounts/{username}/totp", "DELETE, POST")
                .route(web::post().to(accounts::enrol_totp::<E>))
                .route(web::delete().to(accounts::remove_totp::<E>)),
        )
        .service(
            resource("/admin/v1/accounts/{username}/revoke", "POST")
                .route(web::post().to(accounts::revoke::<E>)),
        )
        .service(
            resource("/admin/v1/accounts/{username}/failures", "DELETE, GET")
                .route(web::get().to(failures::show::<E>))
                .route(web::delete().to(failures::clear::<E>)),
        )
        .service(resource("/admin/v1/snapshot", "POST").route(web::post().to(snapshot::write::<E>)))
        .service(
            resource("/admin/v1/keys", "GET, POST")
                .route(web::get().to(keys::list::<E>))
                .route(web::post().to(keys::create::<E>)),
        )
        .service(
            resource("/admin/v1/keys/{name}", "DELETE").route(web::delete().to(keys::delete::<E>)),
        )
        .service(resource("/admin/v1/sealing-keys", "GET").route(web::get().to(sealing::show)))
        .service(
            resource("/admin/v1/sealing-keys/rotate", "POST")
                .route(web::post().to(sealing::rotate::<E>)),
        )
        .service(
            resource("/admin/v1/signing-keys", "GET").route(web::get().to(signing_keys::list::<E>)),
        )
        .service(
            resource("/admin/v1/signing-keys/rotate", "POST")
                .route(web::post().to(signing_keys::rotate::<E>)),
        )
        .service(
            resource("/admin/v1/sessions", "GET, POST")
                .route(web::get().to(sessions::list::<E>))
                .route(web::post().to(issue::issue::<E>)),
        )
        .service(
            resource("/admin/v1/sessions/{id}", "DELETE, GET")
                .route(web::get().to(sessions::show::<E>))
                .route(web::delete().to(sessions::revoke::<E>)),
        )
        .service(resource("/admin/v1/templates", "GET").route(web::get().to(templates::list::<E>)))
        .service(
            resource("/admin/v1/templates/{name}", "DELETE, GET, PUT")
                .route(web::get().to(templates::show::<E>))
                .route(web::put().to(templates::put::<E>))
                .route(web::delete().to(templates::delete::<E>)),
        )
        .service(resource("/admin/v1/digest", "GET").route(web::get().to(sessions::digest::<E>)));
}

fn resource(path: &str, allow: &'static str) -> Resource {
    let other =
        move || async move { HttpResponse::from(error::Problem::MethodNotAllowed { allow }) };
    web::resource(path).default_service(web::to(other))
}

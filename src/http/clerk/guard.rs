//! Which pages may call: the exact list of origins, on every path of the surface. Source: C-14 to C-18.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use super::error::Problem;
use crate::http::headers::{Single, single};
use crate::http::settings::ClerkSettings;
use crate::http::surroundings::Surroundings;

/// What every answer of the surface has, as it is sent: whether a page may read it depends on the page.
pub(super) const LINE: &[u8] = b"vary: Origin\r\n";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets listed pages call and refuses others; answers the question that browsers ask beforehand.
pub(super) async fn pages(
    surroundings: Data<Surroundings>,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    let origin = request.headers().get(ORIGIN).cloned();
    let allowed = origin.filter(|origin| allows(&surroundings.clerk, origin));
    let mut response = if request.method() == Method::OPTIONS {
        request.into_response(preflight()).map_into_right_body()
    } else if crosses_sites(&surroundings.clerk, request.method(), request.headers()) {
        request
            .into_response(Problem::OriginForbidden.answer())
            .map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Authorization, clerk-db-jwt, x-country"),
        );
    }
    Ok(response)
}

fn preflight() -> HttpResponse {
    let mut answer = HttpResponse::new(StatusCode::NO_CONTENT);
    let headers = answer.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("DELETE, GET, HEAD, PATCH, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type"),
    );
    answer
}

fn allows(settings: &ClerkSettings, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| settings.allows(origin))
}

/// Whether a request that changes something is sent by a page that may not. Whether a cookie came with
/// it does not matter: a browser that withholds a `SameSite` cookie from a foreign form takes the one
/// in the answer, and would be signed in as somebody else, or out. Source: OWASP ASVS 3.5.1, C-17, C-18.
fn crosses_sites(settings: &ClerkSettings, method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    match single(headers, &ORIGIN) {
        Single::One(origin) => {
            !std::str::from_utf8(origin).is_ok_and(|origin| settings.allows(origin))
        }
        Single::Repeated => true,
        Single::Absent => match single(headers, &SEC_FETCH_SITE) {
            Single::Absent => false,
            Single::One(site) => !matches!(site, b"same-origin" | b"same-site" | b"none"),
            Single::Repeated => true,
        },
    }
}

//! The service in front of the application of a listener: what holds for every request and every answer.
//!
//! It tells the connection what was asked, so that the client's next step is watched; refuses targets that are no path
//! and paths that are too long; lets nobody reach administration under a foreign name; and gives every answer the
//! headers that every answer has. It must never know a surface.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_http::body::BoxBody;
use actix_http::{HttpMessage, Payload, Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::dev::{AppConfig, RequestHead, ServiceResponse};
use actix_web::http::header::{
    CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::{Error, HttpResponse};

use super::host::Hosts;
use super::reply;
use crate::edge::connection::{Connection, Follows};

/// The longest path; a query is bounded by the head. Source: O8.
pub const PATH_BYTES_MAX: usize = 1 << 10;
/// What browsers are told of encrypted answers: never to ask otherwise, for a year. Source: OWASP ASVS 3.4.1.
const ENCRYPTED_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// What holds for a listener.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Its connections are encrypted.
    pub encrypted: bool,
    /// The names under which it may be asked; any, if not said.
    pub hosts: Option<Hosts>,
}

/// What stands before the application `inner`: first what makes the service, then the service itself.
pub struct Entry<S> {
    inner: S,
    rules: Rules,
}

impl<S> Entry<S> {
    /// Puts the rules before an application.
    pub fn before<I>(app: I, rules: Rules) -> Self
    where
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request>,
    {
        let inner = app.into_factory();
        Self { inner, rules }
    }
}

impl<S> ServiceFactory<Request> for Entry<S>
where
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse, Error = Error>,
    S::Future: 'static,
    <S::Service as Service<Request>>::Future: Unpin,
{
    type Response = Response<BoxBody>;
    type Error = Response<BoxBody>;
    type Config = ();
    type Service = Entry<S::Service>;
    type InitError = S::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, (): ()) -> Self::Future {
        // Nothing here asks the framework what it is called.
        let inner = self.inner.new_service(AppConfig::default());
        let rules = self.rules.clone();
        Box::pin(async move {
            let inner = inner.await?;
            Ok(Entry { inner, rules })
        })
    }
}

impl<S> Service<Request> for Entry<S>
where
    S: Service<Request, Response = ServiceResponse, Error = Error>,
    S::Future: Unpin,
{
    type Response = Response<BoxBody>;
    type Error = Response<BoxBody>;
    type Future = Entering<S::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner
            .poll_ready(context)
            .map_err(|error| error.error_response().into())
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let follows = follows(&mut request);
        let head = request.head();
        let kept = head.connection_type() == ConnectionType::KeepAlive;
        let mut refused = refusal(head, &self.rules);
        if let Some(connection) = request.conn_data::<Rc<Connection>>() {
            if !connection.passes_on(follows, !kept) {
                let late = HttpResponse::build(StatusCode::BAD_REQUEST)
                    .force_close()
                    .finish();
                refused = Some(late.into());
            }
            if refused.is_some() {
                connection.end();
            }
        }
        let answering = match refused {
            Some(answer) => Answering::Refused(ready(answer)),
            None => Answering::Handed(self.inner.call(request)),
        };
        Entering {
            answering,
            encrypted: self.rules.encrypted,
            kept,
        }
    }
}

/// The header fields of every answer.
pub(super) fn every_answer(encrypted: bool) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let always = [
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let only = encrypted.then_some((STRICT_TRANSPORT_SECURITY, ENCRYPTED_ONLY));
    always.into_iter().chain(only)
}

/// What the framework found behind the head.
fn follows(request: &mut Request) -> Follows {
    if matches!(request.payload(), Payload::None) {
        return Follows::Nothing;
    }
    // The framework reads on until the client is gone, whatever length it told.
    let upgrade = request.headers().get(UPGRADE);
    let upgrade = upgrade.and_then(|value| value.to_str().ok());
    if upgrade.is_some_and(|name| name.trim().eq_ignore_ascii_case("websocket")) {
        return Follows::Everything;
    }
    if request.chunked().unwrap_or(false) {
        return Follows::Chunks;
    }
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    length.map_or(Follows::Everything, Follows::Bytes)
}

/// Why a request goes no further, if so.
fn refusal(head: &RequestHead, rules: &Rules) -> Option<Response<BoxBody>> {
    let uri = &head.uri;
    let (status, body) = if uri.path().len() > PATH_BYTES_MAX {
        let body = r#"{"error":"path_too_long","message":"a path has at most 1 KiB"}"#;
        (StatusCode::URI_TOO_LONG, body)
    } else if uri.authority().is_some() || head.method == Method::CONNECT {
        let body = r#"{"error":"bad_target","message":"the target of a request is a path: this is no proxy"}"#;
        (StatusCode::BAD_REQUEST, body)
    } else if rules
        .hosts
        .as_ref()
        .is_some_and(|hosts| !is_named(hosts, &head.headers))
    {
        let body = r#"{"error":"misdirected","message":"Host is no name of this listener: list it in admin.hosts"}"#;
        (StatusCode::MISDIRECTED_REQUEST, body)
    } else {
        return None;
    };
    let mut answer = reply::json(status);
    Some(answer.force_close().body(body).into())
}

/// Without a `Host` no browser asks, and so no page of somebody else.
fn is_named(hosts: &Hosts, headers: &HeaderMap) -> bool {
    headers
        .get(HOST)
        .is_none_or(|host| hosts.allows(host.as_bytes()))
}

/// An answer on its way.
pub struct Entering<F> {
    answering: Answering<F>,
    encrypted: bool,
    kept: bool,
}

enum Answering<F> {
    Refused(Ready<Response<BoxBody>>),
    Handed(F),
}

impl<F> Future for Entering<F>
where
    F: Future<Output = Result<ServiceResponse, Error>> + Unpin,
{
    type Output = Result<Response<BoxBody>, Response<BoxBody>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.answering {
            Answering::Refused(answer) => Pin::new(answer).poll(context).map(Ok),
            Answering::Handed(answer) => Pin::new(answer).poll(context).map(|a| a.map(Into::into)),
        };
        answer.map(|answer| {
            let mut answer = answer.unwrap_or_else(|error| error.error_response().into());
            for (name, value) in every_answer(self.encrypted) {
                answer.headers_mut().insert(name, value);
            }
            if !self.kept {
                // An upgrade is asked for in the same header, and there is none.
                answer.head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(answer)
        })
    }
}

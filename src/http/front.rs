//! A service before the application: answers the hot verifications, hands on everything else.
//!
//! The framework's routing and extraction cost more than a verification does. What is hot, and
//! what is answered, the surfaces say themselves ([`super::hot`]); this file must never know a
//! surface, a path or a header.
//!
//! Invariants: a request with a body goes to the application, so a body is read or refused in one
//! place; a request that is handed on is handed on as it came; an answer that is there is given
//! without an allocation, a log line or a system call of this file's own.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::{Payload, Request, Response};
use actix_service::{IntoServiceFactory, Service, ServiceFactory};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, RequestHead, ServiceResponse};
use actix_web::{Error, HttpResponse};

use crate::door::Answer;

/// What stands before `app`: first what makes the service, then the service itself.
pub struct Front<A, H> {
    app: A,
    hot: H,
}

impl<A, H> Front<A, H>
where
    H: Fn(&RequestHead) -> Option<Answer<HttpResponse>> + Clone + 'static,
{
    /// Puts what is `hot` before an application.
    pub fn before<I>(app: I, hot: H) -> Self
    where
        I: IntoServiceFactory<A, Request>,
        A: ServiceFactory<Request>,
    {
        let app = app.into_factory();
        Self { app, hot }
    }
}

impl<A, H> ServiceFactory<Request> for Front<A, H>
where
    A: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse, Error = Error>,
    A::Future: 'static,
    <A::Service as Service<Request>>::Future: Unpin,
    H: Fn(&RequestHead) -> Option<Answer<HttpResponse>> + Clone + 'static,
{
    type Response = Response<BoxBody>;
    type Error = Error;
    type Config = AppConfig;
    type Service = Front<A::Service, H>;
    type InitError = A::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, config: AppConfig) -> Self::Future {
        let app = self.app.new_service(config);
        let hot = self.hot.clone();
        Box::pin(async move {
            let app = app.await?;
            Ok(Front { app, hot })
        })
    }
}

impl<A, H> Service<Request> for Front<A, H>
where
    A: Service<Request, Response = ServiceResponse, Error = Error>,
    A::Future: Unpin,
    H: Fn(&RequestHead) -> Option<Answer<HttpResponse>>,
{
    type Response = Response<BoxBody>;
    type Error = Error;
    type Future = Answering<A::Future>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.app.poll_ready(context)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        if matches!(request.payload(), Payload::None)
            && let Some(answer) = (self.hot)(request.head())
        {
            return match answer {
                Answer::Now(answer) => Answering::Now(ready(answer.into())),
                Answer::Later(answer) => Answering::Later(answer),
            };
        }
        Answering::Handed(self.app.call(request))
    }
}

/// An answer on its way.
pub enum Answering<F> {
    /// It was there at once.
    Now(Ready<Response<BoxBody>>),
    /// The engine has it later.
    Later(Pin<Box<dyn Future<Output = HttpResponse>>>),
    /// The application gives it.
    Handed(F),
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<ServiceResponse, Error>> + Unpin,
{
    type Output = Result<Response<BoxBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Now(answer) => Pin::new(answer).poll(context).map(Ok),
            Self::Later(answer) => answer
                .as_mut()
                .poll(context)
                .map(|answer| Ok(answer.into())),
            Self::Handed(answer) => Pin::new(answer).poll(context).map(|a| a.map(Into::into)),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn an_answer_that_comes_later_is_waited_for() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let later = Answer::Later(Box::pin(async { told.await.is_ok() }));
        let Answer::Later(answer) = later.map(|good| match good {
            true => HttpResponse::new(StatusCode::OK),
            false => HttpResponse::new(StatusCode::UNAUTHORIZED),
        }) else {
            panic!("it is not there yet");
        };
        type Handed = Ready<Result<ServiceResponse, Error>>;
        let mut answer = Answering::<Handed>::Later(answer);
        assert!((&mut answer).now_or_never().is_none());
        assert_eq!(tell.send(()), Ok(()));
        let answer = answer.now_or_never().and_then(Result::ok);
        assert_eq!(answer.map(|a| a.status()), Some(StatusCode::OK));
    }
}

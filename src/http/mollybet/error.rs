//! What goes wrong, as this contract says it: one status and one code per problem.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;

use super::model;
use crate::credentials::login::LoginRefusal;
use crate::door::ServiceError;
use crate::engine::error::Refusal;
use crate::http::body::BodyError;
use crate::http::ready::Ready;
use crate::http::reply;

/// A problem of this surface. Source: M-36.
#[derive(Debug)]
pub(super) enum Problem {
    /// The body cannot be read as what it claims to be.
    BadRequest(&'static str),
    /// Fields are missing or wrong: name and message of each.
    Validation(Vec<(String, &'static str)>),
    LoginFailed,
    SessionRequired,
    SessionInvalid,
    PermissionDenied,
    AccountLocked,
    SecondFactorRequired,
    SessionLimitReached,
    NotFound,
    MethodNotAllowed {
        allow: &'static str,
    },
    NotAcceptable,
    UnsupportedMediaType,
    RequestTooLarge,
    RateLimited {
        retry_after_ms: u64,
    },
    Unavailable,
    Internal,
}

impl Problem {
    fn status_and_code(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, "bad_request", message),
            Self::Validation(_) => (
                StatusCode::BAD_REQUEST,
                "validation_error",
                "see data.validation_errors",
            ),
            Self::LoginFailed => (
                StatusCode::UNAUTHORIZED,
                "login_failed",
                "wrong user name or password",
            ),
            Self::SessionRequired => (
                StatusCode::UNAUTHORIZED,
                "session_required",
                "send your session id in the header Session",
            ),
            Self::SessionInvalid => (
                StatusCode::UNAUTHORIZED,
                "session_invalid",
                "this session is not live: log in again",
            ),
            Self::PermissionDenied => (
                StatusCode::FORBIDDEN,
                "permission_denied",
                "your account may not do this",
            ),
            Self::AccountLocked => (
                StatusCode::FORBIDDEN,
                "account_locked",
                "the account is locked, expired or disabled",
            ),
            Self::SecondFactorRequired => (
                StatusCode::FORBIDDEN,
                "second_factor_required",
                "send the one-time password as the parameter otp",
            ),
            Self::SessionLimitReached => (
                StatusCode::FORBIDDEN,
                "session_limit_reached",
                "the account has as many sessions as it may: log one out",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "no such path or resource",
            ),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "see the header Allow",
            ),
            Self::NotAcceptable => (
                StatusCode::NOT_ACCEPTABLE,
                "not_acceptable",
                "answers are application/json",
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send application/json or application/x-www-form-urlencoded",
            ),
            Self::RequestTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_too_large",
                "a body has at most 64 KiB",
            ),
            Self::RateLimited { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "wait as data.retry_after says",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "too much to do at the moment: try again",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "this is our fault",
            ),
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> HttpResponse {
        self.ready().into()
    }

    /// The answer, as it is sent on either way.
    pub(super) fn ready(&self) -> Ready {
        let (status, code, message) = self.status_and_code();
        let plain = || Ready::json(status, model::error(code, message));
        match self {
            Self::Validation(fields) => {
                Ready::json(status, model::validation_error(code, message, fields))
            }
            Self::RateLimited { retry_after_ms } => {
                let seconds = reply::retry_after_s(*retry_after_ms);
                let body = model::rate_limited(code, message, seconds);
                Ready::json(status, body).with(format!("retry-after: {seconds}\r\n").as_bytes())
            }
            Self::MethodNotAllowed { allow } => {
                plain().with(format!("allow: {allow}\r\n").as_bytes())
            }
            Self::Unavailable => plain().with(b"retry-after: 1\r\n"),
            _ => plain(),
        }
    }
}

/// What handlers of this surface give.
pub(super) type Outcome = Result<HttpResponse, Problem>;

/// Renders either side of an outcome.
pub(super) fn answer(outcome: Outcome) -> HttpResponse {
    outcome.unwrap_or_else(|problem| problem.answer())
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused(refusal) => match refusal {
                Refusal::SessionNotFound => Self::SessionInvalid,
                Refusal::HandoffNotFound | Refusal::AccountNotFound => Self::NotFound,
                Refusal::AccountLocked => Self::AccountLocked,
                Refusal::CredentialChanged
                | Refusal::AccountDisabled
                | Refusal::StepSpent
                | Refusal::KeyNotFound => Self::LoginFailed,
                Refusal::LimitReached => Self::SessionLimitReached,
                Refusal::NotPermitted => Self::PermissionDenied,
                Refusal::SecondFactorMissing => Self::SecondFactorRequired,
                Refusal::NameTaken
                | Refusal::SubjectTaken
                | Refusal::KeyTaken
                | Refusal::AlreadySignedIn
                | Refusal::SignInNotFound
                | Refusal::ClientChanged
                | Refusal::TemplateNotFound
                | Refusal::Full => Self::Internal,
            },
            ServiceError::Overloaded | ServiceError::Unavailable => Self::Unavailable,
            ServiceError::Entropy(_) => Self::Internal,
        }
    }
}

impl From<LoginRefusal> for Problem {
    fn from(refusal: LoginRefusal) -> Self {
        match refusal {
            LoginRefusal::Wrong => Self::LoginFailed,
            LoginRefusal::Disabled | LoginRefusal::Locked => Self::AccountLocked,
            LoginRefusal::SecondFactorRequired => Self::SecondFactorRequired,
            LoginRefusal::Throttled { retry_after_ms } => Self::RateLimited { retry_after_ms },
            LoginRefusal::Overloaded => Self::Unavailable,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::RequestTooLarge,
            BodyError::Broken => Self::BadRequest("the body could not be read"),
        }
    }
}

//! What goes wrong, as this contract says it: one status and one number per problem.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};

use super::model;
use crate::credentials::login::LoginRefusal;
use crate::door::ServiceError;
use crate::engine::error::Refusal;
use crate::http::body::BodyError;
use crate::http::reply;

/// A problem of this surface. Source: V-13 to V-16.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    WrongCredentials,
    WrongOtp,
    TokenMissing,
    TokenRefused,
    /// No such path, or nobody is logged in.
    NotFound,
    UnexpectedOtp,
    AlreadyLoggedIn,
    UnsupportedMediaType,
    /// The body fails the schema: property and message of each fault.
    Invalid(Vec<(String, &'static str)>),
    TooManyLogins {
        retry_after_ms: u64,
    },
    MethodNotAllowed {
        allow: &'static str,
    },
    /// The body broke off.
    Broken,
    TooLarge,
    Unavailable,
    Internal,
}

impl Problem {
    fn parts(&self) -> (StatusCode, i64, &'static str) {
        match self {
            Self::WrongCredentials => (StatusCode::UNAUTHORIZED, 60_001, "Invalid credentials"),
            Self::WrongOtp => (
                StatusCode::UNAUTHORIZED,
                60_002,
                "Invalid one-time password",
            ),
            Self::TokenMissing => (
                StatusCode::UNAUTHORIZED,
                60_003,
                "Send your key in the header PRIVATE-TOKEN",
            ),
            Self::TokenRefused => (
                StatusCode::FORBIDDEN,
                60_004,
                "The key in PRIVATE-TOKEN is unknown, expired, revoked or not for this address",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, 10_001, "Entity not found"),
            Self::UnexpectedOtp => (
                StatusCode::NOT_FOUND,
                60_005,
                "No login waits for a one-time password",
            ),
            Self::AlreadyLoggedIn => (StatusCode::CONFLICT, 60_006, "Already logged in"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                60_007,
                "Send a body of the type application/json",
            ),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                60_008,
                "The body does not fit: see errors",
            ),
            Self::TooManyLogins { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                60_009,
                "Too many failed logins: wait as Retry-After says",
            ),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                60_010,
                "Method not allowed: see the header Allow",
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                60_008,
                "The body could not be read",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                60_011,
                "A body has at most 64 KiB",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                60_012,
                "Too much to do at the moment: try again",
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, 60_000, "Internal error"),
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> HttpResponse {
        let (status, code, message) = self.parts();
        let mut answer = reply::json(status);
        let mut faults: &[_] = &[];
        match self {
            Self::Invalid(wrong) => faults = wrong,
            Self::TooManyLogins { retry_after_ms } => {
                answer.insert_header((RETRY_AFTER, reply::retry_after_s(*retry_after_ms)));
            }
            Self::MethodNotAllowed { allow } => {
                answer.insert_header((ALLOW, *allow));
            }
            Self::Unavailable => {
                answer.insert_header((RETRY_AFTER, 1));
            }
            _ => {}
        }
        answer.body(model::error(code, message, faults))
    }

    /// Why the engine did not do what a login or its second step asked for. Whatever concerns the
    /// account is answered as `wrong`, which is what a wrong password or code gets (R5, R19).
    pub(super) fn of(error: ServiceError, wrong: Self) -> Self {
        match error {
            ServiceError::Refused(refusal) => match refusal {
                Refusal::AccountNotFound
                | Refusal::AccountLocked
                | Refusal::AccountDisabled
                | Refusal::CredentialChanged
                | Refusal::SecondFactorMissing
                | Refusal::StepSpent => wrong,
                // The key was withdrawn meanwhile, and its client with it.
                Refusal::SessionNotFound | Refusal::KeyNotFound => Self::TokenRefused,
                Refusal::SignInNotFound => Self::UnexpectedOtp,
                Refusal::AlreadySignedIn | Refusal::LimitReached => Self::AlreadyLoggedIn,
                Refusal::HandoffNotFound
                | Refusal::NameTaken
                | Refusal::SubjectTaken
                | Refusal::NotPermitted
                | Refusal::KeyTaken
                | Refusal::ClientChanged
                | Refusal::TemplateNotFound
                | Refusal::Full => Self::Internal,
            },
            ServiceError::Overloaded | ServiceError::Unavailable => Self::Unavailable,
            ServiceError::Entropy(_) => Self::Internal,
        }
    }

    /// Why a password or a code was not accepted. What is wrong with the account is never told.
    pub(super) fn of_login(refusal: LoginRefusal, wrong: Self) -> Self {
        match refusal {
            LoginRefusal::Wrong
            | LoginRefusal::Disabled
            | LoginRefusal::Locked
            | LoginRefusal::SecondFactorRequired => wrong,
            LoginRefusal::Throttled { retry_after_ms } => Self::TooManyLogins { retry_after_ms },
            LoginRefusal::Overloaded => Self::Unavailable,
        }
    }
}

/// What handlers of this surface give.
pub(super) type Outcome = Result<HttpResponse, Problem>;

/// Renders either side of an outcome.
pub(super) fn answer(outcome: Outcome) -> HttpResponse {
    outcome.unwrap_or_else(|problem| problem.answer())
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Broken,
        }
    }
}

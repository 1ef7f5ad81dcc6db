//! What goes wrong on the admin listener: a status, a code, and what to do.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::door::ServiceError;
use crate::engine::error::Refusal;
use crate::http::body::BodyError;
use crate::http::reply;

/// A problem of the admin surface.
#[derive(Debug)]
pub(super) enum Problem {
    /// No token, or an unknown one.
    Unauthorized,
    /// The token's role does not reach.
    Forbidden,
    MethodNotAllowed {
        allow: &'static str,
    },
    /// The body or the query says something that cannot be: what, and what to do.
    Invalid(String),
    TooLarge,
    NotFound(&'static str),
    /// It stands against what there is: code and text.
    Conflict(&'static str, &'static str),
    /// The sealing keys stay as they were: why.
    Sealing(String),
    Unavailable,
    Internal,
}

/// What handlers of this surface give.
pub(super) type Outcome = Result<HttpResponse, Problem>;

impl Problem {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send an admin token: Authorization: Bearer TOKEN",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "the role of this token does not reach",
            ),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "see the header Allow",
            ),
            Self::Invalid(message) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", message),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "a body has at most 64 KiB",
            ),
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "not_found", what),
            Self::Conflict(code, message) => (StatusCode::CONFLICT, code, message),
            Self::Sealing(why) => (StatusCode::CONFLICT, "sealing_key", why),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "too much to do at the moment: try again",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "this is our fault",
            ),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parts().2)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.parts().0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, message) = self.parts();
        let mut answer = reply::json(status);
        match self {
            Self::Unauthorized => {
                answer.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"sessile admin\""));
            }
            Self::MethodNotAllowed { allow } => {
                answer.insert_header((ALLOW, *allow));
            }
            Self::Unavailable => {
                answer.insert_header((RETRY_AFTER, 1));
            }
            _ => {}
        }
        answer.body(json!({"error": code, "message": message}).to_string())
    }
}

impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        problem.error_response()
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused(refusal) => match refusal {
                Refusal::SessionNotFound => Self::NotFound("no such session"),
                Refusal::AccountNotFound => Self::NotFound("no such account"),
                Refusal::KeyNotFound => Self::NotFound("no such key"),
                Refusal::HandoffNotFound => Self::NotFound("no such token"),
                Refusal::TemplateNotFound => Self::NotFound("no such template"),
                Refusal::NameTaken => Self::Conflict(
                    "name_taken",
                    "an account of this name exists (upper and lower case do not count)",
                ),
                Refusal::SubjectTaken => Self::Conflict(
                    "subject_taken",
                    "the external subject belongs to another account",
                ),
                Refusal::KeyTaken => Self::Conflict("key_taken", "a key of this name exists"),
                Refusal::AccountLocked => {
                    Self::Conflict("account_locked", "the account is locked or expired")
                }
                Refusal::AccountDisabled => {
                    Self::Conflict("account_disabled", "the account is disabled")
                }
                Refusal::CredentialChanged => Self::Conflict(
                    "account_changed",
                    "the account changed meanwhile: try again",
                ),
                Refusal::LimitReached => Self::Conflict(
                    "limit_reached",
                    "the account has as many live sessions as it may have",
                ),
                Refusal::Full => Self::Conflict("full", "there is no room for another one"),
                Refusal::AlreadySignedIn => {
                    Self::Conflict("signed_in", "somebody is signed in on this client already")
                }
                Refusal::StepSpent
                | Refusal::NotPermitted
                | Refusal::SignInNotFound
                | Refusal::ClientChanged
                | Refusal::SecondFactorMissing => Self::Internal,
            },
            ServiceError::Overloaded | ServiceError::Unavailable => Self::Unavailable,
            ServiceError::Entropy(_) => Self::Internal,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Invalid("the body could not be read".into()),
        }
    }
}

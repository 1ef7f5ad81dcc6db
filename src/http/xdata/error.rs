//! What goes wrong, as this contract says it: problems of the call as HTTP statuses, problems of
//! a method as JSON-RPC errors. Source: `docs/surfaces/xdata.md`.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};

use crate::door::ServiceError;
use crate::engine::error::Refusal;
use crate::http::body::BodyError;
use crate::http::jsonrpc::{Fault, write_fault};
use crate::http::reply;

/// The account or key may not open sessions.
pub(super) const UNAUTHORIZED: Fault = Fault::new(-32001, "Unauthorized");
/// The key pair has as many live sessions as it may.
pub(super) const TOO_MANY_SESSIONS: Fault = Fault::new(-32000, "Too many sessions");
/// A queue is full: the same call may go through later.
pub(super) const BUSY: Fault = Fault::new(-32002, "Server busy");

/// A problem of the whole call: it is answered with one error and no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Unauthorized,
    MethodNotAllowed,
    UnsupportedMediaType,
    TooLarge,
    Broken,
    Busy,
}

impl Problem {
    /// The answer.
    pub(super) fn answer(self) -> HttpResponse {
        let (status, fault) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, UNAUTHORIZED),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                Fault::new(-32600, "Use POST"),
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Fault::new(-32600, "Send application/json"),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                Fault::new(-32600, "A body has at most 1 MiB"),
            ),
            Self::Broken => (
                StatusCode::BAD_REQUEST,
                Fault::new(-32600, "The body could not be read"),
            ),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        };
        let mut answer = reply::json(status);
        if self == Self::MethodNotAllowed {
            answer.insert_header((ALLOW, "POST"));
        }
        if self == Self::Busy {
            answer.insert_header((RETRY_AFTER, 1));
        }
        let mut body = Vec::new();
        write_fault(&mut body, None, &fault);
        answer.body(body)
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::Broken,
        }
    }
}

/// What a method says when the engine did not do as asked.
pub(super) fn fault(error: ServiceError) -> Fault {
    match error {
        ServiceError::Refused(refusal) => match refusal {
            Refusal::LimitReached => TOO_MANY_SESSIONS,
            Refusal::AccountNotFound
            | Refusal::AccountLocked
            | Refusal::AccountDisabled
            | Refusal::CredentialChanged
            | Refusal::KeyNotFound
            | Refusal::NotPermitted => UNAUTHORIZED,
            Refusal::SessionNotFound
            | Refusal::HandoffNotFound
            | Refusal::NameTaken
            | Refusal::SubjectTaken
            | Refusal::StepSpent
            | Refusal::KeyTaken
            | Refusal::AlreadySignedIn
            | Refusal::SignInNotFound
            | Refusal::ClientChanged
            | Refusal::TemplateNotFound
            | Refusal::SecondFactorMissing
            | Refusal::Full => Fault::INTERNAL_ERROR,
        },
        ServiceError::Overloaded | ServiceError::Unavailable => BUSY,
        ServiceError::Entropy(_) => Fault::INTERNAL_ERROR,
    }
}

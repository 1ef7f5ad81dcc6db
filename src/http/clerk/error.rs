//! What goes wrong, as this contract says it: a status, a code, a message, and for a form the field.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use serde::Serialize;

use crate::credentials::login::LoginRefusal;
use crate::door::ServiceError;
use crate::engine::error::Refusal;
use crate::http::body::BodyError;
use crate::http::reply;
use crate::session::id::SessionId;

/// A problem of this surface. Source: C-38.
#[derive(Debug)]
pub(super) enum Problem {
    /// The body is no form, or its framing is broken.
    BadRequest,
    TooLarge,
    UnsupportedMediaType,
    /// No path of this surface.
    NoSuchPath,
    MethodNotAllowed {
        allow: &'static str,
    },
    /// No session of this client has the id; `None` if the text can be no id.
    SessionNotFound(Option<SessionId>),
    /// No login of this client has the id, or it is over.
    SignInNotFound,
    TemplateNotFound,
    OrganizationNotFound,
    ClientNotFound,
    SignedOut,
    /// The session is known, and dead.
    AuthenticationInvalid,
    InvalidAction,
    UserBanned,
    UserLocked,
    /// A field is missing.
    ParamMissing(&'static str),
    /// A field has a value that nobody takes, or stands twice.
    ParamInvalid(&'static str),
    PasswordIncorrect,
    CodeIncorrect,
    AlreadySignedIn,
    OriginAndAuthorization,
    OriginForbidden,
    DevBrowserUnauthenticated,
    LimitReached,
    RateLimited {
        retry_after_ms: u64,
    },
    Unavailable,
    Internal,
}

#[derive(Serialize)]
struct Body<'a> {
    errors: [Line<'a>; 1],
    clerk_trace_id: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    message: &'a str,
    long_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Meta<'a>>,
}

#[derive(Serialize)]
struct Meta<'a> {
    param_name: &'a str,
}

impl Problem {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::BadRequest => (
                S::BAD_REQUEST,
                "request_body_invalid",
                "The body cannot be read",
            ),
            Self::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "request_body_too_large",
                "A body has at most 64 KiB",
            ),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_content_type",
                "Send application/x-www-form-urlencoded",
            ),
            Self::NoSuchPath => (S::NOT_FOUND, "resource_not_found", "Not found"),
            Self::MethodNotAllowed { .. } => (
                S::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "See the header Allow",
            ),
            Self::SessionNotFound(_) => (S::NOT_FOUND, "resource_not_found", "Session not found"),
            Self::SignInNotFound => (S::NOT_FOUND, "resource_not_found", "Sign in not found"),
            Self::TemplateNotFound => {
                (S::NOT_FOUND, "resource_not_found", "JWT template not found")
            }
            Self::OrganizationNotFound => (
                S::NOT_FOUND,
                "organization_not_found_or_unauthorized",
                "Organization not found or unauthorized",
            ),
            Self::ClientNotFound => (S::BAD_REQUEST, "client_not_found", "Client not found"),
            Self::SignedOut => (S::UNAUTHORIZED, "signed_out", "Signed out"),
            Self::AuthenticationInvalid => (
                S::UNAUTHORIZED,
                "authentication_invalid",
                "The session is no longer active",
            ),
            Self::InvalidAction => (
                S::BAD_REQUEST,
                "invalid_action_for_session",
                "The session is not active",
            ),
            Self::UserBanned => (S::FORBIDDEN, "user_banned", "User is banned"),
            Self::UserLocked => (S::FORBIDDEN, "user_locked", "User is locked"),
            Self::ParamMissing(_) => (
                S::UNPROCESSABLE_ENTITY,
                "form_param_missing",
                "A parameter is missing",
            ),
            Self::ParamInvalid(_) => (
                S::UNPROCESSABLE_ENTITY,
                "form_param_value_invalid",
                "A parameter has a value that is not accepted",
            ),
            Self::PasswordIncorrect => (
                S::UNPROCESSABLE_ENTITY,
                "form_password_incorrect",
                "Identifier or password is incorrect",
            ),
            Self::CodeIncorrect => (
                S::UNPROCESSABLE_ENTITY,
                "form_code_incorrect",
                "Incorrect code",
            ),
            Self::AlreadySignedIn => (
                S::BAD_REQUEST,
                "identifier_already_signed_in",
                "You are signed in with this identifier already",
            ),
            Self::OriginAndAuthorization => (
                S::BAD_REQUEST,
                "origin_authorization_headers_conflict",
                "Send the header Origin or the header Authorization, not both",
            ),
            Self::OriginForbidden => (
                S::FORBIDDEN,
                "origin_invalid",
                "Pages of this origin may not call this server",
            ),
            Self::DevBrowserUnauthenticated => (
                S::UNAUTHORIZED,
                "dev_browser_unauthenticated",
                "Unknown development browser",
            ),
            Self::LimitReached => (
                S::FORBIDDEN,
                "session_limit_reached",
                "You have as many sessions as you may have",
            ),
            Self::RateLimited { .. } => (
                S::TOO_MANY_REQUESTS,
                "too_many_requests",
                "Too many requests. Try again as the header Retry-After says",
            ),
            Self::Unavailable => (
                S::SERVICE_UNAVAILABLE,
                "service_unavailable",
                "Too much to do at the moment: try again",
            ),
            Self::Internal => (
                S::INTERNAL_SERVER_ERROR,
                "internal_error",
                "This is our fault",
            ),
        }
    }

    /// What is said besides the message, and the field it is about.
    fn details(&self) -> (Option<String>, Option<&'static str>) {
        match self {
            Self::SessionNotFound(Some(id)) => {
                (Some(format!("No session was found with id {id}")), None)
            }
            Self::ParamMissing(name) => (Some(format!("{name} must be included")), Some(name)),
            Self::ParamInvalid(name) => (Some(format!("{name} is not accepted")), Some(name)),
            Self::PasswordIncorrect => (None, Some("password")),
            Self::CodeIncorrect => (None, Some("code")),
            _ => (None, None),
        }
    }

    /// The answer.
    pub(super) fn answer(&self) -> HttpResponse {
        let (status, code, message) = self.parts();
        let (long_message, param_name) = self.details();
        let mut answer = reply::json(status);
        match self {
            Self::MethodNotAllowed { allow } => {
                answer.insert_header((ALLOW, *allow));
            }
            Self::RateLimited { retry_after_ms } => {
                answer.insert_header((RETRY_AFTER, reply::retry_after_s(*retry_after_ms)));
            }
            Self::Unavailable => {
                answer.insert_header((RETRY_AFTER, 1));
            }
            _ => {}
        }
        let line = Line {
            code,
            message,
            long_message: long_message.as_deref().unwrap_or(message),
            meta: param_name.map(|param_name| Meta { param_name }),
        };
        answer.json(Body {
            errors: [line],
            // There is no trace to look up; the published client insists on the member.
            clerk_trace_id: "",
        })
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
                Refusal::SessionNotFound => Self::SessionNotFound(None),
                Refusal::SignInNotFound => Self::SignInNotFound,
                Refusal::AlreadySignedIn => Self::AlreadySignedIn,
                Refusal::ClientChanged => Self::SignedOut,
                Refusal::AccountLocked => Self::UserLocked,
                Refusal::AccountDisabled => Self::UserBanned,
                Refusal::AccountNotFound | Refusal::CredentialChanged => Self::PasswordIncorrect,
                Refusal::StepSpent => Self::CodeIncorrect,
                Refusal::TemplateNotFound => Self::TemplateNotFound,
                Refusal::LimitReached => Self::LimitReached,
                Refusal::SecondFactorMissing
                | Refusal::KeyNotFound
                | Refusal::HandoffNotFound
                | Refusal::NotPermitted
                | Refusal::NameTaken
                | Refusal::SubjectTaken
                | Refusal::KeyTaken
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
            LoginRefusal::Wrong | LoginRefusal::SecondFactorRequired => Self::PasswordIncorrect,
            LoginRefusal::Disabled => Self::UserBanned,
            LoginRefusal::Locked => Self::UserLocked,
            LoginRefusal::Throttled { retry_after_ms } => Self::RateLimited { retry_after_ms },
            LoginRefusal::Overloaded => Self::Unavailable,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::Broken => Self::BadRequest,
        }
    }
}

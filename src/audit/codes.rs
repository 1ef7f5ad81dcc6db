//! What was decided, as codes: they are for programs that read the stream, and do not change.

use crate::credentials::login::LoginRefusal;
use crate::engine::error::Refusal;

/// Why the engine did not do as asked.
#[must_use]
pub const fn of_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::SessionNotFound => "session_not_found",
        Refusal::HandoffNotFound => "handoff_not_found",
        Refusal::AccountNotFound => "account_not_found",
        Refusal::NameTaken => "name_taken",
        Refusal::SubjectTaken => "subject_taken",
        Refusal::AccountLocked => "account_locked",
        Refusal::AccountDisabled => "account_disabled",
        Refusal::CredentialChanged => "credential_changed",
        Refusal::LimitReached => "limit_reached",
        Refusal::StepSpent => "step_spent",
        Refusal::AlreadySignedIn => "already_signed_in",
        Refusal::ClientChanged => "client_changed",
        Refusal::SignInNotFound => "sign_in_not_found",
        Refusal::SecondFactorMissing => "second_factor_missing",
        Refusal::NotPermitted => "not_permitted",
        Refusal::KeyNotFound => "key_not_found",
        Refusal::KeyTaken => "key_taken",
        Refusal::TemplateNotFound => "template_not_found",
        Refusal::Full => "full",
    }
}

/// Why somebody was not let in.
#[must_use]
pub const fn of_login(refusal: LoginRefusal) -> &'static str {
    match refusal {
        LoginRefusal::Wrong => "wrong_credentials",
        LoginRefusal::Disabled => "account_disabled",
        LoginRefusal::Locked => "account_locked",
        LoginRefusal::SecondFactorRequired => "second_factor_missing",
        LoginRefusal::Throttled { .. } => "throttled",
        LoginRefusal::Overloaded => OVERLOADED,
    }
}

/// There was too much to do.
pub const OVERLOADED: &str = "overloaded";
/// The node was stopping, or its log took no records. What takes something away holds all the same.
pub const UNAVAILABLE: &str = "unavailable";
/// No random bytes were to be had.
pub const NO_ENTROPY: &str = "no_entropy";
/// Whoever asked hung up before anything was decided.
pub const ABANDONED: &str = "abandoned";
/// The stream is required and took no lines.
pub const NOT_AUDITED: &str = "not_audited";
/// No admin token, or none that is known.
pub const UNAUTHORIZED: &str = "unauthorized";
/// The role of the admin token does not reach.
pub const FORBIDDEN: &str = "forbidden";
/// An API key that is not known, not good any more, or not for this address.
pub const KEY_REFUSED: &str = "key_refused";
/// The sealing keys stay as they were.
pub const NOT_READ: &str = "not_read";
/// No snapshot could be written.
pub const NOT_WRITTEN: &str = "not_written";

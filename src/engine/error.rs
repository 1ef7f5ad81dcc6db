//! Refusals: ordinary answers of the engine, decided from facts alone.

/// Why the engine did not do as asked. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No live session has this id, or it is somebody else's.
    #[error("no such session")]
    SessionNotFound,
    /// The hand-off token is unknown, spent, expired, or not for this caller.
    #[error("no such hand-off token")]
    HandoffNotFound,
    /// No account is meant by this, or the caller may not see it.
    #[error("no such account")]
    AccountNotFound,
    /// Another account has this name, or one that differs in ASCII case only.
    #[error("the user name is taken")]
    NameTaken,
    /// Another account has this external subject.
    #[error("the external subject belongs to another account")]
    SubjectTaken,
    /// The account gets no new sessions: locked, or past its expiry.
    #[error("the account is locked or expired")]
    AccountLocked,
    /// The account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The account changed after the credential was checked. Source: R5.
    #[error("the account changed meanwhile")]
    CredentialChanged,
    /// The account has as many sessions as it may, and none may be ended for the new one.
    #[error("the account has as many live sessions as it may have")]
    LimitReached,
    /// The one-time-password step was spent already.
    #[error("the one-time password was used already")]
    StepSpent,
    /// Somebody is signed in on this client already: on a guest key anybody, in a browser this account.
    #[error("signed in already")]
    AlreadySignedIn,
    /// The client is not the caller's, or no longer: its secret is another one by now.
    #[error("the client changed meanwhile")]
    ClientChanged,
    /// The client has no pending login of this id, or it is over or was tried too often.
    #[error("no such pending login")]
    SignInNotFound,
    /// The account has a second factor, which the proof lacks. Source: R18.
    #[error("the second factor is missing")]
    SecondFactorMissing,
    /// The caller lacks the right.
    #[error("not permitted")]
    NotPermitted,
    /// No such key.
    #[error("no such key")]
    KeyNotFound,
    /// A key of this name exists, or of this secret where its holder shows that alone.
    #[error("the key is taken")]
    KeyTaken,
    /// No such template.
    #[error("no such template")]
    TemplateNotFound,
    /// There is no room for another account, key or template.
    #[error("there is no room for another one")]
    Full,
}

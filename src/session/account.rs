//! Accounts: who may log in, with what, and what they may see.
//!
//! Invariants: a password hash and a one-time-password seed never show in `Debug`; the generation
//! only grows; a session stamped with an older generation than its account's is dead (R3).

use std::fmt;
use std::sync::Arc;

use compact_str::CompactString;
use zeroize::Zeroizing;

use super::id::AccountId;
use super::profile::Profile;
use super::time::Timestamp;

/// Characters a user name may have. Source: R20.
pub const USERNAME_CHARS_MAX: usize = 128;
/// Groups one account may manage.
pub const MANAGED_GROUPS_MAX: usize = 64;

/// A user name that keeps R20: 1–128 printable characters, no blanks at the ends.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Username(CompactString);

impl Username {
    /// Checks a name. Errors say which rule it breaks.
    pub fn new(name: &str) -> Result<Self, &'static str> {
        if name.is_empty() || name.chars().count() > USERNAME_CHARS_MAX {
            return Err("a user name has 1 to 128 characters");
        }
        if name.starts_with(char::is_whitespace) || name.ends_with(char::is_whitespace) {
            return Err("a user name has no blanks at its ends");
        }
        if name.chars().any(|c| c.is_control() || is_invisible(c)) {
            return Err("a user name has printable characters only");
        }
        Ok(Self(CompactString::new(name)))
    }

    /// The exact form, as mollybet and clerk compare it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique: ASCII letters in lower case.
    #[must_use]
    pub fn folded(&self) -> CompactString {
        fold(&self.0)
    }
}

/// Characters that print as nothing and so would make two names look the same.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A name with its ASCII letters in lower case. Source: R20.
#[must_use]
pub fn fold(name: &str) -> CompactString {
    let mut folded = CompactString::new(name);
    folded.make_ascii_lowercase();
    folded
}

/// What a session says about the kind of client it belongs to. Source: M-59.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientType(CompactString);

impl ClientType {
    /// Characters a client type may have.
    pub const CHARS_MAX: usize = 32;

    /// Checks a client type: 1–32 of `[a-z0-9_-]`.
    pub fn new(name: &str) -> Result<Self, &'static str> {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > Self::CHARS_MAX || !name.bytes().all(fine) {
            return Err("a client type has 1 to 32 characters of a-z, 0-9, '_' and '-'");
        }
        Ok(Self(CompactString::new(name)))
    }

    /// `direct`: logged in through the API itself.
    #[must_use]
    pub fn direct() -> Self {
        Self(CompactString::const_new("direct"))
    }

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An Argon2id hash in PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub CompactString);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// The seed of a time-based one-time password: 20 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct TotpSeed(pub Zeroizing<[u8; 20]>);

impl fmt::Debug for TotpSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSeed(..)")
    }
}

/// One account. Everything here is what the directory published last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: Username,
    /// Who vouches for it elsewhere, if it logs in elsewhere; unique.
    pub external_subject: Option<CompactString>,
    /// Grows by one with every change that ends its sessions.
    pub generation: u32,
    /// Absent when it logs in elsewhere only.
    pub password: Option<PasswordHash>,
    /// Present when a second factor is asked for.
    pub totp: Option<TotpSeed>,
    /// The highest one-time-password step that was spent; it and older ones are refused (I4).
    pub totp_step_spent: u64,
    /// What its sessions say by default.
    pub client_type: ClientType,
    /// The group it belongs to.
    pub group: Option<CompactString>,
    /// The groups whose members it sees.
    pub managed_groups: Vec<CompactString>,
    /// The account that is its agent and so sees it.
    pub agent: Option<AccountId>,
    /// Whether it may open sessions of accounts it sees. Source: R17.
    pub may_sudo: bool,
    /// Whether it may log in at all, and whether its sessions count.
    pub enabled: bool,
    /// Set by administration: no new sessions, the existing ones stay. Source: M-44, M-94.
    pub locked: bool,
    /// No new sessions from here on.
    pub expires_at: Option<Timestamp>,
    /// Its own limit of live sessions per surface: `Some(0)` none, `None` the surface's.
    pub max_sessions: Option<u32>,
    /// What is known of the person behind it.
    pub profile: Arc<Profile>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

impl Account {
    /// An account that may do nothing but have sessions: it has a name, and neither credentials, rights nor bounds of
    /// its own.
    #[must_use]
    pub fn new(username: Username, at: Timestamp) -> Self {
        Self {
            username,
            external_subject: None,
            generation: 0,
            password: None,
            totp: None,
            totp_step_spent: 0,
            client_type: ClientType::direct(),
            group: None,
            managed_groups: Vec::new(),
            agent: None,
            may_sudo: false,
            enabled: true,
            locked: false,
            expires_at: None,
            max_sessions: None,
            profile: Arc::default(),
            created: at,
            updated: at,
        }
    }

    /// Whether the account may get new sessions at `now`, apart from being enabled.
    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked || self.expires_at.is_some_and(|at| now >= at)
    }

    /// The limit of live sessions that holds for it, given the surface's.
    #[must_use]
    pub fn session_limit(&self, of_surface: Option<u32>) -> Option<u32> {
        match self.max_sessions {
            Some(0) => None,
            Some(own) => Some(own),
            None => of_surface,
        }
    }
}

/// Checks the password rule for provisioned accounts: at least 8 characters with letters and
/// digits, at most 1 KiB. Source: M-42, M-95.
pub fn check_password_rule(password: &str) -> Result<(), &'static str> {
    let letters = password.chars().any(char::is_alphabetic);
    let digits = password.chars().any(|c| c.is_ascii_digit());
    if password.chars().count() < 8 || !letters || !digits {
        return Err("a password has at least 8 characters, letters and digits among them");
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err("a password has at most 1024 bytes");
    }
    Ok(())
}

/// The longest password that is looked at.
pub const PASSWORD_BYTES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_keep_their_rule() {
        for good in ["a", "Ålice", "a b", &"x".repeat(128)] {
            assert!(Username::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " a",
            "a ",
            "a\nb",
            "a\u{200b}b",
            "\u{feff}a",
            &"x".repeat(129),
        ] {
            assert!(Username::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(fold("ALiceÅ"), "aliceÅ");
    }

    #[test]
    fn debug_shows_no_hash_and_no_seed() {
        let shown = format!(
            "{:?}{:?}",
            PasswordHash("$argon2id$x".into()),
            TotpSeed(Zeroizing::new([7; 20]))
        );
        assert_eq!(shown, "PasswordHash(..)TotpSeed(..)");
    }

    #[test]
    fn passwords_need_letters_digits_and_length() {
        assert!(check_password_rule("abcdefg1").is_ok());
        for bad in ["abcdefgh", "12345678", "abc1", ""] {
            assert!(check_password_rule(bad).is_err());
        }
    }
}

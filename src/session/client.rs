//! Clients: a browser or device on the clerk surface, or what stands behind an i3D guest key.
//!
//! A client holds sessions, at most one login whose second step is still to come, and remembers the
//! dead sessions that its owner may still look at. Invariants: the secret of a client is kept as a
//! digest only; a pending login is looked at for as long as it lives and has guesses left, and its
//! generation is the one its password was checked against (R5). Source: R6, R7, R8.

use super::id::{AccountId, SessionId, SignInId};
use super::state::{EndReason, Factors};
use super::time::Timestamp;
use super::token::Digest;

/// Live sessions of one client; one more ends the one that is idle for longest. Source: R7.
pub const CLIENT_SESSIONS_MAX: usize = 10;
/// Dead sessions a client remembers; one more and the oldest is forgotten. Source: R7.
pub const CLIENT_ENDED_MAX: usize = 10;
/// Codes that may be tried on one pending login. Source: R18.
pub const SIGN_IN_GUESSES_MAX: u8 = 5;
/// How long the second step of a login may take. Source: R18.
pub const SIGN_IN_LIFETIME_MS: u64 = 300_000;
/// How long a client without a live session is remembered after it was last changed: 30 days.
pub const CLIENT_IDLE_MAX_MS: u64 = 30 * 86_400_000;

/// A login whose password was right and whose second step is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// By which its second step names it.
    pub id: SignInId,
    /// Who logs in.
    pub account: AccountId,
    /// The account's generation when the password was checked. Source: R5.
    pub generation: u32,
    /// What was proven so far.
    pub factors: Factors,
    /// Whether the user asked to be remembered: his session will live longer.
    pub remember: bool,
    /// When it began.
    pub started: Timestamp,
    /// When it is over.
    pub expires: Timestamp,
    /// Codes that were tried, whatever became of them.
    pub guesses: u8,
}

impl SignIn {
    /// Whether its second step may still come, as far as time goes.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.expires
    }

    /// Whether another code may be tried.
    #[must_use]
    pub fn has_guesses(&self) -> bool {
        self.guesses < SIGN_IN_GUESSES_MAX
    }
}

/// A dead session as its client remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is the session's field of the same name"
)]
pub struct EndedSession {
    pub id: SessionId,
    pub account: AccountId,
    pub factors: Factors,
    pub created: Timestamp,
    pub last_active: Timestamp,
    pub absolute: Timestamp,
    pub reason: EndReason,
    pub ended: Timestamp,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// When it came to be.
    pub opened: Timestamp,
    /// When a session of it began or ended, or its secret changed, last.
    pub changed: Timestamp,
    /// What is kept of a browser's secret; a guest key has none of its own here.
    pub secret: Option<Digest>,
    /// The login whose second step is still to come.
    pub sign_in: Option<SignIn>,
    /// The session its owner chose last, as long as no event ended it.
    pub selected: Option<SessionId>,
    /// Sessions that no event ended yet, in the order of their opening.
    pub sessions: Vec<SessionId>,
    /// Sessions that ended, in the order of their ends.
    pub ended: Vec<EndedSession>,
}

impl Client {
    /// A client that came to be at `at`.
    #[must_use]
    pub fn new(at: Timestamp, secret: Option<Digest>) -> Self {
        Self {
            opened: at,
            changed: at,
            secret,
            sign_in: None,
            selected: None,
            sessions: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// Whether it is forgotten at `now`. A guest key's goes with its key alone.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.secret.is_some()
            && self.sessions.is_empty()
            && now >= self.changed.plus_ms(CLIENT_IDLE_MAX_MS)
    }

    /// Whether a session is one of its own that no event ended. Nearly always it is the one that was chosen last.
    #[must_use]
    pub fn holds(&self, session: SessionId) -> bool {
        self.selected == Some(session) || self.sessions.contains(&session)
    }

    /// A session began: it is the one that was chosen last.
    pub fn take(&mut self, session: SessionId, at: Timestamp) {
        self.changed = at;
        self.sessions.push(session);
        self.selected = Some(session);
    }

    /// A session ended. A browser remembers it if its end was its own or time's; a session that was
    /// taken away or removed leaves without a trace. One that it does not hold changes nothing.
    pub fn lose(&mut self, session: EndedSession) {
        let Some(at) = self.sessions.iter().position(|id| *id == session.id) else {
            return;
        };
        self.sessions.remove(at);
        self.changed = session.ended;
        self.selected = self.selected.filter(|id| *id != session.id);
        if self.secret.is_some() && is_remembered(session.reason) {
            if self.ended.len() >= CLIENT_ENDED_MAX {
                self.ended.remove(0);
            }
            self.ended.push(session);
        }
    }
}

/// Whether a client goes on listing a session that ended for this reason.
#[must_use]
pub const fn is_remembered(reason: EndReason) -> bool {
    match reason {
        EndReason::Logout | EndReason::Limit | EndReason::Idle | EndReason::Absolute => true,
        EndReason::Revoked
        | EndReason::Account
        | EndReason::Parent
        | EndReason::Key
        | EndReason::Removed => false,
    }
}

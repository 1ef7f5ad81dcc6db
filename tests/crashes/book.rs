//! The book: what was sent, what was acknowledged, and what follows for the time after a crash.
//!
//! Every call gets two numbers from one counter, when it is sent and when its answer is there, so
//! that what came before what is known, and what overlapped is known, too.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The four surfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    Mollybet,
    I3d,
    Clerk,
    Xdata,
}

impl Surface {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mollybet => "mollybet",
            Self::I3d => "i3d",
            Self::Clerk => "clerk",
            Self::Xdata => "xdata",
        }
    }
}

/// When a call was sent and when its answer was there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) sent: u64,
    pub(crate) heard: u64,
}

/// What was asked for that ends something, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Untouched,
    /// Asked for, without an answer that says it is done.
    Unknown,
    /// Acknowledged.
    Done,
}

/// A session whose opening was acknowledged.
pub(crate) struct Session {
    pub(crate) surface: Surface,
    pub(crate) secret: String,
    /// Its public id; empty for xData.
    pub(crate) id: String,
    pub(crate) account: usize,
    pub(crate) opened: Span,
    /// When the answer was there, in milliseconds of the machine.
    pub(crate) opened_ms: u64,
    pub(crate) ended: Fate,
    /// What was sent before this number has been settled by looking.
    pub(crate) settled: u64,
}

/// A hand-off token whose making was acknowledged.
pub(crate) struct Handoff {
    pub(crate) token: String,
    /// Which session of the same share it is of.
    pub(crate) session: usize,
    pub(crate) made_ms: u64,
    pub(crate) spent: Fate,
}

/// A revocation of all sessions of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revocation {
    pub(crate) account: usize,
    pub(crate) sent: u64,
    /// When it was acknowledged; `None` if it is not known whether it happened.
    pub(crate) heard: Option<u64>,
}

/// What a session must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Alive,
    Dead,
    Either,
}

/// What one writer wrote, over all rounds.
#[derive(Default)]
pub(crate) struct Share {
    pub(crate) sessions: Vec<Session>,
    /// Places of sessions that are believed to live.
    pub(crate) live: Vec<usize>,
    /// Of this round.
    pub(crate) handoffs: Vec<Handoff>,
    /// Names of accounts.
    pub(crate) accounts: Vec<String>,
    /// Sessions and accounts before these places are of earlier rounds.
    pub(crate) old: (usize, usize),
}

/// What all writers share.
#[derive(Default)]
pub(crate) struct Book {
    counter: AtomicU64,
    pub(crate) revocations: Mutex<Vec<Revocation>>,
    /// Calls that were answered with what was wanted.
    pub(crate) acknowledged: AtomicU64,
    /// Calls that were answered 503.
    pub(crate) unavailable: AtomicU64,
    /// Calls whose outcome is not known.
    pub(crate) unknown: AtomicU64,
    /// Answers of which only a part came.
    pub(crate) cut: AtomicU64,
    /// Answers that may not be, seen while the process lived.
    pub(crate) wrong: Mutex<Vec<String>>,
}

impl Book {
    /// The next number.
    pub(crate) fn tick(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    /// What a session must be, by all that was sent.
    pub(crate) fn expected(&self, session: &Session) -> Expected {
        if session.ended == Fate::Done {
            return Expected::Dead;
        }
        let mut expected = match session.ended {
            Fate::Unknown => Expected::Either,
            _ => Expected::Alive,
        };
        for revocation in &*self.revocations.lock() {
            if revocation.account != session.account || revocation.sent < session.settled {
                continue;
            }
            match revocation.heard {
                Some(heard) if heard < session.opened.sent => {}
                Some(_) if session.opened.heard < revocation.sent => return Expected::Dead,
                _ => expected = Expected::Either,
            }
        }
        expected
    }

    /// Whether any revocation may have ended it.
    pub(crate) fn concerned_by_revocation(&self, session: &Session) -> bool {
        let revocations = self.revocations.lock();
        revocations.iter().any(|r| {
            r.account == session.account && r.heard.is_none_or(|heard| heard > session.opened.sent)
        })
    }

    /// Whether nothing but revocations without an answer, all later than its opening, put it in doubt.
    pub(crate) fn doubted_by_revocation_only(&self, session: &Session) -> bool {
        let revocations = self.revocations.lock();
        let mut concerned = revocations
            .iter()
            .filter(|r| r.account == session.account && r.sent >= session.settled)
            .filter(|r| r.heard.is_none_or(|heard| heard > session.opened.sent))
            .peekable();
        session.ended == Fate::Untouched
            && concerned.peek().is_some()
            && concerned.all(|r| r.heard.is_none() && session.opened.heard < r.sent)
    }
}

/// Milliseconds since the machine was started, the same for every process.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with what another process read: when power was cut"
)]
pub(crate) fn machine_ms() -> u64 {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(at.tv_sec).unwrap() * 1_000 + u64::try_from(at.tv_nsec).unwrap() / 1_000_000
}

//! What happened: the only thing that is logged, replayed, snapshotted and shown to subscribers.
//!
//! Invariants: an event carries every value it needs, its time included, so applying it never
//! fails and replaying it gives the same state; applying an event whose subject is gone is a no-op.

use std::net::IpAddr;
use std::sync::Arc;

use compact_str::CompactString;

use super::slot::SlotNumber;
use crate::session::account::{Account, ClientType};
use crate::session::client::SignIn;
use crate::session::guessing::{Counted, Mark};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use crate::session::jwt::{SigningKey, Template};
use crate::session::key::Key;
use crate::session::lifetime::Lifetime;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::time::Timestamp;
use crate::session::token::Digest;

/// What a new session is given; the same for all sessions of one open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose session it is.
    pub account: AccountId,
    /// The account's generation that the proof was checked against. Source: R5.
    pub generation: u32,
    /// Where it is good.
    pub surface: Surface,
    /// When it ends by itself.
    pub lifetime: Lifetime,
    /// What was proven.
    pub factors: Factors,
    /// What its metadata says.
    pub client_type: ClientType,
    /// The key that opened it, if one did.
    pub key: Option<KeyId>,
    /// The client it belongs to, if one is known.
    pub client: Option<ClientId>,
    /// The session it was opened from by impersonation; it ends with that one. Source: R17.
    pub parent: Option<SessionId>,
    /// Accounts of the impersonation, the first actor first; empty without one.
    pub chain: Vec<AccountId>,
    /// The end user's address.
    pub address: Option<IpAddr>,
    /// The end user's agent, cut to 256 bytes.
    pub user_agent: Option<CompactString>,
    /// JSON object of at most 4 KiB that the issuer wants kept.
    pub attributes: Option<Box<str>>,
}

/// A session began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionOpened {
    /// Its id.
    pub id: SessionId,
    /// When.
    pub at: Timestamp,
    /// What it was given.
    pub grant: Arc<Grant>,
}

/// A hand-off token as its slot keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handoff {
    /// The session it hands over.
    pub session: SessionId,
    /// The account's generation when it was made; an older one is dead, even if its session was
    /// kept through the change. Source: R5.
    pub generation: u32,
    /// When it was made.
    pub issued: Timestamp,
    /// When it dies.
    pub expires: Timestamp,
}

/// Something that happened to one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotEvent {
    /// A session began.
    SessionOpened(SessionOpened),
    /// A session ended, at this instant, for this reason.
    SessionEnded(SessionId, Timestamp, EndReason),
    /// A session was kept through a change of its account: its stamp is now this generation.
    SessionRestamped(SessionId, u32),
    /// Sessions were last active at these instants (coarse, see R9).
    SessionsActive(Vec<(SessionId, Timestamp)>),
    /// A hand-off token was made.
    HandoffIssued(HandoffId, Handoff),
    /// A hand-off token was spent, on behalf of this account.
    HandoffRedeemed(HandoffId, AccountId),
    /// A hand-off token died unspent.
    HandoffDropped(HandoffId),
    /// A client came to be that has no secret of its own: a guest key's.
    ClientOpened(ClientId, Timestamp),
    /// A client has this secret from now on, and came to be if there was none.
    ClientSecretSet(ClientId, Timestamp, Digest),
    /// Somebody proved a password on a client; the second step is still to come.
    SignInStarted(ClientId, SignIn),
    /// A code is about to be tried on this pending login of a client.
    SignInGuessed(ClientId, SignInId),
    /// This pending login of a client is over; one that began meanwhile is not.
    SignInDropped(ClientId, SignInId),
    /// The owner of a client chose one of its sessions.
    SessionSelected(ClientId, SessionId),
    /// A client no longer lists a session that had ended.
    SessionForgotten(ClientId, SessionId),
    /// A client without sessions was not changed since this instant, and is forgotten.
    ClientForgotten(ClientId, Timestamp),
    /// A client was destroyed, and with it its sessions.
    ClientDestroyed(ClientId, Timestamp),
}

/// Why an account is as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountCause {
    /// It was made.
    Created,
    /// Its description, rights or standing changed.
    Changed,
    /// It may no longer log in, and its sessions ended.
    Disabled,
    /// Its password changed, and its sessions ended.
    PasswordChanged,
    /// Its second factor changed, and its sessions ended.
    FactorChanged,
    /// Its sessions were revoked.
    SessionsRevoked,
}

/// Something that happened to the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryEvent {
    /// An account is now so, for this reason.
    AccountPut(AccountId, Arc<Account>, AccountCause),
    /// An account is gone, and with it its sessions.
    AccountDeleted(AccountId),
    /// A one-time-password step was spent; it and older ones are refused from now on.
    StepSpent(AccountId, u64),
    /// A key was made.
    KeyCreated(KeyId, Box<Key>),
    /// A key was withdrawn, and with it the sessions it opened.
    KeyDeleted(KeyId),
    /// A key was made that signs tokens from the time on that it says.
    SigningKeyAdded(Arc<SigningKey>),
    /// Another key follows this one, none of whose tokens is good from this instant on.
    SigningKeyReplaced(CompactString, Timestamp),
    /// A key is gone, and no token of it is good.
    SigningKeyWithdrawn(CompactString),
    /// A template is so from now on.
    TemplatePut(Arc<Template>),
    /// A template is gone.
    TemplateDeleted(CompactString),
    /// Sessions were opened under a limit; the dropped ones no longer count.
    SessionsListed {
        /// Whose.
        account: AccountId,
        /// Where.
        surface: Surface,
        /// The new ones.
        opened: Vec<SessionId>,
        /// Those that ended before or for them.
        dropped: Vec<SessionId>,
    },
    /// A guess was wrong: each of these counts has one more failure. Source: R26.
    GuessFailed {
        /// When.
        at: Timestamp,
        /// Which counts, each once.
        counts: Vec<Counted>,
    },
    /// Failures count no longer, because somebody was let in or an administrator said so.
    GuessesForgiven {
        /// When.
        at: Timestamp,
        /// Counts that are forgotten.
        cleared: Vec<Counted>,
        /// Counts whose delays stay, but whose failures are no longer consecutive.
        relieved: Vec<Counted>,
        /// The account that was let in, and the network from which it is known from now on.
        known: Option<(AccountId, Mark)>,
    },
    /// What says nothing any more at this instant is forgotten, if it is among these.
    GuessesForgotten {
        /// The instant.
        at: Timestamp,
        /// Counts.
        counts: Vec<Counted>,
        /// Accounts with known networks.
        accounts: Vec<AccountId>,
    },
}

/// One part of a log record: what one owner applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// For the shard that owns the slot.
    Slot(SlotNumber, SlotEvent),
    /// For the directory.
    Directory(DirectoryEvent),
}

impl Part {
    /// A part for the slot in which `id` lies.
    #[must_use]
    pub fn session(id: SessionId, event: SlotEvent) -> Self {
        Self::Slot(SlotNumber::of(id.as_bytes()), event)
    }

    /// A part for the slot in which the hand-off token lies.
    #[must_use]
    pub fn handoff(id: HandoffId, event: SlotEvent) -> Self {
        Self::Slot(SlotNumber::of(id.as_bytes()), event)
    }

    /// A part for the slot in which the client lies.
    #[must_use]
    pub fn client(id: ClientId, event: SlotEvent) -> Self {
        Self::Slot(SlotNumber::of(id.as_bytes()), event)
    }

    /// How many things it is about.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Slot(_, SlotEvent::SessionsActive(list)) => list.len().max(1),
            Self::Directory(DirectoryEvent::SessionsListed {
                opened, dropped, ..
            }) => (opened.len() + dropped.len()).max(1),
            Self::Directory(DirectoryEvent::GuessesForgotten {
                counts, accounts, ..
            }) => (counts.len() + accounts.len()).max(1),
            Self::Slot(..) | Self::Directory(_) => 1,
        }
    }

    /// Whether the part takes something away from somebody. Restrictions are never dropped and,
    /// if the journal refuses them, take effect all the same. Source: R2.
    #[must_use]
    pub fn is_restriction(&self) -> bool {
        match self {
            Self::Slot(_, event) => match event {
                SlotEvent::SessionEnded(..)
                | SlotEvent::HandoffRedeemed(..)
                | SlotEvent::HandoffDropped(..)
                | SlotEvent::SignInGuessed(..)
                | SlotEvent::SignInDropped(..)
                | SlotEvent::SessionForgotten(..)
                | SlotEvent::ClientForgotten(..)
                | SlotEvent::ClientDestroyed(..) => true,
                SlotEvent::SessionOpened(..)
                | SlotEvent::SessionRestamped(..)
                | SlotEvent::SessionsActive(..)
                | SlotEvent::HandoffIssued(..)
                | SlotEvent::ClientOpened(..)
                | SlotEvent::ClientSecretSet(..)
                | SlotEvent::SignInStarted(..)
                | SlotEvent::SessionSelected(..) => false,
            },
            Self::Directory(event) => {
                event.ends_sessions()
                    || matches!(
                        event,
                        DirectoryEvent::StepSpent(..) | DirectoryEvent::SigningKeyWithdrawn(_)
                    )
            }
        }
    }

    /// Whether the part counts guesses or forgets them. Such parts are written before they are answered
    /// for, in every mode, and not synced; if the journal refuses a failure it counts all the same, and
    /// nothing hangs on it. Source: R26.
    #[must_use]
    pub fn is_count(&self) -> bool {
        match self {
            Self::Slot(..) => false,
            Self::Directory(event) => event.is_count(),
        }
    }
}

impl DirectoryEvent {
    /// Whether sessions that were live before may be dead after it.
    #[must_use]
    pub fn ends_sessions(&self) -> bool {
        match self {
            Self::AccountPut(_, _, cause) => match cause {
                AccountCause::Disabled
                | AccountCause::PasswordChanged
                | AccountCause::FactorChanged
                | AccountCause::SessionsRevoked => true,
                AccountCause::Created | AccountCause::Changed => false,
            },
            Self::AccountDeleted(_) | Self::KeyDeleted(_) => true,
            Self::StepSpent(..)
            | Self::KeyCreated(..)
            | Self::SigningKeyAdded(_)
            | Self::SigningKeyReplaced(..)
            | Self::SigningKeyWithdrawn(_)
            | Self::TemplatePut(_)
            | Self::TemplateDeleted(_)
            | Self::SessionsListed { .. }
            | Self::GuessFailed { .. }
            | Self::GuessesForgiven { .. }
            | Self::GuessesForgotten { .. } => false,
        }
    }

    fn is_count(&self) -> bool {
        matches!(
            self,
            Self::GuessFailed { .. } | Self::GuessesForgiven { .. } | Self::GuessesForgotten { .. }
        )
    }
}

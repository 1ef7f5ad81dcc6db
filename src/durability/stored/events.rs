//! Records of the log: what one command did.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::accounts::account_id;
use super::guesses::{StoredCounted, StoredForgiven, let_in, opened, stored};
use super::sessions::{StoredGrant, StoredSignIn, reason};
use super::{Id, StoredAccount, StoredError, StoredHandoff, StoredKey, StoredSigningKey};
use super::{StoredTemplate, at};
use crate::durability::sealing::{Sealer, SealingError, Unseal};
use crate::engine::event::{AccountCause, DirectoryEvent, Grant, Part, SessionOpened, SlotEvent};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use crate::session::state::Surface;
use crate::session::time::Timestamp;
use crate::session::token::Digest;

/// A record. One without parts says what time it was. [`super::plain`] reads it.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredRecord {
    /// Engine time when it was written, in milliseconds since the epoch.
    pub(in crate::durability) at: u64,
    /// What sessions are given in it: one open gives all of its sessions the same.
    pub(in crate::durability) grants: Vec<StoredGrant>,
    pub(in crate::durability) parts: Vec<StoredPart>,
}

/// A part of a record, by its case.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) enum StoredPart {
    Slot(u16, StoredSlotEvent),
    Directory(StoredDirectoryEvent),
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) enum StoredSlotEvent {
    /// The last is the place of its grant in the record.
    SessionOpened(Id, u64, u32),
    SessionEnded(Id, u64, u8),
    SessionRestamped(Id, u32),
    SessionsActive(Vec<(Id, u64)>),
    HandoffIssued(Id, StoredHandoff),
    HandoffRedeemed(Id, u32),
    HandoffDropped(Id),
    ClientOpened(Id, u64),
    ClientSecretSet(Id, u64, [u8; 32]),
    SignInStarted(Id, StoredSignIn),
    SignInGuessed(Id, Id),
    SignInDropped(Id, Id),
    SessionSelected(Id, Id),
    SessionForgotten(Id, Id),
    ClientForgotten(Id, u64),
    ClientDestroyed(Id, u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) enum StoredDirectoryEvent {
    AccountPut(Box<StoredAccount>, u8),
    AccountDeleted(u32),
    StepSpent(u32, u64),
    KeyCreated(StoredKey),
    KeyDeleted(u32),
    SigningKeyAdded(StoredSigningKey),
    TemplatePut(StoredTemplate),
    TemplateDeleted(CompactString),
    SessionsListed(StoredListed),
    SigningKeyReplaced(CompactString, u64),
    SigningKeyWithdrawn(CompactString),
    GuessFailed(u64, Vec<StoredCounted>),
    GuessesForgiven(StoredForgiven),
    GuessesForgotten(u64, Vec<StoredCounted>, Vec<u32>),
}

/// Sessions that count towards a limit, or no longer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredListed {
    account: u32,
    surface: u8,
    opened: Vec<Id>,
    dropped: Vec<Id>,
}

const CAUSES: [AccountCause; 6] = [
    AccountCause::Created,
    AccountCause::Changed,
    AccountCause::Disabled,
    AccountCause::PasswordChanged,
    AccountCause::FactorChanged,
    AccountCause::SessionsRevoked,
];

fn number(cause: AccountCause) -> u8 {
    match cause {
        AccountCause::Created => 1,
        AccountCause::Changed => 2,
        AccountCause::Disabled => 3,
        AccountCause::PasswordChanged => 4,
        AccountCause::FactorChanged => 5,
        AccountCause::SessionsRevoked => 6,
    }
}

impl StoredRecord {
    pub(in crate::durability) fn of(
        at: Timestamp,
        parts: &[Part],
        sealer: &Sealer,
    ) -> Result<Self, SealingError> {
        let mut grants = Grants::default();
        let mut stored = Vec::with_capacity(parts.len());
        for part in parts {
            stored.push(match part {
                Part::Slot(number, event) => {
                    StoredPart::Slot(number.get(), StoredSlotEvent::of(event, &mut grants))
                }
                Part::Directory(event) => {
                    StoredPart::Directory(StoredDirectoryEvent::of(event, sealer)?)
                }
            });
        }
        Ok(Self {
            at: at.ms(),
            grants: grants.stored,
            parts: stored,
        })
    }
}

/// The grants of a record, each once.
#[derive(Default)]
struct Grants<'a> {
    stored: Vec<StoredGrant>,
    last: Option<&'a Arc<Grant>>,
}

impl<'a> Grants<'a> {
    /// The place of a grant. The same one again, which is how they come, has the same place.
    fn place(&mut self, grant: &'a Arc<Grant>) -> u32 {
        if self.last.is_none_or(|last| !Arc::ptr_eq(last, grant)) {
            self.stored.push(StoredGrant::from(&**grant));
            self.last = Some(grant);
        }
        u32::try_from(self.stored.len() - 1).expect("a record has fewer parts than that")
    }
}

impl StoredSlotEvent {
    fn of<'a>(event: &'a SlotEvent, grants: &mut Grants<'a>) -> Self {
        match event {
            SlotEvent::SessionOpened(SessionOpened { id, at, grant }) => {
                Self::SessionOpened(*id.as_bytes(), at.ms(), grants.place(grant))
            }
            SlotEvent::SessionEnded(id, at, reason) => {
                Self::SessionEnded(*id.as_bytes(), at.ms(), *reason as u8)
            }
            SlotEvent::SessionRestamped(id, generation) => {
                Self::SessionRestamped(*id.as_bytes(), *generation)
            }
            SlotEvent::SessionsActive(list) => {
                let list = list.iter().map(|(id, at)| (*id.as_bytes(), at.ms()));
                Self::SessionsActive(list.collect())
            }
            SlotEvent::HandoffIssued(id, handoff) => {
                Self::HandoffIssued(*id.as_bytes(), handoff.into())
            }
            SlotEvent::HandoffRedeemed(id, by) => Self::HandoffRedeemed(*id.as_bytes(), by.0),
            SlotEvent::HandoffDropped(id) => Self::HandoffDropped(*id.as_bytes()),
            SlotEvent::ClientOpened(id, at) => Self::ClientOpened(*id.as_bytes(), at.ms()),
            SlotEvent::ClientSecretSet(id, at, secret) => {
                Self::ClientSecretSet(*id.as_bytes(), at.ms(), *secret.as_bytes())
            }
            SlotEvent::SignInStarted(id, sign_in) => {
                Self::SignInStarted(*id.as_bytes(), sign_in.into())
            }
            SlotEvent::SignInGuessed(id, sign_in) => {
                Self::SignInGuessed(*id.as_bytes(), *sign_in.as_bytes())
            }
            SlotEvent::SignInDropped(id, sign_in) => {
                Self::SignInDropped(*id.as_bytes(), *sign_in.as_bytes())
            }
            SlotEvent::SessionSelected(id, session) => {
                Self::SessionSelected(*id.as_bytes(), *session.as_bytes())
            }
            SlotEvent::SessionForgotten(id, session) => {
                Self::SessionForgotten(*id.as_bytes(), *session.as_bytes())
            }
            SlotEvent::ClientForgotten(id, at) => Self::ClientForgotten(*id.as_bytes(), at.ms()),
            SlotEvent::ClientDestroyed(id, at) => Self::ClientDestroyed(*id.as_bytes(), at.ms()),
        }
    }

    /// Any event but an opened session, which is read with the grants of its record ([`super::plain`]).
    pub(super) fn open(self) -> Result<SlotEvent, StoredError> {
        let session = SessionId::from_bytes;
        let client = ClientId::from_bytes;
        let handoff = HandoffId::from_bytes;
        let sign_in = SignInId::from_bytes;
        Ok(match self {
            Self::SessionOpened(..) => return Err(StoredError::Value("grant")),
            Self::SessionEnded(id, ended, why) => {
                SlotEvent::SessionEnded(session(id), at(ended), reason(why)?)
            }
            Self::SessionRestamped(id, generation) => {
                SlotEvent::SessionRestamped(session(id), generation)
            }
            Self::SessionsActive(list) => {
                let list = list
                    .into_iter()
                    .map(|(id, active)| (session(id), at(active)));
                SlotEvent::SessionsActive(list.collect())
            }
            Self::HandoffIssued(id, issued) => SlotEvent::HandoffIssued(handoff(id), issued.into()),
            Self::HandoffRedeemed(id, by) => SlotEvent::HandoffRedeemed(handoff(id), AccountId(by)),
            Self::HandoffDropped(id) => SlotEvent::HandoffDropped(handoff(id)),
            Self::ClientOpened(id, opened) => SlotEvent::ClientOpened(client(id), at(opened)),
            Self::ClientSecretSet(id, set, secret) => {
                SlotEvent::ClientSecretSet(client(id), at(set), Digest::from_bytes(secret))
            }
            Self::SignInStarted(id, started) => {
                SlotEvent::SignInStarted(client(id), started.into())
            }
            Self::SignInGuessed(id, of) => SlotEvent::SignInGuessed(client(id), sign_in(of)),
            Self::SignInDropped(id, of) => SlotEvent::SignInDropped(client(id), sign_in(of)),
            Self::SessionSelected(id, of) => SlotEvent::SessionSelected(client(id), session(of)),
            Self::SessionForgotten(id, of) => SlotEvent::SessionForgotten(client(id), session(of)),
            Self::ClientForgotten(id, since) => SlotEvent::ClientForgotten(client(id), at(since)),
            Self::ClientDestroyed(id, gone) => SlotEvent::ClientDestroyed(client(id), at(gone)),
        })
    }
}

impl StoredDirectoryEvent {
    fn of(event: &DirectoryEvent, sealer: &Sealer) -> Result<Self, SealingError> {
        Ok(match event {
            DirectoryEvent::AccountPut(id, account, cause) => {
                let account = StoredAccount::of(*id, account, sealer)?;
                Self::AccountPut(Box::new(account), number(*cause))
            }
            DirectoryEvent::AccountDeleted(id) => Self::AccountDeleted(id.0),
            DirectoryEvent::StepSpent(id, step) => Self::StepSpent(id.0, *step),
            DirectoryEvent::KeyCreated(id, key) => Self::KeyCreated(StoredKey::of(*id, key)),
            DirectoryEvent::KeyDeleted(id) => Self::KeyDeleted(id.0),
            DirectoryEvent::SigningKeyAdded(key) => {
                Self::SigningKeyAdded(StoredSigningKey::of(key, sealer)?)
            }
            DirectoryEvent::SigningKeyReplaced(kid, expires) => {
                Self::SigningKeyReplaced(kid.clone(), expires.ms())
            }
            DirectoryEvent::SigningKeyWithdrawn(kid) => Self::SigningKeyWithdrawn(kid.clone()),
            DirectoryEvent::TemplatePut(template) => {
                Self::TemplatePut(StoredTemplate::of(template))
            }
            DirectoryEvent::TemplateDeleted(name) => Self::TemplateDeleted(name.clone()),
            DirectoryEvent::SessionsListed {
                account,
                surface,
                opened,
                dropped,
            } => Self::SessionsListed(StoredListed::of(*account, *surface, opened, dropped)),
            DirectoryEvent::GuessFailed { at, counts } => {
                Self::GuessFailed(at.ms(), stored(counts))
            }
            DirectoryEvent::GuessesForgiven {
                at,
                cleared,
                relieved,
                known,
            } => Self::GuessesForgiven(StoredForgiven {
                at: at.ms(),
                cleared: stored(cleared),
                relieved: stored(relieved),
                known: known.map(|(id, mark)| (id.0, *mark.as_bytes())),
            }),
            DirectoryEvent::GuessesForgotten {
                at,
                counts,
                accounts,
            } => {
                let accounts = accounts.iter().map(|id| id.0).collect();
                Self::GuessesForgotten(at.ms(), stored(counts), accounts)
            }
        })
    }

    pub(super) fn open(self, sealer: &dyn Unseal) -> Result<DirectoryEvent, StoredError> {
        Ok(match self {
            Self::AccountPut(stored, cause) => {
                let (id, account) = stored.open(sealer)?;
                let cause = CAUSES.into_iter().find(|known| number(*known) == cause);
                let cause = cause.ok_or(StoredError::Value("cause"))?;
                DirectoryEvent::AccountPut(id, account, cause)
            }
            Self::AccountDeleted(id) => DirectoryEvent::AccountDeleted(AccountId(id)),
            Self::StepSpent(id, step) => DirectoryEvent::StepSpent(AccountId(id), step),
            Self::KeyCreated(stored) => {
                let (id, key) = stored.open()?;
                DirectoryEvent::KeyCreated(id, Box::new(key))
            }
            Self::KeyDeleted(id) => DirectoryEvent::KeyDeleted(KeyId(id)),
            Self::SigningKeyAdded(stored) => {
                DirectoryEvent::SigningKeyAdded(Arc::new(stored.open(sealer)?))
            }
            Self::SigningKeyReplaced(kid, expires) => {
                DirectoryEvent::SigningKeyReplaced(kid, at(expires))
            }
            Self::SigningKeyWithdrawn(kid) => DirectoryEvent::SigningKeyWithdrawn(kid),
            Self::TemplatePut(stored) => DirectoryEvent::TemplatePut(Arc::new(stored.open()?)),
            Self::TemplateDeleted(name) => DirectoryEvent::TemplateDeleted(name),
            Self::SessionsListed(stored) => {
                let (account, surface, opened, dropped) = stored.open()?;
                DirectoryEvent::SessionsListed {
                    account,
                    surface,
                    opened,
                    dropped,
                }
            }
            Self::GuessFailed(when, counts) => DirectoryEvent::GuessFailed {
                at: at(when),
                counts: opened(counts)?,
            },
            Self::GuessesForgiven(forgiven) => DirectoryEvent::GuessesForgiven {
                at: at(forgiven.at),
                cleared: opened(forgiven.cleared)?,
                relieved: opened(forgiven.relieved)?,
                known: let_in(forgiven.known)?,
            },
            Self::GuessesForgotten(when, counts, accounts) => DirectoryEvent::GuessesForgotten {
                at: at(when),
                counts: opened(counts)?,
                accounts: accounts
                    .into_iter()
                    .map(account_id)
                    .collect::<Result<_, _>>()?,
            },
        })
    }
}

type Listed = (AccountId, Surface, Vec<SessionId>, Vec<SessionId>);

impl StoredListed {
    pub(in crate::durability) fn of(
        account: AccountId,
        surface: Surface,
        opened: &[SessionId],
        dropped: &[SessionId],
    ) -> Self {
        let bytes = |ids: &[SessionId]| ids.iter().map(|id| *id.as_bytes()).collect();
        Self {
            account: account.0,
            surface: surface as u8,
            opened: bytes(opened),
            dropped: bytes(dropped),
        }
    }

    pub(in crate::durability) fn open(self) -> Result<Listed, StoredError> {
        let ids = |ids: Vec<Id>| ids.into_iter().map(SessionId::from_bytes).collect();
        let surface = super::sessions::surface(self.surface)?;
        Ok((
            AccountId(self.account),
            surface,
            ids(self.opened),
            ids(self.dropped),
        ))
    }
}

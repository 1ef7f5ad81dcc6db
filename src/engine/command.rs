//! What may be asked of the engine, and what it answers.
//!
//! Ids and secrets' digests are fields of the command: nothing in here draws randomness. `now` is
//! passed beside the command by whoever drives it.

use std::sync::Arc;

use compact_str::CompactString;
use ipnet::IpNet;

use super::event::Grant;
use super::guesses::CountChange;
use super::slot::SlotNumber;
use crate::session::account::{Account, ClientType, PasswordHash, TotpSeed, Username};
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId, SignInId};
use crate::session::jwt::{SigningKey, Template};
use crate::session::key::KeyKind;
use crate::session::policy::WhenFull;
use crate::session::profile::Profile;
use crate::session::state::{EndReason, Factors, Surface};
use crate::session::time::Timestamp;
use crate::session::token::Digest;

/// Sessions that one open may ask for.
pub const OPEN_BATCH_MAX: usize = 256;

/// Opens sessions, all alike.
#[derive(Clone, Debug)]
pub struct Open {
    /// Ids of the new sessions, 1 to [`OPEN_BATCH_MAX`].
    pub ids: Vec<SessionId>,
    /// What each is given.
    pub grant: Arc<Grant>,
    /// The surface's limit per account.
    pub per_account: Option<u32>,
    /// What happens at the limit.
    pub when_full: WhenFull,
    /// The one-time-password step that this open spends.
    pub otp_step: Option<u64>,
}

impl Open {
    /// What it changes besides the sessions, if the directory decides it.
    fn claims(&self) -> impl Iterator<Item = Claim> {
        let account = self.grant.account;
        let step = self.otp_step.map(|_| Claim::OtpStep(account));
        std::iter::once(Claim::Opens(account, self.grant.surface)).chain(step)
    }
}

/// Opens a session of another account. Source: R17, M-71.
#[derive(Clone, Debug)]
pub struct Sudo {
    /// The session of the one who asks.
    pub parent: SessionId,
    /// Where it was asked: the session that asks was issued there, and so is the new one.
    pub surface: Surface,
    /// The account to become; `None` if there is none of the name that was asked for.
    pub target: Option<AccountId>,
    /// The id of the new session.
    pub child: SessionId,
    /// The new session's idle timeout.
    pub idle_timeout_ms: u32,
    /// How long the new session lives at most.
    pub absolute_ms: u64,
    /// The surface's limit per account.
    pub per_account: Option<u32>,
    /// What happens at the limit.
    pub when_full: WhenFull,
}

/// Begins a login on a client whose second step is still to come. Source: R18.
#[derive(Clone, Debug)]
pub struct StartSignIn {
    /// Where.
    pub client: ClientId,
    /// The secret that the browser presented, if its client exists: with another one by now the
    /// client is not its own, or no longer.
    pub presented: Option<Digest>,
    /// A browser's new secret, under which the client comes to be if there is none; a guest key
    /// keeps its own.
    pub secret: Option<Digest>,
    /// By which the second step will name it.
    pub id: SignInId,
    /// Whose password was proven.
    pub account: AccountId,
    /// The account's generation that it was checked against. Source: R5.
    pub generation: u32,
    /// What was proven.
    pub factors: Factors,
    /// Whether the user asked to be remembered.
    pub remember: bool,
}

/// Opens the session of a client: a login that is complete.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The session; its grant names the client.
    pub open: Open,
    /// The secret that the browser presented, if its client exists: with another one by now the
    /// client is not its own, or no longer.
    pub presented: Option<Digest>,
    /// A browser's new secret, under which the client comes to be if there is none. `None` for a
    /// guest key, which keeps its own and has one session at a time.
    pub secret: Option<Digest>,
    /// The pending login that this completes; any other one on the client is dropped.
    pub step: Option<SignInId>,
}

/// Ends a session.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Which.
    pub id: SessionId,
    /// Only if it was issued here; another surface's session is answered like an unknown one.
    pub surface: Option<Surface>,
    /// Only if this key opened it.
    pub key: Option<KeyId>,
    /// Only if it is one of this client's.
    pub client: Option<ClientId>,
    /// Why.
    pub reason: EndReason,
}

/// A change of an account. What ends its sessions raises its generation (R3).
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// Description, rights, standing.
    Describe(Box<AccountPatch>),
    /// Another password, or none.
    Password(Option<PasswordHash>),
    /// Another one-time-password seed, or none.
    Totp(Option<TotpSeed>),
    /// No change but the generation.
    RevokeSessions,
}

/// What to change of an account; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
#[expect(
    missing_docs,
    reason = "each field is the field of the same name in `Account`"
)]
pub struct AccountPatch {
    pub external_subject: Option<Option<CompactString>>,
    pub client_type: Option<ClientType>,
    pub group: Option<Option<CompactString>>,
    pub managed_groups: Option<Vec<CompactString>>,
    pub agent: Option<Option<AccountId>>,
    pub may_sudo: Option<bool>,
    pub enabled: Option<bool>,
    pub locked: Option<bool>,
    pub expires_at: Option<Option<Timestamp>>,
    pub max_sessions: Option<Option<u32>>,
    pub profile: Option<Arc<Profile>>,
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What it is for.
    pub kind: KeyKind,
    /// Its public half.
    pub name: CompactString,
    /// The digest of its secret half.
    pub secret: Digest,
    /// The account it acts for; a guest key is nobody's, whatever stands here.
    pub account: Option<AccountId>,
    /// When it is no longer good by itself.
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from; none listed means any.
    pub networks: Vec<IpNet>,
}

/// Signing keys that follow others, each for its own algorithm.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The new keys, of one algorithm each. From when on they sign is decided.
    pub keys: Vec<SigningKey>,
    /// What was there before is in wrong hands: it is withdrawn at once, and the new keys sign at once.
    pub compromised: bool,
    /// How long a new key is listed before it signs, in milliseconds.
    pub lead_ms: u64,
    /// How long a key is kept after it signed last, in milliseconds.
    pub keep_ms: u64,
}

/// Everything that may be asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// Open sessions; none of a client's, which is for [`Command::SignIn`].
    Open(Open),
    /// Open a session of another account.
    Sudo(Sudo),
    /// End a session.
    End(End),
    /// Make a hand-off token of this session that lives this long, in milliseconds.
    IssueHandoff(SessionId, HandoffId, u64),
    /// Spend a hand-off token on behalf of this session.
    RedeemHandoff(HandoffId, SessionId),
    /// Begin a login on a client.
    StartSignIn(StartSignIn),
    /// Take one of the guesses that a pending login of a client has.
    GuessSignIn(ClientId, SignInId),
    /// Give up this pending login of a client.
    DropSignIn(ClientId, SignInId),
    /// Open a session of a client.
    SignIn(SignIn),
    /// Choose one of a client's sessions.
    SelectSession(ClientId, SessionId),
    /// Have a client forget a session that it lists; one that is live ends by it.
    ForgetSession(ClientId, SessionId),
    /// End all sessions of a client, for this reason, and its pending login.
    ClearClient(ClientId, EndReason),
    /// Destroy a client and with it its sessions.
    DestroyClient(ClientId),
    /// Make an account; its generation and spent step start at 0.
    CreateAccount(Box<Account>),
    /// Change an account; the named session of it is kept alive through the change.
    ChangeAccount(AccountId, AccountChange, Option<SessionId>),
    /// Delete an account and with it its sessions and keys.
    DeleteAccount(AccountId),
    /// Make a key.
    CreateKey(NewKey),
    /// Withdraw a key and with it the sessions it opened.
    DeleteKey(KeyId),
    /// Have a key sign tokens, if none of its algorithm does yet.
    AddSigningKey(SigningKey),
    /// Have signing keys follow others.
    RotateSigningKeys(Rotation),
    /// Make a template, or have it be another.
    PutTemplate(Template),
    /// Take a template away.
    DeleteTemplate(CompactString),
    /// Change counts of failed guesses.
    Count(CountChange),
}

/// Who decides a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// The shard that owns the slot.
    Shard(SlotNumber),
    /// The directory.
    Directory,
}

/// What a command changes: while one claim is held, a second command naming it waits (R2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each names the thing that is claimed")]
pub enum Claim {
    Session(SessionId),
    Handoff(HandoffId),
    Client(ClientId),
    Account(AccountId),
    /// The list of an account's sessions on a surface.
    Opens(AccountId, Surface),
    /// The highest spent one-time-password step of an account.
    OtpStep(AccountId),
    Name(CompactString),
    Subject(CompactString),
    Key(KeyId),
    KeyName(CompactString),
    KeySecret([u8; 32]),
    /// Signing keys and templates, all of them.
    Jwts,
}

impl Command {
    /// Who decides it, given whether the account concerned has a limit.
    #[must_use]
    pub fn decider(&self, limited: bool) -> Decider {
        let slot = |bytes: &[u8; 16]| Decider::Shard(SlotNumber::of(bytes));
        match self {
            Self::Open(open) => match open.ids.first() {
                Some(first) if !limited && open.otp_step.is_none() => slot(first.as_bytes()),
                _ => Decider::Directory,
            },
            Self::End(end) => slot(end.id.as_bytes()),
            Self::IssueHandoff(session, ..) => slot(session.as_bytes()),
            Self::RedeemHandoff(id, _) => slot(id.as_bytes()),
            Self::SelectSession(id, _) | Self::ForgetSession(id, _) => slot(id.as_bytes()),
            // One decider for all that a client's logins depend on: they cannot overtake each other.
            Self::StartSignIn(_)
            | Self::GuessSignIn(..)
            | Self::DropSignIn(..)
            | Self::SignIn(_)
            | Self::ClearClient(..)
            | Self::DestroyClient(_)
            | Self::Sudo(_)
            | Self::CreateAccount(_)
            | Self::ChangeAccount(..)
            | Self::DeleteAccount(_)
            | Self::CreateKey(_)
            | Self::DeleteKey(_)
            | Self::AddSigningKey(_)
            | Self::RotateSigningKeys(_)
            | Self::PutTemplate(_)
            | Self::DeleteTemplate(_)
            | Self::Count(_) => Decider::Directory,
        }
    }

    /// What it changes. An open without a limit changes nothing that exists.
    #[must_use]
    pub fn claims(&self, decider: Decider) -> Vec<Claim> {
        match self {
            Self::Open(_) if decider != Decider::Directory => Vec::new(),
            Self::Open(open) => open.claims().collect(),
            Self::SignIn(asked) => {
                let client = asked.open.grant.client.map(Claim::Client);
                asked.open.claims().chain(client).collect()
            }
            Self::StartSignIn(asked) => vec![Claim::Client(asked.client)],
            Self::GuessSignIn(id, _)
            | Self::DropSignIn(id, _)
            | Self::ClearClient(id, _)
            | Self::DestroyClient(id) => vec![Claim::Client(*id)],
            Self::SelectSession(_, session) | Self::ForgetSession(_, session) => {
                vec![Claim::Session(*session)]
            }
            Self::Sudo(sudo) => sudo
                .target
                .map(|target| Claim::Opens(target, sudo.surface))
                .into_iter()
                .collect(),
            Self::End(end) => vec![Claim::Session(end.id)],
            Self::IssueHandoff(session, ..) => vec![Claim::Session(*session)],
            Self::RedeemHandoff(id, _) => vec![Claim::Handoff(*id)],
            Self::CreateAccount(account) => {
                let subject = account.external_subject.clone().map(Claim::Subject);
                std::iter::once(Claim::Name(account.username.folded()))
                    .chain(subject)
                    .collect()
            }
            Self::ChangeAccount(id, change, _) => {
                let subject = match change {
                    AccountChange::Describe(patch) => patch.external_subject.clone().flatten(),
                    AccountChange::Password(_)
                    | AccountChange::Totp(_)
                    | AccountChange::RevokeSessions => None,
                };
                std::iter::once(Claim::Account(*id))
                    .chain(subject.map(Claim::Subject))
                    .collect()
            }
            Self::DeleteAccount(id) => vec![Claim::Account(*id)],
            Self::CreateKey(key) => vec![
                Claim::KeyName(key.name.clone()),
                Claim::KeySecret(*key.secret.as_bytes()),
            ],
            Self::DeleteKey(id) => vec![Claim::Key(*id)],
            Self::AddSigningKey(_)
            | Self::RotateSigningKeys(_)
            | Self::PutTemplate(_)
            | Self::DeleteTemplate(_) => vec![Claim::Jwts],
            // Counts add up in whatever order.
            Self::Count(_) => Vec::new(),
        }
    }

    /// Whether it makes something that takes memory, or is a step towards that: without room for more it is
    /// not worth taking.
    #[must_use]
    pub fn needs_room(&self) -> bool {
        match self {
            Self::Open(_)
            | Self::Sudo(_)
            | Self::IssueHandoff(..)
            | Self::StartSignIn(_)
            // One of few, and lost if the session cannot be opened afterwards.
            | Self::GuessSignIn(..)
            | Self::SignIn(_)
            | Self::CreateAccount(_)
            | Self::CreateKey(_)
            | Self::PutTemplate(_) => true,
            Self::End(_)
            | Self::RedeemHandoff(..)
            | Self::DropSignIn(..)
            | Self::SelectSession(..)
            | Self::ForgetSession(..)
            | Self::ClearClient(..)
            | Self::DestroyClient(_)
            | Self::ChangeAccount(..)
            | Self::DeleteAccount(_)
            | Self::DeleteKey(_)
            // Few, and the sessions that there are need them.
            | Self::AddSigningKey(_)
            | Self::RotateSigningKeys(_)
            | Self::DeleteTemplate(_)
            // In tables that have bounds of their own.
            | Self::Count(_) => false,
        }
    }

    /// Whether it takes something away: such a command is never dropped for its age.
    #[must_use]
    pub fn is_restriction(&self) -> bool {
        match self {
            Self::End(_)
            | Self::RedeemHandoff(..)
            | Self::GuessSignIn(..)
            | Self::DropSignIn(..)
            | Self::ForgetSession(..)
            | Self::ClearClient(..)
            | Self::DestroyClient(_)
            | Self::ChangeAccount(..)
            | Self::DeleteAccount(_)
            | Self::DeleteKey(_)
            | Self::DeleteTemplate(_) => true,
            Self::Count(change) => matches!(change, CountChange::Fail(_)),
            // What somebody has stolen is taken away whatever comes.
            Self::RotateSigningKeys(rotation) => rotation.compromised,
            Self::Open(_)
            | Self::Sudo(_)
            | Self::IssueHandoff(..)
            | Self::StartSignIn(_)
            | Self::SignIn(_)
            | Self::SelectSession(..)
            | Self::CreateAccount(_)
            | Self::CreateKey(_)
            | Self::AddSigningKey(_)
            | Self::PutTemplate(_) => false,
        }
    }
}

/// What the engine answers when it did as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done, and there is nothing to add.
    Done,
    /// The account was made here.
    AccountCreated(AccountId),
    /// The key was made here.
    KeyCreated(KeyId),
    /// The hand-off token belonged to a session of this user, with this client type.
    HandedOff {
        /// The user's name.
        username: Username,
        /// The session's client type.
        client_type: CompactString,
    },
}

//! The one door: all that a surface may ask of the engine, and nothing of how it is answered.
//!
//! Surfaces are written against [`Engine`] with static dispatch. No surface may assume that state
//! is local: a read answers at once or later, everything else is a future (R15).

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::audit::note::Note;
use crate::audit::sink::AuditFigures;
use crate::credentials::failures::Failures;
use crate::credentials::login::{FirstStep, Login, LoginRefusal, Proof};
use crate::engine::clients::ClientView;
use crate::engine::command::{Command, Reply};
use crate::engine::error::Refusal;
use crate::engine::keys::{Principal, PrivateToken};
use crate::engine::view::SessionView;
use crate::entropy::EntropyFailed;
use crate::session::account::{Account, PasswordHash};
use crate::session::activity::Look;
use crate::session::client::SignIn;
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::jwt::{SigningAlgorithm, Template};
use crate::session::key::{Key, KeyKind};
use crate::session::origin::Origin;
use crate::session::policy::Policy;
use crate::session::rotation::KeyState;
use crate::session::state::{Factors, Surface};
use crate::session::time::Timestamp;
use crate::session::token::{Digest, Secret};
use crate::tokens::desk::TokenOf;

/// Why a surface did not get what it asked for. Each surface turns every variant into its own
/// contract's status and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The engine decided against it; nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A queue is full or the work got too old: try again shortly.
    #[error("too much to do at the moment")]
    Overloaded,
    /// The node is stopping, or its journal takes no more records.
    #[error("not available")]
    Unavailable,
    /// No random bytes were to be had, so nothing was issued.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

/// Why a code does not complete a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// It is wrong, or it is not looked at.
    #[error(transparent)]
    Code(#[from] LoginRefusal),
    /// The login takes no more codes.
    #[error(transparent)]
    Login(#[from] ServiceError),
}

/// What a read gives: the embedded engine always answers now.
pub enum Answer<R> {
    /// The answer.
    Now(R),
    /// It will come.
    Later(Pin<Box<dyn Future<Output = R>>>),
}

impl<R> Answer<R> {
    /// Waits for it if it is not there.
    pub async fn get(self) -> R {
        match self {
            Self::Now(answer) => answer,
            Self::Later(answer) => answer.await,
        }
    }
}

/// A session as operators see it.
#[derive(Clone, Debug)]
pub struct SessionSummary {
    /// Its public id.
    pub id: SessionId,
    /// Whose.
    pub account: AccountId,
    /// The user's name.
    pub username: String,
    /// Where it was issued.
    pub surface: Surface,
    /// The kind of client.
    pub client_type: String,
    /// What was proven.
    pub factors: Factors,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last active.
    pub last_active: Timestamp,
    /// When it ends if nothing touches it.
    pub deadline: Timestamp,
    /// The session it hangs on.
    pub parent: Option<SessionId>,
    /// The accounts of its impersonation, the first actor first.
    pub chain: Vec<AccountId>,
    /// Where it was opened from.
    pub address: Option<IpAddr>,
    /// The agent it was opened with.
    pub user_agent: Option<String>,
    /// The JSON object its issuer wanted kept.
    pub attributes: Option<String>,
}

impl From<SessionView<'_>> for SessionSummary {
    fn from(view: SessionView<'_>) -> Self {
        Self {
            id: view.id(),
            account: view.account_id(),
            username: view.account.username.as_str().to_owned(),
            surface: view.surface(),
            client_type: view.client_type().to_owned(),
            factors: view.factors(),
            created: view.created(),
            last_active: view.last_active(),
            deadline: view.deadline(),
            parent: view.parent(),
            chain: view.chain().to_vec(),
            address: view.address(),
            user_agent: view.user_agent().map(str::to_owned),
            attributes: view.attributes().map(str::to_owned),
        }
    }
}

/// A signing key as operators see it: nothing of its private half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeySummary {
    /// By which tokens name it.
    pub kid: String,
    /// How it signs.
    pub algorithm: SigningAlgorithm,
    /// Where it is on its way.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// From when on no token of it is good, once another one follows it.
    pub expires: Option<Timestamp>,
}

/// What operators see of the whole engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Sessions in memory, dead ones that were not swept yet included.
    pub sessions: usize,
    /// Accounts.
    pub accounts: usize,
    /// Commands decided since start.
    pub commands: u64,
    /// Commands turned away because a queue was full or they got too old.
    pub overloaded: u64,
    /// Events applied since start.
    pub events: u64,
    /// The audit stream.
    pub audit: AuditFigures,
    /// Logins looked at since start: each cost a password's hash.
    pub logins: u64,
    /// Logins not looked at since start because too many had failed.
    pub delayed: u64,
    /// What the process holds and may hold; `None` if it has no ceiling.
    pub memory: Option<MemoryFigures>,
}

/// The process's memory, as it was looked at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryFigures {
    /// What is resident.
    pub resident_bytes: u64,
    /// What may be.
    pub ceiling_bytes: u64,
    /// Grants are refused until something ends.
    pub full: bool,
    /// Grants that were refused because of it, since start.
    pub refused: u64,
}

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its number.
    pub generation: u64,
    /// Everything up to this sequence of the log is in it.
    pub position: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// The longest that copying a slot or the directory held up whoever wanted to change it, in microseconds.
    pub longest_hold_us: u64,
}

/// Too many wait for a snapshot already, or the node stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveBusy;

/// What will come of a snapshot; the inner error says why there is none.
pub type Archiving =
    Pin<Box<dyn Future<Output = Result<Result<Archived, String>, ArchiveBusy>> + Send>>;

/// How sealing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealingSummary {
    /// The keys of the node, the one that seals first: by which each is known, and whether something on disk
    /// may need it.
    pub keys: Vec<(String, bool)>,
    /// Snapshots to write until only the first one is needed.
    pub generations_to_write: u8,
}

/// How sealing stands, when it comes; the error says why the keys stay as they were.
pub type Sealing = Pin<Box<dyn Future<Output = Result<SealingSummary, String>> + Send>>;

/// Whoever writes snapshots.
pub trait Archive: Send + Sync {
    /// Asks for one that is begun from now on.
    fn write(&self) -> Archiving;
    /// How sealing stands.
    fn sealing(&self) -> Sealing;
    /// Reads the sealing keys again, and seals by the first from now on.
    fn replace_sealing_keys(&self) -> Sealing;
}

/// A node's own.
pub type SharedArchive = Arc<dyn Archive>;

/// The engine as surfaces know it.
pub trait Engine: Clone + Send + 'static {
    /// The id of the session whose secret this is; `None` if it cannot be one.
    fn session_id(&self, secret: &[u8]) -> Option<SessionId>;

    /// Has what [`Self::with_session`] will look at fetched while others have their turn, if there are any.
    fn approach(&self, id: SessionId) -> impl Future<Output = ()>;

    /// Judges a session now and shows it to `render`, or `None` if it is not live.
    ///
    /// `render` runs under a lock: it must be short and must not call the engine.
    fn with_session<R, F>(&self, id: SessionId, look: impl Into<Look>, render: F) -> Answer<R>
    where
        R: 'static,
        F: FnOnce(Option<SessionView<'_>>) -> R + 'static;

    /// The principal of an API key whose secret is right and which is still good.
    fn principal(&self, kind: KeyKind, name: &str, secret: &[u8]) -> Answer<Option<Principal>>;

    /// Who stands behind an i3D key that is presented from `address`, if it is still good.
    fn private_token(&self, secret: &[u8], address: Option<IpAddr>)
    -> Answer<Option<PrivateToken>>;

    /// Shows a client and its sessions to `render`, or `None` if there is none.
    ///
    /// `render` runs under a lock: it must be short and must not call the engine.
    fn with_client<R, F>(&self, id: ClientId, render: F) -> Answer<R>
    where
        R: 'static,
        F: FnOnce(Option<ClientView<'_>>) -> R + 'static;

    /// The secret by which a client that was never signed in proves itself (R7).
    fn anonymous_client(&self, id: ClientId) -> Secret;

    /// Asks for a change, from this origin, and waits until it is durable and visible.
    ///
    /// Hanging up does not take back what was asked (R16).
    fn ask(
        &self,
        origin: &Origin,
        command: Command,
    ) -> impl Future<Output = Result<Reply, ServiceError>>;

    /// Has the audit stream tell of something that is no command. Nobody waits for it.
    fn note(&self, origin: &Origin, note: Note);

    /// Turns a login away that is not to be looked at, if that is known at once: it is told of and counted as
    /// [`Engine::log_in`] would. `None`, and nothing was done: ask that.
    fn turn_away(&self, login: &Login) -> Option<LoginRefusal>;

    /// Checks a password and, where one is asked for, a one-time password.
    fn log_in(&self, login: Login) -> impl Future<Output = Result<Proof, LoginRefusal>>;

    /// Checks a name and a password alone; where a second factor is asked for, no session may follow.
    fn begin_log_in(&self, login: Login) -> impl Future<Output = Result<FirstStep, LoginRefusal>>;

    /// Checks a code of a login that is pending on a client. It takes one of the guesses that the login
    /// has, unless its name is delayed: then the code is not looked at.
    fn check_code(
        &self,
        origin: &Origin,
        client: ClientId,
        pending: SignIn,
        code: &str,
    ) -> impl Future<Output = Result<Proof, CodeRefusal>>;

    /// A session's own token that is valid for a minute.
    fn session_token(&self, of: TokenOf) -> impl Future<Output = Result<String, ServiceError>>;

    /// The youngest token of a session for this page, if it is younger than 30 seconds.
    fn recent_session_token(
        &self,
        session: SessionId,
        authorized_party: Option<&str>,
    ) -> Option<String>;

    /// A token by the template of this name, whose shortcodes name `facts`; `None` if there is no such
    /// template.
    fn template_token(
        &self,
        name: &str,
        of: TokenOf,
        facts: serde_json::Value,
        lifetime_max_s: u32,
    ) -> impl Future<Output = Result<Option<String>, ServiceError>>;

    /// The session of a token that is its own, signed by us for this issuer, and of now. Whether the
    /// session lives is still to be seen.
    fn session_of_token(&self, jwt: &[u8], issuer: &str) -> Option<SessionId>;

    /// All templates, by name.
    fn templates(&self) -> Answer<Vec<Arc<Template>>>;

    /// The public keys by which tokens are verified, as a JSON Web Key Set.
    fn jwks(&self) -> impl Future<Output = Result<String, ServiceError>>;

    /// The signing keys, in the order of their making.
    fn signing_keys(&self) -> Answer<Vec<SigningKeySummary>>;

    /// Has a new key follow that of this algorithm, or those of all algorithms that have one: after it was
    /// published for a while, or, if the old ones are `compromised`, at once and with an end of them.
    fn rotate_signing_keys(
        &self,
        origin: &Origin,
        algorithm: Option<SigningAlgorithm>,
        compromised: bool,
    ) -> impl Future<Output = Result<(), ServiceError>>;

    /// Hashes a password for keeping.
    fn hash_password(
        &self,
        password: String,
    ) -> impl Future<Output = Result<PasswordHash, ServiceError>>;

    /// Whether `viewer` sees `target`.
    fn sees(&self, viewer: AccountId, target: AccountId) -> Answer<bool>;

    /// The account of exactly this name.
    fn account_by_name(&self, name: &str) -> Answer<Option<(AccountId, Arc<Account>)>>;

    /// The account with this external subject.
    fn account_by_subject(&self, subject: &str) -> Answer<Option<(AccountId, Arc<Account>)>>;

    /// The account at this place.
    fn account(&self, id: AccountId) -> Answer<Option<Arc<Account>>>;

    /// What failed on the account at this place, and what that costs at the moment.
    fn failures(&self, id: AccountId) -> Answer<Option<Failures>>;

    /// Accounts after this place, at most `max`.
    fn accounts(
        &self,
        after: Option<AccountId>,
        max: usize,
    ) -> Answer<Vec<(AccountId, Arc<Account>)>>;

    /// The key of this public name.
    fn key_by_name(&self, name: &str) -> Answer<Option<(KeyId, Key)>>;

    /// Keys after this place, at most `max`.
    fn keys(&self, after: Option<KeyId>, max: usize) -> Answer<Vec<(KeyId, Key)>>;

    /// Live sessions in the order of their ids, after this one, of one account or of all, and where
    /// to go on if there may be more.
    fn sessions(
        &self,
        after: Option<SessionId>,
        account: Option<AccountId>,
        max: usize,
    ) -> Answer<(Vec<SessionSummary>, Option<SessionId>)>;

    /// Engine time.
    fn now(&self) -> Timestamp;

    /// Random bytes for a secret.
    fn random<const N: usize>(&self) -> Result<[u8; N], EntropyFailed>;

    /// The id of the hand-off token whose text this is; `None` if it cannot be one.
    fn handoff_id(&self, secret: &[u8]) -> Option<HandoffId>;

    /// What a long-lived secret is kept as.
    fn digest(&self, secret: &[u8]) -> Digest;

    /// The bounds in force.
    fn policy(&self) -> &Policy;

    /// What operators see of the whole engine.
    fn figures(&self) -> Answer<Figures>;

    /// The state digest: one number for everything the engine holds.
    fn state_digest(&self) -> Answer<u128>;

    /// Something was ended that no record tells of: that nothing is found is no success then, and whoever
    /// wants it ended is answered "unavailable" (R2). [`Self::ask`] does so by itself.
    fn is_unsure(&self) -> bool;
}

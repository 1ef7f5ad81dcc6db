//! The embedded engine behind the door: reads go straight to the published state, everything else
//! becomes a message to its decider.

mod logins;
mod signing;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, oneshot};
use zeroize::Zeroizing;

use self::signing::unsigned;
use super::audited::{self, Deed};
use super::commit::Queues;
use super::images::LongestHold;
use super::mailbox::Mailbox;
use super::memory::Memory;
use super::messages::Ask;
use super::owner::Shared;
use super::rooms::ShardRoom;
use super::unrecorded::Unrecorded;
use crate::audit::note::Note;
use crate::credentials::failures::Failures;
use crate::credentials::login::{FirstStep, Login, LoginDesk, LoginRefusal, Proof};
use crate::door::{
    Answer, CodeRefusal, Engine, Figures, ServiceError, SessionSummary, SigningKeySummary,
};
use crate::engine::clients::ClientView;
use crate::engine::command::{Command, Decider, Reply};
use crate::engine::digest;
use crate::engine::directory::Directory;
use crate::engine::keys::{Principal, PrivateToken};
use crate::engine::view::SessionView;
use crate::engine::world::World;
use crate::entropy::{EntropyFailed, SharedEntropy, random};
use crate::journal::SharedJournal;
use crate::session::account::{Account, PasswordHash};
use crate::session::activity::{Look, Touch};
use crate::session::client::SignIn;
use crate::session::id::{AccountId, ClientId, HandoffId, KeyId, SessionId};
use crate::session::jwt::{SigningAlgorithm, Template};
use crate::session::key::{Key, KeyKind};
use crate::session::origin::Origin;
use crate::session::policy::Policy;
use crate::session::time::Timestamp;
use crate::session::token::{CREDENTIAL_BYTES_MAX, Digest, Secret};
use crate::together::ahead;
use crate::tokens::desk::{TokenDesk, TokenOf};

/// The only door the surfaces have into the embedded engine.
#[derive(Clone)]
pub struct EngineHandle(Arc<Inner>);

struct Inner {
    shared: Shared,
    entropy: SharedEntropy,
    policy: Policy,
    login: LoginDesk,
    tokens: TokenDesk,
    /// Held while a signing key is made.
    making_key: Mutex<()>,
    shards: Vec<Mailbox<ShardRoom>>,
    directory: Mailbox<Directory>,
    longest_hold: LongestHold,
}

impl EngineHandle {
    pub(super) fn new(
        shared: Shared,
        entropy: SharedEntropy,
        policy: Policy,
        login: LoginDesk,
        tokens: TokenDesk,
        shards: Vec<Mailbox<ShardRoom>>,
        directory: Mailbox<Directory>,
    ) -> Self {
        Self(Arc::new(Inner {
            shared,
            entropy,
            policy,
            login,
            tokens,
            making_key: Mutex::default(),
            shards,
            directory,
            longest_hold: LongestHold::default(),
        }))
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.0.shared.memory
    }

    pub(super) fn world(&self) -> &World {
        &self.0.shared.world
    }

    pub(super) fn unrecorded(&self) -> &Unrecorded {
        &self.0.shared.unrecorded
    }

    pub(super) fn longest_hold(&self) -> &LongestHold {
        &self.0.longest_hold
    }

    pub(super) fn journal(&self) -> &SharedJournal {
        &self.0.shared.journal
    }

    pub(super) fn queues(&self) -> &Queues {
        &self.0.shared.queues
    }

    pub(super) fn directory(&self) -> &Mailbox<Directory> {
        &self.0.directory
    }

    /// Who decides a command: an open goes to the directory if its account has a limit (R4).
    fn decider(&self, command: &Command) -> Decider {
        let limited = match command {
            Command::Open(open) => self
                .0
                .shared
                .world
                .accounts
                .with(open.grant.account, |account| {
                    account.is_some_and(|a| a.session_limit(open.per_account).is_some())
                }),
            _ => false,
        };
        command.decider(limited)
    }

    fn send(
        &self,
        command: Command,
        deed: Option<Deed>,
    ) -> Result<oneshot::Receiver<Result<Reply, ServiceError>>, ServiceError> {
        let Shared {
            clock,
            counters,
            memory,
            ..
        } = &self.0.shared;
        let overloaded = || {
            counters.overloaded.fetch_add(1, Ordering::Relaxed);
            ServiceError::Overloaded
        };
        if command.needs_room() && memory.is_full() {
            memory.note_refused();
            let error = overloaded();
            if let Some(deed) = deed {
                deed.settle(&Err(error));
            }
            return Err(error);
        }
        let decider = self.decider(&command);
        let (reply, answer) = oneshot::channel();
        let ask = Ask {
            command,
            decider,
            asked_at: clock.now(),
            seat: None,
            reply,
            deed,
        };
        let sent = match decider {
            Decider::Directory => self.0.directory.put(ask),
            Decider::Shard(slot) => {
                // Shards are numbered with 16 bits.
                let shards = u16::try_from(self.0.shards.len()).unwrap_or(u16::MAX);
                match self.0.shards.get(usize::from(slot.shard(shards))) {
                    Some(shard) => shard.put(ask),
                    None => Err(ServiceError::Unavailable),
                }
            }
        };
        match sent {
            Ok(()) => Ok(answer),
            Err(ServiceError::Overloaded) => Err(overloaded()),
            Err(error) => Err(error),
        }
    }
}

impl Engine for EngineHandle {
    fn session_id(&self, secret: &[u8]) -> Option<SessionId> {
        (secret.len() <= CREDENTIAL_BYTES_MAX)
            .then(|| self.0.shared.world.install_key.session_id(secret))
    }

    fn approach(&self, id: SessionId) -> impl Future<Output = ()> {
        let world = self.world();
        ahead(move || world.approach(id), move || world.fetch(id))
    }

    fn with_session<R, F>(&self, id: SessionId, look: impl Into<Look>, render: F) -> Answer<R>
    where
        R: 'static,
        F: FnOnce(Option<SessionView<'_>>) -> R + 'static,
    {
        Answer::Now(
            self.0
                .shared
                .world
                .with_session(id, self.0.shared.clock.now(), look, render),
        )
    }

    fn principal(&self, kind: KeyKind, name: &str, secret: &[u8]) -> Answer<Option<Principal>> {
        let world = self.world();
        let fits = name.len() <= CREDENTIAL_BYTES_MAX && secret.len() <= CREDENTIAL_BYTES_MAX;
        let (accounts, with) = (&world.accounts, &world.install_key);
        let check = || world.keys.check(accounts, with, kind, name, secret);
        Answer::Now(if fits { check() } else { None })
    }

    fn private_token(
        &self,
        secret: &[u8],
        address: Option<IpAddr>,
    ) -> Answer<Option<PrivateToken>> {
        let (world, now) = (self.world(), self.0.shared.clock.now());
        let (accounts, with) = (&world.accounts, &world.install_key);
        let check = || (world.keys).private_token(accounts, with, secret, address, now);
        let fits = secret.len() <= CREDENTIAL_BYTES_MAX;
        Answer::Now(if fits { check() } else { None })
    }

    fn with_client<R, F>(&self, id: ClientId, render: F) -> Answer<R>
    where
        R: 'static,
        F: FnOnce(Option<ClientView<'_>>) -> R + 'static,
    {
        let Shared { world, clock, .. } = &self.0.shared;
        Answer::Now(world.with_client(id, clock.now(), render))
    }

    fn anonymous_client(&self, id: ClientId) -> Secret {
        self.0.shared.world.install_key.anonymous_client(id)
    }

    async fn ask(&self, origin: &Origin, command: Command) -> Result<Reply, ServiceError> {
        let (deed, kept) = audited::begin(&self.0.shared, origin, &command)?;
        // Sent before the first await: whoever hangs up afterwards does not take it back.
        let answer = self.send(command, deed)?;
        let answer = answer.await.unwrap_or(Err(ServiceError::Unavailable));
        if kept.wait().await {
            answer
        } else {
            Err(ServiceError::Unavailable)
        }
    }

    fn note(&self, origin: &Origin, note: Note) {
        audited::note(&self.0.shared, origin, note);
    }

    fn turn_away(&self, login: &Login) -> Option<LoginRefusal> {
        self.refuse_at_once(login)
    }

    async fn log_in(&self, login: Login) -> Result<Proof, LoginRefusal> {
        self.judge(login).await
    }

    async fn begin_log_in(&self, login: Login) -> Result<FirstStep, LoginRefusal> {
        self.judge_first_step(login).await
    }

    async fn check_code(
        &self,
        origin: &Origin,
        client: ClientId,
        pending: SignIn,
        code: &str,
    ) -> Result<Proof, CodeRefusal> {
        self.judge_code(origin, client, pending, code).await
    }

    async fn session_token(&self, of: TokenOf) -> Result<String, ServiceError> {
        self.provide_key(SigningAlgorithm::Rs256).await?;
        let tokens = &self.0.tokens;
        tokens.session_token(&of).await.map_err(unsigned)
    }

    fn recent_session_token(
        &self,
        session: SessionId,
        authorized_party: Option<&str>,
    ) -> Option<String> {
        self.0.tokens.recent(session, authorized_party)
    }

    async fn template_token(
        &self,
        name: &str,
        of: TokenOf,
        facts: serde_json::Value,
        lifetime_max_s: u32,
    ) -> Result<Option<String>, ServiceError> {
        let Some(template) = self.0.shared.world.jwts.template(name) else {
            return Ok(None);
        };
        self.provide_key(template.algorithm()).await?;
        let tokens = &self.0.tokens;
        let jwt = tokens.template_token(&template, &of, &facts, lifetime_max_s);
        jwt.await.map(Some).map_err(unsigned)
    }

    fn session_of_token(&self, jwt: &[u8], issuer: &str) -> Option<SessionId> {
        self.0.tokens.session_of(jwt, issuer)
    }

    fn templates(&self) -> Answer<Vec<Arc<Template>>> {
        Answer::Now(self.0.shared.world.jwts.templates())
    }

    async fn jwks(&self) -> Result<String, ServiceError> {
        self.provide_key(SigningAlgorithm::Rs256).await?;
        Ok(self.0.tokens.jwks())
    }

    fn signing_keys(&self) -> Answer<Vec<SigningKeySummary>> {
        Answer::Now(self.signing_keys_shown())
    }

    async fn rotate_signing_keys(
        &self,
        origin: &Origin,
        algorithm: Option<SigningAlgorithm>,
        compromised: bool,
    ) -> Result<(), ServiceError> {
        self.follow_at_request(origin, algorithm, compromised).await
    }

    async fn hash_password(&self, password: String) -> Result<PasswordHash, ServiceError> {
        let salt = self.random()?;
        let hash = self
            .0
            .login
            .passwords
            .hash(Zeroizing::new(password), salt)
            .await;
        hash.ok().flatten().ok_or(ServiceError::Overloaded)
    }

    fn sees(&self, viewer: AccountId, target: AccountId) -> Answer<bool> {
        Answer::Now(self.0.shared.world.accounts.sees(viewer, target))
    }

    fn account_by_name(&self, name: &str) -> Answer<Option<(AccountId, Arc<Account>)>> {
        Answer::Now(self.0.shared.world.accounts.by_name(name))
    }

    fn account_by_subject(&self, subject: &str) -> Answer<Option<(AccountId, Arc<Account>)>> {
        Answer::Now(self.0.shared.world.accounts.by_subject(subject))
    }

    fn account(&self, id: AccountId) -> Answer<Option<Arc<Account>>> {
        Answer::Now(self.0.shared.world.accounts.get(id))
    }

    fn failures(&self, id: AccountId) -> Answer<Option<Failures>> {
        Answer::Now(self.0.login.failures(id))
    }

    fn accounts(
        &self,
        after: Option<AccountId>,
        max: usize,
    ) -> Answer<Vec<(AccountId, Arc<Account>)>> {
        Answer::Now(self.0.shared.world.accounts.page(after, max))
    }

    fn key_by_name(&self, name: &str) -> Answer<Option<(KeyId, Key)>> {
        Answer::Now(self.0.shared.world.keys.by_name(name))
    }

    fn keys(&self, after: Option<KeyId>, max: usize) -> Answer<Vec<(KeyId, Key)>> {
        Answer::Now(self.0.shared.world.keys.page(after, max))
    }

    fn sessions(
        &self,
        after: Option<SessionId>,
        account: Option<AccountId>,
        max: usize,
    ) -> Answer<(Vec<SessionSummary>, Option<SessionId>)> {
        let world = &self.0.shared.world;
        let now = self.0.shared.clock.now();
        let ids = world.page(after, account, max);
        let next = ids.last().copied().filter(|_| ids.len() == max);
        let live = ids.into_iter().filter_map(|id| {
            world.with_session(id, now, Touch::No, |view| view.map(SessionSummary::from))
        });
        Answer::Now((live.collect(), next))
    }

    fn now(&self) -> Timestamp {
        self.0.shared.clock.now()
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], EntropyFailed> {
        random(&*self.0.entropy)
    }

    fn handoff_id(&self, secret: &[u8]) -> Option<HandoffId> {
        self.0.shared.world.install_key.handoff_id(secret)
    }

    fn digest(&self, secret: &[u8]) -> Digest {
        self.0.shared.world.install_key.digest(secret)
    }

    fn policy(&self) -> &Policy {
        &self.0.policy
    }

    fn figures(&self) -> Answer<Figures> {
        let Shared {
            world,
            counters,
            memory,
            ..
        } = &self.0.shared;
        Answer::Now(Figures {
            sessions: world.session_count(),
            accounts: world.accounts.count(),
            commands: counters.commands.load(Ordering::Relaxed),
            overloaded: counters.overloaded.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            memory: memory.figures(),
            audit: self.0.shared.audit.figures(),
            logins: self.0.login.passwords.verified(),
            delayed: self.0.login.delayed(),
        })
    }

    fn state_digest(&self) -> Answer<u128> {
        Answer::Now(digest::of(&self.0.shared.world))
    }

    fn is_unsure(&self) -> bool {
        self.unrecorded().is_owed()
    }
}

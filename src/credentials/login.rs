//! Checking somebody who wants to log in, step by step and always in the same time.

mod turn;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::failures::{self, Failures};
use super::passwords::{Passwords, PoolFull};
use super::throttle::{Admission, Counts, Judging};
use super::totp;
use crate::clock::SharedClock;
use crate::engine::guesses::{CountChange, Success};
use crate::engine::world::{SharedWorld, World};
use crate::session::account::{Account, PASSWORD_BYTES_MAX, fold};
use crate::session::guessing::GuessPolicy;
use crate::session::id::{AccountId, ClientId};
use crate::session::origin::Origin;
use crate::session::state::Factors;
use crate::session::time::Timestamp;

/// Somebody who wants to log in.
pub struct Login {
    /// Where it is tried from.
    pub origin: Origin,
    /// The name as given.
    pub username: String,
    /// Whether upper and lower case of ASCII letters count (R20).
    pub exact_name: bool,
    /// The password as given.
    pub password: Zeroizing<String>,
    /// The one-time password, if one was given.
    pub otp: Option<String>,
    /// The client on which it is tried, if failures count for the client and the name together, too.
    pub client: Option<ClientId>,
}

/// A proof that was checked: whose, against which generation, with which factors (R5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The account.
    pub account: AccountId,
    /// Its generation when hash and standing were read.
    pub generation: u32,
    /// What was proven.
    pub factors: Factors,
    /// The one-time-password step to spend.
    pub otp_step: Option<u64>,
    /// The account as it was read.
    pub described: Arc<Account>,
}

/// What the first step of a login gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstStep {
    /// Nothing more is asked for.
    Complete(Proof),
    /// The password was right, and the second factor is still to come. This opens no session (R18).
    Half(HalfProof),
}

/// A password that was checked on an account that asks for a second factor, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfProof {
    /// The account.
    pub account: AccountId,
    /// Its generation when hash and standing were read.
    pub generation: u32,
    /// What was proven so far.
    pub factors: Factors,
    /// The account as it was read.
    pub described: Arc<Account>,
}

/// Why somebody may not log in. What is wrong with an account shows only to the right password (R19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// Unknown name, wrong password, wrong or spent one-time password, or changed meanwhile.
    #[error("wrong user name or password")]
    Wrong,
    /// Right password, but the account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// Right password, but the account is locked or expired.
    #[error("the account is locked or expired")]
    Locked,
    /// Right password, but a second factor is asked for and was not given.
    #[error("a one-time password is needed")]
    SecondFactorRequired,
    /// Too many failures for this name: not looked at for so long.
    #[error("too many attempts")]
    Throttled {
        /// Milliseconds until the next attempt is looked at.
        retry_after_ms: u64,
    },
    /// The hashing pool is full.
    #[error("too much to do at the moment")]
    Overloaded,
}

/// Who keeps count of failures: the directory, by whatever way it is reached.
pub trait Ledger {
    /// Has a count changed, and returns once that is written. The error: it was not.
    fn keep(&self, change: CountChange) -> impl Future<Output = Result<(), NotKept>>;
}

/// A change of a count was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotKept;

/// Where logins are checked.
pub struct LoginDesk {
    world: SharedWorld,
    clock: SharedClock,
    policy: GuessPolicy,
    /// The hashing pool, for those who set passwords, too.
    pub passwords: Passwords,
    judging: Mutex<Judging>,
    waiting: AtomicUsize,
    delayed: AtomicU64,
}

impl LoginDesk {
    /// A desk at which nobody is judged yet.
    #[must_use]
    pub fn new(
        world: SharedWorld,
        clock: SharedClock,
        policy: GuessPolicy,
        passwords: Passwords,
    ) -> Self {
        Self {
            world,
            clock,
            policy,
            passwords,
            judging: Mutex::default(),
            waiting: AtomicUsize::new(0),
            delayed: AtomicU64::new(0),
        }
    }

    /// Why a login is not looked at, if that is known at once; it is counted as such. `None`, and nothing was done, if it
    /// is to be looked at, or has to wait.
    #[must_use]
    pub fn turn_away(&self, login: &Login) -> Option<LoginRefusal> {
        let counts = self.counts_of(login);
        let (world, policy, now) = self.present();
        let admission = self.judging.lock().look(world, policy, &counts, now);
        match admission {
            Admission::After(retry_after_ms) => Some(self.throttled(retry_after_ms)),
            Admission::Now if self.passwords.is_full() => Some(LoginRefusal::Overloaded),
            Admission::Now | Admission::Soon(_) => None,
        }
    }

    fn throttled(&self, retry_after_ms: u64) -> LoginRefusal {
        self.delayed.fetch_add(1, Ordering::Relaxed);
        LoginRefusal::Throttled { retry_after_ms }
    }

    /// Checks name, password and one-time password. The proof carries the generation that was read
    /// together with the hash (R5).
    pub async fn check(
        &self,
        ledger: &impl Ledger,
        mut login: Login,
    ) -> Result<Proof, LoginRefusal> {
        let attempt = self.admit(self.counts_of(&login)).await?;
        let code = login.otp.take();
        let checked = match self.judge_password(login).await {
            Ok(half) => self.complete(half, code.as_deref()),
            Err(refusal) => Err(refusal),
        };
        attempt.close(ledger, checked).await
    }

    /// Checks name and password alone. What asks for a second factor is left half done: its code is
    /// for [`LoginDesk::begin_code`].
    pub async fn begin(
        &self,
        ledger: &impl Ledger,
        login: Login,
    ) -> Result<FirstStep, LoginRefusal> {
        let attempt = self.admit(self.counts_of(&login)).await?;
        let checked = match self.judge_password(login).await {
            Ok(half) if half.described.totp.is_some() => {
                attempt.close_half(ledger).await;
                return Ok(FirstStep::Half(half));
            }
            Ok(half) => self.complete(half, None),
            Err(refusal) => Err(refusal),
        };
        let proof = attempt.close(ledger, checked).await?;
        Ok(FirstStep::Complete(proof))
    }

    /// Waits until a code of this account may be looked at; `None` if the account is gone. Wrong codes
    /// count like wrong passwords.
    pub async fn begin_code(
        &self,
        origin: &Origin,
        account: AccountId,
    ) -> Result<Option<CodeAttempt<'_>>, LoginRefusal> {
        let Some(described) = self.world.accounts.get(account) else {
            return Ok(None);
        };
        let counts = self.counts(&described.username.folded(), origin.address, None);
        let attempt = self.admit(counts).await?;
        Ok(Some(CodeAttempt { attempt, account }))
    }

    /// The failures of an account; `None` if there is none.
    #[must_use]
    pub fn failures(&self, account: AccountId) -> Option<Failures> {
        failures::of(&self.world, &self.policy, account, self.clock.now())
    }

    /// Attempts that were not looked at because too many had failed.
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.delayed.load(Ordering::Relaxed)
    }

    /// Adds the second factor, where one is asked for.
    fn complete(&self, half: HalfProof, code: Option<&str>) -> Result<Proof, LoginRefusal> {
        let mut factors = half.factors;
        let mut otp_step = None;
        if let Some(seed) = &half.described.totp {
            let code = code.ok_or(LoginRefusal::SecondFactorRequired)?;
            let step = totp::matched_step(seed, code, self.clock.wall_ms());
            let step = step.filter(|step| *step > half.described.totp_step_spent);
            otp_step = Some(step.ok_or(LoginRefusal::Wrong)?);
            factors = factors.and(Factors::TOTP);
        }
        Ok(Proof {
            account: half.account,
            generation: half.generation,
            factors,
            otp_step,
            described: half.described,
        })
    }

    async fn judge_password(&self, login: Login) -> Result<HalfProof, LoginRefusal> {
        let accounts = &self.world.accounts;
        let found = if login.exact_name {
            accounts.by_name(&login.username)
        } else {
            accounts.by_folded_name(&login.username)
        };
        let hash = found
            .as_ref()
            .and_then(|(_, account)| account.password.clone());
        // One that is too long fits nothing, after the same time.
        let (password, hash) = match login.password.len() > PASSWORD_BYTES_MAX {
            true => (Zeroizing::default(), None),
            false => (login.password, hash),
        };
        let fits = self.passwords.verify(password, hash).await;
        // Whatever else is wrong with an account shows only to its right password (R19).
        if !fits.map_err(|PoolFull| LoginRefusal::Overloaded)? {
            return Err(LoginRefusal::Wrong);
        }
        let (account, described) = found.ok_or(LoginRefusal::Wrong)?;
        if !described.enabled {
            return Err(LoginRefusal::Disabled);
        }
        if described.is_locked(self.clock.now()) {
            return Err(LoginRefusal::Locked);
        }
        Ok(HalfProof {
            account,
            generation: described.generation,
            factors: Factors::PASSWORD,
            described,
        })
    }

    fn counts_of(&self, login: &Login) -> Counts {
        self.counts(&fold(&login.username), login.origin.address, login.client)
    }

    /// By what and when it is judged now.
    fn present(&self) -> (&World, &GuessPolicy, Timestamp) {
        (&self.world, &self.policy, self.clock.now())
    }

    fn counts(&self, folded: &str, address: Option<IpAddr>, client: Option<ClientId>) -> Counts {
        let (world, policy, now) = self.present();
        Counts::of(world, policy, folded, address, client, now)
    }
}

/// An attempt that is being judged. However it ends, also by hanging up, it no longer is one then; whoever
/// hangs up before the verdict learned nothing, and is not counted.
struct Attempt<'a> {
    desk: &'a LoginDesk,
    counts: Counts,
}

impl Attempt<'_> {
    /// Has it counted how it ended. A failure that cannot be written is not told as one.
    async fn close(
        self,
        ledger: &impl Ledger,
        checked: Result<Proof, LoginRefusal>,
    ) -> Result<Proof, LoginRefusal> {
        match &checked {
            Ok(proof) => {
                let success = self.counts.succeeded(&self.desk.world, proof.account);
                // If this is not kept, nothing is forgotten: whoever was let in is let in all the same.
                let _ = ledger.keep(CountChange::Succeed(success)).await;
            }
            Err(refusal) if self.counts_as_failure(*refusal) => {
                let failure = CountChange::Fail(self.counts.failed());
                let kept = ledger.keep(failure).await;
                kept.map_err(|NotKept| LoginRefusal::Overloaded)?;
            }
            Err(_) => {}
        }
        checked
    }

    /// Right, but not let in yet: earlier failures of the name still count. Those on the guest key were
    /// about the password alone.
    async fn close_half(self, ledger: &impl Ledger) {
        if let Some(device) = self.counts.device() {
            let success = Success {
                cleared: vec![device],
                ..Success::default()
            };
            let _ = ledger.keep(CountChange::Succeed(success)).await;
        }
    }

    /// Where failures count per guest key, whatever is wrong with an account is answered like a wrong
    /// password, and so it is counted like one (R19).
    fn counts_as_failure(&self, refusal: LoginRefusal) -> bool {
        match refusal {
            LoginRefusal::Wrong => true,
            LoginRefusal::Disabled | LoginRefusal::Locked => self.counts.device().is_some(),
            LoginRefusal::SecondFactorRequired
            | LoginRefusal::Throttled { .. }
            | LoginRefusal::Overloaded => false,
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let (world, policy, now) = self.desk.present();
        let mut judging = self.desk.judging.lock();
        judging.end(world, policy, &self.counts, now);
    }
}

/// A code that may be looked at.
pub struct CodeAttempt<'a> {
    attempt: Attempt<'a>,
    account: AccountId,
}

impl CodeAttempt<'_> {
    /// Checks the code of a login whose password was right under `generation` of the account.
    pub async fn judge(
        self,
        ledger: &impl Ledger,
        generation: u32,
        code: &str,
    ) -> Result<Proof, LoginRefusal> {
        let Self { attempt, account } = self;
        let desk = attempt.desk;
        let found = desk.world.accounts.get(account);
        // Where no second factor is asked for, no code is right: nothing is looked at, and nothing counts.
        let same = |found: &Arc<Account>| {
            found.generation == generation && found.enabled && found.totp.is_some()
        };
        let described = found.filter(same).ok_or(LoginRefusal::Wrong)?;
        if described.is_locked(desk.clock.now()) {
            return Err(LoginRefusal::Locked);
        }
        let half = HalfProof {
            account,
            generation,
            factors: Factors::PASSWORD,
            described,
        };
        let checked = desk.complete(half, Some(code));
        attempt.close(ledger, checked).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::engine::command::Command;
    use crate::engine::directory::Directory;
    use crate::engine::event::{AccountCause, DirectoryEvent, Part};
    use crate::engine::facts;
    use crate::session::account::{TotpSeed, Username};
    use crate::session::guessing::STOPPED_RETRY_MS;
    use crate::session::token::InstallKey;
    use std::task::{Context, Poll, Wake, Waker};
    use totp_rs::{Builder, Secret};

    const START_MS: u64 = 1_790_000_010_000;
    const SEED: [u8; 20] = [5; 20];

    /// A desk, and the accounts `alice` and `otto`, of whom a second factor is asked.
    struct Scene {
        desk: LoginDesk,
        directory: Mutex<Directory>,
        clock: Arc<ManualClock>,
        runtime: tokio::runtime::Runtime,
    }

    /// A directory that needs no journal.
    impl Ledger for Scene {
        async fn keep(&self, change: CountChange) -> Result<(), NotKept> {
            let world = &self.desk.world;
            let own = &mut self.directory.lock();
            let change = Command::Count(change);
            let decided = facts::decide_in_directory(world, own, &change, self.clock.now());
            for part in decided.unwrap().parts {
                world.apply(&part, None);
            }
            Ok(())
        }
    }

    const ALICE: AccountId = AccountId(0);
    const OTTO: AccountId = AccountId(1);

    impl Scene {
        fn set() -> Self {
            let clock = Arc::new(ManualClock::at_ms(START_MS));
            let passwords = Passwords::start(clock.clone()).unwrap();
            let world = Arc::new(World::new(InstallKey::new([7; 32])));
            let builder = tokio::runtime::Builder::new_current_thread().build();
            let scene = Self {
                desk: LoginDesk::new(world, clock.clone(), GuessPolicy::default(), passwords),
                directory: Mutex::default(),
                clock,
                runtime: builder.unwrap(),
            };
            let password = Zeroizing::new("password-1".to_owned());
            let hash = scene.desk.passwords.hash(password, [1; 16]);
            let hash = scene.runtime.block_on(hash).unwrap();
            for (id, name) in [(ALICE, "alice"), (OTTO, "Otto")] {
                let seed = (id == OTTO).then(|| TotpSeed(Zeroizing::new(SEED)));
                scene.put(
                    id,
                    Account {
                        generation: 3,
                        password: hash.clone(),
                        totp: seed,
                        ..Account::new(Username::new(name).unwrap(), Timestamp::from_ms(START_MS))
                    },
                );
            }
            scene
        }

        fn put(&self, id: AccountId, account: Account) {
            let event = DirectoryEvent::AccountPut(id, Arc::new(account), AccountCause::Changed);
            self.desk.world.apply(&Part::Directory(event), None);
        }

        fn change(&self, id: AccountId, write: impl FnOnce(&mut Account)) {
            let mut account = Account::clone(&self.desk.world.accounts.get(id).unwrap());
            write(&mut account);
            self.put(id, account);
        }

        fn begin(&self, name: &str, password: &str) -> Result<FirstStep, LoginRefusal> {
            self.begin_from(None, name, password)
        }

        fn begin_from(
            &self,
            from: Option<&str>,
            name: &str,
            password: &str,
        ) -> Result<FirstStep, LoginRefusal> {
            let login = Login {
                origin: Origin {
                    address: from.map(|from| from.parse().unwrap()),
                    ..Origin::node().clone()
                },
                username: name.to_owned(),
                exact_name: false,
                password: Zeroizing::new(password.to_owned()),
                otp: None,
                client: None,
            };
            self.runtime.block_on(self.desk.begin(self, login))
        }

        fn code(&self, generation: u32, code: &str) -> Result<Proof, LoginRefusal> {
            self.runtime.block_on(async {
                let attempt = self.desk.begin_code(Origin::node(), OTTO).await?;
                attempt.unwrap().judge(self, generation, code).await
            })
        }

        /// The code that is right so many milliseconds from now.
        fn right(&self, in_ms: u64) -> String {
            let seed = Secret::new_stack(SEED);
            let codes = Builder::new().with_secret(seed).with_account_name("x");
            let at_s = (self.clock.wall_ms() + in_ms) / 1_000;
            codes.build().unwrap().generate(at_s).to_string()
        }
    }

    #[test]
    fn a_password_is_half_a_proof_where_a_second_factor_is_asked_for() {
        let scene = Scene::set();
        let Ok(FirstStep::Half(half)) = scene.begin("otto", "password-1") else {
            panic!("the password was right");
        };
        assert_eq!((half.account, half.generation), (OTTO, 3));
        assert_eq!(half.factors, Factors::PASSWORD);
        let Ok(FirstStep::Complete(proof)) = scene.begin("ALICE", "password-1") else {
            panic!("the password was right");
        };
        let proven = (
            proof.account,
            proof.generation,
            proof.factors,
            proof.otp_step,
        );
        assert_eq!(proven, (ALICE, 3, Factors::PASSWORD, None));
        for name in ["alice", "otto", "nobody"] {
            assert_eq!(scene.begin(name, "password-2"), Err(LoginRefusal::Wrong));
        }
    }

    #[test]
    fn what_is_wrong_with_an_account_shows_to_the_right_password_only() {
        type Write = fn(&mut Account);
        let cases: [(Write, LoginRefusal); 2] = [
            (|account| account.enabled = false, LoginRefusal::Disabled),
            (|account| account.locked = true, LoginRefusal::Locked),
        ];
        for (write, refusal) in cases {
            let scene = Scene::set();
            scene.change(OTTO, write);
            assert_eq!(scene.begin("otto", "password-1"), Err(refusal));
            assert_eq!(scene.begin("otto", "password-2"), Err(LoginRefusal::Wrong));
        }
    }

    #[test]
    fn a_right_code_completes_the_proof_and_names_the_step_to_spend() {
        let scene = Scene::set();
        let proof = scene.code(3, &scene.right(0)).unwrap();
        let step = START_MS / 30_000;
        let proven = (proof.account, proof.generation, proof.otp_step);
        assert_eq!(proven, (OTTO, 3, Some(step)));
        assert_eq!(proof.factors, Factors::PASSWORD.and(Factors::TOTP));
        scene.change(OTTO, |account| account.totp_step_spent = step);
        assert_eq!(scene.code(3, &scene.right(0)), Err(LoginRefusal::Wrong));
        let next = scene.code(3, &scene.right(30_000)).unwrap();
        assert_eq!(next.otp_step, Some(step + 1));
    }

    #[test]
    fn a_code_is_good_for_the_generation_it_is_asked_for_and_the_standing_of_now() {
        let scene = Scene::set();
        let code = scene.right(0);
        for other in [2, 4] {
            assert_eq!(scene.code(other, &code), Err(LoginRefusal::Wrong));
        }
        scene.change(OTTO, |account| account.generation = 4);
        assert_eq!(scene.code(3, &code), Err(LoginRefusal::Wrong));
        assert!(scene.code(4, &code).is_ok());
        scene.change(OTTO, |account| account.locked = true);
        assert_eq!(scene.code(4, &code), Err(LoginRefusal::Locked));
        scene.change(OTTO, |account| account.enabled = false);
        assert_eq!(scene.code(4, &code), Err(LoginRefusal::Wrong));
        scene.change(OTTO, |account| {
            (account.totp, account.enabled) = (None, true)
        });
        assert_eq!(scene.code(4, &code), Err(LoginRefusal::Wrong), "no factor");
        let nobody = scene.desk.begin_code(Origin::node(), AccountId(9));
        assert!(matches!(scene.runtime.block_on(nobody), Ok(None)));
    }

    /// M-51: each delays the other. A right password is no reason to forget the codes before it.
    #[test]
    fn wrong_codes_and_wrong_passwords_of_a_name_are_counted_together() {
        let scene = Scene::set();
        for _ in 0..3 {
            assert_eq!(scene.code(3, "000000"), Err(LoginRefusal::Wrong));
        }
        assert_eq!(scene.begin("OTTO", "wrong"), Err(LoginRefusal::Wrong));
        let half = scene.begin("otto", "password-1");
        assert!(matches!(half, Ok(FirstStep::Half(_))));
        assert_eq!(scene.code(3, "x"), Err(LoginRefusal::Wrong));
        let throttled = LoginRefusal::Throttled {
            retry_after_ms: 1_000,
        };
        let code = scene.right(0);
        assert_eq!(scene.code(3, &code), Err(throttled));
        assert_eq!(scene.begin("Otto", "password-1"), Err(throttled));
        assert!(scene.begin("alice", "password-1").is_ok());
        scene.clock.advance_ms(1_000);
        assert!(scene.code(3, &code).is_ok());
        // Let in: what was before is forgotten.
        for _ in 0..4 {
            assert_eq!(scene.code(3, "x"), Err(LoginRefusal::Wrong));
        }
        assert!(scene.code(3, &code).is_ok());
    }
    /// O4 of the reliability goals: the victim of an attack logs in from where he is known.
    #[test]
    fn whoever_is_known_waits_for_his_own_failures_alone() {
        let scene = Scene::set();
        let (home, elsewhere) = (Some("192.0.2.7"), Some("198.51.100.1"));
        let right = |from: Option<&str>| scene.begin_from(from, "alice", "password-1");
        let wrong = |from: Option<&str>| scene.begin_from(from, "alice", "password-2");
        assert!(right(home).is_ok());
        for n in 0..100 {
            // Spread, so that no address is delayed.
            let from = format!("203.{n}.113.5");
            assert_eq!(wrong(Some(&from)), Err(LoginRefusal::Wrong), "{n}");
            scene.clock.advance_ms(30_000);
        }
        let stopped = LoginRefusal::Throttled {
            retry_after_ms: STOPPED_RETRY_MS,
        };
        assert_eq!(right(elsewhere), Err(stopped));
        for _ in 0..5 {
            assert_eq!(wrong(home), Err(LoginRefusal::Wrong));
        }
        let delayed = LoginRefusal::Throttled {
            retry_after_ms: 1_000,
        };
        assert_eq!(right(home), Err(delayed));
        scene.clock.advance_ms(1_000);
        assert!(right(home).is_ok());
        // That lifts the stop, and leaves strangers their delay.
        assert_eq!(wrong(elsewhere), Err(LoginRefusal::Wrong));
        let delayed = LoginRefusal::Throttled {
            retry_after_ms: 30_000,
        };
        assert_eq!(right(elsewhere), Err(delayed));
        scene.clock.advance_ms(30_000);
        assert!(right(elsewhere).is_ok());
    }

    /// Else a verdict under a flood would have every login that waits look again, and all be refused at one instant.
    #[test]
    fn a_crowd_that_waits_is_called_one_by_one_and_for_something() {
        struct Calls(AtomicUsize);
        impl Wake for Calls {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let scene = Scene::set();
        let desk = &scene.desk;
        let counts = || desk.counts("nobody", None, None);
        let judged: Vec<_> = (0..5)
            .map(|_| scene.runtime.block_on(desk.admit(counts())).unwrap())
            .collect();
        let mut crowd: Vec<_> = (0..100)
            .map(|_| {
                (
                    Box::pin(desk.admit(counts())),
                    Arc::new(Calls(AtomicUsize::new(0))),
                )
            })
            .collect();
        let mut ask = |n: usize| {
            let (waiting, calls) = &mut crowd[n];
            let waker = Waker::from(calls.clone());
            let asked = waiting.as_mut().poll(&mut Context::from_waker(&waker));
            let refusal = asked.map(|admitted| admitted.err());
            let calls = crowd
                .iter()
                .map(|(_, calls)| calls.0.load(Ordering::Relaxed));
            (refusal, calls.collect::<Vec<_>>())
        };
        for n in 0..100 {
            assert_eq!(ask(n), (Poll::Pending, vec![0; 100]));
        }
        for attempt in judged {
            let wrong = attempt.close(&scene, Err(LoginRefusal::Wrong));
            assert_eq!(scene.runtime.block_on(wrong), Err(LoginRefusal::Wrong));
        }
        let retry_after_ms = 1_000;
        let throttled = Poll::Ready(Some(LoginRefusal::Throttled { retry_after_ms }));
        for n in 0..100 {
            // He was called alone, by the last verdict or by whoever was before him.
            let called = n + 2;
            let calls = (0..100).map(|of| usize::from(of < called)).collect();
            assert_eq!(ask(n), (throttled, calls), "{n}");
        }
        assert_eq!(desk.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_is_not_looked_at_is_turned_away_at_once_and_nobody_else() {
        let scene = Scene::set();
        let login = |name: &str| Login {
            origin: Origin::node().clone(),
            username: name.to_owned(),
            exact_name: true,
            password: Zeroizing::new("password-1".to_owned()),
            otp: None,
            client: None,
        };
        let mut judged = Vec::new();
        for _ in 0..5 {
            assert_eq!(scene.desk.turn_away(&login("alice")), None);
            let counts = scene.desk.counts("alice", None, None);
            let admitted = scene.desk.admit(counts);
            judged.push(scene.runtime.block_on(admitted).unwrap());
        }
        // He has to wait for the verdicts, which are not there yet.
        assert_eq!(scene.desk.turn_away(&login("alice")), None);
        for attempt in judged {
            let wrong = attempt.close(&scene, Err(LoginRefusal::Wrong));
            assert_eq!(scene.runtime.block_on(wrong), Err(LoginRefusal::Wrong));
        }
        for (name, retry_after_ms) in [
            ("alice", Some(1_000)),
            ("ALICE", Some(1_000)),
            ("bob", None),
        ] {
            let throttled =
                retry_after_ms.map(|retry_after_ms| LoginRefusal::Throttled { retry_after_ms });
            assert_eq!(scene.desk.turn_away(&login(name)), throttled, "{name}");
        }
        assert_eq!(scene.desk.delayed(), 2);
        scene.clock.advance_ms(1_000);
        assert_eq!(scene.desk.turn_away(&login("alice")), None);
        assert!(scene.desk.judging.lock().is_empty(), "it only looks");
    }

    /// V-39: on a guest key whatever is wrong is told like a wrong password, so it counts like one.
    #[test]
    fn on_a_guest_key_a_right_password_that_is_refused_counts() {
        let scene = Scene::set();
        scene.change(ALICE, |account| account.locked = true);
        let login = || Login {
            origin: Origin::node().clone(),
            username: "alice".to_owned(),
            exact_name: false,
            password: Zeroizing::new("password-1".to_owned()),
            otp: None,
            client: Some(ClientId::from_bytes([1; 16])),
        };
        for _ in 0..5 {
            let refused = scene.runtime.block_on(scene.desk.begin(&scene, login()));
            assert_eq!(refused, Err(LoginRefusal::Locked));
        }
        let elsewhere = scene.begin("alice", "password-1");
        let retry_after_ms = 1_000;
        assert_eq!(elsewhere, Err(LoginRefusal::Throttled { retry_after_ms }));
    }
}

//! Checking somebody who wants to log in, step by step and always in the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use compact_str::CompactString;
use parking_lot::Mutex;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use super::passwords::{Passwords, PoolFull};
use super::throttle::{Admission, BY_CLIENT_AND_NAME, BY_NAME, Throttle, Verdict};
use super::totp;
use crate::clock::SharedClock;
use crate::engine::world::SharedWorld;
use crate::session::account::{Account, PASSWORD_BYTES_MAX, USERNAME_CHARS_MAX, fold};
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

/// Logins that may wait while others of the same name are judged.
const WAITING_MAX: usize = 1_024;

/// Where logins are checked.
pub struct LoginDesk {
    world: SharedWorld,
    clock: SharedClock,
    /// The hashing pool, for those who set passwords, too.
    pub passwords: Passwords,
    brakes: Mutex<Brakes>,
    /// Told whenever an attempt was judged.
    judged: Notify,
    waiting: AtomicUsize,
}

impl LoginDesk {
    /// A desk that knows no failures.
    #[must_use]
    pub fn new(world: SharedWorld, clock: SharedClock, passwords: Passwords) -> Self {
        Self {
            world,
            clock,
            passwords,
            brakes: Mutex::new(Brakes {
                names: Throttle::new(BY_NAME),
                pairs: Throttle::new(BY_CLIENT_AND_NAME),
            }),
            judged: Notify::new(),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Checks name, password and one-time password. The proof carries the generation that was read
    /// together with the hash (R5).
    pub async fn check(&self, mut login: Login) -> Result<Proof, LoginRefusal> {
        let mut attempt = self.admit(Counted::of(&login)).await?;
        let code = login.otp.take();
        let checked = match self.judge_password(login).await {
            Ok(half) => self.complete(half, code.as_deref()),
            Err(refusal) => Err(refusal),
        };
        attempt.close(checked)
    }

    /// Checks name and password alone. What asks for a second factor is left half done: its code is
    /// for [`LoginDesk::check_code`].
    pub async fn begin(&self, login: Login) -> Result<FirstStep, LoginRefusal> {
        let mut attempt = self.admit(Counted::of(&login)).await?;
        match self.judge_password(login).await {
            Ok(half) if half.described.totp.is_some() => {
                // Right, but not let in: earlier failures of the name still count. Those of the
                // pair were about the password alone.
                attempt.of_pair = Verdict::Right;
                Ok(FirstStep::Half(half))
            }
            Ok(half) => attempt
                .close(self.complete(half, None))
                .map(FirstStep::Complete),
            Err(refusal) => attempt.close(Err(refusal)),
        }
    }

    /// Checks the code of a login whose password was right under `generation` of the account. Wrong
    /// codes count like wrong passwords.
    pub async fn check_code(
        &self,
        _: &Origin,
        account: AccountId,
        generation: u32,
        code: &str,
    ) -> Result<Proof, LoginRefusal> {
        let found = self.world.accounts.get(account);
        // Where no second factor is asked for, no code is right: nothing would be looked at.
        let same = |found: &Arc<Account>| {
            found.generation == generation && found.enabled && found.totp.is_some()
        };
        let described = found.filter(same).ok_or(LoginRefusal::Wrong)?;
        let mut attempt = self
            .admit(Counted::name(described.username.folded()))
            .await?;
        if described.is_locked(self.clock.now()) {
            return Err(LoginRefusal::Locked);
        }
        let half = HalfProof {
            account,
            generation,
            factors: Factors::PASSWORD,
            described,
        };
        attempt.close(self.complete(half, Some(code)))
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
        if login.password.len() > PASSWORD_BYTES_MAX {
            return Err(LoginRefusal::Wrong);
        }
        let fits = self.passwords.verify(login.password, hash).await;
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

    /// Waits until an attempt under these names may be judged.
    async fn admit(&self, counted: Counted) -> Result<Attempt<'_>, LoginRefusal> {
        let mut place = None;
        loop {
            // Enrolled before asking, so that no verdict in between goes unheard.
            let judged = self.judged.notified();
            let admission = self.brakes.lock().begin(&counted, self.clock.now());
            match admission {
                Admission::Now => {
                    return Ok(Attempt {
                        desk: self,
                        counted,
                        of_name: Verdict::Neither,
                        of_pair: Verdict::Neither,
                    });
                }
                Admission::After(retry_after_ms) => {
                    return Err(LoginRefusal::Throttled { retry_after_ms });
                }
                Admission::Soon => {}
            }
            if place.is_none() {
                place = Some(Place::take(&self.waiting).ok_or(LoginRefusal::Overloaded)?);
            }
            judged.await;
        }
    }
}

/// Bytes of a name by which failures are counted: no user name is longer, so what is cut off tells
/// apart only names that nobody has.
const COUNTED_BYTES_MAX: usize = 4 * USERNAME_CHARS_MAX;

/// Under what the failures of an attempt are counted.
struct Counted {
    /// The name, folded.
    name: CompactString,
    /// The client and the name together, for surfaces that count those.
    pair: Option<CompactString>,
}

impl Counted {
    fn of(login: &Login) -> Self {
        let name = fold(&login.username);
        let mut counted = Self::name(name);
        counted.pair = login.client.map(|client| {
            let mut pair = CompactString::from(client.to_string());
            pair.push_str(&counted.name);
            pair
        });
        counted
    }

    fn name(mut name: CompactString) -> Self {
        name.truncate(name.floor_char_boundary(COUNTED_BYTES_MAX));
        Self { name, pair: None }
    }
}

/// The failures of names, and of clients and names together.
struct Brakes {
    names: Throttle,
    pairs: Throttle,
}

impl Brakes {
    /// Both must let the attempt through.
    fn begin(&mut self, counted: &Counted, now: Timestamp) -> Admission {
        if let Some(pair) = &counted.pair {
            let admission = self.pairs.begin(pair, now);
            if admission != Admission::Now {
                return admission;
            }
        }
        let admission = self.names.begin(&counted.name, now);
        if let (true, Some(pair)) = (admission != Admission::Now, &counted.pair) {
            self.pairs.end(pair, now, Verdict::Neither);
        }
        admission
    }

    fn end(&mut self, counted: &Counted, now: Timestamp, of_name: Verdict, of_pair: Verdict) {
        self.names.end(&counted.name, now, of_name);
        if let Some(pair) = &counted.pair {
            self.pairs.end(pair, now, of_pair);
        }
    }
}

/// A place among those who wait.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        (before < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An attempt that is being judged. However it ends, also by hanging up, it is ended in the throttles.
struct Attempt<'a> {
    desk: &'a LoginDesk,
    counted: Counted,
    of_name: Verdict,
    of_pair: Verdict,
}

impl Attempt<'_> {
    /// Notes how it ended. Where failures count per client, whatever is wrong with an account is
    /// answered like a wrong password, and so it is counted like one (R19).
    fn close<T>(&mut self, checked: Result<T, LoginRefusal>) -> Result<T, LoginRefusal> {
        (self.of_name, self.of_pair) = match &checked {
            Ok(_) => (Verdict::Right, Verdict::Right),
            Err(LoginRefusal::Wrong) => (Verdict::Wrong, Verdict::Wrong),
            Err(LoginRefusal::Disabled | LoginRefusal::Locked) => {
                (Verdict::Neither, Verdict::Wrong)
            }
            Err(
                LoginRefusal::SecondFactorRequired
                | LoginRefusal::Throttled { .. }
                | LoginRefusal::Overloaded,
            ) => (Verdict::Neither, Verdict::Neither),
        };
        checked
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let now = self.desk.clock.now();
        let mut brakes = self.desk.brakes.lock();
        brakes.end(&self.counted, now, self.of_name, self.of_pair);
        drop(brakes);
        self.desk.judged.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::engine::event::{AccountCause, DirectoryEvent, Part};
    use crate::engine::world::World;
    use crate::session::account::{ClientType, TotpSeed, Username};
    use crate::session::time::Timestamp;
    use crate::session::token::InstallKey;
    use totp_rs::{Builder, Secret};

    const START_MS: u64 = 1_790_000_010_000;
    const SEED: [u8; 20] = [5; 20];

    /// A desk, and the accounts `alice` and `otto`, of whom a second factor is asked.
    struct Scene {
        desk: LoginDesk,
        clock: Arc<ManualClock>,
        runtime: tokio::runtime::Runtime,
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
                desk: LoginDesk::new(world, clock.clone(), passwords),
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
                        username: Username::new(name).unwrap(),
                        external_subject: None,
                        generation: 3,
                        password: hash.clone(),
                        totp: seed,
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
                        created: Timestamp::from_ms(START_MS),
                        updated: Timestamp::from_ms(START_MS),
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
            self.runtime.block_on(self.desk.begin(Login {
                origin: Origin::node().clone(),
                username: name.to_owned(),
                exact_name: false,
                password: Zeroizing::new(password.to_owned()),
                otp: None,
                client: None,
            }))
        }

        fn code(&self, generation: u32, code: &str) -> Result<Proof, LoginRefusal> {
            let checked = self.desk.check_code(Origin::node(), OTTO, generation, code);
            self.runtime.block_on(checked)
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
        let nobody = scene
            .desk
            .check_code(Origin::node(), AccountId(9), 0, &code);
        assert_eq!(scene.runtime.block_on(nobody), Err(LoginRefusal::Wrong));
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
}

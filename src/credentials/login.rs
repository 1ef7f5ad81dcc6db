//! Checking somebody who wants to log in, step by step and always in the same time.

use std::sync::Arc;

use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::passwords::{Passwords, PoolFull};
use super::throttle::Throttle;
use super::totp;
use crate::clock::SharedClock;
use crate::engine::world::SharedWorld;
use crate::session::account::{Account, PASSWORD_BYTES_MAX, fold};
use crate::session::id::AccountId;
use crate::session::state::Factors;

/// Somebody who wants to log in.
pub struct Login {
    /// The name as given.
    pub username: String,
    /// Whether upper and lower case of ASCII letters count (R20).
    pub exact_name: bool,
    /// The password as given.
    pub password: Zeroizing<String>,
    /// The one-time password, if one was given.
    pub otp: Option<String>,
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

/// Where logins are checked.
pub struct LoginDesk {
    world: SharedWorld,
    clock: SharedClock,
    /// The hashing pool, for those who set passwords, too.
    pub passwords: Passwords,
    throttle: Mutex<Throttle>,
}

impl LoginDesk {
    /// A desk that knows no failures.
    #[must_use]
    pub fn new(world: SharedWorld, clock: SharedClock, passwords: Passwords) -> Self {
        Self {
            world,
            clock,
            passwords,
            throttle: Mutex::default(),
        }
    }

    /// Checks name, password and one-time password. The proof carries the generation that was read
    /// together with the hash (R5).
    pub async fn check(&self, login: Login) -> Result<Proof, LoginRefusal> {
        let name = fold(&login.username);
        let retry_after_ms = self.throttle.lock().wait_ms(&name, self.clock.now());
        if retry_after_ms > 0 {
            return Err(LoginRefusal::Throttled { retry_after_ms });
        }
        let accounts = &self.world.accounts;
        let found = if login.exact_name {
            accounts.by_name(&login.username)
        } else {
            accounts.by_folded_name(&login.username)
        };
        let hash = found
            .as_ref()
            .and_then(|(_, account)| account.password.clone());
        let fits = login.password.len() <= PASSWORD_BYTES_MAX
            && self
                .passwords
                .verify(login.password, hash)
                .await
                .map_err(|PoolFull| LoginRefusal::Overloaded)?;
        // Whatever else is wrong with an account shows only to its right password (R19).
        let Some((id, account)) = found.filter(|_| fits) else {
            return Err(self.wrong(&name));
        };
        if !account.enabled {
            return Err(LoginRefusal::Disabled);
        }
        if account.is_locked(self.clock.now()) {
            return Err(LoginRefusal::Locked);
        }
        let mut factors = Factors::PASSWORD;
        let mut otp_step = None;
        if let Some(seed) = &account.totp {
            let code = login.otp.ok_or(LoginRefusal::SecondFactorRequired)?;
            let step = totp::matched_step(seed, &code, self.clock.wall_ms());
            let Some(step) = step.filter(|step| *step > account.totp_step_spent) else {
                return Err(self.wrong(&name));
            };
            otp_step = Some(step);
            factors = factors.and(Factors::TOTP);
        }
        self.throttle.lock().succeeded(&name);
        Ok(Proof {
            account: id,
            generation: account.generation,
            factors,
            otp_step,
            described: account,
        })
    }

    fn wrong(&self, name: &str) -> LoginRefusal {
        self.throttle.lock().failed(name, self.clock.now());
        LoginRefusal::Wrong
    }
}

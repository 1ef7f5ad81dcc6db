//! Argon2id in a bounded pool of its own threads (ARCHITECTURE, Bounds).
//!
//! Invariants: at most 64 jobs wait per thread, and none longer than 5 s; a password is wiped when
//! its job is done; memory is bounded by the number of threads; whoever answers requests comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use argon2::password_hash::PasswordVerifier;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use parking_lot::Mutex;
use rustix::process::nice;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::clock::SharedClock;
use crate::session::account::PasswordHash;
use crate::session::time::Timestamp;

/// Jobs that may wait per thread.
const QUEUE_PER_THREAD: usize = 64;
/// How far the threads stand back: they use what the others leave, and a tenth at least where all are busy.
const NICENESS: i32 = 10;
/// A job that waited longer is not done.
const QUEUE_AGE_MAX_MS: u64 = 5_000;

/// Memory in KiB, passes, lanes: OWASP's first choice, ASVS 11.4.2.
#[cfg(not(feature = "testing"))]
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Cheap, so that tests log in by the thousand. Refused by release builds.
#[cfg(feature = "testing")]
const COST: (u32, u32, u32) = (8, 1, 1);

/// Stands in for the hash of an account that has none. No password fits it: nobody knows a
/// preimage of the constant.
#[cfg(not(feature = "testing"))]
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2Vzc2lsZSBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
#[cfg(feature = "testing")]
const NOBODY: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2Vzc2lsZSBub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The pool has no room, or the job waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct PoolFull;

enum Work {
    Verify(Option<PasswordHash>, oneshot::Sender<bool>),
    Hash([u8; 16], oneshot::Sender<Option<PasswordHash>>),
}

struct Job {
    password: Zeroizing<String>,
    queued_at: Timestamp,
    work: Work,
}

/// The pool.
#[derive(Clone)]
pub struct Passwords {
    jobs: SyncSender<Job>,
    clock: SharedClock,
    verified: Arc<AtomicU64>,
}

impl Passwords {
    /// Starts the threads: one less than the processors, at least one.
    pub fn start(clock: SharedClock) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.saturating_sub(1).max(1);
        let (jobs, waiting) = sync_channel(QUEUE_PER_THREAD * threads);
        let waiting = Arc::new(Mutex::new(waiting));
        let verified = Arc::new(AtomicU64::new(0));
        for n in 0..threads {
            let (waiting, clock) = (waiting.clone(), clock.clone());
            let verified = verified.clone();
            let name = format!("sessile-argon2-{n}");
            std::thread::Builder::new()
                .name(name)
                .spawn(move || work(&waiting, &clock, &verified))?;
        }
        Ok(Self {
            jobs,
            clock,
            verified,
        })
    }

    /// Whether the password fits the hash. Without a hash the answer is no, after the same time.
    pub async fn verify(
        &self,
        password: Zeroizing<String>,
        hash: Option<PasswordHash>,
    ) -> Result<bool, PoolFull> {
        let (reply, answer) = oneshot::channel();
        self.queue(password, Work::Verify(hash, reply))?;
        answer.await.map_err(|_| PoolFull)
    }

    /// Passwords that were compared with a hash, or with what stands in for none.
    #[must_use]
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// Hashes a password with this salt.
    pub async fn hash(
        &self,
        password: Zeroizing<String>,
        salt: [u8; 16],
    ) -> Result<Option<PasswordHash>, PoolFull> {
        let (reply, answer) = oneshot::channel();
        self.queue(password, Work::Hash(salt, reply))?;
        answer.await.map_err(|_| PoolFull)
    }

    fn queue(&self, password: Zeroizing<String>, work: Work) -> Result<(), PoolFull> {
        let job = Job {
            password,
            queued_at: self.clock.now(),
            work,
        };
        self.jobs.try_send(job).map_err(|_| PoolFull)
    }
}

/// Does jobs until the pool is dropped.
fn work(waiting: &Mutex<Receiver<Job>>, clock: &SharedClock, verified: &AtomicU64) {
    // Of this thread alone. A system that does not know that leaves it as it is.
    let _ = nice(NICENESS);
    let argon2 = argon2();
    loop {
        let Ok(job) = waiting.lock().recv() else {
            return;
        };
        do_job(job, &argon2, clock, verified);
    }
}

fn argon2() -> Argon2<'static> {
    let cost = Params::new(COST.0, COST.1, COST.2, None).unwrap_or(Params::DEFAULT);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
}

fn do_job(job: Job, argon2: &Argon2<'_>, clock: &SharedClock, verified: &AtomicU64) {
    if clock.now().since_ms(job.queued_at) > QUEUE_AGE_MAX_MS {
        // Dropping the reply channel tells the one who waits.
        return;
    }
    let password = job.password.as_bytes();
    // Whoever waited may have hung up; then the answer is dropped.
    match job.work {
        Work::Verify(hash, reply) => {
            let phc = hash.as_ref().map_or(NOBODY, |hash| &hash.0);
            let fits = argon2.verify_password(password, phc).is_ok();
            verified.fetch_add(1, Ordering::Relaxed);
            let _ = reply.send(fits && hash.is_some());
        }
        Work::Hash(salt, reply) => {
            let hash = argon2.hash_password_with_salt(password, &salt).ok();
            let _ = reply.send(hash.map(|hash| PasswordHash(hash.to_string().into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_password_fits_its_hash_and_nothing_fits_nobody() {
        let pool = Passwords::start(Arc::new(ManualClock::at_ms(0))).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let password = || Zeroizing::new("correct horse 1".to_owned());
            let hash = pool.hash(password(), [7; 16]).await.unwrap();
            assert!(hash.is_some());
            assert_eq!(pool.verify(password(), hash.clone()).await, Ok(true));
            assert_eq!(
                pool.verify(Zeroizing::new("wrong".into()), hash).await,
                Ok(false)
            );
            assert_eq!(pool.verify(password(), None).await, Ok(false));
        });
    }

    #[test]
    fn the_surplus_is_refused_at_once_and_what_waited_too_long_is_not_done() {
        let clock = Arc::new(ManualClock::at_ms(0));
        let (jobs, waiting) = sync_channel(QUEUE_PER_THREAD);
        let pool = Passwords {
            jobs,
            clock: clock.clone(),
            verified: Arc::default(),
        };
        let ask = || Box::pin(pool.verify(Zeroizing::new("correct horse 1".into()), None));
        let mut waiting_ones: Vec<_> = (0..QUEUE_PER_THREAD).map(|_| ask()).collect();
        for one in &mut waiting_ones {
            assert_eq!(one.now_or_never(), None);
        }
        for _ in 0..QUEUE_PER_THREAD {
            assert_eq!(ask().now_or_never(), Some(Err(PoolFull)));
        }
        clock.advance_ms(QUEUE_AGE_MAX_MS + 1);
        let shared: SharedClock = clock;
        let thread = std::thread::spawn(move || {
            let waiting = Mutex::new(waiting);
            // As long as there are jobs, and no longer.
            while let Ok(job) = waiting.lock().try_recv() {
                assert!(shared.now().since_ms(job.queued_at) > QUEUE_AGE_MAX_MS);
                do_job(job, &argon2(), &shared, &AtomicU64::new(0));
            }
        });
        thread.join().unwrap();
        for one in waiting_ones {
            assert_eq!(one.now_or_never(), Some(Err(PoolFull)));
        }
    }

    #[test]
    fn the_stand_in_for_no_hash_costs_what_a_real_one_costs() {
        let hash = argon2::password_hash::phc::PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), COST);
    }

    #[test]
    fn a_hash_made_by_an_older_release_of_the_library_still_fits() {
        // Made with argon2 0.5: password "hunter42", cost m=19456 t=2 p=1.
        let old = include_str!("../../tests/vectors/argon2-0.5.phc").trim();
        let hash = argon2::password_hash::phc::PasswordHash::new(old).unwrap();
        assert!(
            Argon2::default()
                .verify_password(b"hunter42", &hash)
                .is_ok()
        );
    }
}

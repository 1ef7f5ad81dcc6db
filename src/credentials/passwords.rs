//! Argon2id in a bounded pool of its own threads (ARCHITECTURE, Bounds).
//!
//! Each thread of the pool attends one of the idle policy (`idle.rs`), has it compare passwords, and compares them itself
//! while all processors are busy. So logins take what the others leave, and go on where they leave nothing.
//!
//! Invariants: at most 64 jobs wait per thread, and none longer than 5 s; a password is wiped when
//! its job is done; memory is bounded by the number of threads; whoever answers requests comes first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use rustix::process::nice;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::argon::{self, Comparison, Memory};
use super::idle::Idle;
use crate::clock::SharedClock;
use crate::session::account::PasswordHash;
use crate::session::time::Timestamp;

/// Jobs that may wait per thread.
const QUEUE_PER_THREAD: usize = 64;
/// How far the threads stand back: where all processors are busy, they have a tenth of one at least.
const NICENESS: i32 = 10;
/// A job that waited longer is not done.
const QUEUE_AGE_MAX_MS: u64 = 5_000;

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
    /// Jobs that wait, or are about to.
    waiting: Arc<AtomicUsize>,
    room: usize,
    clock: SharedClock,
    verified: Arc<AtomicU64>,
}

impl Passwords {
    /// Starts the threads: one less than the processors, at least one.
    pub fn start(clock: SharedClock) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.saturating_sub(1).max(1);
        let room = QUEUE_PER_THREAD * threads;
        let (jobs, next) = sync_channel(room);
        let next = Arc::new(Mutex::new(next));
        let waiting = Arc::new(AtomicUsize::new(0));
        let verified = Arc::new(AtomicU64::new(0));
        for n in 0..threads {
            let next = next.clone();
            let attendant = Attendant {
                waiting: waiting.clone(),
                idle: Idle::start(format!("sessile-idle-{n}"))?,
                clock: clock.clone(),
                verified: verified.clone(),
            };
            std::thread::Builder::new()
                .name(format!("sessile-argon2-{n}"))
                .spawn(move || attendant.work(&next))?;
        }
        Ok(Self {
            jobs,
            waiting,
            room,
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

    /// Whether the pool has no room at the moment: whoever asks it for something is refused.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.room
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
        // Before it can be taken, so that there are never less than none.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            PoolFull
        })
    }
}

/// A thread of the pool.
struct Attendant {
    waiting: Arc<AtomicUsize>,
    idle: Idle,
    clock: SharedClock,
    verified: Arc<AtomicU64>,
}

impl Attendant {
    /// Does jobs until the pool is dropped.
    fn work(&self, next: &Mutex<Receiver<Job>>) {
        // Of this thread alone. A system that does not know that leaves it as it is.
        let _ = nice(NICENESS);
        loop {
            let Ok(job) = next.lock().recv() else {
                return;
            };
            self.do_job(job);
        }
    }

    fn do_job(&self, job: Job) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.clock.now().since_ms(job.queued_at) > QUEUE_AGE_MAX_MS {
            // Dropping the reply channel tells the one who waits.
            return;
        }
        let password = job.password;
        // Whoever waited may have hung up; then the answer is dropped.
        match job.work {
            Work::Verify(hash, reply) => {
                let comparison = Arc::new(Comparison { password, hash });
                let fits = self.idle.fits(&comparison);
                let fits = fits.unwrap_or_else(|| comparison.fits(&mut Memory::default()));
                self.verified.fetch_add(1, Ordering::Relaxed);
                let _ = reply.send(fits);
            }
            Work::Hash(salt, reply) => {
                let _ = reply.send(argon::hash(&password, &salt));
            }
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
            waiting: Arc::default(),
            room: QUEUE_PER_THREAD,
            clock: clock.clone(),
            verified: Arc::default(),
        };
        let ask = || Box::pin(pool.verify(Zeroizing::new("correct horse 1".into()), None));
        let mut waiting_ones: Vec<_> = (0..QUEUE_PER_THREAD).map(|_| ask()).collect();
        for one in &mut waiting_ones {
            assert!(!pool.is_full());
            assert_eq!(one.now_or_never(), None);
        }
        assert!(pool.is_full());
        for _ in 0..QUEUE_PER_THREAD {
            assert_eq!(ask().now_or_never(), Some(Err(PoolFull)));
        }
        clock.advance_ms(QUEUE_AGE_MAX_MS + 1);
        let shared: SharedClock = clock;
        let counted = pool.waiting.clone();
        let thread = std::thread::spawn(move || {
            let attendant = Attendant {
                waiting: counted,
                idle: Idle::start("idle".to_owned()).unwrap(),
                clock: shared.clone(),
                verified: Arc::default(),
            };
            // As long as there are jobs, and no longer.
            while let Ok(job) = waiting.try_recv() {
                assert!(shared.now().since_ms(job.queued_at) > QUEUE_AGE_MAX_MS);
                attendant.do_job(job);
            }
        });
        thread.join().unwrap();
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        for one in waiting_ones {
            assert_eq!(one.now_or_never(), Some(Err(PoolFull)));
        }
    }
}

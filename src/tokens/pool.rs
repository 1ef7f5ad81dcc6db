//! Signatures and new keys in a bounded pool of its own threads (ARCHITECTURE, Bounds).
//!
//! Invariants: at most 64 jobs wait per thread, and none longer than 5 s.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::keys::{self, KeyFailed, Signer};
use crate::clock::SharedClock;
use crate::session::jwt::{SigningAlgorithm, SigningKey};
use crate::session::time::Timestamp;

/// Jobs that may wait per thread.
const QUEUE_PER_THREAD: usize = 64;
/// A job that waited longer is not done.
const QUEUE_AGE_MAX_MS: u64 = 5_000;

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningFailed {
    /// The pool has no room, or the job waited too long.
    #[error("too many tokens are being signed")]
    PoolFull,
    /// The key cannot be used, the claims are too long, or no randomness was to be had.
    #[error("the token cannot be made")]
    Unusable,
}

impl From<KeyFailed> for SigningFailed {
    fn from(_: KeyFailed) -> Self {
        Self::Unusable
    }
}

enum Work {
    Sign(
        Arc<Signer>,
        String,
        oneshot::Sender<Result<Vec<u8>, KeyFailed>>,
    ),
    Generate(
        SigningAlgorithm,
        oneshot::Sender<Result<SigningKey, KeyFailed>>,
    ),
}

struct Job {
    queued_at: Timestamp,
    work: Work,
}

/// The pool.
pub(super) struct Pool {
    jobs: SyncSender<Job>,
    clock: SharedClock,
}

impl Pool {
    /// Starts the threads: one less than the processors, at least one.
    pub(super) fn start(clock: SharedClock) -> std::io::Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.saturating_sub(1).max(1);
        let (jobs, waiting) = sync_channel(QUEUE_PER_THREAD * threads);
        let waiting = Arc::new(Mutex::new(waiting));
        for n in 0..threads {
            let (waiting, clock) = (waiting.clone(), clock.clone());
            std::thread::Builder::new()
                .name(format!("sessile-sign-{n}"))
                .spawn(move || work(&waiting, &clock))?;
        }
        Ok(Self { jobs, clock })
    }

    /// Signs a message; gives it back with its signature.
    pub(super) async fn sign(
        &self,
        signer: Arc<Signer>,
        message: String,
    ) -> Result<(String, Vec<u8>), SigningFailed> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::Sign(signer, message.clone(), reply))?;
        let signature = answer.await.map_err(|_| SigningFailed::PoolFull)??;
        Ok((message, signature))
    }

    /// Makes a key.
    pub(super) async fn generate(
        &self,
        algorithm: SigningAlgorithm,
    ) -> Result<SigningKey, SigningFailed> {
        let (reply, answer) = oneshot::channel();
        self.queue(Work::Generate(algorithm, reply))?;
        Ok(answer.await.map_err(|_| SigningFailed::PoolFull)??)
    }

    fn queue(&self, work: Work) -> Result<(), SigningFailed> {
        let job = Job {
            queued_at: self.clock.now(),
            work,
        };
        self.jobs.try_send(job).map_err(|_| SigningFailed::PoolFull)
    }
}

/// Does jobs until the pool is dropped.
fn work(waiting: &Mutex<Receiver<Job>>, clock: &SharedClock) {
    loop {
        let Ok(job) = waiting.lock().recv() else {
            return;
        };
        if clock.now().since_ms(job.queued_at) > QUEUE_AGE_MAX_MS {
            // Dropping the reply channel tells the one who waits.
            continue;
        }
        // Whoever waited may have hung up; then the answer is dropped.
        match job.work {
            Work::Sign(signer, message, reply) => {
                let _ = reply.send(signer.sign(message.as_bytes()));
            }
            Work::Generate(algorithm, reply) => {
                let _ = reply.send(keys::generate(algorithm, clock.now()));
            }
        }
    }
}

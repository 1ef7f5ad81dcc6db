//! Waiting with a bound, and holding back: what the tests of this binary have in common.
//!
//! A fence proves that every owner had its chance, a pump empties a held journal, a witness tells
//! what passes through one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use sessile::actors::handle::EngineHandle;
use sessile::door::Engine;
use sessile::engine::command::Command;
use sessile::engine::event::Part;
use sessile::journal::memory::MemoryJournal;
use sessile::journal::{Entry, Journal, JournalRefused};
use sessile::session::id::{KeyId, SessionId};
use sessile::session::origin::Origin;

use crate::rig::{Said, end};

/// Polls until something holds; gives up after half a minute.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..30_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("this never came: {what}");
}

/// Waits for a future on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

/// A command that was sent and is not awaited yet.
pub(crate) struct Sent<'a> {
    future: Pin<Box<dyn Future<Output = Said> + 'a>>,
    said: Option<Said>,
}

/// Sends a command now, so that several can be sent in a known order.
pub(crate) fn send(engine: &EngineHandle, command: Command) -> Sent<'_> {
    let mut sent = Sent {
        future: Box::pin(engine.ask(Origin::node(), command)),
        said: None,
    };
    sent.is_answered();
    sent
}

impl Sent<'_> {
    /// Whether the answer is there.
    pub(crate) fn is_answered(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        if self.said.is_none()
            && let Poll::Ready(said) = self.future.as_mut().poll(&mut context)
        {
            self.said = Some(said);
        }
        self.said.is_some()
    }

    /// The answer.
    pub(crate) fn answer(self) -> Said {
        match self.said {
            Some(said) => said,
            None => wait(self.future),
        }
    }
}

/// Returns when every owner has applied what was durable when this was called and may be applied.
pub(crate) fn fence(engine: &EngineHandle) {
    for nth in 0..16_u8 {
        fence_at(engine, SessionId::from_bytes([nth * 16; 16]));
    }
    for _ in 0..2 {
        assert!(
            wait(engine.ask(Origin::node(), Command::DeleteKey(KeyId(u32::MAX >> 1)))).is_err()
        );
    }
}

/// The same for the owner of one slot: the one in which an unknown id lies.
pub(crate) fn fence_at(engine: &EngineHandle, unknown: SessionId) {
    // An owner looks at its queue after each message: the second answer proves the first look.
    for _ in 0..2 {
        assert!(wait(engine.ask(Origin::node(), end(unknown))).is_err());
    }
}

/// Lets every record of a held journal go, until it is dropped.
pub(crate) struct Pump {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    pub(crate) fn on(journal: &Arc<MemoryJournal>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, journal) = (stop.clone(), journal.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                journal.release(usize::MAX);
                std::thread::park_timeout(Duration::from_micros(200));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

/// Where a record is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its decider gave it to the journal.
    Appended,
    /// The journal is about to report it.
    Durable,
}

type Tell = Arc<dyn Fn(Moment, &[Part]) + Send + Sync>;

/// A journal that tells what passes through another one.
pub(crate) struct Witness {
    journal: Arc<MemoryJournal>,
    tell: Tell,
}

impl Witness {
    pub(crate) fn of(
        journal: Arc<MemoryJournal>,
        tell: impl Fn(Moment, &[Part]) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            journal,
            tell: Arc::new(tell),
        })
    }
}

impl Journal for Witness {
    fn append(&self, entry: Arc<dyn Entry>) -> Result<(), JournalRefused> {
        (self.tell)(Moment::Appended, entry.parts());
        let tell = self.tell.clone();
        self.journal.append(Arc::new(Watched { entry, tell }))
    }
}

struct Watched {
    entry: Arc<dyn Entry>,
    tell: Tell,
}

impl Entry for Watched {
    fn parts(&self) -> &[Part] {
        self.entry.parts()
    }

    fn durable(self: Arc<Self>, sequence: u64) {
        (self.tell)(Moment::Durable, self.entry.parts());
        self.entry.clone().durable(sequence);
    }

    fn refused(self: Arc<Self>) {
        self.entry.clone().refused();
    }
}

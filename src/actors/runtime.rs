//! Starting the owners, each on a thread of its own, and what a panic in one of them means.

use std::cell::Cell;
use std::sync::Arc;

use actix::{Actor, Arbiter};

use super::commit::{CommitQueue, Queues};
use super::handle::EngineHandle;
use super::mailbox::Mailbox;
use super::owner::{Counters, Owner, Shared};
use super::rooms::ShardRoom;
use crate::audit::sink::Audit;
use crate::clock::SharedClock;
use crate::credentials::login::LoginDesk;
use crate::credentials::passwords::Passwords;
use crate::engine::state::State;
use crate::entropy::SharedEntropy;
use crate::journal::SharedJournal;
use crate::session::policy::Policy;
use crate::tokens::desk::TokenDesk;

thread_local! {
    static OWNER_THREAD: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn mark_owner_thread() {
    OWNER_THREAD.set(true);
}

/// From now on a panic of an owner, or of a thread with one of these names, ends the process with exit
/// code 6: it would leave state that nobody owns, or a disk that nobody writes (R12). A panic elsewhere
/// costs one request.
pub fn end_process_on_panic_of_owners_and(threads: &'static [&'static str]) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        let this = std::thread::current();
        if OWNER_THREAD.get() || this.name().is_some_and(|name| threads.contains(&name)) {
            #[expect(clippy::exit, reason = "nothing may run on without its owner")]
            std::process::exit(6);
        }
    }));
}

/// What the engine runs on.
pub struct Ports {
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub entropy: SharedEntropy,
    /// Where records go.
    pub journal: SharedJournal,
    /// Where it is told who did what.
    pub audit: Audit,
}

/// The running owners.
pub struct Owners {
    arbiters: Vec<Arbiter>,
}

impl Owners {
    /// Ends the owners' threads. Commands that are still waiting are answered "unavailable".
    pub fn stop(self) {
        for arbiter in self.arbiters {
            arbiter.stop();
            // A thread that panicked has nothing left to wait for.
            let _ = arbiter.join();
        }
    }
}

/// Starts an engine of `shards` shards that goes on from `state`.
///
/// Must be called inside an actix system. Errors: no thread was to be had.
pub fn start(
    ports: Ports,
    policy: Policy,
    shards: u16,
    state: State,
) -> anyhow::Result<(EngineHandle, Owners)> {
    let State { world, directory } = state;
    let queues: Queues = (0..=shards).map(|_| CommitQueue::default()).collect();
    let shared = Shared {
        world: world.clone(),
        clock: ports.clock.clone(),
        journal: ports.journal,
        queues,
        counters: Arc::new(Counters::default()),
        memory: Arc::default(),
        unrecorded: Arc::default(),
        audit: ports.audit,
    };
    let mut arbiters = Vec::new();
    let shard_mailboxes = (0..shards)
        .map(|shard| {
            let arbiter = Arbiter::new();
            let room = ShardRoom::new(shard, shards);
            let owner = Owner::new(room, usize::from(shard), shared.clone());
            let address = Owner::start_in_arbiter(&arbiter.handle(), move |_| owner);
            arbiters.push(arbiter);
            Mailbox::of(address)
        })
        .collect();
    let arbiter = Arbiter::new();
    let owner = Owner::new(directory, usize::from(shards), shared.clone());
    let directory = Mailbox::of(Owner::start_in_arbiter(&arbiter.handle(), move |_| owner));
    arbiters.push(arbiter);
    let tokens = TokenDesk::start(world.clone(), ports.clock.clone(), ports.entropy.clone())?;
    let passwords = Passwords::start(shared.clock.clone())?;
    let login = LoginDesk::new(world, ports.clock, policy.guessing.clone(), passwords);
    let handle = EngineHandle::new(
        shared,
        ports.entropy,
        policy,
        login,
        tokens,
        shard_mailboxes,
        directory,
    );
    Ok((handle, Owners { arbiters }))
}

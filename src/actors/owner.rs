//! The actor: decides, claims, appends, and applies when the journal says so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, StreamHandler};
use futures_util::stream;
use hashbrown::HashMap;

use super::audited::Ended;
use super::claims::{Admission, Claims};
use super::commit::{Commit, Place, Queues};
use super::memory::Memory;
use super::messages::{Ask, GRANT_AGE_MAX_MS, IN_FLIGHT_MAX, MAILBOX_MAX};
use super::rooms::{Room, TICK_MS};
use super::runtime;
use super::unrecorded::Unrecorded;
use crate::audit::sink::Audit;
use crate::clock::SharedClock;
use crate::door::ServiceError;
use crate::engine::command::{Claim, Reply};
use crate::engine::error::Refusal;
use crate::engine::event::Part;
use crate::engine::world::{SharedWorld, World};
use crate::faults;
use crate::journal::{Entry, SharedJournal, Stake};

/// Sessions and the like that one record of an owner's own is about, at most; a part that alone is about more has
/// a record to itself. What takes an owner longer than some 100 µs makes those wait who answer requests.
const SLICE_WEIGHT_MAX: usize = 128;
/// How long an owner lets others go first between two slices.
const BETWEEN_SLICES: Duration = Duration::from_millis(1);

/// Records of its own ticks that an owner may have with the journal.
const TICKS_AHEAD_MAX: usize = 64;

/// What the owners count since start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commands: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) events: AtomicU64,
}

/// What all owners share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) world: SharedWorld,
    pub(super) clock: SharedClock,
    pub(super) journal: SharedJournal,
    pub(super) queues: Queues,
    pub(super) counters: Arc<Counters>,
    pub(super) memory: Arc<Memory>,
    pub(super) unrecorded: Arc<Unrecorded>,
    pub(super) audit: Audit,
}

/// A record that waits for the journal or for other owners.
struct InFlight {
    /// Who waits for it; the owner's own ticks have nobody.
    asked: Option<(Ask, Result<Reply, ServiceError>)>,
    claims: Vec<Claim>,
}

/// An actor that owns a room and is its only writer.
pub(super) struct Owner<R> {
    room: R,
    place: Place,
    shared: Shared,
    claims: Claims,
    in_flight: HashMap<u64, InFlight>,
    next_ticket: u64,
    /// Records of ticks that are not applied yet.
    ticking: usize,
    /// What the last slice found and what has no record yet.
    found: VecDeque<Part>,
    /// Another slice is on its way.
    going_on: bool,
}

impl<R: Room> Owner<R> {
    pub(super) fn new(room: R, place: Place, shared: Shared) -> Self {
        Self {
            room,
            place,
            shared,
            claims: Claims::default(),
            in_flight: HashMap::new(),
            next_ticket: 0,
            ticking: 0,
            found: VecDeque::new(),
            going_on: false,
        }
    }

    pub(super) fn room_and_world(&self) -> (&R, &World) {
        (&self.room, &self.shared.world)
    }

    fn take(&mut self, mut ask: Ask) {
        ask.seat = None;
        let now = self.shared.clock.now();
        let grant = !ask.command.is_restriction();
        let late = now.since_ms(ask.asked_at) > GRANT_AGE_MAX_MS;
        if grant && (late || self.in_flight.len() >= IN_FLIGHT_MAX) {
            return self.turn_away(ask);
        }
        if ask.command.needs_room() && self.shared.memory.is_full() {
            self.shared.memory.note_refused();
            return self.turn_away(ask);
        }
        if grant && self.shared.unrecorded.is_owed() {
            // It might build on what only memory knows.
            return ask.answer(Err(ServiceError::Unavailable));
        }
        let claims = ask.command.claims(ask.decider);
        let ask = match self.claims.admit(ask, &claims) {
            Admission::Free(ask) => ask,
            Admission::Waits => return,
            Admission::Full(ask) => return self.turn_away(ask),
        };
        self.shared
            .counters
            .commands
            .fetch_add(1, Ordering::Relaxed);
        match self.room.decide(&self.shared.world, &ask.command, now) {
            Err(refusal) => self.answer_at_once(ask, Err(ServiceError::Refused(refusal))),
            Ok(decision) if decision.parts.is_empty() => {
                self.answer_at_once(ask, Ok(decision.reply));
            }
            Ok(decision) => {
                self.claims.hold(&claims);
                faults::pass(R::OWNER, "decided");
                self.commit(decision.parts, Some((ask, Ok(decision.reply))), claims);
            }
        }
    }

    /// Answers what needs no record. Whoever wants something ended that has ended, or is not there, takes
    /// that for done; but not on the word of memory alone: a restart would revive what has no record.
    fn answer_at_once(&self, ask: Ask, answer: Result<Reply, ServiceError>) {
        let done = matches!(
            answer,
            Ok(_) | Err(ServiceError::Refused(Refusal::SessionNotFound))
        );
        // Looked at after the decision: it is set before anything is applied that was not recorded.
        let unsure = || self.shared.unrecorded.is_owed();
        if done && ask.command.is_restriction() && unsure() {
            ask.answer(Err(ServiceError::Unavailable));
        } else {
            ask.answer(answer);
        }
    }

    fn commit(
        &mut self,
        parts: Vec<Part>,
        asked: Option<(Ask, Result<Reply, ServiceError>)>,
        claims: Vec<Claim>,
    ) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let shards = u16::try_from(self.shared.queues.len() - 1).unwrap_or(u16::MAX);
        let place_of = |part: &Part| match part {
            Part::Slot(slot, _) => Place::from(slot.shard(shards)),
            Part::Directory(_) => Place::from(shards),
        };
        let stake = match &asked {
            // Of what a command may take away, only what it does take away is done without a record; and a
            // failure counts, however full the disk is.
            Some((ask, _)) => (
                if ask.command.is_restriction() {
                    Stake::Parts
                } else {
                    Stake::Grant
                },
                ask.command.is_restriction()
                    && parts
                        .iter()
                        .any(|part| part.is_restriction() || part.is_count()),
            ),
            None => (Stake::Upkeep, false),
        };
        let commit = Commit::new(
            parts,
            self.place,
            ticket,
            stake,
            self.shared.queues.clone(),
            place_of,
        );
        self.in_flight.insert(ticket, InFlight { asked, claims });
        if self.shared.journal.append(commit.clone()).is_err() {
            commit.refused();
        }
        faults::pass(R::OWNER, "appended");
    }

    /// Applies every stage whose turn has come.
    fn apply_ready(&mut self) {
        let queues = self.shared.queues.clone();
        let Some(queue) = queues.get(self.place) else {
            return;
        };
        while let Some((commit, stage)) = queue.next() {
            let parts = commit.stage(stage);
            let applied = parts.len() as u64;
            if applied > 0 && commit.is_unrecorded() {
                self.shared.unrecorded.note();
            }
            let mut ended = Ended::default();
            for (part, reached) in parts {
                ended.see(&self.shared.world, part);
                self.room.apply(&self.shared.world, part, reached);
            }
            ended.tell(&self.shared.audit);
            self.shared
                .counters
                .events
                .fetch_add(applied, Ordering::Relaxed);
            faults::pass(R::OWNER, "applied");
            if commit.finish(stage) {
                if commit.was_refused() {
                    self.answer_unavailable(commit.ticket);
                    for part in commit.upkeep() {
                        self.room.untold(&self.shared.world, part);
                    }
                }
                self.settle(commit.ticket);
            }
        }
    }

    /// Refused is not undone: what takes something away took effect all the same (R2).
    fn answer_unavailable(&mut self, ticket: u64) {
        let waiting = self.in_flight.get_mut(&ticket);
        if let Some((_, answer)) = waiting.and_then(|in_flight| in_flight.asked.as_mut()) {
            *answer = Err(ServiceError::Unavailable);
        }
    }

    /// Answers, frees the claims and lets those go on that waited for them.
    fn settle(&mut self, ticket: u64) {
        let Some(done) = self.in_flight.remove(&ticket) else {
            return;
        };
        match done.asked {
            // What was changed may hang on what has no record, and live again without it.
            Some((ask, Ok(_))) if self.shared.unrecorded.is_owed() => {
                ask.answer(Err(ServiceError::Unavailable));
            }
            Some((ask, answer)) => ask.answer(answer),
            None => self.ticking = self.ticking.saturating_sub(1),
        }
        for waiting in self.claims.release(&done.claims) {
            self.take(waiting);
        }
    }

    fn turn_away(&self, ask: Ask) {
        self.shared
            .counters
            .overloaded
            .fetch_add(1, Ordering::Relaxed);
        ask.answer(Err(ServiceError::Overloaded));
    }

    /// Begins to look after the room. What the last ticks found comes first: rounds are longer when much is due.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.found.is_empty() && self.ticking < TICKS_AHEAD_MAX {
            let now = self.shared.clock.now();
            self.found.extend(self.room.tick(&self.shared.world, now));
        }
        self.go_on(ctx);
        self.apply_ready();
    }

    /// Gives what was found a record, a slice of it; looks for more if there is nothing left; comes back in a moment
    /// if there may be.
    fn go_on(&mut self, ctx: &mut Context<Self>) {
        // A slow disk does not stretch the rounds; a stuck one does.
        if self.going_on || self.ticking >= TICKS_AHEAD_MAX {
            return;
        }
        if self.found.is_empty() {
            let now = self.shared.clock.now();
            match self.room.go_on(&self.shared.world, now) {
                Some(parts) => self.found.extend(parts),
                None => return,
            }
        }
        let mut weight = 0;
        let fits = |part: &&Part| {
            weight += part.weight();
            weight <= SLICE_WEIGHT_MAX
        };
        let fitting = self.found.iter().take_while(fits).count();
        let slice: Vec<_> = self
            .found
            .drain(..fitting.max(1).min(self.found.len()))
            .collect();
        if !slice.is_empty() {
            self.ticking += 1;
            self.commit(slice, None, Vec::new());
        }
        self.going_on = true;
        ctx.run_later(BETWEEN_SLICES, |owner, ctx| {
            owner.going_on = false;
            owner.go_on(ctx);
            owner.apply_ready();
        });
    }
}

impl<R: Room> Actor for Owner<R> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        runtime::mark_owner_thread();
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        let place = self.place;
        let wakes = stream::unfold(self.shared.queues.clone(), move |queues| async move {
            queues.get(place)?.wake.notified().await;
            Some((Wake, queues))
        });
        ctx.add_stream(wakes);
        ctx.run_interval(Duration::from_millis(TICK_MS), |owner, ctx| owner.tick(ctx));
    }
}

/// The journal, or another owner, has something ready for this one.
struct Wake;

impl<R: Room> StreamHandler<Wake> for Owner<R> {
    fn handle(&mut self, _: Wake, _: &mut Self::Context) {
        self.apply_ready();
    }
}

impl<R: Room> Handler<Ask> for Owner<R> {
    type Result = ();

    fn handle(&mut self, ask: Ask, _: &mut Self::Context) {
        self.take(ask);
        // A prompt journal has it durable by now: the answer need not wait for a wake-up.
        self.apply_ready();
    }
}

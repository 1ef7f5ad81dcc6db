//! The connections of one worker: looked through every few hundred milliseconds for those whose time is over, and when
//! one must go to make room.
//!
//! Time here is a count of looks, so that a request stores one number instead of reading a clock and setting a timer.
//! A limit is kept to within two looks, and never fallen short of.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::connection::{Connection, Fate, Peer, Step};
use super::counts::{Counts, Event};
use super::date::{Date, date};
use super::limits::Limits;

/// How long a connection may take to be parted from: for its client to take the last answer and to close.
pub(super) const PARTING: Duration = Duration::from_secs(1);
/// The time between two looks: of the shortest limit so much, within bounds.
const LOOKS_PER_LIMIT: u32 = 10;
const LOOK_MIN: Duration = Duration::from_millis(5);
const LOOK_MAX: Duration = Duration::from_millis(500);
/// Connections that are compared when one must go.
const COMPARED: usize = 64;

/// Time as a worker counts it, and the limits in it.
#[derive(Debug)]
pub(super) struct Ticks {
    now: Cell<u32>,
    date: Cell<Date>,
    /// The node stops.
    stopping: Cell<bool>,
    every: Duration,
    pub(super) head: u32,
    pub(super) body: u32,
    pub(super) write: u32,
    pub(super) idle: u32,
    pub(super) parting: u32,
}

impl Ticks {
    fn new(limits: &Limits) -> Self {
        let shortest = limits
            .head
            .min(limits.body)
            .min(limits.write)
            .min(limits.idle);
        let every = (shortest / LOOKS_PER_LIMIT).clamp(LOOK_MIN, LOOK_MAX);
        let of = |limit: Duration| {
            let ticks = limit.as_millis().div_ceil(every.as_millis());
            u32::try_from(ticks).unwrap_or(u32::MAX / 2)
        };
        Self {
            now: Cell::new(0),
            date: Cell::new(date()),
            stopping: Cell::new(false),
            every,
            head: of(limits.head),
            body: of(limits.body),
            write: of(limits.write),
            idle: of(limits.idle),
            parting: of(PARTING),
        }
    }

    pub(super) fn now(&self) -> u32 {
        self.now.get()
    }

    /// The date, as answers tell it; as old as the last look.
    pub(super) fn date(&self) -> Date {
        self.date.get()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    pub(super) fn passed(&self, since: u32, limit: u32) -> bool {
        self.now.get().wrapping_sub(since) > limit
    }
}

/// The connections of one worker.
#[derive(Debug)]
pub(super) struct Registry {
    ticks: Rc<Ticks>,
    connections: RefCell<Slab<Rc<Connection>>>,
    /// Where the search for one to close goes on.
    hand: Cell<usize>,
    counts: Arc<Counts>,
}

impl Registry {
    /// An empty one on this thread, which from now on looks through it, and has its connections know of a stop. Must be
    /// called inside a runtime.
    pub(super) fn start(
        limits: &Limits,
        counts: Arc<Counts>,
        stopping: impl Future<Output = ()> + 'static,
    ) -> Rc<Self> {
        let registry = Rc::new(Self {
            ticks: Rc::new(Ticks::new(limits)),
            connections: RefCell::default(),
            hand: Cell::new(0),
            counts,
        });
        let watched = Rc::downgrade(&registry);
        let mut looks = tokio::time::interval(registry.ticks.every);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        actix_web::rt::spawn(async move {
            loop {
                looks.tick().await;
                let Some(registry) = watched.upgrade() else {
                    break;
                };
                registry.look();
            }
        });
        let stopped = Rc::downgrade(&registry);
        actix_web::rt::spawn(async move {
            stopping.await;
            if let Some(registry) = stopped.upgrade() {
                registry.stop();
            }
        });
        registry
    }

    /// A new connection, and its place, to be left when it is over.
    pub(super) fn enter(&self, peer: Peer) -> (Rc<Connection>, usize) {
        let connection = Rc::new(Connection::new(peer, self.ticks.clone()));
        let place = self.connections.borrow_mut().insert(connection.clone());
        (connection, place)
    }

    pub(super) fn leave(&self, place: usize) {
        self.connections.borrow_mut().try_remove(place);
    }

    /// Has every connection look whether it is to go on.
    fn stop(&self) {
        self.ticks.stopping.set(true);
        for (_, connection) in self.connections.borrow().iter() {
            connection.wake();
        }
    }

    /// Ends those whose time is over.
    fn look(&self) {
        let ticks = &self.ticks;
        ticks.now.set(ticks.now.get().wrapping_add(1));
        ticks.date.set(date());
        for (_, connection) in self.connections.borrow().iter() {
            if let Some(fate) = connection.overdue() {
                // To have been idle for long, or to be parted from, is nothing that a client does wrong.
                if !matches!(connection.step.get(), Step::Idle | Step::Parting) {
                    self.counts.count(Event::Slow);
                }
                connection.fate.set(fate);
                connection.wake();
            }
        }
    }

    /// Ends the one that has been idle for the longest time, of some. Whether there was one.
    pub(super) fn replace(&self) -> bool {
        let connections = self.connections.borrow();
        let (places, now) = (connections.capacity(), self.ticks.now());
        let mut longest: Option<(u32, &Rc<Connection>)> = None;
        for step in 0..places {
            if step >= COMPARED && longest.is_some() {
                break;
            }
            let place = self.hand.get() % places;
            self.hand.set(place + 1);
            let Some(connection) = connections.get(place) else {
                continue;
            };
            let Some(since) = connection.idle_since() else {
                continue;
            };
            let age = now.wrapping_sub(since);
            if longest.is_none_or(|(oldest, _)| age > oldest) {
                longest = Some((age, connection));
            }
        }
        let Some((_, connection)) = longest else {
            return false;
        };
        self.counts.count(Event::Replaced);
        connection.fate.set(Fate::Ending(None));
        connection.wake();
        true
    }
}

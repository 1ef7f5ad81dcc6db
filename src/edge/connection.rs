//! One connection as its client's step: whom it waits for, and since when.
//!
//! Three write here, all on the thread of the connection: the gate (what came, what went), the service in front of the
//! application (which request was passed on), and the registry (whose time is over).

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::date::Date;
use super::refusal::Refusal;
use super::registry::Ticks;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody at an address.
    Address(IpAddr),
    /// A process of this machine that runs as the same user as this one, or as root.
    Owner,
    /// Any other process of this machine.
    Stranger,
}

/// What follows the head of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follows {
    /// The next head.
    #[default]
    Nothing,
    /// A body of so many bytes.
    Bytes(u64),
    /// A body in chunks.
    Chunks,
    /// Something without an end.
    Everything,
}

/// What the client is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It has sent nothing yet.
    Silent,
    /// It sends a head.
    Head,
    /// Its head was given to the framework.
    Handed,
    /// It sends a body.
    Body,
    /// It has sent all it began.
    Idle,
    /// It is being parted from.
    Parting,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on.
    Going,
    /// Nothing more is read; what is under way is answered, then it is closed, with this answer last.
    Ending(Option<Refusal>),
    /// It is dropped as it is.
    Dead,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    peer: Peer,
    pub(super) step: Cell<Step>,
    /// When the step began.
    pub(super) since: Cell<u32>,
    pub(super) fate: Cell<Fate>,
    /// A request was passed on, and nothing of its answer has gone out yet: the client is the one who waits.
    answering: Cell<bool>,
    /// When the client stopped taking what is sent.
    stalled: Cell<Option<u32>>,
    /// Heads that the framework has, and has not passed on.
    pub(super) handed: Cell<u32>,
    /// The beginning of a head came behind them.
    pub(super) begun: Cell<bool>,
    /// Of the body behind the last of them, so much was given with it.
    pub(super) ahead: Cell<u64>,
    /// What the head passed on last is followed by.
    pub(super) follows: Cell<Follows>,
    /// The request passed on last is the last one.
    pub(super) last: Cell<bool>,
    /// The framework is known to go on with the next head. Behind a body it is not, since what was left unread may end the
    /// connection, or a broken end be found after the answer: then the next head is the framework's, whatever it asks.
    settled: Cell<bool>,
    /// The gate held something back, and is to be asked again.
    pub(super) held: Cell<bool>,
    ticks: Rc<Ticks>,
    waker: RefCell<Option<Waker>>,
}

impl Connection {
    pub(super) fn new(peer: Peer, ticks: Rc<Ticks>) -> Self {
        Self {
            peer,
            step: Cell::new(Step::Silent),
            since: Cell::new(ticks.now()),
            fate: Cell::new(Fate::Going),
            answering: Cell::new(false),
            stalled: Cell::new(None),
            handed: Cell::new(0),
            begun: Cell::new(false),
            ahead: Cell::new(0),
            follows: Cell::new(Follows::Nothing),
            last: Cell::new(false),
            settled: Cell::new(true),
            held: Cell::new(false),
            ticks,
            waker: RefCell::new(None),
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The framework passed a request on: what follows its head, and whether it is the last one of the connection.
    /// Whether it may be answered: not if the one before it was the last.
    pub fn passes_on(&self, follows: Follows, last: bool) -> bool {
        let is_over = self.last.get();
        self.handed.set(self.handed.get().saturating_sub(1));
        self.answering.set(true);
        if last {
            self.last.set(true);
        }
        self.settled.set(follows == Follows::Nothing);
        let follows = self.behind(follows);
        self.follows.set(follows);
        self.enter(match (follows, self.handed.get()) {
            (Follows::Nothing, 0) if self.begun.get() => Step::Head,
            (Follows::Nothing, 0) => Step::Idle,
            (Follows::Nothing, _) => Step::Handed,
            (Follows::Bytes(_) | Follows::Chunks | Follows::Everything, _) => Step::Body,
        });
        if follows != Follows::Nothing {
            self.go_on();
        }
        !is_over
    }

    /// What of a body is still to come.
    fn behind(&self, follows: Follows) -> Follows {
        match (follows, self.ahead.take()) {
            (_, 0) => follows,
            (Follows::Bytes(length), ahead) if length == ahead => Follows::Nothing,
            (Follows::Bytes(length), ahead) if length > ahead => Follows::Bytes(length - ahead),
            _ => {
                // Two opinions on what follows: nothing of it is believed.
                self.fate.set(Fate::Ending(None));
                Follows::Nothing
            }
        }
    }

    /// Whether a request could be answered at the gate: whatever came before it is answered, or will be, and did not end
    /// the connection.
    pub(super) fn is_settled(&self) -> bool {
        self.settled.get()
    }

    /// Requests were answered at the gate; whether the last of them is the last one of the connection.
    pub(super) fn answered(&self, last: bool) {
        self.enter(Step::Idle);
        if last {
            self.end();
        }
    }

    /// Whether the node stops.
    pub(super) fn is_stopping(&self) -> bool {
        self.ticks.is_stopping()
    }

    /// The date, as answers tell it.
    pub(super) fn date(&self) -> Date {
        self.ticks.date()
    }

    /// No request behind the one passed on is to be taken.
    pub fn end(&self) {
        self.last.set(true);
    }

    /// A part of a head came, and not its end.
    pub(super) fn begins_head(&self) {
        self.begun.set(true);
        match self.step.get() {
            // From the beginning of the connection on.
            Step::Silent => self.step.set(Step::Head),
            Step::Idle => self.enter(Step::Head),
            Step::Head | Step::Handed | Step::Body | Step::Parting => {}
        }
    }

    /// A whole head is given to the framework. How many of them it has not passed on.
    pub(super) fn hands_on(&self) -> u32 {
        self.begun.set(false);
        self.handed.set(self.handed.get() + 1);
        self.enter(Step::Handed);
        self.handed.get()
    }

    pub(super) fn enter(&self, step: Step) {
        self.step.set(step);
        self.since.set(self.ticks.now());
    }

    /// Some of an answer went out.
    pub(super) fn wrote(&self) {
        self.answering.set(false);
        if self.step.get() == Step::Idle {
            self.since.set(self.ticks.now());
        }
        self.stalled.set(None);
        if self.handed.get() == 0 {
            self.go_on();
        }
    }

    /// Whether the next head waits: the framework has one still to pass on, or an answer is still to go out.
    ///
    /// The framework takes the body of a request that waits for that of the one under way, and closes the connection.
    pub(super) fn is_under_way(&self) -> bool {
        self.handed.get() > 0 || (self.answering.get() && self.follows.get() == Follows::Nothing)
    }

    /// The client takes nothing at the moment.
    pub(super) fn stalls(&self) {
        if self.stalled.get().is_none() {
            self.stalled.set(Some(self.ticks.now()));
        }
    }

    /// Whether the client takes nothing at the moment.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.get().is_some()
    }

    /// Has the gate asked again if it held something back.
    fn go_on(&self) {
        if self.held.replace(false) {
            self.wake();
        }
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Notes whom to wake: the lobby, and, once the connection has left it, the framework.
    pub(super) fn is_polled_by(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
    }

    /// Since when nothing is under way, if so: it could be closed without anybody losing an answer.
    pub(super) fn idle_since(&self) -> Option<u32> {
        let waits = matches!(self.step.get(), Step::Silent | Step::Head | Step::Idle);
        let free = waits && !self.answering.get() && !self.is_stalled();
        (free && self.fate.get() == Fate::Going).then(|| self.since.get())
    }

    /// What becomes of it because its client took too long, if it did.
    pub(super) fn overdue(&self) -> Option<Fate> {
        let ticks = &self.ticks;
        if self.fate.get() == Fate::Dead {
            return None;
        }
        if let Some(since) = self.stalled.get() {
            return ticks.passed(since, ticks.write).then_some(Fate::Dead);
        }
        let since = self.since.get();
        let (limit, fate) = match self.step.get() {
            Step::Parting => (ticks.parting, Fate::Dead),
            _ if matches!(self.fate.get(), Fate::Ending(_)) => return None,
            Step::Body => (ticks.body, Fate::Ending(None)),
            Step::Head => (ticks.head, Fate::Ending(Some(Refusal::TooSlow))),
            _ if self.answering.get() => return None,
            Step::Silent | Step::Handed => (ticks.head, Fate::Ending(None)),
            Step::Idle => (ticks.idle, Fate::Ending(None)),
        };
        ticks.passed(since, limit).then_some(fate)
    }
}

//! Waiting for sockets, and for an instant to the microsecond: `epoll` with a timer among its sockets, since its own
//! time-out counts whole milliseconds.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// Sockets that one waiting tells of; the others are told of by the next.
const EVENTS_MAX: usize = 256;
/// The number of the timer among the sockets.
const TIMER: u64 = u64::MAX;

/// What one thread waits for.
pub(super) struct Poll {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// When the timer is set to, in nanoseconds of the monotonic clock.
    set_to: u64,
    events: Vec<Event>,
}

/// What is awaited of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Something to read.
    Read,
    /// Room to write; a connection that comes into being has it when it is there.
    Write,
    /// Both.
    Both,
}

/// A socket that something happened to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    /// Its number.
    pub(super) number: usize,
    /// There is something to read, or it broke.
    pub(super) readable: bool,
    /// There is room to write, or it broke.
    pub(super) writable: bool,
}

impl Poll {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        // Told once each time it goes off, so that nobody has to read it.
        let flags = EventFlags::IN | EventFlags::ET;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), flags)?;
        Ok(Self {
            epoll,
            timer,
            set_to: 0,
            events: Vec::with_capacity(EVENTS_MAX),
        })
    }

    /// Begins to wait for a socket.
    pub(super) fn add(&self, socket: impl AsFd, number: usize, what: Interest) -> io::Result<()> {
        Ok(epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(number as u64),
            what.flags(),
        )?)
    }

    /// Waits for something else of a socket.
    pub(super) fn change(
        &self,
        socket: impl AsFd,
        number: usize,
        what: Interest,
    ) -> io::Result<()> {
        Ok(epoll::modify(
            &self.epoll,
            socket,
            EventData::new_u64(number as u64),
            what.flags(),
        )?)
    }

    /// Waits until something happens, or until this instant; zero looks without waiting.
    pub(super) fn wait(&mut self, until_ns: u64, ready: &mut Vec<Ready>) -> io::Result<()> {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if until_ns != 0 && until_ns != self.set_to {
            self.set(until_ns)?;
        }
        let limit = (until_ns == 0).then_some(&AT_ONCE);
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, room, limit) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.clear();
        for event in &self.events {
            let (flags, data) = (event.flags, event.data);
            let Ok(number) = usize::try_from(data.u64()) else {
                continue;
            };
            if data.u64() == TIMER {
                self.set_to = 0;
                continue;
            }
            let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
            ready.push(Ready {
                number,
                readable: broken || flags.contains(EventFlags::IN),
                writable: broken || flags.contains(EventFlags::OUT),
            });
        }
        Ok(())
    }

    fn set(&mut self, at_ns: u64) -> io::Result<()> {
        let nothing = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let at = Timespec {
            tv_sec: (at_ns / 1_000_000_000).try_into().unwrap_or(0),
            tv_nsec: (at_ns % 1_000_000_000).try_into().unwrap_or(0),
        };
        let spec = Itimerspec {
            it_interval: nothing,
            it_value: at,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)?;
        self.set_to = at_ns;
        Ok(())
    }
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN,
            Self::Write => EventFlags::OUT,
            Self::Both => EventFlags::IN | EventFlags::OUT,
        }
    }
}

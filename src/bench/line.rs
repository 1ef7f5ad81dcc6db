//! One connection of the load: what was asked on it and is not answered yet.
//!
//! It knows bytes and answers, and neither time-tables nor counts.

use std::collections::VecDeque;
use std::io;

use super::ask::Awaited;
use super::poll::Interest;
use super::reply::{Heard, Reply, read};
use super::target::Target;
use super::wire::Wire;

/// Bytes of answers that were looked at and are kept until there is room to move the rest to the front.
const LOOKED_AT_MAX: usize = 256 << 10;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// There is none; another one may be begun from this instant on.
    Down {
        /// In nanoseconds of the monotonic clock.
        retry_at: u64,
    },
    /// Under way since then.
    Connecting {
        /// In nanoseconds of the monotonic clock.
        since: u64,
    },
    /// Requests may be sent.
    Up,
}

/// A request that was sent.
pub(super) struct Asked {
    pub(super) op: usize,
    /// When it was due, and when it was sent, in nanoseconds of the monotonic clock.
    pub(super) due: u64,
    pub(super) sent: u64,
    pub(super) awaiting: Awaiting,
}

/// Who judges its answer.
pub(super) enum Awaiting {
    /// The book it was drawn from, by its number.
    Drawn(usize),
    /// What was noted when it was rendered.
    Closing(Awaited),
}

/// A connection.
pub(super) struct Line {
    /// The share of a stream that it serves.
    pub(super) lane: usize,
    pub(super) state: State,
    pub(super) asked: VecDeque<Asked>,
    /// It is to be closed and opened again once nothing is under way on it.
    pub(super) renew: bool,
    /// It stands in the list of those with room.
    pub(super) listed: bool,
    /// An answer came on it since it was opened.
    pub(super) useful: bool,
    wire: Option<Wire>,
    interest: Interest,
    out: Vec<u8>,
    written: usize,
    input: Vec<u8>,
    looked_at: usize,
}

/// What reading a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// What there was.
    Bytes,
    /// The end.
    End,
}

impl Line {
    pub(super) fn new(lane: usize) -> Self {
        Self {
            lane,
            state: State::Down { retry_at: 0 },
            asked: VecDeque::new(),
            renew: false,
            listed: false,
            useful: false,
            wire: None,
            interest: Interest::Write,
            out: Vec::new(),
            written: 0,
            input: Vec::new(),
            looked_at: 0,
        }
    }

    /// Whether there is no connection, not even one under way.
    pub(super) fn is_down(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    /// Begins to connect.
    pub(super) fn begin(&mut self, target: &Target, now: u64) -> io::Result<&Wire> {
        self.state = State::Connecting { since: now };
        self.interest = Interest::Write;
        (self.renew, self.useful) = (false, false);
        Ok(self.wire.insert(Wire::begin(target)?))
    }

    /// Closes the connection; what was asked on it is the caller's to take.
    pub(super) fn close(&mut self, retry_at: u64) -> VecDeque<Asked> {
        self.wire = None;
        self.state = State::Down { retry_at };
        self.listed = false;
        self.out.clear();
        self.written = 0;
        self.input.clear();
        self.looked_at = 0;
        std::mem::take(&mut self.asked)
    }

    /// Goes on with a connection that comes into being: whether it is there.
    pub(super) fn arrive(&mut self, readable: bool) -> io::Result<bool> {
        let Some(wire) = &mut self.wire else {
            return Ok(false);
        };
        wire.arrived()?;
        if readable && wire.read(&mut self.input)? == Some(0) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if wire.is_open() {
            self.state = State::Up;
            return Ok(true);
        }
        Ok(false)
    }

    /// Puts a request behind those that are to be written.
    pub(super) fn ask(&mut self, request: &[u8], asked: Asked) {
        self.out.extend_from_slice(request);
        self.asked.push_back(asked);
    }

    /// Writes what there is room for.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(wire) = &mut self.wire else {
            return Ok(());
        };
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match wire.write(rest)? {
                0 => return Ok(()),
                written => self.written += written,
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// What is to be waited for from now on, if that is something else than before.
    pub(super) fn wanted(&mut self) -> Option<(&Wire, Interest)> {
        let wire = self.wire.as_ref()?;
        let full = !self.out.is_empty() || wire.is_full();
        let wanted = if full { Interest::Both } else { Interest::Read };
        if wanted == self.interest {
            return None;
        }
        self.interest = wanted;
        Some((wire, wanted))
    }

    /// Reads what is there.
    pub(super) fn read(&mut self) -> io::Result<Came> {
        if self.looked_at == self.input.len() {
            self.input.clear();
            self.looked_at = 0;
        } else if self.looked_at > LOOKED_AT_MAX {
            self.input.drain(..self.looked_at);
            self.looked_at = 0;
        }
        let Some(wire) = &mut self.wire else {
            return Ok(Came::Bytes);
        };
        Ok(match wire.read(&mut self.input)? {
            Some(0) => Came::End,
            Some(_) | None => Came::Bytes,
        })
    }

    /// The next whole answer and the request it answers, told to `judge`.
    ///
    /// `None` if there is none yet; an error if what came is no answer, or one that nobody asked for.
    pub(super) fn answer<T>(
        &mut self,
        judge: impl FnOnce(&Asked, &Reply<'_>) -> T,
    ) -> Result<Option<(Asked, T, bool)>, ()> {
        let rest = self.input.get(self.looked_at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        match read(rest) {
            Heard::More => Ok(None),
            Heard::Broken => Err(()),
            Heard::Whole(reply, bytes) => {
                let asked = self.asked.pop_front().ok_or(())?;
                let judged = judge(&asked, &reply);
                let closes = reply.closes;
                self.looked_at += bytes;
                self.useful = true;
                Ok(Some((asked, judged, closes)))
            }
        }
    }
}

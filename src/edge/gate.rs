//! The stream that the framework reads and writes: gives it one thing at a time, and watches the client.
//!
//! The framework reads whatever comes, up to 128 KiB, answers each request in it at once, and keeps what the client does
//! not take. So a client that sends and never reads would fill memory, and one that is slow would stay. Here it gets a
//! head, then the body that the head announced, then the next head; and nothing while its client takes nothing. What came
//! together is handed on together where there can be no two opinions on what follows: reading requests without a body,
//! and a head with its body.
//!
//! Invariants: what is not handed on yet is at most what one read brought; behind a refusal nothing is handed on; what
//! the framework does not pass on (it could not parse it) is the last thing it gets.

mod fast;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_web::web::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chunks::Chunks;
use super::connection::{Connection, Fate, Follows, Peer, Step};
use super::counts::{Counts, Event};
use super::fast::Fast;
use super::heads::{Behind, Head, Scanned, behind};
use super::outgoing::Outgoing;
use super::refusal::Refusal;
use super::registry::Registry;
use super::tickets::Ticket;
use super::transport::Transport;

pub(super) use fast::Word;

pub use super::heads::HEAD_BYTES_MAX;

/// Heads that the framework gets at a time.
const AHEAD_MAX: u32 = 16;
/// The most that is read and thrown away of a client that is parted from, so that it gets to see its last answer.
const PARTING_BYTES_MAX: usize = 256 << 10;

/// A connection as the framework sees it.
#[derive(Debug)]
pub struct Gate {
    transport: Transport,
    connection: Rc<Connection>,
    place: usize,
    registry: Rc<Registry>,
    // Given back when the connection is over.
    ticket: Ticket,
    reading: Reading,
    /// What was read, and is not handed on yet.
    waiting: BytesMut,
    /// Who answers requests here, if anybody does.
    fast: Option<Rc<Fast>>,
    /// What was answered here, as far as it has not gone out.
    outgoing: Outgoing,
    /// Something of the client is left unread, so what else it sends is read before the end.
    reads_rest: bool,
    /// So much of it.
    thrown_away: usize,
}

/// What comes from the client.
#[derive(Debug)]
enum Reading {
    Head(Head),
    Bytes(u64),
    Chunks(Chunks),
    Everything,
}

impl Gate {
    pub(super) fn new(
        transport: Transport,
        peer: Peer,
        registry: Rc<Registry>,
        ticket: Ticket,
        fast: Option<Rc<Fast>>,
    ) -> Self {
        let (connection, place) = registry.enter(peer);
        Self {
            transport,
            connection,
            place,
            registry,
            ticket,
            reading: Reading::Head(Head::default()),
            waiting: BytesMut::new(),
            fast,
            outgoing: Outgoing::default(),
            reads_rest: false,
            thrown_away: 0,
        }
    }

    /// The connection, for the service that passes requests on.
    #[must_use]
    pub fn connection(&self) -> &Rc<Connection> {
        &self.connection
    }

    fn counts(&self) -> &Counts {
        self.ticket.counts()
    }

    /// How many of these bytes are handed on now. What they are is noted.
    fn admit(&mut self, bytes: &[u8]) -> usize {
        match &mut self.reading {
            Reading::Everything => bytes.len(),
            Reading::Bytes(left) => {
                let taken = fitting(*left, bytes);
                *left -= taken as u64;
                if *left == 0 {
                    self.body_ended();
                }
                taken
            }
            Reading::Chunks(chunks) => match chunks.scan(bytes) {
                Scanned::More => bytes.len(),
                Scanned::End(taken) => {
                    self.body_ended();
                    taken
                }
                // Whoever reads the body is told that it broke off, and answers.
                Scanned::Refused(_) => {
                    self.refuse(None);
                    0
                }
            },
            Reading::Head(head) => {
                let (taken, refusal) = admit_heads(head, &self.connection, bytes);
                if refusal.is_some() {
                    self.refuse(refusal);
                }
                taken
            }
        }
    }

    fn body_ended(&mut self) {
        self.reading = Reading::Head(Head::default());
        self.connection.enter(Step::Idle);
    }

    fn refuse(&self, refusal: Option<Refusal>) {
        self.connection.fate.set(Fate::Ending(refusal));
        self.counts().count(Event::Malformed);
    }

    /// What is asked for is not there yet: listens for it, and keeps what comes.
    fn wait(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.waiting.is_empty() {
            self.connection.held.set(true);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.transport).poll_read(context, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            // The client's end.
            return Poll::Ready(Ok(()));
        }
        self.waiting.extend_from_slice(fresh);
        buffer.set_filled(before);
        self.connection.held.set(true);
        Poll::Pending
    }

    /// Reads what the client still sends, and throws it away: a socket that is closed with something unread takes back
    /// the answer that is on its way.
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [0; 4 << 10];
        while self.thrown_away < PARTING_BYTES_MAX {
            let mut buffer = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.transport).poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                read => self.thrown_away += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How many of these bytes are heads that can be handed on now, with what is certain to follow the last of them; and why
/// nothing behind them can be.
fn admit_heads(head: &mut Head, connection: &Connection, bytes: &[u8]) -> (usize, Option<Refusal>) {
    let mut taken = 0;
    // A head that began with an earlier read is not looked at again.
    let is_new = head.is_new();
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        let length = match head.scan(rest) {
            Scanned::More => {
                connection.begins_head();
                return (bytes.len(), None);
            }
            Scanned::Refused(refusal) => return (taken, Some(refusal)),
            Scanned::End(length) => length,
        };
        *head = Head::default();
        let (is_first, is_last) = (taken == 0, length == rest.len());
        let behind = match is_first && (is_last || !is_new) {
            // Nothing is behind it, or nothing that could be told.
            true => Behind::Unclear,
            false => behind(rest.get(..length).unwrap_or_default()),
        };
        if !is_first && behind != Behind::Head {
            // It comes alone.
            break;
        }
        let handed = connection.hands_on();
        taken += length;
        if let Behind::Body(length) = behind {
            let body = fitting(length, bytes.get(taken..).unwrap_or_default());
            connection.ahead.set(body as u64);
            taken += body;
        }
        if behind != Behind::Head || handed == AHEAD_MAX {
            break;
        }
    }
    (taken, None)
}

/// Of a body of which so much is left, what is here.
fn fitting(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

fn too_slow() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

impl AsyncRead for Gate {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.connection.is_polled_by(context);
        loop {
            if this.connection.fate.get() != Fate::Going {
                return Poll::Ready(Ok(()));
            }
            ready!(this.poll_outgoing(context))?;
            let connection = &this.connection;
            if connection.is_stalled() {
                connection.held.set(true);
                return Poll::Pending;
            }
            if connection.is_under_way() && matches!(this.reading, Reading::Head(_)) {
                return this.wait(context, buffer);
            }
            match connection.follows.take() {
                Follows::Nothing => {}
                Follows::Bytes(left) => this.reading = Reading::Bytes(left),
                Follows::Chunks => this.reading = Reading::Chunks(Chunks::default()),
                Follows::Everything => this.reading = Reading::Everything,
            }
            if connection.last.get() && matches!(this.reading, Reading::Head(_)) {
                return Poll::Ready(Ok(()));
            }
            if this.waiting.is_empty() {
                let before = buffer.filled().len();
                ready!(Pin::new(&mut this.transport).poll_read(context, buffer))?;
                let fresh = buffer.filled().get(before..).unwrap_or_default();
                let answered = this.answer(context, fresh)?;
                let taken = match answered {
                    0 => this.admit(fresh),
                    _ => 0,
                };
                let rest = fresh.get(answered + taken..).unwrap_or_default();
                if answered > 0 || !rest.is_empty() {
                    this.waiting.extend_from_slice(rest);
                    buffer.set_filled(before + taken);
                }
                if answered == 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let mut waiting = std::mem::take(&mut this.waiting);
                let answered = this.answer(context, &waiting)?;
                let fitting = waiting.len().min(buffer.remaining());
                let taken = match answered {
                    0 => this.admit(waiting.get(..fitting).unwrap_or_default()),
                    _ => 0,
                };
                buffer.put_slice(waiting.get(..taken).unwrap_or_default());
                waiting.advance(answered + taken);
                this.waiting = waiting;
                if answered == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.connection.fate.get() == Fate::Dead {
            return Poll::Ready(Err(too_slow()));
        }
        let written = Pin::new(&mut this.transport).poll_write(context, bytes);
        match &written {
            Poll::Ready(_) => this.connection.wrote(),
            Poll::Pending => this.connection.stalls(),
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.connection.fate.get() == Fate::Dead {
            return Poll::Ready(Err(too_slow()));
        }
        let flushed = Pin::new(&mut this.transport).poll_flush(context);
        match &flushed {
            // What was answered here may still be held up.
            Poll::Ready(_) if this.connection.is_stalled() && this.outgoing.is_empty() => {
                this.connection.wrote();
            }
            Poll::Ready(_) => {}
            Poll::Pending => this.connection.stalls(),
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.connection.step.get() != Step::Parting {
            if this.connection.handed.get() > 0 {
                this.counts().count(Event::Malformed);
            }
            this.connection.enter(Step::Parting);
            if let Fate::Ending(Some(refusal)) = this.connection.fate.get() {
                this.outgoing.put(&refusal.answer());
            }
            this.reads_rest = !this.outgoing.is_empty()
                || this.connection.handed.get() > 0
                || !this.waiting.is_empty();
        }
        if this.connection.fate.get() == Fate::Dead {
            return Poll::Ready(Ok(()));
        }
        this.connection.is_polled_by(context);
        ready!(this.poll_outgoing(context))?;
        ready!(Pin::new(&mut this.transport).poll_shutdown(context))?;
        if this.reads_rest {
            ready!(this.poll_rest(context))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.registry.leave(self.place);
    }
}

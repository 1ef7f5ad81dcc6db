//! The gate as it answers by itself: in the lobby, before the framework has the connection, and between its requests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Buf;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Gate, Reading};
use crate::edge::connection::{Fate, Peer};
use crate::edge::date::Date;
use crate::edge::fast::Heard;
use crate::edge::usual::End;

/// What there is to hear of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::edge) enum Word {
    /// So many bytes from the client.
    Bytes(usize),
    /// Something for the framework: not the client ends the connection.
    Else,
    /// The client is gone, after everything was answered: the connection is over.
    Gone,
}

impl Gate {
    /// What there is to hear of a connection in the lobby. What came from the client is in `room` then, which holds as much as
    /// one read brings.
    pub(in crate::edge) fn poll_hear(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<Word>> {
        self.connection.is_polled_by(context);
        if self.connection.fate.get() != Fate::Going {
            return Poll::Ready(Ok(Word::Else));
        }
        ready!(self.poll_outgoing(context))?;
        // How a connection ends that the client does not end is the framework's.
        if self.connection.last.get() || self.connection.is_stopping() {
            return Poll::Ready(Ok(Word::Else));
        }
        let mut room = ReadBuf::new(room);
        if self.waiting.is_empty() {
            ready!(Pin::new(&mut self.transport).poll_read(context, &mut room))?;
        } else {
            let fitting = self.waiting.len().min(room.remaining());
            room.put_slice(self.waiting.get(..fitting).unwrap_or_default());
            self.waiting.advance(fitting);
        }
        Poll::Ready(Ok(match room.filled().len() {
            0 => Word::Gone,
            length => Word::Bytes(length),
        }))
    }

    /// Who speaks in the lobby, and the date of the answer.
    pub(in crate::edge) fn speaks(&self) -> (Peer, Date) {
        (self.connection.peer(), self.connection.date())
    }

    /// Sends in the lobby what was answered to what was heard. Whether anything was; otherwise the framework is needed.
    pub(in crate::edge) fn say(
        &mut self,
        context: &mut Context<'_>,
        heard: &Heard<'_>,
    ) -> io::Result<bool> {
        self.send(context, heard.answers(), heard.answered())?;
        debug_assert!(self.waiting.is_empty(), "all that waited was heard");
        self.waiting.extend_from_slice(heard.rest());
        Ok(heard.answered().bytes > 0)
    }

    /// Answers what can be answered here of what was read, and is not handed on yet. How many bytes that was.
    pub(super) fn answer(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let connection = &self.connection;
        let is_new = matches!(&self.reading, Reading::Head(head) if head.is_new());
        let is_next = is_new && connection.is_settled() && !connection.is_stopping();
        let Some(fast) = self.fast.clone().filter(|_| is_next) else {
            return Ok(0);
        };
        let mut answers = fast.scratch();
        let (peer, date) = self.speaks();
        let mut heard = Heard::new(bytes, peer, date, &mut answers);
        fast.answer(std::slice::from_mut(&mut heard));
        self.send(context, heard.answers(), heard.answered())?;
        Ok(heard.answered().bytes)
    }

    fn send(&mut self, context: &mut Context<'_>, answers: &[u8], answered: End) -> io::Result<()> {
        if answered.bytes > 0 {
            let transport = Pin::new(&mut self.transport);
            self.outgoing.send(answers, transport, context)?;
            self.connection.answered(answered.last);
        }
        Ok(())
    }

    /// Sends what was answered here, if something is left of it.
    pub(super) fn poll_outgoing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outgoing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let left = self.outgoing.left();
        let transport = Pin::new(&mut self.transport);
        let sent = self.outgoing.poll_send(transport, context);
        if sent.is_ready() || self.outgoing.left() < left {
            self.connection.wrote();
        }
        if sent.is_pending() {
            self.connection.stalls();
        }
        sent
    }
}

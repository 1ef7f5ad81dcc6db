//! The gate as it answers by itself: before the framework has the connection, and between its requests.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Buf;
use tokio::io::{AsyncRead, ReadBuf};

use super::{Gate, Reading};
use crate::edge::connection::Fate;
use crate::edge::fast::Fast;

impl Gate {
    /// Answers what can be answered here, for as long as nothing else comes: most connections of whoever only verifies
    /// never cost what the framework keeps for each of its own. From then on the connection is the framework's.
    pub(in crate::edge) async fn until_needed(&mut self) -> io::Result<()> {
        match self.fast.clone() {
            Some(fast) => poll_fn(|context| self.poll_needed(context, &fast)).await,
            None => Ok(()),
        }
    }

    fn poll_needed(&mut self, context: &mut Context<'_>, fast: &Fast) -> Poll<io::Result<()>> {
        self.connection.is_polled_by(context);
        loop {
            if self.connection.fate.get() != Fate::Going {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_outgoing(context))?;
            // How a connection ends is the framework's.
            if self.connection.last.get() || self.connection.is_stopping() {
                return Poll::Ready(Ok(()));
            }
            if self.waiting.is_empty() {
                let mut room = fast.room();
                let mut buffer = ReadBuf::new(&mut room);
                ready!(Pin::new(&mut self.transport).poll_read(context, &mut buffer))?;
                let fresh = buffer.filled();
                let answered = self.answer(context, fresh)?;
                self.waiting
                    .extend_from_slice(fresh.get(answered..).unwrap_or_default());
                if answered == 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let mut waiting = std::mem::take(&mut self.waiting);
                let answered = self.answer(context, &waiting)?;
                waiting.advance(answered);
                self.waiting = waiting;
                if answered == 0 {
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Answers what can be answered here of what was read, and is not handed on yet. How many bytes that was.
    pub(super) fn answer(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> io::Result<usize> {
        let connection = &self.connection;
        let is_new = matches!(&self.reading, Reading::Head(head) if head.is_new());
        let is_next = is_new && connection.is_settled() && !connection.is_stopping();
        let Some(fast) = self.fast.as_ref().filter(|_| is_next) else {
            return Ok(0);
        };
        let (peer, date) = (connection.peer(), connection.date());
        let transport = Pin::new(&mut self.transport);
        let answered = fast.answer(bytes, peer, &date, transport, context, &mut self.outgoing)?;
        if answered.bytes > 0 {
            connection.answered(answered.last);
        }
        Ok(answered.bytes)
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

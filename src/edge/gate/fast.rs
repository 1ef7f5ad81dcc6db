//! The gate as it answers by itself: before the framework has the connection, and between its requests.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::web::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Gate, Reading};
use crate::edge::connection::Fate;
use crate::edge::fast::Fast;

impl Gate {
    /// Answers what can be answered here, for as long as nothing else comes: most connections of whoever only verifies
    /// never cost what the framework keeps for each of its own. Whether something came; from then on the connection is the
    /// framework's. Else the client is gone, after everything was answered, and the connection is over.
    pub(in crate::edge) async fn until_needed(&mut self) -> io::Result<bool> {
        let Some(fast) = self.fast.clone() else {
            return Ok(true);
        };
        let is_needed = poll_fn(|context| self.poll_needed(context, &fast)).await?;
        if !is_needed {
            poll_fn(|context| Pin::new(&mut *self).poll_shutdown(context)).await?;
        }
        Ok(is_needed)
    }

    fn poll_needed(&mut self, context: &mut Context<'_>, fast: &Fast) -> Poll<io::Result<bool>> {
        self.connection.is_polled_by(context);
        loop {
            if self.connection.fate.get() != Fate::Going {
                return Poll::Ready(Ok(true));
            }
            ready!(self.poll_outgoing(context))?;
            // How a connection ends that the client does not end is the framework's.
            if self.connection.last.get() || self.connection.is_stopping() {
                return Poll::Ready(Ok(true));
            }
            if self.waiting.is_empty() {
                let mut room = fast.room();
                let mut buffer = ReadBuf::new(&mut room);
                ready!(Pin::new(&mut self.transport).poll_read(context, &mut buffer))?;
                let fresh = buffer.filled();
                if fresh.is_empty() {
                    return Poll::Ready(Ok(false));
                }
                let answered = self.answer(context, fresh)?;
                self.waiting
                    .extend_from_slice(fresh.get(answered..).unwrap_or_default());
                if answered == 0 {
                    return Poll::Ready(Ok(true));
                }
            } else {
                let mut waiting = std::mem::take(&mut self.waiting);
                let answered = self.answer(context, &waiting)?;
                waiting.advance(answered);
                self.waiting = waiting;
                if answered == 0 {
                    return Poll::Ready(Ok(true));
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

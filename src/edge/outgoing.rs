//! What the gate says by itself, as far as its client has not taken it. It must never know what that is.
//!
//! Invariant: bytes go out in the order in which they were given, and nothing is sent past what is kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::transport::Transport;

/// What the gate itself has to say, as far as it has not gone out.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    rest: Vec<u8>,
    sent: usize,
    /// The transport holds something back.
    unflushed: bool,
}

impl Outgoing {
    /// Whether everything went out.
    pub(super) fn is_empty(&self) -> bool {
        self.left() == 0 && !self.unflushed
    }

    /// Bytes that have not gone out.
    pub(super) fn left(&self) -> usize {
        self.rest.len() - self.sent
    }

    /// Sends at once what the client takes, and keeps what it does not. Behind what is kept already nothing is sent.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        mut transport: Pin<&mut Transport>,
        context: &mut Context<'_>,
    ) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        while self.is_empty() && !bytes.is_empty() {
            match transport.as_mut().poll_write(context, bytes)? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Poll::Pending => {
                    self.put(bytes);
                    return Ok(());
                }
            }
        }
        self.put(bytes);
        if self.left() == 0 {
            self.unflushed = transport.poll_flush(context)?.is_pending();
        }
        Ok(())
    }

    /// Has this go out last.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Goes on sending what was kept.
    pub(super) fn poll_send(
        &mut self,
        mut transport: Pin<&mut Transport>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(transport.as_mut().poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        ready!(transport.as_mut().poll_flush(context))?;
        *self = Self::default();
        Poll::Ready(Ok(()))
    }
}

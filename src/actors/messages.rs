//! What is sent to owners. A message carries its own reply channel, because a mailbox that is
//! asked for replies parks senders without limit and drops messages whose asker hung up (R16).

use actix::Message;
use tokio::sync::oneshot;

use super::audited::Deed;
use super::mailbox::Seat;
use crate::door::ServiceError;
use crate::engine::command::{Command, Decider, Reply};
use crate::session::time::Timestamp;

/// A command on its way to its decider.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Ask {
    pub(super) command: Command,
    pub(super) decider: Decider,
    /// When it was asked: a grant that got too old is not executed (R16).
    pub(super) asked_at: Timestamp,
    /// A grant's place in the mailbox, until it is taken out.
    pub(super) seat: Option<Seat>,
    pub(super) reply: oneshot::Sender<Result<Reply, ServiceError>>,
    /// What the audit stream is told of it.
    pub(super) deed: Option<Deed>,
}

impl Ask {
    /// Answers; if the asker hung up, the answer is dropped and the deed stays done, and is told of.
    pub(super) fn answer(self, answer: Result<Reply, ServiceError>) {
        if let Some(deed) = self.deed {
            deed.settle(&answer);
        }
        let _ = self.reply.send(answer);
    }
}

/// Commands one owner's mailbox holds; a full one is 503.
pub(super) const MAILBOX_MAX: usize = 4_096;
/// Grants among them: the rest is for what takes something away, which a flood of grants must not keep out.
pub(super) const GRANTS_MAX: usize = 3_072;
/// Records of one owner that may wait for the journal; beyond it grants are 503.
pub(super) const IN_FLIGHT_MAX: usize = 8_192;
/// Commands that may wait for one claim; beyond it 503. Source: R2.
pub(super) const CLAIM_QUEUE_MAX: usize = 64;
/// A grant older than this is not executed.
pub(super) const GRANT_AGE_MAX_MS: u64 = 1_000;

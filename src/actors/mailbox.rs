//! The way to an owner: its mailbox, a quarter of which is kept for what takes something away.
//!
//! Invariant: an owner that is flooded with grants still takes restrictions; nothing waits for a place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix::Addr;
use actix::prelude::SendError;

use super::messages::{Ask, GRANTS_MAX};
use super::owner::Owner;
use super::rooms::Room;
use crate::door::ServiceError;

/// An owner's mailbox, from outside.
pub(super) struct Mailbox<R: Room> {
    pub(super) address: Addr<Owner<R>>,
    /// Grants in it.
    grants: Arc<AtomicUsize>,
}

/// The place of a grant in a mailbox, free again when this is dropped.
pub(super) struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn take(grants: &Arc<AtomicUsize>) -> Option<Self> {
        let seat = Self(grants.clone());
        (grants.fetch_add(1, Ordering::Relaxed) < GRANTS_MAX).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<R: Room> Mailbox<R> {
    pub(super) fn of(address: Addr<Owner<R>>) -> Self {
        Self {
            address,
            grants: Arc::default(),
        }
    }

    /// Puts a question in. Errors: it is full, or its owner has stopped.
    pub(super) fn put(&self, mut ask: Ask) -> Result<(), ServiceError> {
        if !ask.command.is_restriction() {
            ask.seat = Seat::take(&self.grants);
            if ask.seat.is_none() {
                return Err(turned_away(ask, ServiceError::Overloaded));
            }
        }
        self.address.try_send(ask).map_err(|error| match error {
            SendError::Full(ask) => turned_away(ask, ServiceError::Overloaded),
            SendError::Closed(ask) => turned_away(ask, ServiceError::Unavailable),
        })
    }
}

/// Answers what no owner will answer.
fn turned_away(ask: Ask, error: ServiceError) -> ServiceError {
    ask.answer(Err(error));
    error
}

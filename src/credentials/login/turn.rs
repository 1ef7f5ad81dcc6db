//! Waiting for one's turn: a login whose name, address or node has as many others judged as may be.
//!
//! Whoever waits stands in the line of the count that is full. He gives up his turn when he has asked again or hangs up,
//! and then the next one is called. Invariant: no more wait on the node than its bound.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::futures::OwnedNotified;

use super::{Attempt, LoginDesk, LoginRefusal};
use crate::credentials::throttle::{Admission, Counts};
use crate::session::guessing::Counted;

/// Logins that may wait while others of the same name are judged.
const WAITING_MAX: usize = 1_024;

impl LoginDesk {
    /// Waits until an attempt may be judged.
    pub(super) async fn admit(&self, counts: Counts) -> Result<Attempt<'_>, LoginRefusal> {
        let mut place = None;
        let mut turn: Option<Turn<'_>> = None;
        loop {
            let next = {
                let (world, policy, now) = self.present();
                let mut judging = self.judging.lock();
                match judging.begin(world, policy, &counts, now) {
                    Admission::Now => return Ok(Attempt { desk: self, counts }),
                    Admission::After(retry_after_ms) => return Err(self.throttled(retry_after_ms)),
                    Admission::Soon(of) => {
                        if place.is_none() {
                            let taken = Place::take(&self.waiting);
                            place = Some(taken.ok_or(LoginRefusal::Overloaded)?);
                        }
                        // Enrolled before the lock is given up, so that no verdict in between goes unheard.
                        let called = judging.wait(of);
                        let desk = self;
                        Turn { desk, of, called }
                    }
                }
            };
            // The one before is given up only now: whoever it was for has asked.
            let turn = turn.insert(next);
            turn.called.as_mut().await;
        }
    }
}

/// Somebody's turn in the line of a count. When it is over, used or not, the next one is called.
struct Turn<'a> {
    desk: &'a LoginDesk,
    of: Counted,
    called: Pin<Box<OwnedNotified>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (world, policy, now) = self.desk.present();
        self.desk.judging.lock().leave(world, policy, self.of, now);
    }
}

/// A place among those who wait.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        (before < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

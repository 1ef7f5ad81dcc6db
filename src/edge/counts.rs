//! What happened at the edge, as numbers: clients can make it happen as often as they like, so it is counted, not logged.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts of one listener since its start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections now.
    pub(super) open: AtomicUsize,
    full: AtomicU64,
    crowded: AtomicU64,
    replaced: AtomicU64,
    slow: AtomicU64,
    malformed: AtomicU64,
    handshakes: AtomicU64,
}

/// One thing that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Turned away: there are as many connections as there may be, and none is idle.
    Full,
    /// Turned away: there are as many connections from this address as there may be.
    Crowded,
    /// An idle connection was closed for a new one.
    Replaced,
    /// Closed, because its client took too long.
    Slow,
    /// Closed, because what came was not framed as HTTP/1.1 is.
    Malformed,
    /// A handshake that failed, or took too long.
    Handshake,
}

impl Counts {
    pub(super) fn count(&self, event: Event) {
        let counter = match event {
            Event::Full => &self.full,
            Event::Crowded => &self.crowded,
            Event::Replaced => &self.replaced,
            Event::Slow => &self.slow,
            Event::Malformed => &self.malformed,
            Event::Handshake => &self.handshakes,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The rest, each with its name and what it counts.
    #[must_use]
    pub fn totals(&self) -> [(&'static str, &'static str, u64); 6] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "sessile_connections_full",
                "Connections turned away at the bound on connections",
                of(&self.full),
            ),
            (
                "sessile_connections_crowded",
                "Connections turned away at the bound on connections of one address",
                of(&self.crowded),
            ),
            (
                "sessile_connections_replaced",
                "Idle connections closed for new ones",
                of(&self.replaced),
            ),
            (
                "sessile_connections_slow",
                "Connections closed because their client took too long",
                of(&self.slow),
            ),
            (
                "sessile_connections_malformed",
                "Connections closed because of their framing",
                of(&self.malformed),
            ),
            (
                "sessile_connections_handshakes_failed",
                "TLS handshakes that failed or took too long",
                of(&self.handshakes),
            ),
        ]
    }
}
